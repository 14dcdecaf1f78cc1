//! Taking a leg back that was out.
//!
//! Place: the start of a session has legs that return, and a person may add one
//! to a mirror that runs. From here a leg goes on to `resync.rs`.
//!
//! Rules (R15): first the maps of all legs in sync durably say what it missed;
//! then its superblock says that it is being rebuilt, on it last; only then is
//! anything else written to it. A leg comes back only when all its earlier
//! requests were given back (R12): none of them may land on what is copied.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::assemble::{self, Missed, Role, Verdict};
use crate::format::{
    Bad, FoundPage, Marks, Member, MemberState, REGIONS_PER_PAGE, Region, Second, Superblock,
};
use crate::leg::{LEGS_MAX, LegSet, LegState};
use crate::mirror::{Life, Mirror, State};
use crate::probe::Found;
use crate::start::returning;

impl Mirror {
    /// Takes back a leg of a mirror that runs, if what it holds allows that. A disk
    /// without a superblock becomes a new member, and by `force` any other too. The
    /// answer is that it is being looked at; events and status tell the rest.
    pub(crate) fn add(self: &Arc<Self>, leg: usize, force: bool) -> Result<String, String> {
        self.check_room(leg)?;
        self.state.lock().begin_look(leg, force)?;
        let legs = [leg].into_iter().collect();
        let then = move |mirror: &Arc<Mirror>, found: [Found; LEGS_MAX]| {
            mirror.returned_leg_found(leg, force, found);
        };
        self.probe(legs, Box::new(then));
        Ok(format!("leg {leg} is being looked at"))
    }

    fn returned_leg_found(self: &Arc<Self>, leg: usize, force: bool, mut found: [Found; LEGS_MAX]) {
        let found = core::mem::replace(&mut found[leg], Found::Absent);
        let resets = self.legs[leg].resets();
        let goes_on = self.state.lock().check_look(leg);
        if let Err(why) = goes_on {
            return self.looked_at(leg, Err(why));
        }
        let back = match &found {
            Found::Member(member, unreadable) => {
                let mut state = self.state.lock();
                state.take_back_found(leg, (member, unreadable), resets)
            }
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

    fn begin_new(self: &Arc<Self>, leg: usize) {
        if let Err(why) = self.add_new(leg) {
            self.looked_at(leg, Err(why));
        }
    }

    /// Takes legs that return a step further.
    pub(crate) fn take_back(self: &Arc<Self>) {
        let (record, commit) = {
            let mut state = self.state.lock();
            let mut record = LegSet::EMPTY;
            let mut commit = false;
            if !matches!(state.life, Life::Running) || state.resync.suspended {
                return;
            }
            for leg in state.legs_that(|state| state == LegState::Returning).iter() {
                match state.mark_rebuilding(leg) {
                    Ok(news) => commit |= news,
                    Err(to_record) => record = record.or(to_record),
                }
            }
            (record, commit)
        };
        record.iter().for_each(|leg| self.record(leg));
        if commit {
            self.commit();
        }
    }

    /// A commit of a map is over: what waited for one may go on.
    pub(crate) fn map_became_durable(self: &Arc<Self>) {
        let (returning, rebuilding) = {
            let state = self.state.lock();
            (
                !state.legs_that(|state| state == LegState::Returning).is_empty(),
                !state.legs_that(|state| state == LegState::Rebuilding).is_empty(),
            )
        };
        if returning {
            self.take_back();
        }
        if rebuilding {
            self.resume_resync();
        }
        self.check_stop();
    }
}

impl State {
    /// Has superblocks say that a leg is being rebuilt, once the maps of all legs
    /// in sync say what it missed; else gives the legs whose maps are to be
    /// recorded first.
    fn mark_rebuilding(&mut self, leg: usize) -> Result<bool, LegSet> {
        let in_sync = self.in_sync();
        let State { regions, membership, legs, .. } = self;
        let (Some(regions), Some(membership)) = (regions, membership) else { return Ok(false) };
        let member = regions.member(leg);
        let mut to_record = LegSet::EMPTY;
        for source in in_sync.iter() {
            let Some(journal) = &mut legs[source].journal else { continue };
            if !journal.has_recorded(Marks::missed(member), regions) {
                journal.change_differing(regions);
                to_record.insert(source);
            }
        }
        if !to_record.is_empty() {
            return Err(to_record);
        }
        let news =
            membership.state(member) != MemberState::Rebuilding || !membership.is_marked(leg);
        if news {
            membership.mark(leg, member);
        }
        Ok(news)
    }

    /// What a leg holds that was out, in a mirror that runs: asks `assemble` as if
    /// the legs in sync had just been found.
    fn take_back_found(
        &mut self,
        leg: usize,
        found: (&Member, &[(u32, usize)]),
        resets: u64,
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
        let in_doubt = self.legs[leg].superblock_in_doubt;
        let journal = returning((leg, in_doubt), found, &missed, membership, regions);
        self.by_hand.remove(leg);
        let record = &mut self.legs[leg];
        record.journal = Some(journal);
        record.state = LegState::Returning;
        record.forgive(resets);
        Ok(())
    }
}

/// The mirror as it is now, as if it had been found on the leg `source`.
fn as_found(wanted: &Superblock, regions: &crate::region::Regions, source: usize) -> Member {
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
    let second = Second::Same;
    Member { superblock, slot: 0, second, pages: (0..geometry.pages()).map(page).collect() }
}
