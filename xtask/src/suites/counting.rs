//! The suite that counts instructions: what must be true of counts on every machine.
//!
//! Rule: no figure is compared with one that was written down.

use anyhow::Result;

use super::report::Report;
use super::tally::Tally;
use super::{Options, Skipped};
use crate::qemu::counting;
use crate::{bench, build, provision};

/// Each promise is a test. Skipped where the machine cannot count.
pub(super) fn promises(options: &Options, report: &mut Report) -> Result<Tally> {
    let tools = provision::tools()?;
    counting::prepare(&tools).map_err(|why| Skipped(format!("{why:#}")))?;
    let kernel = report.aside(|| build::image(&options.build))?;
    let mut tally = Tally::default();
    for (name, kept, seen) in bench::counting(&tools, &kernel)? {
        let outcome = if kept { "ok".to_owned() } else { format!("FAILED: {seen}") };
        report.line(&format!("test counting::{name} ... {outcome}"));
        tally += Tally::of(kept);
    }
    Ok(tally)
}
