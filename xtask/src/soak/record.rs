//! The events of a boot, in order: changes of the disks, and lines of the guest.
//!
//! Place: `serve` adds each change before it answers it, `replay` adds each line when it has
//! heard it. So the changes that a line vouches for are before it, and those that it announces
//! may be before it too.

use std::sync::{Mutex, PoisonError};

use super::disk::Disk;

/// The record.
#[derive(Default)]
pub(super) struct Record(Mutex<Vec<Entry>>);

/// Something that happened.
pub(super) enum Entry {
    /// A leg's disk changed.
    Leg(usize, Change),
    /// The guest printed this line.
    Line(String),
    /// The mirror had copied all that it had to; the cuts begin here.
    Settled,
}

/// What changes a disk, or makes it durable.
#[derive(Clone)]
pub(super) enum Change {
    Write { at: usize, data: Vec<u8> },
    Flush,
}

impl Change {
    /// Makes the change.
    pub(super) fn make(self, disk: &mut Disk) {
        match self {
            Self::Write { at, data } => disk.write(at, data),
            Self::Flush => disk.flush(),
        }
    }
}

impl Record {
    /// A disk is about to change.
    pub(super) fn changes(&self, leg: usize, change: &Change) {
        self.push(Entry::Leg(leg, change.clone()));
    }

    /// Adds the next event.
    pub(super) fn push(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// All events.
    pub(super) fn end(self) -> Vec<Entry> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
