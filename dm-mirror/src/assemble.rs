//! Who may be believed: which members start, which are rebuilt, which are kept out.
//!
//! Place: `start.rs` asks before it begins a session, a person's tools ask to be
//! shown what would happen. Pure: members in, a plan out. docs/mirror.md has the
//! rules and why they are so.

use alloc::vec::Vec;

use uuid::Uuid;

use crate::format::{MEMBERS_MAX, Member, Region, Superblock};

/// What is to be done with the devices that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start.
    Start(Plan),
    /// Wait for these slots, which may have what no present member has; a person
    /// may say to start without them.
    Hold {
        /// What to do then.
        plan: Plan,
        /// The slots of members in sync that are not there.
        missing: Vec<usize>,
    },
    /// Nothing can be started.
    Refuse(Refusal),
}

/// How to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The newest superblock among those that are evidence.
    pub newest: Superblock,
    /// What becomes of each slot.
    pub roles: [Role; MEMBERS_MAX],
    /// Generations of members that a person decided against: they belong into
    /// the history, and a new generation is to be minted.
    pub adopt: Vec<Uuid>,
}

/// What becomes of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The mirror has no such member.
    Empty,
    /// The member is not there, and need not be.
    Absent,
    /// The member is not there, and was in sync.
    Missing,
    /// In sync: it serves reads and may be a source.
    InSync {
        /// Which of the devices given it is.
        device: usize,
    },
    /// To be rebuilt.
    Return {
        /// Which of the devices given it is.
        device: usize,
        /// What it needs.
        missed: Missed,
    },
    /// It is there, and stays out.
    KeptOut {
        /// Which of the devices given it is.
        device: usize,
        /// Why.
        why: &'static str,
    },
}

/// What a member is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Everything: what it has is not known.
    Everything,
    /// These regions, in order; perhaps none.
    Regions(Vec<Region>),
}

/// Why nothing can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// None of the devices is a member that may be believed.
    NoneInSync,
    /// The devices belong to several mirrors.
    Sets(Vec<Uuid>),
    /// Two devices say that they are the same member.
    Twins(usize, usize),
    /// Two members each have what the other lacks.
    SplitBrain {
        /// The slots that ran apart, one for each side.
        sides: Vec<usize>,
        /// Where they may differ.
        conflict: Missed,
    },
}

/// Decides. `found` are the devices in any order, of which some are members;
/// `keep` is the slot that a person chose where halves ran apart.
pub fn assemble(found: &[Option<&Member>], keep: Option<usize>) -> Verdict {
    let _ = (found, keep);
    Verdict::Refuse(Refusal::NoneInSync)
}
