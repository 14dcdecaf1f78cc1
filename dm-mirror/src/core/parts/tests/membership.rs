//! Superblocks: what they are to say, and in which order they come to say it.

use alloc::vec::Vec;

use bio::IoResult;
use uuid::Uuid;

use super::super::commit::{Then, Write};
use super::super::membership::Membership;
use super::super::region::Moment;
use super::{FAILED, legs};
use crate::core::tests::model::{Disk, labelled};
use crate::format::{HISTORY_MAX, Member, MemberId, MemberState, Second};

/// A mirror's superblocks. The dice name generations 101, 102, ...
pub(super) struct Set {
    pub(super) superblocks: Membership,
    minted: u128,
}

impl Set {
    /// Three members in sync, as a start has just found them.
    pub(super) fn found() -> Set {
        let members: Vec<Member> = disks().iter().map(Disk::member).collect();
        let mut superblocks = Membership::new(members[0].superblock.clone());
        for (leg, member) in members.iter().enumerate() {
            superblocks.found(leg, member, 1);
        }
        Set { superblocks, minted: 100 }
    }

    /// The same; what was found is durable, and nothing more is wanted.
    pub(super) fn at_rest() -> Set {
        let mut set = Set::found();
        set.superblocks.change(|_| ());
        set.commits(&[0, 1, 2]);
        set.commits(&[0, 1, 2]);
        set
    }

    /// What is to be written to these legs now.
    pub(super) fn next(&mut self, to: &[usize]) -> Vec<Write> {
        self.superblocks.next(legs(to), Moment::default(), MemberId::new)
    }

    /// A leg's superblock is durable, or could not be made so.
    pub(super) fn done(&mut self, leg: usize, result: IoResult) -> Then {
        self.superblocks.done(leg, MemberId::new(leg), result)
    }

    /// What is to be written to these legs now is written, and stands twice.
    pub(super) fn commits(&mut self, to: &[usize]) {
        for (leg, ..) in self.next(to) {
            self.done(leg, Ok(()));
        }
        for (leg, ..) in self.superblocks.second_copies(legs(to), Moment::default()) {
            self.done(leg, Ok(()));
        }
    }

    /// A leg goes out, and the generation that this wants is minted.
    pub(super) fn excludes(&mut self, leg: usize) {
        let member = MemberId::new(leg);
        self.superblocks.exclude(leg, member, MemberId::new(0), MemberState::Out);
        self.mints();
    }

    fn mints(&mut self) -> bool {
        self.minted += 1;
        let minted = Uuid::from_u128(self.minted);
        self.superblocks.mint_now(|| minted)
    }

    pub(super) fn holds(&self) -> [bool; 3] {
        core::array::from_fn(|leg| self.superblocks.holds(leg))
    }
}

pub(super) fn disks() -> Vec<Disk> {
    let mut dice = 0;
    let (_, disks) = labelled(3, true, || {
        dice += 1;
        dice
    });
    disks
}

/// R4: what is wanted has to be durable on each leg.
#[test]
fn a_change_holds_on_a_leg_when_it_is_durable_there() {
    let mut set = Set::at_rest();
    set.excludes(2);
    assert_eq!(set.holds(), [false; 3]);
    set.next(&[0, 1]);
    assert_eq!(set.holds(), [false; 3], "it is on its way");
    set.done(0, Ok(()));
    assert_eq!(set.holds(), [true, false, false]);
}

#[test]
fn a_leg_that_holds_what_is_wanted_is_not_written() {
    let mut set = Set::at_rest();
    set.superblocks.change(|_| ());
    set.commits(&[0]);
    let legs: Vec<usize> = set.next(&[0, 1]).iter().map(|(leg, ..)| *leg).collect();
    assert_eq!(legs, [1]);
}

/// R10.
#[test]
fn an_exclusion_is_a_generation_of_its_own() {
    let mut set = Set::at_rest();
    let before = set.superblocks.wanted().generation;
    set.excludes(2);
    let wanted = set.superblocks.wanted();
    assert_eq!((wanted.generation, wanted.history[0]), (Uuid::from_u128(101), before));
    assert_eq!(set.superblocks.state(MemberId::new(2)), MemberState::Out);
}

#[test]
fn legs_that_go_out_in_one_step_share_a_generation() {
    let mut set = Set::at_rest();
    let by = MemberId::new(0);
    set.superblocks.exclude(1, MemberId::new(1), by, MemberState::Out);
    set.superblocks.exclude(2, MemberId::new(2), by, MemberState::Out);
    assert!(set.mints() && !set.mints());
    assert_eq!(set.superblocks.wanted().history.len(), 1);
}

#[test]
fn no_record_goes_out_before_its_generation() {
    let mut set = Set::at_rest();
    set.superblocks.mint(MemberId::new(0));
    assert!(!set.superblocks.wants(legs(&[0])));
    set.mints();
    assert!(set.superblocks.wants(legs(&[0])));
}

#[test]
fn a_member_that_goes_out_has_the_generation_that_it_had_as_its_base() {
    let mut set = Set::at_rest();
    let had = set.superblocks.wanted().generation;
    set.excludes(2);
    let base = |set: &Set| set.superblocks.wanted().entry(MemberId::new(2)).unwrap().base;
    assert_eq!(base(&set), had);
    let mut only_found = Set::found();
    only_found.excludes(2);
    assert_eq!(base(&only_found), Uuid::nil(), "it may be of a time that was decided against");
}

#[test]
fn a_member_that_a_start_leaves_out_has_a_base_only_if_its_disk_is_missing() {
    let mut set = Set::found();
    let generation = set.superblocks.wanted().generation;
    for (present, base) in [(true, Uuid::nil()), (false, generation)] {
        set.superblocks.exclude_found(MemberId::new(1), present);
        let entry = *set.superblocks.wanted().entry(MemberId::new(1)).unwrap();
        assert_eq!((entry.state, entry.base), (MemberState::Out, base));
    }
}

#[test]
fn the_history_has_each_generation_once_and_the_newest_first() {
    let mut set = Set::at_rest();
    let generations: Vec<Uuid> = (1..=10).map(Uuid::from_u128).collect();
    set.superblocks.adopt(&generations);
    set.superblocks.adopt(&generations[..3]);
    let newest = [3, 2, 1, 10, 9, 8, 7, 6].map(Uuid::from_u128);
    assert_eq!(set.superblocks.wanted().history[..], newest);
    assert_eq!(newest.len(), HISTORY_MAX);
}

#[test]
fn a_start_rewrites_what_it_found_where_it_stands_before_its_first_commit() {
    let mut set = Set::found();
    set.superblocks.change(|_| ());
    let [(0, slot, superblock)] = &set.next(&[0])[..] else { panic!("one leg is written") };
    assert_eq!((*slot, superblock), (0, &disks()[0].superblock));
    set.done(0, Ok(()));
    assert!(!set.superblocks.holds(0), "it does not say what is wanted");
    assert!(set.superblocks.second_copies(legs(&[0]), Moment::default()).is_empty());
    assert_eq!((set.next(&[0])[0].1, set.superblocks.holds(0)), (1, false));
}

#[test]
fn what_a_start_found_in_one_slot_alone_is_written_over_the_other_too() {
    let mut set = Set::found();
    let member = Member { second: Second::Behind, ..disks()[0].member() };
    set.superblocks.found(0, &member, 1);
    set.superblocks.change(|_| ());
    set.next(&[0]);
    set.done(0, Ok(()));
    let [(0, slot, superblock)] = &set.superblocks.second_copies(legs(&[0]), Moment::default())[..]
    else {
        panic!("one leg is written")
    };
    assert_eq!((*slot, superblock), (1, &member.superblock));
}

#[test]
fn a_commit_goes_to_the_slot_before_under_the_next_number() {
    let mut set = Set::at_rest();
    for (slot, seq) in [(0, 3), (1, 4)] {
        set.superblocks.change(|_| ());
        let [(0, place, superblock)] = &set.next(&[0])[..] else { panic!("one leg is written") };
        assert_eq!((*place, superblock.seq), (slot, seq));
        set.done(0, Ok(()));
        set.superblocks.second_copies(legs(&[]), Moment::default());
    }
}

#[test]
fn a_commit_that_failed_on_a_leg_is_repeated_in_its_slot_under_a_larger_number() {
    let mut set = Set::at_rest();
    set.superblocks.change(|_| ());
    set.next(&[0]);
    set.done(0, FAILED);
    set.superblocks.second_copies(legs(&[0]), Moment::default());
    let [(0, slot, superblock)] = &set.next(&[0])[..] else { panic!("one leg is written") };
    assert_eq!((*slot, superblock.seq), (0, 4));
}

#[test]
fn a_commit_is_over_when_its_last_leg_has_reported() {
    let mut set = Set::at_rest();
    set.superblocks.change(|_| ());
    set.next(&[0, 1, 2]);
    assert!(matches!(set.done(2, Ok(())), Then::Wait));
    assert!(matches!(set.done(1, FAILED), Then::Wait));
    let Then::Over(failed) = set.done(0, Ok(())) else { panic!("all have reported") };
    assert_eq!(failed[0].0, 1);
}

#[test]
fn what_is_durable_is_written_to_the_other_slot_before_the_next_commit_begins() {
    let mut set = Set::at_rest();
    set.superblocks.change(|_| ());
    let first = set.next(&[0]);
    set.done(0, Ok(()));
    set.superblocks.change(|_| ());
    assert!(!set.superblocks.wants(legs(&[0])), "not before the copies");
    let second = set.superblocks.second_copies(legs(&[0]), Moment::default());
    assert_eq!((first[0].1, second[0].1, &first[0].2), (0, 1, &second[0].2));
    set.done(0, Ok(()));
    assert!(set.superblocks.wants(legs(&[0])));
}

#[test]
fn a_leg_that_failed_the_first_copy_gets_no_second() {
    let mut set = Set::at_rest();
    set.superblocks.change(|_| ());
    set.next(&[0, 1]);
    set.done(0, Ok(()));
    set.done(1, FAILED);
    let second = set.superblocks.second_copies(legs(&[0, 1]), Moment::default());
    assert_eq!(second.iter().map(|(leg, ..)| *leg).collect::<Vec<_>>(), [0]);
}

#[test]
fn what_begins_a_session_is_committed_twice() {
    let mut set = Set::at_rest();
    set.superblocks.change_twice(|wanted| wanted.session += 1);
    set.commits(&[0, 1, 2]);
    assert!(set.superblocks.is_half_done());
    set.superblocks.begin_second_round();
    assert_eq!((set.superblocks.is_half_done(), set.holds()), (false, [false; 3]));
}

#[test]
fn the_second_record_has_seen_the_first_of_every_member() {
    let mut set = Set::at_rest();
    set.superblocks.change(|_| ());
    let first: Vec<u64> = set.next(&[0, 1, 2]).iter().map(|(.., it)| it.seq).collect();
    (0..3).for_each(|leg| _ = set.done(leg, Ok(())));
    set.superblocks.second_copies(legs(&[]), Moment::default());
    set.superblocks.change(|_| ());
    let second = &set.next(&[0])[0].2;
    let seen: Vec<u64> = second.members.iter().flatten().map(|it| it.seen).collect();
    assert_eq!(seen, first);
}

#[test]
fn a_commit_that_failed_is_followed_by_two_when_it_is_worth_a_try() {
    let mut set = Set::at_rest();
    set.superblocks.change(|_| ());
    set.superblocks.not_committed();
    assert!(set.superblocks.is_half_done());
    assert!(!set.superblocks.wants(legs(&[0])), "at once, it would only fail again");
    set.superblocks.try_again();
    assert!(set.superblocks.wants(legs(&[0])));
}

#[test]
fn a_member_that_was_restored_is_written_under_a_larger_number_than_was_seen_of_it() {
    let mut set = Set::found();
    set.superblocks.change(|wanted| wanted.members[0].as_mut().unwrap().seen = 70);
    set.superblocks.found(0, &disks()[0].member(), 1);
    set.commits(&[0]);
    assert_eq!(set.next(&[0])[0].2.seq, 71);
}

#[test]
fn a_new_member_is_named_by_the_record_that_calls_it_rebuilding() {
    let mut set = Set::at_rest();
    let (member, uuid) = (MemberId::new(1), Uuid::from_u128(7));
    set.superblocks.exclude(1, member, MemberId::new(0), MemberState::FailedByHand);
    let before = *set.superblocks.wanted().entry(member).unwrap();
    set.superblocks.newcomer(1, uuid);
    set.excludes(1);
    assert_eq!(set.superblocks.wanted().entry(member), Some(&before), "it is of the one before");
    set.superblocks.newcomer(1, uuid);
    set.superblocks.mark(1, member);
    let entry = set.superblocks.wanted().entry(member).unwrap();
    assert_eq!((entry.uuid, entry.state), (uuid, MemberState::Rebuilding));
}
