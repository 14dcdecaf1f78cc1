//! Superblocks on their way to the legs.
//!
//! Place: part of [`Membership`](super::membership::Membership), which decides their contents
//! and has one commit at a time.

use alloc::vec::Vec;

use uuid::Uuid;

use super::counts::Cause;
use super::leg::LegSet;
use super::region::Moment;
use super::requests::LegErrors;
use crate::format::Superblock;

/// A superblock to be written: on which leg, into which slot.
pub(crate) type Write = (usize, usize, Superblock);

/// What superblocks are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They say what is wanted.
    Commits,
    /// They say what a start found, which is not known to be durable.
    Restores,
    /// They say what a start found, but that their member is out.
    Deposes,
}

/// How far a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The superblocks are on their way, and the flushes behind them.
    First,
    /// They are durable on all legs; their second copies are on their way.
    Second,
}

/// What follows when a superblock is durable on a leg, or could not be made so.
pub(crate) enum Then {
    /// Others are still on their way.
    Wait,
    /// The commit has ended on all legs, but for these that failed.
    Over(LegErrors),
    /// Its second copies have ended on all legs, but for these that failed.
    Twice(LegErrors),
}

/// Superblocks on their way.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) purpose: Purpose,
    pub(super) stage: Stage,
    /// What each leg is given, and in which slot.
    pub(super) writes: Vec<Write>,
    /// When the stage began.
    pub(super) since: Moment,
    pub(super) version: u64,
    pub(super) generation: Uuid,
    /// The legs that have not reported.
    pub(super) left: LegSet,
    /// The legs that durably have the first copy.
    pub(super) reached: LegSet,
    /// The legs that failed, each with its error.
    pub(super) failed: LegErrors,
}

impl Commit {
    /// These superblocks go out now. `wanted` is what all are to say in the end.
    pub(super) fn new(
        purpose: Purpose,
        wanted: &Superblock,
        writes: Vec<Write>,
        since: Moment,
    ) -> Commit {
        Commit {
            purpose,
            stage: Stage::First,
            since,
            version: wanted.version,
            generation: wanted.generation,
            left: writes.iter().map(|(leg, ..)| *leg).collect(),
            reached: LegSet::EMPTY,
            failed: LegErrors::new(),
            writes,
        }
    }

    /// What its writes and flushes are counted as.
    pub(super) fn cause(&self) -> Cause {
        match (self.purpose, self.stage) {
            (Purpose::Restores, _) | (_, Stage::Second) => Cause::Copies,
            (Purpose::Commits | Purpose::Deposes, Stage::First) => Cause::Super,
        }
    }

    /// Whether a superblock is on its way to this leg, or has failed there.
    pub(super) fn awaits(&self, leg: usize) -> bool {
        self.left.contains(leg) || self.failed.iter().any(|(it, _)| *it == leg)
    }
}
