//! Machines that do not keep the order in which CPU and devices look at memory.
//!
//! The driver publishes a request and looks whether the device wants to be told; the device
//! says that it does and looks for requests. Where a store passes a load, each may miss what
//! the other wrote, and both wait.

use super::super::Case;

pub(super) const CASES: &[Case] = &[Case {
    name: "lost-kicks",
    fault: "QEMU leaves out the barriers of a guest with one CPU; four disks under load",
    promise: "every request is answered, and no disk is given up, whatever goes unheard",
    in_tests: true,
    run: |bench| bench.load_unordered(4),
}];
