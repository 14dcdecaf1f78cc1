//! A resync: what is copied from where, when it counts, and what it waits for.

use alloc::vec;

use bio::ErrorKind::Media;

use super::rig::Does::{Data, Fails, Flush, Page, Read, Take};
use super::rig::{Rig, set};
use crate::core::event::{Alarm, Message};
use crate::core::parts::leg::Failure;
use crate::core::parts::pace::Rate;
use crate::format::Region;

/// A copy goes on until its data were written; it stands before its next step.
fn copies_a_chunk(mirror: &mut Rig) {
    mirror.goes_off(Alarm::Resync);
    mirror.settles();
}

/// R1.
#[test]
fn a_copy_has_its_intent_on_the_leg_that_it_goes_to() {
    let mut mirror = Rig::rebuilding(2);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)]);
    assert_eq!(mirror.ok(Read(0)), [Take(0), Page(1)]);
    assert_eq!(mirror.ok(Page(1)), [Flush(1)]);
    assert_eq!(mirror.ok(Flush(1)), [Data(1)]);
    assert!(mirror.dirty_on(1, 0));
}

#[test]
fn a_copy_holds_its_range_from_the_read_to_the_write() {
    let mut mirror = Rig::copying(2);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)]);
    assert_eq!(mirror.write(0, 1), []);
    assert_eq!(mirror.ok(Read(0)), [Take(0), Data(1)]);
    assert_eq!(mirror.ok(Data(1)), [Data(0), Data(1)]);
}

/// R6.
#[test]
fn a_region_counts_as_copied_behind_a_flush_of_all_legs() {
    let mut mirror = Rig::rebuilding(2);
    copies_a_chunk(&mut mirror);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Flush(0), Flush(1)]);
    mirror.ok(Flush(1));
    assert!(mirror.missed(1, 0));
    mirror.ok(Flush(0));
    assert!(!mirror.missed(1, 0));
}

#[test]
fn sixteen_regions_share_a_flush() {
    let mut mirror = Rig::copying(2);
    mirror.core.resync.copied = vec![(Region(7), set(&[1])); 15];
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)]);
    mirror.core.resync.copied.push((Region(7), set(&[1])));
    mirror.settles();
    assert_eq!(mirror.goes_off(Alarm::Resync), [Flush(0), Flush(1)]);
}

/// R7.
#[test]
fn a_read_that_waits_has_its_region_copied_first_and_flushed_at_once() {
    let mut mirror = Rig::unsettled(2);
    assert_eq!(mirror.read(33, 1), []);
    mirror.goes_off(Alarm::Resync);
    assert_eq!(mirror.core.resync.current.unwrap().region, Region(4));
    mirror.settles();
    assert_eq!(mirror.goes_off(Alarm::Resync), [Flush(0), Flush(1)]);
    assert_eq!(mirror.ok(Flush(0)), []);
    assert_eq!(mirror.ok(Flush(1)), [Read(1)], "now both legs hold the same durably");
}

#[test]
fn no_region_is_settled_while_an_exclusion_is_not_durable() {
    let mut mirror = Rig::unsettled(3);
    mirror.read(0, 1);
    copies_a_chunk(&mut mirror);
    mirror.says(Message::Fail(2)).unwrap();
    assert_eq!(mirror.goes_off(Alarm::Resync), [], "superblocks are on their way");
    mirror.settles();
    assert_eq!(mirror.goes_off(Alarm::Resync), [Flush(0), Flush(1)]);
}

#[test]
fn a_flush_that_an_exclusion_overtook_settles_nothing() {
    let mut mirror = Rig::unsettled(3);
    mirror.read(0, 1);
    copies_a_chunk(&mut mirror);
    mirror.goes_off(Alarm::Resync);
    mirror.says(Message::Fail(2)).unwrap();
    mirror.all_ok(&[Flush(0), Flush(1), Flush(2)]);
    assert!(mirror.regions().is_unsettled(Region(0)));
}

#[test]
fn a_flush_that_failed_on_the_last_leg_settles_nothing() {
    let mut mirror = Rig::unsettled(1);
    mirror.read(0, 1);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Flush(0)]);
    assert_eq!(mirror.fails(Flush(0), Media), [Fails(1, Media)]);
    assert!(mirror.regions().is_unsettled(Region(0)));
}

#[test]
fn with_one_leg_in_sync_nothing_is_copied_to_settle_a_region() {
    let mut mirror = Rig::unsettled(1);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Flush(0)]);
}

/// The leg's cache may hold what no flush covers.
#[test]
fn where_a_write_failed_on_the_last_leg_it_is_rewritten_with_its_own_data() {
    let mut mirror = Rig::unsettled(1);
    mirror.write(0, 1);
    mirror.fails(Data(0), Media);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)]);
    assert_eq!(mirror.ok(Read(0)), [Take(0), Data(0)]);
}

#[test]
fn a_chunk_that_nobody_can_read_is_copied_block_by_block() {
    let mut mirror = Rig::copying(2);
    mirror.goes_off(Alarm::Resync);
    mirror.fails(Read(0), Media);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)]);
    mirror.settles();
    assert_eq!(mirror.core.resync.current.unwrap().next.0, 1);
}

#[test]
fn a_leg_that_cannot_be_given_a_block_is_out() {
    let mut mirror = Rig::copying(2);
    mirror.goes_off(Alarm::Resync);
    mirror.fails(Read(0), Media);
    mirror.goes_off(Alarm::Resync);
    mirror.fails(Read(0), Media);
    assert_eq!(mirror.why_out(1), Some(Failure::Source(Media)));
}

#[test]
fn what_fails_on_the_last_leg_is_tried_again_later_and_who_waits_for_it_fails() {
    let mut mirror = Rig::unsettled(1);
    mirror.write(0, 1);
    mirror.fails(Data(0), Media);
    mirror.read(0, 1);
    mirror.goes_off(Alarm::Resync);
    mirror.ok(Read(0));
    assert_eq!(mirror.fails(Data(0), Media), [Fails(2, Media)]);
    assert_eq!(mirror.is_set(Alarm::Resync), None, "at once, it would only fail again");
    mirror.goes_off(Alarm::Retry);
    assert!(mirror.is_set(Alarm::Resync).is_some());
}

/// R14.
#[test]
fn beside_a_busy_user_a_copy_waits_for_the_floor_unless_a_read_waits_for_it() {
    let mut mirror = Rig::unsettled(2);
    mirror.says(Message::SyncRate(Rate::parse("1,none").unwrap())).unwrap();
    copies_a_chunk(&mut mirror);
    mirror.write(0, 1);
    assert_eq!(mirror.goes_off(Alarm::Resync), []);
    assert!(mirror.is_set(Alarm::Nap(1)).is_some());
    assert_eq!(mirror.read(16, 1), []);
    assert_ne!(mirror.goes_off(Alarm::Resync), [], "the pause has ended");
}

#[test]
fn a_new_rate_ends_a_pause() {
    let mut mirror = Rig::copying(2);
    mirror.says(Message::SyncRate(Rate::parse("1,1").unwrap())).unwrap();
    copies_a_chunk(&mut mirror);
    assert_eq!(mirror.goes_off(Alarm::Resync), []);
    mirror.says(Message::SyncRate(Rate::parse("none,none").unwrap())).unwrap();
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)]);
}

#[test]
fn a_suspended_mirror_begins_no_chunk() {
    let mut mirror = Rig::copying(2);
    copies_a_chunk(&mut mirror);
    mirror.core.suspension.suspended = true;
    assert_eq!(mirror.goes_off(Alarm::Resync), []);
    assert!(!mirror.core.resync.running);
}

#[test]
fn one_record_serves_the_regions_that_are_copied_next() {
    let mut mirror = Rig::rebuilding(2);
    mirror.regions().caught_up(1, Region(0));
    [Region(3), Region(4)].iter().for_each(|it| mirror.regions().miss(1, *it));
    copies_a_chunk(&mut mirror);
    assert!(mirror.dirty_on(1, 3) && mirror.dirty_on(1, 4));
}
