//! Machines that lose messages between CPU and devices.
//!
//! The driver publishes a request and looks whether the device wants to be told. The device
//! says that it does and looks for requests. If a load overtakes a store, each may miss what
//! the other wrote, and both wait. That takes chance and a host with cores to spare, so kicks
//! and interrupts are also lost on purpose.

use anyhow::{Result, ensure};

use super::super::Case;
use super::super::bench::Bench;

/// Four disks, eight requests each.
const DISKS: usize = 4;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "no-barriers",
        fault: "QEMU leaves out the barriers of a guest with one CPU; four disks under load",
        promise: "every request is answered, and no disk is given up",
        in_tests: true,
        run: |bench| bench.load(DISKS, true, ""),
    },
    Case {
        name: "lost-kicks",
        fault: "one of 500 kicks and interrupts is lost; four disks under load",
        promise: "every request is answered, and no disk is given up; what was lost is made up for",
        in_tests: true,
        run: lost_kicks,
    },
];

fn lost_kicks(bench: &mut Bench<'_>) -> Result<String> {
    let saw = bench.load(DISKS, false, "lose=500")?;
    for nothing in [" and 0 repeated", " 0 interrupts unheard"] {
        ensure!(!saw.contains(nothing), "nothing was lost: {saw}");
    }
    Ok(saw)
}
