//! A leg's device lost its cache: who is out, and who is told.

use alloc::vec;

use bio::ErrorKind::{Gone, Media};

use super::rig::Does::{Data, Done, Fails, Flush, Page, Read};
use super::rig::{Rig, set};
use crate::core::parts::leg::Failure;
use crate::core::parts::news::News;
use crate::format::Region;

#[test]
fn a_leg_that_lost_its_cache_is_out() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 1);
    mirror.loses_cache(0);
    assert_eq!(mirror.ok(Read(0)), [Read(1)], "nor is its answer believed");
    assert_eq!(mirror.why_out(0), Some(Failure::Reset));
}

#[test]
fn a_leg_that_failed_a_flush_is_out_whoever_asked_for_it() {
    let mut mirror = Rig::written(2);
    mirror.suspend();
    assert_eq!(mirror.waits(), [Flush(0), Flush(1)], "the stop asks for these");
    mirror.fails(Flush(1), Media);
    assert_eq!(mirror.why_out(1), Some(Failure::Flush(Media)));
}

#[test]
fn what_the_last_leg_lost_is_told_by_one_flush() {
    let mut mirror = Rig::plain(1);
    mirror.read(0, 1);
    mirror.loses_cache(0);
    assert_eq!(mirror.ok(Read(0)), [Done(1)]);
    assert!(mirror.is_in_sync(0) && mirror.heard(&News::Lost(0, Failure::Reset)));
    mirror.flush();
    assert_eq!(mirror.ok(Flush(0)), [Fails(2, Media)]);
    mirror.flush();
    assert_eq!(mirror.ok(Flush(0)), [Done(3)]);
}

#[test]
fn a_flush_that_was_on_its_way_when_another_one_told_fails_too() {
    let mut mirror = Rig::plain(1);
    mirror.read(0, 1);
    mirror.loses_cache(0);
    mirror.ok(Read(0));
    mirror.flush();
    mirror.flush();
    assert_eq!(mirror.ok(Flush(0)), [Fails(2, Media), Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), [Fails(3, Media)], "it began before the user had heard");
}

/// The host drops what it could not write, and the next flush finds nothing to do.
#[test]
fn a_flush_that_failed_for_the_map_is_told_too() {
    let mut mirror = Rig::recorded(1);
    mirror.write(0, 1);
    mirror.ok(Page(0));
    mirror.fails(Flush(0), Media);
    mirror.flush();
    assert_eq!(mirror.ok(Flush(0)), [Fails(2, Media)]);
}

#[test]
fn a_flush_that_failed_by_itself_is_followed_by_another_that_fails() {
    let mut mirror = Rig::plain(1);
    mirror.flush();
    assert_eq!(mirror.fails(Flush(0), Media), [Fails(1, Media)]);
    mirror.flush();
    assert_eq!(mirror.ok(Flush(0)), [Fails(2, Media)]);
    mirror.flush();
    assert_eq!(mirror.ok(Flush(0)), [Done(3)]);
}

#[test]
fn what_waits_for_a_superblock_when_the_last_leg_loses_its_cache_fails() {
    let mut mirror = Rig::written(2);
    mirror.write(0, 1);
    mirror.fails(Data(1), Gone);
    mirror.ok(Data(0));
    mirror.read(8, 1);
    mirror.loses_cache(0);
    mirror.ok(Read(0));
    assert!(mirror.outcome(2).is_err());
}

#[test]
fn legs_being_rebuilt_get_again_what_the_last_leg_lost() {
    let mut mirror = Rig::rebuilding(2);
    mirror.write(16, 1);
    mirror.settles();
    assert!(!mirror.missed(1, 2));
    mirror.loses_cache(0);
    mirror.read(0, 1);
    mirror.ok(Read(0));
    assert!(mirror.missed(1, 2));
}

#[test]
fn what_was_copied_from_the_last_leg_before_it_lost_its_cache_counts_for_nothing() {
    let mut mirror = Rig::rebuilding(2);
    mirror.core.resync.copied = vec![(Region(0), set(&[1]))];
    mirror.loses_cache(0);
    mirror.read(0, 1);
    mirror.ok(Read(0));
    assert_eq!(mirror.core.resync.copied, [(Region(0), set(&[]))]);
}
