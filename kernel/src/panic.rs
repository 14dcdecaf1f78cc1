//! The end of a kernel that found a bug in itself.
//!
//! Prints the message, the registers if the CPU raised it, a backtrace, the heap's state, and
//! the end of the trace if that is on. Leaves with the panic verdict. It takes no lock that
//! anyone may hold and allocates nothing. `cargo xtask` turns the addresses into names: it
//! subtracts the address on the `kernel base` line from each.

use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::arch::backtrace;
use crate::arch::exit::{Verdict, exit};
use crate::arch::irq_lock::InterruptsOff;
use crate::arch::serial;
use crate::arch::traps::TrapFrame;
use crate::mm::heap;
use crate::trace;

static PANICKING: AtomicBool = AtomicBool::new(false);
static KERNEL_BASE: AtomicU64 = AtomicU64::new(0);

macro_rules! say {
    ($($arg:tt)*) => { serial::print_in_panic(format_args!("{}\n", format_args!($($arg)*))) };
}

/// Where the kernel image was loaded; called first thing at boot.
pub fn set_kernel_base(base: u64) {
    KERNEL_BASE.store(base, Relaxed);
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    match info.location() {
        Some(at) => die(format_args!("{} at {}:{}", info.message(), at.file(), at.line()), None),
        None => die(format_args!("{}", info.message()), None),
    }
}

/// Panics because of an exception. The backtrace starts at the code that raised it.
pub fn die_in_trap(message: fmt::Arguments, frame: &TrapFrame) -> ! {
    die(message, Some(frame))
}

fn die(message: fmt::Arguments, trap: Option<&TrapFrame>) -> ! {
    let _off = InterruptsOff::new();
    if PANICKING.swap(true, Relaxed) {
        say!("\npanic in panic: {message}");
        exit(Verdict::Panic);
    }
    say!("\npanic: {message}");
    if let Some(frame) = trap {
        serial::print_in_panic(format_args!("{frame}"));
    }
    for (number, address) in backtrace::walk(trap).enumerate() {
        say!("  #{number} {address:#x}");
    }
    say!("kernel base {:#x}", KERNEL_BASE.load(Relaxed));
    if let Some(heap) = heap::try_stats() {
        say!("heap {} of {} bytes in use, {} cached", heap.in_use, heap.capacity, heap.cached);
    }
    trace::last(|line| say!("{line}"));
    exit(Verdict::Panic)
}
