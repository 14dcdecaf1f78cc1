//! The labs: each takes out what its tests are about, and the rest compiles.
//!
//! Two tests for each lab: a copy without the pieces compiles and fails its check at a missing
//! piece; a copy with them passes. If a lab takes nothing out, the copy gets the kept solution.
//! The copies use one folder in turn, so that their common parts are built once. A last test:
//! the mutations for readers' own tests can be built.
//!
//! Together with other suites it tries less: `host` says whether the originals pass. So only
//! labs with a kept solution are solved, and readers' tests are left out.

use anyhow::{Result, ensure};

use super::Options;
use super::report::Report;
use super::tally::Tally;
use crate::lab::{self, LABS, Lab, Test};
use crate::workspace;

const WITHOUT: &str = "without its pieces it fails";

/// The tests of each lab, with their names; all labs without their pieces come first.
const TRIED: [(&str, Test); 2] =
    [(WITHOUT, lab::fails_unsolved), ("solved it passes", lab::passes_solved)];

/// Tries each lab.
pub(super) fn tried(options: &Options, report: &mut Report) -> Result<Tally> {
    let (mut tally, folder) = (Tally::default(), workspace::labs().join("suite"));
    let alone = !options.suites.is_empty();
    for (what, test) in TRIED {
        let copies = |lab: &&Lab| alone || what == WITHOUT || lab.solution.is_some();
        for lab in LABS.into_iter().filter(copies) {
            let log = report.folder().join(format!("{}.log", lab.folder()));
            let ended = test(lab, &folder, &log, &mut |line| report.line(line));
            tally += told(&format!("lab {}: {what}", lab.number), ended, report);
        }
    }
    if !alone {
        return Ok(tally);
    }
    let ended = lab::ways_are_tried().and_then(|(noticed, of)| {
        report.line(&format!("the example notices {noticed} of {of} ways to break the originals"));
        ensure!(noticed < of, "the example leaves nothing to the reader");
        Ok(())
    });
    tally += told("labs: a reader's own tests are tried", ended, report);
    Ok(tally)
}

/// Reports how a test ended.
fn told(test: &str, ended: Result<()>, report: &mut Report) -> Tally {
    let word = match &ended {
        Ok(()) => "ok".to_owned(),
        Err(why) => format!("FAILED: {why:#}"),
    };
    report.line(&format!("test {test} ... {word}"));
    Tally::of(ended.is_ok())
}
