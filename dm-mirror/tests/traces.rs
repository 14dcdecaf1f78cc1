//! Runs that go wrong in a mirror that has one rule less: each would lose data
//! that were promised, or change an answer that was given.
//!
//! docs/mirror.md lists all of these traces with their rules, and those whose test
//! is in another file. Each test ends with what a user would see.

mod rig;

use Survives::{All, Durable};
use bio::ErrorKind;
use dm_mirror::format::MemberState;
use rig::LENGTH;
use rig::recorded::{Ask, Recorded, Survives};
use sim::{Landed, Outcome, Presence};

/// Has a start need nobody's word.
const RUN: &str = " 1 start_degraded=run";

/// A leg is half rebuilt when the power goes, and its source never comes back. It
/// may start as the whole disk that it was, or as the one that it became; as a
/// mixture of both it would, if its own superblock did not say that it is being
/// rebuilt before it is.
#[test]
fn a_half_rebuilt_leg_does_not_start_without_its_source() {
    let mut refused = 0;
    for late in [false, true] {
        for steps in 0..60 {
            let mut rig = Recorded::leg_out(2);
            rig.message("add 1").unwrap();
            for step in 0..=steps {
                if step == steps / 2 {
                    rig.write_fua(63, 3);
                }
                // Its superblock is slow, or not.
                if late {
                    rig.step_without(1, Ask::Super)
                } else {
                    rig.step()
                };
            }
            let mut rig = rig.crash_and_start(&[Durable, Durable], &[false, true], RUN);
            rig.settle();
            refused += u32::from(!rig.runs());
            if rig.runs() {
                let values = [0, 32, 63].map(|sector| rig.get(sector, 1));
                let whole = [[1, 1, 1], [2, 2, 1], [2, 2, 3]].contains(&values);
                assert!(whole, "after {steps}: {values:?}");
            }
        }
    }
    assert!(refused > 10, "{refused}");
}

/// A leg was being rebuilt when the power went. A person starts its source 2
/// without 0, which would rebuild it under the old mark, and writes; then starts
/// 0 without 2. What the leg got in between is on no map of those two.
#[test]
fn a_leg_that_was_rebuilt_in_two_histories_is_merged_into_neither() {
    for survives in [Durable, All] {
        let rig = Recorded::leg_out(3);
        rig.message("add 1").unwrap();
        rig.until(|rig| rig.letters() == "ASA" && rig.says(1, 1) == MemberState::Rebuilding);
        let mut rig = rig.crash_and_start(&[Durable; 3], &[false, true, true], RUN);
        // Leg 1's new mark is slow.
        while rig.step_without(1, Ask::Super) {}
        let write = rig.write(48, 1, 9);
        for _ in 0..8 {
            while rig.step_without(1, Ask::Super) {}
            rig.pass();
        }
        assert_eq!(rig.end(write), Some(Ok(())));
        let survives = [Durable, survives, Durable];
        let mut rig = rig.crash_and_start(&survives, &[true, true, false], RUN);
        rig.rest();
        assert!(rig.letters() == "AAD" && rig.agree(0, 1), "{survives:?}: {}", rig.letters());
        assert_eq!([0; 4].map(|_| rig.get(48, 1)), [1; 4], "{survives:?}");
    }
}

/// Leg 1 is whole, but leg 0 does not durably say so when it fails; what leg 1 then
/// acknowledged alone, leg 0 would know nothing of when it starts by itself.
#[test]
fn what_was_acknowledged_around_a_promotion_is_on_whoever_starts_by_itself() {
    for steps in 0..40 {
        let mut rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding);
        // Everything but the record of the promotion.
        for _ in 0..steps {
            rig.step_without(0, Ask::Super);
        }
        rig.disks[0].set_presence(Presence::Gone);
        let write = rig.write_fua(5, 9);
        rig.rest_for(3);
        let promised = rig.end(write).expect("no hang").is_ok();
        let mut rig = rig.crash_and_start(&[Durable, Durable], &[true, false], "");
        rig.rest();
        assert!(rig.runs(), "leg 1 is not in sync by its record");
        assert!(!promised || rig.get(5, 1) == 9, "after {steps}: the write is lost");
    }
}

/// Forced writes came while leg 1 was being rebuilt; the power goes when its promotion
/// is on leg 0's record. At the next start it is in sync, and leg 0 cannot be read.
#[test]
fn a_forced_write_is_durable_on_a_leg_before_its_promotion_is() {
    let mut promoted = 0;
    for steps in 0..400 {
        let mut rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding);
        rig.steps(steps / 10);
        let writes = [5, 13].map(|sector| rig.write_fua(sector, 9));
        rig.until(|rig| writes.iter().all(|write| rig.end(*write).is_some()));
        for _ in 0..steps % 10 {
            rig.step_without(1, Ask::Super);
        }
        let mut rig = rig.crash(&[Durable, Durable]);
        rig.until(|rig| rig.runs());
        if rig.letters() != "AA" {
            continue;
        }
        promoted += 1;
        while rig.asks(0).contains(&Ask::Read) || rig.step() {
            if rig.asks(0).contains(&Ask::Read) {
                rig.fail_ask(0, Ask::Read);
            }
        }
        let values = [5, 13].map(|sector| rig.get(sector, 1));
        assert_eq!(values, [9; 2], "after {steps}");
    }
    assert!(promoted > 10, "{promoted}");
}

/// Ends what legs are asked for, but the data of leg 1; gives the answers of these
/// reads, of those that have one.
fn answers(rig: &Recorded, reads: &[rig::Tag]) -> Vec<u8> {
    while rig.step_without(1, Ask::Data) {}
    let answered = reads.iter().filter(|tag| rig.end(**tag).is_some());
    answered.map(|tag| rig.value(*tag)).collect()
}

/// Legs are being made equal after a crash, when a write comes and reaches leg 0.
/// Its region is settled then, but for what the write does.
#[test]
fn a_region_that_is_settled_under_a_write_in_flight_answers_in_one_order() {
    let mut settled = 0;
    for steps in 0..40 {
        let mut rig = Recorded::new(2);
        rig.put(0, LENGTH, 1);
        let mut rig = rig.crash(&[All, All]);
        rig.until(|rig| rig.runs());
        let other = rig.read(3, 1);
        rig.steps(steps);
        let write = rig.write(0, 1, 2);
        let reads = [0; 4].map(|_| rig.read(0, 1));
        let values = answers(&rig, &reads);
        assert!(values.is_sorted(), "after {steps}: {values:?}");
        settled += u32::from(rig.end(other).is_some() && rig.end(write).is_none());
        rig.settle();
        assert_eq!((rig.end(write), rig.get(0, 1)), (Some(Ok(())), 2));
    }
    assert!(settled > 5, "{settled}");
}

/// Leg 0 has a write in flight, answers it, and vanishes; leg 1 has it not yet.
#[test]
fn no_answer_is_taken_back_when_the_leg_that_gave_it_vanishes() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let write = rig.write(0, 1, 2);
    let reads = [0; 2].map(|_| rig.read(0, 1));
    let mut values = answers(&rig, &reads);
    values.sort();
    rig.disks[0].set_presence(Presence::Gone);
    let late = rig.read(0, 1);
    values.extend(answers(&rig, &[late]));
    assert!(values.is_sorted(), "{values:?}");
    assert_eq!((rig.asks(1).contains(&Ask::Data), rig.end(write)), (true, None));
    rig.settle();
    assert_eq!((rig.end(write), rig.get(0, 1)), (Some(Ok(())), 2));
}

/// A write fails on both legs, and one has it all the same. Were both kept, each
/// read would answer by its leg.
#[test]
fn a_write_that_failed_on_all_legs_is_answered_old_or_new_but_not_both() {
    for first in [0, 1] {
        for applied in [0, 1] {
            let mut rig = Recorded::new(2);
            rig.put(0, 1, 1);
            let write = rig.write(0, 1, 2);
            for leg in [first, 1 - first] {
                let landed = if leg == applied { Landed::All } else { Landed::None };
                rig.end_ask(leg, Ask::Data, Outcome::Fail(ErrorKind::Gone, landed));
            }
            rig.settle();
            assert_eq!(rig.error(write), ErrorKind::Gone);
            let value = rig.get(0, 1);
            let values = [0; 4].map(|_| rig.get(0, 1));
            assert_eq!(values, [value; 4], "leg {first} failed first, leg {applied} has it");
            rig.rest();
            let mut rig = rig.crash(&[All, All]);
            rig.rest();
            assert_eq!([0; 4].map(|_| rig.get(0, 1)), [value; 4], "after a crash");
            assert!(rig.letters() == "AA" && rig.agree(0, 1));
        }
    }
}

/// A write fails on the last leg in sync, and lands on the one being rebuilt, in a
/// region that has been copied there.
#[test]
fn what_only_a_leg_being_rebuilt_has_of_a_failed_write_is_copied_over() {
    let mut rebuilding = 0;
    for steps in 0..60 {
        let mut rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        let write = rig.write(1, 1, 9);
        // As a source, leg 0 is only read.
        rig.until(|rig| rig.asks(0).contains(&Ask::Data));
        if rig.letters() == "AA" {
            break;
        }
        while rig.asks(1).iter().any(|kind| *kind != Ask::Super) {
            let other = |kind: &Ask| *kind != Ask::Super;
            let next = rig.asks(1).into_iter().find(other).unwrap();
            rig.end_ask(1, next, Outcome::Ok);
        }
        rebuilding += u32::from(rig.holds(1, 1) == 9);
        rig.fail_ask(0, Ask::Data);
        rig.settle();
        assert_eq!(rig.error(write), ErrorKind::Media, "after {steps}");
        rig.rest();
        assert!(rig.letters() == "AA" && rig.agree(0, 1), "after {steps}: they differ");
        assert_eq!([0; 4].map(|_| rig.get(1, 1)), [1; 4], "after {steps}");
    }
    assert!(rebuilding > 10, "{rebuilding}");
}

/// Leg 0 excluded leg 1 while it ran, and was written; a person started leg 1
/// alone, and it was written. Were an exclusion not a generation of its own, leg 0
/// would be taken for what leg 1 was before, and be overwritten.
#[test]
fn halves_of_which_one_excluded_the_other_while_it_ran_are_refused() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.put(0, 1, 2);
    let mut rig = rig.crash_and_start(&[All, All], &[false, true], RUN);
    rig.put(16, 1, 3);
    let rig = rig.stop_and_start(&[true, true]);
    rig.settle();
    assert!(rig.target.status().ends_with("refused"), "{}", rig.target.status());
    assert_eq!([rig.holds(0, 0), rig.holds(0, 16)], [2, 1], "nothing was overwritten");
    assert_eq!([rig.holds(1, 0), rig.holds(1, 16)], [1, 3]);
}

/// One disk is put back to what it was before a session, or in a session that was
/// stopped cleanly. It is of the newest generation, no map has a mark, and it lacks
/// the write.
#[test]
fn a_member_that_was_put_back_to_a_snapshot_serves_no_read_of_what_it_lost() {
    for (running, crash) in [(false, false), (false, true), (true, false)] {
        let mut rig = Recorded::new(2);
        rig.put(0, LENGTH, 1);
        let mut rig = rig.stop_and_start(&[true, true]);
        let stopped = rig.snapshot(1);
        rig.settle();
        let snapshot = if running { rig.snapshot(1) } else { stopped };
        rig.put(0, 1, 2);
        rig.rest();
        let mut rig = match crash {
            true => rig.crash(&[Durable, Durable]),
            false => rig.stop_and_start(&[true, true]),
        };
        rig.restore(1, &snapshot);
        rig.settle();
        assert!(rig.target.status().ends_with("held"), "{running} {crash}: it was believed");
        rig.message("start_degraded").unwrap();
        assert_eq!([0; 4].map(|_| rig.get(0, 1)), [2; 4]);
        rig.rest();
        assert!(rig.letters() == "AA" && rig.agree(0, 1));
    }
}

/// The same place in the same set, of a disk that never held what the others do.
#[test]
fn a_disk_that_was_labelled_anew_for_a_members_place_is_neither_read_nor_written() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    let mut rig = rig.stop_and_start(&[true, true]);
    rig.restore(1, &vec![0; rig.snapshot(1).len()]);
    rig.label_anew(1);
    let before = rig.snapshot(1);
    rig.settle();
    assert!(rig.target.status().ends_with("held"), "{}", rig.target.status());
    rig.message("start_degraded").unwrap();
    rig.put(0, 1, 2);
    rig.rest();
    assert_eq!((rig.letters().as_str(), [0; 4].map(|_| rig.get(0, 1))), ("AD", [2; 4]));
    assert!(rig.snapshot(1) == before, "a stranger's disk was written");
}

/// Leg 1 is the last one when it fails a copy, which is in its cache all the same,
/// and which no flush covers. Whatever it answers then, it answers after a power cut.
#[test]
fn what_a_failed_copy_left_on_the_last_leg_is_written_again_before_it_is_answered() {
    for landed in [Landed::None, Landed::All] {
        let mut rig = Recorded::new(2);
        rig.put(0, LENGTH, 1);
        rig.rest();
        rig.write(0, 1, 2);
        for leg in 0..2 {
            rig.did(leg, &[Ask::Map]);
            rig.did(leg, &[Ask::Flush]);
        }
        rig.did(0, &[Ask::Data]);
        let mut rig = rig.crash(&[All, Durable]);
        rig.read(0, 1);
        // Leg 0 is the source.
        while !rig.asks(1).contains(&Ask::Data) {
            match rig.asks(1).contains(&Ask::Read) && rig.runs() {
                true => rig.fail_ask(1, Ask::Read),
                false => _ = rig.step(),
            }
        }
        rig.disks[0].set_presence(Presence::Gone);
        rig.message("fail 0").unwrap();
        rig.end_ask(1, Ask::Data, Outcome::Fail(ErrorKind::Media, landed));
        rig.rest_for(8);
        let value = rig.get(0, 1);
        let mut rig = rig.crash_and_start(&[Durable, Durable], &[false, true], RUN);
        assert_eq!([0; 3].map(|_| rig.get(0, 1)), [value; 3], "{landed:?}");
    }
}
