//! What happened in a boot, in the order in which it did: changes of the disks, and what the
//! guest said.
//!
//! Place: `serve` tells of each change before it answers it, `replay` of each line when it
//! has heard it. So what a line vouches for is before it, and what it announces may be
//! before it too.

use std::sync::{Mutex, PoisonError};

use super::disk::Disk;

/// The record.
#[derive(Default)]
pub(super) struct Record(Mutex<Vec<Entry>>);

/// Something that happened.
pub(super) enum Entry {
    /// A leg's disk changed.
    Leg(usize, Change),
    /// The guest was heard to say this.
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
    /// Makes it.
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

    /// The next thing that happened.
    pub(super) fn push(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// All of it.
    pub(super) fn end(self) -> Vec<Entry> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
