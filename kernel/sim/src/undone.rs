//! The acknowledged writes that a sector lost, and whether the user was told.
//!
//! Place: part of each past of a [`Register`](crate::linear::Register). If its last disk loses
//! data that no flush covered, a device may lose them too. It says so by a flush that fails.
//!
//! Rules: a flush that succeeds denies the loss of everything that was acknowledged before it
//! began. It may deny a loss only if the user heard before of a failed flush that also began
//! after that acknowledgement.

use alloc::vec::Vec;

use crate::moment::{Moment, NEVER};
use crate::stamp::Stamp;

/// The writes that a sector lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Undone(Vec<Lost>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lost {
    stamp: Stamp,
    acknowledged: Moment,
    /// When the user heard of a flush that failed for it.
    told: Moment,
}

impl Undone {
    /// The write of `stamp` is lost.
    pub(crate) fn add(&mut self, stamp: Stamp, acknowledged: Moment) {
        self.0.push(Lost { stamp, acknowledged, told: NEVER });
    }

    /// The write of `stamp` is acknowledged, lost or not.
    pub(crate) fn acknowledge(&mut self, stamp: Stamp, now: Moment) {
        let lost = self.0.iter_mut().filter(|lost| lost.stamp == stamp);
        lost.for_each(|lost| lost.acknowledged = lost.acknowledged.min(now));
    }

    /// The write of `stamp` has failed: nobody relied on it.
    pub(crate) fn fail(&mut self, stamp: Stamp) {
        self.0.retain(|lost| lost.stamp != stamp);
    }

    /// A flush that began at `begun` has failed.
    pub(crate) fn tell(&mut self, begun: Moment, now: Moment) {
        let told = self.0.iter_mut().filter(|lost| lost.acknowledged < begun);
        told.for_each(|lost| lost.told = lost.told.min(now));
    }

    /// The loss that a flush which began at `begun` denies if it succeeds.
    pub(crate) fn denied(&self, begun: Moment) -> Option<Stamp> {
        let denied = |lost: &&Lost| lost.acknowledged < begun && begun < lost.told;
        self.0.iter().find(denied).map(|lost| lost.stamp)
    }

    /// Forgets losses that no flush can deny: the oldest open flush began at `flush`.
    pub(crate) fn forget(&mut self, flush: Moment) {
        self.0.retain(|lost| lost.told == NEVER || flush < lost.told);
    }

    /// Whether a flush that may deny all losses of `other` may deny these too.
    pub(crate) fn is_part_of(&self, other: &Undone) -> bool {
        self.0.iter().all(|lost| other.0.contains(lost))
    }
}
