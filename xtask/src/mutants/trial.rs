//! One mutation on trial: does a test of the mirror fail?
//!
//! The tests by hand come first, being quick; the simulation only gets what they
//! let pass. A test that hangs has noticed too, so its time begins when everything
//! is built; a mutation that cannot be built is an error of the list.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::list::Mutant;
use super::tree::Tree;
use crate::lines::{self, End};

/// How long a build may take.
const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// Tests that run together.
struct Stage {
    /// Their files in dm-mirror/tests.
    targets: &'static [&'static str],
    /// What they are told by their environment.
    env: &'static [(&'static str, &'static str)],
    /// Tests left out.
    skip: &'static [&'static str],
    /// How long they may take: ten times what they do where nothing is broken.
    limit: Duration,
}

/// The stages, the quickest first. Each builds its files anew for each mutation, so
/// they are several.
const STAGES: [Stage; 4] = [
    Stage {
        targets: &["assembly"],
        env: &[],
        skip: &["walk::", "hostile::"],
        limit: Duration::from_secs(60),
    },
    Stage {
        targets: &[
            "cost",
            "exchange",
            "intent",
            "lives_by_message",
            "lost_caches",
            "membership",
            "newcomers",
            "promotion",
            "readmission",
            "recovery",
            "replacement",
            "slots",
            "suspension",
        ],
        env: &[],
        skip: &[],
        limit: Duration::from_secs(60),
    },
    Stage {
        targets: &[
            "check",
            "errors",
            "halves",
            "odd_legs",
            "pace",
            "ranges",
            "reads",
            "repair",
            "resync",
            "retries",
            "sources",
            "starvation",
            "table",
            "under_dm",
            "writes",
        ],
        env: &[],
        skip: &[],
        limit: Duration::from_secs(60),
    },
    Stage {
        targets: &["allocations", "assembly", "exhaustive", "lives", "random"],
        env: &[("SIM_OPS", "10000"), ("SIM_RUNS", "20000")],
        // These go through all runs, however many.
        skip: &["every_order_of_completion"],
        limit: Duration::from_secs(200),
    },
];

/// What came of a mutation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// These tests failed or hung; never none.
    Caught(Vec<String>),
    /// Every test passed: a promise has no test.
    Survived,
    /// It does not compile; the compiler's first error.
    NotRust(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Caught(tests) => match &tests[..] {
                [] => unreachable!("a test has caught it"),
                [test] => write!(f, "`{test}`"),
                [test, more @ ..] => write!(f, "`{test}` and {} more", more.len()),
            },
            Verdict::Survived => f.write_str("NOTHING: all tests passed"),
            Verdict::NotRust(error) => write!(f, "THE COMPILER: {error}"),
        }
    }
}

/// Makes sure that the copy passes as it is.
pub(super) fn unbroken(tree: &Tree) -> Result<()> {
    let verdict = verdict(tree)?;
    ensure!(verdict == Verdict::Survived, "the unbroken mirror fails: {verdict}");
    Ok(())
}

/// Breaks the copy, tests it, and mends it.
pub(super) fn of(tree: &Tree, mutant: &Mutant) -> Result<Verdict> {
    tree.apply(mutant)?;
    let verdict = verdict(tree);
    tree.restore()?;
    verdict
}

fn verdict(tree: &Tree) -> Result<Verdict> {
    for stage in &STAGES {
        if let Some(error) = compile(tree, stage)? {
            return Ok(Verdict::NotRust(error));
        }
        if let Some(tests) = failing(tree, stage)? {
            return Ok(Verdict::Caught(tests));
        }
    }
    Ok(Verdict::Survived)
}

/// Builds the tests of `stage`; the first error, if there is one.
fn compile(tree: &Tree, stage: &Stage) -> Result<Option<String>> {
    let mut cargo = tree.cargo_test(stage.targets);
    cargo.args(["--quiet", "--no-run"]);
    let mut error = None;
    let end = lines::run(&cargo, BUILD_LIMIT, |line| {
        if error.is_none() && line.starts_with("error") {
            error = Some(line.to_owned());
        }
    })?;
    Ok(match end {
        End::Well => None,
        End::Killed(lost) => bail!("building: {lost}"),
        End::Badly => Some(error.unwrap_or_else(|| "no reason given".to_owned())),
    })
}

/// Runs the tests of `stage`, one after the other, so that the last one named is
/// the one that took the program down with it. `None` if all passed.
fn failing(tree: &Tree, stage: &Stage) -> Result<Option<Vec<String>>> {
    let mut cargo = tree.cargo_test(stage.targets);
    cargo.args(["--no-fail-fast", "--", "--test-threads=1"]);
    cargo.args(stage.skip.iter().flat_map(|test| ["--skip", test]));
    cargo.envs(stage.env.iter().copied());
    let (mut tests, mut target) = (Vec::new(), String::new());
    let end = lines::run(&cargo, stage.limit, |line| match (running(line), not_passed(line)) {
        (Some(file), _) => target = file.to_owned(),
        (_, Some(test)) => tests.push(format!("{target}: {test}")),
        _ => {}
    })?;
    if matches!(end, End::Killed(_))
        && let Some(last) = tests.last_mut()
    {
        last.push_str(" (hung)");
    }
    ensure!(end == End::Well || !tests.is_empty(), "the tests failed without naming one");
    Ok((end != End::Well).then_some(tests))
}

/// The file of tests that `line` says is running now, in cargo test's words.
fn running(line: &str) -> Option<&str> {
    let file = line.trim_start().strip_prefix("Running tests/")?;
    Some(file.split_once(".rs")?.0)
}

/// The test that `line` says did not pass, in cargo test's words. A test that
/// never ended has no outcome.
fn not_passed(line: &str) -> Option<String> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ...")?;
    let passed = matches!(outcome.trim(), "ok" | "ignored");
    (!passed).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Verdict, not_passed, running};

    #[test]
    fn a_test_that_failed_or_never_ended_did_not_pass() {
        let name = Some("a::b".to_owned());
        assert_eq!(not_passed("test a::b ... FAILED"), name);
        assert_eq!(not_passed("test a::b ..."), name);
        assert_eq!(not_passed("test a::b ... thread 'a::b' has overflowed its stack"), name);
        for line in ["test a::b ... ok", "test a::b ... ignored", "test result: FAILED. 1 passed"] {
            assert_eq!(not_passed(line), None, "{line}");
        }
    }

    #[test]
    fn a_test_is_named_with_its_file() {
        assert_eq!(running("     Running tests/cost.rs (target/debug/deps/cost-1)"), Some("cost"));
        assert_eq!(running("   Compiling dm-mirror v0.1.0"), None);
    }

    #[test]
    fn a_verdict_names_a_test_and_counts_the_rest() {
        let names = |count: usize| Verdict::Caught(vec!["a".to_owned(); count]).to_string();
        assert_eq!((names(1), names(4)), ("`a`".to_owned(), "`a` and 3 more".to_owned()));
    }
}
