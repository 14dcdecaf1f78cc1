//! The load of `bench`: which requests, how many at once, and until when.
//!
//! Place: part of [`crate::Command`]; the kernel's console makes requests of it.

use crate::Size;

/// A closed loop of requests: as one ends, the next is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// What the requests do.
    pub operation: Operation,
    /// Whether they go to places by chance; otherwise they follow each other.
    pub random: bool,
    /// The length of each; never zero.
    pub size: Size,
    /// How many are in flight; at least one.
    pub depth: u64,
    /// When it ends.
    pub until: Until,
    /// A flush follows after this many requests, if any; at least one.
    pub flush_every: Option<u64>,
    /// The start of the part of the device that they go to.
    pub offset: Size,
    /// The part's length; up to the end of the device if absent. Never zero, and the end is a
    /// [`Size`] too.
    pub length: Option<Size>,
}

/// What requests do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Read.
    Read,
    /// Write.
    Write,
    /// Read and write by turns.
    Mix,
}

impl Operation {
    /// Whether the device's data are overwritten.
    pub fn writes(self) -> bool {
        self != Operation::Read
    }
}

/// When a load ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After this many requests; at least one.
    Requests(u64),
    /// After this many seconds; at least one.
    Seconds(u64),
}
