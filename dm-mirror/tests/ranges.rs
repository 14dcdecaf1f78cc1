//! Requests that overlap are answered as by one disk, whichever leg is faster.

mod rig;

use bio::{BufCmd, ErrorKind};
use rig::Rig;
use sim::Outcome;

#[test]
fn overlapping_writes_reach_all_legs_in_the_order_they_came() {
    let mut rig = Rig::nosync(2);
    let first = rig.write(0, 8, 1);
    let second = rig.write(4, 8, 2);
    assert_eq!((rig.waiting(0).len(), rig.waiting(1).len()), (1, 1));
    rig.ok(1);
    assert_eq!(rig.waiting(1).len(), 0, "not before every leg has the first");
    rig.ok(0);
    assert_eq!(rig.end(first), Some(Ok(())));
    rig.drain();
    assert_eq!(rig.end(second), Some(Ok(())));
    assert!(rig.same(0, 1));
    assert_eq!((rig.read_back(0, 4), rig.read_back(4, 8)), (1, 2));
}

#[test]
fn writes_that_do_not_overlap_do_not_wait() {
    let mut rig = Rig::nosync(2);
    for start in 0..8 {
        rig.write(start * 8, 8, 1);
    }
    assert_eq!((rig.waiting(0).len(), rig.waiting(1).len()), (8, 8));
}

/// Reading new from the fast leg and then old from the slow one.
#[test]
fn a_read_never_meets_a_write_that_only_one_leg_has() {
    let mut rig = Rig::nosync(2);
    rig.write(0, 1, 1);
    rig.ok(0);
    let reads = [rig.read(0, 1), rig.read(0, 1)];
    assert_eq!((rig.waiting(0).len(), rig.waiting(1).len()), (0, 1));
    rig.drain();
    for read in reads {
        assert_eq!(rig.value(read), 1);
    }
}

/// The read that was there first: it must not see the write on the fast leg
/// while later reads of the slow leg do not.
#[test]
fn a_write_waits_for_an_overlapping_read_in_flight() {
    let mut rig = Rig::nosync(2);
    let early = rig.read(0, 1);
    let write = rig.write(0, 1, 1);
    let late = rig.read(0, 1);
    assert_eq!(rig.waiting(0), [BufCmd::Read]);
    assert_eq!(rig.waiting(1), [], "neither the write nor the read behind it has started");
    rig.drain();
    assert_eq!(rig.end(write), Some(Ok(())));
    assert_eq!((rig.value(early), rig.value(late)), (0, 1));
}

/// The data of a write that fails everywhere must not have been seen before.
#[test]
fn a_read_does_not_return_what_a_failing_write_takes_back() {
    let mut rig = Rig::nosync(2);
    let write = rig.write(0, 1, 1);
    rig.disks[0].perform(rig.disks[0].pending(0).unwrap().id);
    let read = rig.read(0, 1);
    assert_eq!(rig.end(read), None, "leg 0 has it, but the write is not done");
    rig.fail(0, ErrorKind::Media);
    rig.fail(1, ErrorKind::Media);
    assert_eq!(rig.error(write), ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.value(read), 0);
    assert_eq!(rig.read_back(0, 1), 0, "what was answered stays");
}

/// Both come to wait for the first two; the last one could go when the second is
/// done, but for the one that waits before it.
#[test]
fn a_waiting_write_is_not_overtaken_by_a_later_one() {
    let mut rig = Rig::nosync(1);
    let tags = [(0, 4), (4, 4), (0, 8), (4, 4)].map(|(start, count)| rig.write(start, count, 1));
    let second = rig.disks[0].pending(1).unwrap().id;
    rig.disks[0].complete(second, Outcome::Ok);
    assert_eq!((rig.end(tags[1]), rig.waiting(0).len()), (Some(Ok(())), 1), "only the first");
    rig.ok(0);
    assert_eq!(rig.disks[0].pending(0).unwrap().extent, rig::extent(0, 8));
    rig.drain();
    assert!(tags.iter().all(|&tag| rig.end(tag) == Some(Ok(()))));
}

#[test]
fn many_waiters_of_one_sector_all_get_their_turn() {
    let mut rig = Rig::nosync(2);
    let tags: Vec<_> = (0..500).map(|value| rig.write(0, 1, value as u8)).collect();
    rig.drain();
    assert!(tags.iter().all(|&tag| rig.end(tag) == Some(Ok(()))));
    assert_eq!(rig.read_back(0, 1), 499_usize as u8);
}
