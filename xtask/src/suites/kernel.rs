//! The suites that boot the kernel: its self-tests, and its ways to go down.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::Options;
use super::lab::{Lab, failing_disk, scratch_disks, slow_disk};
use super::report::Report;
use super::tally::{Outcome, Tally, kernel_line};
use crate::patience;
use crate::qemu::Guest;
use crate::scratch::Scratch;
use crate::verdict::Verdict;

/// How long the self-tests may say nothing; on an idle host all of them take seconds.
const SELFTEST_LIMIT: Duration = patience::OF_A_GUEST;

/// How long the hanging disk hangs: longer than any driver waits.
const HANG: Duration = Duration::from_secs(5);

/// How long a boot that is to crash may say nothing.
const CRASH_LIMIT: Duration = patience::OF_A_GUEST;

/// Every way to go down that the kernel can be asked for (`mode=crash how=WAY`),
/// with words that its symbolized report must have.
const CRASHES: &[(&str, &str)] = &[
    ("panic", "asked to"),
    ("traced", "the last of the trace, of "),
    ("null", "probe::load"),
    ("code-write", "probe::store"),
    ("invalid-opcode", "probe::invalid"),
    ("interrupts-off", "with interrupts off"),
    ("yield-with-lock", "yield_now"),
    ("stack-overflow", "overflow"),
    ("out-of-memory", "allocation"),
    ("panic-in-panic", "while printing the message"),
];

/// The kernel's self-tests, once for each kind of interrupt: by message and by line.
pub(super) fn selftest(options: &Options, report: &mut Report) -> Result<Tally> {
    let lab = report.aside(|| Lab::open(options))?;
    let folder = Scratch::below(report.folder())?;
    let mut tally = Tally::default();
    for interrupts in ["msix", "line"] {
        let mut cmdline = format!("mode=selftest interrupts={interrupts}");
        if let Some(filter) = &options.filter {
            cmdline += &format!(" filter={filter}");
        }
        report.line(&format!("kernel command line: {cmdline}"));
        let mut disks = scratch_disks(folder.path())?;
        let bad_sector = json!({"iotype": "read", "sector": 64});
        disks.push(failing_disk(folder.path(), "scratch5", &bad_sector)?);
        disks.push(slow_disk("scratch6", HANG));
        let machine = lab.machine(cmdline, disks, report);
        let mut guest = Guest::boot(&machine, SELFTEST_LIMIT)?;
        tally += one_boot(&mut guest, &lab, report);
    }
    Ok(tally)
}

/// The kernel's line if the filter matches none of its tests.
const NONE: &str = "0 passed, 0 failed";

/// Counts the tests of one boot. If the kernel goes down, the test that was running has failed.
fn one_boot(guest: &mut Guest, lab: &Lab, report: &mut Report) -> Tally {
    let (mut tally, mut running, mut none) = (Tally::default(), None, false);
    let verdict = guest.run(|line| {
        report.line(line);
        none |= line == NONE;
        let Some((name, outcome)) = kernel_line(line, running.as_deref()) else { return };
        running = match outcome {
            Outcome::Unfinished => Some(name.to_owned()),
            Outcome::Passed | Outcome::Failed => {
                if outcome == Outcome::Failed && !line.starts_with("test ") {
                    // The test logged, so its outcome is not on the line of its name.
                    report.line(&format!("test {name} ... {line}"));
                }
                tally += Tally::of(outcome == Outcome::Passed);
                None
            }
        };
    });
    let unheard = running.is_some() || (tally.failed == 0 && !none);
    if verdict != Verdict::Passed && unheard {
        tally += Tally::of(false);
        let within = running.map(|name| format!(" in the test {name}")).unwrap_or_default();
        report.line(&format!("test of the kernel ... FAILED: {verdict}{within}"));
        report.text(&lab.panic(report).unwrap_or_default());
    }
    tally
}

/// Each way to go down must end with the panic verdict and a report that names what went wrong.
/// A machine that resets itself must be called that, not a success.
pub(super) fn crash(options: &Options, report: &mut Report) -> Result<Tally> {
    let lab = report.aside(|| Lab::open(options))?;
    let mut tally = Tally::default();
    for (way, expected) in CRASHES {
        let verdict = go_down(&lab, way, report)?;
        let said = lab.panic(report).unwrap_or_default();
        let held = verdict == Verdict::Panicked && said.contains(expected);
        report.line(&format!("test crash::{way} ... {}", if held { "ok" } else { "FAILED" }));
        if !held {
            report.line(&format!("{verdict}; `{expected}` was to be in its report:"));
            report.text(&said);
        }
        tally += Tally::of(held);
    }
    let verdict = go_down(&lab, "triple-fault", report)?;
    report.line(&format!("test crash::triple-fault ... {verdict}"));
    tally += Tally::of(verdict == Verdict::Reset);
    Ok(tally)
}

/// Boots a kernel that goes down in a certain way.
fn go_down(lab: &Lab, way: &str, report: &Report) -> Result<Verdict> {
    let machine = lab.machine(format!("mode=crash how={way}"), Vec::new(), report);
    Ok(Guest::boot(&machine, CRASH_LIMIT)?.run(|_| ()))
}
