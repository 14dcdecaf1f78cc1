//! Taking a leg back that was out.
//!
//! Place: the start of a session finds legs that return, and a person may add one to a running
//! mirror. From here a leg goes on to `resync.rs`.
//!
//! Rules:
//!
//! - First the maps of all legs in sync durably say what it missed. Then superblocks say
//!   that it is being rebuilt, its own last. Only then is anything else written to it
//!   (R15).
//! - A leg comes back only when it has given back all its earlier requests: none of them may
//!   land on what is copied (R12).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use super::search::For;
use super::start::returning;
use crate::assemble::{self, Missed, Role, Verdict};
use crate::core::Core;
use crate::core::event::Answer;
use crate::core::parts::found::Found;
use crate::core::parts::leg::LegState;
use crate::core::parts::news::News;
use crate::core::parts::region::Regions;
use crate::format::{
    Bad, FoundPage, Marks, Member, MemberState, REGIONS_PER_PAGE, Region, Superblock,
};

impl Core {
    /// Takes back a leg of a running mirror, if what it holds allows that. A disk without a
    /// superblock becomes a new member; with `force`, any other disk too. The answer says that
    /// the leg is being looked at; events and status tell the rest.
    pub(super) fn add(&mut self, leg: usize, force: bool) -> Answer {
        self.check_room(leg)?;
        self.begin_look(leg, force)?;
        self.search([leg].into_iter().collect(), For::Return);
        Ok(format!("leg {leg} is being looked at"))
    }

    /// A leg that a person adds was read.
    pub(super) fn returned_leg_found(&mut self, leg: usize, found: Found) {
        let force = self.forced.contains(leg);
        if let Err(why) = self.check_look(leg) {
            return self.looked_at(leg, Err(why));
        }
        let back = match &found {
            Found::Member(member, unreadable) => self.take_back_found(leg, (member, unreadable)),
            Found::Bad(Bad::Version(version)) => {
                Err(format!("it has metadata of version {version}, which is not known here"))
            }
            Found::Absent => Err("it cannot be read".into()),
            Found::Bad(bad @ Bad::Field(_)) => Err(format!("its metadata is refused: {bad}")),
            Found::Bad(_) => return self.begin_new(leg),
        };
        match back {
            Err(_) if force && !matches!(found, Found::Absent) => self.begin_new(leg),
            Err(why) if !matches!(found, Found::Absent) => {
                let why = format!("{why}; `add {leg} force` makes it a new member");
                self.looked_at(leg, Err(why));
            }
            back => self.looked_at(leg, back),
        }
    }

    fn begin_new(&mut self, leg: usize) {
        if let Err(why) = self.add_new(leg) {
            self.looked_at(leg, Err(why));
        }
    }

    /// The look at a leg that is out is over: what a person asked for could be begun, or not.
    pub(super) fn looked_at(&mut self, leg: usize, outcome: Result<(), String>) {
        let called_off = self.called_off.contains(leg);
        self.looking.remove(leg);
        self.called_off.remove(leg);
        if outcome.is_err() && self.suspension.suspended && !called_off {
            // A person's word holds over a suspension.
            return self.put_off.insert(leg);
        }
        if outcome.is_err() {
            self.replaces_no_more(leg);
        }
        self.legs[leg].stays_out = outcome.clone().err();
        self.tell(match outcome {
            Ok(()) => News::TakenBack(leg),
            Err(why) => News::StaysOut(leg, why),
        });
    }

    /// Looks at the legs that a person wanted back before the mirror was suspended. Returns
    /// whether there were any.
    pub(in crate::core) fn look_at_those_put_off(&mut self) -> bool {
        if !self.runs() || self.suspension.suspended || self.put_off.is_empty() {
            return false;
        }
        let out = self.legs_that(|state| matches!(state, LegState::Failed(_)));
        for leg in mem::take(&mut self.put_off).and(out).iter() {
            if let Err(why) = self.add(leg, self.forced.contains(leg)) {
                self.looked_at(leg, Err(why));
            }
        }
        true
    }

    /// Takes legs that return a step further. Returns whether that was possible.
    pub(in crate::core) fn take_back(&mut self) -> bool {
        if !self.runs() || self.suspension.suspended {
            return false;
        }
        let returning = self.legs_that(|state| state == LegState::Returning);
        returning.iter().fold(false, |news, leg| news | self.mark_rebuilding(leg))
    }

    /// Has superblocks say that a leg is being rebuilt, once the maps of all legs in sync say
    /// what it missed. Until they do, has the maps recorded. Returns whether that is news.
    fn mark_rebuilding(&mut self, leg: usize) -> bool {
        let in_sync = self.in_sync();
        let Core { regions, membership, legs, .. } = self;
        let (Some(regions), Some(membership)) = (regions, membership) else { return false };
        let member = regions.member(leg);
        let (mut recorded, mut news) = (true, false);
        for source in in_sync.iter() {
            let Some(journal) = &mut legs[source].journal else { continue };
            if !journal.has_recorded(Marks::missed(member), regions) {
                news |= journal.change_differing(regions);
                recorded = false;
            }
        }
        if !recorded {
            return news;
        }
        let news =
            membership.state(member) != MemberState::Rebuilding || !membership.is_marked(leg);
        if news {
            membership.mark(leg, member);
        }
        news
    }

    /// Judges what a leg holds that was out of a running mirror: asks `assemble` as if the
    /// legs in sync had just been found.
    fn take_back_found(
        &mut self,
        leg: usize,
        found: (&Member, &[(u32, usize)]),
    ) -> Result<(), String> {
        let (member, _) = found;
        self.check_look(leg)?;
        let source = self.in_sync().iter().next().expect("one leg is always in sync");
        let (Some(regions), Some(membership)) = (&mut self.regions, &mut self.membership) else {
            return Err("nothing is recorded".into());
        };
        let id = member.superblock.member();
        if regions.member(leg) != id {
            // Where several were missing, a leg has the place of any of them at first.
            let unknown = self.unknown;
            let other = unknown.iter().find(|&other| regions.member(other) == id);
            match other.filter(|_| unknown.contains(leg)) {
                Some(other) => regions.exchange_members(leg, other),
                None => return Err("it is another member".into()),
            }
        }
        let now = as_found(membership.wanted(), regions, source);
        let verdict = assemble::adding(&[Some(&now), Some(member)], id);
        let plan = match &verdict {
            Verdict::Start(plan) | Verdict::Hold { plan, .. } => plan,
            Verdict::Refuse(_) => {
                let names = |n| if n == 0 { "the mirror".into() } else { format!("leg {leg}") };
                return Err(verdict.in_words(&names).to_string());
            }
        };
        if plan.newest.generation != now.superblock.generation {
            return Err("it is newer than what runs; stop the mirror and start it again".into());
        }
        let missed = match &plan.roles[id.index()] {
            Role::Return { missed, .. } => missed.clone(),
            Role::KeptOut { why, .. } => return Err((*why).into()),
            // It shows nothing newer than it was: it was out all the same.
            Role::InSync { .. } => Missed::Everything,
            Role::Empty | Role::Absent | Role::Missing => return Err("it is no member".into()),
        };
        let journal = returning(leg, found, &missed, membership, regions);
        self.by_hand.remove(member.superblock.own().uuid);
        let record = &mut self.legs[leg];
        record.journal = Some(journal);
        record.forgive(self.facts[leg].resets);
        self.legs.set(leg, LegState::Returning);
        Ok(())
    }
}

/// The mirror as it is now, as if it had been found on the leg `source`.
fn as_found(wanted: &Superblock, regions: &Regions, source: usize) -> Member {
    let geometry = regions.geometry();
    let page = |number: u32| {
        let first = number * REGIONS_PER_PAGE as u32;
        let marks = |region| {
            if region < geometry.regions() { regions.marks(Region(region)) } else { Marks::empty() }
        };
        let marks: Vec<Marks> = (first..first + REGIONS_PER_PAGE as u32).map(marks).collect();
        let marks: Box<[Marks; REGIONS_PER_PAGE]> =
            marks.into_boxed_slice().try_into().expect("a page of marks");
        Some(FoundPage::whole(0, 1, marks))
    };
    // What others saw of it is of no matter: it is here.
    let seq = wanted.members.iter().flatten().map(|entry| entry.seen).max().unwrap_or(0);
    let superblock =
        Superblock { slot: regions.member(source).number(), seq: seq.max(1), ..wanted.clone() };
    Member::new(superblock, 0, (0..geometry.pages()).map(page).collect())
}
