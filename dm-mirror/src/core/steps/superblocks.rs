//! The commits of superblocks: to all legs in sync, then to those that are being rebuilt, and
//! for all of them to the other slots.
//!
//! Place: [`Core::record_superblocks`] issues what
//! [`Membership`] wants written.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use bio::{BufCmd, IoError, IoResult};

use crate::core::Core;
use crate::core::event::{Action, Unit};
use crate::core::parts::commit::{Then, Write};
use crate::core::parts::counts::Cause;
use crate::core::parts::flushes::Who;
use crate::core::parts::leg::{Failure, LegSet, LegState};
use crate::core::parts::membership::Membership;
use crate::core::parts::news::News;
use crate::core::parts::requests::LegErrors;
use crate::format::superblock_place;
use crate::label;

impl Core {
    /// Mints the generation that was wanted in this step.
    pub(in crate::core) fn mint(&mut self, dice: &mut dyn FnMut() -> u64) -> bool {
        let membership = self.membership.as_mut();
        membership.is_some_and(|it| it.mint_now(|| label::uuid_from(dice)))
    }

    /// Has superblocks written until all hold what is wanted.
    pub(in crate::core) fn record_superblocks(&mut self) -> bool {
        let writes = self.next_superblocks();
        self.write_superblocks(&writes, self.superblocks_cause());
        !writes.is_empty()
    }

    /// Somebody waits for superblocks that could not be written: it is worth a try.
    pub(super) fn try_superblocks_again(&mut self) {
        self.membership.iter_mut().for_each(Membership::try_again);
    }

    /// Whether a leg in sync does not durably hold what is wanted: nothing is
    /// acknowledged.
    pub(super) fn pending(&self) -> bool {
        let Some(membership) = &self.membership else { return false };
        membership.is_half_done() || !self.in_sync().iter().all(|leg| membership.holds(leg))
    }

    /// All hold the first commit of two, and those that lost were told: the second commit is
    /// to record that.
    pub(in crate::core) fn second_round(&mut self) -> bool {
        let legs = self.writable();
        if let Some(membership) = &mut self.membership
            && membership.is_half_done()
            && legs.iter().all(|leg| membership.holds(leg))
            && membership.rivals().is_empty()
        {
            membership.begin_second_round();
            return true;
        }
        false
    }

    /// The legs that return, and that superblocks were asked to call rebuilding.
    pub(super) fn marked(&self) -> LegSet {
        let returning = self.legs_that(|state| state == LegState::Returning);
        let Some(membership) = &self.membership else { return LegSet::EMPTY };
        returning.iter().filter(|&leg| membership.is_marked(leg)).collect()
    }

    /// The superblocks to be written now, if none are on their way.
    fn next_superblocks(&mut self) -> Vec<Write> {
        if self.suspension.still {
            return Vec::new();
        }
        let in_sync = self.in_sync();
        let rebuilding = self.legs.rebuilding();
        let followers = rebuilding.or(self.marked());
        let (Some(membership), Some(regions)) = (&mut self.membership, &mut self.regions) else {
            return Vec::new();
        };
        if !membership.wants(in_sync.or(followers)) {
            return Vec::new();
        }
        let now = regions.tick();
        let member = |leg| regions.member(leg);
        let mut writes = membership.next(in_sync, now, member);
        if writes.is_empty() {
            writes = membership.depose(now);
        }
        if writes.is_empty() { membership.next(followers, now, member) } else { writes }
    }

    fn write_superblocks(&mut self, writes: &[Write], cause: Cause) {
        for (leg, slot, superblock) in writes {
            self.legs[*leg].issued(BufCmd::Write { fua: false }, cause);
            let unit = Unit::Superblock(Box::new(superblock.clone()));
            self.act(Action::Write { leg: *leg, place: superblock_place(*slot), unit });
        }
    }

    /// A leg's superblock was written.
    pub(super) fn superblock_written(&mut self, leg: usize, result: IoResult) {
        if result.is_err() {
            return self.superblock_done(leg, result);
        }
        self.flush_leg(leg, Who::Superblock, self.superblocks_cause());
    }

    fn superblocks_cause(&self) -> Cause {
        self.membership.as_ref().map_or(Cause::Super, Membership::cause)
    }

    /// A leg's superblock is durable, or could not be made so. The commit point
    /// of every exclusion is the last of these.
    pub(super) fn superblock_done(&mut self, leg: usize, result: IoResult) {
        let member = self.regions.as_ref().expect("a member has regions").member(leg);
        let membership = self.membership.as_mut().expect("its commit is on its way");
        let result = result.and(self.legs[leg].kept(membership.since()));
        let then = membership.done(leg, member, result);
        for leg in membership.take_untold().iter() {
            self.tell(News::StaysRival(leg));
        }
        match then {
            Then::Wait => {}
            Then::Over(failed) => self.commit_over(&failed),
            Then::Twice(failed) => self.superblocks_stand_twice(&failed),
        }
    }

    /// A commit has ended on all its legs. Those that failed go out together: no other commit
    /// begins before it is known whether a leg is left that can be written.
    fn commit_over(&mut self, failed: &LegErrors) {
        let mut stuck = None;
        for &(leg, error) in failed {
            if !self.fail_leg(leg, Failure::Metadata(error.kind)) && self.in_sync().contains(leg) {
                stuck = Some(error);
            }
        }
        match stuck {
            Some(error) => self.commit_failed(error),
            None => {
                self.retry.succeeded();
                self.resync.stuck = false;
            }
        }
        // Their first ones are durable on legs that may be out by now.
        let legs = self.writable().or(self.marked());
        let now = self.tick();
        let copies = self.membership.as_mut().map(|it| it.second_copies(legs, now));
        self.write_superblocks(&copies.unwrap_or_default(), Cause::Copies);
    }

    /// The superblocks of a commit stand twice, but for `failed`. These legs go out. The last
    /// leg stays: it holds what counts, and writes the other slot again with the next commit.
    fn superblocks_stand_twice(&mut self, failed: &LegErrors) {
        for &(leg, error) in failed {
            self.fail_leg(leg, Failure::Metadata(error.kind));
        }
    }

    /// The last leg could not write its superblock, and what waited for it fails. A stop on
    /// its way cannot be recorded; a session that has not begun is over; a promotion is off,
    /// for now.
    fn commit_failed(&mut self, error: IoError) {
        let membership = self.membership.as_mut().expect("a commit belongs to some");
        let parked = mem::take(&mut membership.parked);
        membership.not_committed();
        for req in parked {
            let group = self.requests.group(req);
            group.result = group.result.and(Err(error));
            self.end_group(req);
        }
        self.promotion_is_off(error);
        self.fail_readers(error);
        self.start_has_failed(error);
        if self.suspension.is_worth_another_try() {
            return self.try_all_again();
        }
        self.try_again_later();
    }
}
