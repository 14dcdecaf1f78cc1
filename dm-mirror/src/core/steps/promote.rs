//! Promotion: a leg that was rebuilt becomes in sync. Also here: what else becomes true once
//! all legs in sync durably say so.
//!
//! Place: `resync.rs` asks when there is nothing more to copy. `superblocks.rs` makes the
//! promotion durable. `settle` asks [`Core::became_durable`] after each event.
//!
//! Rules (R15):
//!
//! - One leg at a time. It holds the present superblock, so its own record lists in sync every
//!   member that may complete the promotion after a crash.
//! - It missed nothing, no region is unsettled, and no write is in flight: the range of
//!   the whole mirror is held. Its own map has the marks of all who are out. No map says
//!   any more that it missed something. It was flushed after its last write.
//! - The new generation is durable on every leg in sync first, on the leg itself last. Until
//!   then the leg is no survivor, no source, and not the last one left.

use core::mem;

use bio::IoError;

use crate::core::parts::counts::Cause;
use crate::core::parts::flushes::FlushFor;
use crate::core::parts::leg::{LegSet, LegState};
use crate::core::parts::membership::Membership;
use crate::core::parts::news::News;
use crate::core::parts::not_started::{Consent, InDoubt};
use crate::core::parts::range::Ticket;
use crate::core::{Core, Follow, Life, Promotion};
use crate::format::{Marks, MemberState};

impl Core {
    /// The legs that may be promoted. If only records of maps are missing for that, has them
    /// written.
    pub(super) fn next_promotion(&mut self) -> LegSet {
        let whole = self.legs.rebuilding();
        let in_sync = self.in_sync();
        let Core { regions, legs, membership, .. } = self;
        let Some(regions) = regions else { return LegSet::EMPTY };
        if regions.unsettled_count() > 0 {
            return LegSet::EMPTY;
        }
        let may = |&leg: &usize| {
            let holds = membership.as_ref().is_none_or(|membership| membership.holds(leg));
            if regions.missing(leg) > 0 || !holds {
                return false;
            }
            let mark = Marks::missed(regions.member(leg));
            let all_missed = Marks::all().difference(Marks::DIRTY);
            let mut recorded = true;
            for it in in_sync.iter().chain([leg]) {
                let Some(journal) = &mut legs[it].journal else { continue };
                let own = it != leg || journal.has_recorded(all_missed, regions);
                let dropped = if it == leg { all_missed } else { mark };
                if !own || !journal.has_dropped(dropped, regions) {
                    journal.change_differing(regions);
                    recorded = false;
                }
            }
            recorded
        };
        whole.iter().filter(may).take(1).collect()
    }

    /// Promotes `legs`, with the whole mirror's range held.
    pub(super) fn promote(&mut self, ticket: Ticket, legs: LegSet) -> Follow {
        let legs = self.next_promotion().and(legs);
        if legs.is_empty() {
            self.promotion_over(ticket);
        } else {
            self.promotion = Some(Promotion::Flushing(ticket));
            self.start_own_flush(FlushFor::Promotion, legs, Cause::Copy);
        }
        Follow::Perhaps
    }

    /// The legs were flushed: superblocks are to call them in sync.
    pub(super) fn promotion_flushed(&mut self, flushed: LegSet) {
        let Some(Promotion::Flushing(ticket)) = self.promotion else {
            unreachable!("a promotion waits for its flush: {:?}", self.promotion);
        };
        let legs = self.next_promotion().and(flushed);
        let by = self.in_sync().iter().next().expect("one leg is always in sync");
        match (&mut self.membership, &self.regions) {
            (Some(membership), Some(regions)) if !legs.is_empty() => {
                for leg in legs.iter() {
                    membership.set_state(regions.member(leg), MemberState::InSync);
                }
                membership.mint(regions.member(by));
                self.promotion = Some(Promotion::Recording(ticket));
            }
            _ => {
                self.promoted(legs);
                self.promotion_over(ticket);
            }
        }
    }

    fn promoted(&mut self, legs: LegSet) {
        for leg in legs.iter() {
            self.legs.set(leg, LegState::InSync);
            self.tell(News::InSync(leg));
        }
    }

    /// The range goes back, and the resync takes its next step.
    fn promotion_over(&mut self, ticket: Ticket) {
        self.promotion = None;
        self.ranges.release(ticket);
        self.next_resync_step();
    }

    /// All legs in sync hold what is wanted, and perhaps the others too. What waited for that
    /// goes on. Returns whether anything did.
    pub(in crate::core) fn became_durable(&mut self) -> bool {
        if self.pending() || self.membership.is_none() {
            return false;
        }
        self.by_hand_is_recorded();
        let parked = self.membership.as_mut().map(|it| mem::take(&mut it.parked));
        let parked = parked.unwrap_or_default();
        let mut news = !parked.is_empty();
        for req in parked {
            self.end_group(req);
        }
        news |= self.tell_what_is_durable();
        let promoted = self.take_promoted();
        self.promoted(promoted);
        news |= !promoted.is_empty();
        if let Some(Promotion::Recording(ticket)) = self.promotion
            && self.legs_to_be_promoted().is_empty()
        {
            self.promotion_over(ticket);
            news = true;
        }
        news | self.session_begins() | self.rebuilding_begins() | self.go_on_replacing()
    }

    /// The last leg cannot write its superblock: a promotion is off, for now.
    pub(super) fn promotion_is_off(&mut self, error: IoError) {
        for leg in self.legs_to_be_promoted().iter() {
            let Core { regions, membership, .. } = self;
            if let (Some(regions), Some(membership)) = (regions, membership) {
                membership.set_state(regions.member(leg), MemberState::Rebuilding);
                // It is not worth a try at once.
                membership.not_committed();
            }
        }
        if let Some(Promotion::Recording(ticket)) = self.promotion {
            self.promotion = None;
            self.ranges.release(ticket);
            self.resync_stuck(error);
        }
    }

    /// The legs being rebuilt that superblocks are to call in sync.
    pub(crate) fn legs_to_be_promoted(&self) -> LegSet {
        let rebuilding = self.legs.rebuilding();
        let (Some(regions), Some(membership)) = (&self.regions, &self.membership) else {
            return LegSet::EMPTY;
        };
        let wanted = |leg: &usize| membership.state(regions.member(*leg)) == MemberState::InSync;
        rebuilding.iter().filter(wanted).collect()
    }

    /// The legs whose promotion is durable everywhere.
    fn take_promoted(&mut self) -> LegSet {
        let durable = |leg: &usize| self.membership.as_ref().is_some_and(|it| it.holds(*leg));
        self.legs_to_be_promoted().iter().filter(durable).collect()
    }

    /// Legs whose own superblock now calls them rebuilding become so. Returns whether any
    /// does.
    fn rebuilding_begins(&mut self) -> bool {
        let returning = self.legs_that(|state| state == LegState::Returning);
        let holds = |it: &Membership, leg| it.is_marked(leg) && it.holds(leg);
        let marked = |leg: &usize| self.membership.as_ref().is_some_and(|it| holds(it, *leg));
        let rebuilding: LegSet = returning.iter().filter(marked).collect();
        for leg in rebuilding.iter() {
            self.legs.set(leg, LegState::Rebuilding);
            let regions = self.regions.as_ref();
            let (missing, all) =
                regions.map_or((0, 0), |it| (it.missing(leg), it.geometry().regions()));
            self.tell(News::Rebuilding { leg, missing, all });
        }
        !rebuilding.is_empty()
    }

    /// The session's first superblocks are durable: requests that waited may begin.
    fn session_begins(&mut self) -> bool {
        if !matches!(self.life, Life::Opening(_)) {
            return false;
        }
        let waiting = self.take_waiting();
        self.consent = Consent::default();
        self.in_doubt = InDoubt::default();
        for record in self.legs.iter_mut() {
            record.counts.records_repaired += mem::take(&mut record.damaged);
        }
        self.life = Life::Running;
        self.tell_start();
        if let Some(off) = self.take_lost_replacement() {
            self.tell(News::ReplacementOff(off));
        }
        for req in waiting {
            let _ = self.strategy(req);
        }
        true
    }

    fn tell_start(&mut self) {
        let unsettled = self.regions.as_ref().map_or(0, |it| it.unsettled_count());
        self.untold.resyncing = unsettled > 0;
        let session = self.membership.as_ref().map_or(0, |it| it.wanted().session);
        self.tell(News::Started { session, unsettled });
    }

    /// Tells what superblocks have come to say durably. Returns whether that is news.
    fn tell_what_is_durable(&mut self) -> bool {
        let excluded = mem::take(&mut self.untold.excluded);
        if !excluded.is_empty() {
            self.tell(News::Excluded(excluded));
        }
        let generation = self.membership.as_ref().map(|it| it.wanted().generation);
        let generation = generation.filter(|it| *it != self.untold.generation);
        if let Some(generation) = generation {
            self.untold.generation = generation;
            let in_sync = self.in_sync();
            self.tell(News::Generation(generation, in_sync));
        }
        generation.is_some() || !excluded.is_empty()
    }

    /// Tells that regions that could differ are equal, if that is news.
    pub(super) fn tell_settled(&mut self) {
        let settled = self.regions.as_ref().is_none_or(|it| it.unsettled_count() == 0);
        if settled && mem::take(&mut self.untold.resyncing) {
            self.tell(News::Settled);
        }
    }
}
