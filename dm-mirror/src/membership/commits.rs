//! The commits of superblocks, on their way: to all legs in sync, then to those that are
//! being rebuilt, and for all of them to the other slots.
//!
//! Place: whoever changes what is wanted calls [`Mirror::commit`]; what is to be written
//! [`Membership`] says.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, Buf, BufCmd, BufDone, IoError, IoResult};

use super::{Commit, Membership, Then, Write};
use crate::counts::Cause;
use crate::format::superblock_place;
use crate::leg::{Failure, LegSet, LegState};
use crate::mirror::{Ended, Mirror, State};
use crate::write::LegErrors;

/// What a commit leaves that the last leg could not write.
struct Over {
    parked: Vec<Ended>,
    /// Requests that waited for the start, if it was that.
    waiting: Option<Vec<Bio>>,
}

impl State {
    /// The last leg could not write its superblock. A stop that is on its way cannot be
    /// recorded; a session that has not begun is over.
    fn commit_failed(&mut self, error: IoError) -> Over {
        let membership = self.membership.as_mut().expect("a commit belongs to some");
        let parked = core::mem::take(&mut membership.parked);
        // What follows is not to be the last commit and the one that may be lost at once.
        membership.twice = true;
        self.cleaner.give_up_stop();
        Over { parked, waiting: self.start_has_failed(error) }
    }

    /// Whether a leg in sync does not durably hold what is wanted: nothing is
    /// acknowledged.
    pub(crate) fn pending(&self) -> bool {
        let Some(membership) = &self.membership else { return false };
        membership.twice || !self.in_sync().iter().all(|leg| membership.holds(leg))
    }

    /// All hold what is to be committed twice: they are to have seen that.
    fn second_round(&mut self) {
        let legs = self.writable();
        if let Some(membership) = &mut self.membership
            && membership.twice
            && legs.iter().all(|leg| membership.holds(leg))
        {
            membership.twice = false;
            membership.change(|_| ());
        }
    }

    /// The legs that return, and that superblocks were asked to call rebuilding.
    pub(crate) fn marked(&self) -> LegSet {
        let returning = self.legs_that(|state| state == LegState::Returning);
        let Some(membership) = &self.membership else { return LegSet::EMPTY };
        returning.iter().filter(|&leg| membership.is_marked(leg)).collect()
    }

    /// The superblocks to be written now, if none are on their way.
    fn next_superblocks(&mut self) -> Vec<Write> {
        if self.still {
            return Vec::new();
        }
        let in_sync = self.in_sync();
        let rebuilding = self.legs_that(|state| state == LegState::Rebuilding);
        let followers = rebuilding.or(self.marked());
        let now = self.tick();
        let (Some(membership), Some(regions)) = (&mut self.membership, &self.regions) else {
            return Vec::new();
        };
        if membership.commit.is_some() {
            return Vec::new();
        }
        let member = |leg| regions.member(leg);
        let writes = membership.next(in_sync, now, member);
        if writes.is_empty() { membership.next(followers, now, member) } else { writes }
    }
}

impl Mirror {
    /// Has superblocks written until all hold what is wanted.
    pub(crate) fn commit(self: &Arc<Self>) {
        let writes = {
            let mut state = self.state.lock();
            let writes = state.next_superblocks();
            let write = BufCmd::Write { fua: false };
            writes.iter().for_each(|(leg, ..)| state.legs[*leg].issued(write, Cause::Super));
            writes
        };
        self.write_superblocks(&writes);
    }

    fn write_superblocks(self: &Arc<Self>, writes: &[Write]) {
        let io = Arc::new(SuperIo(self.clone()));
        for (leg, slot, superblock) in writes {
            let place = self.legs[*leg].place(superblock_place(*slot));
            let buf = Buf::write(place, superblock.encode().to_vec().into());
            self.legs[*leg].strategy(Bio::new(buf, io.clone(), *leg as u64));
        }
    }

    /// A leg's superblock was written.
    fn superblock_written(self: &Arc<Self>, io: Arc<SuperIo>, leg: usize, result: IoResult) {
        if result.is_err() {
            return self.superblock_done(leg, result);
        }
        let cause = self.state.lock().membership.as_ref().map_or(Cause::Super, Membership::cause);
        self.flush_leg(leg, Bio::new(Buf::flush(), io, leg as u64), cause);
    }

    /// A leg's superblock is durable, or could not be made so. The commit point
    /// of every exclusion is the last of these.
    fn superblock_done(self: &Arc<Self>, leg: usize, result: IoResult) {
        let then = {
            let mut state = self.state.lock();
            let state = &mut *state;
            let member = state.regions.as_ref().expect("a member has regions").member(leg);
            let membership = state.membership.as_mut().expect("its commit is on its way");
            let Commit { since, .. } = membership.commit.as_ref().expect("it is on its way");
            let record = &mut state.legs[leg];
            let result = result.and(record.kept(*since));
            let slot = membership.next_slot(leg);
            record.superblock_in_doubt = result.is_err().then_some(slot);
            membership.done(leg, member, result)
        };
        match then {
            Then::Wait => {}
            Then::Over(failed) => self.commit_over(&failed),
            Then::Twice(failed) => self.superblocks_stand_twice(&failed),
        }
    }

    /// A commit has ended on all its legs. Those that failed go out together, so
    /// that no other commit begins before it is known whether one is left that
    /// can be written.
    fn commit_over(self: &Arc<Self>, failed: &[(usize, IoError)]) {
        let why = |error: IoError| Failure::Metadata(error.kind);
        let (out, stuck, over) = {
            let mut state = self.state.lock();
            let (mut out, mut stuck) = (LegErrors::new(), None);
            for &(leg, error) in failed {
                if state.fail(leg, why(error)) {
                    out.push((leg, error));
                } else if state.in_sync().contains(leg) {
                    stuck = Some(error);
                }
            }
            // In the same step: a commit that begins later is another one's.
            let over = stuck.map(|error| state.commit_failed(error));
            (out, stuck, over)
        };
        out.iter().for_each(|&(leg, error)| self.announce(leg, why(error)));
        let copies = {
            let mut state = self.state.lock();
            // Their first ones are durable on legs that may be out by now.
            let (legs, now) = (state.writable().or(state.marked()), state.tick());
            let membership = state.membership.as_mut();
            let copies = membership.map_or(Vec::new(), |it| it.second_copies(legs, now));
            let write = BufCmd::Write { fua: false };
            copies.iter().for_each(|(leg, ..)| state.legs[*leg].issued(write, Cause::Copies));
            copies
        };
        self.write_superblocks(&copies);
        match (stuck, over) {
            (Some(error), Some(over)) => self.not_committed(error, over),
            _ => self.committed(),
        }
        if !out.is_empty() {
            self.leg_went_out();
        }
        self.check_stop();
    }

    /// The superblocks of a commit stand twice, but for `failed`. These legs go out, unless
    /// one is the last: that has what counts, and writes the other slot again with the next.
    fn superblocks_stand_twice(self: &Arc<Self>, failed: &[(usize, IoError)]) {
        for &(leg, error) in failed {
            self.fail_leg(leg, Failure::Metadata(error.kind));
        }
        self.committed();
        self.check_stop();
    }

    /// All superblocks of a commit are durable, or their legs are out.
    fn committed(self: &Arc<Self>) {
        let ended = {
            let mut state = self.state.lock();
            state.second_round();
            match (state.pending(), &mut state.membership) {
                (false, Some(membership)) => core::mem::take(&mut membership.parked),
                _ => Vec::new(),
            }
        };
        ended.into_iter().for_each(|ended| self.complete(ended));
        self.membership_changed();
        self.commit();
    }

    /// The last leg cannot write its superblock: what waited for it fails.
    fn not_committed(self: &Arc<Self>, error: IoError, over: Over) {
        let Over { parked, waiting } = over;
        for mut ended in parked {
            ended.result = ended.result.and(Err(error));
            self.complete(ended);
        }
        self.could_not_commit(error);
        if let Some(waiting) = waiting {
            self.announce_not_started(waiting);
        }
    }
}

/// Hears of superblocks and the flushes behind them; the info is the leg.
struct SuperIo(Arc<Mirror>);

impl BufDone for SuperIo {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        let (mirror, leg) = (self.0.clone(), info as usize);
        mirror.returned(leg, buf.cmd(), result);
        match buf.cmd() {
            BufCmd::Flush => mirror.superblock_done(leg, result),
            _ => mirror.superblock_written(self, leg, result),
        }
    }
}
