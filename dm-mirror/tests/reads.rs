//! A read ends with data as long as one in-sync leg can give it.

mod rig;

use bio::{BufCmd, ErrorKind};
use rig::Rig;
use sim::{Outcome, Presence};

#[test]
fn a_read_error_on_one_leg_is_not_seen() {
    let mut rig = Rig::nosync(2);
    rig.write_all(0, 4, 7);
    let read = rig.read(0, 4);
    rig.fail(0, ErrorKind::Media);
    assert_eq!(rig.end(read), None, "tried again elsewhere");
    rig.ok(1);
    assert_eq!(rig.value(read), 7);
    assert_eq!(rig.letters(), "AA", "one bad sector does not condemn a leg");
}

#[test]
fn errors_on_different_blocks_of_both_legs_are_not_seen() {
    let mut rig = Rig::nosync(2);
    rig.write_all(0, 16, 7);
    for (start, bad) in [(0, 0), (8, 1)] {
        let read = rig.read(start, 1);
        let first = (0..2).find(|&leg| !rig.waiting(leg).is_empty()).unwrap();
        if first == bad {
            rig.fail(bad, ErrorKind::Media);
        }
        rig.drain();
        assert_eq!(rig.value(read), 7);
    }
}

#[test]
fn the_same_block_bad_on_every_leg_is_an_error_and_all_legs_stay() {
    let mut rig = Rig::nosync(3);
    let read = rig.read(3, 1);
    for leg in 0..3 {
        assert_eq!(rig.end(read), None);
        rig.fail(leg, ErrorKind::Media);
    }
    assert_eq!(rig.error(read), ErrorKind::Media);
    assert_eq!(rig.letters(), "AAA");
}

#[test]
fn a_vanished_leg_is_out_at_its_first_read() {
    let mut rig = Rig::nosync(2);
    rig.disks[0].set_presence(Presence::Gone);
    assert_eq!(rig.read_back(0, 1), 0);
    assert_eq!(rig.letters(), "DA");
    assert_eq!(rig.events.count(), 1);
    rig.disks[0].set_presence(Presence::Ready);
    for _ in 0..3 {
        rig.read(0, 1);
        assert_eq!(rig.waiting(0), []);
        rig.drain();
    }
}

#[test]
fn a_read_whose_memory_a_hung_leg_keeps_is_retried_into_fresh_memory() {
    let mut rig = Rig::nosync(2);
    rig.write_all(0, 2, 9);
    let read = rig.read(0, 2);
    rig.complete(0, Outcome::Timeout);
    rig.ok(1);
    let late = rig.disks[0].late(0).expect("the leg keeps the memory").id;
    rig.disks[0].give_back_late(late);
    assert_eq!(rig.value(read), 9);
    assert_eq!(rig.letters(), "DA");
}

#[test]
fn reads_take_turns() {
    let mut rig = Rig::nosync(3);
    for turn in 0..6 {
        rig.read(0, 1);
        assert_eq!(rig.waiting(turn % 3), [BufCmd::Read]);
        rig.drain();
    }
}

/// A mirror whose table ends in a read policy.
fn with_policy(policy: &str) -> Rig {
    let args = format!("core 1 nosync 3 vbd0 0 vbd1 0 vbd2 0 2 read_policy {policy}");
    Rig::nosync(3).with_table(&args)
}

#[test]
fn reads_go_to_the_leg_with_the_fewest_in_flight() {
    let mut rig = with_policy("least_pending");
    for _ in 0..6 {
        rig.read(0, 1);
    }
    assert_eq!([0, 1, 2].map(|leg| rig.waiting(leg).len()), [2, 2, 2]);
    rig.ok(1);
    rig.ok(1);
    rig.read(0, 1);
    assert_eq!(rig.waiting(1).len(), 1);
}

#[test]
fn a_stream_of_reads_stays_on_its_leg_and_another_one_takes_another() {
    let mut rig = with_policy("sequential");
    rig.read(0, 4);
    rig.read(24, 4);
    assert_eq!([0, 1, 2].map(|leg| rig.waiting(leg).len()), [1, 1, 0]);
    rig.drain();
    for nth in 1..5 {
        rig.read(24 + nth * 4, 4);
        assert_eq!([0, 1, 2].map(|leg| rig.waiting(leg).len()), [0, 1, 0], "the second stream");
        rig.drain();
        rig.read(nth * 4, 4);
        assert_eq!([0, 1, 2].map(|leg| rig.waiting(leg).len()), [1, 0, 0], "the first one");
        rig.drain();
    }
    // What goes on nowhere goes where least is waited for.
    rig.read(50, 1);
    rig.read(55, 1);
    rig.read(60, 1);
    assert_eq!([0, 1, 2].map(|leg| rig.waiting(leg).len()), [1, 1, 1]);
}

#[test]
fn reads_go_to_the_preferred_leg_while_it_is_in_sync() {
    let mut rig = with_policy("prefer=2");
    for _ in 0..4 {
        rig.read(0, 1);
    }
    assert_eq!(rig.waiting(2).len(), 4);
    rig.message("fail 2").unwrap();
    rig.read(0, 1);
    assert_eq!((rig.waiting(2).len(), rig.waiting(0).len() + rig.waiting(1).len()), (4, 1));
}

#[test]
fn a_leg_that_fails_everything_from_the_first_request_is_never_noticed_by_a_reader() {
    let mut rig = Rig::nosync(2);
    rig.disks[1].set_presence(Presence::Gone);
    rig.write_all(0, 64, 5);
    for start in 0..8 {
        assert_eq!(rig.read_back(start * 8, 8), 5);
    }
    assert_eq!(rig.letters(), "AD");
}
