//! All regions: what is DIRTY, who missed what, and what becomes clean when.

use alloc::vec::Vec;

use bio::Sectors;

use super::super::leg::LegSet;
use super::super::region::{Flushed, Moment, Regions};
use super::{NOBODY, clean_regions, flushed, legs, region, sectors, written};
use crate::core::tests::model::GEOMETRY;
use crate::format::{Geometry, MemberId, REGIONS_PER_PAGE, Region};

/// The cleaner looks twice, and makes clean what may be: the pages that change.
fn cleaned(regions: &mut Regions, flushed: &Flushed) -> Vec<u32> {
    regions.idle_legs_to_flush(flushed, false);
    regions.idle_legs_to_flush(flushed, false);
    regions.clean(flushed)
}

fn dirty(regions: &Regions) -> Vec<u32> {
    regions.all().filter(|it| regions.is_dirty(*it)).map(|it| it.0).collect()
}

fn missed(regions: &Regions, leg: usize) -> Vec<u32> {
    regions.all().filter(|it| regions.missed(leg, *it)).map(|it| it.0).collect()
}

#[test]
fn a_region_is_dirty_from_the_first_write_to_it_on() {
    let mut regions = clean_regions();
    assert!(regions.begin(sectors(7, 2), NOBODY), "it touches regions 0 and 1");
    assert!(!regions.begin(sectors(0, 1), NOBODY));
    assert_eq!(dirty(&regions), [0, 1]);
}

/// R5.
#[test]
fn a_region_becomes_clean_behind_a_flush_of_every_leg_that_has_it() {
    let mut regions = clean_regions();
    let before = regions.tick();
    written(&mut regions, region(0));
    let after = regions.tick();
    for (when, clean) in [([before, after], false), ([after, before], false), ([after; 2], true)] {
        let mut flushed = flushed(2, before);
        flushed.when[..2].copy_from_slice(&when);
        assert_eq!(!cleaned(&mut regions, &flushed).is_empty(), clean);
    }
    assert!(dirty(&regions).is_empty());
}

#[test]
fn a_region_with_a_write_in_flight_stays_dirty() {
    let mut regions = clean_regions();
    regions.begin(region(0), NOBODY);
    assert!(cleaned(&mut regions, &flushed(2, Moment::FOREVER)).is_empty());
    regions.end(region(0));
    assert_eq!(cleaned(&mut regions, &flushed(2, Moment::FOREVER)), [0]);
}

#[test]
fn a_region_is_clean_once_the_cleaner_found_it_quiet_twice() {
    let mut regions = clean_regions();
    let flushed = flushed(2, Moment::FOREVER);
    written(&mut regions, region(0));
    assert!(!regions.idle_legs_to_flush(&flushed, false).any);
    written(&mut regions, region(0));
    assert!(!regions.idle_legs_to_flush(&flushed, false).any, "it was written in between");
    assert!(regions.idle_legs_to_flush(&flushed, false).any);
}

#[test]
fn a_stop_takes_every_quiet_region_at_once() {
    let mut regions = clean_regions();
    written(&mut regions, region(0));
    assert!(regions.idle_legs_to_flush(&flushed(2, Moment::FOREVER), true).any);
}

#[test]
fn the_cleaner_flushes_only_legs_that_were_not_flushed_since() {
    let mut regions = clean_regions();
    let mut flushed = flushed(2, regions.tick());
    written(&mut regions, region(0));
    flushed.when[1] = regions.tick();
    assert_eq!(regions.idle_legs_to_flush(&flushed, true).to_flush, legs(&[0]));
}

#[test]
fn the_record_that_marks_a_region_clean_marks_it_missed_for_each_leg_that_lacks_it() {
    let mut regions = clean_regions();
    written(&mut regions, region(3));
    let without_1 = Flushed { in_sync: legs(&[0]), ..flushed(2, Moment::FOREVER) };
    cleaned(&mut regions, &without_1);
    assert_eq!((dirty(&regions), missed(&regions, 1)), (Vec::new(), [3].to_vec()));
}

#[test]
fn what_somebody_only_meant_to_write_is_missed_by_nobody() {
    let mut regions = clean_regions();
    regions.intend(Region(3));
    assert_eq!(dirty(&regions), [3]);
    let without_1 = Flushed { in_sync: legs(&[0]), ..flushed(2, Moment::FOREVER) };
    regions.exclude(1);
    assert_eq!(cleaned(&mut regions, &without_1), [0]);
    assert!(missed(&regions, 1).is_empty());
}

#[test]
fn what_was_marked_ahead_and_then_written_is_missed_by_a_leg_that_goes_out() {
    let mut regions = clean_regions();
    regions.intend(Region(3));
    written(&mut regions, region(3));
    regions.exclude(1);
    assert_eq!(missed(&regions, 1), [3]);
}

#[test]
fn each_page_on_which_a_region_becomes_clean_changes_once() {
    let length = Sectors(GEOMETRY.region.0 * 2 * REGIONS_PER_PAGE as u64);
    let geometry = Geometry { length, ..GEOMETRY };
    let mut regions = Regions::new(geometry, core::array::from_fn(MemberId::new), true);
    for number in [0, 1, REGIONS_PER_PAGE as u32] {
        written(&mut regions, geometry.extent(Region(number)));
    }
    assert_eq!(cleaned(&mut regions, &flushed(2, Moment::FOREVER)), [0, 1]);
}

#[test]
fn a_leg_being_rebuilt_has_a_region_unless_it_missed_something_there() {
    let mut regions = clean_regions();
    regions.miss(1, Region(1));
    written(&mut regions, region(0));
    written(&mut regions, region(1));
    let mut flushed =
        Flushed { in_sync: legs(&[0]), rebuilding: legs(&[1]), ..flushed(2, Moment::FOREVER) };
    flushed.when[1] = Moment::default();
    cleaned(&mut regions, &flushed);
    assert_eq!(dirty(&regions), [0], "it waits for the leg's flush");
}

#[test]
fn a_region_in_which_a_write_failed_on_a_leg_that_stayed_stays_dirty() {
    let mut regions = clean_regions();
    written(&mut regions, region(0));
    regions.doubt(region(0));
    assert!(cleaned(&mut regions, &flushed(2, Moment::FOREVER)).is_empty());
    assert!(!regions.has_active(), "nobody looks after it");
}

#[test]
fn a_leg_that_is_not_written_misses_the_write_as_it_begins() {
    let mut regions = clean_regions();
    regions.begin(region(2), legs(&[1]));
    assert_eq!((missed(&regions, 0), missed(&regions, 1)), (Vec::new(), [2].to_vec()));
}

#[test]
fn a_leg_that_goes_out_missed_all_that_is_dirty() {
    let mut regions = clean_regions();
    written(&mut regions, region(1));
    regions.unsettle(Region(5));
    regions.exclude(1);
    assert_eq!(missed(&regions, 1), [1, 5]);
}

#[test]
fn a_region_that_was_dirty_at_the_start_is_unsettled_until_it_is_settled() {
    let mut regions = clean_regions();
    regions.unsettle(Region(1));
    assert_eq!(regions.unsettled_in(sectors(7, 2)), Some(Region(1)));
    assert_eq!(regions.unsettled_in(sectors(0, 8)), None);
    regions.settle(Region(1));
    assert_eq!(regions.unsettled_in(sectors(7, 2)), None);
}

#[test]
fn an_unsettled_region_does_not_become_clean_and_a_settled_one_does() {
    let mut regions = clean_regions();
    regions.unsettle(Region(1));
    written(&mut regions, region(1));
    assert!(cleaned(&mut regions, &flushed(2, Moment::FOREVER)).is_empty());
    regions.settle(Region(1));
    assert_eq!(dirty(&regions), [1], "until the cleaner has looked");
    assert_eq!(cleaned(&mut regions, &flushed(2, Moment::FOREVER)), [0]);
}

#[test]
fn the_cleaner_leaves_an_unsettled_region_alone_that_was_marked_ahead() {
    let mut regions = clean_regions();
    regions.unsettle(Region(1));
    regions.intend(Region(1));
    assert!(!regions.has_active());
}

#[test]
fn a_region_that_is_settled_is_no_longer_in_doubt() {
    let mut regions = clean_regions();
    regions.unsettle(Region(1));
    regions.doubt(region(1));
    assert!(regions.is_doubtful(Region(1)));
    regions.settle(Region(1));
    assert!(!regions.is_doubtful(Region(1)));
}

#[test]
fn what_the_last_leg_lost_stays_dirty_and_is_copied_again() {
    let mut regions = clean_regions();
    written(&mut regions, region(3));
    regions.doubt_all(legs(&[1]));
    assert!(regions.is_doubtful(Region(3)));
    assert_eq!(missed(&regions, 1), [3]);
}

#[test]
fn what_was_only_marked_ahead_is_certain_after_a_loss() {
    let mut regions = clean_regions();
    regions.intend(Region(3));
    regions.doubt_all(NOBODY);
    assert!(!regions.is_doubtful(Region(3)));
}

#[test]
fn without_records_all_is_copied_again() {
    let mut regions = Regions::new(GEOMETRY, core::array::from_fn(MemberId::new), false);
    regions.doubt_all(legs(&[1]));
    assert_eq!(regions.missing(1), GEOMETRY.regions());
}

#[test]
fn without_records_a_write_leaves_a_mark_only_for_a_leg_that_misses_it() {
    let mut regions = Regions::new(GEOMETRY, core::array::from_fn(MemberId::new), false);
    assert!(!regions.begin(region(1), LegSet::EMPTY));
    regions.begin(region(2), legs(&[1]));
    assert_eq!((dirty(&regions), missed(&regions, 1)), (Vec::new(), [2].to_vec()));
}

#[test]
fn a_leg_catches_up_region_by_region() {
    let mut regions = clean_regions();
    (1..3).for_each(|number| regions.miss(1, Region(number)));
    regions.caught_up(1, Region(1));
    regions.caught_up(1, Region(1));
    assert_eq!((missed(&regions, 1), regions.missing(1)), ([2].to_vec(), 1));
}

#[test]
fn legs_that_hold_each_other_s_members_exchange_what_they_missed() {
    let mut regions = clean_regions();
    regions.miss(0, Region(1));
    regions.exchange_members(0, 1);
    assert_eq!((regions.missing(0), regions.missing(1)), (0, 1));
    assert!(regions.missed(1, Region(1)));
}
