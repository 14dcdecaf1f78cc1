//! A leg: one disk's part in the mirror, and what is believed of it.
//!
//! Place: [`LegState`] changes in the core's steps: `steps/leg_out.rs` takes a leg out,
//! `steps/readmit.rs` takes one back, `steps/promote.rs` puts a rebuilt one in sync. Only the
//! hands know where a leg lies (`io/leg.rs`).

use core::{fmt, iter};

use bio::{BufCmd, ErrorKind, IoError};

use crate::format::MemberState;

/// The most legs a mirror can have.
pub const LEGS_MAX: usize = crate::format::MEMBERS_MAX;

/// What a leg is to the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegState {
    /// Holds everything; serves reads, takes writes, counts for success.
    InSync,
    /// Takes writes; the regions that it missed are copied to it.
    Rebuilding,
    /// On its way back: gets nothing before its superblock says that it is
    /// being rebuilt.
    Returning,
    /// Out: may have missed a write, so it is neither read nor written.
    Failed(Failure),
}

/// Why a leg is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A write or a discard on it failed.
    Write(ErrorKind),
    /// A flush on it failed: its cache may have lost writes.
    Flush(ErrorKind),
    /// More errors of its medium than are allowed.
    TooManyErrors,
    /// It could not be read, and not because of one bad sector.
    Read(ErrorKind),
    /// Its region map or its superblock could not be written.
    Metadata(ErrorKind),
    /// It lost what its cache held, without a request that failed.
    Reset,
    /// It was being rebuilt, and the data could not be read anywhere else.
    Source(ErrorKind),
    /// A person said so.
    ByHand,
    /// Another one has its place.
    Replaced,
    /// It was out when the mirror started, and did not come back.
    KeptOut(&'static str),
    /// It is not there.
    Absent,
    /// Its slot is free.
    NoMember,
}

impl Failure {
    /// Why a leg is out on which a step of a write failed.
    pub(crate) fn of_step(step: BufCmd, error: IoError) -> Failure {
        match step {
            BufCmd::Flush => Failure::Flush(error.kind),
            _ => Failure::Write(error.kind),
        }
    }

    /// What superblocks are to call a leg that is out for this.
    pub(crate) fn recorded_as(self) -> MemberState {
        match self {
            Failure::TooManyErrors
            | Failure::Write(ErrorKind::Media)
            | Failure::Flush(ErrorKind::Media)
            | Failure::Metadata(ErrorKind::Media) => MemberState::FailedMedia,
            Failure::ByHand => MemberState::FailedByHand,
            Failure::Write(_)
            | Failure::Flush(_)
            | Failure::Metadata(_)
            | Failure::Read(_)
            | Failure::Reset
            | Failure::Source(_)
            | Failure::Replaced
            | Failure::KeptOut(_)
            | Failure::Absent
            | Failure::NoMember => MemberState::Out,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Write(kind) => write!(f, "write failed: {kind}"),
            Failure::Flush(kind) => write!(f, "flush failed: {kind}"),
            Failure::Read(kind) => write!(f, "read failed: {kind}"),
            Failure::TooManyErrors => f.write_str("too many errors of its medium"),
            Failure::Metadata(kind) => write!(f, "metadata write failed: {kind}"),
            Failure::Reset => f.write_str("its cache was lost: reset or reconnected"),
            Failure::Source(kind) => write!(f, "nothing to rebuild it from: {kind}"),
            Failure::ByHand => f.write_str("failed by hand"),
            Failure::Replaced => f.write_str("replaced"),
            Failure::KeptOut(why) => f.write_str(why),
            Failure::Absent => f.write_str("not there"),
            Failure::NoMember => f.write_str("no member"),
        }
    }
}

/// A set of legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LegSet(u8);

impl LegSet {
    pub(crate) const EMPTY: LegSet = LegSet(0);

    /// The legs numbered below `count`.
    pub(crate) fn first(count: usize) -> LegSet {
        LegSet(((1 << count) - 1) as u8)
    }

    /// This leg alone.
    pub(crate) fn only(leg: usize) -> LegSet {
        LegSet(1 << leg)
    }

    /// Puts a leg in, or takes it out.
    pub(crate) fn set(&mut self, leg: usize, is_in: bool) {
        if is_in { self.insert(leg) } else { self.remove(leg) }
    }

    pub(crate) fn insert(&mut self, leg: usize) {
        self.0 |= 1 << leg;
    }

    pub(crate) fn remove(&mut self, leg: usize) {
        self.0 &= !(1 << leg);
    }

    pub(crate) fn contains(self, leg: usize) -> bool {
        self.0 & 1 << leg != 0
    }

    pub(crate) fn and(self, other: LegSet) -> LegSet {
        LegSet(self.0 & other.0)
    }

    pub(crate) fn or(self, other: LegSet) -> LegSet {
        LegSet(self.0 | other.0)
    }

    pub(crate) fn without(self, other: LegSet) -> LegSet {
        LegSet(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The lowest of its legs.
    #[inline]
    pub(crate) fn lowest(self) -> Option<usize> {
        (self.0 != 0).then_some(self.0.trailing_zeros() as usize)
    }

    /// Those of its legs that have higher numbers than `leg`.
    #[inline]
    pub(crate) fn above(self, leg: usize) -> LegSet {
        LegSet(self.0 & !1 << leg)
    }

    /// Its legs, lowest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> + Clone {
        let mut left = u32::from(self.0);
        iter::from_fn(move || {
            let leg = left.trailing_zeros() as usize;
            let some = left != 0;
            left &= left.wrapping_sub(1);
            some.then_some(leg)
        })
    }
}

impl FromIterator<usize> for LegSet {
    fn from_iter<I: IntoIterator<Item = usize>>(legs: I) -> LegSet {
        let mut set = LegSet::EMPTY;
        legs.into_iter().for_each(|leg| set.insert(leg));
        set
    }
}
