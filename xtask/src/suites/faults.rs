//! The suite in which disks fail from outside: a part of `cargo xtask faults`, each case a
//! test.

use anyhow::Result;

use super::Options;
use super::report::Report;
use super::tally::Tally;
use crate::faults::{self, Case, Lab};

/// Runs the cases that are part of the test command, or those that the filter names.
pub(super) fn cases(options: &Options, report: &mut Report) -> Result<Tally> {
    let named =
        |case: &&Case| options.filter.as_deref().is_none_or(|text| case.name.contains(text));
    let cases: Vec<_> = faults::for_tests().filter(named).collect();
    let mut tally = Tally::default();
    if cases.is_empty() {
        return Ok(tally);
    }
    let lab = report.aside(|| Lab::open(&options.build, options.accel))?;
    for case in cases {
        let saw = faults::run(case, &lab, report.folder());
        let held = saw.is_ok();
        let word = if held { "ok" } else { "FAILED" };
        report.line(&format!("test faults::{} ... {word}", case.name));
        report.text(&saw.unwrap_or_else(|why| format!("{why:#}")));
        tally += Tally::of(held);
    }
    Ok(tally)
}
