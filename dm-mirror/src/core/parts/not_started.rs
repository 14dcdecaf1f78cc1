//! A mirror that was not started: why, what lies on each leg, and what a person may say.
//!
//! Place: `steps/start.rs` makes it of what was found. It is part of the lives
//! [`Held`](crate::core::Life::Held) and [`Refused`](crate::core::Life::Refused), and ends
//! with them. `face/status.rs` shows it.
//!
//! Rules:
//!
//! - A person's word is good only for what they were shown. For an offer that is the record
//!   and the missing members; for a choice, the generation that the chosen leg showed.
//! - What a person is asked names what it may lead to: a start that failed may have left a
//!   record that puts out the very member that they would start from.
//! - Every answer is kept. A word that cannot be followed now is refused, and the answer says
//!   what to do first. A word that was taken holds until the mirror runs, or is held anew.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use arrayvec::ArrayVec;
use uuid::Uuid;

use super::found::Found;
use super::leg::LEGS_MAX;
use crate::assemble::{Plan, Refusal, Role, Verdict};
use crate::format::{MemberId, MemberState, Superblock};

/// What a mirror that was not started asks a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether to start without the members that are missing (`start_degraded`).
    Degraded,
    /// Which of these legs' halves to keep (`keep`): they ran apart.
    Halves(Vec<usize>),
}

/// What a person is asked to agree to: to go on from this record, without these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    generation: Uuid,
    version: u64,
    missing: Vec<MemberId>,
}

impl Offer {
    /// To go on from `newest` without the `missing`.
    pub(crate) fn of(newest: &Superblock, missing: Vec<MemberId>) -> Offer {
        Offer { generation: newest.generation, version: newest.version, missing }
    }

    /// Whether a person who agreed to this also agreed to the other. A disk that was there
    /// when they were asked may be gone by now, and with it the reason why the rest was good
    /// enough.
    pub(crate) fn covers(&self, other: &Offer) -> bool {
        (self.generation, self.version) == (other.generation, other.version)
            && other.missing.iter().all(|member| self.missing.contains(member))
    }
}

/// The half that a person chose where halves ran apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) leg: usize,
    /// What the leg showed when they chose.
    generation: Uuid,
}

/// What a person said about a start that has not succeeded yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consent {
    /// Start though members are missing that were in sync.
    pub(crate) degraded: Option<Offer>,
    /// The half to keep, and all that were to be chosen from.
    pub(crate) keep: Option<(Choice, ArrayVec<Choice, LEGS_MAX>)>,
}

impl Consent {
    /// The leg whose half is kept, if a person chose it from all the halves that were found. A
    /// half that they did not see would be overwritten without their word.
    pub(crate) fn kept(&self, verdict: &Verdict, found: &[Found; LEGS_MAX]) -> Option<usize> {
        let (chosen, seen) = self.keep.as_ref()?;
        let Verdict::Refuse(Refusal::SplitBrain { sides, .. }) = verdict else { return None };
        let mut generations = sides.iter().flatten().map(|leg| generation_of(&found[*leg]));
        let all_seen = generations.all(|it| seen.iter().any(|seen| Some(seen.generation) == it));
        let same = generation_of(&found[chosen.leg]) == Some(chosen.generation);
        (all_seen && same).then_some(chosen.leg)
    }
}

/// The superblocks that starts tried to write, and failed: nobody knows which of them are on
/// their members. Each pair is a member that may have one, and a member that this one calls
/// out.
#[derive(Clone, Debug, Default)]
pub(crate) struct InDoubt(Vec<(MemberId, MemberId)>);

impl InDoubt {
    /// A start that wanted this on every member in sync has failed.
    pub(crate) fn failed(&mut self, wanted: &Superblock) {
        let in_sync = |id: &MemberId| {
            wanted.entry(*id).is_some_and(|entry| entry.state == MemberState::InSync)
        };
        let named = || MemberId::all().filter(|id| wanted.entry(*id).is_some());
        for by in named().filter(in_sync) {
            for out in named().filter(|id| !in_sync(id)) {
                self.add((by, out));
            }
        }
    }

    /// What starts by another table may have left. Members are the same, whatever their legs.
    pub(crate) fn go_on(&mut self, before: &InDoubt) {
        before.0.iter().for_each(|pair| self.add(*pair));
    }

    fn add(&mut self, pair: (MemberId, MemberId)) {
        if !self.0.contains(&pair) {
            self.0.push(pair);
        }
    }

    /// What may come of a start by this plan without the `missing`, if one of them may have a
    /// record against a member that is to be in sync.
    pub(crate) fn warning(&self, plan: &Plan, missing: &[MemberId]) -> String {
        let leads = |id: MemberId| matches!(plan.role(id), Role::InSync { .. });
        let dispute = self.0.iter().find(|(by, out)| missing.contains(by) && leads(*out));
        dispute.map_or(String::new(), |(by, out)| {
            format!(
                "; a start before this one failed, so member {by} may hold that member {out} is \
                 out: it then starts alone later, and what either wrote apart is lost to the other"
            )
        })
    }
}

/// Why a mirror does not run.
#[derive(Debug, Default)]
pub(crate) struct NotStarted {
    /// In words, and what to do.
    pub(crate) why: String,
    /// What a person may agree to.
    pub(crate) offer: Option<Offer>,
    /// The legs among whose halves a person may choose, each with what it shows.
    pub(crate) halves: ArrayVec<Choice, LEGS_MAX>,
    /// What lies on each leg, and why it is not used.
    pub(crate) legs: [String; LEGS_MAX],
    /// The first superblocks could not be written: it is tried again by itself.
    failed: bool,
}

impl NotStarted {
    /// Something else than a decision stands in the way.
    pub(crate) fn because(why: String, found: &[Found; LEGS_MAX]) -> Box<NotStarted> {
        let legs = core::array::from_fn(|leg| describe(&found[leg], None));
        Box::new(NotStarted { why, legs, ..NotStarted::default() })
    }

    /// Members are missing, and a person may agree to start without them.
    pub(crate) fn held(
        why: String,
        plan: &Plan,
        offer: Offer,
        found: &[Found; LEGS_MAX],
    ) -> Box<NotStarted> {
        let role = |leg: usize| MemberId::all().map(|id| plan.role(id)).find(|it| is_of(it, leg));
        let legs = core::array::from_fn(|leg| {
            describe(&found[leg], role(leg).map(|role| format!("{role}")))
        });
        Box::new(NotStarted { why, offer: Some(offer), legs, ..NotStarted::default() })
    }

    /// Nothing can be started.
    pub(crate) fn refused(
        why: String,
        refusal: &Refusal,
        found: &[Found; LEGS_MAX],
    ) -> Box<NotStarted> {
        let mut this = NotStarted::because(why, found);
        if let Refusal::SplitBrain { sides, .. } = refusal {
            for &leg in sides.iter().flatten() {
                if let Some(generation) = generation_of(&found[leg]) {
                    this.halves.push(Choice { leg, generation });
                }
                this.legs[leg] = describe(&found[leg], Some("ran apart".into()));
            }
        }
        this
    }

    /// The first superblocks could not be written.
    pub(crate) fn failed(why: String) -> Box<NotStarted> {
        Box::new(NotStarted { why, failed: true, ..NotStarted::default() })
    }

    /// What a person may say for it to start.
    pub(crate) fn question(&self) -> Option<Question> {
        match (&self.offer, &self.halves[..]) {
            (Some(_), _) => Some(Question::Degraded),
            (None, []) => None,
            (None, halves) => Some(Question::Halves(halves.iter().map(|it| it.leg).collect())),
        }
    }

    /// Whether it is tried again by itself.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }
}

fn is_of(role: &Role, leg: usize) -> bool {
    match *role {
        Role::InSync { device } | Role::Return { device, .. } | Role::KeptOut { device, .. } => {
            device == leg
        }
        Role::Empty | Role::Absent | Role::Missing => false,
    }
}

fn generation_of(found: &Found) -> Option<Uuid> {
    match found {
        Found::Member(member, _) => Some(member.superblock.generation),
        Found::Bad(_) | Found::Absent => None,
    }
}

/// What lies on a leg; `role` says what it would be to the mirror.
fn describe(found: &Found, role: Option<String>) -> String {
    let Found::Member(member, _) = found else {
        return match found {
            Found::Bad(bad) => format!("no member: {bad}"),
            _ => "not there, or cannot be read".to_string(),
        };
    };
    let Superblock { session, generation, name, .. } = &member.superblock;
    let (id, (short, ..)) = (member.superblock.member(), generation.as_fields());
    let role = role.map_or(String::new(), |role| format!("{role}; "));
    format!("member {id} of `{name}`, {role}session {session}, generation {short:08x}")
}
