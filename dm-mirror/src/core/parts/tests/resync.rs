//! Where a resync stands: what counts as copied, and what comes next.

use alloc::vec;

use bio::Sector;

use super::super::requests::Req;
use super::super::resync::{Current, Resync};
use super::{clean_regions, legs, sectors};
use crate::format::Region;

/// Region 1 is copied to legs 1 and 2, region 2 is being copied.
fn copying() -> Resync {
    let reached = legs(&[1, 2]);
    let current = Current { region: Region(2), next: Sector(16), reached, by_block: false };
    Resync { copied: vec![(Region(1), reached)], current: Some(current), ..Resync::default() }
}

#[test]
fn what_was_copied_to_a_leg_before_it_went_out_counts_for_nothing() {
    let mut resync = copying();
    resync.forget(1, |_| true);
    assert_eq!(resync.copied, [(Region(1), legs(&[2]))]);
    assert_eq!(resync.current.unwrap().reached, legs(&[2]));
}

#[test]
fn what_a_failed_write_touched_is_forgotten_and_nothing_else() {
    let mut resync = copying();
    resync.forget(1, |it| it == Region(1));
    assert_eq!(resync.copied, [(Region(1), legs(&[2]))]);
    assert_eq!(resync.current.unwrap().reached, legs(&[1, 2]));
}

/// R7.
#[test]
fn a_region_that_a_read_waits_for_comes_first() {
    let (mut resync, mut regions) = (Resync::default(), clean_regions());
    regions.unsettle(Region(1));
    regions.unsettle(Region(5));
    assert_eq!(resync.wanted(&regions), None);
    resync.readers.push((Req { index: 0, age: 0 }, sectors(39, 2)));
    assert_eq!(resync.wanted(&regions), Some(Region(5)));
    regions.settle(Region(5));
    assert_eq!(resync.wanted(&regions), None);
}

#[test]
fn a_read_that_waits_ends_a_pause_and_has_what_failed_tried_again() {
    let mut resync = Resync { napping: true, stuck: true, rested: true, ..Resync::default() };
    resync.wake_for_reader();
    assert!(resync.hurried && !resync.stuck && !resync.rested);
    assert!(resync.wake() && !resync.wake(), "a pause ends once");
}

#[test]
fn a_region_counts_as_copied_from_its_last_chunk_on() {
    let resync = copying();
    assert!(resync.is_copied(Region(1)) && !resync.is_copied(Region(2)));
}
