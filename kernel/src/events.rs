//! The log of events: what happened to mapped devices, and when.
//!
//! Place: `task::env` passes on the events of targets and the device mapper. The console's
//! `events` shows them.
//!
//! Rule: it keeps the last `KEPT` events, cut to a line each, so its memory is bounded.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bio::sync::{Lock, Rank};
use dm::{Event, Severity};

use crate::arch::clock;

/// How many events are kept.
pub const KEPT: usize = 512;

/// Characters of an event's text.
const TEXT_MAX: usize = 240;

/// No lock is taken while this one is held.
const RANK: Rank = Rank(91);

static LOG: Lock<Log> = Lock::new(RANK, Log { kept: VecDeque::new(), count: 0 });

struct Log {
    kept: VecDeque<Entry>,
    /// Events so far.
    count: u64,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number since the start, from 0.
    pub number: u64,
    /// When it was, since the start.
    pub at: Duration,
    /// What the device was called then.
    pub device: String,
    /// How serious it is.
    pub severity: Severity,
    /// What happened.
    pub what: String,
}

/// Keeps an event.
pub fn note(event: &Event<'_>) {
    let mut what = format!("{}", event.what);
    if let Some((end, _)) = what.char_indices().nth(TEXT_MAX) {
        what.truncate(end);
    }
    let at = Duration::from_nanos(clock::now());
    let device = event.device.into();
    let mut entry = Entry { number: 0, at, device, severity: event.severity, what };
    let oldest = {
        let mut log = LOG.lock();
        entry.number = log.count;
        log.count += 1;
        let oldest = if log.kept.len() == KEPT { log.kept.pop_front() } else { None };
        log.kept.push_back(entry);
        oldest
    };
    drop(oldest);
}

/// The events that are kept, oldest first, from this number on.
pub fn since(number: u64) -> Vec<Entry> {
    let log = LOG.lock();
    log.kept.iter().filter(|entry| entry.number >= number).cloned().collect()
}
