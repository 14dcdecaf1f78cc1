//! Ways to bring the kernel down, for trying the panic path from outside.
//!
//! `mode=crash how=…`: each must end with the panic verdict and a backtrace, except
//! `triple-fault`, which must be seen from outside. They cannot be tests in the list, since
//! nothing runs after them.

use alloc::vec::Vec;
use core::fmt;

use bio::sync::{Lock, Rank};

use crate::arch::irq_lock::InterruptsOff;
use crate::arch::probe::{self, Fault};
use crate::kprintln;
use crate::task::yield_now;
use crate::trace::{self, LAYERS_ALL};

/// Crashes in the way that `how` names; returns if there is no such way.
pub fn crash(how: &str) {
    match how {
        "panic" => panic!("asked to"),
        "traced" => {
            trace::on(LAYERS_ALL).expect("memory for the ring");
            yield_now();
            panic!("with the trace on");
        }
        "null" => probe::crash(Fault::NullRead),
        "code-write" => probe::crash(Fault::CodeWrite),
        "invalid-opcode" => probe::crash(Fault::InvalidOpcode),
        "interrupts-off" => {
            let _off = InterruptsOff::new();
            panic!("with interrupts off");
        }
        "yield-with-lock" => {
            let lock = Lock::new(Rank::DRIVER, ());
            let _held = lock.lock();
            yield_now();
        }
        "stack-overflow" => {
            overflow(1);
        }
        "out-of-memory" => drop(Vec::<u8>::with_capacity(usize::MAX / 4)),
        "triple-fault" => {
            let _off = InterruptsOff::new();
            probe::triple_fault();
        }
        "panic-in-panic" => panic!("{}", Treacherous),
        _ => kprintln!("crash: no way to crash is called {how:?}"),
    }
}

/// Runs out of stack. The frame outlives the call, so that the compiler cannot make a loop of
/// it.
fn overflow(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    let mut page = [depth; 128];
    page[0] = overflow(core::hint::black_box(depth + 1));
    core::hint::black_box(&page).iter().sum()
}

/// Panics when it is printed.
struct Treacherous;

impl fmt::Display for Treacherous {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("while printing the message of a panic")
    }
}
