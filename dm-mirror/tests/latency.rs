//! How long each leg takes for what it is asked.

mod rig;

use std::any::Any;
use std::sync::Mutex;
use std::time::Duration;
use std::{slice, thread};

use bio::ErrorKind;
use dm_mirror::MirrorTarget;
use dm_mirror::report::{KINDS, Kind, LegReport};
use rig::Rig;
use rig::recorded::{Ask, Recorded};
use sim::Outcome;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How many times of this kind a leg has, and the longest one.
fn times(rig: &Rig, leg: usize, kind: Kind) -> (u64, Duration) {
    let times = rig.mirror().times();
    let of = times.of(leg, kind);
    (of.count(), of.max())
}

/// The counts of all kinds of a leg.
fn counts(rig: &Rig, leg: usize) -> [u64; KINDS.len()] {
    KINDS.map(|(kind, _)| times(rig, leg, kind).0)
}

const NONE: (u64, Duration) = (0, Duration::ZERO);

#[test]
fn a_slow_leg_shows_in_its_own_row_and_not_in_the_others() {
    let mut rig = Rig::nosync(3);
    let write = rig.write(0, 1, 7);
    rig.let_pass(ms(1));
    rig.ok(0);
    rig.ok(2);
    rig.let_pass(ms(39));
    rig.ok(1);
    assert_eq!(rig.end(write), Some(Ok(())));
    let legs = [0, 1, 2].map(|leg| times(&rig, leg, Kind::Write));
    assert_eq!(legs, [(1, ms(1)), (1, ms(40)), (1, ms(1))]);
    for (kind, leg) in [Kind::Read, Kind::Flush, Kind::Record].into_iter().zip(0..3) {
        assert_eq!(times(&rig, leg, kind), NONE);
    }
}

#[test]
fn each_kind_of_request_has_its_own_times() {
    let mut rig = Recorded::new(1);
    let before = counts(&rig, 0);
    let write = rig.write_fua(0, 7);
    for (kind, took) in [(Ask::Map, 2), (Ask::Flush, 30), (Ask::Data, 400), (Ask::Flush, 5000)] {
        rig.let_pass(ms(took));
        rig.did(0, &[kind]);
    }
    assert_eq!(rig.end(write), Some(Ok(())));
    let read = rig.read(0, 1);
    rig.let_pass(ms(60_000));
    rig.did(0, &[Ask::Read]);
    assert_eq!(rig.value(read), 7);
    let longest = KINDS.map(|(kind, _)| times(&rig, 0, kind).1);
    assert_eq!(longest, [ms(60_000), ms(400), ms(5000), ms(2)]);
    let more: Vec<u64> = counts(&rig, 0).iter().zip(before).map(|(now, it)| now - it).collect();
    assert_eq!(more, [1, 1, 2, 1]);
}

#[test]
fn a_read_that_is_tried_again_counts_on_both_legs_on_each_for_its_own_time() {
    let mut rig = Rig::nosync(2);
    let read = rig.read(0, 1);
    rig.let_pass(ms(70));
    rig.fail(0, ErrorKind::Media);
    rig.let_pass(ms(3));
    rig.ok(1);
    assert_eq!(rig.end(read), Some(Ok(())));
    assert_eq!([0, 1].map(|leg| times(&rig, leg, Kind::Read)), [(1, ms(70)), (1, ms(3))]);
}

#[test]
fn a_leg_that_fails_keeps_the_times_of_what_it_answered() {
    let mut rig = Rig::nosync(2);
    rig.write(0, 1, 7);
    rig.let_pass(ms(4));
    rig.ok(0);
    rig.fail(1, ErrorKind::Timeout);
    rig.write_all(0, 1, 8);
    assert_eq!(rig.letters(), "AD");
    assert_eq!([0, 1].map(|leg| times(&rig, leg, Kind::Write)), [(2, ms(4)), (1, ms(4))]);
}

/// Whatever a leg was asked has one time once it has answered: what the report counts.
fn each_has_one_time(rig: &Rig, legs: usize) {
    let report = rig.mirror().report();
    for leg in 0..legs {
        let LegReport { reads, writes, flushes, metadata, .. } = report.legs[leg];
        let [read, write, flush, record] = counts(rig, leg);
        assert_eq!((write, flush), (writes, flushes), "leg {leg}");
        assert_eq!(read + record, reads + metadata, "leg {leg}");
        assert!(record >= metadata, "leg {leg}");
    }
}

#[test]
fn nothing_is_counted_twice_and_nothing_is_left_out() {
    let mut rig = Recorded::new(3);
    each_has_one_time(&rig, 3);
    rig.put(0, 20, 1);
    let fua = rig.write_fua(3, 2);
    let discard = rig.discard(8, 8);
    rig.read(0, 64);
    rig.flush();
    rig.settle();
    assert!([fua, discard].iter().all(|tag| rig.end(*tag).is_some()));
    rig.message("check").unwrap();
    rig.rest();
    rig.message("fail 1").unwrap();
    rig.put(0, 64, 3);
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AAA");
    rig.message("repair").unwrap();
    rig.rest();
    each_has_one_time(&rig, 3);
    assert!(counts(&rig, 1).iter().all(|count| *count > 0));
    assert!(rig.stop());
    each_has_one_time(&rig, 3);
}

#[test]
fn a_read_that_is_taken_apart_counts_each_of_its_blocks() {
    let mut rig = Rig::nosync(2);
    let read = rig.read(0, 4);
    for leg in [0, 1] {
        rig.fail(leg, ErrorKind::Media);
    }
    rig.drain();
    assert_eq!(rig.end(read), Some(Ok(())));
    let [first, second] = [0, 1].map(|leg| times(&rig, leg, Kind::Read).0);
    assert_eq!(first + second, 2 + 4);
    each_has_one_time(&rig, 2);
}

#[test]
fn where_the_clock_stands_still_each_time_is_counted_as_none() {
    let mut rig = Rig::nosync(2);
    rig.write_all(0, 8, 7);
    rig.read_back(0, 8);
    assert_eq!([0, 1].map(|leg| times(&rig, leg, Kind::Write)), [(1, Duration::ZERO); 2]);
    let reads = [0, 1].map(|leg| times(&rig, leg, Kind::Read));
    assert_eq!(reads.iter().map(|(count, _)| count).sum::<u64>(), 1);
    assert!(reads.iter().all(|(_, longest)| longest.is_zero()));
}

#[test]
fn a_request_that_a_leg_holds_counts_when_it_comes_back_and_for_all_that_time() {
    let mut rig = Rig::nosync(2);
    rig.write(0, 1, 7);
    rig.ok(0);
    rig.let_pass(Duration::from_secs(3600));
    rig.message("fail 1").unwrap();
    assert_eq!(times(&rig, 1, Kind::Write), NONE);
    rig.ok(1);
    assert_eq!(times(&rig, 1, Kind::Write), (1, Duration::from_secs(3600)));
}

#[test]
fn what_waits_for_its_range_is_not_on_a_leg_yet() {
    let mut rig = Rig::nosync(2);
    rig.write(0, 1, 7);
    rig.write(0, 1, 8);
    rig.let_pass(ms(500));
    [0, 1].iter().for_each(|leg| rig.ok(*leg));
    rig.let_pass(ms(2));
    [0, 1].iter().for_each(|leg| rig.ok(*leg));
    let times = rig.mirror().times();
    let write = times.of(0, Kind::Write);
    assert_eq!((write.count(), write.max(), write.mean()), (2, ms(500), ms(251)));
}

#[test]
fn what_waits_for_a_record_is_not_on_a_leg_yet() {
    let mut rig = Recorded::new(2);
    rig.write(0, 1, 7);
    rig.let_pass(ms(500));
    [0, 1].iter().for_each(|leg| rig.did(*leg, &[Ask::Map]));
    rig.let_pass(ms(50));
    [0, 1].iter().for_each(|leg| rig.did(*leg, &[Ask::Flush]));
    rig.let_pass(ms(5));
    [0, 1].iter().for_each(|leg| rig.end_ask(*leg, Ask::Data, Outcome::Ok));
    assert_eq!(times(&rig, 1, Kind::Write), (1, ms(5)));
}

#[test]
fn by_another_table_a_leg_goes_on_with_its_times_whatever_its_number() {
    let mut rig = Rig::nosync(3);
    rig.write(0, 1, 7);
    for leg in 0..3 {
        rig.let_pass(ms(1 << leg));
        rig.ok(leg);
    }
    let rig = rig.exchange_table("core 2 8 nosync 2 vbd2 0 vbd0 0");
    assert_eq!(rig.mirror().times().legs(), 2);
    assert_eq!([0, 1].map(|leg| times(&rig, leg, Kind::Write)), [(1, ms(7)), (1, ms(1))]);
    let rig = rig.exchange_table("core 2 8 nosync 1 vbd1 0");
    assert_eq!(times(&rig, 0, Kind::Write), NONE, "a leg that was away begins anew");
}

/// Somebody may look at any moment, whatever the other threads do.
#[test]
fn times_that_go_over_are_never_seen_half_gone() {
    let [old, new] = [(); 2].map(|()| Rig::nosync(2));
    let over = Mutex::new(false);
    thread::scope(|scope| {
        for rig in [&old, &new] {
            let (mirror, over) = (rig.target.clone(), &over);
            scope.spawn(move || {
                let mirror: &dyn Any = &*mirror;
                let mirror = mirror.downcast_ref::<MirrorTarget>().expect("a mirror");
                while !*over.lock().unwrap() {
                    assert_eq!(mirror.times().legs(), 2);
                }
            });
        }
        (0..2_000).for_each(|_| new.target.take_over(slice::from_ref(&old.target)));
        *over.lock().unwrap() = true;
    });
}
