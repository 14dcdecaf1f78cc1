//! Counting tests by what their runners print.
//!
//! Pure: lines in, numbers out. It knows cargo test, nextest and the kernel's own self-tests.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed, failed, were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that held.
    pub(crate) passed: u32,
    /// Tests that did not hold.
    pub(crate) failed: u32,
    /// Tests that exist and were not run.
    pub(crate) skipped: u32,
}

impl Tally {
    /// One check that held or not.
    pub(crate) fn of(held: bool) -> Self {
        Self { passed: u32::from(held), failed: u32::from(!held), skipped: 0 }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// What a closing line of cargo test counts, one for each test program:
/// `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
pub(crate) fn cargo_test_line(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?;
    let (passed, failed) = (count(counts, "passed")?, count(counts, "failed")?);
    Some(Tally { passed, failed, skipped: count(counts, "ignored")? })
}

/// What nextest's closing line counts:
/// `Summary [ 0.1s] 3 tests run: 2 passed, 1 failed, 0 skipped`.
pub(crate) fn nextest_line(line: &str) -> Option<Tally> {
    let counts = line.trim_start().strip_prefix("Summary ")?;
    let run = count(counts, "tests run").or_else(|| count(counts, "test run"))?;
    let passed = count(counts, "passed").unwrap_or(0);
    // A test that ran and did not pass has failed, whatever nextest calls it (timed out, ...).
    let skipped = count(counts, "skipped").unwrap_or(0);
    Some(Tally { passed, failed: run.saturating_sub(passed), skipped })
}

/// Whether `line` only says that a test passed, in any runner's words.
pub(crate) fn is_pass(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("PASS [") || (line.starts_with("test ") && line.ends_with("... ok"))
}

/// Whether `line` only says that a test failed, in any runner's words.
pub(crate) fn is_failure(line: &str) -> bool {
    let line = line.trim();
    let by_nextest = ["FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV ["];
    by_nextest.iter().any(|word| line.starts_with(word))
        || (line.starts_with("test ") && line.contains(" ... FAILED"))
}

/// The number before `word`.
fn count(text: &str, word: &str) -> Option<u32> {
    let before = &text[..text.find(&format!(" {word}"))?];
    before.rsplit(' ').next()?.parse().ok()
}

/// How one of the kernel's self-tests ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// `test NAME ... ok`
    Passed,
    /// `test NAME ... FAILED (why)`
    Failed,
    /// The line has no end: the kernel went down in it.
    Unfinished,
}

/// A self-test's name and outcome, if `line` is about one. A test that logs
/// while it runs has its outcome at the end of a later line; `within` is the
/// name of the test that began before this line and has not ended.
pub(crate) fn kernel_line<'a>(
    line: &'a str,
    within: Option<&'a str>,
) -> Option<(&'a str, Outcome)> {
    let (name, rest) = match line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
        Some((name, rest)) => (name, rest),
        None => (within?, line),
    };
    let outcome = if rest.trim_end() == "ok" {
        Outcome::Passed
    } else if rest.starts_with("FAILED") {
        Outcome::Failed
    } else {
        Outcome::Unfinished
    };
    Some((name, outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_tests_closing_line() {
        let line =
            "test result: FAILED. 19 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(cargo_test_line(line), Some(Tally { passed: 19, failed: 2, skipped: 1 }));
    }

    #[test]
    fn nextests_closing_line_counts_all_that_did_not_pass_as_failed() {
        let line =
            "  Summary [ 0.4s] 19 tests run: 16 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(nextest_line(line), Some(Tally { passed: 16, failed: 3, skipped: 4 }));
        let one = "  Summary [ 0.4s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(nextest_line(one), Some(Tally { passed: 1, failed: 0, skipped: 0 }));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["test a::b ... ok", "running 3 tests", "Summary of it all", ""] {
            assert_eq!((cargo_test_line(line), nextest_line(line)), (None, None), "{line}");
        }
    }

    #[test]
    fn only_passes_are_passes() {
        assert!(is_pass("        PASS [   0.033s] (348/397) xtask::bin/xtask a::b"));
        assert!(is_pass("test a::b ... ok"));
        assert!(!is_pass("test a::b ... FAILED"));
        assert!(!is_pass("        FAIL [   0.295s] ( 28/397) dm::dm a::b"));
    }

    #[test]
    fn failures_are_told_from_what_is_logged() {
        assert!(is_failure("        FAIL [   0.295s] ( 28/397) dm::dm a::b"));
        assert!(is_failure("     TIMEOUT [  60.0s] ( 28/397) dm::dm a::b"));
        assert!(is_failure("test a::b ... FAILED (b is 3, line 7)"));
        assert!(!is_failure("test a::b ... ok"));
        assert!(!is_failure("        PASS [   0.033s] (348/397) xtask::bin/xtask a::b"));
        assert!(!is_failure("m0: a leg FAILED") && !is_failure("test a::b ... a line"));
    }

    #[test]
    fn kernel_lines_tell_how_a_test_ended() {
        assert_eq!(kernel_line("test mm::heap ... ok", None), Some(("mm::heap", Outcome::Passed)));
        let failed = kernel_line("test a ... FAILED (b is 3, line 7)", None);
        assert_eq!(failed, Some(("a", Outcome::Failed)));
        assert_eq!(kernel_line("test a ... ", None), Some(("a", Outcome::Unfinished)));
        assert_eq!(kernel_line("memory: 512 MiB", None), None);
    }

    #[test]
    fn an_outcome_after_the_tests_own_output_belongs_to_it() {
        assert_eq!(kernel_line("ok", Some("a")), Some(("a", Outcome::Passed)));
        assert_eq!(kernel_line("a log line", Some("a")), Some(("a", Outcome::Unfinished)));
    }
}
