//! A leg whose device lost its cache: what counts of it, and who is told.
//!
//! Place: whoever hears of a leg's request calls [`Mirror::returned`] first, and
//! asks [`LegRecord::kept`] before it believes that something is durable there.
//! `settle.rs` has the mirror's user told.
//!
//! Rules:
//!
//! - A flush that failed may have lost the cache as well as a reset, whoever asked for
//!   it: the flush that follows succeeds, and covers nothing.
//! - What a leg was given counts only if the leg kept its cache from the moment before
//!   the first of it was issued on: pages of the map and superblocks until the flush
//!   behind the last has ended, a write group until it is settled. That holds for
//!   every leg.
//! - A leg that lost its cache is out, unless it is the last in sync. Then whatever
//!   was acknowledged may be gone, and whoever relies on it hears of that: each
//!   FLUSH fails, until one has told that began after the loss was noticed. One that
//!   began before says nothing of what was acknowledged while it was on its way.

use alloc::sync::Arc;
use core::mem;

use bio::sync::Guard;
use bio::{Bio, BufCmd, ErrorKind, IoError, IoResult};
use dm::Severity;

use crate::format::MemberState;
use crate::leg::{Failure, LegSet, LegState};
use crate::leg_flush::Ended;
use crate::mirror::{LegRecord, Mirror, State};
use crate::region::Moment;
use crate::write::Origin;

/// The cache was lost.
pub(crate) const LOST: IoResult = Err(IoError { kind: ErrorKind::Media, resid: 0 });

/// What the last leg in sync lost, and what is still to be told of it.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    /// When it was noticed last.
    noticed: Moment,
    /// Each FLUSH that began up to this moment fails.
    untold: Moment,
}

impl Loss {
    /// What of it is still to be told in a session whose moments begin anew.
    pub(crate) fn in_a_new_session(&self) -> Loss {
        match self.untold {
            Moment::FOREVER => Loss::untold(),
            _ => Loss::default(),
        }
    }

    /// Something was lost before this session, and nobody was told.
    pub(crate) fn untold() -> Loss {
        Loss { noticed: Moment::default(), untold: Moment::FOREVER }
    }

    /// Whether a FLUSH that begins now has to tell of it.
    pub(crate) fn is_untold(&self) -> bool {
        self.untold == Moment::FOREVER
    }

    /// Something is lost. Whether that is news to whoever watches.
    fn notice(&mut self, now: Moment) -> bool {
        let before = mem::replace(self, Loss { noticed: now, untold: Moment::FOREVER });
        before.untold != Moment::FOREVER
    }

    /// What a FLUSH that `began` then has to say of it.
    pub(crate) fn tell(&self, began: Moment) -> IoResult {
        if began > self.untold { Ok(()) } else { LOST }
    }

    /// The user hears `now` that a FLUSH failed which `began` then.
    fn told(&mut self, began: Moment, now: Moment) {
        if began > self.noticed {
            self.untold = self.untold.min(now);
        }
    }
}

impl Mirror {
    /// A leg has given back what `cmd` asked; its device may have lost its cache
    /// meanwhile, or for that.
    pub(crate) fn returned(self: &Arc<Self>, leg: usize, cmd: BufCmd, result: IoResult) {
        let resets = self.legs[leg].resets();
        let mut state = self.state.lock();
        let record = &mut state.legs[leg];
        record.outstanding -= 1;
        let flush = (cmd == BufCmd::Flush).then(|| record.flushes.ended(result));
        // A flush fails once, however many share it.
        let result = if flush == Some(Ended::Shared) { Ok(()) } else { result };
        self.lost_meanwhile(state, leg, (cmd, result), resets);
        if flush == Some(Ended::First { goes_on: true }) {
            self.go_on_flushing(leg);
        }
    }

    /// What a leg that gave something back may have lost.
    fn lost_meanwhile(
        self: &Arc<Self>,
        mut state: Guard<'_, State>,
        leg: usize,
        (cmd, result): (BufCmd, IoResult),
        resets: u64,
    ) {
        let record = &mut state.legs[leg];
        record.counts.write_errors += u64::from(result.is_err() && cmd != BufCmd::Read);
        let why = match result {
            // Another thread may have seen more.
            _ if resets > record.resets => Failure::Reset,
            Err(error) if cmd == BufCmd::Flush => Failure::Flush(error.kind),
            _ => return,
        };
        record.resets = record.resets.max(resets);
        let now = state.tick();
        state.legs[leg].lost = now;
        let out = state.fail(leg, why);
        let lost = !out && state.last_leg_lost_cache(leg) && state.loss.notice(now);
        drop(state);
        if out {
            self.went_out(leg, why);
        }
        if lost {
            self.announce_loss(leg, why);
        }
    }

    /// The user's request ends, which `began` then. If it failed nothing of it counts as
    /// done, whatever some leg did.
    pub(crate) fn deliver(&self, bio: Bio, began: Moment, result: IoResult) {
        if bio.cmd() == BufCmd::Flush && result.is_err() {
            let mut state = self.state.lock();
            let now = state.tick();
            state.loss.told(began, now);
        }
        match result {
            Ok(()) => bio.biodone(Ok(())),
            Err(error) => bio.fail(error.kind),
        }
    }

    fn announce_loss(&self, leg: usize, why: Failure) {
        let name = self.legs[leg].name();
        let what =
            format_args!("leg {leg} ({name}) may have lost what was not flushed; it stays: {why}");
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
    /// Those of `legs` that have kept what they were given from `since` on.
    pub(crate) fn kept_since(&self, legs: LegSet, since: Moment) -> LegSet {
        legs.iter().filter(|&leg| self.legs[leg].kept(since).is_ok()).collect()
    }

    /// The next moment; the first of all until the mirror runs.
    pub(crate) fn tick(&mut self) -> Moment {
        self.regions.as_mut().map_or(Moment::default(), |regions| regions.tick())
    }

    /// A leg that stays may have lost what its cache held, if it is the last in sync.
    /// Legs being rebuilt may have some of that: it is copied to them again, whatever
    /// it is now. What is still to be acknowledged fails. False if the leg is out.
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
                membership.set_state(regions.member(leg), MemberState::Rebuilding);
            }
            let parked = membership.parked.iter_mut();
            for user in parked.filter(|parked| matches!(parked.origin, Origin::User(_))) {
                user.result = user.result.and(LOST);
            }
        }
        regions.doubt_all(rebuilding);
        self.writable().iter().for_each(|leg| self.resync.forget(leg, |_| true));
        true
    }
}
