//! The scheduler core: threads as data, sleep and wakeup, interrupt hand-over, callouts.
//!
//! Place: the kernel's `task` module owns one [`Sched`] under a lock with interrupts off, and
//! does what it answers. Nothing else uses this crate. It is modelled on DragonFly's LWKT
//! (`sys/kern/lwkt_thread.c`), `tsleep` and `wakeup` (`kern_synch.c`) and callouts
//! (`kern_timeout.c`).
//!
//! Rules:
//! - A pure state machine: no hardware, no lock, no clock. Time is an argument
//!   ([`Instant`]); "who runs next" is an answer ([`Switch`]).
//! - Several CPUs may share one [`Sched`] if a lock serialises the calls, and stays held until
//!   the switch that was answered has happened. Then no CPU picks a thread whose registers
//!   another CPU is still saving.
//! - Nothing allocates after construction except [`Callouts::register`], so
//!   interrupt handlers may wake threads.
//! - To sleep is always three steps: announce it, test, sleep ([`sleep_until`]). Then a wake-up
//!   between the test and the sleep finds the announcement, and is not lost.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bell;
mod callout;
mod instant;
mod sched;
mod sleep;
mod thread;
mod timer;

pub use bell::Bell;
pub use callout::{Callouts, Stop};
pub use instant::Instant;
pub use sched::{Sched, SleepAnswer, Switch};
pub use sleep::{TimedOut, Tsleep, Wakeup, sleep_until};
pub use thread::{Chan, CpuId, Name, Priority, State, TableFull, ThreadInfo, Tid};
pub use timer::TimerQueue;

/// The most threads alive at once, idle threads included. It bounds the memory of stacks, and
/// the length of every walk in this crate.
pub const THREADS_MAX: usize = 64;

/// The most CPUs that may share one [`Sched`].
pub const CPUS_MAX: usize = 8;

/// How long a thread runs before others of its priority get their turn.
pub const TIME_SLICE: core::time::Duration = core::time::Duration::from_millis(10);
