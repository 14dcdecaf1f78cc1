//! Two marks in the stream of instructions, for whoever counts them from outside.
//!
//! Place: a load is between them (`console/load.rs`); the plugin of QEMU that
//! `cargo xtask bench --instructions` loads (`xtask/src/qemu/counting/plugin.c`) looks for
//! them. A mark is an instruction that does nothing, told by a displacement that no compiler
//! writes: `DM` above the mark's number.

use core::arch::asm;

/// What is counted begins.
#[inline(always)]
pub fn begin() {
    // SAFETY: a no-op reads no memory, whatever its operand says.
    unsafe { asm!("nop dword ptr [rax + rax + 0x4d440001]", options(nostack, preserves_flags)) }
}

/// What is counted ends.
#[inline(always)]
pub fn end() {
    // SAFETY: as above.
    unsafe { asm!("nop dword ptr [rax + rax + 0x4d440002]", options(nostack, preserves_flags)) }
}
