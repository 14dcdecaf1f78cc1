//! What is decided: who is in sync, who is given what, or why nobody starts.

use alloc::vec::Vec;

use uuid::Uuid;

use crate::format::{MEMBERS_MAX, MemberId, Region, Superblock};

/// What is to be done with the devices that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start.
    Start(Plan),
    /// Wait for these members, which may have what no present member has; a person
    /// may say to start without them.
    Hold {
        /// What to do then.
        plan: Plan,
        /// Members in sync that are not there, or that are there but changed: restored from a
        /// snapshot, or rebuilt from a member that is not there. To start without them is to
        /// mark them out.
        missing: Vec<MemberId>,
    },
    /// Nothing can be started.
    Refuse(Refusal),
}

/// How to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The newest superblock among those that are evidence.
    pub newest: Superblock,
    /// What becomes of each member, by its number.
    pub roles: [Role; MEMBERS_MAX],
    /// Generations of members that a person decided against. They belong into the history. A
    /// new generation is to be minted by the record that lists those members as out or
    /// rebuilding. Their `base` stays as it is: a member that still has its base has written
    /// nothing since.
    pub adopt: Vec<Uuid>,
}

impl Plan {
    /// What becomes of a member.
    pub fn role(&self, member: MemberId) -> &Role {
        &self.roles[member.index()]
    }
}

/// What becomes of a member.
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
    /// To be rebuilt. Before any superblock calls it rebuilding, the maps of the members in
    /// sync must durably have the mark that it missed these regions: a decision after a crash
    /// has nothing else to go by. If it is given everything, its superblock begins a new
    /// incarnation of its map.
    Return {
        /// Which of the devices given it is.
        device: usize,
        /// What it needs.
        missed: Missed,
    },
    /// It is there, and stays out. If it is a stranger, the member whose place it has may
    /// still be missing: [`Verdict::Hold`] says so.
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
    /// Halves ran apart: each has what the others lack.
    SplitBrain {
        /// The halves, each with the devices that make it up.
        sides: Vec<Vec<usize>>,
        /// Where they may differ.
        conflict: Missed,
    },
}
