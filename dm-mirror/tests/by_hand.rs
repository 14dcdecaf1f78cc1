//! A person takes a leg out while no superblock can say so. The member stays out all the same,
//! whatever becomes of its leg, until a person takes it back.

mod rig;

use std::sync::Arc;

use bio::{Limits, Sectors};
use dm_mirror::format::MemberState;
use rig::LENGTH;
use rig::recorded::{Ask, Recorded};
use sim::SimDisk;

/// Both legs, in the other order.
const SWAPPED: [Option<usize>; 2] = [Some(1), Some(0)];

/// A start without a member that is missing.
const ALONE: &str = " 1 start_degraded=run";

/// A mirror of which leg 1 was failed by hand, and no superblock could say so.
fn failed_by_hand_unrecorded() -> Recorded {
    let rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.fail_ask(0, Ask::Super);
    let over = rig.suspend();
    for _ in 0..20 {
        match rig.asks(0).first() {
            Some(Ask::Super) => rig.fail_ask(0, Ask::Super),
            Some(_) => rig.ok(0),
            None => rig.work_now(),
        }
        rig.settle_leg(1);
    }
    assert!(over());
    assert_eq!(rig.says(0, 1), MemberState::InSync, "nothing says so");
    rig
}

#[test]
fn a_leg_that_was_failed_by_hand_stays_out_though_no_superblock_could_say_so() {
    let rig = failed_by_hand_unrecorded().with_legs(&SWAPPED, "");
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.says(1, 1)), ("DA", MemberState::FailedByHand));
}

/// The next tables do not name its disk; the last one does.
#[test]
fn a_leg_that_was_failed_by_hand_stays_out_though_tables_leave_it_out_meanwhile() {
    for without in [[Some(0), None], [None, Some(0)]] {
        let rig = failed_by_hand_unrecorded().with_legs(&without, ALONE);
        rig.settle();
        assert!(rig.stop());
        let rig = rig.with_legs(&without, ALONE);
        rig.rest();
        assert!(rig.stop());
        let rig = rig.with_legs(&[Some(0), Some(1)], "");
        rig.rest();
        let state = (rig.letters(), rig.says(0, 1));
        assert_eq!(state, ("AD".into(), MemberState::FailedByHand), "{without:?}");
    }
}

/// The table without its disk is held, and the table before is loaded again.
#[test]
fn a_leg_that_was_failed_by_hand_stays_out_though_a_table_without_it_was_held() {
    let rig = failed_by_hand_unrecorded().with_legs(&[Some(0), None], "");
    rig.settle();
    assert!(!rig.runs(), "{}", rig.message("show").unwrap());
    assert!(rig.stop());
    let rig = rig.with_legs(&[Some(0), Some(1)], "");
    rig.rest();
    assert_eq!(rig.letters(), "AD", "{}", rig.message("show").unwrap());
}

/// The next table is wider, or names another disk in its place.
#[test]
fn a_leg_that_was_failed_by_hand_stays_out_whatever_tables_have_in_its_place_meanwhile() {
    for legs in [&[Some(0), None, None][..], &[Some(0), None, Some(2)], &[Some(0), Some(2)]] {
        let mut rig = failed_by_hand_unrecorded();
        rig.disks.push(SimDisk::new(Sectors(32 + LENGTH), Limits::default()));
        let taken_out = rig.disks[1].clone();
        let mut rig = rig.with_legs(legs, ALONE);
        rig.settle();
        assert!(rig.runs(), "{}", rig.message("show").unwrap());
        assert!(rig.stop());
        let at = rig.disks.iter().position(|it| Arc::ptr_eq(it, &taken_out));
        let at = at.unwrap_or_else(|| {
            rig.disks.push(taken_out);
            rig.disks.len() - 1
        });
        let rig = rig.with_legs(&[Some(0), Some(at)], "");
        rig.rest();
        assert_eq!(rig.letters(), "AD", "after {legs:?}: {}", rig.message("show").unwrap());
    }
}

/// A mirror of three legs, of which leg 2 was failed by hand, and no superblock could say so.
fn by_hand_of_three() -> Recorded {
    let rig = Recorded::new(3);
    rig.message("fail 2").unwrap();
    let over = rig.suspend();
    for _ in 0..60 {
        for leg in 0..2 {
            match rig.asks(leg).first() {
                Some(Ask::Super) => rig.fail_ask(leg, Ask::Super),
                Some(_) => rig.ok(leg),
                None => {}
            }
        }
        rig.settle_leg(2);
        if !over() {
            rig.work_now();
        }
    }
    assert!(over());
    for leg in 0..3 {
        assert_eq!(rig.says(leg, 2), MemberState::InSync, "nothing says so");
    }
    rig
}

/// In the next session legs cannot be read. If there are two, it is not known which member lies
/// on which.
#[test]
fn a_leg_that_was_failed_by_hand_stays_out_though_the_next_session_cannot_read_it() {
    for (unreadable, letters) in [(&[2][..], "AAD"), (&[1, 2], "ADD")] {
        let legs = [Some(0), Some(1), Some(2)];
        let rig = by_hand_of_three().with_legs(&legs, ALONE);
        rig.until(|rig| unreadable.iter().all(|leg| rig.asks(*leg) == [Ask::Flush]));
        unreadable.iter().for_each(|leg| rig.fail_ask(*leg, Ask::Flush));
        rig.settle();
        assert_eq!(rig.letters(), letters, "{}", rig.message("show").unwrap());
        assert!(rig.stop());
        let rig = rig.with_legs(&legs, "");
        rig.rest();
        assert_eq!(rig.letters(), "AAD", "{}", rig.message("show").unwrap());
    }
}

/// A person agrees to a start from the very leg that they took out.
#[test]
fn a_word_about_a_leg_is_void_once_a_person_starts_from_it() {
    let rig = failed_by_hand_unrecorded().with_legs(&[None, Some(1)], "");
    rig.settle();
    assert!(!rig.runs(), "{}", rig.message("show").unwrap());
    rig.message("start_degraded").unwrap();
    rig.settle();
    assert!(rig.runs(), "{}", rig.message("show").unwrap());
    assert!(rig.stop());
    let rig = rig.with_legs(&[None, Some(1)], "");
    rig.rest();
    assert_eq!(rig.letters(), "DA", "{}", rig.message("show").unwrap());
}
