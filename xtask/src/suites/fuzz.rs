//! The suite that types nonsense: the kernel runs thousands of random lines beside a mirror,
//! which must not change.
//!
//! The kernel makes the lines itself (its hidden command `fuzz`), from the same grammar
//! and by the same generator as the tests of the parser.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Options;
use super::lab::{Lab, blank_disk, scratch_disks};
use super::report::Report;
use super::tally::Tally;
use crate::patience;
use crate::qemu::Guest;
use crate::scratch::Scratch;
use crate::verdict::Verdict;

/// How long the kernel may say nothing before its prompt, and in each command.
const STEP_LIMIT: Duration = patience::OF_A_GUEST;

/// How many lines.
const LINES: usize = 10_000;

/// The seed.
const SEED: u64 = 20_110_407;

/// Runs the lines. Two tests: they end, and they changed nothing.
pub(super) fn lines(options: &Options, report: &mut Report) -> Result<Tally> {
    let lab = report.aside(|| Lab::open(options))?;
    let folder = Scratch::below(report.folder())?;
    let members = ["member0", "member1"];
    let mut disks = vec![blank_disk(folder.path(), members[0])?];
    disks.push(blank_disk(folder.path(), members[1])?);
    // The smallest disk, so that lines which fill it do not take long.
    disks.extend(scratch_disks(folder.path())?.pop());
    let machine = lab.machine("mode=console session=script".into(), disks, report);
    let mut guest = Guest::boot(&machine, STEP_LIMIT)?;
    guest.until_prompt()?;
    for line in ["mirror label m0 vbd0 vbd1", "mirror wait m0", "fill m0 0 8M random=7"] {
        answer(&mut guest, line)?;
    }
    // Nothing is dirty then. The records of the resume are written long before a check has read
    // everything. After that the mirror writes nothing by itself.
    for line in ["dmsetup suspend m0", "dmsetup resume m0", "mirror check m0 --wait"] {
        answer(&mut guest, line)?;
    }
    let contents = || members.map(|member| fs::read(folder.path().join(member)));
    let before = contents();
    let told = answer(&mut guest, &format!("fuzz vbd2 {LINES} {SEED}"))?;
    let after = contents();
    let mut unchanged = true;
    for (before, after) in before.into_iter().zip(after) {
        unchanged &= before? == after?;
    }
    let mut tally = Tally::default();
    let mut test = |name: &str, held: bool| {
        report.line(&format!("test fuzz: {name} ... {}", if held { "ok" } else { "FAILED" }));
        tally += Tally::of(held);
    };
    let last = told.last().context("it said nothing")?;
    test(last, is_good_mix(last) && each_refusal_has_words(&told));
    test("the mirror beside it is unchanged on its disks", unchanged);
    let status = answer(&mut guest, "mirror status m0")?;
    test("and healthy", status.iter().any(|line| line == "m0: healthy: 2 of 2 legs in sync"));
    guest.send("poweroff");
    let verdict = guest.run(|_| ());
    ensure!(verdict == Verdict::Passed, "at the end: {verdict}\n{}", guest.last_words());
    Ok(tally)
}

/// The guest's answer to a line, without the echo.
fn answer(guest: &mut Guest, line: &str) -> Result<Vec<String>> {
    guest.set_limit(Some(STEP_LIMIT));
    guest.send(line);
    let mut answer = Vec::new();
    while let Some(line) = guest.next_line()? {
        answer.push(line);
    }
    ensure!(!guest.has_failed(), "{}", answer.join("\n"));
    Ok(answer.split_off(1.min(answer.len())))
}

/// Whether the last line counts all lines, and enough of each kind:
/// `fuzz: N lines: N done, N refused, N not run`.
fn is_good_mix(line: &str) -> bool {
    let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [lines, done, refused, not_run] = numbers[..] else { return false };
    let enough = |count| count > LINES / 20;
    lines == LINES && done + refused + not_run == lines && enough(done) && enough(refused)
}

/// Whether each refused line, which is followed by lines ` refused: ...`, has text in the first
/// of them.
fn each_refusal_has_words(told: &[String]) -> bool {
    let mut refusals = told.iter().filter_map(|line| line.strip_prefix("  refused: "));
    refusals.clone().count() > LINES / 20 && refusals.all(|text| text.contains(' '))
}
