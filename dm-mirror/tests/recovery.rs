//! A start after a crash, and one without a member: nothing is answered that is
//! not final.

mod rig;

use Survives::{All, Durable};
use bio::ErrorKind;
use dm_mirror::format::MemberState;
use rig::LENGTH;
use rig::recorded::{Ask, DATA, REGION, Recorded, Survives};
use sim::{Outcome, Presence};

/// A mirror of 1 everywhere; a write of 2 to sector 0 reached leg 0 alone, when
/// the power went.
fn torn(legs: usize) -> Recorded {
    torn_at(0, legs)
}

fn torn_at(sector: u64, legs: usize) -> Recorded {
    let mut rig = Recorded::new(legs);
    rig.put(0, LENGTH, 1);
    rig.rest();
    rig.write(sector, 1, 2);
    for leg in 0..legs {
        rig.did(leg, &[Ask::Map]);
        rig.did(leg, &[Ask::Flush]);
    }
    rig.did(0, &[Ask::Data]);
    let mut survives = vec![Durable; legs];
    survives[0] = All;
    let rig = rig.crash(&survives);
    assert_eq!((rig.keeps(0, sector), rig.keeps(1, sector)), (2, 1));
    rig
}

#[test]
fn a_dirty_region_answers_no_read_before_the_legs_agree_durably() {
    let mut rig = torn(3);
    let read = rig.read(0, 1);
    rig.until(|rig| {
        let agree = (0..3).all(|leg| rig.keeps(leg, 0) == rig.keeps(0, 0));
        assert!(rig.end(read).is_none() || agree, "answered too early");
        rig.end(read).is_some()
    });
    let value = rig.value(read);
    assert!((0..3).all(|leg| rig.keeps(leg, 0) == value));
    rig.rest();
    for _ in 0..4 {
        assert_eq!(rig.get(0, 1), value);
    }
}

/// Whoever answered may vanish, with or without what its cache held; the others
/// answer the same.
#[test]
fn what_was_answered_once_is_answered_by_each_leg_that_is_left() {
    for there in [[true, true], [true, false], [false, true]] {
        for survives in both() {
            let mut rig = torn(2);
            let read = rig.read(0, 1);
            rig.until(|rig| rig.end(read).is_some());
            let value = rig.value(read);
            let mut rig = rig.crash_and_start(&survives, &there, " 1 start_degraded=run");
            assert_eq!(rig.get(0, 1), value, "{there:?} {survives:?}");
        }
    }
}

fn both() -> [[Survives; 2]; 4] {
    [[Durable, Durable], [All, Durable], [Durable, All], [All, All]]
}

#[test]
fn a_crash_at_each_step_of_the_recovery_changes_no_answer() {
    for survives in both() {
        for there in [[true, true], [true, false], [false, true]] {
            for steps in 0..40 {
                let mut rig = torn(2);
                let read = rig.read(0, 1);
                rig.steps(steps);
                let answer = rig.end(read).map(|_| rig.value(read));
                let features = " 1 start_degraded=run";
                let mut rig = rig.crash_and_start(&survives, &there, features);
                let value = rig.get(0, 1);
                let what = format!("{survives:?} {there:?} after {steps}: {answer:?} {value}");
                assert!(value == 1 || value == 2, "{what}");
                assert!(answer.is_none_or(|answer| answer == value), "{what}");
                assert_eq!([rig.get(0, 1), rig.get(0, 1)], [value; 2], "{what}");
                assert!(there != [true, true] || rig.agree(0, 1), "{what}");
            }
        }
    }
}

#[test]
fn only_regions_that_were_dirty_are_copied() {
    let rig = torn(2);
    rig.rest();
    assert_eq!((rig.costs(0).copy.0 + rig.costs(1).copy.0, rig.agree(0, 1)), (1, true));
}

#[test]
fn a_clean_stop_leaves_nothing_to_copy_and_nothing_to_wait_for() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    let mut rig = rig.stop_and_start(&[true, true]);
    let read = rig.read(0, 1);
    rig.until(|rig| rig.end(read).is_some());
    rig.rest();
    assert_eq!((rig.costs(0).copy, rig.costs(1).copy), ((0, 0), (0, 0)));
}

/// Nothing is copied then that would wake the cleaner.
#[test]
fn what_a_crash_left_dirty_becomes_clean_also_if_one_leg_starts_alone() {
    let rig = torn(2).crash_and_start(&both()[0], &[true, false], " 1 start_degraded=run");
    rig.until(|rig| rig.runs());
    assert!(rig.dirty(0, 0));
    rig.rest();
    assert_eq!((rig.dirty(0, 0), rig.missed(0, 0, 1)), (false, true));
}

#[test]
fn a_read_has_its_region_made_equal_first() {
    let mut rig = Recorded::labelled(2, false);
    rig.until(|rig| rig.runs());
    rig.read(5 * REGION, 1);
    rig.work_now();
    let mut order = Vec::new();
    for _ in 0..2 {
        rig.until(|rig| [0, 1].iter().any(|leg| rig.asks(*leg) == [Ask::Read]));
        let leg = [0, 1].into_iter().find(|leg| rig.asks(*leg) == [Ask::Read]).unwrap();
        order.push((rig.disks[leg].pending(0).unwrap().extent.start().0 - DATA) / REGION);
        rig.ok(leg);
    }
    assert!(order.contains(&5), "{order:?}: at once, or behind the one in flight");
}

#[test]
fn another_leg_is_the_source_if_the_first_cannot_be_read() {
    let mut rig = torn(2);
    let read = rig.read(0, 1);
    rig.until(|rig| rig.runs());
    rig.until(|rig| [0, 1].iter().any(|leg| rig.asks(*leg).contains(&Ask::Read)));
    let source = [0, 1].into_iter().find(|leg| rig.asks(*leg).contains(&Ask::Read)).unwrap();
    rig.fail_ask(source, Ask::Read);
    assert_eq!(rig.asks(1 - source), [Ask::Read]);
    rig.settle();
    let value = rig.value(read);
    assert!(rig.keeps(0, 0) == value && rig.keeps(1, 0) == value);
    assert_eq!(rig.letters(), "AA");
}

/// No leg can read the chunk whole, and what differs is the last block of it.
#[test]
fn a_region_that_is_copied_block_by_block_is_copied_to_its_end() {
    let rig = torn_at(REGION - 1, 2);
    for _ in 0..2 {
        let reads = |rig: &Recorded| (0..2).find(|&leg| rig.asks(leg) == [Ask::Read]);
        rig.until(|rig| rig.runs() && reads(rig).is_some());
        rig.fail_ask(reads(&rig).unwrap(), Ask::Read);
    }
    rig.rest();
    assert!(rig.letters() == "AA" && rig.agree(0, 1));
    assert_eq!(rig.costs(0).copy.0 + rig.costs(1).copy.0, REGION, "each of its blocks");
}

#[test]
fn writes_are_taken_before_the_region_is_settled_and_are_not_lost_to_the_copy() {
    for steps in 0..30 {
        let mut rig = torn(2);
        rig.until(|rig| rig.runs());
        rig.steps(steps);
        let write = rig.write(1, 1, 7);
        rig.rest();
        assert_eq!(rig.end(write), Some(Ok(())));
        assert_eq!([0, 1].map(|leg| rig.holds(leg, 1)), [7, 7], "after {steps}");
        assert!(rig.agree(0, 1));
        assert_eq!(rig.get(1, 1), 7);
    }
}

/// What was written to it is the same on all legs, and flushed; the rest may differ.
#[test]
fn a_region_that_is_written_before_it_is_settled_stays_dirty() {
    let mut rig = Recorded::labelled(2, false);
    rig.until(|rig| rig.runs());
    rig.until(|rig| (0..2).any(|leg| rig.asks(leg) == [Ask::Read]));
    let write = rig.write(5 * REGION, 1, 1);
    for _ in 0..4 {
        rig.flush();
        for leg in [0, 1] {
            // All but what is read to be copied.
            while let Some(kind) = rig.asks(leg).into_iter().find(|kind| *kind != Ask::Read) {
                rig.end_ask(leg, kind, Outcome::Ok);
            }
        }
        rig.pass();
    }
    assert_eq!(rig.end(write), Some(Ok(())));
    assert!(rig.dirty(0, 5) && rig.dirty(1, 5));
    rig.rest();
    assert!(!rig.dirty(0, 5) && rig.agree(0, 1));
}

/// The region agrees trivially, since one leg is left; but as long as the other
/// may be believed after a crash, that one's answer is not the only one.
#[test]
fn a_dirty_region_answers_no_read_while_an_exclusion_is_not_durable() {
    let mut rig = torn(2);
    let read = rig.read(0, 1);
    rig.until(|rig| rig.runs());
    rig.message("fail 1").unwrap();
    for _ in 0..50 {
        let leg = (0..2).find(|&leg| rig.asks(leg).iter().any(|kind| *kind != Ask::Super));
        match leg {
            Some(leg) => {
                let kinds = rig.asks(leg);
                let kind = kinds.into_iter().find(|kind| *kind != Ask::Super).unwrap();
                rig.end_ask(leg, kind, Outcome::Ok);
            }
            None => rig.work_now(),
        }
        assert_eq!(rig.end(read), None);
    }
    rig.settle();
    assert_eq!((rig.says(0, 1), rig.value(read)), (MemberState::FailedByHand, 2));
}

/// What is answered must be durable, also where there is nothing to copy.
#[test]
fn a_dirty_region_is_not_settled_by_a_flush_that_failed() {
    let mut rig = torn(2);
    rig.until(|rig| rig.runs());
    rig.message("fail 1").unwrap();
    let read = rig.read(0, 1);
    rig.until(|rig| rig.says(0, 1) == MemberState::FailedByHand);
    // The flush behind the second copy of the superblock is another one.
    rig.until(|rig| rig.asks(0).contains(&Ask::Super));
    rig.until(|rig| rig.asks(0).contains(&Ask::Flush));
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    rig.until(|rig| rig.asks(0).contains(&Ask::Flush));
    rig.fail_ask(0, Ask::Flush);
    rig.settle();
    assert_eq!(rig.error(read), ErrorKind::Media);
    rig.rest();
    assert_eq!((rig.get(0, 1), rig.letters().as_str()), (2, "AD"));
}

/// It cannot be said durably that the other leg is out, so the region cannot be
/// answered from; but whoever waits must hear of it.
#[test]
fn a_read_of_a_dirty_region_ends_though_the_last_leg_cannot_write_its_superblock() {
    let mut rig = torn(2);
    rig.until(|rig| rig.runs());
    rig.message("fail 1").unwrap();
    let read = rig.read(0, 1);
    for _ in 0..100 {
        match rig.asks(0).first().copied() {
            Some(Ask::Super) => rig.fail_ask(0, Ask::Super),
            Some(kind) => rig.end_ask(0, kind, Outcome::Ok),
            None => rig.pass(),
        }
        rig.settle_leg(1);
    }
    assert!(rig.end(read).is_some(), "it hangs:\n{}", rig.message("show").unwrap());
    rig.rest();
    rig.put(0, 1, 5);
    assert_eq!(rig.get(0, 1), 5, "it works again");
}

#[test]
fn without_a_member_that_was_in_sync_the_mirror_waits_for_a_person() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let generation = rig.superblock(0).generation;
    let mut rig = rig.stop_and_start(&[true, false]);
    rig.settle();
    assert!(rig.target.status().ends_with("held"), "{}", rig.target.status());
    let tags = [rig.read(0, 1), rig.write(0, 1, 2), rig.flush()];
    assert_eq!(tags.map(|tag| rig.error(tag)), [ErrorKind::Gone; 3]);
    assert_eq!(rig.superblock(0).generation, generation, "nothing was changed");
    rig.message("start_degraded").unwrap();
    let read = rig.read(0, 1);
    rig.until(|rig| {
        let said = rig.says(0, 1) == MemberState::Out;
        assert!(rig.end(read).is_none() || said, "an answer before the exclusion");
        rig.end(read).is_some()
    });
    assert_eq!((rig.value(read), rig.states().as_str()), (1, "AD"));
    assert_ne!(rig.superblock(0).generation, generation);
}

#[test]
fn a_degraded_start_by_a_person_is_durable_on_each_leg_before_the_first_answer() {
    let mut rig = Recorded::new(3);
    rig.put(0, 1, 1);
    let mut rig = rig.stop_and_start(&[true, true, false]);
    rig.settle();
    assert!(!rig.runs());
    rig.message("start_degraded").unwrap();
    let write = rig.write(0, 1, 2);
    let read = rig.read(8, 1);
    rig.until(|rig| {
        let said = [0, 1].iter().all(|leg| rig.says(*leg, 2) == MemberState::Out);
        assert!((rig.end(read).is_none() && rig.end(write).is_none()) || said);
        rig.end(read).is_some() && rig.end(write).is_some()
    });
}

/// The disk that is gone by now may be the one that made the rest good enough.
#[test]
fn a_person_is_asked_again_if_one_more_is_missing_by_then() {
    let rig = Recorded::new(3).stop_and_start(&[true, true, false]);
    rig.settle();
    rig.disks[1].set_presence(Presence::Gone);
    rig.message("start_degraded").unwrap();
    rig.settle();
    assert!(rig.target.status().ends_with("held"), "{}", rig.target.status());
    rig.message("start_degraded").unwrap();
    rig.settle();
    assert_eq!((rig.runs(), rig.states().as_str()), (true, "ADD"));
}

#[test]
fn a_member_that_the_record_calls_out_is_not_waited_for() {
    let mut rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.put(0, 1, 1);
    let mut rig = rig.stop_and_start(&[true, false]);
    assert_eq!((rig.get(0, 1), rig.letters().as_str()), (1, "AD"));
}

/// The leg that is out is no evidence for itself.
#[test]
fn a_member_that_is_out_never_starts_by_itself_as_if_it_were_the_newest() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.sync();
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.put(0, 1, 2);
    rig.sync();
    let rig = rig.stop_and_start(&[false, true]);
    rig.settle();
    assert!(!rig.runs());
}

#[test]
fn a_table_can_say_that_nobody_is_waited_for() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let mut rig = rig.crash_and_start(&[All, All], &[false, true], " 1 start_degraded=run");
    assert_eq!((rig.get(0, 1), rig.letters().as_str()), (1, "DA"));
}

#[test]
fn a_mirror_that_was_held_starts_once_the_member_is_there() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let rig = rig.stop_and_start(&[true, false]);
    rig.settle();
    let mut rig = rig.stop_and_start(&[true, true]);
    assert_eq!((rig.get(0, 1), rig.letters().as_str()), (1, "AA"));
}

/// The write reached only the leg that was then missing; that leg's own map says
/// where, no other does. What was read meanwhile stays.
#[test]
fn what_only_a_missing_leg_had_does_not_come_back_with_it() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.rest();
    rig.write(0, 1, 2);
    rig.did(1, &[Ask::Map]);
    rig.did(1, &[Ask::Flush]);
    rig.did(1, &[Ask::Data]);
    let mut rig = rig.crash_and_start(&[Durable, All], &[true, false], "");
    rig.settle();
    rig.message("start_degraded").unwrap();
    assert_eq!(rig.get(0, 1), 1);
    let mut rig = rig.stop_and_start(&[true, true]);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
    for _ in 0..4 {
        assert_eq!(rig.get(0, 1), 1);
    }
}

/// Each was started alone by a person, each was written.
fn apart() -> Recorded {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    let mut rig = rig.stop_and_start(&[true, false]);
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.put(0, 1, 2);
    let mut rig = rig.stop_and_start(&[false, true]);
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.put(16, 1, 3);
    rig.stop_and_start(&[true, true])
}

#[test]
fn halves_that_ran_apart_are_refused_until_a_person_chooses() {
    let mut rig = apart();
    rig.settle();
    assert!(rig.target.status().ends_with("refused"), "{}", rig.target.status());
    let read = rig.read(0, 1);
    assert_eq!(rig.error(read), ErrorKind::Gone);
    assert!(
        rig.message("start_degraded").is_err() || {
            rig.settle();
            !rig.runs()
        }
    );
    assert_eq!([rig.holds(0, 0), rig.holds(0, 16)], [2, 1], "nothing was changed");
    assert_eq!([rig.holds(1, 0), rig.holds(1, 16)], [1, 3]);
}

#[test]
fn the_half_that_a_person_chose_is_what_both_have_then() {
    for (keep, values) in [("keep 0", [2, 1]), ("keep 1", [1, 3])] {
        let mut rig = apart();
        rig.settle();
        rig.message(keep).unwrap();
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true), "{keep}");
        for _ in 0..2 {
            assert_eq!([rig.get(0, 1), rig.get(16, 1)], values, "{keep}");
        }
        let mut rig = rig.stop_and_start(&[true, true]);
        assert_eq!([rig.get(0, 1), rig.get(16, 1)], values, "{keep}, then started again");
    }
}

/// One of the other half comes later: a person has decided against that half.
#[test]
fn a_person_is_not_asked_twice_about_the_same_half() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    let mut rig = rig.stop_and_start(&[true, false, false]);
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.put(0, 1, 2);
    let mut rig = rig.stop_and_start(&[false, true, true]);
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.put(16, 1, 3);
    let rig = rig.stop_and_start(&[true, true, false]);
    rig.settle();
    assert!(rig.target.status().ends_with("refused"), "{}", rig.target.status());
    rig.message("keep 0").unwrap();
    rig.rest();
    let mut rig = rig.stop_and_start(&[true; 3]);
    rig.rest();
    assert_eq!(rig.letters(), "AAA", "{}", rig.message("show").unwrap());
    assert!(rig.agree(0, 1) && rig.agree(0, 2));
    assert_eq!([rig.get(0, 1), rig.get(16, 1)], [2, 1]);
}

/// A person is impatient.
#[test]
fn a_start_that_is_asked_for_while_it_is_on_its_way_is_one_start() {
    for steps in 0..20 {
        let mut rig = Recorded::labelled(2, true);
        rig.steps(steps);
        let _ = rig.message("start_degraded");
        let _ = rig.message("start_degraded");
        rig.put(0, 1, 1);
        rig.rest();
        assert_eq!((rig.get(0, 1), rig.letters().as_str()), (1, "AA"), "after {steps}");
        assert_eq!(rig.superblock(0).session, 1, "after {steps}");
    }
}

#[test]
fn a_mirror_that_is_suspended_while_it_starts_writes_nothing_after_the_suspension() {
    for steps in 0..20 {
        let rig = Recorded::labelled(2, true);
        rig.steps(steps);
        let is_over = rig.suspend();
        while !is_over() {
            assert!(rig.step(), "the suspension never ends");
        }
        rig.until(|rig| {
            let quiet = |leg| rig.asks(leg).iter().all(|kind| *kind == Ask::Read);
            assert!(quiet(0) && quiet(1), "after {steps}: {:?} {:?}", rig.asks(0), rig.asks(1));
            rig.asks(0).is_empty() && rig.asks(1).is_empty()
        });
        rig.target.resume();
        rig.rest();
        assert_eq!(rig.letters(), "AA");
    }
}
