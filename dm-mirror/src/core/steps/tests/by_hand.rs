//! A person takes a leg out.

use bio::ErrorKind::Media;

use super::rig::Does::{Flush, Super};
use super::rig::{Rig, set};
use crate::core::event::Message;
use crate::core::parts::leg::Failure;
use crate::format::MemberState;

#[test]
fn the_last_leg_in_sync_is_not_taken_out() {
    let mut mirror = Rig::one_out(2);
    assert!(mirror.says(Message::Fail(0)).is_err());
    assert!(mirror.is_in_sync(0));
}

#[test]
fn a_leg_is_out_at_once_and_superblocks_come_to_say_why() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    assert_eq!(mirror.why_out(1), Some(Failure::ByHand));
    assert_eq!(mirror.does(), [Super(0)]);
    mirror.settles();
    assert_eq!(mirror.says_of(0, 1), MemberState::FailedByHand);
}

#[test]
fn a_leg_that_was_out_for_another_reason_is_recorded_so_too() {
    let mut mirror = Rig::recorded(2);
    mirror.drops(1, Failure::Reset);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.settles();
    assert_eq!(mirror.says_of(0, 1), MemberState::FailedByHand);
}

#[test]
fn what_only_a_person_takes_back_anyway_keeps_its_reason() {
    let mut mirror = Rig::recorded(2);
    mirror.drops(1, Failure::Write(Media));
    mirror.says(Message::Fail(1)).unwrap();
    mirror.settles();
    assert_eq!(mirror.says_of(0, 1), MemberState::FailedMedia);
}

#[test]
fn the_mirror_remembers_it_until_a_superblock_says_so() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.ok(Super(0));
    assert_eq!(mirror.core.by_hand.members(), [mirror.member(1)]);
    mirror.ok(Flush(0));
    assert!(mirror.core.by_hand.members().is_empty());
}

#[test]
fn a_leg_that_may_hold_another_member_is_not_taken_out() {
    let mut mirror = Rig::recorded(3);
    mirror.core.unknown = set(&[1]);
    assert!(mirror.says(Message::Fail(1)).is_err());
    assert!(mirror.says(Message::Forget(1)).is_err());
    assert!(mirror.is_in_sync(1));
}

#[test]
fn without_a_session_and_while_it_is_suspended_it_is_refused() {
    assert!(Rig::labelled(2, true).says(Message::Fail(1)).is_err());
    assert!(Rig::held().says(Message::Fail(1)).is_err());
    let mut suspended = Rig::recorded(2);
    suspended.suspend();
    assert!(suspended.says(Message::Fail(1)).is_err());
}

#[test]
fn during_a_start_it_is_done() {
    let mut mirror = Rig::labelled(2, true);
    mirror.resume();
    mirror.finds_only(&[0, 1]);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.settles();
    assert_eq!(mirror.says_of(0, 1), MemberState::FailedByHand);
}
