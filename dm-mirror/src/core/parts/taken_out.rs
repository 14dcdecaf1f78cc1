//! Members that a person took out while no superblock durably says so.
//!
//! Place: part of the [`Core`](crate::core::Core). `steps/by_hand.rs` has the rules, and
//! `steps/inherit.rs` hands the words over to the mirror of the next table.
//!
//! Rule: a word is about a member. The leg that held the member may hold another one by the
//! next table or the next start, or may not be there.

use alloc::vec::Vec;

use uuid::Uuid;

/// Members that a person took out, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct TakenOut(Vec<Word>);

#[derive(Clone, Copy, Debug)]
struct Word {
    member: Uuid,
    /// The leg that held it, by its number in the present table.
    leg: Option<usize>,
}

impl TakenOut {
    /// A person took out this member, which `leg` holds.
    pub(crate) fn insert(&mut self, member: Uuid, leg: usize) {
        self.remove(member);
        self.0.push(Word { member, leg: Some(leg) });
    }

    /// A person took the member back.
    pub(crate) fn remove(&mut self, member: Uuid) {
        self.0.retain(|word| word.member != member);
    }

    pub(crate) fn contains(&self, member: Uuid) -> bool {
        self.0.iter().any(|word| word.member == member)
    }

    /// Whether there is such a word about what this leg held.
    pub(crate) fn is_about(&self, leg: usize) -> bool {
        self.0.iter().any(|word| word.leg == Some(leg))
    }

    /// All of them.
    pub(crate) fn members(&self) -> Vec<Uuid> {
        self.0.iter().map(|word| word.member).collect()
    }

    /// Superblocks durably say who is out of a mirror that has these members.
    pub(crate) fn are_recorded(&mut self, is_member: impl Fn(Uuid) -> bool) {
        self.0.retain(|word| !is_member(word.member));
    }

    /// Goes on by another table, in which legs have other numbers.
    pub(crate) fn go_on(&mut self, before: &TakenOut, number: impl Fn(usize) -> Option<usize>) {
        for word in &before.0 {
            self.remove(word.member);
            self.0.push(Word { leg: word.leg.and_then(&number), ..*word });
        }
    }
}
