//! Machines that end without warning.
//!
//! A QEMU that is killed leaves its finished writes in the host's page cache. So these cases
//! test the order of requests between disks. The soak tests lost caches (`cargo xtask soak`).

use anyhow::Result;

use super::super::Case;
use super::super::bench::Bench;
use super::MIB;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "power-cut",
        fault: "the machine is killed in the middle of a write",
        promise: "what was flushed is there; the legs are made equal where a write may have been",
        in_tests: true,
        run: cut,
    },
    Case {
        name: "power-cut-caches",
        fault: "the power fails three times, and the disks lose their caches",
        promise: "as above; each sector has a legal value, and maps show where legs differ",
        in_tests: false,
        run: |bench| bench.soak(),
    },
];

fn cut(bench: &mut Bench<'_>) -> Result<String> {
    bench.mirror()?;
    bench.does("fill m0 0 4M 0x11", "filled 4 MiB")?;
    bench.does("flush m0", "flushed")?;
    // So slow that the write does not end before the kill.
    bench.slow(1, MIB as u64)?;
    let before = bench.written(1)?;
    bench.begin("fill m0 8M 16M 0x22")?;
    bench.until_written(1, before + MIB as u64)?;
    bench.kill()?;
    bench.legs_hold((0, 4 * MIB), 0x11)?;
    bench.boot_legs()?;
    let saw = bench.saw("m0: vbd0, vbd1: ")?;
    bench.is_healthy()?;
    bench.does("verify m0 0 4M 0x11", "verified 4 MiB")?;
    bench.stop()?;
    bench.legs_hold((0, 4 * MIB), 0x11)?;
    bench.legs_are_equal()?;
    Ok(saw)
}
