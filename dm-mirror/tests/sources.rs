//! Which leg is read: by a user, and as the source of a copy; and what a start says
//! of many legs at once.

mod rig;

use Survives::{All, Durable};
use bio::ErrorKind;
use dm_mirror::format::MemberState;
use rig::LENGTH;
use rig::recorded::{Ask, Recorded, Survives};
use sim::{Landed, Outcome};

/// How many reads each leg was asked for since `before`.
fn reads(rig: &Recorded, before: &[u64]) -> Vec<u64> {
    (0..rig.disks.len()).map(|leg| rig.counts(leg)[0] - before[leg]).collect()
}

fn none(rig: &Recorded) -> Vec<u64> {
    reads(rig, &vec![0; rig.disks.len()])
}

#[test]
fn a_leg_that_is_written_mostly_is_read_only_if_no_other_can_answer() {
    for policy in ["", "read_policy least_pending ", "read_policy prefer=0 "] {
        let mut rig = Recorded::new(3);
        rig.put(0, LENGTH, 1);
        let count = 1 + policy.split(' ').count();
        let features = format!(" {count} {policy}write_mostly=0 sync_rate=none,none");
        let mut rig = rig.stop_and_start_as(&features);
        rig.settle();
        assert!(rig.target.table().ends_with(&features), "{}", rig.target.table());
        let before = none(&rig);
        (0..8).for_each(|at| assert_eq!(rig.get(at, 1), 1));
        let [mostly, others @ ..] = &reads(&rig, &before)[..] else { panic!("three legs") };
        assert_eq!((*mostly, others.iter().sum::<u64>()), (0, 8), "{policy}");
        // A block that no other leg can read.
        let read = rig.read(0, 1);
        for _ in 0..2 {
            let leg = [1, 2].into_iter().find(|leg| rig.asks(*leg) == [Ask::Read]).unwrap();
            rig.fail_ask(leg, Ask::Read);
        }
        assert_eq!(rig.asks(0), [Ask::Read], "{policy}");
        rig.ok(0);
        assert_eq!(rig.value(read), 1);
        rig.message("fail 1").unwrap();
        rig.message("fail 2").unwrap();
        rig.settle();
        let before = none(&rig);
        assert_eq!(rig.get(3, 1), 1);
        assert_eq!(reads(&rig, &before), [1, 0, 0], "{policy}");
    }
}

#[test]
fn which_leg_is_read_can_be_changed_while_the_mirror_runs() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    let mut asked = |words: &str, expected: [u64; 3]| {
        rig.message(words).unwrap();
        let before = none(&rig);
        (0..6).for_each(|at| assert_eq!(rig.get(at, 1), 1));
        assert_eq!(reads(&rig, &before), expected, "{words}");
        rig.target.table()
    };
    asked("read_policy prefer=2", [0, 0, 6]);
    let table = asked("write_mostly 2 on", [3, 3, 0]);
    assert!(table.contains(" read_policy prefer=2 write_mostly=2"), "{table}");
    asked("write_mostly 2 off", [0, 0, 6]);
    let table = asked("read_policy round_robin", [2, 2, 2]);
    assert!(!table.contains("read_policy") && !table.contains("write_mostly"), "{table}");
    for words in ["read_policy fastest", "read_policy prefer=3", "write_mostly 3 on"] {
        assert!(rig.message(words).is_err(), "{words}");
    }
    assert_eq!(rig.target.table(), table, "a refusal changes nothing");
}

#[test]
fn a_leg_that_is_written_mostly_is_a_source_only_if_no_other_is() {
    let rig = Recorded::labelled(3, false);
    rig.settle();
    let rig = rig.crash_and_start(&[Durable; 3], &[true; 3], " 1 write_mostly=1");
    let asked = std::cell::Cell::new(0);
    rig.until(|rig| {
        let source = |leg: &usize| rig.runs() && rig.asks(*leg).contains(&Ask::Read);
        assert!(!source(&1), "another leg is in sync");
        asked.set(asked.get() + [0, 2].iter().filter(|leg| source(leg)).count());
        rig.target.status().contains(" 8/8 ")
    });
    assert!(asked.get() > 0);
    rig.message("fail 0").unwrap();
    rig.message("fail 2").unwrap();
    rig.settle();
    rig.message("add 2").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(1, 2)), ("DAA", true));
}

/// Legs differ in a region, and each may be its source. The first read of it fails
/// everywhere, so it is copied block by block.
#[test]
fn a_region_in_which_legs_differ_is_copied_from_one_of_them() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.rest();
    rig.write(0, 8, 2);
    for leg in 0..3 {
        rig.did(leg, &[Ask::Map]);
        rig.did(leg, &[Ask::Flush]);
    }
    rig.did(0, &[Ask::Data]);
    let mut rig = rig.crash(&[All, Durable, Durable]);
    let read = rig.read(0, 8);
    rig.until(|rig| rig.runs());
    let mut sources = Vec::new();
    while rig.end(read).is_none() {
        match (0..3).find(|leg| rig.asks(*leg).contains(&Ask::Read)) {
            Some(leg) if rig.disks[leg].pending(0).unwrap().extent.count().0 == 8 => {
                let settled = sources.len() >= 8;
                let outcome = Outcome::Fail(ErrorKind::Media, Landed::None);
                rig.end_ask(leg, Ask::Read, if settled { Outcome::Ok } else { outcome });
            }
            Some(leg) => {
                sources.push(leg);
                rig.ok(leg);
            }
            None => assert!(rig.step()),
        }
    }
    assert_eq!(sources.len(), 8, "{sources:?}");
    assert!(sources.iter().all(|leg| *leg == sources[0]), "{sources:?}");
    assert!(rig.agree(0, 1) && rig.agree(0, 2));
    rig.value(read);
}

/// Leg 1 was out and missed something; it is being rebuilt.
fn returning(legs: usize) -> Recorded {
    let mut rig = Recorded::new(legs);
    rig.put(0, LENGTH, 1);
    rig.rest();
    rig.message("fail 1").unwrap();
    rig.put(0, 8, 2);
    rig.rest();
    rig.message("add 1").unwrap();
    rig.until(|rig| {
        let sources = (0..legs).filter(|leg| *leg != 1);
        rig.letters().contains('S')
            && sources.into_iter().any(|leg| rig.asks(leg).contains(&Ask::Read))
    });
    rig
}

#[test]
fn what_the_only_source_cannot_read_puts_the_leg_being_rebuilt_out() {
    let rig = returning(2);
    for _ in 0..2 {
        rig.until(|rig| rig.asks(0).contains(&Ask::Read));
        rig.fail_ask(0, Ask::Read);
    }
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.says(0, 1)), ("AD", MemberState::Out));
    let report = rig.message("show").unwrap();
    assert!(report.contains("nothing to rebuild it from"), "{report}");
}

#[test]
fn what_one_source_cannot_read_another_gives() {
    let rig = returning(3);
    let source = [0, 2].into_iter().find(|leg| rig.asks(*leg).contains(&Ask::Read)).unwrap();
    rig.fail_ask(source, Ask::Read);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1), rig.agree(1, 2)), ("AAA", true, true));
}

#[test]
fn the_only_source_of_a_rebuild_is_not_taken_out() {
    let rig = returning(2);
    for words in ["fail 0", "forget 0"] {
        assert!(rig.message(words).is_err(), "{words}");
    }
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
}

/// The history has room for eight: a start that finds three members missing is one
/// change.
#[test]
fn a_start_without_several_members_is_one_generation() {
    let mut rig = Recorded::new(4);
    rig.put(0, LENGTH, 1);
    let rig = rig.stop_and_start(&[true, false, false, false]);
    rig.settle();
    let before = rig.superblock(0);
    rig.message("start_degraded").unwrap();
    rig.rest();
    let after = rig.superblock(0);
    assert_eq!(rig.letters(), "ADDD");
    assert_eq!(after.history.len(), before.history.len() + 1);
    let base = |slot: usize| after.members[slot].unwrap().base;
    assert_eq!([1, 2, 3].map(base), [before.generation; 3]);
    let mut rig = rig.stop_and_start(&[true; 4]);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("AAAA", 1));
    let copied: u64 = (0..4).map(|leg| rig.costs(leg).copy.0).sum();
    assert_eq!(copied, 0, "nothing was written without them");
}

#[test]
fn a_mirror_with_one_member_missing_can_be_started_and_with_all_missing_cannot() {
    let rig = Recorded::labelled(2, true).stop_and_start(&[true, false]);
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.settle();
    assert!(rig.runs());
    for leg in 0..2 {
        let zeroes = [0; 4096];
        (0..2).for_each(|slot| {
            let place = dm_mirror::format::superblock_place(slot);
            rig.disks[leg].preset(place.start(), &zeroes);
        });
    }
    let rig = rig.crash_and_start(&[Durable; 2], &[true; 2], " 1 start_degraded=run");
    rig.settle();
    assert!(rig.target.status().ends_with("refused"), "{}", rig.target.status());
}
