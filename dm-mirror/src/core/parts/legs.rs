//! What is believed and counted of each leg.

use alloc::string::String;
use core::ops::{Index, IndexMut};

use arrayvec::ArrayVec;
use bio::{BufCmd, ErrorKind, IoError, IoResult, Sector};

use super::counts::{Cause, Counts};
use super::errors::Errors;
use super::flushes::{Flushes, Who};
use super::journal::{Journal, Waiting};
use super::leg::{LEGS_MAX, LegSet, LegState};
use super::region::{Flushed, Moment, Regions};

/// The cache was lost.
pub(crate) const LOST: IoResult = Err(IoError { kind: ErrorKind::Media, resid: 0 });

/// What is believed and counted of a leg.
#[derive(Debug)]
pub(crate) struct LegRecord {
    state: LegState,
    pub(crate) reads_pending: u32,
    /// Where the read ends that it was given last.
    pub(crate) read_end: Sector,
    pub(crate) counts: Counts,
    /// Errors of its medium.
    pub(crate) errors: Errors,
    pub(crate) flushes: Flushes,
    /// Requests that the leg was asked for, of whatever kind.
    pub(crate) outstanding: u32,
    /// When the last flush that succeeded was issued.
    pub(crate) flushed: Moment,
    /// How many of its records the start that is on its way found torn or damaged.
    pub(crate) damaged: u64,
    /// Its map, if it has one.
    pub(crate) journal: Option<Journal>,
    /// How often the device had lost its cache when that was last looked at.
    pub(crate) resets: u64,
    /// When it was last seen to have lost it.
    pub(crate) lost: Moment,
    /// Why it was not taken back when a person asked for that last.
    pub(crate) stays_out: Option<String>,
}

impl LegRecord {
    fn new(state: LegState, resets: u64) -> LegRecord {
        LegRecord {
            state,
            reads_pending: 0,
            read_end: Sector(0),
            counts: Counts::default(),
            errors: Errors::default(),
            flushes: Flushes::default(),
            outstanding: 0,
            flushed: Moment::default(),
            damaged: 0,
            journal: None,
            resets,
            lost: Moment::default(),
            stays_out: None,
        }
    }

    /// What the leg is to the mirror; [`Legs::set`] changes it.
    pub(crate) fn state(&self) -> LegState {
        self.state
    }

    pub(crate) fn is_out(&self) -> bool {
        matches!(self.state, LegState::Failed(_))
    }

    /// The leg is asked for something but a flush.
    #[inline]
    pub(crate) fn issued(&mut self, cmd: BufCmd, cause: Cause) {
        self.outstanding += 1;
        self.counts.issued(cmd, cause);
    }

    /// Whether the leg's own map allows this to write; else it waits.
    pub(crate) fn admits(&mut self, waiting: Waiting, regions: Option<&Regions>) -> bool {
        let (Some(regions), Some(journal)) = (regions, &mut self.journal) else { return true };
        journal.admits(waiting, regions)
    }

    /// A flush that the leg is asked for begins, or waits. Whether it begins.
    pub(crate) fn asks_for_flush(&mut self, who: Who, cause: Cause) -> bool {
        self.outstanding += 1;
        let begins = self.flushes.ask(who, cause);
        if begins {
            self.counts.issued(BufCmd::Flush, cause);
        }
        begins
    }

    /// A flush that was issued at `when` has succeeded.
    pub(crate) fn flushed_since(&mut self, when: Moment) {
        self.flushed = self.flushed.max(when);
    }

    /// Whether what the leg was given from `since` on is where it was put.
    pub(crate) fn kept(&self, since: Moment) -> IoResult {
        if self.lost <= since { Ok(()) } else { LOST }
    }

    /// A session begins with the leg, or it is taken back: what its cache lost before
    /// is known to be missing.
    pub(crate) fn begins(&mut self, resets: u64) {
        (self.resets, self.lost, self.flushed) = (resets, Moment::default(), Moment::default());
    }

    /// A person takes the leg back: its errors count anew, too.
    pub(crate) fn forgive(&mut self, resets: u64) {
        self.begins(resets);
        self.errors = Errors::default();
    }
}

/// All legs, by their numbers in the table.
#[derive(Debug)]
pub(crate) struct Legs {
    records: ArrayVec<LegRecord, LEGS_MAX>,
    /// Those whose state is so: each request asks for them.
    in_sync: LegSet,
    rebuilding: LegSet,
}

impl Legs {
    /// Legs in these states, whose devices have lost their caches so often.
    pub(crate) fn new(legs: impl Iterator<Item = (LegState, u64)>) -> Legs {
        let records = legs.map(|(state, resets)| LegRecord::new(state, resets)).collect();
        let mut legs = Legs { records, in_sync: LegSet::EMPTY, rebuilding: LegSet::EMPTY };
        (0..legs.len()).for_each(|leg| legs.set(leg, legs[leg].state));
        legs
    }

    /// A leg is something else to the mirror from now on.
    pub(crate) fn set(&mut self, leg: usize, state: LegState) {
        self.records[leg].state = state;
        self.in_sync.set(leg, state == LegState::InSync);
        self.rebuilding.set(leg, state == LegState::Rebuilding);
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &LegRecord> {
        self.records.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut LegRecord> {
        self.records.iter_mut()
    }

    /// All of them.
    pub(crate) fn all(&self) -> LegSet {
        LegSet::first(self.len())
    }

    /// The legs in sync; never none while the mirror runs.
    pub(crate) fn in_sync(&self) -> LegSet {
        self.in_sync
    }

    /// The legs that are being rebuilt.
    pub(crate) fn rebuilding(&self) -> LegSet {
        self.rebuilding
    }

    /// The legs that take writes.
    pub(crate) fn writable(&self) -> LegSet {
        self.in_sync.or(self.rebuilding)
    }

    /// The legs whose state is so.
    pub(crate) fn that(&self, is: impl Fn(LegState) -> bool) -> LegSet {
        (0..self.len()).filter(|&leg| is(self[leg].state)).collect()
    }

    /// Those of `legs` that have kept what they were given from `since` on.
    pub(crate) fn kept_since(&self, legs: LegSet, since: Moment) -> LegSet {
        let lost = |&leg: &usize| self[leg].kept(since).is_err();
        legs.without(legs.iter().filter(lost).collect())
    }

    /// When which leg was flushed.
    pub(crate) fn flushed(&self) -> Flushed {
        let when = |leg: usize| self.records.get(leg).map_or(Moment::default(), |it| it.flushed);
        Flushed {
            in_sync: self.in_sync,
            rebuilding: self.rebuilding,
            all: self.all(),
            when: core::array::from_fn(when),
        }
    }
}

impl Index<usize> for Legs {
    type Output = LegRecord;
    fn index(&self, leg: usize) -> &LegRecord {
        &self.records[leg]
    }
}

impl IndexMut<usize> for Legs {
    fn index_mut(&mut self, leg: usize) -> &mut LegRecord {
        &mut self.records[leg]
    }
}
