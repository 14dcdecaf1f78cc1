//! The election: the newest record among those that are evidence.
//!
//! Place: called by `assemble`. `decide.rs` compares every member with the winner.
//!
//! A record is ahead of another if it remembers the other's generation. The records that
//! nobody is ahead of make up sides, one for each generation. Several sides ran apart. One of
//! them is still the newest if it has all that the others have. Only the maps of the others
//! can show that: a side wrote nothing since it ran alone if no region is dirty there, and
//! none was missed by a member of the other side. Without a common past maps show nothing.
//!
//! A member whose newest record may be lost makes up a side of its own, ahead of all whose
//! generation it shows or remembers: the lost record may have excluded them. If one of them
//! excluded it, nobody knows who went on alone, and a person chooses.

use alloc::vec::Vec;
use core::cmp::Reverse;

use uuid::Uuid;

use super::candidate::Candidate;
use super::missed::Needs;
use super::types::{Missed, Refusal};
use crate::format::{Marks, MemberEntry, MemberState};

/// Who won.
pub(super) struct Elected<'a> {
    /// The newest.
    pub(super) newest: Candidate<'a>,
    /// Generations that a person decided against.
    pub(super) adopt: Vec<Uuid>,
}

/// Members of one generation that nobody is ahead of.
pub(super) struct Side<'a> {
    pub(super) members: Vec<Candidate<'a>>,
    pub(super) newest: Candidate<'a>,
}

/// Elects the newest among those present, which are of one set, in order, and
/// no twins.
pub(super) fn elect<'a>(
    present: &[Candidate<'a>],
    keep: Option<usize>,
) -> Result<Elected<'a>, Refusal> {
    let sides = sides(present);
    if let [side] = &sides[..]
        && side.newest.rolled_back
    {
        return Err(Refusal::NoneInSync);
    }
    let winners = sides.iter().filter(|side| side.has_all_that(&sides));
    if let Some(winner) = winners.max_by_key(|side| rank(side.newest)) {
        return Ok(Elected { newest: winner.newest, adopt: Vec::new() });
    }
    if sides.is_empty() {
        return Err(Refusal::NoneInSync);
    }
    one_side_for_each_member(&sides)?;
    let has = |side: &&Side<'_>, device| side.members.iter().any(|it| it.device == device);
    let kept = keep.and_then(|device| sides.iter().find(|side| has(side, device)));
    let Some(Side { newest, .. }) = kept else { return Err(split_brain(&sides)) };
    Ok(Elected { newest: *newest, adopt: unknown_to(*newest, present) })
}

/// What makes one record newer than another of the same generation; a member
/// that shows less than it did comes last.
pub(super) fn rank(it: Candidate<'_>) -> impl Ord {
    (!it.rolled_back, it.superblock().version, Reverse((it.id(), it.own().uuid)))
}

/// The sides among those present, in the order of their first members.
pub(super) fn sides<'a>(present: &[Candidate<'a>]) -> Vec<Side<'a>> {
    let evidence: Vec<_> = present.iter().copied().filter(|it| it.is_evidence()).collect();
    let behind = |it| evidence.iter().any(|other| is_ahead(*other, it) && !is_ahead(it, *other));
    let mut sides: Vec<Side<'a>> = Vec::new();
    for &it in evidence.iter().filter(|it| !behind(**it)) {
        let same = |side: &&mut Side<'_>| {
            let doubt = it.in_doubt || side.newest.in_doubt;
            side.newest.generation() == it.generation() && !doubt
        };
        match sides.iter_mut().find(same) {
            Some(side) => {
                side.members.push(it);
                side.newest =
                    [side.newest, it].into_iter().max_by_key(|it| rank(*it)).expect("two");
            }
            None => sides.push(Side { members: [it].to_vec(), newest: it }),
        }
    }
    sides
}

/// Whether the first knows more than the second. A member that shows less than others saw of
/// it may have lost what led to its generation. A member in doubt may have come to any
/// generation.
fn is_ahead(it: Candidate<'_>, other: Candidate<'_>) -> bool {
    let before = it.in_doubt && it.generation() == other.generation();
    !it.rolled_back && !other.in_doubt && (before || it.remembers(other))
}

impl Side<'_> {
    fn devices(&self) -> Vec<usize> {
        self.members.iter().map(|it| it.device).collect()
    }

    fn has_all_that(&self, sides: &[Side<'_>]) -> bool {
        let others = sides.iter().filter(|it| it.newest.device != self.newest.device);
        let is_older =
            |other: &Side<'_>| other.wrote_nothing_without(self) && !self.is_doubted_by(other);
        !self.newest.rolled_back && { others }.all(is_older)
    }

    /// Whether it is in doubt, and the other one went on without it. If it won, the other's
    /// record would stay as it is until its member is taken back. If that fails, that member
    /// starts alone the next time.
    fn is_doubted_by(&self, other: &Side<'_>) -> bool {
        let excluded = |entry: &MemberEntry| entry.state != MemberState::InSync;
        self.newest.in_doubt && other.newest.entry_of(self.newest).is_some_and(excluded)
    }

    /// Whether every member's map shows that. A disk that the other side does not
    /// know may never have had a common past with it, so its map proves nothing.
    fn wrote_nothing_without(&self, other: &Side<'_>) -> bool {
        let pairs =
            self.members.iter().flat_map(|it| other.members.iter().map(move |by| (*it, *by)));
        { pairs }.all(|(it, by)| {
            let acquainted = it.entry_of(by).is_some() && by.entry_of(it).is_some();
            acquainted
                && by.has_a_past_in_common(it)
                && written_without(it, by) == Missed::Regions(Vec::new())
        })
    }
}

/// Where one member may have what the other lacks, by its own map.
pub(super) fn written_without(it: Candidate<'_>, other: Candidate<'_>) -> Missed {
    let mut needs = Needs::new(it.superblock().geometry);
    needs.add(it, Marks::DIRTY | Marks::missed(other.id()));
    needs.finish()
}

fn one_side_for_each_member(sides: &[Side<'_>]) -> Result<(), Refusal> {
    let mut members: Vec<Candidate<'_>> =
        sides.iter().flat_map(|side| side.members.iter().copied()).collect();
    members.sort_by_key(|it| (it.id(), it.own().uuid));
    match members.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
        Some(pair) => Err(Refusal::Twins(pair[0].device, pair[1].device)),
        None => Ok(()),
    }
}

fn split_brain(sides: &[Side<'_>]) -> Refusal {
    Refusal::SplitBrain {
        sides: sides.iter().map(|side| side.devices()).collect(),
        conflict: conflict(sides),
    }
}

/// Where the sides may differ: what each wrote without the others.
fn conflict(sides: &[Side<'_>]) -> Missed {
    let mut needs = Needs::new(sides[0].newest.superblock().geometry);
    let members = || {
        sides.iter().enumerate().flat_map(|(n, side)| side.members.iter().map(move |it| (n, *it)))
    };
    for (n, it) in members() {
        for (_, other) in members().filter(|(m, _)| *m != n) {
            // Marks tell only of known disks, and only if nothing was rolled back.
            if it.entry_of(other).is_none() || it.rolled_back {
                return Missed::Everything;
            }
            needs.add(it, Marks::DIRTY | Marks::missed(other.id()));
        }
    }
    needs.finish()
}

/// Generations of which the winner knows nothing.
fn unknown_to(newest: Candidate<'_>, present: &[Candidate<'_>]) -> Vec<Uuid> {
    let known =
        |it: &&Candidate<'_>| it.generation() == newest.generation() || newest.remembers(**it);
    let mut unknown: Vec<Uuid> =
        present.iter().filter(|it| !known(it)).map(|it| it.generation()).collect();
    unknown.sort();
    unknown.dedup();
    unknown
}
