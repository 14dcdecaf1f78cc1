//! The labs: each takes out what its tests are about, and what is left compiles.
//!
//! Two tests for each lab: a copy without the pieces compiles and fails its check at a piece
//! that is missing; and with them it passes. Where a lab takes nothing out, the copy gets the
//! solution that is kept for it. The copies are one folder in turn, so that what they have in
//! common is built once. A last test: what readers' own tests are tried with can be built.

use anyhow::{Result, ensure};

use super::Options;
use super::report::Report;
use super::tally::Tally;
use crate::lab::{self, LABS, Test};
use crate::workspace;

/// What is tried of each lab, with its words; all labs without their pieces first.
const TRIED: [(&str, Test); 2] = [
    ("without its pieces it fails", lab::fails_unsolved),
    ("solved it passes", lab::passes_solved),
];

/// Tries each lab.
pub(super) fn tried(_: &Options, report: &mut Report) -> Result<Tally> {
    let (mut tally, folder) = (Tally::default(), workspace::labs().join("suite"));
    for (what, test) in TRIED {
        for lab in LABS {
            let log = report.folder().join(format!("{}.log", lab.folder()));
            let ended = test(lab, &folder, &log, &mut |line| report.line(line));
            tally += told(&format!("lab {}: {what}", lab.number), ended, report);
        }
    }
    let ended = lab::ways_are_tried().and_then(|(noticed, of)| {
        report.line(&format!("the example notices {noticed} of {of} ways to break the originals"));
        ensure!(noticed < of, "the example leaves nothing to the reader");
        Ok(())
    });
    tally += told("labs: a reader's own tests are tried", ended, report);
    Ok(tally)
}

/// Tells how a test ended.
fn told(test: &str, ended: Result<()>, report: &mut Report) -> Tally {
    let word = match &ended {
        Ok(()) => "ok".to_owned(),
        Err(why) => format!("FAILED: {why:#}"),
    };
    report.line(&format!("test {test} ... {word}"));
    Tally::of(ended.is_ok())
}
