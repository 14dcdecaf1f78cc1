//! The start of a session: finds the members, and goes on from what they say.
//!
//! Place: [`Target::resume`](dm::Target::resume) starts it, and a person who says
//! to start without a member, or which half to keep. `assemble` decides.
//!
//! Rules:
//!
//! - Nothing is answered before the session's first superblocks are durable on
//!   every leg in sync: a degraded start by a person is an exclusion (R8).
//! - Regions that the map of any leg in sync calls DIRTY, or cannot say anything
//!   of, are unsettled (R6, R7).
//! - A leg that is to be rebuilt gets nothing yet: `readmit.rs` takes it back.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bio::{Bio, ErrorKind, IoError};
use dm::Severity;
use uuid::Uuid;

use crate::assemble::{self, Missed, Plan, Role, Verdict};
use crate::cache_loss::Loss;
use crate::format::{Bad, MEMBERS_MAX, Marks, Member, MemberState, Superblock};
use crate::journal::Journal;
use crate::leg::{Failure, LEGS_MAX, LegSet, LegState};
use crate::membership::Membership;
use crate::mirror::{Life, Mirror, State};
use crate::probe::Found;
use crate::region::Regions;

/// What a person is asked to agree to: to go on from this record, without these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    generation: Uuid,
    version: u64,
    missing: Vec<usize>,
}

impl Offer {
    /// Whether a person who agreed to this agreed to the other: a disk that was
    /// there when they were asked may be gone by now, and with it what made the
    /// rest good enough.
    fn covers(&self, other: &Offer) -> bool {
        (self.generation, self.version) == (other.generation, other.version)
            && other.missing.iter().all(|slot| self.missing.contains(slot))
    }
}

/// What a person said about the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consent {
    /// Start though members are missing that were in sync.
    pub(crate) degraded: Option<Offer>,
    /// Of halves that ran apart, keep this slot's.
    pub(crate) keep: Option<usize>,
}

impl Mirror {
    /// Finds the members and starts, unless the mirror runs.
    pub(crate) fn start_session(self: &Arc<Self>, consent: Consent) {
        {
            let mut state = self.state.lock();
            match &state.life {
                Life::Running => return,
                Life::Starting(_) if state.probing => return,
                Life::Starting(_) => {}
                Life::Held(..) | Life::Refused(_) => state.life = Life::Starting(Vec::new()),
            }
        }
        self.state.lock().probing = true;
        let legs = (0..self.legs.len()).collect();
        self.probe(legs, alloc::boxed::Box::new(move |mirror, found| mirror.found(found, consent)));
    }

    fn found(self: &Arc<Self>, found: [Found; LEGS_MAX], consent: Consent) {
        let suspended = {
            let mut state = self.state.lock();
            state.probing = false;
            state.resync.suspended.then(|| state.take_quiet())
        };
        if let Some(quiet) = suspended {
            // Nothing is written after a suspension; the resume starts anew.
            return quiet.into_iter().for_each(|quiet| quiet());
        }
        match self.decide(&found, &consent) {
            Ok(plan) => {
                self.geometry.call_once(|| plan.newest.geometry);
                let resets =
                    core::array::from_fn(|leg| self.legs.get(leg).map_or(0, |leg| leg.resets()));
                self.state.lock().apply(&plan, &found, &resets, self);
                self.commit();
            }
            Err(life) => self.not_started(life),
        }
    }

    /// What is to be done, or what the mirror is without.
    fn decide(&self, found: &[Found; LEGS_MAX], consent: &Consent) -> Result<Plan, Life> {
        let mut members: [Option<&Member>; LEGS_MAX] = [None; LEGS_MAX];
        for (leg, found) in found.iter().enumerate() {
            match found {
                Found::Member(member, _) if self.fits(leg, &member.superblock) => {
                    members[leg] = Some(member);
                }
                Found::Bad(Bad::Version(version)) => {
                    let name = self.legs[leg].name();
                    return Err(Life::Refused(format!(
                        "`{name}` has metadata of version {version}, which is not known here; \
                         use a newer program"
                    )));
                }
                Found::Member(..) | Found::Bad(_) | Found::Absent => {}
            }
        }
        let verdict = assemble::assemble(&members, consent.keep);
        let words = verdict.to_string();
        let plan = match verdict {
            Verdict::Start(plan) => plan,
            Verdict::Hold { plan, missing } => {
                let Superblock { generation, version, .. } = plan.newest;
                let offer = Offer { generation, version, missing };
                let agreed = consent.degraded.as_ref().is_some_and(|it| it.covers(&offer));
                if !agreed && !self.start_degraded {
                    return Err(Life::Held(words, Some(offer)));
                }
                plan
            }
            Verdict::Refuse(_) => return Err(Life::Refused(words)),
        };
        self.check(&plan)?;
        Ok(plan)
    }

    /// The table must describe the mirror that was found.
    fn check(&self, plan: &Plan) -> Result<(), Life> {
        let (length, has) = (self.length, plan.newest.geometry.length);
        if length != has {
            return Err(Life::Refused(format!(
                "the table says {length} sectors, the mirror has {has}"
            )));
        }
        let members = plan.newest.members.iter().flatten().count();
        if members > self.legs.len() {
            let legs = self.legs.len();
            return Err(Life::Refused(format!(
                "the mirror has {members} members, the table names {legs}; \
                 name `- 0` for one that is not there"
            )));
        }
        Ok(())
    }

    fn not_started(self: &Arc<Self>, life: Life) {
        if let Life::Held(why, _) | Life::Refused(why) = &life {
            log::warn!("mirror: {why}");
            self.note(Severity::Error, format_args!("not started: {why}"));
        }
        let waiting = {
            let mut state = self.state.lock();
            match mem::replace(&mut state.life, life) {
                Life::Starting(waiting) => waiting,
                Life::Running | Life::Held(..) | Life::Refused(_) => Vec::new(),
            }
        };
        waiting.into_iter().for_each(|bio: Bio| bio.fail(ErrorKind::Gone));
        self.events.raise();
    }

    /// The session's first superblock could not be written.
    pub(crate) fn start_failed(self: &Arc<Self>, error: IoError) {
        let starting = matches!(self.state.lock().life, Life::Starting(_));
        if starting {
            let why = format!("no superblock can be written: {}", error.kind);
            self.not_started(Life::Held(why, None));
        }
    }
}

impl State {
    /// Goes on from the newest superblock, with everybody in their role.
    fn apply(
        &mut self,
        plan: &Plan,
        found: &[Found; LEGS_MAX],
        resets: &[u64; LEGS_MAX],
        mirror: &Mirror,
    ) {
        let slots = slots_of_legs(plan);
        let member = |leg: usize| match &found[leg] {
            Found::Member(member, unreadable) => Some((&**member, &unreadable[..])),
            Found::Absent | Found::Bad(_) => None,
        };
        let mut membership = Membership::new(plan.newest.clone(), mirror.env.clone());
        let mut regions = Regions::new(plan.newest.geometry, slots, true);
        self.loss = Loss::default();
        for (leg, slot) in slots.iter().enumerate().take(self.legs.len()) {
            let record = &mut self.legs[leg];
            record.forgive(resets[leg]);
            record.journal = None;
            record.state = match &plan.roles[*slot] {
                Role::InSync { .. } => LegState::InSync,
                Role::Return { .. } => LegState::Returning,
                Role::KeptOut { why, .. } => LegState::Failed(Failure::KeptOut(why)),
                Role::Absent | Role::Missing => LegState::Failed(Failure::Absent),
                Role::Empty => LegState::Failed(Failure::NoMember),
            };
        }
        let in_sync = self.in_sync();
        for leg in in_sync.iter() {
            let (member, unreadable) = member(leg).expect("a leg in sync was found");
            membership.found(leg, member, member.superblock.incarnation);
            self.legs[leg].journal = Some(Journal::found(member, unreadable));
        }
        let sources = in_sync.iter().filter_map(member).map(|(member, _)| member);
        let sources: Vec<&Member> = sources.collect();
        let others = self.legs_that(|_| true).without(in_sync);
        take_marks(&mut regions, &sources, others);
        for leg in self.legs_that(|state| state == LegState::Returning).iter() {
            let (Some(found), Role::Return { missed, .. }) = (member(leg), &plan.roles[slots[leg]])
            else {
                continue;
            };
            self.legs[leg].journal =
                Some(returning(leg, found, missed, &mut membership, &mut regions));
        }
        let by = slots[in_sync.iter().next().expect("a plan has a leg in sync")];
        let mut minted = !plan.adopt.is_empty();
        for (leg, slot) in slots.iter().copied().enumerate().take(self.legs.len()) {
            if !in_sync.contains(leg) && membership.state(slot) == MemberState::InSync {
                let present = matches!(plan.roles[slot], Role::Return { .. });
                membership.exclude_found(slot, present);
                regions.exclude(leg);
                minted = true;
            }
        }
        membership.adopt(&plan.adopt);
        if minted {
            // One for all: the history has room for few.
            membership.mint(by);
        }
        membership.change_twice(|wanted| {
            wanted.session += 1;
            wanted.clean = false;
        });
        (self.regions, self.membership) = (Some(regions), Some(membership));
    }
}

/// The slot of each leg: that of the member it holds; of the slots left, those
/// that have a member come first.
fn slots_of_legs(plan: &Plan) -> [usize; LEGS_MAX] {
    let mut slots = [None; LEGS_MAX];
    for (slot, role) in plan.roles.iter().enumerate() {
        match *role {
            Role::InSync { device }
            | Role::Return { device, .. }
            | Role::KeptOut { device, .. } => {
                slots[device] = Some(slot);
            }
            Role::Empty | Role::Absent | Role::Missing => {}
        }
    }
    let taken = slots;
    let free = |slot: &usize| !taken.contains(&Some(*slot));
    let has_member = |slot: &usize| plan.newest.members[*slot].is_some();
    let (with, without): (Vec<usize>, Vec<usize>) =
        (0..MEMBERS_MAX).filter(free).partition(has_member);
    let mut left = with.into_iter().chain(without);
    slots.map(|slot| slot.or_else(|| left.next()).expect("as many slots as legs"))
}

/// What the maps of the legs in sync say together.
fn take_marks(regions: &mut Regions, sources: &[&Member], others: LegSet) {
    for region in regions.all() {
        let marks = |member: &&Member| member.marks(region).unwrap_or(Marks::all());
        let said = sources.iter().map(marks).fold(Marks::empty(), Marks::union);
        if said.contains(Marks::DIRTY) {
            regions.unsettle(region);
        }
        for leg in others.iter() {
            if said.contains(Marks::missed(regions.slot(leg))) {
                regions.miss(leg, region);
            }
        }
    }
}

/// A leg is to come back: notes what it missed, and gives its map.
pub(crate) fn returning(
    leg: usize,
    (member, unreadable): (&Member, &[(u32, usize)]),
    missed: &Missed,
    membership: &mut Membership,
    regions: &mut Regions,
) -> Journal {
    let superblock = &member.superblock;
    match missed {
        Missed::Regions(list) => {
            list.iter().for_each(|&region| regions.miss(leg, region));
            membership.found(leg, member, superblock.incarnation);
            Journal::found(member, unreadable)
        }
        Missed::Everything => {
            regions.all().for_each(|region| regions.miss(leg, region));
            let incarnation = superblock.incarnation + 1;
            membership.found(leg, member, incarnation);
            let uuid = superblock.own().uuid;
            Journal::blank(regions.geometry(), uuid, incarnation)
        }
    }
}
