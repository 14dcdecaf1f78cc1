//! Who called whom: a walk along the frame pointers.
//!
//! Everything is compiled with frame pointers (`.cargo/config.toml`): each frame starts with
//! the address of the caller's frame, followed by the return address. The chain ends with a
//! zero, at the boot loader's entry and at the entry of every thread. Memory is read through
//! `try_read`, so a broken chain ends the walk and nothing else.

use core::arch::asm;

use super::exceptions::try_read;
use super::traps::TrapFrame;

/// A chain longer than this goes in circles.
const FRAMES_MAX: usize = 64;

/// Code addresses from the innermost frame outwards: the trapped instruction if `trap` is
/// given, else the caller; then the calls that led there.
pub fn walk(trap: Option<&TrapFrame>) -> impl Iterator<Item = u64> {
    let mut frame = match trap {
        Some(trap) => trap.rbp,
        None => frame_pointer(),
    };
    let callers = core::iter::from_fn(move || {
        let (caller, return_address) = record_at(frame)?;
        // Stacks grow down, so a correct chain climbs. A chain that does not ends after this
        // frame.
        frame = if caller > frame { caller } else { 0 };
        // The address of the call, not of the instruction after it.
        return_address.checked_sub(1)
    });
    trap.map(|trap| trap.rip).into_iter().chain(callers).take(FRAMES_MAX)
}

/// The two words of the frame record at `frame`.
fn record_at(frame: u64) -> Option<(u64, u64)> {
    if frame == 0 || !frame.is_multiple_of(8) {
        return None;
    }
    // SAFETY: frame pointers point at stacks, which are ordinary memory. One that was
    // overwritten may point anywhere; in a kernel that is about to stop, a stray read of
    // a register is the smaller evil.
    unsafe { Some((try_read(frame).ok()?, try_read(frame + 8).ok()?)) }
}

#[inline(always)]
fn frame_pointer() -> u64 {
    let rbp;
    // SAFETY: copies a register.
    unsafe { asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
    rbp
}
