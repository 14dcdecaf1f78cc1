//! Members that a person took out: what becomes of the word.

use uuid::Uuid;

use super::super::taken_out::TakenOut;

const MEMBER: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

/// A person took out the member on leg 1.
fn taken_out() -> TakenOut {
    let mut words = TakenOut::default();
    words.insert(MEMBER, 1);
    words
}

#[test]
fn a_word_is_kept_until_superblocks_of_its_mirror_say_so() {
    let mut words = taken_out();
    words.are_recorded(|member| member == OTHER);
    assert!(words.contains(MEMBER));
    words.are_recorded(|member| member == MEMBER);
    assert!(!words.contains(MEMBER));
}

#[test]
fn a_member_that_a_person_takes_back_is_out_by_no_word() {
    let mut words = taken_out();
    words.insert(OTHER, 2);
    words.remove(MEMBER);
    assert_eq!(words.members(), [OTHER]);
}

#[test]
fn there_is_one_word_about_a_member() {
    let mut words = taken_out();
    words.insert(MEMBER, 2);
    assert_eq!(words.members(), [MEMBER]);
    assert!(words.is_about(2) && !words.is_about(1));
}

#[test]
fn a_word_goes_over_to_the_next_table_under_the_leg_s_new_number() {
    let mut next = TakenOut::default();
    next.go_on(&taken_out(), |leg| Some(leg + 1));
    assert!(next.contains(MEMBER) && next.is_about(2) && !next.is_about(1));
}

#[test]
fn a_word_is_about_its_member_though_the_next_table_lacks_the_leg() {
    let mut next = TakenOut::default();
    next.go_on(&taken_out(), |_| None);
    assert!(next.contains(MEMBER) && !next.is_about(1), "another leg may have that number");
}
