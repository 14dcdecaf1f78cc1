//! A disk becomes a new member, and a member is forgotten.

use bio::ErrorKind::Gone;
use bio::{Sector, Sectors};

use super::rig::Does::{Flush, Page, Search, Super, Wipe};
use super::rig::Rig;
use crate::core::event::Message;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::tests::model::GEOMETRY;
use crate::format::{Geometry, MemberId, MemberState};

/// Of so many legs, 1 is out, and its disk is a blank one; a person adds it.
fn adding_a_blank_disk(legs: usize) -> Rig {
    let mut mirror = Rig::one_out(legs);
    mirror.disks[1].is_blank = true;
    mirror.says(Message::Add { leg: 1, force: false }).expect("leg 1 is out");
    mirror
}

#[test]
fn a_blank_disk_is_wiped_durably_before_a_record_names_it() {
    let mut mirror = adding_a_blank_disk(2);
    let before = mirror.disks[0].superblock.entry(MemberId::new(1)).unwrap().uuid;
    mirror.ok(Flush(1));
    assert_eq!(mirror.ok(Search(1)), [Wipe(1)]);
    assert_eq!(mirror.ok(Wipe(1)), [Wipe(1)], "both places");
    assert_eq!(mirror.ok(Wipe(1)), [Flush(1)]);
    assert_eq!(mirror.ok(Flush(1)), [Page(0)], "first that it missed everything");
    mirror.settles();
    let entry = mirror.disks[0].superblock.entry(MemberId::new(1)).unwrap();
    assert_eq!((entry.state, entry.uuid == before), (MemberState::Rebuilding, false));
    assert_eq!(mirror.regions().missing(1), GEOMETRY.regions());
}

#[test]
fn a_disk_is_wiped_when_it_is_durable_that_nobody_counts_on_it() {
    let mut mirror = adding_a_blank_disk(3);
    mirror.ok(Flush(1));
    mirror.says(Message::Fail(2)).unwrap();
    assert_eq!(mirror.ok(Search(1)), [], "a superblock is on its way");
    mirror.ok(Super(0));
    assert!(mirror.ok(Flush(0)).contains(&Wipe(1)));
}

#[test]
fn a_wipe_counts_if_the_leg_kept_its_cache_until_the_flush_behind_it_ended() {
    let mut mirror = adding_a_blank_disk(2);
    mirror.all_ok(&[Flush(1), Search(1), Wipe(1), Wipe(1)]);
    mirror.loses_cache(1);
    mirror.ok(Flush(1));
    assert_eq!(mirror.why_out(1), Some(Failure::ByHand));
}

#[test]
fn a_disk_that_cannot_be_wiped_stays_out() {
    let mut mirror = adding_a_blank_disk(2);
    mirror.all_ok(&[Flush(1), Search(1)]);
    assert_eq!(mirror.fails(Wipe(1), Gone), []);
    assert!(mirror.why_out(1).is_some());
}

#[test]
fn a_disk_of_another_mirror_becomes_a_member_only_by_force() {
    for force in [false, true] {
        let mut mirror = Rig::one_out(2);
        mirror.disks[1].superblock.set = uuid::Uuid::from_u128(5);
        mirror.says(Message::Add { leg: 1, force }).unwrap();
        mirror.ok(Flush(1));
        assert_eq!(mirror.ok(Search(1)).contains(&Wipe(1)), force);
    }
}

#[test]
fn a_disk_that_cannot_be_read_is_not_wiped_even_by_force() {
    let mut mirror = Rig::one_out(2);
    mirror.says(Message::Add { leg: 1, force: true }).unwrap();
    mirror.ok(Flush(1));
    assert_eq!(mirror.fails(Search(1), Gone), []);
}

#[test]
fn a_disk_has_to_hold_the_mirror_in_whole_blocks() {
    let mut mirror = Rig::recorded(2);
    assert_eq!(mirror.core.check_fit(1, GEOMETRY), Ok(()));
    let longer = Geometry { length: GEOMETRY.length + Sectors(1), ..GEOMETRY };
    assert!(mirror.core.check_fit(1, longer).is_err(), "it is too small");
    mirror.core.facts[1].offset = Sector(1);
    assert!(mirror.core.check_fit(1, GEOMETRY).is_err(), "it begins too far behind");
    mirror.core.facts[1].offset = Sector(0);
    mirror.core.facts[1].block = 32 * 1024;
    assert!(mirror.core.check_fit(1, GEOMETRY).is_err(), "its blocks are larger than a record");
    mirror.core.facts[1].there = false;
    assert!(mirror.core.check_fit(1, GEOMETRY).is_err());
}

#[test]
fn a_member_that_is_out_may_be_forgotten_and_no_other() {
    let mut mirror = Rig::one_out(2);
    assert!(mirror.says(Message::Forget(0)).is_err());
    mirror.says(Message::Forget(1)).unwrap();
    assert_eq!(mirror.why_out(1), Some(Failure::NoMember));
    mirror.settles();
    assert_eq!(mirror.disks[0].superblock.entry(MemberId::new(1)), None);
    assert!(mirror.says(Message::Forget(1)).is_err(), "it is none any more");
}

#[test]
fn while_it_is_suspended_no_member_comes_or_goes() {
    let mut mirror = Rig::one_out(2);
    mirror.suspend();
    mirror.settles();
    assert!(mirror.says(Message::Add { leg: 1, force: false }).is_err());
    assert!(mirror.says(Message::Forget(1)).is_err());
}

#[test]
fn a_newcomer_that_a_person_fails_meanwhile_stays_out() {
    let mut mirror = adding_a_blank_disk(2);
    mirror.says(Message::Fail(1)).unwrap();
    assert!(!mirror.settles().contains(&Wipe(1)));
    assert!(mirror.state(1) != LegState::Returning);
}
