//! News for a person, and what was told already.

use alloc::string::String;

use bio::{Extent, Sectors};
use uuid::Uuid;

use super::leg::{Failure, LegSet};
use super::replacement::Replacement;

/// Something that a person may want to hear of. `io/words.rs` puts it in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A leg is out.
    Out(usize, Failure),
    /// The last leg may have lost what was not flushed.
    Lost(usize, Failure),
    /// Requests are served from now on.
    Started { session: u64, unsettled: u32 },
    /// Why the mirror was not started.
    NotStarted(String),
    /// Regions that could differ are equal.
    Settled,
    /// Regions are copied to a leg from now on.
    Rebuilding { leg: usize, missing: u32, all: u32 },
    /// A leg is in sync.
    InSync(usize),
    /// The exclusion of these legs is durable.
    Excluded(LegSet),
    /// A generation is durable on these legs.
    Generation(Uuid, LegSet),
    /// A leg is taken back.
    TakenBack(usize),
    /// A leg is not, and why.
    StaysOut(usize, String),
    /// A leg lost to those in sync, and its own superblock could not be made to say so.
    StaysRival(usize),
    /// A replacement is off: its disk is not there.
    ReplacementOff(Replacement),
    /// A replacement is off: the new table lacks one of its legs.
    ReplacementLost(Replacement),
    /// An exchange left legs of which none was in sync.
    OldData,
    /// There is no memory for the map of a leg.
    NoRoom(usize, Sectors),
    /// A chunk was rewritten on a leg, and read again.
    Repaired(usize, Extent),
    /// A leg does not hold what was just written to it.
    DiffersFromWritten(usize),
    /// What came of a check, in a line; whether nothing was found.
    Checked(String, bool),
    /// The mirror was stopped; whether superblocks say so.
    Stopped { recorded: bool },
}

/// What is still to be told.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    /// Legs that went out, which superblocks do not durably say yet.
    pub(crate) excluded: LegSet,
    /// The generation that was told last.
    pub(crate) generation: Uuid,
    /// Regions are being made equal after a crash.
    pub(crate) resyncing: bool,
}
