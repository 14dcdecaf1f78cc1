//! The superblock: which mirror a disk belongs to, and whom it believes.

use alloc::string::String;

use arrayvec::ArrayVec;
use bio::{Sector, Sectors};
use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::echo;
use super::layout::{
    Bad, COUNTER_MAX, Geometry, INCARNATION_MAX, MEMBERS_MAX, MemberId, ROOM, UNIT, must,
};
use super::unit::{Head, all_zero, open, seal};

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
    /// A person took it out, and it comes back only if a person says so.
    FailedByHand,
}

impl MemberState {
    /// Whether only a person's word takes such a member back.
    pub fn needs_a_person(self) -> bool {
        match self {
            MemberState::FailedMedia | MemberState::FailedByHand => true,
            MemberState::InSync | MemberState::Out | MemberState::Rebuilding => false,
        }
    }
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

const MAGIC: [u8; 8] = *b"DMIR-SUP";

/// The flag of a clean stop; the other bits are reserved.
const CLEAN: u8 = 1;

/// The unit, byte by byte. The numbers are offsets.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    head: Head,                        // 0
    seq: U64,                          // 16
    set: [u8; 16],                     // 24
    generation: [u8; 16],              // 40
    version: U64,                      // 56
    session: U64,                      // 64
    minted_session: U64,               // 72
    minted_by: u8,                     // 80
    slot: u8,                          // 81
    flags: u8,                         // 82
    generations: u8,                   // 83: how many of `history` are used
    incarnation: U32,                  // 84
    region: U64,                       // 88
    data_start: U64,                   // 96
    length: U64,                       // 104
    reserved: [u8; 16],                // 112
    name: [u8; NAME_MAX],              // 128
    history: [[u8; 16]; HISTORY_MAX],  // 192
    members: [RawMember; MEMBERS_MAX], // 320
    rest: [u8; UNIT - 576],            // 576: echoes at the end of each sector
}

/// A member's 64 bytes; all zero where there is no member.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawMember {
    uuid: [u8; 16],     // 0
    base: [u8; 16],     // 16
    seen: U64,          // 32
    state: u8,          // 40
    reserved: [u8; 23], // 41
}

impl Superblock {
    /// The bytes of the unit. Panics on a superblock that
    /// [`decode`](Superblock::decode) would refuse.
    pub fn encode(&self) -> [u8; UNIT] {
        self.check().expect("a superblock to be written is one that can be read");
        let mut name = [0; NAME_MAX];
        name[..self.name.len()].copy_from_slice(self.name.as_bytes());
        let mut history = [[0; 16]; HISTORY_MAX];
        for (bytes, generation) in history.iter_mut().zip(&self.history) {
            *bytes = generation.into_bytes();
        }
        let mut unit = transmute!(Raw {
            head: Head::new(MAGIC),
            seq: self.seq.into(),
            set: self.set.into_bytes(),
            generation: self.generation.into_bytes(),
            version: self.version.into(),
            session: self.session.into(),
            minted_session: self.minted.session.into(),
            minted_by: self.minted.by,
            slot: self.slot,
            flags: if self.clean { CLEAN } else { 0 },
            generations: self.history.len() as u8,
            incarnation: self.incarnation.into(),
            region: self.geometry.region.0.into(),
            data_start: self.geometry.data_start.0.into(),
            length: self.geometry.length.0.into(),
            reserved: [0; 16],
            name,
            history,
            members: self.members.map(RawMember::from),
            rest: [0; UNIT - 576],
        });
        echo::put(&mut unit, self.seq);
        seal(&mut unit);
        unit
    }

    /// The superblock that these bytes hold: [`UNIT`] of them, or it is refused.
    pub fn decode(bytes: &[u8]) -> Result<Superblock, Bad> {
        let mut unit = *open(bytes, MAGIC)?;
        let seq = Raw::ref_from_bytes(&unit).expect("a layout fills the unit").seq.get();
        echo::take(&mut unit, seq)?;
        let raw = Raw::ref_from_bytes(&unit).expect("a layout fills the unit");
        must(raw.flags & !CLEAN == 0, "a reserved flag")?;
        must(all_zero(&raw.reserved) && all_zero(&raw.rest), "a reserved byte")?;
        let mut members = [None; MEMBERS_MAX];
        for (member, raw) in members.iter_mut().zip(&raw.members) {
            *member = raw.decode()?;
        }
        let superblock = Superblock {
            seq: raw.seq.get(),
            set: Uuid::from_bytes(raw.set),
            name: decode_name(&raw.name)?,
            slot: raw.slot,
            generation: Uuid::from_bytes(raw.generation),
            minted: Minted { by: raw.minted_by, session: raw.minted_session.get() },
            history: decode_history(raw)?,
            version: raw.version.get(),
            session: raw.session.get(),
            clean: raw.flags == CLEAN,
            incarnation: raw.incarnation.get(),
            geometry: Geometry {
                region: Sectors(raw.region.get()),
                data_start: Sector(raw.data_start.get()),
                length: Sectors(raw.length.get()),
            },
            members,
        };
        superblock.check()?;
        superblock.check_counters()?;
        Ok(superblock)
    }

    /// The member that this superblock lies on.
    pub fn member(&self) -> MemberId {
        MemberId::new(usize::from(self.slot))
    }

    /// What this superblock says of the member that it lies on.
    pub fn own(&self) -> &MemberEntry {
        self.entry(self.member()).expect("decode saw that it is there")
    }

    /// What this superblock says of a member; `None` if the mirror has no such member.
    pub fn entry(&self, member: MemberId) -> Option<&MemberEntry> {
        self.members[member.index()].as_ref()
    }

    /// What this superblock says of the member that another one lies on, if both mean the
    /// same disk.
    pub fn entry_of(&self, other: &Superblock) -> Option<&MemberEntry> {
        self.entry(other.member()).filter(|entry| entry.uuid == other.own().uuid)
    }

    /// What this superblock says of a member, to be changed.
    pub fn entry_mut(&mut self, member: MemberId) -> Option<&mut MemberEntry> {
        self.members[member.index()].as_mut()
    }

    /// Refuses a superblock whose numbers are so near their end that a writer which counts on
    /// from them might reach it. Nothing is to be written to such a member.
    pub(super) fn check_room(&self) -> Result<(), Bad> {
        must(self.seq <= ROOM, "the sequence number")?;
        must(self.version <= ROOM, "the config version")?;
        must(self.session <= ROOM && self.minted.session <= ROOM, "the session")?;
        must(self.incarnation <= INCARNATION_MAX / 2, "the incarnation")?;
        let mut members = self.members.iter().flatten();
        must(members.all(|it| it.seen <= ROOM), "the sequence number seen of a member")
    }

    /// Refuses what no writer of this version writes.
    fn check(&self) -> Result<(), Bad> {
        must(!self.set.is_nil(), "the set's uuid")?;
        must(is_name(&self.name), "the name")?;
        must(!self.generation.is_nil(), "the generation")?;
        must(usize::from(self.minted.by) < MEMBERS_MAX, "who minted the generation")?;
        must(!self.history.iter().any(Uuid::is_nil), "the history")?;
        self.geometry.check()?;
        for (slot, member) in self.members.iter().enumerate() {
            let Some(MemberEntry { uuid, .. }) = member else { continue };
            let twin = self.members[..slot].iter().flatten().any(|other| other.uuid == *uuid);
            must(!uuid.is_nil() && !twin, "a member's uuid")?;
        }
        must(matches!(self.members.get(usize::from(self.slot)), Some(Some(_))), "the slot")
    }

    /// Refuses numbers that a writer which counts on might let overflow.
    fn check_counters(&self) -> Result<(), Bad> {
        must(self.seq <= COUNTER_MAX, "the sequence number")?;
        must(self.minted.session <= COUNTER_MAX, "the session of the generation")?;
        must(self.version <= COUNTER_MAX, "the config version")?;
        must(self.session <= COUNTER_MAX, "the session")?;
        must(self.incarnation <= INCARNATION_MAX, "the incarnation")?;
        let mut members = self.members.iter().flatten();
        must(members.all(|it| it.seen <= COUNTER_MAX), "the sequence number seen of a member")
    }
}

/// Whether a mirror can be called so: 1 to [`NAME_MAX`] bytes that can be
/// seen, none of them a `/`.
pub fn is_name(name: &str) -> bool {
    let graphic = |c: char| !c.is_control() && !c.is_whitespace() && c != '/';
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(graphic)
}

fn decode_name(bytes: &[u8; NAME_MAX]) -> Result<String, Bad> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(NAME_MAX);
    let (name, rest) = bytes.split_at(end);
    let name = str::from_utf8(name).ok().filter(|_| all_zero(rest));
    name.map(String::from).ok_or(Bad::Field("the name"))
}

fn decode_history(raw: &Raw) -> Result<ArrayVec<Uuid, HISTORY_MAX>, Bad> {
    let used = usize::from(raw.generations);
    must(used <= HISTORY_MAX, "the length of the history")?;
    let (used, rest) = raw.history.split_at(used);
    must(rest.iter().all(|bytes| all_zero(bytes)), "the history")?;
    Ok(used.iter().copied().map(Uuid::from_bytes).collect())
}

impl RawMember {
    fn decode(&self) -> Result<Option<MemberEntry>, Bad> {
        let state = match self.state {
            0 if all_zero(self.as_bytes()) => return Ok(None),
            1 => MemberState::InSync,
            2 => MemberState::Out,
            3 => MemberState::Rebuilding,
            4 => MemberState::FailedMedia,
            5 => MemberState::FailedByHand,
            _ => return Err(Bad::Field("a member's state")),
        };
        must(all_zero(&self.reserved), "a reserved byte")?;
        Ok(Some(MemberEntry {
            uuid: Uuid::from_bytes(self.uuid),
            state,
            base: Uuid::from_bytes(self.base),
            seen: self.seen.get(),
        }))
    }
}

impl From<Option<MemberEntry>> for RawMember {
    fn from(member: Option<MemberEntry>) -> RawMember {
        let Some(member) = member else { return RawMember::new_zeroed() };
        let state = match member.state {
            MemberState::InSync => 1,
            MemberState::Out => 2,
            MemberState::Rebuilding => 3,
            MemberState::FailedMedia => 4,
            MemberState::FailedByHand => 5,
        };
        RawMember {
            uuid: member.uuid.into_bytes(),
            base: member.base.into_bytes(),
            seen: member.seen.into(),
            state,
            reserved: [0; 23],
        }
    }
}
