//! Each leg's own map says DIRTY before the leg is written, and becomes clean
//! only when nothing is left to be said.

mod rig;

use bio::ErrorKind;
use rig::recorded::{Ask, REGION, Recorded, Survives};

#[test]
fn no_data_goes_to_a_leg_before_its_own_intent_is_durable_there() {
    let mut rig = Recorded::new(2);
    rig.write(0, 1, 1);
    for leg in [0, 1] {
        rig.did(leg, &[Ask::Map]);
        assert!(!rig.dirty(leg, 0));
        rig.did(leg, &[Ask::Flush]);
        assert!(rig.dirty(leg, 0));
        assert_eq!(rig.asks(leg), [Ask::Data]);
    }
}

#[test]
fn no_leg_waits_for_the_intent_of_another() {
    let mut rig = Recorded::new(2);
    let write = rig.write(0, 1, 1);
    rig.did(1, &[Ask::Map]);
    rig.did(1, &[Ask::Flush]);
    rig.did(1, &[Ask::Data]);
    assert_eq!((rig.asks(0), rig.asks(1)), (vec![Ask::Map], vec![]));
    assert_eq!(rig.end(write), None);
    rig.settle();
    assert_eq!(rig.end(write), Some(Ok(())));
}

#[test]
fn a_write_that_comes_while_the_intent_of_its_region_is_on_its_way_waits_for_it() {
    let mut rig = Recorded::new(2);
    rig.write(0, 1, 1);
    rig.did(0, &[Ask::Map]);
    rig.write(1, 1, 2);
    assert_eq!(rig.asks(0), [Ask::Flush], "neither may write yet");
    rig.did(0, &[Ask::Flush]);
    assert_eq!(rig.asks(0), [Ask::Data, Ask::Data]);
}

/// The record on its way says clean, the durable one DIRTY; either may be what a
/// crash leaves. Whoever trusted the durable one would lose its intent.
#[test]
fn a_write_that_meets_a_clean_record_on_its_way_waits_for_another_commit() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.sync();
    rig.twice();
    while rig.asks(0).is_empty() {
        rig.pass();
    }
    let write = rig.write(0, 1, 2);
    for leg in [0, 1] {
        rig.did(leg, &[Ask::Map]);
        rig.did(leg, &[Ask::Flush]);
        rig.did(leg, &[Ask::Map]);
        rig.did(leg, &[Ask::Flush]);
        assert!(rig.dirty(leg, 0));
        assert_eq!(rig.asks(leg), [Ask::Data]);
    }
    rig.settle();
    assert_eq!(rig.end(write), Some(Ok(())));
}

/// The same with the crash: wherever it falls, legs are equal afterwards and no
/// read changes its answer.
#[test]
fn legs_agree_after_a_crash_at_each_step_of_cleaning_and_writing_again() {
    for survives in both() {
        for steps in 0..24 {
            let mut rig = Recorded::new(2);
            rig.put(0, 1, 1);
            rig.sync();
            rig.pass();
            rig.pass();
            let write = rig.write(0, 1, 2);
            rig.steps(steps);
            let done = rig.end(write).is_some();
            let mut rig = rig.crash(&survives);
            let first = rig.get(0, 1);
            assert!(first == 1 || first == 2, "{survives:?} after {steps}: {first}");
            assert!(first == 2 || !done || survives != [Survives::All; 2]);
            assert_eq!([rig.get(0, 1), rig.get(0, 1)], [first; 2], "{survives:?} after {steps}");
            assert!(rig.agree(0, 1), "{survives:?} after {steps}");
        }
    }
}

/// What of two legs' caches a crash leaves.
fn both() -> [[Survives; 2]; 4] {
    use Survives::{All, Durable};
    [[Durable, Durable], [All, Durable], [Durable, All], [All, All]]
}

#[test]
fn a_leg_that_cannot_record_its_intent_is_out_and_gets_no_data() {
    let mut rig = Recorded::new(2);
    let write = rig.write(0, 1, 1);
    rig.fail_ask(1, Ask::Map);
    assert_eq!((rig.letters().as_str(), rig.asks(1)), ("AD", vec![]));
    rig.settle();
    assert_eq!(rig.end(write), Some(Ok(())));
    assert!(rig.missed(0, 0, 1));
}

#[test]
fn a_leg_that_cannot_flush_its_intent_is_out_and_gets_no_data() {
    let mut rig = Recorded::new(2);
    let write = rig.write(0, 1, 1);
    rig.did(1, &[Ask::Map]);
    rig.fail_ask(1, Ask::Flush);
    assert_eq!((rig.letters().as_str(), rig.asks(1)), ("AD", vec![]));
    rig.settle();
    assert_eq!((rig.end(write), rig.holds(1, 0)), (Some(Ok(())), 0));
}

/// Nobody waits for that record, but what the leg's map says is not known any more.
#[test]
fn a_leg_that_cannot_record_that_a_region_is_clean_is_out() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.sync();
    rig.twice();
    while rig.asks(1).is_empty() {
        rig.pass();
    }
    rig.fail_ask(1, Ask::Map);
    assert_eq!(rig.letters(), "AD");
    rig.rest();
    assert!(!rig.dirty(0, 0) && !rig.missed(0, 0, 1), "it has all of it");
}

#[test]
fn if_the_last_leg_cannot_record_its_intent_the_write_fails_and_later_ones_work() {
    let mut rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.settle();
    let write = rig.write(0, 1, 1);
    rig.fail_ask(0, Ask::Map);
    rig.settle();
    assert_eq!((rig.error(write), rig.letters().as_str()), (ErrorKind::Media, "AD"));
    assert_eq!(rig.holds(0, 0), 0, "not written without an intent");
    rig.put(0, 1, 2);
    assert!(rig.dirty(0, 0));
    assert_eq!(rig.get(0, 1), 2);
}

/// Its own map would say that it missed what its superblock knows nothing of. If it were
/// the one to go by later, because no other superblock says that it is out, nobody could be
/// believed.
#[test]
fn a_leg_that_goes_out_gets_no_page_that_a_write_waits_for() {
    let mut rig = Recorded::new(2);
    let first = rig.write(0, 1, 1);
    rig.did(1, &[Ask::Map]);
    // Its intent waits for the next commit.
    let second = rig.write(REGION, 1, 2);
    rig.message("fail 1").unwrap();
    rig.did(1, &[Ask::Flush]);
    assert_eq!(rig.asks(1), [], "nothing more goes to a leg that is out");
    rig.settle();
    assert_eq!((rig.end(first), rig.end(second)), (Some(Ok(())), Some(Ok(()))));
    assert!(rig.missed(0, 0, 1) && rig.missed(0, 1, 1));
    assert!(!rig.missed(1, 0, 1) && !rig.missed(1, 1, 1));
}

#[test]
fn an_intent_says_in_the_same_record_who_misses_the_write() {
    let mut rig = Recorded::new(3);
    rig.message("fail 1").unwrap();
    rig.settle();
    let write = rig.write(16, 1, 1);
    rig.until(|rig| rig.asks(0) == [Ask::Data]);
    assert!(rig.dirty(0, 2) && rig.missed(0, 2, 1) && !rig.missed(0, 2, 2));
    rig.settle();
    assert_eq!(rig.end(write), Some(Ok(())));
    rig.rest();
    for leg in [0, 2] {
        assert!(!rig.dirty(leg, 2) && rig.missed(leg, 2, 1), "clean, and missed all the same");
    }
}

/// Copies too: were they written without an intent, and the source then lost, two
/// legs could differ and no map say so.
#[test]
fn a_copy_has_its_intent_on_the_leg_that_it_goes_to() {
    let mut rig = Recorded::new(3);
    rig.put(0, 1, 1);
    rig.rest();
    assert!((0..3).all(|leg| !rig.dirty(leg, 0)));
    rig.write(0, 1, 2);
    rig.did(0, &[Ask::Map]);
    rig.did(0, &[Ask::Flush]);
    rig.did(0, &[Ask::Data]);
    let rig = rig.crash(&[Survives::All, Survives::Durable, Survives::Durable]);
    assert!(rig.dirty(0, 0) && !rig.dirty(1, 0) && !rig.dirty(2, 0));
    let mut seen = [false; 3];
    while rig.step() {
        for (leg, seen) in seen.iter_mut().enumerate() {
            if rig.asks(leg).contains(&Ask::Data) {
                assert!(rig.dirty(leg, 0), "leg {leg} is written without an intent");
                *seen = true;
            }
        }
    }
    assert!(seen.iter().filter(|seen| **seen).count() >= 2, "{seen:?}");
    assert!(rig.agree(0, 1) && rig.agree(0, 2));
}

/// A flush covers only what had ended when it was issued, whichever ends first.
#[test]
fn a_flush_issued_before_the_last_write_ended_makes_nothing_clean() {
    for order in [[Ask::Flush, Ask::Data], [Ask::Data, Ask::Flush]] {
        let mut rig = Recorded::new(2);
        rig.put(0, 1, 1);
        rig.twice();
        let (write, flush) = (rig.write(0, 1, 2), rig.flush());
        for kind in order {
            rig.end_ask(0, kind, sim::Outcome::Ok);
            rig.end_ask(1, kind, sim::Outcome::Ok);
        }
        assert_eq!([write, flush].map(|tag| rig.end(tag)), [Some(Ok(())); 2]);
        for _ in 0..3 {
            rig.pass();
            rig.work_now();
        }
        for leg in [0, 1] {
            assert_eq!(rig.asks(leg), [Ask::Flush], "a flush of the cleaner's own first");
            assert!(rig.dirty(leg, 0));
        }
        rig.rest();
        assert!(!rig.dirty(0, 0) && rig.keeps(0, 0) == 2 && rig.keeps(1, 0) == 2);
    }
}

#[test]
fn a_region_with_a_write_in_flight_is_not_made_clean() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.twice();
    let write = rig.write(0, 1, 2);
    rig.did(0, &[Ask::Data]);
    for _ in 0..4 {
        rig.flush();
        rig.end_ask(0, Ask::Flush, sim::Outcome::Ok);
        rig.end_ask(1, Ask::Flush, sim::Outcome::Ok);
        rig.pass();
        assert_eq!((rig.asks(0), rig.asks(1)), (vec![], vec![Ask::Data]));
    }
    assert!(rig.dirty(0, 0) && rig.dirty(1, 0) && rig.end(write).is_none());
}

/// One leg was flushed, the other not.
#[test]
fn a_region_is_clean_only_once_every_leg_in_sync_was_flushed() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.twice();
    rig.flush();
    rig.did(0, &[Ask::Flush]);
    for _ in 0..3 {
        rig.pass();
        rig.work_now();
        assert!(!rig.asks(0).contains(&Ask::Map) && !rig.asks(1).contains(&Ask::Map));
    }
    assert!(rig.dirty(0, 0) && rig.dirty(1, 0));
}

/// The first copy of the page is durable: whoever waits for the next one waits on.
#[test]
fn a_second_copy_of_a_page_that_fails_on_the_last_leg_fails_no_request() {
    let mut rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.put(0, 1, 1);
    rig.until_passed(|rig| rig.asks(0) == [Ask::Map]);
    assert!(rig.dirty(0, 0), "this is not the first copy");
    let write = rig.write(32, 1, 2);
    assert_eq!(rig.asks(0), [Ask::Map], "it waits for its intent");
    rig.fail_ask(0, Ask::Map);
    rig.settle();
    assert_eq!((rig.end(write), rig.letters().as_str()), (Some(Ok(())), "AD"));
    assert!(rig.dirty(0, 4) && rig.holds(0, 32) == 2);
}

#[test]
fn a_leg_on_which_a_second_copy_of_a_page_fails_is_out_and_no_request_fails() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.until_passed(|rig| rig.asks(1) == [Ask::Map]);
    let write = rig.write(32, 1, 2);
    rig.fail_ask(1, Ask::Map);
    assert_eq!((rig.letters().as_str(), rig.asks(1)), ("AD", vec![]));
    rig.settle();
    assert_eq!((rig.end(write), rig.holds(1, 32)), (Some(Ok(())), 0));
    assert!(rig.missed(0, 4, 1));
}

/// Regions ahead are unsettled, so they are DIRTY already. A loss has put the cleaner to sleep.
#[test]
fn a_run_that_comes_to_unsettled_regions_asks_for_nothing() {
    let mut rig = Recorded::leg_out(2);
    rig.put(0, 64, 3);
    let mut rig = rig.crash_and_start(&[Survives::All; 2], &[true; 2], " 1 sync_rate=1,1");
    rig.until(|rig| rig.asks(1).contains(&Ask::Data));
    rig.settle();
    let write = rig.write(0, 12, 5);
    rig.settle();
    assert_eq!(rig.end(write), Some(Ok(())));
    rig.blink(0);
    rig.flush_fails();
    rig.wait(std::time::Duration::from_secs(3));
    let write = rig.write(12, 4, 6);
    rig.settle();
    assert_eq!(rig.end(write), Some(Ok(())));
}

/// Nothing was written to regions that were marked ahead, so nothing of them can be lost.
#[test]
fn what_was_marked_ahead_and_not_written_becomes_clean_after_a_loss() {
    let mut rig = Recorded::new(2);
    rig.put(0, 8, 1);
    rig.put(8, 8, 2);
    rig.settle();
    assert!(rig.dirty(0, 2) && rig.dirty(0, 3));
    rig.blink(1);
    rig.sync();
    rig.blink(0);
    rig.flush_fails();
    rig.rest();
    assert!(rig.dirty(0, 0) && rig.dirty(0, 1), "what was lost");
    assert!(!rig.dirty(0, 2) && !rig.dirty(0, 3), "nobody wrote there");
}
