//! The superblock: which mirror a disk belongs to, and whom it believes.

use alloc::string::String;

use arrayvec::ArrayVec;
use uuid::Uuid;

use super::{Bad, Geometry, MEMBERS_MAX, UNIT};

/// How many earlier generations a superblock remembers.
pub const HISTORY_MAX: usize = 8;

/// The length of a mirror's name, in bytes.
pub const NAME_MAX: usize = 64;

/// What the mirror holds of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// It has everything.
    InSync,
    /// It may have missed writes: neither read nor written.
    Out,
    /// It takes writes, and is being given what it missed.
    Rebuilding,
    /// It is out for errors of its medium, and comes back only if a person says so.
    FailedMedia,
}

/// A member, as a superblock speaks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemberEntry {
    /// Which disk it is.
    pub uuid: Uuid,
    /// What the mirror holds of it.
    pub state: MemberState,
    /// The generation it had when it went out; nil while that does not matter
    /// or is not known.
    pub base: Uuid,
    /// The largest sequence number that its own superblock durably had, as far
    /// as the writer knew.
    pub seen: u64,
}

/// Who minted a generation, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Minted {
    /// The lowest slot that was in sync then.
    pub by: u8,
    /// In which session.
    pub session: u64,
}

/// A superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Counts the commits of this member's superblock.
    pub seq: u64,
    /// Which mirror.
    pub set: Uuid,
    /// What a person calls it.
    pub name: String,
    /// The slot of the member that this superblock lies on.
    pub slot: u8,
    /// The identity of the time since the last change of who is in sync.
    pub generation: Uuid,
    /// Who minted the generation.
    pub minted: Minted,
    /// The generations before, newest first.
    pub history: ArrayVec<Uuid, HISTORY_MAX>,
    /// Counts the changes within all generations.
    pub version: u64,
    /// Counts the starts.
    pub session: u64,
    /// The mirror was stopped after it had become quiet.
    pub clean: bool,
    /// The pages of this member's map bear the same number.
    pub incarnation: u32,
    /// Regions and places.
    pub geometry: Geometry,
    /// The members, by slot.
    pub members: [Option<MemberEntry>; MEMBERS_MAX],
}

impl Superblock {
    /// The bytes of the unit.
    pub fn encode(&self) -> [u8; UNIT] {
        let _ = self;
        [0; UNIT]
    }

    /// The superblock that these bytes hold.
    pub fn decode(bytes: &[u8]) -> Result<Superblock, Bad> {
        let _ = bytes;
        Err(Bad::Blank)
    }

    /// What this superblock says of the member that it lies on.
    pub fn own(&self) -> &MemberEntry {
        self.members[usize::from(self.slot)].as_ref().expect("decode saw that it is there")
    }
}
