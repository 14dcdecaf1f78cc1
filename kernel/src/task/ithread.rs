//! Interrupt threads: an interrupt handler only rings a bell; its thread does the rest.
//!
//! Place: drivers' completions run here, in a thread that can be preempted, is listed by
//! `threads` and takes locks, but never sleeps.
//! Rules: the service does all the work there is and returns. A ring that comes meanwhile makes
//! it run once more. It may use the heap's reserve.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use lwkt::Priority;

use super::{SpawnError, WaitChan, spawn, with_reserve};

/// The most interrupt threads at once.
pub const ITHREADS_MAX: usize = 32;

/// The bells never move or end, so that a handler can always ring one.
static BELLS: [Slot; ITHREADS_MAX] = [const { Slot::new() }; ITHREADS_MAX];

struct Slot {
    bell: lwkt::Bell,
    chan: WaitChan,
    taken: AtomicBool,
    retired: AtomicBool,
}

impl Slot {
    const fn new() -> Slot {
        Slot {
            bell: lwkt::Bell::new(),
            chan: WaitChan::new("bell"),
            taken: AtomicBool::new(false),
            retired: AtomicBool::new(false),
        }
    }
}

/// What an interrupt handler does: `bell.ring()`, and return. Threads may ring it too.
#[derive(Clone, Copy, Debug)]
pub struct Bell {
    number: usize,
}

impl Bell {
    /// Makes the thread run its service. If the service is running now, it runs once more.
    pub fn ring(self) {
        let slot = &BELLS[self.number];
        if slot.bell.ring() {
            slot.chan.wakeup();
        }
    }

    /// For handlers that get a number: `Vector::allocate(name, Bell::ring_number, bell.number())`.
    pub fn number(self) -> usize {
        self.number
    }

    /// Rings the bell of that number.
    pub fn ring_number(number: usize) {
        Bell { number }.ring();
    }

    /// Ends the thread once its service returns, and drops the service. To be called once: the
    /// bell is then given to another thread. A late ring only makes that thread's service look
    /// in vain.
    pub fn retire(self) {
        BELLS[self.number].retired.store(true, Relaxed);
        self.ring();
    }
}

/// Starts an interrupt thread that runs `service` after each ring of its bell.
///
/// # Errors
/// As [`spawn`], or if there are [`ITHREADS_MAX`] already.
pub fn ithread(name: &str, service: Arc<dyn Fn() + Send + Sync>) -> Result<Bell, SpawnError> {
    start(name, Priority::Interrupt, move || service())
}

/// The same at any priority.
pub(super) fn start(
    name: &str,
    priority: Priority,
    service: impl Fn() + Send + 'static,
) -> Result<Bell, SpawnError> {
    let free = |slot: &Slot| !slot.taken.swap(true, Relaxed);
    let number = BELLS.iter().position(free).ok_or(SpawnError::NoBell)?;
    let slot = &BELLS[number];
    let thread = spawn(name, priority, move |may_sleep| {
        loop {
            slot.chan.wait_until(may_sleep, || slot.bell.take().then_some(()));
            if slot.retired.swap(false, Relaxed) {
                break;
            }
            with_reserve(&service);
        }
        drop(service);
        slot.taken.store(false, Relaxed);
    });
    match thread {
        Ok(_) => Ok(Bell { number }),
        Err(why) => {
            slot.taken.store(false, Relaxed);
            Err(why)
        }
    }
}
