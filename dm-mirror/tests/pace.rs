//! How fast is copied: never above the ceiling, beside a busy user at the floor.

mod rig;

use std::time::Duration;

use rig::LENGTH;
use rig::recorded::{Ask, REGION, Recorded};

/// A chunk is a region here: 4 KiB.
const CHUNK_KIB: u64 = REGION / 2;

/// Leg 1 is being rebuilt, all of it, at this rate.
fn rebuilding(rate: &str) -> Recorded {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    rig.message("fail 1").unwrap();
    rig.put(0, LENGTH, 2);
    rig.rest();
    rig.message(&format!("sync_rate {rate}")).unwrap();
    // A user who was busy a while ago is not now.
    rig.wait(Duration::from_secs(1));
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.asks(1).contains(&Ask::Data));
    rig
}

/// What was copied to leg 1, in KiB.
fn copied(rig: &Recorded) -> u64 {
    rig.costs(1).copy.0 * CHUNK_KIB
}

#[test]
fn a_rebuild_never_exceeds_the_ceiling_and_reaches_it() {
    let rig = rebuilding("none,4");
    let begin = rig.now();
    while rig.letters() != "AA" {
        let seconds = (rig.now() - begin).as_secs();
        assert!(copied(&rig) <= 4 + 4 * seconds, "after {seconds} s: {} KiB", copied(&rig));
        rig.wait(Duration::from_millis(100));
    }
    let all = LENGTH / 2 - CHUNK_KIB;
    let time = rig.now() - begin;
    assert!(time >= Duration::from_secs(all / 4), "{time:?}");
    assert!(time < Duration::from_secs(all / 4 + 1), "it reaches it: {time:?}");
    assert!(rig.agree(0, 1));
}

#[test]
fn a_busy_user_slows_a_rebuild_to_the_floor_and_cannot_stop_it() {
    let mut rig = rebuilding("4,none");
    let begin = rig.now();
    for round in 0.. {
        let seconds = (rig.now() - begin).as_secs();
        assert!(copied(&rig) <= 4 + 4 * seconds, "it gives way: {seconds} s");
        assert!(copied(&rig) >= 4 * seconds, "it goes on: {seconds} s");
        if rig.letters() == "AA" {
            return assert!(round >= 140, "{round}");
        }
        rig.put(round % LENGTH, 1, round as u8);
        rig.wait(Duration::from_millis(50));
        assert!(round < 1000, "it never ends");
    }
}

#[test]
fn behind_a_user_who_has_become_quiet_a_rebuild_goes_on_as_fast_as_it_can() {
    let mut rig = rebuilding("1,none");
    rig.put(0, 1, 3);
    rig.wait(Duration::from_millis(50));
    assert_eq!(rig.letters(), "AS");
    rig.wait(Duration::from_millis(200));
    assert_eq!(rig.letters(), "AA");
}

/// The floor is one chunk in four seconds; the ceiling two in one second.
#[test]
fn a_read_waits_for_its_region_at_the_ceiling() {
    for (rate, most) in [("1,none", 0), ("1,8", 1000)] {
        let rig = Recorded::labelled(2, false);
        rig.until(|rig| rig.runs());
        rig.message(&format!("sync_rate {rate}")).unwrap();
        let mut rig = rig;
        let begin = rig.now();
        for region in [5, 2, 7] {
            let read = rig.read(region * REGION, 1);
            rig.settle();
            while rig.end(read).is_none() {
                rig.wait(Duration::from_millis(100));
            }
        }
        let time = (rig.now() - begin).as_millis();
        assert!(time <= 3 * most, "{rate}: {time} ms");
        assert!(rate == "1,none" || time >= 1000, "the ceiling holds: {time} ms");
    }
}

#[test]
fn a_suspension_does_not_wait_for_the_pace() {
    let rig = rebuilding("none,1");
    rig.settle();
    assert_eq!(rig.letters(), "AS");
    let before = rig.now();
    assert!(rig.stop());
    assert_eq!(rig.now(), before);
    rig.target.resume();
    rig.wait(Duration::from_secs(60));
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
}

/// A chunk takes four seconds.
#[test]
fn time_that_a_rebuild_did_not_use_is_not_saved_up() {
    let rig = rebuilding("none,1");
    assert!(rig.stop());
    rig.wait(Duration::from_secs(60));
    rig.target.resume();
    let (begin, before) = (rig.now(), copied(&rig));
    while rig.letters() != "AA" {
        rig.wait(Duration::from_millis(500));
        let seconds = (rig.now() - begin).as_secs();
        assert!(copied(&rig) - before <= 4 + seconds, "after {seconds} s");
    }
}

#[test]
fn a_rate_can_be_changed_while_it_counts() {
    let rig = rebuilding("none,1");
    rig.wait(Duration::from_secs(1));
    assert!(copied(&rig) <= 2 * CHUNK_KIB);
    rig.message("sync_rate none,none").unwrap();
    rig.settle();
    assert_eq!(rig.letters(), "AA");
    assert!(rig.target.table().ends_with(" 1 sync_rate=none,none"), "{}", rig.target.table());
    assert!(rig.message("sync_rate 5,4").unwrap_err().to_string().contains("KiB/s"));
}

#[test]
fn the_report_tells_how_far_a_rebuild_is_how_fast_and_how_long_it_takes() {
    let rig = rebuilding("none,4");
    let line = |rig: &Recorded| {
        let report = rig.message("show").unwrap();
        report.lines().find(|line| line.starts_with("copying: ")).map(String::from)
    };
    rig.wait(Duration::from_millis(4500));
    let told = line(&rig).unwrap();
    assert!(told.starts_with("copying: 0 of 8 regions done, "), "flushed behind 16: {told}");
    assert!(told.ends_with(" s left") && told.contains(" KiB/s, "), "{told}");
    rig.until(|rig| rig.costs(1).copy.0 < 8);
    while rig.letters() != "AA" {
        let report = rig.message("show").unwrap();
        assert!(!report.contains("8 of 8 regions"), "too early: {report}");
        assert!(!rig.target.status().contains(" 8/8 "), "too early");
        if !rig.step() {
            rig.wait(Duration::from_millis(100));
        }
    }
    assert_eq!(line(&rig), None);
    assert!(rig.target.status().contains(" 8/8 1 AA"));
}
