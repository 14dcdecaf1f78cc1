//! A repair: what could not be read is rewritten, and read again.

use core::time::Duration;

use bio::ErrorKind::Media;
use bio::Sectors;

use super::rig::Does::{Data, Look, Page, Read, Take, Verify};
use super::rig::{Rig, set};
use crate::core::event::{Alarm, Message};
use crate::core::parts::errors::Threshold;
use crate::core::parts::leg::Failure;
use crate::core::parts::news::News;

/// Leg 0 could not read a block, leg 1 could, and a repair is about to begin.
fn one_bad_block(mut mirror: Rig) -> Rig {
    mirror.read(0, 1);
    mirror.fails(Read(0), Media);
    mirror.ok(Read(1));
    mirror.goes_off(Alarm::Scrub);
    mirror
}

/// R13.
#[test]
fn a_bad_block_is_rewritten_from_another_leg_and_read_again() {
    let mut mirror = one_bad_block(Rig::plain(2));
    assert_eq!(mirror.goes_off(Alarm::ScrubStep), [Look(1)]);
    assert_eq!(mirror.ok(Look(1)), [Take(1), Data(0)]);
    assert_eq!(mirror.ok(Data(0)), [Look(0)]);
    assert_eq!(mirror.ok(Look(0)), [Verify]);
    mirror.hold_it(&[0]);
    assert!(mirror.heard(&News::Repaired(0, bio::Extent::new(bio::Sector(0), Sectors(1)))));
}

/// R1.
#[test]
fn a_rewrite_has_its_own_intent() {
    let mut mirror = one_bad_block(Rig::recorded(2));
    mirror.goes_off(Alarm::ScrubStep);
    assert_eq!(mirror.ok(Look(1)), [Take(1), Page(0)]);
}

#[test]
fn the_range_is_held_until_the_block_was_read_again() {
    let mut mirror = one_bad_block(Rig::plain(2));
    mirror.goes_off(Alarm::ScrubStep);
    assert_eq!(mirror.write(0, 1), []);
    mirror.all_ok(&[Look(1), Data(0), Look(0)]);
    assert_eq!(mirror.hold_it(&[0]), [Data(0), Data(1)]);
}

#[test]
fn a_user_s_read_comes_first() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 1);
    mirror.fails(Read(0), Media);
    mirror.ok(Read(1));
    assert_eq!(mirror.is_set(Alarm::Scrub), Some(Duration::from_millis(100)));
}

#[test]
fn a_leg_that_cannot_read_what_was_rewritten_or_reads_something_else_has_an_error_more() {
    for holds in [true, false] {
        let mut mirror = one_bad_block(Rig::plain(2));
        mirror.core.setup.error_threshold =
            Threshold { errors: 1, halving: Duration::from_secs(1) };
        mirror.goes_off(Alarm::ScrubStep);
        mirror.all_ok(&[Look(1), Data(0), Look(0)]);
        mirror.hold_it(if holds { &[0] } else { &[] });
        assert_eq!(mirror.why_out(0).is_some(), !holds);
    }
}

#[test]
fn a_leg_that_cannot_write_the_block_is_out() {
    let mut mirror = one_bad_block(Rig::plain(2));
    mirror.goes_off(Alarm::ScrubStep);
    mirror.ok(Look(1));
    mirror.fails(Data(0), Media);
    assert_eq!(mirror.why_out(0), Some(Failure::Write(Media)));
}

#[test]
fn nothing_is_repaired_where_a_region_is_unsettled_or_without_a_good_leg_in_sync() {
    let mut mirror = one_bad_block(Rig::recorded(2));
    mirror.regions().unsettle(crate::format::Region(0));
    assert_eq!(mirror.goes_off(Alarm::ScrubStep), []);
    let mut mirror = one_bad_block(Rig::plain(2));
    mirror.drops(1, Failure::Reset);
    assert_eq!(mirror.goes_off(Alarm::ScrubStep), []);
    let mut mirror = one_bad_block(Rig::plain(3));
    mirror.drops(0, Failure::Reset);
    assert_eq!(mirror.goes_off(Alarm::ScrubStep), [], "it is out, and gets all it missed");
}

#[test]
fn a_leg_that_went_out_while_it_was_read_is_no_source() {
    let mut mirror = one_bad_block(Rig::plain(3));
    mirror.goes_off(Alarm::ScrubStep);
    mirror.drops(1, Failure::Reset);
    assert_eq!(mirror.ok(Look(1)), []);
    assert_eq!(mirror.core.in_sync(), set(&[0, 2]));
}

#[test]
fn a_suspended_mirror_begins_no_repair_and_goes_on_when_it_is_resumed() {
    let mut mirror = one_bad_block(Rig::plain(2));
    mirror.suspend();
    assert!(!mirror.rests().contains(&Look(1)));
    mirror.resume();
    assert!(mirror.rests().contains(&Look(0)), "it was rewritten");
    assert!(mirror.says(Message::Idle).is_err());
}
