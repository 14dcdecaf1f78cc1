//! A mirror that was not started: what a person's word is good for.

use alloc::vec;
use alloc::vec::Vec;

use arrayvec::ArrayVec;
use uuid::Uuid;

use super::super::found::Found;
use super::super::leg::LEGS_MAX;
use super::super::not_started::{Consent, InDoubt, NotStarted, Offer, Question};
use super::membership::disks;
use crate::assemble::{Missed, Plan, Refusal, Role, Verdict};
use crate::format::{MemberId, MemberState, Superblock};

fn superblock() -> Superblock {
    disks()[0].superblock.clone()
}

fn offer(missing: &[usize]) -> Offer {
    Offer::of(&superblock(), missing.iter().copied().map(MemberId::new).collect())
}

/// Two halves, on legs 0 and 1, of these generations.
fn halves(generations: [u128; 2]) -> (Refusal, [Found; LEGS_MAX]) {
    let mut found = [const { Found::Absent }; LEGS_MAX];
    for (leg, generation) in generations.into_iter().enumerate() {
        let mut member = disks()[leg].member();
        member.superblock.generation = Uuid::from_u128(generation);
        found[leg] = Found::Member(member.into(), Vec::new());
    }
    let conflict = Missed::Everything;
    (Refusal::SplitBrain { sides: vec![vec![0], vec![1]], conflict }, found)
}

/// A person chose leg 0 of what they were shown.
fn keeps_leg_0(refusal: &Refusal, found: &[Found; LEGS_MAX]) -> Consent {
    let shown = NotStarted::refused("ran apart".into(), refusal, found);
    assert_eq!(shown.question(), Some(Question::Halves(vec![0, 1])));
    let halves: ArrayVec<_, LEGS_MAX> = shown.halves.clone();
    Consent { keep: Some((halves[0], halves)), degraded: None }
}

#[test]
fn who_agreed_to_a_start_without_two_agreed_to_one_without_one_of_them() {
    assert!(offer(&[1, 2]).covers(&offer(&[1, 2])));
    assert!(offer(&[1, 2]).covers(&offer(&[1])));
    assert!(!offer(&[1]).covers(&offer(&[1, 2])), "one more is missing by now");
}

#[test]
fn a_word_about_one_record_is_none_about_another() {
    let other = Superblock { version: 9, ..superblock() };
    assert!(!offer(&[1]).covers(&Offer::of(&other, vec![MemberId::new(1)])));
    let other = Superblock { generation: Uuid::from_u128(9), ..superblock() };
    assert!(!offer(&[1]).covers(&Offer::of(&other, vec![MemberId::new(1)])));
}

#[test]
fn a_half_is_kept_if_all_that_is_found_was_shown() {
    let (refusal, found) = halves([1, 2]);
    let consent = keeps_leg_0(&refusal, &found);
    assert_eq!(consent.kept(&Verdict::Refuse(refusal), &found), Some(0));
}

#[test]
fn another_half_is_not_overwritten_without_a_word() {
    let (refusal, found) = halves([1, 2]);
    let consent = keeps_leg_0(&refusal, &found);
    for other in [[1, 3], [3, 2]] {
        let (refusal, found) = halves(other);
        assert_eq!(consent.kept(&Verdict::Refuse(refusal), &found), None, "{other:?}");
    }
}

#[test]
fn a_word_for_a_half_is_needed_only_where_halves_ran_apart() {
    let (refusal, found) = halves([1, 2]);
    let consent = keeps_leg_0(&refusal, &found);
    assert_eq!(consent.kept(&Verdict::Refuse(Refusal::NoneInSync), &found), None);
}

#[test]
fn a_person_is_warned_of_a_missing_member_that_may_call_the_one_to_start_from_out() {
    let mut wanted = superblock();
    wanted.entry_mut(MemberId::new(1)).unwrap().state = MemberState::Out;
    let mut in_doubt = InDoubt::default();
    in_doubt.failed(&wanted);
    // Members 0 and 2 may hold that 1 is out.
    let roles = [Role::Missing, Role::InSync { device: 1 }, Role::Missing, Role::Empty];
    let plan = Plan { newest: superblock(), roles, adopt: Vec::new() };
    let warning = in_doubt.warning(&plan, &[MemberId::new(0)]);
    assert!(warning.contains("member 0 may hold that member 1 is out"), "{warning}");
    assert_eq!(in_doubt.warning(&plan, &[MemberId::new(3)]), "", "none of theirs is missing");
    assert_eq!(InDoubt::default().warning(&plan, &[MemberId::new(0)]), "", "no start failed");
}

#[test]
fn what_lies_on_each_leg_is_shown() {
    let (_, mut found) = halves([1, 2]);
    found[1] = Found::Bad(crate::format::Bad::Checksum);
    let shown = NotStarted::because("it is so".into(), &found);
    assert!(shown.legs[0].starts_with("member 0 of `story`, session 0"), "{}", shown.legs[0]);
    assert_eq!(shown.legs[1], "no member: the checksum is wrong");
    assert_eq!(shown.legs[2], "not there, or cannot be read");
    assert_eq!((shown.question(), shown.has_failed()), (None, false));
}
