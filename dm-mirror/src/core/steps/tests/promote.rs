//! Promotion: what it waits for, and in which order it becomes durable.

use bio::ErrorKind::{Gone, Media};

use super::rig::Does::{Data, Flush, Page, Super};
use super::rig::{Rig, set};
use crate::core::event::Message;
use crate::core::parts::leg::{Failure, LegSet, LegState};
use crate::core::parts::news::News;
use crate::format::{MemberState, Region};

#[test]
fn a_leg_is_flushed_before_its_promotion_and_nothing_is_in_flight() {
    let mut mirror = Rig::promoting(2);
    assert_eq!(mirror.waits(), [Flush(1)]);
    assert_eq!(mirror.write(0, 1), [], "the whole mirror's range is held");
    assert_eq!(mirror.read(0, 1), []);
}

/// R15.
#[test]
fn a_promotion_is_durable_on_every_leg_in_sync_before_the_leg_itself_is_told() {
    let mut mirror = Rig::promoting(3);
    assert_eq!(mirror.ok(Flush(1)), [Super(0), Super(2)]);
    while mirror.waits() != [Super(1)] {
        mirror.goes_on();
    }
    assert_eq!([mirror.says_of(0, 1), mirror.says_of(2, 1)], [MemberState::InSync; 2]);
    assert_eq!(mirror.state(1), LegState::Rebuilding, "until it says so itself");
    mirror.settles();
    assert!(mirror.is_in_sync(1) && mirror.heard(&News::InSync(1)));
}

/// R10.
#[test]
fn a_promotion_is_a_generation() {
    let mut mirror = Rig::promoting(2);
    let before = mirror.disks[0].superblock.generation;
    mirror.settles();
    let after = &mirror.disks[0].superblock;
    assert_eq!((after.generation == before, after.history[0]), (false, before));
}

#[test]
fn one_leg_is_promoted_at_a_time() {
    let mut mirror = Rig::copying(3);
    for leg in [1, 2] {
        mirror.regions().all().for_each(|it| mirror.regions().caught_up(leg, it));
    }
    assert_eq!(mirror.core.next_promotion(), set(&[1]));
}

#[test]
fn a_leg_is_not_promoted_while_it_misses_something() {
    let mut mirror = Rig::copying(2);
    mirror.regions().all().for_each(|it| mirror.regions().caught_up(1, it));
    mirror.regions().miss(1, Region(7));
    assert_eq!(mirror.core.next_promotion(), LegSet::EMPTY);
}

#[test]
fn a_leg_is_not_promoted_while_a_region_is_unsettled() {
    let mut mirror = Rig::copying(2);
    mirror.regions().all().for_each(|it| mirror.regions().caught_up(1, it));
    mirror.regions().unsettle(Region(7));
    assert_eq!(mirror.core.next_promotion(), LegSet::EMPTY);
}

#[test]
fn a_leg_is_not_promoted_while_a_map_says_that_it_missed_something() {
    let mut mirror = Rig::rebuilding(2);
    mirror.regions().caught_up(1, Region(0));
    assert_eq!(mirror.core.next_promotion(), LegSet::EMPTY, "leg 0's map still says so");
    mirror.follows();
    mirror.settles();
    assert_eq!(mirror.core.next_promotion(), set(&[1]));
}

#[test]
fn a_leg_is_not_promoted_before_its_own_map_has_the_marks_of_those_that_are_out() {
    let mut mirror = Rig::rebuilding(3);
    mirror.says(Message::Fail(2)).unwrap();
    mirror.settles();
    mirror.regions().caught_up(1, Region(0));
    mirror.core.next_promotion();
    mirror.follows();
    mirror.settles();
    mirror.regions().miss(2, Region(5));
    assert_eq!(mirror.core.next_promotion(), LegSet::EMPTY);
    mirror.follows();
    mirror.settles();
    assert_eq!(mirror.core.next_promotion(), set(&[1]));
}

#[test]
fn a_leg_is_not_promoted_before_it_holds_the_present_superblock() {
    let mut mirror = Rig::copying(2);
    mirror.regions().all().for_each(|it| mirror.regions().caught_up(1, it));
    assert_eq!(mirror.core.next_promotion(), set(&[1]), "without records there is none");
    let mut mirror = Rig::promoting(2);
    mirror.core.membership.as_mut().unwrap().change(|_| ());
    assert_eq!(mirror.core.next_promotion(), LegSet::EMPTY);
}

#[test]
fn a_leg_that_fails_the_flush_is_not_promoted_and_the_range_is_free() {
    let mut mirror = Rig::promoting(2);
    mirror.write(0, 1);
    assert!(mirror.fails(Flush(1), Gone).contains(&Page(0)));
    assert_eq!(mirror.why_out(1), Some(Failure::Flush(Gone)));
}

#[test]
fn a_promotion_is_off_if_the_last_leg_cannot_write_its_superblock() {
    let mut mirror = Rig::promoting(2);
    mirror.ok(Flush(1));
    mirror.write(0, 1);
    assert!(mirror.fails(Super(0), Media).contains(&Data(1)), "the range is free");
    assert_eq!(mirror.state(1), LegState::Rebuilding);
    assert!(mirror.core.legs_to_be_promoted().is_empty());
}

#[test]
fn a_promotion_is_off_if_its_source_loses_its_cache() {
    let mut mirror = Rig::promoting(2);
    mirror.ok(Flush(1));
    assert_eq!(mirror.core.legs_to_be_promoted(), set(&[1]));
    mirror.loses_cache(0);
    mirror.ok(Super(0));
    assert!(mirror.core.legs_to_be_promoted().is_empty());
}

#[test]
fn a_person_hears_of_an_exclusion_when_it_is_durable() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.ok(Super(0));
    assert!(!mirror.heard(&News::Excluded(set(&[1]))));
    mirror.ok(Flush(0));
    assert!(mirror.heard(&News::Excluded(set(&[1]))));
}
