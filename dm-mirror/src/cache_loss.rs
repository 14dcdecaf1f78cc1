//! A leg whose device lost its cache: what counts of it, and who is told.
//!
//! Place: whoever hears of a leg's request calls [`Mirror::returned`] first, and
//! asks [`LegRecord::kept`] before it believes that something is durable there.
//! `settle.rs` has the mirror's user told.
//!
//! Rules:
//!
//! - What a leg was given counts only if the leg kept its cache from the moment
//!   before the first of it was issued until the flush behind the last has ended.
//!   That holds for data, pages of the map and superblocks, and for every leg: the
//!   flush that follows a loss succeeds, and covers nothing.
//! - A flush that failed may have lost it too, whoever asked for it.
//! - A leg that lost its cache is out, unless it is the last in sync. Then FLUSH
//!   fails, as does each that began before one had failed: whatever was
//!   acknowledged may be gone, and whoever relies on it hears of that.

use alloc::sync::Arc;

use bio::{BufCmd, ErrorKind, IoError, IoResult};
use dm::Severity;

use crate::format::MemberState;
use crate::leg::{Failure, LegState};
use crate::mirror::{LegRecord, Mirror, State, failure};
use crate::region::Moment;

/// The cache was lost.
const LOST: IoResult = Err(IoError { kind: ErrorKind::Media, resid: 0 });

impl Mirror {
    /// A leg has given a request back; its device may have lost its cache meanwhile.
    pub(crate) fn returned(self: &Arc<Self>, leg: usize) {
        let resets = self.legs[leg].resets();
        let mut state = self.state.lock();
        state.legs[leg].outstanding -= 1;
        // Another thread may have seen more.
        if resets <= state.legs[leg].resets {
            return;
        }
        let now = state.tick();
        let record = &mut state.legs[leg];
        (record.resets, record.lost) = (resets, now);
        let out = state.fail(leg, Failure::Reset);
        let last = !out && state.last_leg_lost_cache(leg);
        if last {
            state.untold = Moment::FOREVER;
        }
        drop(state);
        if out {
            self.went_out(leg, Failure::Reset);
        }
        if last {
            self.announce_loss(leg);
        }
    }

    /// A step of `cmd`, or a flush of the mirror's own, failed on a leg.
    pub(crate) fn write_failed(
        self: &Arc<Self>,
        leg: usize,
        cmd: Option<BufCmd>,
        step: BufCmd,
        error: IoError,
    ) {
        let why = failure(step, error);
        let out = {
            let mut state = self.state.lock();
            state.legs[leg].counts.write_errors += 1;
            let out = state.fail(leg, why);
            let last = !out && step == BufCmd::Flush && state.last_leg_lost_cache(leg);
            if last && cmd != Some(BufCmd::Flush) {
                state.untold = Moment::FOREVER;
            }
            out
        };
        if out {
            self.went_out(leg, why);
        }
    }

    fn announce_loss(&self, leg: usize) {
        let name = self.legs[leg].name();
        let what = format_args!("leg {leg} ({name}) may have lost what was not flushed; it stays");
        log::warn!("mirror: {what}");
        self.raise(Severity::Error, what);
    }
}

impl LegRecord {
    /// Whether what the leg was given from `since` on is where it was put.
    pub(crate) fn kept(&self, since: Moment) -> IoResult {
        if self.lost <= since { Ok(()) } else { LOST }
    }
}

impl State {
    /// The next moment; the first of all until the mirror runs.
    pub(crate) fn tick(&mut self) -> Moment {
        self.regions.as_mut().map_or(Moment::default(), |regions| regions.tick())
    }

    /// What a FLUSH that `began` then may say, if the legs say `result`.
    pub(crate) fn tell_of_loss(&mut self, began: Moment, result: IoResult) -> IoResult {
        let result = if began > self.untold { result } else { result.and(LOST) };
        if result.is_err() {
            let now = self.tick();
            self.untold = self.untold.min(now);
        }
        result
    }

    /// A leg that stays may have lost what its cache held, if it is the last in sync.
    /// Legs being rebuilt may have some of that: it is copied to them again, whatever
    /// it is now. False if the leg is out.
    fn last_leg_lost_cache(&mut self, leg: usize) -> bool {
        if self.legs[leg].state != LegState::InSync {
            return false;
        }
        let rebuilding = self.legs_that(|state| state == LegState::Rebuilding);
        let promoted = self.legs_to_be_promoted();
        let State { regions, membership, .. } = self;
        let Some(regions) = regions else { return true };
        if let Some(membership) = membership {
            // They were whole; what they were copied from is so no more.
            for leg in promoted.iter() {
                membership.set_state(regions.slot(leg), MemberState::Rebuilding);
            }
        }
        for region in regions.doubt_all() {
            rebuilding.iter().for_each(|leg| regions.miss(leg, region));
        }
        self.writable().iter().for_each(|leg| self.resync.forget(leg, |_| true));
        true
    }
}
