//! A mirror without `nosync` copies leg 0 to the others and is right meanwhile.

mod rig;

use bio::{BufCmd, ErrorKind, Limits, Sector, WriteCache};
use rig::{LENGTH, Rig};
use sim::Outcome;
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
fn a_leg_whose_flush_behind_its_last_chunk_fails_is_out() {
    let rig = with_data_and_copied_chunk();
    assert!(rig.work());
    rig.fail(1, ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.letters(), "AD");
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

#[test]
fn what_several_failed_writes_left_is_all_copied_again() {
    let mut rig = with_data_and_copied_chunk();
    for start in [0, 32] {
        let write = rig.write(start, 1, 9);
        rig.fail(0, ErrorKind::Media);
        rig.ok(1);
        assert_eq!(rig.error(write), ErrorKind::Media);
    }
    rig.drain();
    assert_eq!(rig.letters(), "AA");
    assert!(rig.same(0, 1));
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

/// The flush was issued after the last chunk, but no longer after all that the
/// leg needs.
#[test]
fn a_write_that_fails_during_the_flush_puts_the_promotion_off() {
    let mut rig = with_data_and_copied_chunk();
    assert!(rig.work());
    let write = rig.write(0, 1, 9);
    rig.fail(0, ErrorKind::Media);
    let written = rig.disks[1].pending(1).unwrap().id;
    rig.disks[1].complete(written, Outcome::Ok);
    assert_eq!(rig.error(write), ErrorKind::Media);
    rig.ok(1);
    assert_eq!(rig.letters(), "AS");
    rig.drain();
    assert!(rig.letters() == "AA" && rig.same(0, 1));
}

/// A promotion during a write that reads wait for: its end lets them start, and
/// none of them may find the old source still there.
#[test]
fn no_read_goes_to_a_leg_that_missed_the_write_it_waited_for() {
    let mut rig = with_data_and_copied_chunk();
    let write = rig.write(0, 1, 9);
    rig.fail(0, ErrorKind::Media);
    let reads = [rig.read(0, 1), rig.read(0, 1)];
    assert!(rig.work());
    let [written, flushed] = [0, 1].map(|index| rig.disks[1].pending(index).unwrap().id);
    rig.disks[1].complete(flushed, Outcome::Ok);
    assert_eq!(rig.letters(), "AA", "promoted while the write is in flight there");
    rig.disks[1].complete(written, Outcome::Ok);
    rig.drain();
    assert_eq!((rig.end(write), rig.letters().as_str()), (Some(Ok(())), "DA"));
    assert_eq!(reads.map(|read| rig.value(read)), [9, 9]);
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

/// Four chunks, leg 0 written all over.
fn large() -> Rig {
    let mut rig = Rig::sized(2, 1024, "sync", Limits::default());
    for start in (0..1024).step_by(128) {
        let write = rig.write(start, 128, (start / 128) as u8 + 1);
        rig.ok(0);
        rig.ok(1);
        assert_eq!(rig.end(write), Some(Ok(())));
    }
    rig
}

/// Runs one step of the resync to its end; whether there was one.
fn step(rig: &Rig) -> bool {
    let worked = rig.work();
    while let Some(leg) = (0..2).find(|&leg| rig.disks[leg].queued() > 0) {
        rig.ok(leg);
    }
    worked
}

#[test]
fn a_large_leg_is_copied_chunk_by_chunk_each_once() {
    let rig = large();
    let before = [rig.counts(0), rig.counts(1)];
    while step(&rig) {}
    assert_eq!(rig.letters(), "AA");
    assert_eq!(rig.counts(0)[0] - before[0][0], 4, "reads of the source");
    assert_eq!((rig.counts(1)[1] - before[1][1], rig.counts(1)[2]), (4, 1), "writes and the flush");
    assert!(rig.same(0, 1));
}

#[test]
fn a_flush_that_fails_on_the_source_does_not_restart_the_copy() {
    let mut rig = large();
    while rig.target.status().contains(" 0/128 ") {
        assert!(step(&rig));
    }
    let before = rig.target.status();
    let flush = rig.flush();
    rig.fail(0, ErrorKind::Media);
    rig.ok(1);
    assert!(rig.end(flush).unwrap().is_err());
    assert_eq!(rig.target.status(), before);
}

#[test]
fn a_write_that_fails_again_and_again_does_not_keep_the_copy_from_ending() {
    let mut rig = large();
    let mut reads = 0;
    while rig.letters() != "AA" && reads < 100 {
        rig.write(0, 1, 9);
        rig.fail(0, ErrorKind::Media);
        rig.ok(1);
        let before = rig.counts(0)[0];
        step(&rig);
        reads += rig.counts(0)[0] - before;
        // The last failure is followed by its copy and a flush.
        if reads > 8 {
            while step(&rig) {}
        }
    }
    assert_eq!(rig.letters(), "AA", "after {reads} reads of the source");
    assert!(rig.same(0, 1) && reads <= 16);
}

#[test]
fn only_what_a_failed_write_touched_is_copied_again() {
    let mut rig = large();
    for _ in 0..4 {
        assert!(step(&rig));
    }
    let failing = rig.write(700, 2, 9);
    rig.fail(0, ErrorKind::Media);
    rig.ok(1);
    assert!(rig.end(failing).unwrap().is_err());
    assert!(rig.target.status().contains(" 127/128 "), "{}", rig.target.status());
    assert!(rig.work());
    let read = rig.disks[0].pending(0).unwrap();
    assert_eq!(read.extent, rig::extent(700, 2));
    rig.drain();
    assert!(rig.letters() == "AA" && rig.same(0, 1));
}

#[test]
fn a_failed_write_across_the_end_of_what_is_copied_is_copied_again() {
    let mut rig = large();
    assert!(step(&rig));
    let failing = rig.write(250, 12, 9);
    rig.fail(0, ErrorKind::Media);
    rig.ok(1);
    assert!(rig.end(failing).unwrap().is_err());
    while step(&rig) {}
    assert!(rig.letters() == "AA" && rig.same(0, 1));
}

/// The write times out on the leg in sync, which stays, and lands after the
/// other was copied from it: both must not be in sync.
#[test]
fn a_write_that_lands_late_on_the_source_leaves_no_two_legs_that_differ() {
    let mut rig = with_data_and_copied_chunk();
    let write = rig.write(0, 1, 9);
    rig.complete(0, Outcome::Timeout);
    rig.ok(1);
    assert_eq!(rig.error(write), ErrorKind::Timeout);
    rig.drain();
    assert_eq!(rig.letters(), "AD", "a leg that cannot be read is no source");
    let late = rig.disks[0].late(0).unwrap().id;
    rig.disks[0].give_back_late(late);
    for _ in 0..3 {
        assert_eq!(rig.read_back(0, 1), 9);
    }
}

#[test]
fn a_leg_that_promises_nothing_can_still_be_rebuilt() {
    let limits = Limits { write_cache: WriteCache::Unknown, ..Limits::default() };
    let mut rig = Rig::new(2, "sync", limits);
    rig.drain();
    let flush = rig.flush();
    assert_eq!((rig.letters().as_str(), rig.end(flush)), ("AA", Some(Ok(()))));
}

#[test]
fn two_targets_end_in_sync_though_one_has_more_to_copy() {
    let mut rig = Rig::sized(3, 1024, "sync", Limits::default());
    for _ in 0..4 {
        assert!(rig.work());
        for leg in [0, 1, 2] {
            rig.ok(leg);
        }
    }
    let failing = rig.write(300, 1, 9);
    rig.fail(0, ErrorKind::Media);
    rig.ok(1);
    rig.fail(2, ErrorKind::Media);
    assert!(rig.end(failing).unwrap().is_err());
    rig.drain();
    assert_eq!(rig.letters(), "AAD");
    assert!(rig.same(0, 1));
}

/// A leg that timed out comes back with a new table before its write has
/// landed: it must not become a copy that then changes.
#[test]
fn a_leg_that_owes_a_late_write_does_not_come_back() {
    let mut rig = Rig::nosync(2);
    let write = rig.write(0, 1, 9);
    rig.ok(0);
    rig.complete(1, Outcome::Timeout);
    assert_eq!(rig.end(write), Some(Ok(())));
    rig.write_all(0, 1, 1);
    let mut rig = rig.with_table("core 2 8 sync 2 vbd0 0 vbd1 0");
    rig.drain();
    assert_eq!(rig.letters(), "AD");
    let late = rig.disks[1].late(0).unwrap().id;
    rig.disks[1].give_back_late(late);
    for _ in 0..3 {
        assert_eq!(rig.read_back(0, 1), 1);
    }
}
