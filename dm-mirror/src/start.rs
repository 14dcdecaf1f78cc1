//! The start of a session: finds the members, and goes on from what they say.
//!
//! Place: [`Target::resume`](dm::Target::resume) starts it, and a person who says
//! to start without a member, or which half to keep. `assemble` decides.
//!
//! Rules:
//!
//! - Nothing is answered before the session's first superblock is durable on
//!   every leg in sync: a degraded start by a person is an exclusion (R8).
//! - Regions that the map of any leg in sync calls DIRTY, or cannot say anything
//!   of, are unsettled (R6, R7).
//! - A leg that is to be rebuilt gets nothing yet: `readmit.rs` takes it back.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bio::{Bio, ErrorKind, IoError};

use crate::assemble::{self, Missed, Plan, Role, Verdict};
use crate::format::{Bad, MEMBERS_MAX, Marks, Member, MemberState};
use crate::journal::Journal;
use crate::leg::{Failure, LEGS_MAX, LegSet, LegState};
use crate::membership::Membership;
use crate::mirror::{Life, Mirror, State};
use crate::probe::Found;
use crate::region::Regions;

/// What a person said about the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Consent {
    /// Start though a member is missing that was in sync.
    pub(crate) degraded: bool,
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
                Life::Starting(_) => {}
                Life::Held(_) | Life::Refused(_) => state.life = Life::Starting(Vec::new()),
            }
        }
        let legs = (0..self.legs.len()).collect();
        self.probe(legs, alloc::boxed::Box::new(move |mirror, found| mirror.found(found, consent)));
    }

    fn found(self: &Arc<Self>, found: [Found; LEGS_MAX], consent: Consent) {
        match self.decide(&found, consent) {
            Ok(plan) => {
                self.geometry.call_once(|| plan.newest.geometry);
                let resets = core::array::from_fn(|leg| {
                    self.legs.get(leg).map_or(0, |leg| leg.resets())
                });
                self.state.lock().apply(&plan, &found, &resets, self);
                self.commit();
            }
            Err((held, why)) => self.not_started(held, why),
        }
    }

    /// What is to be done; or why nothing, and whether a person may start it all
    /// the same.
    fn decide(&self, found: &[Found; LEGS_MAX], consent: Consent) -> Result<Plan, (bool, String)> {
        let mut members: [Option<&Member>; LEGS_MAX] = [None; LEGS_MAX];
        for (leg, found) in found.iter().enumerate() {
            match found {
                Found::Member(member) if self.fits(leg, &member.superblock) => {
                    members[leg] = Some(member);
                }
                Found::Bad(Bad::Version(version)) => {
                    let name = self.legs[leg].name();
                    return Err((false, format!(
                        "`{name}` has metadata of version {version}, which is not known here; \
                         use a newer program"
                    )));
                }
                Found::Member(_) | Found::Bad(_) | Found::Absent => {}
            }
        }
        let verdict = assemble::assemble(&members, consent.keep);
        let words = verdict.to_string();
        let plan = match verdict {
            Verdict::Start(plan) => plan,
            Verdict::Hold { plan, .. } if consent.degraded || self.start_degraded => plan,
            Verdict::Hold { .. } => return Err((true, words)),
            Verdict::Refuse(_) => return Err((false, words)),
        };
        self.check(&plan)?;
        Ok(plan)
    }

    /// The table must describe the mirror that was found.
    fn check(&self, plan: &Plan) -> Result<(), (bool, String)> {
        let (length, has) = (self.length, plan.newest.geometry.length);
        if length != has {
            return Err((false, format!("the table says {length} sectors, the mirror has {has}")));
        }
        let members = plan.newest.members.iter().flatten().count();
        if members > self.legs.len() {
            let legs = self.legs.len();
            return Err((false, format!(
                "the mirror has {members} members, the table names {legs}; \
                 name `- 0` for one that is not there"
            )));
        }
        Ok(())
    }

    fn not_started(self: &Arc<Self>, held: bool, why: String) {
        log::warn!("mirror: {why}");
        let waiting = {
            let mut state = self.state.lock();
            let life = if held { Life::Held(why) } else { Life::Refused(why) };
            match mem::replace(&mut state.life, life) {
                Life::Starting(waiting) => waiting,
                Life::Running | Life::Held(_) | Life::Refused(_) => Vec::new(),
            }
        };
        waiting.into_iter().for_each(|bio: Bio| bio.fail(ErrorKind::Gone));
        self.raise_event();
    }

    /// The session's first superblock could not be written.
    pub(crate) fn start_failed(self: &Arc<Self>, error: IoError) {
        let starting = matches!(self.state.lock().life, Life::Starting(_));
        if starting {
            self.not_started(true, format!("no superblock can be written: {}", error.kind));
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
            Found::Member(member) => Some(&**member),
            Found::Absent | Found::Bad(_) => None,
        };
        let mut membership = Membership::new(plan.newest.clone(), mirror.env.clone());
        let mut regions = Regions::new(plan.newest.geometry, slots, true);
        for (leg, slot) in slots.iter().enumerate().take(self.legs.len()) {
            let record = &mut self.legs[leg];
            record.forgive(resets[leg]);
            record.journal = None;
            record.state = match &plan.roles[*slot] {
                Role::InSync { .. } => LegState::InSync,
                Role::Return { .. } => LegState::Returning,
                Role::KeptOut { why, .. } => LegState::Failed(Failure::KeptOut(why)),
                Role::Empty | Role::Absent | Role::Missing => LegState::Failed(Failure::Absent),
            };
        }
        let in_sync = self.in_sync();
        for leg in in_sync.iter() {
            let member = member(leg).expect("a leg in sync was found");
            membership.found(leg, member, member.superblock.incarnation);
            self.legs[leg].journal = Some(Journal::found(member));
        }
        let sources: Vec<&Member> = in_sync.iter().filter_map(member).collect();
        let others = self.legs_that(|_| true).without(in_sync);
        take_marks(&mut regions, &sources, others);
        for leg in self.legs_that(|state| state == LegState::Returning).iter() {
            let (Some(member), Role::Return { missed, .. }) =
                (member(leg), &plan.roles[slots[leg]])
            else {
                continue;
            };
            self.legs[leg].journal =
                Some(returning(leg, member, missed, &mut membership, &mut regions));
        }
        let by = slots[in_sync.iter().next().expect("a plan has a leg in sync")];
        let mut minted = false;
        for (leg, slot) in slots.iter().copied().enumerate().take(self.legs.len()) {
            if !in_sync.contains(leg) && membership.state(slot) == MemberState::InSync {
                let present = matches!(plan.roles[slot], Role::Return { .. });
                membership.exclude_found(slot, present, by);
                regions.exclude(leg);
                minted = true;
            }
        }
        membership.adopt(&plan.adopt);
        if !plan.adopt.is_empty() && !minted {
            membership.mint(by);
        }
        membership.change(|wanted| {
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
            Role::InSync { device } | Role::Return { device, .. } | Role::KeptOut { device, .. } => {
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
    member: &Member,
    missed: &Missed,
    membership: &mut Membership,
    regions: &mut Regions,
) -> Journal {
    let superblock = &member.superblock;
    match missed {
        Missed::Regions(list) => {
            list.iter().for_each(|&region| regions.miss(leg, region));
            membership.found(leg, member, superblock.incarnation);
            Journal::found(member)
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
