//! A leg goes out: which one may, and what it misses by that.

use alloc::vec;

use bio::ErrorKind::Media;

use super::rig::Does::{Data, Page, Super};
use super::rig::{Rig, set};
use crate::core::event::Message;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::news::News;
use crate::format::Region;

/// R9.
#[test]
fn the_last_leg_in_sync_is_never_failed() {
    let mut mirror = Rig::plain(2);
    assert!(mirror.core.fail_leg(1, Failure::Write(Media)));
    assert!(!mirror.core.fail_leg(0, Failure::Write(Media)));
    assert!(mirror.is_in_sync(0));
}

#[test]
fn a_leg_that_is_being_rebuilt_does_not_count_as_one_in_sync() {
    let mut mirror = Rig::copying(2);
    assert!(!mirror.core.fail_leg(0, Failure::Write(Media)));
    assert!(mirror.core.fail_leg(1, Failure::Write(Media)));
}

#[test]
fn a_leg_that_is_out_keeps_its_reason() {
    let mut mirror = Rig::plain(2);
    mirror.drops(1, Failure::Reset);
    assert!(!mirror.core.fail_leg(1, Failure::Write(Media)), "it is no news");
    assert_eq!(mirror.why_out(1), Some(Failure::Reset));
}

#[test]
fn a_leg_that_goes_out_missed_what_is_dirty() {
    let mut mirror = Rig::written(2);
    assert!(!mirror.missed(1, 0));
    mirror.drops(1, Failure::Reset);
    assert!(mirror.missed(1, 0) && !mirror.missed(1, 1));
}

#[test]
fn superblocks_come_to_say_why() {
    use crate::format::MemberState::{FailedByHand, FailedMedia, Out};
    for (why, state) in [
        (Failure::Reset, Out),
        (Failure::Write(Media), FailedMedia),
        (Failure::ByHand, FailedByHand),
    ] {
        let mut mirror = Rig::recorded(2);
        mirror.drops(1, why);
        mirror.settles();
        assert_eq!(mirror.says_of(0, 1), state, "{why:?}");
    }
}

#[test]
fn what_was_copied_to_it_counts_for_nothing() {
    let mut mirror = Rig::copying(2);
    mirror.core.resync.copied = vec![(Region(0), set(&[1]))];
    mirror.drops(1, Failure::Reset);
    assert_eq!(mirror.core.resync.copied, [(Region(0), set(&[]))]);
}

#[test]
fn a_person_is_told() {
    let mut mirror = Rig::plain(2);
    mirror.write(0, 1);
    mirror.fails(Data(1), Media);
    assert!(mirror.heard(&News::Out(1, Failure::Write(Media))));
}

#[test]
fn a_leg_that_superblocks_do_not_know_yet_is_no_member_any_more() {
    let mut mirror = Rig::one_out(3);
    mirror.says(Message::Forget(1)).unwrap();
    mirror.settles();
    mirror.disks[1].is_blank = true;
    mirror.says(Message::Add { leg: 1, force: false }).unwrap();
    while mirror.state(1) != LegState::Returning {
        mirror.goes_on();
    }
    assert_eq!(mirror.does(), [Page(0), Page(2)], "first that it missed everything");
    mirror.says(Message::Fail(1)).unwrap();
    assert_eq!(mirror.why_out(1), Some(Failure::NoMember));
    assert_eq!(mirror.does(), [Super(0), Super(2)]);
}
