//! Interrupt threads: an interrupt handler only rings a bell; its thread does the rest.
//!
//! Place: drivers' completions run here, in a thread that may be preempted, be seen in
//! `threads` and take locks, but never sleeps.
//! Rules: the service does all the work there is and returns; a ring that comes
//! meanwhile brings it round again. It lives for ever.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lwkt::Priority;

use super::{SpawnError, WaitChan, spawn};

/// Most interrupt threads there can be.
pub const ITHREADS_MAX: usize = 32;

static BELLS: [BellAndChan; ITHREADS_MAX] =
    [const { BellAndChan { bell: lwkt::Bell::new(), chan: WaitChan::new("bell") } }; ITHREADS_MAX];

/// How many of them are taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

struct BellAndChan {
    bell: lwkt::Bell,
    chan: WaitChan,
}

/// What an interrupt handler does: `bell.ring()`, and return. Also good for polling a
/// service from a thread, such as a watchdog.
#[derive(Clone, Copy, Debug)]
pub struct Bell {
    number: usize,
}

impl Bell {
    /// Makes the thread run its service, once more if it is running it now.
    pub fn ring(self) {
        let BellAndChan { bell, chan } = &BELLS[self.number];
        if bell.ring() {
            chan.wakeup();
        }
    }

    /// For `Vector::allocate(Bell::ring_number, bell.number())`.
    pub fn number(self) -> usize {
        self.number
    }

    /// Rings the bell of that number.
    pub fn ring_number(number: usize) {
        Bell { number }.ring();
    }
}

/// Starts an interrupt thread that runs `service` after each ring of the bell.
///
/// # Errors
/// As [`spawn`]; [`ITHREADS_MAX`] are as many as there can be.
pub fn ithread(name: &str, service: Arc<dyn Fn() + Send + Sync>) -> Result<Bell, SpawnError> {
    start(name, Priority::Interrupt, move || service())
}

/// The same at any priority.
pub(super) fn start(
    name: &str,
    priority: Priority,
    service: impl Fn() + Send + 'static,
) -> Result<Bell, SpawnError> {
    let number = TAKEN.fetch_add(1, Relaxed);
    let Some(BellAndChan { bell, chan }) = BELLS.get(number) else {
        TAKEN.fetch_sub(1, Relaxed);
        return Err(SpawnError::NoBell);
    };
    spawn(name, priority, move |may_sleep| {
        loop {
            chan.wait_until(may_sleep, || bell.take().then_some(()));
            service();
        }
    })?;
    Ok(Bell { number })
}
