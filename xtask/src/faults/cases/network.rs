//! Disks that another machine serves, or a process that can die.

use anyhow::Result;

use super::super::Case;
use super::super::bench::Bench;
use super::MIB;

pub(super) const CASES: &[Case] = &[Case {
    name: "nbd-restart",
    fault: "vbd1 is a network disk; its server is killed under a write, and started again",
    promise: "the write ends well; the disk is added back, and gets what it missed",
    in_tests: true,
    run: restart,
}];

/// How fast vbd1 is during the write in which its server dies, in bytes a second: the rest of
/// the write would take a minute.
const CRAWL: u64 = 256 << 10;

fn restart(bench: &mut Bench<'_>) -> Result<String> {
    const FILL: &str = "fill m0 4M 16M 0x22";
    let mut server = bench.server(1)?;
    bench.boot(vec![bench.disk(0), server.disk().switched()])?;
    bench.label()?;
    bench.does("fill m0 0 4M 0x11", "filled 4 MiB")?;
    bench.does("flush m0", "flushed")?;
    bench.slow(1, CRAWL)?;
    let before = bench.written(1)?;
    bench.begin(FILL)?;
    bench.until_written(1, before + MIB as u64)?;
    server.kill()?;
    bench.heal(1)?;
    bench.did(FILL, "filled 16 MiB")?;
    bench.dead_leg_holds_the_beginning(1, (4 * MIB, 16 * MIB), 0x22)?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    let saw = bench.saw("leg 1 (vbd1) is out")?;
    bench.does("verify m0 4M 16M 0x22", "verified 16 MiB")?;
    server.revive()?;
    // QEMU looks for the server now and then, and fails requests meanwhile.
    bench.does_in_time("read vbd1 0 1s", "00000000")?;
    bench.add_back(1)?;
    bench.does("mirror check m0 --wait", "0 differ")?;
    bench.stop()?;
    bench.legs_hold((0, 4 * MIB), 0x11)?;
    bench.legs_hold((4 * MIB, 16 * MIB), 0x22)?;
    bench.legs_are_equal()?;
    Ok(saw)
}
