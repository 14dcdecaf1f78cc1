//! A mirror without `nosync` copies leg 0 to the others and is right meanwhile.

mod rig;

use bio::{BufCmd, ErrorKind, Sector};
use rig::{LENGTH, Rig};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn every_leg_is_a_copy_in_the_end_and_only_then_in_sync() {
    let mut rig = Rig::sync(3);
    assert_eq!(rig.letters(), "ASS");
    rig.write_all(0, 8, 1);
    rig.drain();
    assert_eq!(rig.letters(), "AAA");
    assert!(rig.same(0, 1) && rig.same(0, 2));
    assert!(rig.target.status().contains(" 8/8 "));
}

#[test]
fn a_leg_being_rebuilt_serves_no_read() {
    let mut rig = Rig::sync(2);
    for _ in 0..3 {
        rig.read(0, 1);
        assert_eq!(rig.waiting(1), []);
        rig.ok(0);
    }
}

#[test]
fn a_leg_is_in_sync_only_after_a_flush_behind_its_last_chunk() {
    let rig = Rig::sync(2);
    assert!(rig.work());
    rig.ok(0);
    rig.ok(1);
    assert_eq!((rig.letters().as_str(), rig.target.status().contains("8/8")), ("AS", false));
    assert!(rig.work());
    assert_eq!(rig.waiting(1), [BufCmd::Flush]);
    rig.ok(1);
    assert_eq!(rig.letters(), "AA");
    for at in 0..LENGTH {
        assert_eq!(rig.disks[1].durable(Sector(at)), rig.disks[0].contents(Sector(at)));
    }
}

#[test]
fn writes_before_on_and_behind_the_copy_reach_both_legs() {
    let mut rig = Rig::sync(2);
    let before = rig.write(0, 8, 1);
    assert!(rig.work());
    let behind = rig.write(32, 8, 2);
    rig.drain();
    let after = rig.write(60, 4, 3);
    rig.drain();
    for tag in [before, behind, after] {
        assert_eq!(rig.end(tag), Some(Ok(())));
    }
    assert!(rig.same(0, 1));
    assert_eq!((rig.read_back(0, 8), rig.read_back(32, 8), rig.read_back(60, 4)), (1, 2, 3));
}

#[test]
fn a_copy_and_a_write_of_the_same_sectors_exclude_each_other() {
    let mut rig = Rig::sync(2);
    assert!(rig.work());
    rig.write(5, 1, 1);
    assert_eq!(rig.waiting(0), [BufCmd::Read], "the chunk is being read, the write waits");
    rig.drain();
    assert!(rig.same(0, 1));
}

#[test]
fn a_target_that_fails_is_out_and_the_others_go_on() {
    let rig = Rig::sync(3);
    assert!(rig.work());
    rig.ok(0);
    rig.fail(1, ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.letters(), "ADA");
}

#[test]
fn a_source_that_cannot_be_read_anywhere_fails_the_target_not_itself() {
    let rig = Rig::sync(2);
    assert!(rig.work());
    rig.fail(0, ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.letters(), "AD");
}

/// The write fails on the only leg in sync and lands on the one being rebuilt,
/// whose sectors there count as copied: it must not be promoted with them.
#[test]
fn what_a_failed_write_left_on_a_copied_region_is_copied_again() {
    let mut rig = with_data_and_copied_chunk();
    let write = rig.write(0, 1, 9);
    rig.fail(0, ErrorKind::Media);
    rig.ok(1);
    assert_eq!(rig.error(write), ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.letters(), "AA");
    assert!(rig.same(0, 1), "the legs agree on what the failed write left");
    assert_eq!(rig.read_back(0, 1), rig.read_back(0, 1));
}

/// Leg 1 has every chunk; only its flush is missing.
fn with_data_and_copied_chunk() -> Rig {
    let rig = with_data_only();
    assert!(rig.work());
    rig.ok(0);
    rig.ok(1);
    rig
}

fn with_data_only() -> Rig {
    let mut rig = Rig::sync(2);
    let write = rig.write(0, LENGTH, 1);
    rig.ok(0);
    rig.ok(1);
    assert_eq!(rig.end(write), Some(Ok(())));
    rig
}

/// The last in-sync leg fails a write that the other has; meanwhile the other
/// is promoted. Both cannot stay.
#[test]
fn a_promotion_during_a_write_leaves_no_two_legs_that_differ() {
    let mut rig = with_data_and_copied_chunk();
    let write = rig.write(0, 1, 9);
    rig.fail(0, ErrorKind::Media);
    assert!(rig.work());
    let flush = (0..rig.disks[1].queued())
        .filter_map(|index| rig.disks[1].pending(index))
        .find(|pending| pending.cmd == BufCmd::Flush)
        .expect("the flush before a promotion");
    rig.disks[1].complete(flush.id, sim::Outcome::Ok);
    rig.drain();
    assert!(rig.end(write).is_some());
    assert!(rig.letters() != "AA" || rig.same(0, 1));
    let (first, second) = (rig.read_back(0, 1), rig.read_back(0, 1));
    assert_eq!(first, second);
}

#[test]
fn suspend_ends_the_copy_in_flight_and_resume_goes_on() {
    let rig = Rig::sync(2);
    assert!(rig.work());
    let quiet = Arc::new(AtomicBool::new(false));
    let seen = quiet.clone();
    rig.target.suspend(Box::new(move || seen.store(true, Ordering::Relaxed)));
    assert!(!quiet.load(Ordering::Relaxed), "a chunk is in flight");
    rig.drain();
    assert!(quiet.load(Ordering::Relaxed));
    assert_eq!(rig.letters(), "AS");
    rig.target.resume();
    rig.drain();
    assert_eq!(rig.letters(), "AA");
}

#[test]
fn a_mirror_that_is_torn_down_stops_after_the_chunk_in_flight() {
    let mut rig = with_data_only();
    assert!(rig.work());
    rig.target = Rig::nosync(1).target;
    rig.drain();
    let leg = &rig.disks[1];
    assert_ne!(leg.durable(Sector(0)), leg.contents(Sector(0)), "no flush came behind it");
}
