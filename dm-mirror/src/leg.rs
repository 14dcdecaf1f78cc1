//! A leg: one disk's part in the mirror, and what is believed of it.
//!
//! Place: [`Leg`] is fixed when the mirror is made; [`LegState`] changes under
//! the mirror's lock: `mirror.rs` takes a leg out or has part of it copied
//! again, `resync.rs` moves a leg being rebuilt forward and promotes it.

use alloc::sync::Arc;
use core::fmt;

use bio::{Bio, BioDone, ErrorKind, Extent, Sector, sync};
use dm::DeviceHandle;

/// The most legs a mirror can have.
pub const LEGS_MAX: usize = 4;

/// Where a leg's data lies.
pub(crate) struct Leg {
    pub(crate) device: DeviceHandle,
    /// Where on the device the mirror's sector 0 is.
    pub(crate) offset: Sector,
}

impl Leg {
    /// What the device is called.
    pub(crate) fn name(&self) -> Arc<str> {
        self.device.name()
    }

    /// Where on the device an extent of the mirror is.
    pub(crate) fn place(&self, extent: Extent) -> Extent {
        extent.at(self.offset + (extent.start() - Sector(0)))
    }

    /// Passes a request of the mirror on to this leg; `done` hears of its end.
    pub(crate) fn issue(&self, bio: Bio, done: Arc<dyn BioDone>, info: u64) {
        sync::assert_unlocked("strategy");
        let start = self.place(bio.extent()).start();
        self.device.strategy(bio.push_bio(start, done, info));
    }
}

/// What a leg is to the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegState {
    /// Holds everything; serves reads, takes writes, counts for success.
    InSync,
    /// Takes writes; holds everything below `next` but for `again`, so far as
    /// it is flushed.
    Rebuilding {
        /// The next sector to be copied to it.
        next: Sector,
        /// Where it may have what no in-sync leg has: to be copied again.
        again: Option<Extent>,
    },
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
    /// It could not be read, for a reason that is no matter of one sector.
    Read(ErrorKind),
    /// It was being rebuilt, and the data could not be read anywhere else.
    Source(ErrorKind),
    /// A person said so.
    ByHand,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Write(kind) => write!(f, "write failed: {kind}"),
            Failure::Flush(kind) => write!(f, "flush failed: {kind}"),
            Failure::Read(kind) => write!(f, "read failed: {kind}"),
            Failure::Source(kind) => write!(f, "nothing to rebuild it from: {kind}"),
            Failure::ByHand => f.write_str("failed by hand"),
        }
    }
}

/// A set of legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LegSet(u8);

impl LegSet {
    pub(crate) const EMPTY: LegSet = LegSet(0);

    pub(crate) fn from_bits(bits: u8) -> LegSet {
        LegSet(bits)
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn insert(&mut self, leg: usize) {
        self.0 |= 1 << leg;
    }

    pub(crate) fn contains(self, leg: usize) -> bool {
        self.0 & 1 << leg != 0
    }

    pub(crate) fn and(self, other: LegSet) -> LegSet {
        LegSet(self.0 & other.0)
    }

    pub(crate) fn without(self, other: LegSet) -> LegSet {
        LegSet(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its legs, lowest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..LEGS_MAX).filter(move |&leg| self.contains(leg))
    }
}

impl FromIterator<usize> for LegSet {
    fn from_iter<I: IntoIterator<Item = usize>>(legs: I) -> LegSet {
        let mut set = LegSet::EMPTY;
        legs.into_iter().for_each(|leg| set.insert(leg));
        set
    }
}
