//! A leg that was out comes back.

use bio::ErrorKind::Gone;
use uuid::Uuid;

use super::rig::Does::{Data, Flush, Page, Search, Super};
use super::rig::Rig;
use crate::core::event::Message;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::news::News;
use crate::format::{MemberId, MemberState, Second};

const ADD: Message = Message::Add { leg: 1, force: false };

/// Region 0 is DIRTY on both legs by their own maps; then a person took leg 1 out, and adds it.
fn adding() -> Rig {
    let mut mirror = Rig::written(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.settles();
    mirror.says(ADD).expect("leg 1 is out");
    mirror
}

/// R12.
#[test]
fn a_leg_that_owes_a_request_is_not_taken_back() {
    let mut mirror = Rig::written(2);
    mirror.write(0, 1);
    mirror.ok(Data(0));
    mirror.says(Message::Fail(1)).unwrap();
    while mirror.core.pending() {
        mirror.ok(if mirror.waits().contains(&Super(0)) { Super(0) } else { Flush(0) });
    }
    assert!(mirror.says(ADD).unwrap_err().contains("has not given back 1 earlier requests"));
    mirror.settles();
    assert!(mirror.says(ADD).is_ok());
}

#[test]
fn a_leg_that_owes_a_record_is_not_taken_back() {
    let mut mirror = Rig::recorded(2);
    mirror.write(0, 1);
    mirror.ok(Page(1));
    mirror.drops(1, Failure::Reset);
    assert!(mirror.core.owes(1), "the flush behind its page");
    mirror.ok(Flush(1));
    assert!(!mirror.core.owes(1));
}

#[test]
fn a_leg_that_failed_a_superblock_owes_it_until_its_commit_is_over() {
    let mut mirror = Rig::recorded(3);
    mirror.says(Message::Fail(2)).unwrap();
    mirror.drops(1, Failure::Reset);
    mirror.fails(Super(1), Gone);
    assert!(mirror.core.owes(1), "the superblock of leg 0 is on its way");
    mirror.all_ok(&[Super(0), Flush(0)]);
    assert!(!mirror.core.owes(1));
}

/// R15.
#[test]
fn maps_then_superblocks_then_data() {
    let mut mirror = adding();
    mirror.ok(Flush(1));
    assert_eq!(mirror.ok(Search(1)), [Page(0)], "what it missed");
    mirror.ok(Page(0));
    assert_eq!(mirror.ok(Flush(0)), [Super(0)], "that it is being rebuilt");
    mirror.ok(Super(0));
    mirror.ok(Flush(0));
    mirror.ok(Super(0));
    assert_eq!(mirror.ok(Flush(0)), [Super(1)], "its own last");
    mirror.all_ok(&[Super(1), Flush(1), Super(1)]);
    assert_eq!(mirror.state(1), LegState::Returning);
    mirror.ok(Flush(1));
    assert_eq!(mirror.state(1), LegState::Rebuilding);
}

#[test]
fn a_leg_that_returns_gets_no_data() {
    let mut mirror = adding();
    mirror.all_ok(&[Flush(1), Search(1), Page(0), Flush(0)]);
    assert_eq!(mirror.state(1), LegState::Returning);
    assert_eq!(mirror.write(0, 1), [Data(0)]);
}

#[test]
fn what_is_dirty_on_the_leg_itself_is_missed_by_it() {
    let mut mirror = Rig::one_out(2);
    mirror.disks[1].is_to_be_dirty(crate::format::Region(5));
    mirror.says(ADD).unwrap();
    mirror.all_ok(&[Flush(1), Search(1)]);
    assert!(mirror.missed(1, 5) && !mirror.missed(1, 4));
}

#[test]
fn a_leg_in_sync_is_not_added_nor_one_that_is_being_looked_at() {
    assert!(Rig::recorded(2).says(ADD).is_err());
    let mut mirror = adding();
    assert_eq!(mirror.ok(Flush(1)), [Search(1)]);
    assert!(mirror.says(ADD).is_err());
}

#[test]
fn a_leg_that_a_person_fails_while_it_is_looked_at_stays_out() {
    let mut mirror = adding();
    mirror.says(Message::Fail(1)).unwrap();
    mirror.settles();
    assert_eq!(mirror.why_out(1), Some(Failure::ByHand));
    let why = "it was failed by hand meanwhile".into();
    assert!(mirror.heard(&News::StaysOut(1, why)));
}

#[test]
fn a_leg_that_is_newer_than_what_runs_is_not_taken_back() {
    let mut mirror = Rig::one_out(2);
    let newest = mirror.disks[0].superblock.generation;
    mirror.disks[1].superblock.history.insert(0, newest);
    mirror.disks[1].superblock.generation = Uuid::from_u128(5);
    mirror.says(ADD).unwrap();
    mirror.settles();
    assert_eq!(mirror.why_out(1), Some(Failure::ByHand));
}

/// The record that calls it failed was written beside the one that is lost.
#[test]
fn a_leg_in_doubt_is_taken_back_if_superblocks_call_it_failed() {
    let mut mirror = adding();
    mirror.disks[1].second = Second::Lost;
    mirror.settles();
    assert_eq!(mirror.state(1), LegState::Rebuilding);
}

#[test]
fn a_leg_that_turns_out_to_hold_another_missing_member_takes_its_place() {
    let mut mirror = Rig::labelled(3, true);
    mirror.resume();
    mirror.finds_only(&[0]);
    mirror.says(Message::StartDegraded).unwrap();
    mirror.finds_only(&[0]);
    mirror.settles();
    mirror.disks.swap(1, 2);
    mirror.says(ADD).unwrap();
    mirror.settles();
    assert_eq!(mirror.regions().member(1), MemberId::new(2));
    assert_eq!(mirror.state(1), LegState::Rebuilding);
}

#[test]
fn a_leg_that_a_person_adds_is_forgiven_its_errors() {
    let mut mirror = adding();
    mirror.core.legs[1].errors.add(mirror.now, Default::default());
    mirror.settles();
    assert_eq!(mirror.core.legs[1].errors, Default::default());
    assert!(mirror.core.by_hand.members().is_empty());
}

#[test]
fn what_a_person_asked_for_before_a_suspension_is_done_after_it() {
    let mut mirror = adding();
    mirror.suspend();
    mirror.settles();
    assert_eq!(mirror.says_of(0, 1), MemberState::FailedByHand);
    mirror.resume();
    mirror.settles();
    assert_eq!(mirror.state(1), LegState::Rebuilding);
}
