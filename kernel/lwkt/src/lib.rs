//! The scheduler core: threads as data, sleep and wakeup, interrupt hand-over, callouts.
//!
//! Place: the kernel's `task` module owns one [`Sched`] under its interrupt-off
//! lock and does what it answers; nothing else uses this crate. It is modelled
//! on DragonFly's LWKT (`sys/kern/lwkt_thread.c`), `tsleep` and `wakeup`
//! (`kern_synch.c`) and callouts (`kern_timeout.c`).
//!
//! Rules:
//! - A pure state machine: no hardware, no lock, no clock. Time is an argument
//!   ([`Instant`]); "who runs next" is an answer ([`Switch`]).
//! - Several CPUs may share one [`Sched`] if a lock serialises the calls and
//!   stays held until the switch that it answered has happened: then no CPU
//!   picks a thread whose registers another one is still saving.
//! - Nothing allocates after construction except [`Callouts::register`], so
//!   interrupt handlers may wake threads.
//! - To sleep is always three steps: announce it, test, sleep
//!   ([`sleep_until`]). A wake-up between the test and the sleep then finds
//!   the thread announced and is not lost.
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

/// Most threads alive at once, idle threads included. It bounds the kernel
/// memory in stacks and the length of every walk in this crate.
pub const THREADS_MAX: usize = 64;

/// Most CPUs that may share one [`Sched`].
pub const CPUS_MAX: usize = 8;

/// How long a thread runs before others of its priority get their turn.
pub const TIME_SLICE: core::time::Duration = core::time::Duration::from_millis(10);
