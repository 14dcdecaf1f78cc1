//! The end of a write group: what has come of it, and when that may be said.
//!
//! Place: `write.rs` calls [`Mirror::settle`] when all legs have reported;
//! `membership.rs` completes what had to be parked.

use alloc::sync::Arc;

use bio::{BufCmd, Extent, IoResult};

use crate::cache_loss::LOST;
use crate::leg::{LegSet, LegState};
use crate::mirror::{Ended, Mirror, State, failure};
use crate::region::Moment;
use crate::write::{Group, LegErrors, Origin};

impl Mirror {
    /// Decides a write group whose legs have all reported. Unless an exclusion is
    /// on its way to the superblocks, the range goes back in the same moment, so
    /// that no read can see a leg in between; else the group is parked.
    ///
    /// It succeeded if an in-sync leg has it, and kept its cache since the group
    /// began: it may have reported before it lost that. An in-sync leg that failed,
    /// beside one that has it, is out: it may have been the last one when it
    /// reported. If none has it, what reached a leg being rebuilt must be
    /// copied again.
    pub(crate) fn settle(
        self: &Arc<Self>,
        group: Group,
        began: Moment,
        reached: LegSet,
        failed: &LegErrors,
    ) {
        let mut out = LegErrors::new();
        let Group { ticket, cmd, extent, origin, .. } = group;
        let ended = {
            let mut state = self.state.lock();
            let holders = match origin {
                Origin::User(_) => state.kept_since(reached, began),
                // Its source has it; that is in sync, or this copy is of no use.
                Origin::Copy(_) | Origin::Repair(_) => {
                    let failed: LegSet = failed.iter().map(|(leg, _)| *leg).collect();
                    state.in_sync().without(failed)
                }
            };
            let mut result = state.outcome(cmd, extent, holders, failed, &mut out);
            if cmd == BufCmd::Flush {
                result = result.and(state.loss.tell(began));
            }
            if let (Some(regions), true) = (&mut state.regions, cmd.modifies()) {
                regions.end(extent);
            }
            let mut origin = origin;
            match &mut origin {
                Origin::User(_) => {}
                Origin::Copy(copied) => copied.reached = reached,
                Origin::Repair(rewrite) => rewrite.targets = reached,
            }
            let ended = Ended { ticket, origin, began, result };
            state.finish(ended)
        };
        out.iter().for_each(|&(leg, error)| self.announce(leg, failure(cmd, error)));
        match ended {
            Some(ended) => self.tell(ended),
            None => self.commit(),
        }
        if !out.is_empty() {
            self.leg_went_out();
        }
    }

    /// Completes a group that was parked.
    pub(crate) fn complete(self: &Arc<Self>, ended: Ended) {
        if let Some(ticket) = ended.ticket {
            self.release(ticket);
        }
        self.tell(ended);
    }

    /// Its range is free: completes what a group was for.
    fn tell(self: &Arc<Self>, Ended { origin, began, result, .. }: Ended) {
        match origin {
            Origin::User(bio) => self.deliver(bio, began, result),
            Origin::Copy(copied) => self.chunk_copied(copied, result),
            Origin::Repair(rewrite) => self.rewritten(rewrite, result),
        }
        self.grant();
    }
}

impl State {
    /// What has come of a group, see [`Mirror::settle`]. Legs that go out for it
    /// are added to `out`.
    fn outcome(
        &mut self,
        cmd: BufCmd,
        extent: Extent,
        holders: LegSet,
        failed: &LegErrors,
        out: &mut LegErrors,
    ) -> IoResult {
        let result = if self.in_sync().and(holders).is_empty() {
            self.copy_again(extent);
            failed.first().map_or(LOST, |&(_, error)| Err(error))
        } else {
            let news = |&&(leg, error): &&_| self.fail(leg, failure(cmd, error));
            out.extend(failed.iter().filter(news).copied());
            Ok(())
        };
        let stay = self.writable().and(failed.iter().map(|(leg, _)| *leg).collect());
        if let (Some(regions), false) = (&mut self.regions, stay.is_empty()) {
            regions.doubt(extent);
            let geometry = regions.geometry();
            let touched = |region| geometry.touched(extent).any(|it| it == region);
            stay.iter().for_each(|leg| self.resync.forget(leg, touched));
        }
        result
    }

    /// Frees the range of a group, unless it must be parked.
    fn finish(&mut self, ended: Ended) -> Option<Ended> {
        if self.pending()
            && let Some(membership) = &mut self.membership
        {
            membership.parked.push(ended);
            return None;
        }
        if let Some(ticket) = ended.ticket {
            self.ranges.release(ticket);
        }
        Some(ended)
    }

    /// Legs being rebuilt may have got something of `extent` that no in-sync
    /// leg has: what they had there counts for nothing.
    fn copy_again(&mut self, extent: Extent) {
        let rebuilding = self.legs_that(|state| state == LegState::Rebuilding);
        let Some(regions) = &mut self.regions else { return };
        for region in regions.geometry().touched(extent) {
            for leg in rebuilding.iter() {
                regions.miss(leg, region);
                self.resync.forget(leg, |it| it == region);
            }
        }
    }
}
