//! What a search found on a leg.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::leg::{LEGS_MAX, LegSet};
use crate::format::{Bad, Member};

/// What a leg holds.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// No device, or one that cannot be flushed or read, or for whose map there is no memory.
    Absent,
    /// No superblock that can be used.
    Bad(Bad),
    /// A member, and the slots of its map that cannot be read.
    Member(Box<Member>, Unreadable),
}

/// Pages of a map, each with the slot that cannot be read.
pub(crate) type Unreadable = Vec<(u32, usize)>;

/// A search of all legs, for a start.
#[derive(Debug)]
pub(crate) struct Search {
    /// Legs that have not been read.
    pub(crate) left: LegSet,
    pub(crate) found: [Found; LEGS_MAX],
}
