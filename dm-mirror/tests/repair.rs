//! What a leg cannot read is rewritten from one that can, and read again.

mod rig;

use Survives::{All, Durable};
use bio::{ErrorKind, SECTOR_SIZE, Sector};
use dm_mirror::format::MemberState;
use rig::extent;
use rig::media::BadSectors;
use rig::recorded::{Ask, DATA, Recorded, Survives};
use sim::Outcome;

/// Two legs, clean, that hold 7.
fn two() -> Recorded {
    let mut rig = Recorded::new(2);
    rig.put(0, 8, 7);
    rig.rest();
    assert!(!rig.dirty(0, 0) && !rig.dirty(1, 0));
    rig
}

/// Time passes: the repair begins, and has what it is to write.
fn begin_repair(rig: &Recorded, source: usize) {
    rig.pass();
    rig.work_now();
    rig.did(source, &[Ask::Read]);
}

#[test]
fn a_read_is_answered_before_anything_is_repaired() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    assert_eq!([rig.waiting(0), rig.waiting(1)], [[], []]);
    begin_repair(&rig, 1 - bad);
    assert!(rig.asks(bad).contains(&Ask::Map));
}

#[test]
fn a_bad_block_is_rewritten_from_good_data_behind_its_own_intent_and_read_again() {
    let mut rig = two();
    let bad = rig.fail_read(3, 2);
    rig.disks[bad].preset(Sector(DATA + 3), &[0xff; SECTOR_SIZE]);
    begin_repair(&rig, 1 - bad);
    rig.did(bad, &[Ask::Map]);
    rig.did(bad, &[Ask::Flush]);
    assert!(rig.dirty(bad, 0), "own intent first");
    assert_eq!(rig.disks[bad].pending(0).unwrap().extent, extent(DATA + 3, 2));
    rig.did(bad, &[Ask::Data]);
    assert_eq!((rig.asks(bad), rig.repaired(bad)), (vec![Ask::Read], 0));
    rig.did(bad, &[Ask::Read]);
    assert_eq!((rig.repaired(bad), rig.repaired(1 - bad)), (1, 0));
    assert_eq!([rig.holds(0, 3), rig.holds(1, 3)], [7; 2]);
    assert_eq!(rig.asks(1 - bad), [], "only the leg that failed it is written to");
    rig.rest();
    assert!(!rig.dirty(bad, 0), "a repair becomes clean as any write does");
}

#[test]
fn a_write_is_not_undone_by_a_repair_that_it_meets() {
    // The write comes while the data are read, written, and read again.
    for steps in 0..6 {
        let mut rig = two();
        rig.fail_read(3, 1);
        rig.pass();
        rig.work_now();
        rig.steps(steps);
        let write = rig.write(3, 1, 9);
        rig.rest();
        assert_eq!(rig.end(write), Some(Ok(())));
        assert_eq!([rig.holds(0, 3), rig.holds(1, 3)], [9; 2], "after {steps}");
    }
}

#[test]
fn a_read_does_not_meet_a_repair_in_flight() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    begin_repair(&rig, 1 - bad);
    rig.until(|rig| rig.asks(bad) == [Ask::Data]);
    let read = rig.read(0, 8);
    assert_eq!((rig.asks(bad), rig.asks(1 - bad)), (vec![Ask::Data], vec![]));
    rig.did(bad, &[Ask::Data]);
    assert_eq!((rig.asks(bad), rig.asks(1 - bad)), (vec![Ask::Read], vec![]));
    rig.settle();
    assert_eq!(rig.value(read), 7);
}

#[test]
fn a_repair_that_cannot_be_read_again_is_an_error_of_the_leg() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    begin_repair(&rig, 1 - bad);
    rig.until(|rig| rig.asks(bad) == [Ask::Read]);
    rig.fail_ask(bad, Ask::Read);
    rig.rest();
    assert_eq!((rig.counts(bad)[3], rig.repaired(bad)), (2, 0));
    assert_eq!(rig.letters(), "AA");
}

#[test]
fn a_repair_that_reads_as_something_else_is_an_error_of_the_leg() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    begin_repair(&rig, 1 - bad);
    rig.until(|rig| rig.asks(bad) == [Ask::Read]);
    rig.disks[bad].preset(Sector(DATA + 3), &[0xff; SECTOR_SIZE]);
    rig.rest();
    assert_eq!((rig.counts(bad)[3], rig.repaired(bad)), (2, 0));
}

#[test]
fn a_repair_that_cannot_be_written_takes_the_leg_out() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    begin_repair(&rig, 1 - bad);
    rig.until(|rig| rig.asks(bad) == [Ask::Data]);
    rig.fail_ask(bad, Ask::Data);
    rig.rest();
    assert_eq!(rig.says(1 - bad, bad), MemberState::FailedMedia);
    assert_eq!(rig.get(3, 1), 7);
}

#[test]
fn a_repair_whose_source_cannot_read_either_writes_nothing() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    rig.pass();
    rig.work_now();
    rig.fail_ask(1 - bad, Ask::Read);
    rig.work_now();
    assert_eq!([rig.waiting(0), rig.waiting(1)], [[], []]);
}

#[test]
fn a_leg_that_goes_out_meanwhile_is_not_written_to() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    rig.message(&format!("fail {bad}")).unwrap();
    rig.settle();
    let before = rig.disks[bad].queued();
    rig.pass();
    rig.rest();
    assert_eq!((before, rig.repaired(bad)), (0, 0));
}

#[test]
fn a_leg_that_goes_out_while_the_source_is_read_is_not_written_to() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    rig.pass();
    rig.work_now();
    rig.message(&format!("fail {bad}")).unwrap();
    while rig.step() {
        assert_eq!(rig.asks(bad), []);
    }
    assert_eq!((rig.letters().matches('D').count(), rig.repaired(bad)), (1, 0));
}

#[test]
fn data_of_a_source_that_went_out_meanwhile_are_not_written() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    rig.pass();
    rig.work_now();
    rig.message(&format!("fail {}", 1 - bad)).unwrap();
    rig.disks[1 - bad].preset(Sector(DATA + 3), &[0xff; SECTOR_SIZE]);
    rig.rest();
    assert_eq!((rig.repaired(bad), rig.holds(bad, 3)), (0, 7));
}

/// What the resync found is its own to mend, while nobody may know yet what holds.
#[test]
fn nothing_is_repaired_where_legs_may_differ() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 7);
    let rig = rig.crash(&[All, All]);
    rig.until(|rig| (0..2).any(|leg| rig.asks(leg).contains(&Ask::Read) && rig.runs()));
    let bad = (0..2).find(|&leg| rig.asks(leg).contains(&Ask::Read)).unwrap();
    rig.fail_ask(bad, Ask::Read);
    rig.end_ask(1 - bad, Ask::Read, Outcome::Ok);
    // The repair is due while the chunk is being copied, and waits for its range.
    rig.pass();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.repaired(bad)), ("AA", 0));
    assert!(rig.agree(0, 1));
}

#[test]
fn an_error_that_says_nothing_of_the_medium_is_not_repaired() {
    let mut rig = two();
    let read = rig.read(3, 1);
    let first = (0..2).find(|&leg| rig.disks[leg].queued() > 0).unwrap();
    rig.fail(first, ErrorKind::NoSpace);
    rig.settle();
    assert_eq!(rig.value(read), 7);
    rig.pass();
    rig.work_now();
    assert_eq!([rig.waiting(0), rig.waiting(1)], [[], []]);
}

#[test]
fn failed_reads_start_only_so_many_repairs() {
    let mut rig = Recorded::with_features(2, " 1 error_threshold=1000,3600");
    let bad = rig.fail_read(0, 1);
    (1..40).for_each(|start| assert_eq!(rig.fail_read(start, 1), bad));
    rig.rest();
    assert_eq!((rig.repaired(bad), rig.repaired(1 - bad)), (16, 0));
    assert_eq!(rig.fail_read(39, 1), bad);
    rig.rest();
    assert_eq!(rig.repaired(bad), 17, "what was dropped is found again");
}

#[test]
fn a_suspension_waits_for_the_repair_in_flight_and_a_resume_goes_on_with_the_others() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    assert_eq!((rig.fail_read(4, 1), rig.fail_read(5, 1)), (bad, bad));
    rig.pass();
    rig.work_now();
    let is_over = rig.suspend();
    rig.until(|rig| rig.asks(bad) == [Ask::Read]);
    assert!(!is_over(), "the repair is in flight");
    rig.settle();
    assert!(is_over());
    assert_eq!(rig.repaired(0) + rig.repaired(1), 1);
    rig.rest();
    assert_eq!([rig.waiting(0), rig.waiting(1)], [[], []]);
    assert!(rig.superblock(0).clean, "it stopped cleanly");
    rig.target.resume();
    rig.rest();
    assert_eq!(rig.repaired(bad), 3);
}

/// One read covers them all, and no leg can give it whole.
#[test]
fn errors_on_different_blocks_of_both_legs_are_not_seen_by_one_read() {
    let mut rig = two();
    let mut bad = BadSectors(vec![(0, 1), (1, 3), (0, 4)]);
    let read = rig.read(0, 8);
    rig.serve(&mut bad);
    assert_eq!(rig.value(read), 7);
    assert!(bad.0.len() < 3, "what was found bad was rewritten from the other");
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
}

#[test]
fn a_block_that_no_leg_can_read_is_an_error_and_is_left_alone() {
    let mut rig = two();
    let mut bad = BadSectors(vec![(0, 1), (1, 1)]);
    let read = rig.read(0, 8);
    rig.serve(&mut bad);
    assert_eq!(rig.error(read), ErrorKind::Media);
    assert_eq!((bad.0.len(), rig.letters().as_str()), (2, "AA"));
    let (write, read) = (rig.write(1, 1, 9), rig.read(0, 1));
    rig.serve(&mut bad);
    assert_eq!((rig.end(write), rig.value(read)), (Some(Ok(())), 7));
}

/// A repair writes what the leg should hold, so no crash can lose anything by it.
#[test]
fn a_crash_at_each_step_of_a_repair_leaves_legs_that_start_and_agree() {
    for survives in [[Durable, Durable], [All, Durable], [Durable, All], [All, All]] {
        for steps in 0..24 {
            let mut rig = two();
            rig.fail_read(3, 1);
            rig.pass();
            rig.steps(steps);
            let mut rig = rig.crash(&survives);
            rig.rest();
            let what = format!("{survives:?} after {steps}");
            assert_eq!(rig.letters(), "AA", "{what}");
            assert_eq!([rig.get(3, 1), rig.get(3, 1)], [7; 2], "{what}");
            assert!(rig.agree(0, 1), "{what}");
        }
    }
}

/// A repair that was in a leg's cache: the region was dirty there, and no other map
/// knew. The leg is made equal when it is back.
#[test]
fn a_repair_that_a_crash_cut_short_is_in_the_map_of_its_leg_alone() {
    let mut rig = two();
    let bad = rig.fail_read(3, 1);
    begin_repair(&rig, 1 - bad);
    rig.until(|rig| rig.asks(bad) == [Ask::Data]);
    assert!(rig.dirty(bad, 0) && !rig.dirty(1 - bad, 0));
    rig.disks[bad].preset(Sector(DATA + 3), &[0xff; SECTOR_SIZE]);
    let mut rig = rig.crash(&[Durable, Durable]);
    rig.until(|rig| (0..2).any(|leg| rig.asks(leg).contains(&Ask::Read) && rig.runs()));
    assert_eq!(rig.message("show").unwrap().matches("1 to be resynced").count(), 1);
    let read = rig.read(3, 1);
    rig.rest();
    let value = rig.value(read);
    assert_eq!([rig.holds(0, 3), rig.holds(1, 3)], [value; 2]);
}
