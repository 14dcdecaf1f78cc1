//! Promotion: a leg that was rebuilt is in sync.
//!
//! Place: the resync asks when a leg has missed nothing; `membership.rs` makes it
//! durable.
//!
//! Rules (R15):
//!
//! - One leg at a time, which holds the present superblock: so its own record
//!   lists in sync whoever may complete the promotion after a crash.
//! - Nothing missed, no region unsettled, no write in flight (the range of the
//!   whole mirror is held), the leg's own map says of the others what it is to
//!   say, no map says any more that it missed something, and it was flushed after its
//!   last write.
//! - The new generation is durable on every leg in sync first, on the leg itself
//!   last. Until then it is no survivor, no source, and not the last one left.

use alloc::sync::Arc;

use bio::IoError;
use dm::Severity;

use crate::counts::Cause;
use crate::flush::{FlushFor, FlushGroup};
use crate::format::{Marks, MemberState};
use crate::leg::{Failure, LegSet, LegState};
use crate::mirror::{Life, Mirror, State};
use crate::not_started::Consent;
use crate::range::Ticket;

impl State {
    /// The legs that may be promoted. Where maps are all that is missing, has them
    /// written.
    pub(crate) fn next_promotion(&mut self) -> LegSet {
        let whole = self.legs_that(|state| state == LegState::Rebuilding);
        let in_sync = self.in_sync();
        let State { regions, legs, membership, .. } = self;
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
}

impl Mirror {
    /// Promotes `legs`, with the whole mirror's range held.
    pub(crate) fn promote(self: &Arc<Self>, ticket: Ticket, legs: LegSet) {
        let legs = self.state.lock().next_promotion().and(legs);
        if legs.is_empty() {
            return self.promotion_over(ticket);
        }
        FlushGroup::start(self, FlushFor::Promotion(ticket), legs, Cause::Copy);
    }

    /// The legs were flushed: superblocks are to call them in sync.
    pub(crate) fn promotion_flushed(self: &Arc<Self>, ticket: Ticket, flushed: LegSet) {
        let over = {
            let mut state = self.state.lock();
            let legs = state.next_promotion().and(flushed);
            let by = state.in_sync().iter().next().expect("one leg is always in sync");
            let State { regions, membership, legs: records, promotion, .. } = &mut *state;
            match (membership, regions) {
                (Some(membership), Some(regions)) if !legs.is_empty() => {
                    for leg in legs.iter() {
                        membership.set_state(regions.member(leg), MemberState::InSync);
                    }
                    membership.mint(regions.member(by));
                    *promotion = Some(ticket);
                    None
                }
                _ => {
                    legs.iter().for_each(|leg| records[leg].state = LegState::InSync);
                    Some(legs)
                }
            }
        };
        match over {
            Some(legs) => {
                self.announce_in_sync(legs);
                self.promotion_over(ticket);
            }
            None => self.commit(),
        }
    }

    fn announce_in_sync(&self, legs: LegSet) {
        for leg in legs.iter() {
            log::info!("mirror: leg {leg} ({}) is in sync", self.legs[leg].name());
            let name = self.legs[leg].name();
            self.raise(Severity::Info, format_args!("leg {leg} ({name}) is in sync"));
        }
    }

    fn promotion_over(self: &Arc<Self>, ticket: Ticket) {
        self.release(ticket);
        self.grant();
        self.next_step();
    }

    /// All legs in sync hold what is wanted, and perhaps the others too: what
    /// waited for that goes on.
    pub(crate) fn membership_changed(self: &Arc<Self>) {
        let (promoted, ticket, started, rebuilding, replaced, off) = {
            let mut state = self.state.lock();
            if state.pending() {
                return;
            }
            state.retry.succeeded();
            state.by_hand = LegSet::EMPTY;
            let promoted = state.take_promoted();
            let still = state.legs_to_be_promoted();
            let ticket = if still.is_empty() { state.promotion.take() } else { None };
            let started = state.take_started();
            let off = if started.is_some() { state.take_lost_replacement() } else { None };
            let rebuilding = state.take_rebuilding();
            (promoted, ticket, started, rebuilding, state.go_on_replacing(), off)
        };
        self.announce_durable();
        self.announce_in_sync(promoted);
        if let Some(leg) = replaced {
            self.announce(leg, Failure::Replaced);
        }
        if let Some(ticket) = ticket {
            self.promotion_over(ticket);
        }
        if let Some(off) = off {
            self.note(Severity::Warning, format_args!("{off} is off: its disk is not there"));
        }
        if let Some(waiting) = started {
            self.announce_start();
            self.wake_cleaner();
            waiting.into_iter().for_each(|bio| self.strategy(bio));
            self.take_back();
            self.look_at_those_put_off();
        }
        self.announce_rebuilding(rebuilding);
        self.resume_resync();
        self.check_stop();
    }

    /// The last leg cannot write its superblock: a promotion is off, for now.
    pub(crate) fn could_not_commit(self: &Arc<Self>, error: IoError) {
        let ticket = {
            let mut state = self.state.lock();
            for leg in state.legs_to_be_promoted().iter() {
                let State { regions, membership, .. } = &mut *state;
                if let (Some(regions), Some(membership)) = (regions, membership) {
                    membership.set_state(regions.member(leg), MemberState::Rebuilding);
                }
            }
            state.promotion.take()
        };
        if let Some(ticket) = ticket {
            self.release(ticket);
            self.grant();
            self.resync_stuck(error);
        }
        self.fail_readers(error);
        self.try_again_later();
    }
}

impl State {
    /// The legs being rebuilt that superblocks are to call in sync.
    pub(crate) fn legs_to_be_promoted(&self) -> LegSet {
        let rebuilding = self.legs_that(|state| state == LegState::Rebuilding);
        let (Some(regions), Some(membership)) = (&self.regions, &self.membership) else {
            return LegSet::EMPTY;
        };
        let wanted = |leg: &usize| membership.state(regions.member(*leg)) == MemberState::InSync;
        rebuilding.iter().filter(wanted).collect()
    }

    /// The legs whose promotion is durable everywhere are in sync.
    fn take_promoted(&mut self) -> LegSet {
        let Some(membership) = &self.membership else { return LegSet::EMPTY };
        let durable = |leg: &usize| membership.holds(*leg);
        let promoted: LegSet = self.legs_to_be_promoted().iter().filter(durable).collect();
        promoted.iter().for_each(|leg| self.legs[leg].state = LegState::InSync);
        promoted
    }

    /// The legs whose own superblock says that they are being rebuilt are.
    fn take_rebuilding(&mut self) -> LegSet {
        let returning = self.legs_that(|state| state == LegState::Returning);
        let Some(membership) = &self.membership else { return LegSet::EMPTY };
        let marked = |leg: &usize| membership.is_marked(*leg) && membership.holds(*leg);
        let rebuilding: LegSet = returning.iter().filter(marked).collect();
        rebuilding.iter().for_each(|leg| self.legs[leg].state = LegState::Rebuilding);
        rebuilding
    }

    /// The session's first superblock is durable: requests that waited may begin.
    fn take_started(&mut self) -> Option<alloc::vec::Vec<bio::Bio>> {
        if !matches!(self.life, Life::Starting(_)) {
            return None;
        }
        self.consent = Consent::default();
        for record in &mut self.legs {
            record.counts.records_repaired += core::mem::take(&mut record.damaged);
        }
        match core::mem::replace(&mut self.life, Life::Running) {
            Life::Starting(waiting) => Some(waiting),
            _ => None,
        }
    }
}
