//! A leg whose device lost its cache: what counts of it, and who is told.
//!
//! Place: a step that hears of a leg's request calls [`Core::returned`] first. It asks
//! [`LegRecord::kept`](crate::core::parts::legs::LegRecord::kept) before it believes that
//! something is durable there. `write.rs` tells the mirror's user.
//!
//! Rules:
//!
//! - A flush that failed may have lost the cache, as a reset does, whoever asked for it.
//!   The flush that follows succeeds, and covers nothing.
//! - A write counts for a leg only if the leg kept its cache from before the write was
//!   issued: pages of the map and superblocks until the flush behind the last one ended,
//!   a write group until it is settled. That holds for every leg.
//! - A leg that lost its cache is out, unless it is the last in sync.
//! - What the last leg lost is told. Each FLUSH fails, until the user has heard of one
//!   that began after the loss was noticed. A FLUSH that began before says nothing of
//!   what was acknowledged while it was on its way.

use bio::BufCmd;

use crate::core::event::Report;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::legs::LOST;
use crate::core::parts::news::News;
use crate::core::parts::region::Moment;
use crate::core::parts::requests::Origin;
use crate::core::{Core, Follow};
use crate::format::MemberState;

impl Core {
    /// A leg has completed a request `cmd`, which is no flush. Its device may have lost its
    /// cache meanwhile. Nothing follows if it succeeded and lost nothing.
    #[inline]
    pub(super) fn returned(&mut self, leg: usize, cmd: BufCmd, report: Report) -> Follow {
        let record = &mut self.legs[leg];
        record.outstanding -= 1;
        if report.result.is_ok() && report.resets <= record.resets {
            return Follow::Nothing;
        }
        self.lost_meanwhile(leg, cmd, report)
    }

    /// What a leg may have lost that completed something.
    pub(super) fn lost_meanwhile(&mut self, leg: usize, cmd: BufCmd, report: Report) -> Follow {
        let Report { result, resets, .. } = report;
        let record = &mut self.legs[leg];
        record.counts.write_errors += u64::from(result.is_err() && cmd != BufCmd::Read);
        let why = match result {
            // Another report may have said more.
            _ if resets > record.resets => Failure::Reset,
            Err(error) if cmd == BufCmd::Flush => Failure::Flush(error.kind),
            Err(_) => return Follow::Perhaps,
            Ok(()) => return Follow::Nothing,
        };
        record.resets = record.resets.max(resets);
        let now = self.tick();
        self.legs[leg].lost = now;
        let out = self.fail_leg(leg, why);
        if !out && self.last_leg_lost_cache(leg) && self.loss.notice(now) {
            self.tell(News::Lost(leg, why));
        }
        Follow::Perhaps
    }

    /// The next moment; the first of all until the mirror runs.
    pub(super) fn tick(&mut self) -> Moment {
        self.regions.as_mut().map_or(Moment::default(), |regions| regions.tick())
    }

    /// A leg that stays may have lost its cache, if it is the last in sync. Legs being rebuilt
    /// may have some of the lost data: those regions are copied to them again, whatever the
    /// source holds there now. Requests that are still to be acknowledged fail. False if the
    /// leg is out.
    fn last_leg_lost_cache(&mut self, leg: usize) -> bool {
        if self.legs[leg].state() != LegState::InSync {
            return false;
        }
        let rebuilding = self.legs.rebuilding();
        let promoted = self.legs_to_be_promoted();
        let Core { regions, membership, requests, .. } = self;
        let Some(regions) = regions else { return true };
        if let Some(membership) = membership {
            // They were whole, but their source no longer is.
            for leg in promoted.iter() {
                membership.set_state(regions.member(leg), MemberState::Rebuilding);
            }
            for &req in &membership.parked {
                if requests[req].origin == Origin::User {
                    let group = requests.group(req);
                    group.result = group.result.and(LOST);
                }
            }
        }
        regions.doubt_all(rebuilding);
        self.writable().iter().for_each(|leg| self.resync.forget(leg, |_| true));
        true
    }
}
