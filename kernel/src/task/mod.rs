//! Threads in the style of DragonFly's LWKT, and everything that waits.
//!
//! `main` calls [`init`], starts the first thread with [`spawn`], and ends in [`idle`].
//! The scheduler itself, which knows no hardware, is the crate `lwkt`; this folder gives
//! it a lock, stacks, a clock and the interrupts.
//!
//! | to | use |
//! |---|---|
//! | run something besides | [`spawn`] |
//! | wait for one event | [`Completion`]; for a request, [`biowait`] |
//! | wait for a condition | [`WaitChan`] |
//! | service a device | [`ithread`] and its [`Bell`] |
//! | do something later | [`Callout`]; in your own thread, [`sleep`] |
//! | give the device mapper time and chance | [`KernelEnv`] |
//! | issue a request though memory is short | [`with_reserve`] |
//!
//! Rules: sleeping takes a [`MaySleep`] and forbids held locks. Higher priorities
//! preempt at once, equals take turns of 10 ms.

mod biowait;
mod callout;
mod env;
mod ithread;
mod preempt;
mod switch;
mod thread;
mod wait;

pub use biowait::biowait;
pub use callout::Callout;
pub use env::KernelEnv;
pub use ithread::{Bell, ITHREADS_MAX, ithread};
pub use lwkt::{Priority, Stop, TimedOut};
pub use thread::{JoinHandle, SpawnError, idle, spawn, threads, with_reserve, yield_now};
pub use wait::{Completion, MaySleep, WaitChan, sleep};

use crate::arch::{clock, interrupts};

/// Makes the caller the idle thread and starts the clock's tick. After `arch::init`,
/// with interrupts off.
pub fn init() {
    bio::sync::install(&preempt::Watch);
    thread::init();
    callout::init();
    env::init();
    interrupts::on_exit(preempt::interrupt_exit);
    clock::start_ticking(tick);
}

/// The timer interrupt.
fn tick() {
    let now = thread::now();
    thread::tasks().sched().tick(thread::this_cpu(), now);
    callout::tick(now);
}
