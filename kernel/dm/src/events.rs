//! The event counter of a mapped device, and how its messages reach the log.
//!
//! Place: a target raises an event when its status changed in a way that a person should hear
//! of (a leg failed, a resync ended); `dmsetup wait` waits for the next one. The end of the
//! device's removal is an event too. Messages are noted separately, even if nobody waits: the
//! [`Env`] keeps the log and adds the time.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use bio::sync::{self, Lock, Rank};

use crate::env::{Env, Event, Severity};

/// Counts events and calls those who wait for one.
pub struct Events(Lock<State>);

struct State {
    count: u64,
    waiting: Vec<Box<dyn FnOnce() + Send>>,
    log: Option<Log>,
}

/// Who keeps the log, and under which name.
#[derive(Clone)]
struct Log {
    env: Arc<dyn Env>,
    device: Arc<str>,
}

impl Default for Events {
    fn default() -> Events {
        Events(Lock::new(Rank::DM_DEVICE, State { count: 0, waiting: Vec::new(), log: None }))
    }
}

impl Events {
    /// The counter of a device whose events `env` keeps.
    pub fn logged(env: Arc<dyn Env>, device: &str) -> Events {
        let events = Events::default();
        events.0.lock().log = Some(Log { env, device: device.into() });
        events
    }

    /// The device has a new name.
    pub(crate) fn rename(&self, device: &str) {
        if let Some(log) = &mut self.0.lock().log {
            log.device = device.into();
        }
    }

    /// Notes in words what happened. Nobody is woken, and nothing is counted. The caller holds
    /// no lock.
    pub fn note(&self, severity: Severity, what: fmt::Arguments<'_>) {
        sync::assert_unlocked("an event");
        let log = self.0.lock().log.clone();
        if let Some(Log { env, device }) = log {
            env.note(&Event { device: &device, severity, what });
        }
    }

    /// What the device is called in the log; nothing if nobody keeps one.
    pub fn device(&self) -> Arc<str> {
        self.0.lock().log.as_ref().map_or_else(|| "".into(), |log| log.device.clone())
    }

    /// How many events there were.
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

    /// Calls `wake` once the count of events differs from `seen`: now if it already does,
    /// otherwise from [`raise`](Events::raise). It must not sleep.
    pub fn wait(&self, seen: u64, wake: Box<dyn FnOnce() + Send>) {
        let mut state = self.0.lock();
        if state.count == seen {
            return state.waiting.push(wake);
        }
        drop(state);
        wake();
    }
}
