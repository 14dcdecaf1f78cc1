//! The suites that cargo runs on the host: format, lints, tests, doc tests.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};

use super::Options;
use super::report::Report;
use super::tally::{Tally, cargo_test_line, nextest_line};
use crate::lines::{self, End};
use crate::{build, workspace};

/// Every source file is formatted.
pub(super) fn fmt(options: &Options, report: &mut Report) -> Result<Tally> {
    let mut tally = Tally::default();
    let fuzz = ["dm-mirror/fuzz", "drivers/fuzz"].map(|fuzz| Some(workspace::root().join(fuzz)));
    for package in [None, Some(build::mkimage())].into_iter().chain(fuzz) {
        let mut cargo = workspace::cargo();
        cargo.args(["fmt", "--all", "--check"]);
        if let Some(folder) = package {
            cargo.arg("--manifest-path").arg(folder.join("Cargo.toml"));
        }
        tally += Tally::of(run(&cargo, options.silence(), report, |_| ())?);
    }
    Ok(tally)
}

/// No lint complains, neither about the host's crates nor about the kernel.
pub(super) fn clippy(options: &Options, report: &mut Report) -> Result<Tally> {
    let mut host = workspace::cargo();
    host.args(["clippy", "--all-targets", "--", "-D", "warnings"]);
    let mut tally = Tally::of(run(&host, options.silence(), report, |_| ())?);
    let kernel = build::clippy(&options.build)?;
    tally += Tally::of(run(&kernel, options.silence(), report, |_| ())?);
    Ok(tally)
}

/// The host's tests that `--quick` leaves out, by parts of their names: every crash, every
/// order, and tests that need programs which a machine may lack.
const LONG: &[&str] =
    &["no_promise_is_broken", "every_order_of_completion", "an_image_gives_the_tree_back"];

/// The runs that `--quick` gives to random tests: a tenth of the usual number.
const SHARE: &[(&str, &str)] = &[("SIM_OPS", "3000"), ("SIM_RUNS", "20000")];

/// The host's tests, by nextest where it is installed.
pub(super) fn host(options: &Options, report: &mut Report) -> Result<Tally> {
    let mut cargo = workspace::cargo();
    let left_out = if options.quick { LONG } else { &[] };
    if options.quick {
        cargo.envs(SHARE.iter().copied());
    }
    if has_nextest() {
        // It is no failure if a filter matches none of these tests: `main` checks that
        // something was tested.
        cargo.args(["nextest", "run", "--no-fail-fast", "--no-tests=pass"]).args(&options.filter);
        if !left_out.is_empty() {
            cargo.arg("-E").arg(format!("not (test({}))", left_out.join(") or test(")));
        }
        return tests(&cargo, nextest_line, options.silence(), report);
    }
    cargo.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests"]).args(&options.filter);
    cargo.arg("--").args(left_out.iter().flat_map(|test| ["--skip", test]));
    tests(&cargo, cargo_test_line, options.silence(), report)
}

/// The examples in the documentation; nextest cannot run these.
pub(super) fn doc(options: &Options, report: &mut Report) -> Result<Tally> {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-fail-fast", "--doc"]);
    tests(&cargo, cargo_test_line, options.silence(), report)
}

fn has_nextest() -> bool {
    let mut cargo = workspace::cargo();
    cargo.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    cargo.status().is_ok_and(|status| status.success())
}

/// Runs tests and adds up what `closing_line` reads from their output. A program that does not
/// compile, or dies before it can count, is one failure.
fn tests(
    command: &Command,
    closing_line: fn(&str) -> Option<Tally>,
    silence: Duration,
    report: &mut Report,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let ended_well = run(command, silence, report, |line| {
        if let Some(more) = closing_line(line) {
            tally += more;
        }
    })?;
    if !ended_well && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Runs `command`, which may be silent only so long; true if it ended well. Each line of its
/// output goes to `report` and to `line`.
fn run(
    command: &Command,
    silence: Duration,
    report: &mut Report,
    mut line: impl FnMut(&str),
) -> Result<bool> {
    report.line(&format!("$ {}", workspace::shown(command)));
    let end = lines::run(command, silence, |text| {
        report.line(text);
        line(text);
    })?;
    match end {
        End::Well => Ok(true),
        End::Badly => Ok(false),
        End::Killed(lost) => bail!("{lost}, killed"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Whether a source below `folder` has this text.
    fn is_below(folder: &Path, text: &str) -> bool {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
            match path.is_dir() {
                true => is_below(&path, text),
                false => fs::read_to_string(&path).is_ok_and(|source| source.contains(text)),
            }
        })
    }

    #[test]
    fn what_is_left_out_of_the_quick_tests_is_there() {
        for name in LONG {
            let test = format!("fn {name}");
            let found = ["dm-mirror/tests", "xtask/src/demo"]
                .into_iter()
                .any(|folder| is_below(&workspace::root().join(folder), &test));
            assert!(found, "no test `{name}`");
        }
    }
}
