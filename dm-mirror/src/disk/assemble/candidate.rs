//! A device that shows a member, and what its records are worth.

use alloc::vec::Vec;

use uuid::Uuid;

use crate::format::{Member, MemberEntry, MemberId, MemberState, Superblock};

/// A device that is a member.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    /// Which of the devices given it is.
    pub(super) device: usize,
    pub(super) member: &'a Member,
    /// A member that is evidence saw more of this one than it shows.
    pub(super) rolled_back: bool,
    /// It may have had a newer superblock, and nobody here shows what that said.
    pub(super) in_doubt: bool,
}

impl<'a> Candidate<'a> {
    pub(super) fn superblock(self) -> &'a Superblock {
        &self.member.superblock
    }

    pub(super) fn id(self) -> MemberId {
        self.superblock().member()
    }

    /// What it says of itself.
    pub(super) fn own(self) -> &'a MemberEntry {
        self.superblock().own()
    }

    pub(super) fn generation(self) -> Uuid {
        self.superblock().generation
    }

    /// Whether its word counts: a half-rebuilt member has a mixture.
    pub(super) fn is_evidence(self) -> bool {
        self.own().state == MemberState::InSync
    }

    /// What its record says of another member, if it means the same disk.
    pub(super) fn entry_of(self, other: Candidate<'_>) -> Option<&'a MemberEntry> {
        self.superblock().entry_of(other.superblock())
    }

    /// Whether both were once members of one mirror at the same time: they remember a
    /// generation in common. Or this one had so many generations since that it has forgotten,
    /// and knows that the other one is out.
    pub(super) fn has_a_past_in_common(self, other: Candidate<'_>) -> bool {
        let (mine, its) = (self.superblock(), other.superblock());
        let knows =
            |it: &Superblock, time: &Uuid| it.generation == *time || it.history.contains(time);
        let common = knows(its, &mine.generation) || mine.history.iter().any(|it| knows(its, it));
        common || self.has_forgotten(other)
    }

    pub(super) fn has_forgotten(self, other: Candidate<'_>) -> bool {
        let out = self.entry_of(other).is_some_and(|entry| entry.state != MemberState::InSync);
        self.superblock().history.is_full() && out
    }

    /// Whether the other one's generation led to its own, as far as it remembers. A base
    /// belongs to its member alone: what another member of that generation did since is not
    /// known.
    pub(super) fn remembers(self, other: Candidate<'_>) -> bool {
        let generation = other.generation();
        let base = self.entry_of(other).is_some_and(|entry| entry.base == generation);
        !generation.is_nil() && (base || self.superblock().history.contains(&generation))
    }

    /// Whether it saw a commit of the other one that the other does not show.
    pub(super) fn saw_more_of(self, other: Candidate<'_>) -> bool {
        self.entry_of(other).is_some_and(|entry| entry.seen > other.superblock().seq)
    }

    /// Whether it shows what the other one's superblock said that may be lost. At most the
    /// last commit is lost, and superblocks go to all members in sync at once. So a later
    /// record that lists the other in sync is of that commit, or of one that followed it.
    ///
    /// A later record that calls the other one failed was written beside it: the commit that
    /// failed is what may be lost. A later record that no longer knows the other has given its
    /// place away.
    pub(super) fn shows_what_is_lost_of(self, other: Candidate<'_>) -> bool {
        let followed = self.generation() != other.generation() && self.remembers(other);
        let shows = self.entry_of(other).map_or(followed, |entry| match entry.state {
            MemberState::InSync => followed || entry.seen == other.superblock().seq + 1,
            MemberState::FailedMedia | MemberState::FailedByHand => followed,
            MemberState::Out | MemberState::Rebuilding => false,
        });
        self.is_evidence() && !self.member.in_doubt() && shows
    }

    /// Whether the map has all its pages' places, good or bad.
    pub(super) fn has_whole_map(self) -> bool {
        self.member.pages.len() == self.superblock().geometry.pages() as usize
    }
}

/// The members among the devices, in an order that does not depend on theirs.
pub(super) fn present<'a>(found: &[Option<&'a Member>]) -> Vec<Candidate<'a>> {
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
