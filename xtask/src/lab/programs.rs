//! Programs of the mirror's tests: builds them in the lab's folder, and runs them.
//!
//! Place: `check` says which, and tells the person. Rules: it builds what `cargo test` builds
//! in the same folder, so that a reader who runs a single test need not wait. A test that does
//! not end has failed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::table::{Program, SIM_OPS};
use crate::lines::{self, End};
use crate::workspace;

/// The package, and its folder.
const PACKAGE: &str = "dm-mirror";

/// How long a build may say nothing.
const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// How long a test may take: most take some milliseconds, ...
const TEST_LIMIT: Duration = Duration::from_secs(120);

/// ... the simulator's tests take some seconds, and minutes if they fail.
const SLOW_TEST_LIMIT: Duration = Duration::from_secs(900);

/// Where programs are built, and where all their output is kept.
pub(super) struct Bench {
    /// The workspace.
    pub(super) root: PathBuf,
    log: File,
}

/// The result of a build.
pub(super) enum Built {
    /// The programs, by their files; `None` are the unit tests.
    Programs(Vec<(Option<String>, PathBuf)>),
    /// The compiler's first error, line by line.
    Refused(Vec<String>),
}

/// The result of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// All tests passed; how many.
    Well(u32),
    /// A test failed.
    Failed(Failure),
}

/// The first test that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Its name in its program.
    pub(super) test: String,
    /// Its output; nothing if it did not end.
    pub(super) said: Vec<String>,
    /// It did not end.
    pub(super) hung: bool,
}

impl Bench {
    /// The workspace in this folder. All output goes to the file `log` too.
    pub(super) fn at(root: &Path, log: &Path) -> Result<Bench> {
        Ok(Bench { root: root.to_owned(), log: workspace::fresh_log(log)? })
    }

    /// Builds some of the mirror's programs of tests.
    pub(super) fn build(&mut self, programs: &[&Program]) -> Result<Built> {
        let mut cargo = workspace::cargo();
        cargo.current_dir(&self.root).args(["test", "--no-run"]);
        if programs.iter().any(|it| it.file.is_none()) {
            cargo.arg("--lib");
        }
        let mut files: Vec<&str> = programs.iter().filter_map(|it| it.file).collect();
        files.sort_unstable();
        files.dedup();
        cargo.args(files.iter().flat_map(|file| ["--test", file]));
        cargo.arg("--message-format=json-render-diagnostics");
        self.as_usual(&mut cargo);
        let (mut built, mut said) = (Vec::new(), Vec::new());
        let end = lines::run(&cargo, BUILD_LIMIT, |line| match serde_json::from_str(line) {
            Ok(message) => built.extend(program(&message)),
            Err(_) => {
                // If the log cannot be written, only a person who looks for it will miss it.
                let _ = writeln!(self.log, "{line}");
                said.push(line.to_owned());
            }
        })?;
        Ok(match end {
            End::Well => Built::Programs(built),
            End::Badly => Built::Refused(first_error(&said)),
            End::Killed(lost) => Built::Refused(vec![format!("the build did not end: {lost}")]),
        })
    }

    /// Runs the tests of a program that was built, one after the other.
    pub(super) fn run(&mut self, which: &Program, program: &Path) -> Result<Ran> {
        let (said, end) = self.run_with(which, program, which.only)?;
        let mut ran = told(&said, end);
        if let Ran::Failed(failure) = &mut ran
            && failure.said.is_empty()
            && !failure.hung
        {
            // It panicked during a panic, so libtest did not print its kept output.
            let (said, _) =
                self.run_with(which, program, &["--exact", "--nocapture", &failure.test])?;
            failure.said = said.into_iter().filter(|line| !line.trim().is_empty()).collect();
        }
        Ok(ran)
    }

    /// Runs a program with these arguments: what it said, and how it ended.
    fn run_with(
        &mut self,
        which: &Program,
        program: &Path,
        args: &[&str],
    ) -> Result<(Vec<String>, End)> {
        let mut command = Command::new(program);
        let folder = self.root.join(PACKAGE);
        command.current_dir(&folder).env("CARGO_MANIFEST_DIR", &folder);
        command.arg("--test-threads=1").args(args);
        command.env("SIM_OPS", SIM_OPS.to_string()).env("PROPTEST_FAILURE_PERSISTENCE", "off");
        // A backtrace would push the test's output out of sight.
        command.env("RUST_BACKTRACE", "0");
        let limit = if which.is_slow { SLOW_TEST_LIMIT } else { TEST_LIMIT };
        let mut said = Vec::new();
        let end = lines::run(&command, limit, |line| {
            let _ = writeln!(self.log, "{line}");
            said.push(line.to_owned());
        })?;
        Ok((said, end))
    }

    /// Builds what a person builds there. In a copy: the mirror's tests alone, in the copy's
    /// own target folder, whatever the person's shell says. In our workspace: what the suite
    /// `host` has built already, for all packages together.
    fn as_usual(&self, cargo: &mut Command) {
        if self.root != workspace::root() {
            cargo.args(["--package", PACKAGE]);
            cargo.env("CARGO_TARGET_DIR", self.root.join("target"));
        }
    }
}

/// The program in a message of cargo.
fn program(message: &Value) -> Option<(Option<String>, PathBuf)> {
    let path = message["executable"].as_str()?.into();
    let manifest = Path::new(message["manifest_path"].as_str()?);
    if !manifest.parent()?.ends_with(PACKAGE) {
        return None;
    }
    let target = &message["target"];
    let name = target["name"].as_str()?.to_owned();
    Some(((target["kind"][0] == "test").then_some(name), path))
}

/// The compiler's first error, or all that was said if there is none.
fn first_error(said: &[String]) -> Vec<String> {
    let Some(begin) = said.iter().position(|line| line.starts_with("error")) else {
        return said.to_vec();
    };
    let rest = &said[begin..];
    let end = rest.iter().position(|line| line.trim().is_empty()).unwrap_or(rest.len());
    rest[..end].to_vec()
}

/// The result of a program, from its lines and its end.
fn told(said: &[String], end: End) -> Ran {
    let outcome = |line: &str| -> Option<(String, String)> {
        let (name, outcome) = line.strip_prefix("test ")?.split_once(" ...")?;
        let name = name.split_once(" - should panic").map_or(name, |(name, _)| name);
        Some((name.to_owned(), outcome.trim().to_owned()))
    };
    let passed = |outcome: &str| outcome == "ok" || outcome.starts_with("ignored");
    let tests: Vec<_> = said.iter().filter_map(|line| outcome(line)).collect();
    match tests.iter().find(|(_, outcome)| !passed(outcome)) {
        Some((test, _)) => {
            let hung = matches!(end, End::Killed(_));
            Ran::Failed(Failure { test: test.clone(), said: words_of(said, test), hung })
        }
        None if end == End::Well => {
            Ran::Well(tests.iter().filter(|(_, outcome)| outcome == "ok").count() as u32)
        }
        // It ended without a word about a test.
        None => {
            let last = said.len().saturating_sub(20);
            Ran::Failed(Failure { test: String::new(), said: said[last..].to_vec(), hung: false })
        }
    }
}

/// What a test said, as libtest shows it at the end.
fn words_of(said: &[String], test: &str) -> Vec<String> {
    let head = format!("---- {test} stdout ----");
    let own = said.iter().skip_while(|line| **line != head).skip(1);
    let own = own.take_while(|line| !line.starts_with("---- ") && *line != "failures:");
    let is_noise = |line: &str| line.starts_with("note: run with `RUST_BACKTRACE");
    let mut words: Vec<String> = own.filter(|line| !is_noise(line)).cloned().collect();
    while words.last().is_some_and(|line| line.trim().is_empty()) {
        words.pop();
    }
    words.into_iter().skip_while(|line| line.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_first_test_that_failed_is_told_with_its_words() {
        let said = lines(
            "\nrunning 3 tests\ntest a ... ok\ntest b - should panic ... FAILED\ntest c ... \
             FAILED\n\nfailures:\n\n---- b stdout ----\n\nthread 'b' panicked at x.rs:1:\nno\n\
             note: run with `RUST_BACKTRACE=1`\n\n---- c stdout ----\nother\n\nfailures:\n    b\n",
        );
        let words = lines("thread 'b' panicked at x.rs:1:\nno");
        let failure = Failure { test: "b".into(), said: words, hung: false };
        assert_eq!(told(&said, End::Badly), Ran::Failed(failure));
    }

    #[test]
    fn a_program_is_the_mirrors_and_has_its_files_name() {
        let of = |folder: &str, kind: &str| {
            program(&serde_json::json!({
                "executable": "/x", "manifest_path": format!("/w/{folder}/Cargo.toml"),
                "target": { "name": "reads", "kind": [kind] },
            }))
        };
        assert_eq!(of(PACKAGE, "test"), Some((Some("reads".into()), "/x".into())));
        assert_eq!(of(PACKAGE, "lib"), Some((None, "/x".into())));
        assert_eq!(of("kernel/dm", "test"), None);
    }

    #[test]
    fn what_passes_is_counted_and_what_hangs_or_dies_has_failed() {
        let well = lines("test a ... ok\ntest b ... ignored\ntest c ... ok");
        assert_eq!(told(&well, End::Well), Ran::Well(2));
        let Ran::Failed(died) = told(&well, End::Badly) else { panic!("it died") };
        assert!(died.test.is_empty() && died.said.len() == 3);
        let lost = crate::patience::Lost::Silent(TEST_LIMIT);
        let Ran::Failed(hung) = told(&lines("test a ... "), End::Killed(lost)) else {
            panic!("it hung")
        };
        assert!(hung.hung && hung.test == "a");
    }

    #[test]
    fn of_the_compilers_words_the_first_error_is_told() {
        let said = lines("  Compiling x\nwarning: w\n\nerror[E1]: no\n --> a.rs:1\n\nerror: b\n");
        assert_eq!(first_error(&said), lines("error[E1]: no\n --> a.rs:1"));
    }
}
