//! Who is in sync, as every superblock is to say it (SUPER_WRITE, SUPER_FLUSH).
//!
//! Place: part of the [`Core`](crate::core::Core). A step that fails, promotes or takes back a
//! leg changes here what superblocks are to say. `steps/superblocks.rs` has them written until
//! all legs in sync hold that, then the legs being rebuilt. Finished writes are parked here
//! meanwhile.
//!
//! Rules:
//!
//! - No write, FUA or FLUSH is acknowledged while a leg in sync does not durably hold what is
//!   wanted, whichever request caused the exclusion (R4).
//! - A superblock goes to a leg that is being rebuilt only after all legs in sync
//!   hold it (R15): a record that promotes a leg is on its source first.
//! - Each exclusion and each promotion mints a generation (R10).
//! - What begins or ends a session is committed twice. Each second record has seen the
//!   first of every other member. So a member that is put back to an earlier state shows
//!   less than others saw of it.
//! - A commit counts when it is durable on all its legs. Then the same superblocks go to
//!   the other slots and are flushed there, and only then does the next commit begin. So
//!   at rest each superblock stands twice, and at most the last commit can be lost.
//! - A start relies on no superblock that it only read: a failed write may have landed all the
//!   same, and no flush covers it. So the superblock that was found is first rewritten in
//!   place, byte for byte, and flushed. If the other slot says something else, it gets the
//!   same superblock too, over what is left there of a torn commit. Only then does the first
//!   commit begin.
//! - A rival is told that it lost. Its own superblock calls it in sync, and does not call all
//!   legs in sync so: without these it would start by itself, with old data. So before a
//!   session begins, and after all legs in sync say that it is out, its superblock is written
//!   once more. It calls its own member out, in a new incarnation, so that nobody goes by its
//!   map any more. All else is what it was.
//! - A leg that cannot write its superblock is out, and the rest commit again.
//!   If it is the last, writes and flushes fail until it can (R9).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use arrayvec::ArrayVec;
use bio::IoResult;
use uuid::Uuid;

use super::commit::{Commit, Purpose, Stage, Then, Write};
use super::counts::Cause;
use super::leg::{LEGS_MAX, LegSet};
use super::region::Moment;
use super::requests::Req;
use crate::format::{
    HISTORY_MAX, Member, MemberEntry, MemberId, MemberState, Minted, SLOTS, Second, Superblock,
};

/// What superblocks are to say, and what they say.
#[derive(Debug)]
pub(crate) struct Membership {
    /// For all members. Slot, number and incarnation are each disk's own.
    wanted: Superblock,
    /// One more commit is to follow, once all hold what is wanted now.
    twice: bool,
    /// A generation is to be minted, by this member.
    to_mint: Option<MemberId>,
    disks: [Disk; LEGS_MAX],
    /// What was found on each disk, and is not known to be durable yet.
    unproven: [Option<Unproven>; LEGS_MAX],
    /// The superblocks of rivals that were not told yet that they lost, as they were found.
    rivals: [Option<Box<Superblock>>; LEGS_MAX],
    /// Rivals that could not be told.
    untold: LegSet,
    commit: Option<Commit>,
    /// The last leg could not write its superblock. The next commit waits for an alarm, or
    /// for somebody who waits for it.
    stuck: bool,
    /// Requests that have ended on all legs, and are not to be acknowledged yet.
    pub(crate) parked: Vec<Req>,
}

/// The superblock of one disk.
#[derive(Clone, Copy, Debug, Default)]
struct Disk {
    slot: usize,
    /// The largest number that was ever used.
    seq: u64,
    incarnation: u32,
    /// The wanted version that is durable here; 0 before the first.
    version: u64,
    /// The generation that is durable here.
    generation: Uuid,
    /// The leg returns, and superblocks are to call it rebuilding.
    marked: bool,
    /// It returns as a new member, which superblocks do not know yet.
    newcomer: Option<Uuid>,
}

impl Disk {
    /// The number of the next superblock, and the slot that it goes to.
    fn next(&mut self) -> (u64, usize) {
        self.seq += 1;
        (self.seq, (self.slot + 1) % SLOTS)
    }
}

/// A superblock that was found, and may not be durable.
#[derive(Debug)]
struct Unproven {
    superblock: Box<Superblock>,
    /// It stood in one slot alone.
    alone: bool,
}

impl Membership {
    /// Goes on from the newest superblock that was found.
    pub(crate) fn new(newest: Superblock) -> Membership {
        Membership {
            wanted: newest,
            twice: false,
            to_mint: None,
            disks: [Disk::default(); LEGS_MAX],
            unproven: Default::default(),
            rivals: Default::default(),
            untold: LegSet::EMPTY,
            commit: None,
            stuck: false,
            parked: Vec::new(),
        }
    }

    /// What is wanted of all superblocks.
    pub(crate) fn wanted(&self) -> &Superblock {
        &self.wanted
    }

    /// A leg's disk holds this member. With a new `incarnation` its whole map counts for
    /// nothing.
    pub(crate) fn found(&mut self, leg: usize, member: &Member, incarnation: u32) {
        let Superblock { seq, generation, .. } = member.superblock;
        let id = member.superblock.member();
        // One that was restored from a snapshot shows less than was seen of it.
        let seen = self.wanted.entry(id).map_or(0, |entry| entry.seen);
        let seq = seq.max(seen);
        let slot = member.slot;
        self.disks[leg] = Disk { slot, seq, incarnation, generation, ..Disk::default() };
        let superblock = Box::new(member.superblock.clone());
        self.unproven[leg] = Some(Unproven { superblock, alone: member.second != Second::Same });
        self.saw(id, seq);
    }

    /// A leg's wiped disk is to be a new member. Returns the incarnation of its map.
    pub(crate) fn newcomer(&mut self, leg: usize, uuid: Uuid) -> u32 {
        let (slot, incarnation) = (SLOTS - 1, 1);
        self.disks[leg] = Disk { slot, incarnation, newcomer: Some(uuid), ..Disk::default() };
        self.unproven[leg] = None;
        incarnation
    }

    /// Whether the mirror has this member.
    pub(crate) fn has(&self, member: MemberId) -> bool {
        self.wanted.entry(member).is_some()
    }

    /// The mirror no longer has this member.
    pub(crate) fn forget(&mut self, member: MemberId) {
        self.change(|wanted| wanted.members[member.index()] = None);
    }

    fn saw(&mut self, member: MemberId, seq: u64) {
        if let Some(entry) = self.wanted.entry_mut(member) {
            entry.seen = entry.seen.max(seq);
        }
    }

    /// Something is wanted that is durable nowhere yet.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Superblock)) {
        change(&mut self.wanted);
        self.wanted.version += 1;
        self.stuck = false;
    }

    /// The same, at the begin and the end of a session.
    pub(crate) fn change_twice(&mut self, change: impl FnOnce(&mut Superblock)) {
        self.change(change);
        self.twice = true;
    }

    /// The last leg could not write its superblock. No other commit begins before a try is
    /// worth while. Two commits follow then: one alone could be lost together with the one
    /// that failed.
    pub(crate) fn not_committed(&mut self) {
        (self.twice, self.stuck) = (true, true);
    }

    /// What failed may be tried again.
    pub(crate) fn try_again(&mut self) {
        self.stuck = false;
    }

    /// All hold what is to be committed twice: they are to have seen that.
    pub(crate) fn begin_second_round(&mut self) {
        self.twice = false;
        self.change(|_| ());
    }

    /// Whether a second commit is still to come.
    pub(crate) fn is_half_done(&self) -> bool {
        self.twice
    }

    /// What all members are to hold of this one.
    pub(crate) fn state(&self, member: MemberId) -> MemberState {
        self.wanted.entry(member).map_or(MemberState::Out, |entry| entry.state)
    }

    pub(crate) fn set_state(&mut self, member: MemberId, state: MemberState) {
        self.change(|wanted| {
            if let Some(entry) = wanted.entry_mut(member) {
                entry.state = state;
            }
        });
    }

    /// A new generation is wanted; `by` is the lowest member in sync. It is minted before the
    /// step ends, once for all who want one in that step.
    pub(crate) fn mint(&mut self, by: MemberId) {
        self.change(|_| ());
        self.to_mint = Some(by);
    }

    /// Mints the generation that is wanted, if one is, with the identity that `dice` gives.
    /// Returns whether one was minted.
    pub(crate) fn mint_now(&mut self, dice: impl FnOnce() -> Uuid) -> bool {
        let Some(by) = self.to_mint.take() else { return false };
        let wanted = &mut self.wanted;
        remember(&mut wanted.history, wanted.generation);
        wanted.generation = dice();
        wanted.minted = Minted { by: by.number(), session: wanted.session };
        true
    }

    /// These generations led to what is wanted, too.
    pub(crate) fn adopt(&mut self, generations: &[Uuid]) {
        for &generation in generations {
            remember(&mut self.wanted.history, generation);
        }
    }

    /// A member goes out, in a new generation. Superblocks are to call it `state`.
    pub(crate) fn exclude(
        &mut self,
        leg: usize,
        member: MemberId,
        by: MemberId,
        state: MemberState,
    ) {
        let Disk { version, generation, newcomer, .. } = self.disks[leg];
        if let Some(entry) = self.wanted.entry_mut(member)
            // Otherwise the entry is still that of the member before it.
            && newcomer.is_none()
        {
            // What was found on it may be of a time that was decided against.
            if version > 0 {
                entry.base = generation;
            }
            entry.state = state;
        }
        self.mint(by);
    }

    /// A member that a start finds no longer in sync goes out; a new generation is to follow.
    /// If its disk is there, it keeps no base: what it did since is not known.
    pub(crate) fn exclude_found(&mut self, member: MemberId, present: bool) {
        let base = if present { Uuid::nil() } else { self.wanted.generation };
        if let Some(entry) = self.wanted.entry_mut(member) {
            (entry.state, entry.base) = (MemberState::Out, base);
        }
    }

    /// In this session, superblocks were asked to call the leg rebuilding.
    pub(crate) fn is_marked(&self, leg: usize) -> bool {
        self.disks[leg].marked
    }

    /// Superblocks are to call the member on `leg` rebuilding.
    pub(crate) fn mark(&mut self, leg: usize, member: MemberId) {
        self.disks[leg].marked = true;
        if let Some(uuid) = self.disks[leg].newcomer.take() {
            let (state, base) = (MemberState::Rebuilding, Uuid::nil());
            let entry = MemberEntry { uuid, state, base, seen: 0 };
            return self.change(|wanted| wanted.members[member.index()] = Some(entry));
        }
        self.set_state(member, MemberState::Rebuilding);
    }

    /// Whether this leg's disk durably holds what is wanted.
    pub(crate) fn holds(&self, leg: usize) -> bool {
        self.disks[leg].version == self.wanted.version
    }

    /// When the commit on its way began.
    pub(crate) fn since(&self) -> Moment {
        self.commit.as_ref().expect("a superblock belongs to a commit").since
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.commit.is_none()
    }

    /// What the superblocks on their way are written for.
    pub(crate) fn cause(&self) -> Cause {
        self.commit.as_ref().map_or(Cause::Super, Commit::cause)
    }

    /// Whether a superblock is on its way to this leg, or has failed there and its
    /// commit is not over.
    pub(crate) fn awaits(&self, leg: usize) -> bool {
        self.commit.as_ref().is_some_and(|commit| commit.awaits(leg))
    }

    /// Whether the superblocks on their way are second copies.
    pub(crate) fn is_second(&self) -> bool {
        self.commit.as_ref().is_some_and(|commit| commit.stage == Stage::Second)
    }

    /// Notes whether what was found on a leg's disk would start without one of these members,
    /// which are in sync.
    pub(crate) fn look_for_rival(&mut self, leg: usize, found: &Superblock, in_sync: &[MemberId]) {
        let calls_in_sync = |id: &MemberId| {
            let (ours, its) = (self.wanted.entry(*id), found.entry(*id));
            let same = |(ours, its): (&MemberEntry, &MemberEntry)| {
                ours.uuid == its.uuid && its.state == MemberState::InSync
            };
            ours.zip(its).is_some_and(same)
        };
        let leads = found.own().state == MemberState::InSync;
        if leads && !in_sync.iter().all(calls_in_sync) {
            self.rivals[leg] = Some(Box::new(found.clone()));
        }
    }

    /// The rivals that were not told that they lost.
    pub(crate) fn rivals(&self) -> LegSet {
        (0..LEGS_MAX).filter(|leg| self.rivals[*leg].is_some()).collect()
    }

    /// Rivals that could not be told that they lost, each once.
    pub(crate) fn take_untold(&mut self) -> LegSet {
        mem::take(&mut self.untold)
    }

    /// Whether a commit may begin now, and one of `legs` does not hold what is wanted, or
    /// one is to be told that it lost.
    pub(crate) fn wants(&self, legs: LegSet) -> bool {
        // A record never goes out before its generation.
        let free = self.commit.is_none() && !self.stuck && self.to_mint.is_none();
        free && (legs.iter().any(|leg| !self.holds(leg)) || !self.rivals().is_empty())
    }

    /// The superblocks that tell rivals that they lost, each with its leg and the slot on its
    /// disk; it is `now`.
    pub(crate) fn depose(&mut self, now: Moment) -> Vec<Write> {
        let found = self.restore(self.rivals());
        if !found.is_empty() {
            return self.begin(Purpose::Restores, found, now);
        }
        let mut writes = Vec::new();
        for (leg, found) in self.rivals.iter().enumerate() {
            let Some(found) = found else { continue };
            let (seq, slot) = self.disks[leg].next();
            let incarnation = self.disks[leg].incarnation.max(found.incarnation + 1);
            let mut superblock = Superblock { seq, incarnation, ..Superblock::clone(found) };
            let own = superblock.member();
            superblock.entry_mut(own).expect("a member knows itself").state = MemberState::Out;
            writes.push((leg, slot, superblock));
        }
        self.begin(Purpose::Deposes, writes, now)
    }

    /// What was found on those of `legs` of which nobody knows whether that is durable, each
    /// with its slot.
    fn restore(&self, legs: LegSet) -> Vec<Write> {
        let unproven = |leg: usize| {
            let Unproven { superblock, .. } = self.unproven[leg].as_ref()?;
            Some((leg, self.disks[leg].slot, Superblock::clone(superblock)))
        };
        legs.iter().filter_map(unproven).collect()
    }

    /// The superblocks to be written to `legs`, each with its leg and the slot on
    /// its disk; it is `now`. `member` says which member a leg holds.
    pub(crate) fn next(
        &mut self,
        legs: LegSet,
        now: Moment,
        member: impl Fn(usize) -> MemberId,
    ) -> Vec<Write> {
        let legs: LegSet = legs.iter().filter(|&leg| !self.holds(leg)).collect();
        let found = self.restore(legs);
        if !found.is_empty() {
            return self.begin(Purpose::Restores, found, now);
        }
        let mut writes = Vec::new();
        for leg in legs.iter() {
            let (seq, place) = self.disks[leg].next();
            let (slot, incarnation) = (member(leg).number(), self.disks[leg].incarnation);
            let superblock = Superblock { slot, seq, incarnation, ..self.wanted.clone() };
            writes.push((leg, place, superblock));
        }
        self.begin(Purpose::Commits, writes, now)
    }

    fn begin(&mut self, purpose: Purpose, writes: Vec<Write>, since: Moment) -> Vec<Write> {
        if !writes.is_empty() {
            self.commit = Some(Commit::new(purpose, &self.wanted, writes.clone(), since));
        }
        writes
    }

    /// A superblock is durable on a leg, or could not be made so.
    pub(crate) fn done(&mut self, leg: usize, member: MemberId, result: IoResult) -> Then {
        let commit = self.commit.as_mut().expect("a superblock belongs to a commit");
        commit.left.remove(leg);
        let Commit { purpose, stage, .. } = *commit;
        let last = commit.left.is_empty();
        let disk = &mut self.disks[leg];
        match (result, stage, purpose) {
            (Ok(()), Stage::First, Purpose::Restores) => {
                commit.reached.insert(leg);
                self.unproven[leg].take_if(|it| !it.alone);
            }
            (Ok(()), Stage::First, Purpose::Commits | Purpose::Deposes) => {
                commit.reached.insert(leg);
                disk.slot = (disk.slot + 1) % SLOTS;
                if purpose == Purpose::Commits {
                    (disk.version, disk.generation) = (commit.version, commit.generation);
                } else {
                    self.rivals[leg] = None;
                }
                let seq = disk.seq;
                self.saw(member, seq);
            }
            (Ok(()), Stage::Second, Purpose::Restores) => self.unproven[leg] = None,
            (Ok(()), Stage::Second, Purpose::Commits | Purpose::Deposes) => {}
            (Err(error), ..) => {
                // Nobody waits for a disk that fails.
                if self.rivals[leg].take().is_some() {
                    self.untold.insert(leg);
                }
                commit.failed.push((leg, error));
            }
        }
        match (last, stage, &mut self.commit) {
            (true, Stage::First, Some(commit)) => Then::Over(mem::take(&mut commit.failed)),
            (true, Stage::Second, commit) => {
                let failed = commit.take().map(|commit| commit.failed).unwrap_or_default();
                match purpose {
                    Purpose::Restores => Then::Over(failed),
                    Purpose::Commits | Purpose::Deposes => Then::Twice(failed),
                }
            }
            _ => Then::Wait,
        }
    }

    /// The first copies are over: the second ones, for those that have the first and are
    /// among `legs`, or lost.
    pub(crate) fn second_copies(&mut self, legs: LegSet, now: Moment) -> Vec<Write> {
        let rivals = self.rivals();
        let Some(commit) = &mut self.commit else { return Vec::new() };
        let legs =
            if commit.purpose == Purpose::Deposes { commit.reached } else { legs.or(rivals) };
        let restores = commit.purpose == Purpose::Restores;
        let stands_once = |leg: usize| !restores || self.unproven[leg].is_some();
        let mut writes = mem::take(&mut commit.writes);
        writes.retain(|&(leg, ..)| legs.and(commit.reached).contains(leg) && stands_once(leg));
        writes.iter_mut().for_each(|(_, slot, _)| *slot = (*slot + 1) % SLOTS);
        commit.left = writes.iter().map(|(leg, ..)| *leg).collect();
        (commit.stage, commit.since) = (Stage::Second, now);
        if writes.is_empty() {
            self.commit = None;
        }
        writes
    }
}

/// Puts a generation to the front of a history.
fn remember(history: &mut ArrayVec<Uuid, HISTORY_MAX>, generation: Uuid) {
    history.retain(|it| *it != generation);
    if history.is_full() {
        history.pop();
    }
    history.insert(0, generation);
}
