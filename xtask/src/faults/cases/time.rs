//! Disks that answer late, or not at all.

use anyhow::Result;

use super::super::Case;
use super::super::bench::Bench;
use super::MIB;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "slow",
        fault: "vbd1 does 1 MiB a second",
        promise: "writes take as long, and no leg is lost",
        in_tests: false,
        run: slow,
    },
    Case {
        name: "hang-short",
        fault: "vbd1 hangs, and answers before the watchdog's bound",
        promise: "the write waits for it, and no leg is lost",
        in_tests: true,
        run: hang_short,
    },
    Case {
        name: "hang-long",
        fault: "vbd1 hangs longer than the watchdog's bound, and answers late",
        promise: "it is barred, not reset: the other leg serves while it hangs; late answers change nothing",
        in_tests: true,
        run: hang_long,
    },
];

fn slow(bench: &mut Bench<'_>) -> Result<String> {
    bench.mirror()?;
    bench.slow(1, MIB as u64)?;
    bench.does("fill m0 0 3M 0x11", "filled 3 MiB")?;
    bench.does("flush m0", "flushed")?;
    bench.is_healthy()?;
    let saw = bench.saw("filled 3 MiB")?;
    bench.heal(1)?;
    bench.stop()?;
    bench.legs_hold((0, 3 * MIB), 0x11)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn hang_short(bench: &mut Bench<'_>) -> Result<String> {
    const FILL: &str = "fill m0 0 2M 0x11";
    bench.mirror()?;
    bench.hang(1)?;
    let before = bench.written(0)?;
    bench.begin(FILL)?;
    bench.until_written(0, before)?;
    bench.heal(1)?;
    bench.did(FILL, "filled 2 MiB")?;
    let saw = bench.saw("filled 2 MiB")?;
    bench.is_healthy()?;
    bench.stop()?;
    bench.legs_hold((0, 2 * MIB), 0x11)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn hang_long(bench: &mut Bench<'_>) -> Result<String> {
    bench.set_watchdog(5);
    bench.mirror()?;
    bench.does("fill m0 0 4M 0x11", "filled 4 MiB")?;
    bench.does("flush m0", "flushed")?;
    bench.hang(1)?;
    // All of this ends while the disk still hangs.
    bench.does("fill m0 0 2M 0x22", "filled 2 MiB")?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    let saw = bench.saw("leg 1 (vbd1) is out")?;
    bench.does("fill m0 4M 1M 0x33", "filled 1 MiB")?;
    bench.does("flush m0", "flushed")?;
    bench.does("verify m0 0 2M 0x22", "verified 2 MiB")?;
    bench.does("disks", "vbd1")?;
    bench.saw("not used any more: it did not answer in time a request that it had fetched")?;
    bench.fails("slot reset 2", "it is reset once it has answered")?;
    bench.heal(1)?;
    bench.does("verify m0 0 2M 0x22", "verified 2 MiB")?;
    bench.does("verify m0 2M 2M 0x11", "verified 2 MiB")?;
    // It is barred until a person, or the next start, sets it up anew.
    bench.fails("mirror add m0 1", "`disks` that of its disk")?;
    bench.does("disks", "once nothing is in flight, `slot reset 2`")?;
    bench.does("slot reset 2", "vbd1 is ready")?;
    bench.does("mirror add m0 1", "given what it missed")?;
    bench.does("mirror wait m0", "healthy: 2 of 2")?;
    bench.is_healthy()?;
    bench.stop()?;
    bench.legs_hold((0, 2 * MIB), 0x22)?;
    bench.legs_hold((4 * MIB, MIB), 0x33)?;
    bench.legs_are_equal()?;
    Ok(saw)
}
