//! The event counter of a mapped device.
//!
//! Place: a target raises an event when its status changed in a way that a
//! person should hear of (a leg failed, a resync ended); `dmsetup wait` waits
//! for the next one. The end of the device's removal is one too.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use bio::sync::{self, Lock, Rank};

/// Counts events and calls those who wait for one.
pub struct Events(Lock<State>);

struct State {
    count: u64,
    waiting: Vec<Box<dyn FnOnce() + Send>>,
}

impl Default for Events {
    fn default() -> Events {
        Events(Lock::new(Rank::DM_DEVICE, State { count: 0, waiting: Vec::new() }))
    }
}

impl Events {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.lock().count
    }

    /// Something happened. Calls those who wait, so the caller holds no lock.
    pub fn raise(&self) {
        sync::assert_unlocked("an event");
        let waiting = {
            let mut state = self.0.lock();
            state.count += 1;
            mem::take(&mut state.waiting)
        };
        for wake in waiting {
            wake();
        }
    }

    /// Calls `wake` once there were other than `seen` events: now if there
    /// already were, else from [`raise`](Events::raise). It must not sleep.
    pub fn wait(&self, seen: u64, wake: Box<dyn FnOnce() + Send>) {
        let mut state = self.0.lock();
        if state.count == seen {
            return state.waiting.push(wake);
        }
        drop(state);
        wake();
    }
}
