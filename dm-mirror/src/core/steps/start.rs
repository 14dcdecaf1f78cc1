//! The start of a session: finds the members, and goes on from what they say.
//!
//! Place: [`Target::resume`](dm::Target::resume) starts it. So does a person who says to start
//! without a member, or which half to keep. `assemble` decides. `parts/not_started.rs`
//! describes a mirror that was not started.
//!
//! Rules:
//!
//! - Nothing is answered before the session's first superblocks are durable on
//!   every leg in sync: a degraded start by a person is an exclusion (R8).
//! - A region is unsettled if the map of any leg in sync calls it DIRTY, or is bad there
//!   (R6, R7).
//! - A leg that is to be rebuilt gets nothing yet: `readmit.rs` takes it back.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bio::{ErrorKind, IoError};

use super::search::For;
use crate::assemble::{self, Missed, Plan, Role, Verdict};
use crate::core::event::Facts;
use crate::core::parts::found::Found;
use crate::core::parts::journal::Journal;
use crate::core::parts::leg::{Failure, LEGS_MAX, LegSet, LegState};
use crate::core::parts::membership::Membership;
use crate::core::parts::news::News;
use crate::core::parts::not_started::{NotStarted, Offer};
use crate::core::parts::region::Regions;
use crate::core::parts::requests::Req;
use crate::core::{Core, Life};
use crate::format::{Bad, Marks, Member, MemberId, MemberState};

impl Core {
    /// Starts, or tries again if that was not possible, or goes on after a suspension.
    pub(in crate::core) fn resume(&mut self, facts: Box<Facts>) {
        self.facts = facts;
        (self.suspension.suspended, self.suspension.still) = (false, false);
        self.scrub.alarmed = false;
        self.try_all_again();
        if let Some(membership) = &mut self.membership {
            membership.change_twice(|wanted| wanted.clean = false);
        }
        self.start_session();
    }

    /// Finds the members and starts, unless the mirror runs or is about to.
    pub(super) fn start_session(&mut self) {
        let waiting = match &self.life {
            Life::Running | Life::Searching(_) | Life::Opening(_) => return,
            Life::New(_) | Life::Held(_) | Life::Refused(_) => self.take_waiting(),
        };
        self.life = Life::Searching(waiting);
        self.search(self.legs.all(), For::Start);
    }

    /// All legs were searched, for a start.
    pub(super) fn found(&mut self, found: &[Found; LEGS_MAX]) {
        let waiting = self.take_waiting();
        if self.suspension.suspended {
            // Nothing is written after a suspension; the resume starts anew.
            self.life = Life::New(waiting);
            return;
        }
        match self.decide(found) {
            Ok((plan, agreed)) => {
                // The word is good only for what this start needed it for. By the next start,
                // a member that is here now may have excluded the others.
                self.consent.degraded = agreed;
                self.life = Life::Opening(waiting);
                self.apply(&plan, found);
                self.without_those_failed_by_hand();
            }
            Err(life) => {
                let again = matches!(&life, Life::Held(it) if it.has_failed());
                self.is_not_started(life, waiting);
                if again {
                    self.try_again_later();
                }
            }
        }
    }

    /// What is to be done, and what a person had to agree to for that; or what the mirror is
    /// without.
    fn decide(&self, found: &[Found; LEGS_MAX]) -> Result<(Plan, Option<Offer>), Life> {
        let consent = &self.consent;
        let refused = |why| Life::Refused(NotStarted::because(why, found));
        let mut members: [Option<&Member>; LEGS_MAX] = [None; LEGS_MAX];
        for (leg, it) in found.iter().enumerate() {
            match it {
                Found::Member(member, _)
                    if self.check_fit(leg, member.superblock.geometry).is_ok() =>
                {
                    members[leg] = Some(member);
                }
                Found::Bad(Bad::Version(version)) => {
                    return Err(refused(format!(
                        "{} has metadata of version {version}, which is not known here; \
                         use a newer program",
                        self.call(leg)
                    )));
                }
                Found::Member(..) | Found::Bad(_) | Found::Absent => {}
            }
        }
        let mut verdict = assemble::assemble(&members, None);
        if let Some(kept) = consent.kept(&verdict, found) {
            verdict = assemble::assemble(&members, Some(kept));
        }
        let words = || verdict.in_words(&|leg| self.call(leg)).to_string();
        let (plan, agreed) = match &verdict {
            Verdict::Start(plan) => (plan, None),
            Verdict::Hold { plan, missing } => {
                let offer = Offer::of(&plan.newest, missing.clone());
                let words = || words() + &self.in_doubt.warning(plan, missing);
                let agreed = consent.degraded.as_ref().is_some_and(|it| it.covers(&offer));
                if !agreed && !self.setup.start_degraded {
                    return Err(Life::Held(NotStarted::held(words(), plan, offer, found)));
                }
                (plan, agreed.then_some(offer))
            }
            Verdict::Refuse(refusal) => {
                return Err(Life::Refused(NotStarted::refused(words(), refusal, found)));
            }
        };
        self.check(plan).map_err(refused)?;
        let leads = |leg: usize| plan.roles.contains(&Role::InSync { device: leg });
        let is_out = |member: &Member| self.by_hand.contains(member.superblock.own().uuid);
        let may_lead = |leg: usize| leads(leg) && !members[leg].is_some_and(is_out);
        if agreed.is_none() && !self.legs.all().iter().any(may_lead) {
            let why = "a person took out every leg that it could start from; it is tried again by \
                       itself; to start from these legs, remove the device and create it anew";
            return Err(Life::Held(NotStarted::failed(why.into())));
        }
        Ok((plan.clone(), agreed))
    }

    /// The table must describe the mirror that was found.
    fn check(&self, plan: &Plan) -> Result<(), String> {
        let (length, has) = (self.setup.length, plan.newest.geometry.length);
        if length != has {
            return Err(format!("the table says {length} sectors, the mirror has {has}"));
        }
        let members = plan.newest.members.iter().flatten().count();
        if members > self.setup.legs {
            let legs = self.setup.legs;
            return Err(format!(
                "the mirror has {members} members, the table names {legs}; \
                 name `- 0` for one that is not there"
            ));
        }
        Ok(())
    }

    /// The mirror is held or refused; a person is told why, and what waited for it fails.
    fn is_not_started(&mut self, life: Life, waiting: Vec<Req>) {
        // A word for an offer that does not hold is void; a word for a half stays.
        if !matches!(&life, Life::Held(it) if it.has_failed()) {
            self.consent.degraded = None;
        }
        self.life = life;
        if let Some(it) = self.not_started() {
            let why = it.why.clone();
            self.tell(News::NotStarted(why));
        }
        for req in waiting {
            let _ = self.fail_request(req, ErrorKind::Gone);
        }
    }

    /// If what failed to be written are the session's first superblocks, the session is over
    /// before it began, with all that belongs to it. The start is tried again by itself.
    pub(super) fn start_has_failed(&mut self, error: IoError) {
        if !matches!(self.life, Life::Opening(_)) {
            return;
        }
        let waiting = self.take_waiting();
        if let Some(membership) = &self.membership {
            self.in_doubt.failed(membership.wanted());
        }
        self.end_session();
        let why = format!("no superblock can be written: {}; it is tried again", error.kind);
        self.is_not_started(Life::Held(NotStarted::failed(why)), waiting);
    }

    /// Forgets all that belongs to a session.
    fn end_session(&mut self) {
        (self.regions, self.membership) = (None, None);
        for leg in self.legs.all().iter() {
            self.legs.set(leg, LegState::Failed(Failure::Absent));
            self.legs[leg].journal = None;
        }
    }

    /// Goes on from the newest superblock, with everybody in their role.
    fn apply(&mut self, plan: &Plan, found: &[Found; LEGS_MAX]) {
        let (ids, unknown) = members_of_legs(plan, self.legs.len());
        self.unknown = unknown;
        let member = |leg: usize| match &found[leg] {
            Found::Member(member, unreadable) => Some((&**member, &unreadable[..])),
            Found::Absent | Found::Bad(_) => None,
        };
        let mut membership = Membership::new(plan.newest.clone());
        let mut regions = Regions::new(plan.newest.geometry, ids, true);
        self.loss = self.loss.in_a_new_session();
        for (leg, id) in ids.iter().enumerate().take(self.legs.len()) {
            let record = &mut self.legs[leg];
            record.begins(self.facts[leg].resets);
            (record.journal, record.damaged) = (None, 0);
            let state = match plan.role(*id) {
                Role::InSync { .. } => LegState::InSync,
                Role::Return { .. } => LegState::Returning,
                Role::KeptOut { why, .. } => LegState::Failed(Failure::KeptOut(why)),
                Role::Absent | Role::Missing => LegState::Failed(Failure::Absent),
                Role::Empty => LegState::Failed(Failure::NoMember),
            };
            self.legs.set(leg, state);
        }
        let in_sync = self.in_sync();
        for leg in in_sync.iter() {
            let (member, unreadable) = member(leg).expect("a leg in sync was found");
            membership.found(leg, member, member.superblock.incarnation);
            self.legs[leg].journal = Some(Journal::found(member, unreadable));
            self.legs[leg].damaged = member.damaged() as u64;
        }
        let sources = in_sync.iter().filter_map(member).map(|(member, _)| member);
        let sources: Vec<&Member> = sources.collect();
        let others = self.legs_that(|_| true).without(in_sync);
        take_marks(&mut regions, &sources, others);
        for leg in self.legs_that(|state| state == LegState::Returning).iter() {
            let (Some(found), Role::Return { missed, .. }) = (member(leg), plan.role(ids[leg]))
            else {
                continue;
            };
            self.legs[leg].journal =
                Some(returning(leg, found, missed, &mut membership, &mut regions));
        }
        let leading: Vec<MemberId> = in_sync.iter().map(|leg| ids[leg]).collect();
        for id in MemberId::all() {
            let (Role::Return { device: leg, .. } | Role::KeptOut { device: leg, .. }) =
                *plan.role(id)
            else {
                continue;
            };
            let Some((found, _)) = member(leg) else { continue };
            // Otherwise it is a stranger in the member's place.
            if plan.newest.entry_of(&found.superblock).is_some() {
                if matches!(plan.role(id), Role::KeptOut { .. }) {
                    membership.found(leg, found, found.superblock.incarnation);
                }
                membership.look_for_rival(leg, &found.superblock, &leading);
            }
        }
        let by = ids[in_sync.iter().next().expect("a plan has a leg in sync")];
        let mut minted = !plan.adopt.is_empty();
        for (leg, id) in ids.iter().copied().enumerate().take(self.legs.len()) {
            if !in_sync.contains(leg) && membership.state(id) == MemberState::InSync {
                let present = matches!(plan.role(id), Role::Return { .. });
                membership.exclude_found(id, present);
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

/// The member that each leg holds, and the legs of which that is not known. A leg that holds
/// none gets the place of a member that is not there, of the same number if possible;
/// otherwise a free place.
fn members_of_legs(plan: &Plan, legs: usize) -> ([MemberId; LEGS_MAX], LegSet) {
    let mut ids = [None; LEGS_MAX];
    for id in MemberId::all() {
        match *plan.role(id) {
            Role::InSync { device }
            | Role::Return { device, .. }
            | Role::KeptOut { device, .. } => {
                ids[device] = Some(id);
            }
            Role::Empty | Role::Absent | Role::Missing => {}
        }
    }
    let is_missing = |id: &MemberId| matches!(plan.role(*id), Role::Absent | Role::Missing);
    let missing = MemberId::all().filter(is_missing).count();
    let holds_none = |leg: &usize| ids[*leg].is_none();
    let without: LegSet = (0..legs).filter(holds_none).collect();
    for (leg, id) in MemberId::all().enumerate().take(legs) {
        if ids[leg].is_none() && is_missing(&id) {
            ids[leg] = Some(id);
        }
    }
    let taken = ids;
    let free = |id: &MemberId| !taken.contains(&Some(*id));
    let (with, free): (Vec<MemberId>, Vec<MemberId>) =
        MemberId::all().filter(free).partition(is_missing);
    let mut left = with.into_iter().chain(free);
    let ids = ids.map(|id| id.or_else(|| left.next()).expect("as many members as legs"));
    let is_unknown = |leg: &usize| is_missing(&ids[*leg]) && missing > 1;
    let unknown = without.iter().filter(is_unknown).collect();
    (ids, unknown)
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
            if said.contains(Marks::missed(regions.member(leg))) {
                regions.miss(leg, region);
            }
        }
    }
}

/// A leg is to come back: notes what it missed, and gives its map.
pub(super) fn returning(
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
