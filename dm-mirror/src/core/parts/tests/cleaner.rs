//! A stop: when a failed superblock is written once more, and when the stop gives up.

use alloc::vec::Vec;

use super::super::cleaner::{Cleaner, StopStage, Suspension};
use crate::format::{REGIONS_PER_PAGE, Region};

#[test]
fn a_stop_writes_its_superblocks_once_more_before_it_gives_up() {
    let mut suspension = Suspension::default();
    suspension.begin_stop();
    suspension.stop = Some(StopStage::Closing);
    assert!(suspension.is_worth_another_try());
    assert!(!suspension.is_worth_another_try());
    assert_eq!(suspension.stop, Some(StopStage::GivenUp));
}

#[test]
fn a_stop_that_comes_to_its_maps_later_tries_everything_again_by_itself() {
    for stop in [None, Some(StopStage::Drain), Some(StopStage::Flush), Some(StopStage::GivenUp)] {
        let mut suspension = Suspension::default();
        suspension.stop = stop;
        assert!(!suspension.is_worth_another_try());
        assert_eq!(suspension.stop, stop, "it does not give up for that");
    }
}

#[test]
fn each_stop_has_a_try_of_its_own() {
    let mut suspension = Suspension::default();
    for _ in 0..2 {
        suspension.begin_stop();
        suspension.stop = Some(StopStage::Maps);
        assert!(suspension.is_worth_another_try());
        suspension.stop = None;
    }
}

#[test]
fn maps_are_left_clean_once_background_work_is_over() {
    let mut suspension = Suspension::default();
    assert!(!suspension.stops());
    suspension.begin_stop();
    assert!(suspension.suspended && !suspension.stops());
    suspension.stop = Some(StopStage::Flush);
    assert!(suspension.stops());
}

#[test]
fn a_region_that_changed_has_its_page_recorded() {
    let mut cleaner = Cleaner::default();
    for number in [0, 1, REGIONS_PER_PAGE as u32] {
        cleaner.changed(Region(number));
    }
    assert_eq!(cleaner.pages.into_iter().collect::<Vec<_>>(), [0, 1]);
}
