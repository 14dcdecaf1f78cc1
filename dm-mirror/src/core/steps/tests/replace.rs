//! Replacing a member that serves.

use super::rig::Rig;
use crate::core::event::Message;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::replacement::Replacement;
use crate::format::{MemberId, MemberState};

/// Of three legs, 1 is out, and is to replace leg 0.
fn replacing() -> Rig {
    let mut mirror = Rig::one_out(3);
    mirror.says(Message::Replace { old: 0, new: 1, force: false }).expect("leg 1 is out");
    mirror
}

#[test]
fn the_old_leg_stays_in_sync_until_the_new_one_is() {
    let mut mirror = replacing();
    while !mirror.is_in_sync(1) {
        assert!(mirror.is_in_sync(0));
        mirror.goes_on();
    }
    assert_eq!(mirror.why_out(0), Some(Failure::Replaced));
    assert_eq!(mirror.says_of(1, 0), MemberState::InSync, "not yet");
}

#[test]
fn the_old_member_is_forgotten_once_it_is_durable_that_it_is_out() {
    let mut mirror = replacing();
    mirror.rests();
    assert_eq!(mirror.why_out(0), Some(Failure::NoMember));
    let knows = |leg: usize| mirror.disks[leg].superblock.entry(MemberId::new(0)).is_some();
    assert_eq!([knows(1), knows(2)], [false, false]);
}

#[test]
fn if_the_new_leg_goes_out_the_old_one_stays() {
    let mut mirror = replacing();
    while mirror.state(1) != LegState::Rebuilding {
        mirror.goes_on();
    }
    mirror.drops(1, Failure::Reset);
    mirror.rests();
    assert!(mirror.is_in_sync(0) && mirror.core.replaced().is_none());
}

#[test]
fn a_leg_that_is_not_taken_back_replaces_nobody() {
    let mut mirror = Rig::one_out(3);
    mirror.disks[1].superblock.set = uuid::Uuid::from_u128(5);
    mirror.says(Message::Replace { old: 0, new: 1, force: false }).unwrap();
    mirror.settles();
    assert_eq!((mirror.core.replaced(), mirror.is_in_sync(0)), (None, true));
}

#[test]
fn one_leg_is_replaced_at_a_time() {
    let mut mirror = Rig::one_out(4);
    mirror.says(Message::Fail(2)).unwrap();
    mirror.settles();
    mirror.says(Message::Replace { old: 0, new: 1, force: false }).unwrap();
    assert!(mirror.says(Message::Replace { old: 3, new: 2, force: false }).is_err());
}

#[test]
fn a_leg_that_serves_is_replaced_by_one_that_is_out() {
    let replace = |old, new| Message::Replace { old, new, force: false };
    assert!(Rig::one_out(3).says(replace(1, 1)).is_err(), "not by itself");
    assert!(Rig::one_out(3).says(replace(0, 2)).is_err(), "leg 2 is in sync");
    let mut mirror = Rig::rebuilding(3);
    mirror.says(Message::Fail(2)).unwrap();
    mirror.settles();
    assert!(mirror.says(replace(1, 2)).is_err(), "leg 1 does not serve yet");
}

#[test]
fn a_leg_that_the_session_before_could_not_record_as_leaving_leaves_now() {
    let leaving = Replacement::Leaving { old: 0 };
    let mut mirror = Rig::recorded(2);
    mirror.core.replacement = Some(leaving);
    assert!(mirror.core.go_on_replacing());
    assert_eq!(mirror.why_out(0), Some(Failure::Replaced));
    let mut alone = Rig::recorded(1);
    alone.core.replacement = Some(leaving);
    assert!(alone.core.go_on_replacing() && alone.core.replaced().is_none());
    assert!(alone.is_in_sync(0), "the last one stays");
}
