//! A check and a repair of the whole mirror.

use alloc::string::{String, ToString};

use bio::ErrorKind::Media;

use super::rig::Does::{Compare, Data, Done, Look, Read, Take};
use super::rig::Rig;
use crate::core::event::{Alarm, Message};
use crate::core::parts::check::End;
use crate::core::parts::leg::Failure;
use crate::core::parts::policy::ReadPolicy;
use crate::format::Region;

/// A check or a repair has begun, and looks at its first chunk.
fn begun(mut mirror: Rig, repairs: bool) -> Rig {
    mirror.says(Message::Check { repairs }).expect("two legs are in sync");
    mirror.goes_off(Alarm::ScrubStep);
    mirror
}

/// Legs 0 and 1 have given what they hold.
fn all_are_read(mirror: &mut Rig) {
    mirror.ok(Look(0));
    mirror.ok(Look(1));
}

/// What came of it.
fn report(mirror: &Rig) -> String {
    mirror.core.scrub.check.as_ref().expect("one was begun").to_string()
}

/// Why it ended.
fn end(mirror: &Rig) -> Option<End> {
    mirror.core.scrub.check.as_ref().expect("one was begun").end
}

#[test]
fn every_leg_in_sync_is_read_for_itself_and_compared() {
    let mut mirror = begun(Rig::plain(2), false);
    assert_eq!(mirror.does(), [Look(0), Look(1)]);
    assert_eq!(mirror.ok(Look(1)), []);
    assert_eq!(mirror.ok(Look(0)), [Compare(0)]);
    mirror.rests();
    assert_eq!(report(&mirror), "check: all 64 sectors; 0 differ, 0 cannot be read");
}

#[test]
fn a_check_writes_nothing() {
    let mut mirror = begun(Rig::plain(2), false);
    all_are_read(&mut mirror);
    assert_eq!(mirror.differ(&[4, 5], &[1]), []);
    mirror.rests();
    assert!(report(&mirror).contains("\n  4+2: leg 1 differs"));
}

#[test]
fn a_repair_rewrites_from_the_leg_that_reads_go_to_first() {
    let mut mirror = Rig::plain(2);
    mirror.core.read_policy = ReadPolicy::Prefer(1);
    let mut mirror = begun(mirror, true);
    all_are_read(&mut mirror);
    assert_eq!(mirror.waits(), [Compare(1)]);
    assert_eq!(mirror.differ(&[4], &[0]), [Take(1), Data(0)]);
    mirror.rests();
    assert!(report(&mirror).contains("1 differ, 0 cannot be read; 1 repaired"));
}

#[test]
fn a_repair_leaves_unsettled_regions_to_the_resync() {
    let mut mirror = begun(Rig::recorded(2), true);
    mirror.regions().unsettle(Region(0));
    all_are_read(&mut mirror);
    assert_eq!(mirror.differ(&[4], &[1]), []);
    assert!(report(&mirror).contains("4+1: leg 1 differs (may be: dirty)"));
}

#[test]
fn users_read_on_beside_a_check_and_wait_for_a_repair() {
    let mut check = begun(Rig::plain(2), false);
    assert_eq!(check.read(0, 1), [Read(0)]);
    assert_eq!(check.write(0, 1), []);
    let mut repair = begun(Rig::plain(2), true);
    assert_eq!(repair.read(0, 1), []);
}

#[test]
fn a_chunk_that_one_leg_cannot_read_is_read_block_by_block() {
    let mut mirror = begun(Rig::plain(2), false);
    mirror.fails(Look(1), Media);
    mirror.ok(Look(0));
    assert_eq!(mirror.core.legs[1].counts.read_errors, 0, "its blocks count, each for itself");
    assert_eq!(mirror.goes_off(Alarm::ScrubStep), [Look(0), Look(1)]);
    mirror.fails(Look(1), Media);
    assert_eq!(mirror.ok(Look(0)), [Compare(0)]);
    assert_eq!(mirror.core.legs[1].counts.read_errors, 1);
    mirror.rests();
    assert!(report(&mirror).ends_with("\n  0+1: leg 1 cannot be read"));
}

#[test]
fn a_check_ends_if_one_of_its_legs_goes_out() {
    let mut mirror = begun(Rig::plain(3), false);
    mirror.drops(1, Failure::Reset);
    mirror.rests();
    assert_eq!(end(&mirror), Some(End::LegOut(1)));
}

#[test]
fn a_check_ends_with_a_suspension_and_by_hand() {
    let mut mirror = begun(Rig::plain(2), false);
    mirror.suspend();
    mirror.rests();
    assert_eq!(end(&mirror), Some(End::Done), "its only chunk was in flight");
    let mut mirror = Rig::plain(2);
    mirror.says(Message::Check { repairs: false }).unwrap();
    mirror.says(Message::Idle).unwrap();
    mirror.rests();
    assert_eq!(end(&mirror), Some(End::Stopped));
}

#[test]
fn a_check_needs_two_legs_in_sync_and_no_other_check() {
    let check = Message::Check { repairs: false };
    assert!(Rig::plain(1).says(check).is_err());
    assert!(Rig::copying(2).says(check).is_err());
    assert!(Rig::labelled(2, true).says(check).is_err());
    assert!(begun(Rig::plain(2), false).says(check).is_err());
    assert!(Rig::plain(2).says(Message::Idle).is_err());
}

#[test]
fn a_write_waits_for_one_chunk_at_most() {
    let mut mirror = begun(Rig::plain(2), false);
    mirror.write(0, 1);
    all_are_read(&mut mirror);
    assert_eq!(mirror.ok(Compare(0)), [Data(0), Data(1)]);
    mirror.ok(Data(0));
    assert_eq!(mirror.ok(Data(1)), [Done(1)]);
}
