//! A suspension: what it ends, what it records, and when it is over.

use bio::ErrorKind::Media;

use super::rig::Does::{Compare, Data, Flush, Look, Page, Quiet, Read, Super, Take};
use super::rig::Rig;
use crate::core::event::{Alarm, Event, Message};
use crate::core::parts::leg::Failure;
use crate::core::parts::news::News;

#[test]
fn a_mirror_that_has_nothing_to_stop_is_quiet_at_once() {
    assert_eq!(Rig::plain(2).suspend(), [Quiet]);
    assert_eq!(Rig::held().suspend(), [Quiet]);
    assert_eq!(Rig::labelled(2, true).suspend(), [Quiet]);
}

#[test]
fn legs_are_flushed_then_maps_become_clean_then_superblocks_say_so() {
    let mut mirror = Rig::written(1);
    assert_eq!(mirror.suspend(), [Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), [Page(0)]);
    mirror.ok(Page(0));
    assert_eq!(mirror.ok(Flush(0)), [Page(0)], "the second copy");
    assert!(!mirror.dirty_on(0, 0));
    assert_eq!(mirror.ok(Page(0)), [Super(0)]);
    assert_eq!(mirror.settles().last(), Some(&Quiet));
    assert!(mirror.disks[0].superblock.clean && mirror.heard(&News::Stopped { recorded: true }));
}

#[test]
fn a_session_ends_with_two_commits() {
    let mut mirror = Rig::recorded(1);
    let before = mirror.disks[0].superblock.seq;
    mirror.suspend();
    mirror.settles();
    assert_eq!(mirror.disks[0].superblock.seq, before + 2);
}

#[test]
fn a_suspension_waits_for_the_chunk_in_flight_and_lets_no_other_begin() {
    let mut mirror = Rig::copying(2);
    mirror.goes_off(Alarm::Resync);
    assert_eq!(mirror.suspend(), []);
    assert_eq!(mirror.ok(Read(0)), [Take(0), Data(1)]);
    assert_eq!(mirror.ok(Data(1)), []);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Quiet]);
}

#[test]
fn a_suspension_waits_for_the_chunk_of_a_check() {
    let mut mirror = Rig::plain(2);
    mirror.says(Message::Check { repairs: false }).unwrap();
    mirror.goes_off(Alarm::ScrubStep);
    assert_eq!(mirror.suspend(), []);
    mirror.ok(Look(0));
    assert_eq!(mirror.ok(Look(1)), [Compare(0)]);
    assert_eq!(mirror.ok(Compare(0)), []);
    assert_eq!(mirror.goes_off(Alarm::ScrubStep), [Quiet]);
}

#[test]
fn a_suspension_waits_for_a_leg_that_is_out_to_give_back_what_it_has() {
    let mut mirror = Rig::written(2);
    mirror.goes_off(Alarm::Clean);
    assert_eq!(mirror.waits(), [Page(0), Page(1)], "second copies");
    mirror.drops(1, Failure::Reset);
    mirror.suspend();
    while mirror.waits() != [Page(1)] {
        let next = { mirror.waits().into_iter() }.find(|it| *it != Page(1));
        mirror.ok(next.expect("the stop goes on"));
    }
    assert_eq!(mirror.ok(Page(1)), [Quiet]);
}

#[test]
fn a_suspension_waits_for_a_leg_that_is_being_looked_at() {
    let mut mirror = Rig::one_out(2);
    mirror.says(Message::Add { leg: 1, force: false }).unwrap();
    assert_eq!(mirror.suspend(), []);
    assert!(mirror.settles().contains(&Quiet));
}

#[test]
fn superblocks_of_a_stop_are_written_once_more_before_it_gives_up() {
    let mut mirror = Rig::recorded(1);
    assert_eq!(mirror.suspend(), [Super(0)]);
    assert_eq!(mirror.fails(Super(0), Media), [Super(0)]);
    assert_eq!(mirror.fails(Super(0), Media), [Quiet]);
    assert!(mirror.heard(&News::Stopped { recorded: false }));
}

#[test]
fn what_nobody_uses_any_more_writes_nothing() {
    let mut mirror = Rig::written(2);
    mirror.meets(Event::TornDown);
    mirror.drops(1, Failure::Reset);
    assert_eq!(mirror.goes_off(Alarm::Clean), []);
}
