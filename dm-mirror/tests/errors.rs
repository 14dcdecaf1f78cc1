//! A leg with too many errors of its medium is out, and a person alone takes it back.

mod rig;

use bio::ErrorKind;
use dm_mirror::format::MemberState;
use rig::recorded::{Ask, Recorded, Survives};
use sim::{Landed, Outcome};

/// More than three errors are too many, and half is forgotten in a minute. Leg 1 is
/// read first.
fn mirror(legs: usize) -> Recorded {
    let policy = " 3 read_policy prefer=1 error_threshold=3,60";
    let mut rig = Recorded::with_features(legs, policy);
    rig.put(0, 8, 7);
    rig.rest();
    rig
}

/// So many reads that leg 1 cannot do.
fn fail_reads(rig: &mut Recorded, count: usize) {
    for _ in 0..count {
        assert_eq!(rig.fail_read(0, 1), 1);
    }
}

#[test]
fn a_leg_with_too_many_errors_is_out_once_with_an_event_and_in_a_new_generation() {
    let mut rig = mirror(2);
    let (events, generation) = (rig.events.count(), rig.superblock(0).generation);
    fail_reads(&mut rig, 3);
    assert_eq!((rig.letters().as_str(), rig.events.count()), ("AA", events));
    fail_reads(&mut rig, 1);
    assert_eq!((rig.letters().as_str(), rig.events.count()), ("AD", events + 1));
    assert_eq!(rig.says(0, 1), MemberState::FailedMedia);
    assert_ne!(rig.superblock(0).generation, generation);
    assert!(rig.message("show").unwrap().contains("failed (too many errors of its medium)"));
    assert_eq!(rig.get(0, 1), 7);
    assert_eq!(rig.events.count(), events + 1);
}

#[test]
fn errors_that_come_slowly_are_forgotten() {
    let mut rig = mirror(2);
    for _ in 0..10 {
        fail_reads(&mut rig, 1);
        rig.sleep(40);
    }
    assert_eq!(rig.letters(), "AA");
    fail_reads(&mut rig, 2);
    assert_eq!(rig.letters(), "AD", "two more than it had at once");
}

#[test]
fn the_last_leg_in_sync_has_as_many_errors_as_it_likes() {
    let mut rig = mirror(2);
    rig.message("fail 0").unwrap();
    rig.settle();
    for _ in 0..10 {
        let read = rig.read(0, 1);
        rig.fail_ask(1, Ask::Read);
        assert_eq!(rig.error(read), ErrorKind::Media);
    }
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("DA", 7));
}

#[test]
fn a_read_that_no_leg_can_do_takes_one_leg_out_at_most() {
    let mut rig = mirror(2);
    for _ in 0..10 {
        let read = rig.read(0, 1);
        for leg in [1, 0] {
            if rig.asks(leg).contains(&Ask::Read) {
                rig.fail_ask(leg, Ask::Read);
            }
        }
        rig.settle();
        assert!(rig.end(read).unwrap().is_err());
    }
    assert_eq!(rig.letters(), "AD");
}

#[test]
fn a_leg_that_failed_for_its_medium_does_not_come_back_at_a_start() {
    let mut rig = mirror(2);
    fail_reads(&mut rig, 4);
    let mut rig = rig.stop_and_start(&[true, true]);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("AD", 7));
    assert_eq!(rig.says(0, 1), MemberState::FailedMedia);
    let mut rig = rig.crash(&[Survives::All; 2]);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("AD", 7));
    // What was said before is no reason to start from it.
    let rig = rig.crash_and_start(&[Survives::All; 2], &[false, true], "");
    rig.rest();
    assert!(!rig.runs());
}

#[test]
fn a_person_takes_it_back_with_what_it_missed_and_its_errors_count_anew() {
    for restart in [false, true] {
        let mut rig = mirror(2);
        fail_reads(&mut rig, 4);
        rig.put(8, 1, 9);
        rig.rest();
        if restart {
            let features = " 3 read_policy prefer=1 error_threshold=3,60";
            rig = rig.crash_and_start(&[Survives::All; 2], &[true; 2], features);
            rig.rest();
        }
        let copied = rig.costs(1).copy.0;
        rig.message("add 1").unwrap();
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.says(0, 1)), ("AA", MemberState::InSync));
        assert!(rig.agree(0, 1));
        let copied = rig.costs(1).copy.0 - copied;
        assert!((1..=2).contains(&copied), "what it missed, no more: {copied}");
        fail_reads(&mut rig, 3);
        assert_eq!(rig.letters(), "AA");
    }
}

/// What a leg's write, flush or record failed for says whether it may be trusted with
/// data again without being asked.
#[test]
fn an_error_of_the_medium_keeps_a_leg_out_and_no_other_error_does() {
    for (kind, state, letters) in [
        (ErrorKind::Media, MemberState::FailedMedia, "AD"),
        (ErrorKind::Gone, MemberState::Out, "AA"),
        (ErrorKind::NoSpace, MemberState::Out, "AA"),
    ] {
        for step in [Ask::Data, Ask::Flush] {
            let mut rig = mirror(2);
            rig.put(0, 1, 1);
            let request = if step == Ask::Data { rig.write(0, 1, 2) } else { rig.flush() };
            rig.end_ask(1, step, Outcome::Fail(kind, Landed::None));
            rig.settle();
            assert_eq!(rig.end(request), Some(Ok(())));
            assert_eq!(rig.says(0, 1), state, "{kind:?} {step:?}");
            let rig = rig.crash(&[Survives::All; 2]);
            rig.rest();
            assert_eq!(rig.letters(), letters, "{kind:?} {step:?}");
        }
    }
}
