//! Who may be believed: which members start, which are rebuilt, which are kept out.
//!
//! Place: `start.rs` asks before it begins a session, a person's tools ask to be
//! shown what would happen. Pure: members in, a plan out. docs/mirror.md has the
//! rules and why they are so.
//!
//! Read it in the order of the decision: `elect.rs` finds the newest record among
//! those that are evidence, or the sides that ran apart; `decide.rs` gives each
//! member its role beside that record; `missed.rs` says what a member needs that
//! returns; `explain.rs` says it all to a person. `places.rs` is asked before: which disk
//! a member's number means, where several claim it.
//!
//! Rules:
//!
//! - The order of the devices changes nothing but their indices in the answer.
//! - Nothing that can be decoded makes it panic. What no mirror writes gets the
//!   answer that believes least.
//! - A member that calls itself anything but in sync is evidence of nothing.
//! - A member whose newest superblock may be lost is taken to have excluded all others
//!   by it: that is the worst it can have said. What it wrote since, its map shows.
//! - Marks outweigh superblocks: who missed something by the map of another member in
//!   sync is not in sync, whatever both call themselves.

mod decide;
mod elect;
mod explain;
mod missed;
mod places;

pub use explain::{BY_KEEP, BY_START_DEGRADED, InWords, Names};
pub use places::{Contest, Places, places};

use alloc::vec::Vec;

use uuid::Uuid;

use crate::format::{MEMBERS_MAX, Member, MemberEntry, MemberId, MemberState, Region, Superblock};

/// What is to be done with the devices that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start.
    Start(Plan),
    /// Wait for these members, which may have what no present member has; a person
    /// may say to start without them.
    Hold {
        /// What to do then.
        plan: Plan,
        /// Members in sync that are not there, or that are there and no longer as
        /// they were left: restored from a snapshot, or rebuilt from a member that is
        /// not there. To start without them is to mark them out.
        missing: Vec<MemberId>,
    },
    /// Nothing can be started.
    Refuse(Refusal),
}

/// How to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The newest superblock among those that are evidence.
    pub newest: Superblock,
    /// What becomes of each member, by its number.
    pub roles: [Role; MEMBERS_MAX],
    /// Generations of members that a person decided against: they belong into
    /// the history, and a new generation is to be minted, by the record that
    /// lists those members as out or rebuilding. Their `base` stays as it is: a
    /// member that still has its base has written nothing since.
    pub adopt: Vec<Uuid>,
}

impl Plan {
    /// What becomes of a member.
    pub fn role(&self, member: MemberId) -> &Role {
        &self.roles[member.index()]
    }
}

/// What becomes of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The mirror has no such member.
    Empty,
    /// The member is not there, and need not be.
    Absent,
    /// The member is not there, and was in sync.
    Missing,
    /// In sync: it serves reads and may be a source.
    InSync {
        /// Which of the devices given it is.
        device: usize,
    },
    /// To be rebuilt. Before any superblock calls it rebuilding, the maps of the
    /// members in sync durably have the mark that it missed these regions: a
    /// decision after a crash has nothing else to go by. The superblock of one that
    /// is given everything begins a new incarnation of its map.
    Return {
        /// Which of the devices given it is.
        device: usize,
        /// What it needs.
        missed: Missed,
    },
    /// It is there, and stays out. Where it is a stranger, the member whose place
    /// it has may be missing all the same: [`Verdict::Hold`] says so.
    KeptOut {
        /// Which of the devices given it is.
        device: usize,
        /// Why.
        why: &'static str,
    },
}

/// What a member is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Everything: what it has is not known.
    Everything,
    /// These regions, in order; perhaps none.
    Regions(Vec<Region>),
}

/// Why nothing can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// None of the devices is a member that may be believed.
    NoneInSync,
    /// The devices belong to several mirrors.
    Sets(Vec<Uuid>),
    /// Two devices say that they are the same member.
    Twins(usize, usize),
    /// Halves ran apart: each has what the others lack.
    SplitBrain {
        /// The halves, each as those of the devices given that make it up.
        sides: Vec<Vec<usize>>,
        /// Where they may differ.
        conflict: Missed,
    },
}

/// Decides. `found` are the devices in any order, of which some are members;
/// `keep` is which of these devices a person chose where halves ran apart: the half
/// that it belongs to is kept. It is no member's number.
pub fn assemble(found: &[Option<&Member>], keep: Option<usize>) -> Verdict {
    decided(found, keep, None).unwrap_or_else(Verdict::Refuse)
}

/// The same where a person takes back the member `added`, whatever it was out for.
pub(crate) fn adding(found: &[Option<&Member>], added: MemberId) -> Verdict {
    decided(found, None, Some(added)).unwrap_or_else(Verdict::Refuse)
}

fn decided(
    found: &[Option<&Member>],
    keep: Option<usize>,
    added: Option<MemberId>,
) -> Result<Verdict, Refusal> {
    let present = present(found);
    one_set(&present)?;
    no_twins(&present)?;
    let elected = elect::elect(&present, keep)?;
    Ok(decide::decide(&present, elected, keep, added))
}

/// A device that is a member.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    /// Which of the devices given it is.
    device: usize,
    member: &'a Member,
    /// A member that is evidence saw more of it than it shows.
    rolled_back: bool,
    /// It may have had a newer superblock, and nobody here shows what that said.
    in_doubt: bool,
}

impl<'a> Candidate<'a> {
    fn superblock(self) -> &'a Superblock {
        &self.member.superblock
    }

    fn id(self) -> MemberId {
        self.superblock().member()
    }

    /// What it says of itself.
    fn own(self) -> &'a MemberEntry {
        self.superblock().own()
    }

    fn generation(self) -> Uuid {
        self.superblock().generation
    }

    /// Whether what it says counts: a half-rebuilt member has a mixture.
    fn is_evidence(self) -> bool {
        self.own().state == MemberState::InSync
    }

    /// What its record says of another member, if it means the same disk.
    fn entry_of(self, other: Candidate<'_>) -> Option<&'a MemberEntry> {
        let entry = self.superblock().entry(other.id())?;
        (entry.uuid == other.own().uuid).then_some(entry)
    }

    /// Whether both once were of one mirror at one time: they remember a generation in
    /// common, or it had so many since that it has forgotten, and knows that the other one
    /// is out.
    fn has_a_past_in_common(self, other: Candidate<'_>) -> bool {
        let (mine, its) = (self.superblock(), other.superblock());
        let knows =
            |it: &Superblock, time: &Uuid| it.generation == *time || it.history.contains(time);
        let common = knows(its, &mine.generation) || mine.history.iter().any(|it| knows(its, it));
        common || self.has_forgotten(other)
    }

    fn has_forgotten(self, other: Candidate<'_>) -> bool {
        let out = self.entry_of(other).is_some_and(|entry| entry.state != MemberState::InSync);
        self.superblock().history.is_full() && out
    }

    /// Whether the other one's generation led to its own, as far as it remembers.
    /// A base is only that of its member: what another one of that generation did
    /// since is not known.
    fn remembers(self, other: Candidate<'_>) -> bool {
        let generation = other.generation();
        let base = self.entry_of(other).is_some_and(|entry| entry.base == generation);
        !generation.is_nil() && (base || self.superblock().history.contains(&generation))
    }

    /// Whether it was told of a commit of the other one that this does not show.
    fn saw_more_of(self, other: Candidate<'_>) -> bool {
        self.entry_of(other).is_some_and(|entry| entry.seen > other.superblock().seq)
    }

    /// Whether it shows all that the other one's superblock said that may be lost: at most
    /// the last commit is, and superblocks go to all members in sync at once. So a later
    /// record that lists the other in sync is of that commit, or of one that followed it.
    ///
    /// A later record that calls the other one failed was written beside it: what may be
    /// lost is the commit that failed. One that knows it no more has given its place away.
    fn shows_what_is_lost_of(self, other: Candidate<'_>) -> bool {
        let followed = self.generation() != other.generation() && self.remembers(other);
        let shows = self.entry_of(other).map_or(followed, |entry| match entry.state {
            MemberState::InSync => followed || entry.seen == other.superblock().seq + 1,
            MemberState::FailedMedia | MemberState::FailedByHand => followed,
            MemberState::Out | MemberState::Rebuilding => false,
        });
        self.is_evidence() && !self.member.in_doubt() && shows
    }

    /// Whether the map has all its pages' places, good or bad.
    fn has_whole_map(self) -> bool {
        self.member.pages.len() == self.superblock().geometry.pages() as usize
    }
}

/// The members among the devices, in an order that does not depend on theirs.
fn present<'a>(found: &[Option<&'a Member>]) -> Vec<Candidate<'a>> {
    let members =
        found.iter().enumerate().filter_map(|(device, member)| Some((device, (*member)?)));
    let mut present: Vec<Candidate<'a>> = members
        .map(|(device, member)| Candidate {
            device,
            member,
            rolled_back: false,
            in_doubt: member.in_doubt(),
        })
        .collect();
    present.sort_by_key(|it| (it.id(), it.own().uuid, it.device));
    let saw = |it: Candidate<'_>| present.iter().any(|by| by.is_evidence() && by.saw_more_of(it));
    let shown = |it: Candidate<'_>| present.iter().any(|by| by.shows_what_is_lost_of(it));
    let seen: Vec<(bool, bool)> = present.iter().map(|it| (saw(*it), shown(*it))).collect();
    for (it, (saw, shown)) in present.iter_mut().zip(seen) {
        it.rolled_back = saw && !(it.in_doubt && shown);
        it.in_doubt &= !shown && !it.rolled_back;
    }
    present
}

fn one_set(present: &[Candidate<'_>]) -> Result<(), Refusal> {
    let mut sets: Vec<Uuid> = present.iter().map(|it| it.superblock().set).collect();
    sets.sort();
    sets.dedup();
    if sets.len() > 1 { Err(Refusal::Sets(sets)) } else { Ok(()) }
}

/// Refuses two devices that say the same of who they are: a disk and its copy.
fn no_twins(present: &[Candidate<'_>]) -> Result<(), Refusal> {
    let same =
        |a: Candidate<'_>, b: Candidate<'_>| (a.id(), a.own().uuid) == (b.id(), b.own().uuid);
    match present.windows(2).find(|pair| same(pair[0], pair[1])) {
        Some(pair) => Err(Refusal::Twins(pair[0].device, pair[1].device)),
        None => Ok(()),
    }
}
