//! The programs of tests: built from a copy, run with one mutation on.
//!
//! Place: `trial` says which and in what order. Rules: a program's tests run one after the
//! other, so that if the program crashes, the last test named is to blame. A test that hangs is
//! tried twice, since the machine may have been busy once.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::tree::Tree;
use crate::lines::{self, End};

/// How long a build may say nothing.
const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// A test hangs only after this much silence, however quick it is otherwise, ...
const SILENCE_MIN: Duration = Duration::from_secs(20);

/// ... and only after this many times the time that it takes with nothing broken.
const SILENCE_TIMES: u32 = 20;

/// The environment of the tests: enough random runs to find a broken rule, and no files kept of
/// failures.
const ENV: [(&str, &str); 4] = [
    ("SIM_OPS", "10000"),
    ("SIM_RUNS", "20000"),
    ("PROPTEST_MAX_SHRINK_ITERS", "0"),
    ("PROPTEST_FAILURE_PERSISTENCE", "off"),
];

/// Tests left out, by parts of their names: they go through all runs or all crashes.
const LEFT_OUT: [&str; 2] = ["every_order_of_completion", "no_promise_is_broken"];

/// A program of tests.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// Package and file, as nextest has it: `dm-mirror::ranges`, or `bio` for its unit tests.
    pub(super) id: String,
    /// Its package.
    pub(super) package: String,
    path: PathBuf,
    /// Its package's folder, where cargo runs it.
    folder: PathBuf,
}

/// What came of a build.
pub(super) enum Built {
    /// All programs, in no order.
    Programs(Vec<Program>),
    /// The compiler's errors.
    Refused(Vec<Refusal>),
}

/// An error of the compiler.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Its first line.
    pub(super) what: String,
    /// The places that it is about, the main place first: file and byte.
    pub(super) places: Vec<(String, usize)>,
}

/// Which tests are built.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    /// All.
    All,
    /// The tests of these packages.
    Of(&'a [&'a str]),
    /// The tests of the program with this id.
    Program(&'a str),
}

/// Builds tests of `tree`.
pub(super) fn build(tree: &Tree, which: Which<'_>) -> Result<Built> {
    let mut cargo = tree.build_tests();
    match which {
        Which::All => cargo.args(["--workspace", "--lib", "--tests"]),
        Which::Of(packages) => {
            cargo.args(["--lib", "--tests"]);
            cargo.args(packages.iter().flat_map(|package| ["--package", package]))
        }
        Which::Program(id) => match id.split_once("::") {
            None => cargo.args(["--package", id, "--lib"]),
            Some((package, file)) => cargo.args(["--package", package, "--test", file]),
        },
    };
    let (mut programs, mut refusals, mut said) = (Vec::new(), Vec::new(), Vec::new());
    let end = lines::run(&cargo, BUILD_LIMIT, |line| match serde_json::from_str(line) {
        Ok(message) => {
            programs.extend(program(&message));
            refusals.extend(refusal(&message));
        }
        Err(_) => said.push(line.to_owned()),
    })?;
    match end {
        End::Well => Ok(Built::Programs(programs)),
        End::Badly if !refusals.is_empty() => Ok(Built::Refused(refusals)),
        End::Badly => bail!("cargo failed:\n{}", said.join("\n")),
        End::Killed(lost) => bail!("building: {lost}"),
    }
}

/// The program of tests in a message of cargo.
fn program(message: &Value) -> Option<Program> {
    let path = message["executable"].as_str()?.into();
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let folder = manifest.parent()?.to_owned();
    // `path+file:///.../kernel/bio#0.1.0`, with the name between if the folder has another.
    let package = match message["package_id"].as_str()?.rsplit_once('#')?.1.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => folder.file_name()?.to_str()?.to_owned(),
    };
    let target = &message["target"];
    let id = match target["kind"][0].as_str()? {
        "test" => format!("{package}::{}", target["name"].as_str()?),
        _ => package.clone(),
    };
    Some(Program { id, package, path, folder })
}

/// The error in a message of cargo.
fn refusal(message: &Value) -> Option<Refusal> {
    let message = &message["message"];
    let spans = message["spans"].as_array()?;
    if message["level"] != "error" || spans.is_empty() {
        return None;
    }
    let what = message["message"].as_str()?.lines().next().unwrap_or_default().to_owned();
    let (main, others): (Vec<_>, Vec<_>) =
        spans.iter().partition(|span| span["is_primary"] == true);
    let mut places = Vec::new();
    for mut span in main.into_iter().chain(others) {
        // In a macro: first the place in the macro, then the place of the call.
        while let (Some(file), Some(byte)) =
            (span["file_name"].as_str(), span["byte_start"].as_u64())
        {
            places.push((file.to_owned(), usize::try_from(byte).ok()?));
            span = &span["expansion"]["span"];
        }
    }
    Some(Refusal { what, places })
}

/// How a run of tests ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// All passed.
    Well,
    /// None has this name.
    Nothing,
    /// The first one that failed.
    Failed(String),
    /// The one that did not end.
    Hung(String),
}

/// How long tests take with nothing broken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// All of them.
    pub(super) whole: Duration,
    /// The longest time without output.
    silence: Duration,
}

impl Program {
    /// Runs it with `mutation` on, up to the first test that fails; only `test`, or all. A test
    /// that hangs has hung twice.
    pub(super) fn run(&self, mutation: usize, test: Option<&str>, pace: Pace) -> Result<Ran> {
        let silence = SILENCE_MIN.max(pace.silence * SILENCE_TIMES);
        match self.try_(mutation, test, silence)?.0 {
            Ran::Hung(_) => Ok(self.try_(mutation, test, silence)?.0),
            ran => Ok(ran),
        }
    }

    /// Runs it with nothing broken: every test passes, and `test`, if one is named, is there.
    pub(super) fn sound(&self, test: Option<&str>) -> Result<Option<Pace>> {
        match self.try_(0, test, BUILD_LIMIT)? {
            (Ran::Well, pace) => Ok(Some(pace)),
            (Ran::Nothing, _) => Ok(None),
            (Ran::Failed(test) | Ran::Hung(test), _) => {
                bail!("with nothing broken, `{}: {test}` fails", self.id)
            }
        }
    }

    fn try_(&self, mutation: usize, test: Option<&str>, silence: Duration) -> Result<(Ran, Pace)> {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command.env("MUTANT", mutation.to_string()).envs(ENV);
        command.arg("--test-threads=1");
        match test {
            Some(test) => command.args(["--exact", test]),
            None => command.args(LEFT_OUT.iter().flat_map(|test| ["--skip", test])),
        };
        let (began, mut heard) = (Instant::now(), Instant::now());
        let (mut failed, mut passed, mut pace) = (None, 0, Pace::default());
        let end = lines::until(&command, silence, |line| {
            pace.silence = pace.silence.max(heard.elapsed());
            heard = Instant::now();
            passed += usize::from(line.starts_with("test ") && line.ends_with("... ok"));
            failed = not_passed(line);
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        pace.whole = began.elapsed();
        let ran = match (end, failed) {
            (Some(End::Well), _) if passed == 0 && test.is_some() => Ran::Nothing,
            (Some(End::Well), _) => Ran::Well,
            (Some(End::Killed(_)), Some(test)) => Ran::Hung(test),
            (_, Some(test)) => Ran::Failed(test),
            (end, None) => bail!("{} ended badly without naming a test: {end:?}", self.id),
        };
        Ok((ran, pace))
    }
}

/// The test that `line` says did not pass, in libtest's words. A test that never ended has no
/// outcome.
fn not_passed(line: &str) -> Option<String> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ...")?;
    let outcome = outcome.trim();
    let passed = outcome == "ok" || outcome.starts_with("ignored");
    // A test that should panic has that behind its name.
    let name = name.split_once(" - should panic").map_or(name, |(name, _)| name);
    (!passed).then(|| name.to_owned())
}

impl Refusal {
    /// The error for a person.
    pub(super) fn shown(&self) -> String {
        let place = self.places.first().map(|(file, _)| format!(" ({file})"));
        format!("{}{}", self.what, place.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_test_that_failed_or_never_ended_did_not_pass() {
        let name = Some("a::b".to_owned());
        assert_eq!(not_passed("test a::b ... FAILED"), name);
        assert_eq!(not_passed("test a::b - should panic ... FAILED"), name);
        assert_eq!(not_passed("test a::b ..."), name);
        assert_eq!(not_passed("test a::b ... thread 'a::b' has overflowed its stack"), name);
        for line in ["test a::b ... ok", "test a::b ... ignored", "test a ... ignored, why"] {
            assert_eq!(not_passed(line), None, "{line}");
        }
        assert_eq!(not_passed("test result: FAILED. 1 passed"), None);
    }

    #[test]
    fn a_program_is_named_as_nextest_names_it() {
        let message = |id: &str, kind: &str| {
            let target = json!({ "name": "ranges", "kind": [kind] });
            program(&json!({
                "executable": "/x", "manifest_path": "/w/dm-mirror/Cargo.toml",
                "package_id": id, "target": target,
            }))
        };
        let (same, other) = ("path+file:///w/dm-mirror#0.1.0", "path+file:///w/m#mirror@0.1.0");
        assert_eq!(message(same, "test").unwrap().id, "dm-mirror::ranges");
        assert_eq!(message(same, "lib").unwrap().id, "dm-mirror");
        assert_eq!(message(other, "test").unwrap().package, "mirror");
        assert!(program(&json!({ "executable": null })).is_none());
    }

    #[test]
    fn an_error_has_its_places_the_main_one_first() {
        let span = |byte: u64, main: bool| {
            let file = "a.rs";
            json!({ "file_name": file, "byte_start": byte, "is_primary": main })
        };
        let spans = [span(3, false), span(9, true)];
        let error = |level: &str| {
            json!({ "message": {
                "level": level, "message": "mismatched types\nmore", "spans": spans.clone(),
            }})
        };
        let found = refusal(&error("error")).unwrap();
        assert_eq!(found.shown(), "mismatched types (a.rs)");
        assert_eq!(found.places, [("a.rs".to_owned(), 9), ("a.rs".to_owned(), 3)]);
        assert!(refusal(&error("warning")).is_none());
    }
}
