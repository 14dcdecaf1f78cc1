//! The end of a run: a verdict through QEMU's isa-debug-exit device.
//!
//! QEMU leaves with status `2 * value + 1`, which is what `cargo xtask` looks at.

use x86_64::instructions::port::Port;
use x86_64::instructions::{hlt, interrupts};

use super::serial;

/// The device's port (`-device isa-debug-exit,iobase=0xf4,iosize=4`).
const EXIT_PORT: u16 = 0xf4;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All went well; QEMU's exit status 33.
    Success = 0x10,
    /// A test or a command failed; 35.
    Failed = 0x11,
    /// The kernel panicked; 37.
    Panic = 0x12,
}

/// Ends the run. On a machine without the device the CPU halts for good.
pub fn exit(verdict: Verdict) -> ! {
    interrupts::disable();
    serial::finish_output();
    // SAFETY: a write to this port ends the virtual machine or, without the device,
    // goes nowhere; no memory is touched.
    unsafe { Port::new(EXIT_PORT).write(verdict as u32) };
    loop {
        hlt();
    }
}
