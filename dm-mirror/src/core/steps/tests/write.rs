//! A write's way: where it goes, when it is done, and what a failure costs.

use alloc::vec;

use bio::BufCmd;
use bio::ErrorKind::{Gone, Media};

use super::rig::Does::{Data, Done, Fails, Flush, Page, Read, Super};
use super::rig::{Rig, set};
use crate::core::event::Message;
use crate::core::parts::leg::Failure;
use crate::format::Region;

/// R3.
#[test]
fn a_write_is_done_when_its_last_leg_has_reported() {
    let mut mirror = Rig::plain(2);
    assert_eq!(mirror.write(0, 1), [Data(0), Data(1)]);
    assert_eq!(mirror.ok(Data(1)), []);
    assert_eq!(mirror.ok(Data(0)), [Done(1)]);
}

#[test]
fn a_write_goes_to_legs_being_rebuilt_too_and_to_none_that_is_out() {
    assert_eq!(Rig::copying(2).write(0, 1), [Data(0), Data(1)]);
    assert_eq!(Rig::one_out(2).write(0, 1), [Page(0)]);
}

/// R1.
#[test]
fn a_leg_is_written_when_its_own_intent_is_durable_there() {
    let mut mirror = Rig::recorded(2);
    assert_eq!(mirror.write(0, 1), [Page(0), Page(1)]);
    assert_eq!(mirror.ok(Page(0)), [Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), [Data(0)]);
    assert!(mirror.dirty_on(0, 0) && !mirror.dirty_on(1, 0), "no leg waits for another one");
}

#[test]
fn a_write_to_a_dirty_region_goes_straight_to_the_legs() {
    assert_eq!(Rig::written(2).write(1, 1), [Data(0), Data(1)]);
}

#[test]
fn a_forced_write_is_flushed_on_each_leg() {
    let mut mirror = Rig::plain(2);
    mirror.force(0, 1);
    assert_eq!(mirror.ok(Data(0)), [Flush(0)]);
    assert_eq!(mirror.ok(Data(1)), [Flush(1)]);
    assert_eq!(mirror.ok(Flush(0)), []);
    assert_eq!(mirror.ok(Flush(1)), [Done(1)]);
}

#[test]
fn a_discard_is_a_write() {
    let mut mirror = Rig::recorded(1);
    assert_eq!(mirror.asks(BufCmd::FreeBlks, 0, 8), [Page(0)]);
    mirror.ok(Page(0));
    assert_eq!(mirror.ok(Flush(0)), [Data(0)]);
    assert_eq!(mirror.ok(Data(0)), [Done(1)]);
}

#[test]
fn a_leg_that_fails_a_discard_is_out() {
    let mut mirror = Rig::plain(2);
    mirror.asks(BufCmd::FreeBlks, 0, 8);
    mirror.fails(Data(1), Media);
    assert_eq!(mirror.why_out(1), Some(Failure::Write(Media)));
}

#[test]
fn a_leg_that_fails_a_write_is_out_and_the_write_succeeds_on_the_others() {
    let mut mirror = Rig::plain(2);
    mirror.write(0, 1);
    mirror.fails(Data(1), Media);
    assert_eq!(mirror.why_out(1), Some(Failure::Write(Media)));
    assert_eq!(mirror.ok(Data(0)), [Done(1)]);
}

#[test]
fn a_write_that_only_a_leg_being_rebuilt_has_is_no_success() {
    let mut mirror = Rig::copying(2);
    mirror.write(0, 1);
    mirror.fails(Data(0), Media);
    assert_eq!(mirror.ok(Data(1)), [Fails(1, Media)]);
}

/// R9.
#[test]
fn of_legs_that_all_fail_a_write_the_last_to_report_stays() {
    let mut mirror = Rig::plain(2);
    mirror.write(0, 1);
    mirror.fails(Data(0), Media);
    assert_eq!(mirror.fails(Data(1), Gone), [Fails(1, Media)]);
    assert!(mirror.why_out(0).is_some() && mirror.is_in_sync(1));
}

/// R4.
#[test]
fn a_write_is_parked_while_an_exclusion_is_not_durable() {
    let mut mirror = Rig::written(2);
    mirror.write(0, 1);
    assert_eq!(mirror.fails(Data(1), Gone), [Super(0)]);
    assert_eq!(mirror.ok(Data(0)), [], "leg 0 has it, but still calls leg 1 in sync");
    assert_eq!(mirror.ok(Super(0)), [Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), [Super(0), Done(2)]);
}

#[test]
fn a_parked_write_keeps_its_range() {
    let mut mirror = Rig::written(2);
    mirror.write(0, 1);
    mirror.fails(Data(1), Gone);
    mirror.ok(Data(0));
    assert_eq!(mirror.read(0, 1), []);
    mirror.ok(Super(0));
    assert_eq!(mirror.ok(Flush(0)), [Super(0), Done(2), Read(0)]);
}

/// The leg that is left took its cache along.
#[test]
fn a_flush_is_parked_too_though_no_leg_failed_it() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    assert_eq!(mirror.flush(), [Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), []);
    mirror.ok(Super(0));
    assert_eq!(mirror.ok(Flush(0)), [Super(0), Done(1)]);
}

#[test]
fn what_a_leg_that_is_out_does_not_get_it_missed() {
    let mut mirror = Rig::one_out(2);
    mirror.write(7, 2);
    assert!(mirror.missed(1, 0) && mirror.missed(1, 1) && !mirror.missed(1, 2));
}

#[test]
fn a_write_counts_on_a_leg_that_kept_its_cache_until_all_have_reported() {
    let mut mirror = Rig::copying(2);
    mirror.write(0, 1);
    mirror.ok(Data(0));
    mirror.loses_cache(0);
    mirror.read(8, 1);
    mirror.ok(Read(0));
    assert_eq!(mirror.ok(Data(1)), [Fails(1, Media)], "no leg in sync is known to have it");
}

#[test]
fn what_a_failed_write_left_on_a_leg_being_rebuilt_is_copied_again() {
    let mut mirror = Rig::copying(2);
    mirror.regions().all().for_each(|it| mirror.regions().caught_up(1, it));
    mirror.core.resync.copied = vec![(Region(0), set(&[1])), (Region(1), set(&[1]))];
    mirror.write(0, 1);
    mirror.fails(Data(0), Media);
    mirror.ok(Data(1));
    assert!(mirror.missed(1, 0) && !mirror.missed(1, 1));
    assert_eq!(mirror.core.resync.copied, [(Region(0), set(&[])), (Region(1), set(&[1]))]);
}

#[test]
fn a_write_that_failed_on_a_leg_that_stays_leaves_its_region_in_doubt() {
    let mut mirror = Rig::written(1);
    mirror.write(0, 1);
    mirror.fails(Data(0), Media);
    assert!(mirror.regions().is_doubtful(Region(0)));
}

#[test]
fn a_writer_that_goes_straight_on_finds_its_regions_marked() {
    let mut mirror = Rig::recorded(1);
    mirror.write(0, 8);
    mirror.settles();
    mirror.write(8, 8);
    mirror.settles();
    assert_eq!(mirror.write(16, 8), [Data(0)], "nobody waits for its intent");
    assert_eq!(mirror.write(24, 8), [Data(0), Page(0)], "the next ones are recorded meanwhile");
}

#[test]
fn where_all_is_dirty_already_nothing_is_recorded_ahead() {
    let mut mirror = Rig::unsettled(1);
    assert_eq!(mirror.write(0, 8), [Data(0)]);
    assert_eq!(mirror.write(8, 8), [Data(0)]);
}

#[test]
fn beside_a_leg_that_is_out_nothing_is_marked_ahead() {
    let mut mirror = Rig::one_out(2);
    mirror.write(0, 8);
    mirror.settles();
    mirror.write(8, 8);
    mirror.settles();
    assert!(!mirror.regions().is_dirty(Region(2)));
}
