//! Records that go bad while the machine is off.
//!
//! Leg 1 was taken out and lacks what was written since. If a record were taken for an older
//! one, the mirror would answer with stale data. At rest each record exists twice. The crates'
//! tests try every bit of every record; these cases try some in images that one kernel wrote
//! and another boots from.

use anyhow::Result;

use super::super::Case;
use super::super::bench::Bench;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "rot-one-copy",
        fault: "a bit flips in one copy of vbd0's superblock, then in one of its map page",
        promise: "the other copy is believed; the bad one is counted and written anew",
        in_tests: true,
        run: one_copy,
    },
    Case {
        name: "rot-both-copies",
        fault: "a bit flips in both copies of vbd0's superblock",
        promise: "the mirror is held or refused, with the reason; stale data are not answered",
        in_tests: true,
        run: both_copies,
    },
    Case {
        name: "rot-many-bits",
        fault: "sixteen bits of vbd0's records flip, one at a time",
        promise: "the other copy is believed each time",
        in_tests: false,
        run: many_bits,
    },
];

/// A record's size, in bytes. A leg begins with two copies of its superblock, followed by two
/// of the first page of its map (docs/format.md).
const RECORD: usize = 4096;

const SUPERBLOCKS: [usize; 2] = [0, 1];
const PAGES: [usize; 2] = [2, 3];

/// Bytes of a record in which a bit flips: one in a number at its head, one in a member's
/// entry.
const NUMBER: usize = 20;
const ENTRY: usize = 150;

/// Where on a leg a record begins, and how long it is.
fn place(record: usize) -> (usize, usize) {
    (record * RECORD, RECORD)
}

/// Makes a mirror whose leg 0 alone has the second of two writes, with two copies of each
/// record.
fn leg_1_is_stale(bench: &mut Bench<'_>) -> Result<()> {
    bench.mirror()?;
    bench.does("fill m0 0 1M 0x11", "filled 1 MiB")?;
    bench.does("flush m0", "flushed")?;
    bench.does("mirror fail m0 1", "to take it back")?;
    bench.does("fill m0 0 1M 0x22", "filled 1 MiB")?;
    bench.does("flush m0", "flushed")?;
    for twins in [SUPERBLOCKS, PAGES] {
        bench.until_alike(0, twins.map(place))?;
    }
    bench.kill()
}

/// Flips the lowest bit of a byte of a record of leg 0.
fn flip(bench: &Bench<'_>, record: usize, byte: usize) -> Result<()> {
    bench.change(0, record * RECORD + byte, |it| it ^ 1)
}

/// Boots with a bit of one record flipped: the mirror must serve the data that only leg 0 has.
fn serves_in_spite_of(bench: &mut Bench<'_>, record: usize, byte: usize) -> Result<()> {
    flip(bench, record, byte)?;
    bench.boot_legs()?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    bench.does("mirror status m0", "records repaired: 1 on leg 0")?;
    bench.does("verify m0 0 1M 0x22", "verified 1 MiB")?;
    bench.stop()?;
    let twins = if SUPERBLOCKS.contains(&record) { SUPERBLOCKS } else { PAGES };
    bench.are_alike(0, twins.map(place))
}

fn one_copy(bench: &mut Bench<'_>) -> Result<String> {
    leg_1_is_stale(bench)?;
    let images = bench.images()?;
    for (record, byte) in [(SUPERBLOCKS[0], ENTRY), (PAGES[1], NUMBER)] {
        bench.restore(&images)?;
        serves_in_spite_of(bench, record, byte)?;
    }
    bench.saw("records repaired")
}

fn both_copies(bench: &mut Bench<'_>) -> Result<String> {
    leg_1_is_stale(bench)?;
    for record in SUPERBLOCKS {
        flip(bench, record, ENTRY)?;
    }
    bench.boot_legs()?;
    bench.saw("vbd0: left alone, as its superblocks are bad")?;
    let saw = bench.saw("m0: -, vbd1: not started: held: member 0 was in sync and is not there")?;
    bench.fails("verify m0 0 1M 0x11", "m0")?;
    bench.stop()?;
    bench.leg_holds(0, (0, 1 << 20), 0x22)?;
    Ok(saw)
}

fn many_bits(bench: &mut Bench<'_>) -> Result<String> {
    leg_1_is_stale(bench)?;
    let images = bench.images()?;
    for nth in 0..16 {
        bench.restore(&images)?;
        // Spread over the used bytes of a superblock and a page.
        serves_in_spite_of(bench, nth % 4, nth * 251 % RECORD)?;
    }
    bench.saw("records repaired")
}
