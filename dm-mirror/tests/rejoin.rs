//! A leg was away: what it is given when it is back, and what it is not believed.

mod rig;

use Survives::{All, Durable};
use dm_mirror::format::{Marks, SLOTS, superblock_place};
use rig::LENGTH;
use rig::recorded::{DATA, REGION, Recorded, Survives};
use sim::Presence;

/// Has a start need nobody's word.
const RUN: &str = " 1 start_degraded=run";

/// A mirror of 1 everywhere, clean.
fn mirror(legs: usize) -> Recorded {
    let mut rig = Recorded::new(legs);
    rig.put(0, LENGTH, 1);
    rig.rest();
    rig
}

/// Takes a leg out, by hand.
fn fail(rig: &mut Recorded, leg: usize) {
    rig.lose(leg);
}

/// Takes a leg back, and gives how many regions were copied for that.
fn add(rig: &Recorded, leg: usize) -> u64 {
    let before = copies(rig);
    rig.message(&format!("add {leg}")).unwrap();
    rig.rest();
    copies(rig) - before
}

/// How many regions were copied: no copy is larger.
fn copies(rig: &Recorded) -> u64 {
    (0..rig.disks.len()).map(|leg| rig.costs(leg).copy.0).sum()
}

/// All that a leg's map says.
fn map(rig: &Recorded, leg: usize) -> Vec<Marks> {
    (0..(LENGTH / REGION) as u32).map(|region| rig.marks(leg, region)).collect()
}

/// Every leg is in sync, and a clean map says nothing.
#[track_caller]
fn whole(rig: &Recorded) {
    for leg in 0..rig.disks.len() {
        assert!(map(rig, leg).iter().all(|marks| marks.is_empty()), "leg {leg}");
        assert!(rig.agree(0, leg), "leg {leg}");
    }
    assert_eq!(rig.letters(), "A".repeat(rig.disks.len()));
}

#[test]
fn a_leg_that_missed_nothing_is_back_without_a_copy() {
    let mut rig = mirror(2);
    fail(&mut rig, 1);
    assert_eq!(add(&rig, 1), 0);
    whole(&rig);
    let rig = rig.stop_and_start(&[true, false]);
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.rest();
    let rig = rig.stop_and_start(&[true, true]);
    rig.rest();
    assert_eq!(copies(&rig), 0);
    whole(&rig);
}

#[test]
fn a_leg_that_vanished_under_a_write_is_given_what_it_missed_and_no_more() {
    let mut rig = mirror(2);
    rig.disks[1].set_presence(Presence::Gone);
    rig.put(0, 1, 2);
    rig.put(2 * REGION, 3, 3);
    rig.rest();
    assert_eq!(rig.letters(), "AD");
    rig.disks[1].set_presence(Presence::Ready);
    assert_eq!(add(&rig, 1), 2);
    whole(&rig);
    assert_eq!([rig.get(0, 1), rig.get(0, 1), rig.get(2 * REGION, 1)], [2, 2, 3]);
}

#[test]
fn a_leg_that_vanished_under_a_read_is_out_in_a_new_generation_and_back_at_the_next_start() {
    let mut rig = mirror(2);
    let generation = rig.superblock(0).generation;
    rig.disks[1].set_presence(Presence::Gone);
    assert_eq!([rig.get(0, 1), rig.get(0, 1)], [1; 2]);
    rig.rest();
    assert_eq!(rig.letters(), "AD");
    assert_ne!(rig.superblock(0).generation, generation);
    rig.put(REGION, 1, 2);
    rig.rest();
    rig.disks[1].set_presence(Presence::Ready);
    let rig = rig.stop_and_start(&[true, true]);
    rig.rest();
    assert_eq!(copies(&rig), 1);
    whole(&rig);
}

#[test]
fn what_a_leg_missed_is_remembered_however_long_and_gone_when_it_is_back() {
    let mut rig = mirror(3);
    assert!((0..3).all(|leg| map(&rig, leg).iter().all(|marks| marks.is_empty())));
    fail(&mut rig, 1);
    rig.put(REGION, 1, 2);
    rig.rest_for(20);
    for leg in [0, 2] {
        let missed: Vec<u32> = (0..8).filter(|&region| rig.missed(leg, region, 1)).collect();
        assert_eq!((missed, rig.dirty(leg, 1)), (vec![1], false), "leg {leg}");
    }
    assert_eq!(add(&rig, 1), 1);
    whole(&rig);
}

#[test]
fn what_a_leg_missed_outlives_starts_without_it() {
    for crash in [false, true] {
        let mut rig = mirror(2);
        fail(&mut rig, 1);
        rig.put(2 * REGION, 1, 2);
        rig.rest();
        let again = |rig: Recorded, there: &[bool]| match crash {
            true => rig.crash_and_start(&[Durable, Durable], there, ""),
            false => rig.stop_and_start(there),
        };
        let mut rig = again(rig, &[true, false]);
        rig.put(5 * REGION, 1, 3);
        rig.rest();
        let rig = again(again(rig, &[true, false]), &[true, true]);
        rig.rest();
        assert_eq!(copies(&rig), 2, "what it missed in either session");
        whole(&rig);
    }
}

#[test]
fn each_of_two_legs_that_were_away_is_given_what_it_missed_itself() {
    let mut rig = mirror(3);
    fail(&mut rig, 1);
    rig.put(REGION, 1, 2);
    rig.rest();
    fail(&mut rig, 2);
    rig.put(2 * REGION, 1, 3);
    rig.rest();
    assert_eq!(add(&rig, 2), 1);
    assert_eq!(rig.letters(), "ADA");
    assert_eq!(add(&rig, 1), 2);
    whole(&rig);
}

/// The survivor that comes back may be either; both say that leg 2 is out.
#[test]
fn a_leg_that_failed_a_write_is_believed_beside_no_survivor() {
    for lost in [0, 1] {
        for survives in [Durable, All] {
            let mut rig = mirror(3);
            let write = rig.write_fua(0, 2);
            rig.disks[2].set_presence(Presence::Gone);
            rig.until(|rig| rig.end(write).is_some());
            assert_eq!(rig.end(write), Some(Ok(())));
            let mut there = [true; 3];
            there[lost] = false;
            let survives = [Durable, Durable, survives];
            let mut rig = rig.crash_and_start(&survives, &there, RUN);
            assert_eq!([0; 4].map(|_| rig.get(0, 1)), [2; 4], "without leg {lost}");
            rig.rest();
            assert!(rig.agree(1 - lost, 2), "without leg {lost}");
        }
    }
}

/// Also where it was in sync when it was last seen: then a person has to know.
#[test]
fn a_disk_that_was_zeroed_while_it_was_away_changes_no_data() {
    for out in [false, true] {
        let mut rig = mirror(2);
        if out {
            fail(&mut rig, 1);
        }
        let rig = rig.stop_and_start(&[true, true]);
        let zeroes = vec![0; rig.snapshot(1).len()];
        rig.restore(1, &zeroes);
        rig.settle();
        assert_eq!(rig.runs(), out);
        if !out {
            rig.message("start_degraded").unwrap();
        }
        let mut rig = rig;
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.get(0, LENGTH)), ("AD", 1));
    }
}

/// Slots of leg 1's superblock are overwritten while the mirror is stopped.
#[test]
fn one_bad_slot_of_a_superblock_costs_nothing_and_two_are_no_member() {
    for bad in [vec![0], vec![1], vec![0, 1]] {
        let mut rig = mirror(2).stop_and_start(&[true, true]);
        for slot in &bad {
            rig.disks[1].preset(superblock_place(*slot).start(), &[0xa5; 4096]);
        }
        rig.settle();
        assert_eq!(rig.runs(), bad.len() < SLOTS, "{}", rig.target.status());
        if rig.runs() {
            rig.rest();
            assert_eq!(copies(&rig), 0);
            whole(&rig);
            continue;
        }
        rig.message("start_degraded").unwrap();
        assert_eq!((rig.get(0, LENGTH), rig.letters().as_str()), (1, "AD"));
    }
}

/// Whatever is on it there: it starts with something else in the region that it missed.
#[test]
fn a_leg_is_never_the_source_of_what_it_missed() {
    let mut rig = mirror(2);
    fail(&mut rig, 1);
    rig.put(0, 1, 2);
    rig.rest();
    let mut rig = rig.stop_and_start(&[true, true]);
    rig.disks[1].preset(bio::Sector(DATA), &[7; 512]);
    assert_eq!([0; 4].map(|_| rig.get(0, 1)), [2; 4]);
    rig.rest();
    assert_eq!([rig.holds(0, 0), rig.holds(1, 0)], [2, 2]);
}
