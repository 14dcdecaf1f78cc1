//! The decision: what becomes of each member beside the newest record.
//!
//! Place: called by `assemble` with what `elect.rs` elected.

use alloc::vec::Vec;
use core::array;

use super::candidate::Candidate;
use super::elect::Elected;
use super::missed::Needs;
use super::types::{Missed, Plan, Refusal, Role, Verdict};
use crate::format::{Marks, MemberEntry, MemberId, MemberState, Superblock};

const STRANGER: &str = "the mirror has another disk in its place";
const FAILED_MEDIA: &str = "it is out for errors of its medium until a person adds it";
const FAILED_BY_HAND: &str = "a person took it out; it stays out until a person adds it";

/// The newest record, and who is there.
struct Decision<'a> {
    newest: Candidate<'a>,
    present: &'a [Candidate<'a>],
    /// Those present that records call in sync.
    listed: Vec<Candidate<'a>>,
    /// Those of them that are.
    in_sync: Vec<Candidate<'a>>,
    /// A person takes this one back.
    added: Option<MemberId>,
}

/// Gives each member its role. If every member called in sync missed something by the map of
/// another, the device that a person `keep`s is the one in sync. The member that a person
/// `added` comes back whatever it was out for.
pub(super) fn decide(
    present: &[Candidate<'_>],
    elected: Elected<'_>,
    keep: Option<usize>,
    added: Option<MemberId>,
) -> Verdict {
    let Elected { newest, adopt } = elected;
    let (listed, in_sync) = (Vec::new(), Vec::new());
    let mut decision = Decision { newest, present, listed, in_sync, added };
    let listed: Vec<_> = present.iter().copied().filter(|it| decision.is_listed(*it)).collect();
    let accused = |it: &Candidate<'_>| listed.iter().any(|by| missed_by(*it, *by));
    decision.listed = listed.clone();
    // Marks outweigh superblocks.
    decision.in_sync = listed.iter().copied().filter(|it| !accused(it)).collect();
    if decision.in_sync.is_empty() {
        let kept = listed.iter().copied().filter(|it| Some(it.device) == keep);
        decision.in_sync = kept.collect();
    }
    if decision.in_sync.is_empty() {
        return Verdict::Refuse(contradiction(&listed));
    }
    let roles = array::from_fn(|number| decision.role(MemberId::new(number)));
    let missing: Vec<MemberId> = MemberId::all().filter(|id| decision.holds(*id)).collect();
    let plan = Plan { newest: decision.record().clone(), roles, adopt };
    if missing.is_empty() { Verdict::Start(plan) } else { Verdict::Hold { plan, missing } }
}

impl<'a> Decision<'a> {
    fn record(&self) -> &'a Superblock {
        self.newest.superblock()
    }

    /// The disk that the newest record calls so, if it is there.
    fn member(&self, id: MemberId) -> Option<Candidate<'a>> {
        let mut here = self.present.iter().copied().filter(|it| it.id() == id);
        here.find(|it| self.newest.entry_of(*it).is_some())
    }

    fn role(&self, id: MemberId) -> Role {
        let Some(entry) = self.record().entry(id) else { return Role::Empty };
        let Some(it) = self.member(id) else { return self.role_without(id, entry) };
        let device = it.device;
        if self.is_in_sync(it) {
            Role::InSync { device }
        } else {
            match entry.state {
                _ if self.added == Some(id) => {
                    Role::Return { device, missed: self.missed(it, entry) }
                }
                MemberState::FailedMedia => Role::KeptOut { device, why: FAILED_MEDIA },
                MemberState::FailedByHand => Role::KeptOut { device, why: FAILED_BY_HAND },
                MemberState::InSync | MemberState::Out | MemberState::Rebuilding => {
                    Role::Return { device, missed: self.missed(it, entry) }
                }
            }
        }
    }

    fn role_without(&self, id: MemberId, entry: &MemberEntry) -> Role {
        let stranger = self.present.iter().find(|it| it.id() == id);
        match (stranger, entry.state) {
            (Some(stranger), _) => Role::KeptOut { device: stranger.device, why: STRANGER },
            (None, MemberState::InSync) => Role::Missing,
            (None, _) => Role::Absent,
        }
    }

    /// Whether it has everything that the newest has.
    ///
    /// An ancestor that the newest record still lists in sync is a commit that was
    /// interrupted: had anything been acknowledged since, this member would have the commit
    /// too, or be out. If it calls itself rebuilding, there are two cases. By its own record
    /// it was rebuilt from the newest: then the commit was its promotion, and it was complete
    /// and flushed before that. Or others rebuilt it since, in a generation that a person
    /// decided against. In the newest generation it cannot call itself rebuilding: each
    /// promotion and each exclusion has a new one.
    fn is_listed(&self, it: Candidate<'_>) -> bool {
        if it.device == self.newest.device {
            return true;
        }
        let listed = self.newest.entry_of(it).is_some_and(|it| it.state == MemberState::InSync);
        // What may be lost may have excluded it.
        let same = it.generation() == self.record().generation && !self.newest.in_doubt;
        let ancestor = it.generation() != self.record().generation
            && self.record().history.contains(&it.generation());
        let fits = match it.own().state {
            MemberState::InSync => same || ancestor,
            MemberState::Rebuilding => ancestor && self.was_a_source_of(it),
            MemberState::Out | MemberState::FailedMedia | MemberState::FailedByHand => false,
        };
        listed && fits && self.has_a_past_with(it)
    }

    /// Whether it is, by all that is known.
    fn is_in_sync(&self, it: Candidate<'_>) -> bool {
        is_among(&self.in_sync, it)
    }

    /// Whether records call it in sync, whatever maps say.
    fn was_listed(&self, it: Candidate<'_>) -> bool {
        is_among(&self.listed, it)
    }

    /// Whether a member's own record lists the newest in sync.
    fn was_a_source_of(&self, it: Candidate<'_>) -> bool {
        it.entry_of(self.newest).is_some_and(|newest| newest.state == MemberState::InSync)
    }

    /// Whether both show all that was ever seen of them, of the same mirror.
    fn has_a_past_with(&self, it: Candidate<'_>) -> bool {
        let whole = !it.rolled_back && !self.newest.rolled_back && it.has_whole_map();
        whole && it.superblock().geometry == self.record().geometry
    }

    /// What it needs that is not in sync.
    ///
    /// A member may be of a generation that the newest record does not remember. Its map
    /// traces it all the same if it is evidence and had a past with the newest: it lost an
    /// election.
    fn missed(&self, it: Candidate<'_>, entry: &MemberEntry) -> Missed {
        let same = it.generation() == self.record().generation;
        let remembered = same || self.newest.remembers(it);
        let torn_out =
            entry.state == MemberState::InSync && !it.is_evidence() && !self.was_listed(it);
        let lost = it.is_evidence() && self.newest.has_a_past_in_common(it);
        if !self.has_a_past_with(it) || torn_out || !(remembered || lost) {
            return Missed::Everything;
        }
        let mine = Marks::missed(it.id());
        let mut needs = Needs::new(self.record().geometry);
        let mut own = Marks::DIRTY | mine;
        for &source in &self.in_sync {
            needs.add(source, Marks::DIRTY | mine);
            // It may have run without them, in a time that a person decided against.
            if !same && (it.generation() != entry.base || it.in_doubt) {
                own |= Marks::missed(source.id());
            }
        }
        needs.add(it, own);
        needs.finish()
    }

    /// Whether this member may have what nobody else has.
    ///
    /// A member that is there and is evidence does not: it had written nothing when it lost
    /// the election, or a person decided against it. A member that shows less than it did may
    /// have gone on before, excluded the newest, and left its data to a member that is not
    /// there.
    fn holds(&self, id: MemberId) -> bool {
        // The part of the newest record that may be lost may have called it in sync.
        let listed = |entry: &MemberEntry| {
            entry.state == MemberState::InSync
                || (self.newest.in_doubt && self.member(id).is_none())
        };
        let listed = self.record().entry(id).is_some_and(listed);
        let has_not =
            |it: Candidate<'_>| self.was_listed(it) || (it.is_evidence() && !it.rolled_back);
        listed && !self.member(id).is_some_and(has_not)
    }
}

fn is_among(candidates: &[Candidate<'_>], it: Candidate<'_>) -> bool {
    candidates.iter().any(|other| other.device == it.device)
}

/// Whether a member missed something by the map of another one, or by its own.
fn missed_by(it: Candidate<'_>, by: Candidate<'_>) -> bool {
    let mark = Marks::missed(it.id());
    let knows = by.entry_of(it).is_some();
    let pages = by.member.pages.iter().flatten();
    knows && { pages }.any(|page| page.says(mark))
}

/// All who are called in sync missed something by the map of another one.
fn contradiction(listed: &[Candidate<'_>]) -> Refusal {
    let mut needs = Needs::new(listed[0].superblock().geometry);
    for it in listed {
        listed.iter().for_each(|by| needs.add_shown(*by, Marks::missed(it.id())));
    }
    let sides = listed.iter().map(|it| [it.device].to_vec()).collect();
    Refusal::SplitBrain { sides, conflict: needs.finish() }
}
