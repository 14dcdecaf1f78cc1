//! A mirror without `nosync` copies leg 0 to the others and is right meanwhile.

mod rig;

use bio::{BufCmd, ErrorKind, Limits, Sector};
use rig::{LENGTH, Rig};
use sim::Outcome;

const WRITE: BufCmd = BufCmd::Write { fua: false };

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
    copy_all(&rig);
    let state = || (rig.letters(), rig.target.status().contains("8/8"));
    assert_eq!(state(), ("AS".into(), false));
    flush_copies(&rig);
    assert_eq!(state(), ("AS".into(), false), "the regions count, the leg is not promoted");
    assert!(rig.work());
    assert_eq!((rig.waiting(0), rig.waiting(1)), (vec![], vec![BufCmd::Flush]));
    assert_eq!(state(), ("AS".into(), false));
    rig.ok(1);
    assert_eq!(state(), ("AA".into(), true));
    for at in 0..LENGTH {
        assert_eq!(rig.disks[1].durable(Sector(at)), rig.disks[0].contents(Sector(at)));
    }
}

#[test]
fn a_leg_whose_flush_behind_its_last_chunk_fails_is_out() {
    let rig = with_data_all_copied();
    assert!(rig.work());
    rig.ok(0);
    rig.fail(1, ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.letters(), "AD");
}

#[test]
fn a_leg_whose_flush_before_its_promotion_fails_is_out() {
    let rig = with_data_all_copied();
    flush_copies(&rig);
    assert!(rig.work());
    assert_eq!(rig.waiting(1), [BufCmd::Flush]);
    rig.fail(1, ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.letters(), "AD");
}

/// A region counts only once it is flushed: until then the leg is not asked for
/// less than all of it.
#[test]
fn no_region_counts_before_the_flush_behind_it() {
    let rig = with_data_all_copied();
    assert!(rig.target.status().contains(" 0/8 "), "{}", rig.target.status());
    assert!(rig.work());
    rig.ok(1);
    assert!(rig.target.status().contains(" 0/8 "), "the flush of leg 0 is on its way");
    rig.ok(0);
    assert!(rig.target.status().contains(" 7/8 "), "{}", rig.target.status());
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
    let mut rig = Rig::sync(2);
    assert!(rig.work());
    rig.fail(0, ErrorKind::Media);
    assert!(rig.work());
    assert_eq!(rig.disks[0].pending(0).unwrap().extent, rig::extent(0, 1), "block by block");
    assert_eq!(rig.letters(), "AS");
    rig.fail(0, ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.letters(), "AD");
    rig.write_all(0, 1, 3);
    assert_eq!(rig.read_back(0, 1), 3);
}

#[test]
fn a_chunk_that_cannot_be_read_at_once_is_copied_block_by_block() {
    let mut rig = with_data_only();
    assert!(rig.work());
    rig.fail(0, ErrorKind::Media);
    for at in 0..8 {
        assert!(rig.work());
        assert_eq!(rig.disks[0].pending(0).unwrap().extent, rig::extent(at, 1));
        rig.ok(0);
        assert_eq!(rig.disks[1].pending(0).unwrap().extent, rig::extent(at, 1));
        rig.ok(1);
    }
    assert!(rig.work());
    assert_eq!(rig.disks[0].pending(0).unwrap().extent, rig::extent(8, 8), "large chunks again");
    rig.drain();
    assert_eq!((rig.letters().as_str(), rig.same(0, 1)), ("AA", true));
    assert_eq!(rig.read_back(0, LENGTH), 1);
}

/// The write fails on the only leg in sync and lands on the one being rebuilt,
/// whose sectors there count as copied: it must not be promoted with them.
#[test]
fn what_a_failed_write_left_on_a_copied_region_is_copied_again() {
    let mut rig = with_data_all_copied();
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
    let mut rig = with_data_all_copied();
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

/// Leg 1 has every chunk; only the flush behind them is missing.
fn with_data_all_copied() -> Rig {
    let rig = with_data_only();
    copy_all(&rig);
    rig
}

/// Copies every region of a small mirror to leg 1.
fn copy_all(rig: &Rig) {
    for region in 0..LENGTH / 8 {
        assert!(rig.work());
        assert_eq!(rig.disks[0].pending(0).unwrap().extent, rig::extent(8 * region, 8));
        rig.ok(0);
        rig.ok(1);
    }
}

/// The flush behind the copies: all legs, since legs in sync must agree durably
/// too.
fn flush_copies(rig: &Rig) {
    assert!(rig.work());
    for leg in 0..2 {
        assert_eq!(rig.waiting(leg), [BufCmd::Flush]);
        rig.ok(leg);
    }
}

fn with_data_only() -> Rig {
    let mut rig = Rig::sync(2);
    let write = rig.write(0, LENGTH, 1);
    rig.ok(0);
    rig.ok(1);
    assert_eq!(rig.end(write), Some(Ok(())));
    rig
}

/// The last in-sync leg fails a write that the other has, while that one is about
/// to be promoted: both cannot stay. So the promotion waits for the write.
#[test]
fn a_promotion_waits_for_the_write_in_flight_and_for_what_it_leaves() {
    let mut rig = with_data_all_copied();
    flush_copies(&rig);
    let write = rig.write(0, 1, 9);
    assert!(rig.work());
    assert_eq!(rig.waiting(1), [WRITE], "no flush yet: the range is not free");
    rig.fail(0, ErrorKind::Media);
    assert_eq!((rig.waiting(1), rig.letters().as_str()), (vec![WRITE], "AS"));
    rig.ok(1);
    assert_eq!(rig.error(write), ErrorKind::Media);
    assert_eq!((rig.waiting(1), rig.letters().as_str()), (vec![], "AS"), "it is off");
    rig.drain();
    assert!(rig.letters() == "AA" && rig.same(0, 1));
    let (first, second) = (rig.read_back(0, 1), rig.read_back(0, 1));
    assert_eq!(first, second);
}

/// The other way round: what comes during a promotion waits until it is known
/// which legs it goes to.
#[test]
fn a_write_during_a_promotion_waits_for_it_and_counts_on_both_legs() {
    let mut rig = with_data_all_copied();
    flush_copies(&rig);
    assert!(rig.work());
    let write = rig.write(0, 1, 9);
    assert_eq!((rig.waiting(0), rig.waiting(1)), (vec![], vec![BufCmd::Flush]));
    rig.ok(1);
    assert_eq!(rig.letters(), "AA");
    rig.fail(0, ErrorKind::Media);
    rig.ok(1);
    assert_eq!((rig.end(write), rig.letters().as_str()), (Some(Ok(())), "DA"));
    assert_eq!(rig.read_back(0, 1), 9);
}

/// The flush was issued after the last chunk, but no longer after all that the
/// leg needs.
#[test]
fn a_write_that_fails_during_the_flush_puts_the_promotion_off() {
    let mut rig = with_data_all_copied();
    assert!(rig.work());
    rig.ok(0);
    let write = rig.write(0, 1, 9);
    rig.fail(0, ErrorKind::Media);
    let written = rig.disks[1].pending(1).unwrap().id;
    rig.disks[1].complete(written, Outcome::Ok);
    assert_eq!(rig.error(write), ErrorKind::Media);
    rig.ok(1);
    assert_eq!(rig.letters(), "AS");
    assert!(rig.target.status().contains(" 7/8 "), "{}", rig.target.status());
    assert!(rig.work());
    assert_eq!(rig.disks[0].pending(0).unwrap().extent, rig::extent(0, 8), "copied again");
    rig.drain();
    assert!(rig.letters() == "AA" && rig.same(0, 1));
}

/// Reads wait for the write; its end lets them start in the same step that takes
/// the leg out that missed it.
#[test]
fn no_read_goes_to_a_leg_that_missed_the_write_it_waited_for() {
    for missing in [0, 1] {
        let mut rig = with_data_only();
        rig.drain();
        assert_eq!(rig.letters(), "AA");
        let write = rig.write(0, 1, 9);
        let reads = [rig.read(0, 1), rig.read(0, 1)];
        rig.fail(missing, ErrorKind::Media);
        assert_eq!(rig.waiting(missing), [], "the reads wait");
        rig.ok(1 - missing);
        assert_eq!(rig.waiting(missing), []);
        rig.drain();
        assert_eq!(rig.end(write), Some(Ok(())));
        assert_eq!(reads.map(|read| rig.value(read)), [9, 9]);
    }
}

/// The same while a promotion waits behind the reads: the leg that has the write
/// is not in sync yet and answers none of them, nor does it keep what it has.
#[test]
fn reads_between_a_failed_write_and_a_promotion_all_answer_the_same() {
    let mut rig = with_data_all_copied();
    flush_copies(&rig);
    let write = rig.write(0, 1, 9);
    rig.fail(0, ErrorKind::Media);
    let reads = [rig.read(0, 1), rig.read(0, 1)];
    assert!(rig.work());
    rig.ok(1);
    assert_eq!(rig.error(write), ErrorKind::Media);
    assert_eq!((rig.waiting(0).len(), rig.waiting(1)), (2, vec![]));
    rig.drain();
    let [first, second] = reads.map(|read| rig.value(read));
    assert_eq!((first, rig.letters().as_str()), (second, "AA"));
    for _ in 0..3 {
        assert_eq!(rig.read_back(0, 1), first);
    }
}

#[test]
fn suspend_ends_the_copy_in_flight_and_resume_goes_on() {
    let rig = Rig::sync(2);
    assert!(rig.work());
    let is_over = rig.suspend();
    assert!(!is_over(), "a chunk is in flight");
    rig.drain();
    assert!(is_over());
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
    let regions = 1024 / 8;
    assert_eq!(rig.counts(0)[0] - before[0][0], regions, "reads of the source");
    assert_eq!(rig.counts(1)[1] - before[1][1], regions, "writes of the copy");
    let flushes = regions / 16;
    assert_eq!((rig.counts(0)[2], rig.counts(1)[2]), (flushes, flushes + 1), "and the promotion's");
    assert!(rig.same(0, 1));
}

#[test]
fn a_large_region_is_copied_in_chunks_with_one_flush_behind_them() {
    let rig = large().with_table("core 2 512 sync 2 vbd0 0 vbd1 0");
    while step(&rig) {}
    assert_eq!((rig.letters().as_str(), rig.same(0, 1)), ("AA", true));
    assert_eq!((rig.counts(0)[0], rig.counts(1)[1]), (4, 4), "chunks of 256 sectors");
    assert_eq!((rig.counts(0)[2], rig.counts(1)[2]), (1, 2));
}

/// The source may have dropped what was copied from it, and where that was is not
/// recorded.
#[test]
fn a_flush_that_fails_on_the_source_has_all_copied_again() {
    let mut rig = large();
    while rig.target.status().contains(" 0/128 ") {
        assert!(step(&rig));
    }
    let write = rig.write(0, 1, 9);
    let flush = rig.flush();
    rig.ok(0);
    rig.ok(1);
    assert_eq!(rig.end(write), Some(Ok(())));
    rig.disks[0].drop_cache(&mut *rig::recorded::Survives::Durable.chooser());
    rig.fail(0, ErrorKind::Media);
    rig.ok(1);
    assert!(rig.end(flush).unwrap().is_err());
    assert!(!rig.same(0, 1) && rig.target.status().contains(" 0/128 "));
    while step(&rig) {}
    assert_eq!((rig.letters().as_str(), rig.same(0, 1)), ("AA", true));
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
    while !rig.target.status().contains(" 127/128 ") {
        assert!(step(&rig));
    }
    let reads = rig.counts(0)[0];
    let failing = rig.write(700, 2, 9);
    rig.fail(0, ErrorKind::Media);
    rig.ok(1);
    assert!(rig.end(failing).unwrap().is_err());
    assert!(rig.target.status().contains(" 127/128 "), "{}", rig.target.status());
    assert!(rig.work());
    let read = rig.disks[0].pending(0).unwrap();
    assert_eq!(read.extent, rig::extent(696, 8), "its region");
    rig.drain();
    assert!(rig.letters() == "AA" && rig.same(0, 1));
    assert_eq!(rig.counts(0)[0] - reads, 1);
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
    let mut rig = with_data_all_copied();
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
