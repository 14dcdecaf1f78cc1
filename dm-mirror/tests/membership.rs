//! Who is in sync: durable on all survivors before anything is acknowledged that
//! depends on it.

mod rig;

use bio::ErrorKind;
use dm_mirror::format::{HISTORY_MAX, MemberState};
use rig::recorded::{Ask, Recorded, Survives};
use sim::Outcome;

/// Three legs, one write on them all.
fn three() -> Recorded {
    let mut rig = Recorded::new(3);
    rig.put(0, 1, 1);
    rig
}

/// On one survivor is not enough: lose that one, and two legs are left of which
/// neither says that the other is stale.
#[test]
fn an_exclusion_is_durable_on_all_survivors_before_the_write_is_acknowledged() {
    for last in [0, 1] {
        let mut rig = three();
        let write = rig.write(0, 1, 2);
        rig.fail_ask(2, Ask::Data);
        rig.end_ask(0, Ask::Data, Outcome::Ok);
        rig.end_ask(1, Ask::Data, Outcome::Ok);
        rig.did(1 - last, &[Ask::Super]);
        rig.did(1 - last, &[Ask::Flush]);
        rig.did(last, &[Ask::Super]);
        assert_eq!((rig.end(write), rig.says(last, 2)), (None, MemberState::InSync));
        rig.did(last, &[Ask::Flush]);
        assert_eq!(rig.end(write), Some(Ok(())));
        assert_eq!([0, 1].map(|leg| rig.says(leg, 2)), [MemberState::FailedMedia; 2]);
    }
}

#[test]
fn a_write_that_saw_no_failure_waits_for_the_exclusion_too() {
    let mut rig = three();
    rig.message("fail 2").unwrap();
    let (write, fua, flush) = (rig.write(0, 1, 2), rig.write_fua(1, 3), rig.flush());
    let supers = [0, 1].map(|leg| rig.asks(leg)[0]);
    assert_eq!(supers, [Ask::Super; 2]);
    // All but the superblocks.
    for leg in [0, 1] {
        while let Some(kind) = rig.asks(leg).into_iter().find(|kind| *kind != Ask::Super) {
            rig.end_ask(leg, kind, Outcome::Ok);
        }
    }
    assert_eq!([write, fua, flush].map(|tag| rig.end(tag)), [None; 3]);
    rig.settle();
    assert_eq!([write, fua, flush].map(|tag| rig.end(tag)), [Some(Ok(())); 3]);
}

/// One that ends while some survivors hold it already is no exception.
#[test]
fn whatever_ends_before_the_last_survivor_holds_the_exclusion_waits_for_it() {
    let mut rig = three();
    rig.message("fail 2").unwrap();
    rig.did(0, &[Ask::Super]);
    rig.did(0, &[Ask::Flush]);
    assert_eq!(
        [0, 1].map(|leg| rig.says(leg, 2)),
        [MemberState::FailedByHand, MemberState::InSync]
    );
    let (write, flush) = (rig.write(0, 1, 2), rig.flush());
    for leg in [0, 1] {
        // The write's map says now who misses it.
        for kind in [Ask::Map, Ask::Flush, Ask::Flush, Ask::Data] {
            rig.end_ask(leg, kind, Outcome::Ok);
        }
    }
    assert_eq!([write, flush].map(|tag| rig.end(tag)), [None; 2]);
    rig.settle();
    assert_eq!([write, flush].map(|tag| rig.end(tag)), [Some(Ok(())); 2]);
}

/// The write was acknowledged by both legs and is in their caches; one leaves with
/// its cache, and no write missed it. What the other then promises alone must be
/// found there after a crash, whoever is there.
#[test]
fn a_flush_is_not_acknowledged_by_one_leg_while_the_other_may_still_be_believed() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.message("fail 1").unwrap();
    let flush = rig.flush();
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    assert_eq!((rig.end(flush), rig.says(0, 1)), (None, MemberState::InSync));
    rig.settle();
    assert_eq!((rig.end(flush), rig.says(0, 1)), (Some(Ok(())), MemberState::FailedByHand));
    let mut rig = rig.crash(&[Survives::Durable; 2]);
    for _ in 0..4 {
        assert_eq!(rig.get(0, 1), 1);
    }
}

#[test]
fn a_survivor_that_cannot_write_its_superblock_is_out_and_the_rest_say_so_first() {
    for flush in [false, true] {
        let mut rig = three();
        let write = rig.write(0, 1, 2);
        rig.fail_ask(2, Ask::Data);
        rig.end_ask(0, Ask::Data, Outcome::Ok);
        rig.end_ask(1, Ask::Data, Outcome::Ok);
        if flush {
            rig.did(1, &[Ask::Super]);
            rig.fail_ask(1, Ask::Flush);
        } else {
            rig.fail_ask(1, Ask::Super);
        }
        rig.did(0, &[Ask::Super]);
        rig.did(0, &[Ask::Flush]);
        assert_eq!((rig.end(write), rig.letters().as_str()), (None, "ADD"));
        for copy in ["second", "next"] {
            assert_eq!(rig.end(write), None, "{copy}");
            rig.did(0, &[Ask::Super]);
            rig.did(0, &[Ask::Flush]);
        }
        assert_eq!(rig.end(write), Some(Ok(())));
        assert_eq!([1, 2].map(|leg| rig.says(0, leg)), [MemberState::FailedMedia; 2]);
    }
}

#[test]
fn if_the_last_leg_cannot_write_its_superblock_writes_fail_and_nothing_hangs() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let write = rig.write(0, 1, 2);
    rig.fail_ask(1, Ask::Data);
    rig.end_ask(0, Ask::Data, Outcome::Ok);
    rig.fail_ask(0, Ask::Super);
    rig.work_now();
    assert_eq!(rig.error(write), ErrorKind::Media);
    assert_eq!(rig.letters(), "AD", "the last one stays");
    for _ in 0..2 {
        let tags = [rig.write(0, 1, 3), rig.flush()];
        while let Some(kind) = rig.asks(0).first().copied() {
            match kind {
                Ask::Super => rig.fail_ask(0, Ask::Super),
                _ => rig.end_ask(0, kind, Outcome::Ok),
            }
            rig.work_now();
        }
        assert!(tags.iter().all(|tag| rig.end(*tag).is_some_and(|end| end.is_err())));
        assert_eq!(rig.get(8, 1), 0, "it can be read");
    }
    rig.put(0, 1, 4);
    assert_eq!((rig.says(0, 1), rig.get(0, 1)), (MemberState::FailedMedia, 4));
    rig.sync();
}

#[test]
fn a_flush_that_fails_on_the_last_leg_fails_and_leaves_the_leg() {
    let mut rig = Recorded::last_leg();
    let flush = rig.flush();
    rig.fail_ask(0, Ask::Flush);
    assert_eq!((rig.error(flush), rig.letters().as_str()), (ErrorKind::Media, "AD"));
}

/// A disk that failed a flush may have dropped what it was to write: a later flush
/// that succeeds says nothing of it.
#[test]
fn what_a_failed_flush_left_on_the_last_leg_stays_dirty() {
    let mut rig = Recorded::last_leg();
    let flush = rig.flush();
    rig.fail_ask(0, Ask::Flush);
    assert!(rig.end(flush).unwrap().is_err());
    rig.rest_for(10);
    assert!(rig.dirty(0, 0));
}

/// It may have landed in part, or may land yet.
#[test]
fn what_a_failed_write_left_on_the_last_leg_stays_dirty() {
    let mut rig = Recorded::last_leg();
    let write = rig.write(0, 1, 2);
    rig.fail_ask(0, Ask::Data);
    assert_eq!(rig.error(write), ErrorKind::Media);
    rig.sync();
    rig.rest_for(10);
    assert!(rig.dirty(0, 0));
}

#[test]
fn each_exclusion_is_a_generation_of_its_own() {
    let mut rig = three();
    let mut seen = vec![rig.superblock(0).generation];
    for leg in [2, 1] {
        let write = rig.write(0, 1, 2);
        rig.until(|rig| rig.asks(leg).contains(&Ask::Data));
        rig.fail_ask(leg, Ask::Data);
        rig.settle();
        assert_eq!(rig.end(write), Some(Ok(())));
        let record = rig.superblock(0);
        assert!(!seen.contains(&record.generation));
        assert!(record.history.contains(seen.last().unwrap()));
        let base = record.members[leg].as_ref().unwrap().base;
        assert_eq!(base, *seen.last().unwrap(), "what the leg had");
        seen.push(record.generation);
    }
}

#[test]
fn the_history_has_the_latest_generations() {
    let rig = Recorded::new(2);
    let mut seen = Vec::new();
    for _ in 0..HISTORY_MAX {
        for words in ["fail 1", "add 1"] {
            seen.insert(0, rig.superblock(0).generation);
            rig.message(words).unwrap();
            rig.rest();
        }
    }
    assert_eq!(rig.superblock(0).history[..], seen[..HISTORY_MAX]);
}

/// A power blip: no request failed, and what was acknowledged is gone.
#[test]
fn a_leg_that_lost_its_cache_is_out_before_the_flush_is_acknowledged() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.blink(1);
    assert_eq!((rig.holds(0, 0), rig.holds(1, 0)), (1, 0));
    let flush = rig.flush();
    rig.did(1, &[Ask::Flush]);
    assert_eq!(rig.letters(), "AD");
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    assert_eq!(rig.end(flush), None);
    rig.settle();
    assert_eq!((rig.end(flush), rig.says(0, 1)), (Some(Ok(())), MemberState::Out));
    assert_eq!(rig.get(0, 1), 1);
}

#[test]
fn a_read_never_answers_what_a_leg_lost() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.blink(1);
    for _ in 0..4 {
        assert_eq!(rig.get(0, 1), 1);
    }
    assert_eq!(rig.letters(), "AD");
}

#[test]
fn a_write_is_not_acknowledged_before_the_leg_that_lost_its_cache_is_durably_out() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.blink(1);
    let write = rig.write(0, 1, 2);
    rig.until(|rig| rig.end(write).is_some());
    assert_eq!((rig.letters().as_str(), rig.says(0, 1)), ("AD", MemberState::Out));
}

#[test]
fn if_the_last_leg_lost_its_cache_the_next_flush_fails_once() {
    let mut rig = Recorded::last_leg();
    rig.blink(0);
    assert_eq!(rig.get(0, 1), 0, "it was 1");
    rig.flush_fails();
    assert_eq!(rig.letters(), "AD");
    rig.put(0, 1, 2);
    rig.sync();
}

/// The record that would hide the region survives, the exclusion does not: the
/// leg is believed, and nothing says that it differs.
#[test]
fn nothing_becomes_clean_while_an_exclusion_is_not_durable() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.twice();
    rig.sync();
    rig.message("fail 1").unwrap();
    for _ in 0..4 {
        rig.pass();
        rig.work_now();
        assert_eq!(rig.asks(0), [Ask::Super]);
    }
    rig.rest();
    assert!(!rig.dirty(0, 0) && rig.missed(0, 0, 1));
}

/// The same where the write that failed is parked: it has ended on its leg, and
/// its region looks quiet.
#[test]
fn a_parked_write_keeps_its_region_dirty() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.twice();
    let write = rig.write_fua(0, 2);
    rig.fail_ask(1, Ask::Data);
    rig.end_ask(0, Ask::Data, Outcome::Ok);
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    for _ in 0..4 {
        rig.pass();
        rig.work_now();
        assert_eq!(rig.asks(0), [Ask::Super]);
    }
    assert_eq!(rig.end(write), None);
    let mut rig = rig.crash(&[Survives::Durable; 2]);
    let first = rig.get(0, 1);
    assert_eq!([rig.get(0, 1), rig.get(0, 1)], [first; 2]);
    assert!(rig.agree(0, 1));
}

/// Wherever the power goes while a leg is taken out: what was acknowledged with a
/// flush is there afterwards, from each leg that starts by itself.
#[test]
fn a_crash_at_each_step_of_an_exclusion_loses_nothing_that_was_promised() {
    use Survives::{All, Durable};
    for survives in [[Durable, Durable], [All, Durable], [Durable, All], [All, All]] {
        for there in [[true, true], [true, false], [false, true]] {
            for steps in 0..20 {
                let mut rig = Recorded::new(2);
                rig.put(0, 1, 1);
                rig.sync();
                let write = rig.write_fua(0, 2);
                rig.fail_ask(1, Ask::Data);
                rig.steps(steps);
                let promised = rig.end(write) == Some(Ok(()));
                let mut rig = rig.crash_and_start(&survives, &there, "");
                rig.settle();
                if !rig.runs() {
                    assert_ne!(there, [true, true], "{}", rig.message("show").unwrap());
                    continue;
                }
                let value = rig.get(0, 1);
                let what = format!("{survives:?} {there:?} after {steps}: {value}");
                assert!(value == 2 || (value == 1 && !promised), "{what}");
                assert_eq!([rig.get(0, 1), rig.get(0, 1)], [value; 2], "{what}");
            }
        }
    }
}
