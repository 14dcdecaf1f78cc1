//! Disks of another size or another kind than they were.

use anyhow::Result;

use super::super::Case;
use super::super::bench::Bench;
use super::MIB;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "grow",
        fault: "vbd1 becomes twice as large",
        promise: "the mirror goes on as large as it was, also after a start",
        in_tests: false,
        run: grow,
    },
    Case {
        name: "shrink",
        fault: "vbd1 becomes half as large, with data beyond its new end",
        promise: "requests there fail on it: the leg is out, the other one has all data",
        in_tests: true,
        run: shrink,
    },
    Case {
        name: "read-only",
        fault: "vbd1 is read-only at the next start",
        promise: "nothing is written to it; the mirror is held until a person starts without it",
        in_tests: false,
        run: read_only,
    },
    Case {
        name: "no-flush",
        fault: "vbd1 has no FLUSH",
        promise: "it is said, by a flush of the mirror too; the mirror serves, and stops with equal legs",
        in_tests: false,
        run: no_flush,
    },
];

fn first(bench: &mut Bench<'_>) -> Result<()> {
    bench.mirror()?;
    bench.does("fill m0 0 30M 0x11", "filled 30 MiB")?;
    bench.does("flush m0", "flushed")
}

fn grow(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.resize(1, 64 * MIB as u64)?;
    bench.until("capacity changed")?;
    bench.does("fill m0 0 4M 0x22", "filled 4 MiB")?;
    let saw = bench.saw("capacity changed")?;
    bench.does("verify m0 4M 26M 0x11", "verified 26 MiB")?;
    bench.is_healthy()?;
    bench.stop()?;
    bench.boot_legs()?;
    bench.is_healthy()?;
    bench.does("verify m0 0 4M 0x22", "verified 4 MiB")?;
    bench.stop()?;
    bench.legs_hold((0, 4 * MIB), 0x22)?;
    bench.legs_hold((4 * MIB, 26 * MIB), 0x11)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn shrink(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.resize(1, 16 * MIB as u64)?;
    bench.until("capacity changed")?;
    bench.does("fill m0 20M 4M 0x22", "filled 4 MiB")?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    let saw = bench.saw("leg 1 (vbd1) is out")?;
    bench.does("verify m0 0 20M 0x11", "verified 20 MiB")?;
    bench.does("verify m0 20M 4M 0x22", "verified 4 MiB")?;
    bench.stop()?;
    bench.leg_holds(0, (20 * MIB, 4 * MIB), 0x22)?;
    // At the next start it is too small to be a leg at all.
    bench.boot_legs()?;
    bench.saw("vbd1: left alone, as a member needs ")?;
    bench.saw("m0: vbd0, -: degraded: 1 of 2")?;
    bench.does("verify m0 20M 4M 0x22", "verified 4 MiB")?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    bench.stop()?;
    bench.leg_holds(0, (0, 20 * MIB), 0x11)?;
    Ok(saw)
}

fn read_only(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.stop()?;
    bench.boot(vec![bench.disk(0), bench.disk_read_only(1)])?;
    let saw = bench.saw("held: ")?;
    bench.fails("read m0 0 1s", "cannot read m0")?;
    bench.does("mirror start-degraded m0", "degraded: 1 of 2")?;
    bench.does("verify m0 0 30M 0x11", "verified 30 MiB")?;
    bench.does("fill m0 0 4M 0x22", "filled 4 MiB")?;
    bench.stop()?;
    bench.leg_holds(0, (0, 4 * MIB), 0x22)?;
    bench.leg_holds(1, (0, 30 * MIB), 0x11)?;
    // It is writable again.
    bench.boot_legs()?;
    bench.is_healthy()?;
    bench.stop()?;
    bench.legs_hold((0, 4 * MIB), 0x22)?;
    bench.legs_hold((4 * MIB, 26 * MIB), 0x11)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn no_flush(bench: &mut Bench<'_>) -> Result<String> {
    bench.boot(vec![bench.disk(0), bench.disk(1).without_flush()])?;
    bench.does("disks", "vbd1 knows no FLUSH")?;
    let saw = bench.saw("knows no FLUSH")?;
    bench.label()?;
    bench.does("fill m0 0 4M 0x11", "filled 4 MiB")?;
    bench.does("flush m0", "it knows no FLUSH")?;
    bench.is_healthy()?;
    bench.stop()?;
    bench.legs_hold((0, 4 * MIB), 0x11)?;
    bench.legs_are_equal()?;
    Ok(saw)
}
