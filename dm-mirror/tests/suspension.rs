//! A mirror that is suspended: whoever has its disks next finds them as it left them.

mod rig;

use dm_mirror::format::MemberState;
use rig::recorded::{Ask, Recorded};
use sim::Outcome;

/// Time passes, and nothing is asked of any leg.
fn assert_still(rig: &Recorded) {
    for _ in 0..3 {
        rig.pass();
        rig.work_now();
        assert_eq!((rig.asks(0), rig.asks(1)), (vec![], vec![]));
    }
}

#[test]
fn a_stop_that_could_not_be_recorded_is_not_recorded_later() {
    let mut rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.put(0, 1, 1);
    rig.rest();
    let is_over = rig.suspend();
    for _ in 0..2 {
        rig.until(|rig| rig.asks(0) == [Ask::Super]);
        assert!(!is_over());
        rig.fail_ask(0, Ask::Super);
    }
    assert!(is_over(), "the only leg cannot say it");
    assert_still(&rig);
    assert!(!rig.superblock(0).clean);
    rig.target.resume();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("AD", 1));
}

/// The only leg loses its cache between the superblock and its flush: the one that says who
/// is out, or the one that says that the stop was clean.
#[test]
fn a_stop_records_what_was_said_though_the_last_leg_loses_it_once() {
    for before in [0, 1] {
        let mut rig = Recorded::new(2);
        rig.put(0, 1, 1);
        rig.rest();
        rig.message("fail 1").unwrap();
        let is_over = rig.suspend();
        for _ in 0..before {
            rig.until(|rig| rig.asks(0) == [Ask::Super]);
            rig.until(|rig| rig.asks(0) != [Ask::Super]);
        }
        rig.until(|rig| rig.asks(0) == [Ask::Super]);
        rig.end_ask(0, Ask::Super, Outcome::Ok);
        rig.blink(0);
        rig.settle();
        assert!(is_over() && rig.superblock(0).clean, "after {before}");
        assert_eq!(rig.says(0, 1), MemberState::FailedByHand, "after {before}");
    }
}

/// The same where the superblock is written already, and the stop's own flush waits behind
/// the one of that.
#[test]
fn a_stop_records_what_was_said_before_it_though_the_last_leg_loses_it() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.message("fail 1").unwrap();
    rig.until(|rig| rig.asks(0) == [Ask::Super]);
    rig.end_ask(0, Ask::Super, Outcome::Ok);
    let is_over = rig.suspend();
    rig.blink(0);
    rig.settle();
    assert!(is_over() && rig.superblock(0).clean);
    assert_eq!(rig.says(0, 1), MemberState::FailedByHand);
}

/// The table may be about to be swapped for one that reads the same superblocks.
#[test]
fn no_member_is_changed_while_the_mirror_is_suspended() {
    let rig = Recorded::leg_out(3);
    assert!(rig.stop());
    for message in ["fail 0", "forget 1", "add 1", "add 1 force"] {
        let refused = rig.message(message).unwrap_err().to_string();
        assert!(refused.contains("the mirror is suspended"), "{message}: {refused}");
        assert_still(&rig);
    }
    assert_eq!(rig.letters(), "ADA");
    rig.target.resume();
    rig.message("fail 0").unwrap();
    rig.settle();
    assert_eq!((rig.letters().as_str(), rig.says(2, 0)), ("DDA", MemberState::FailedByHand));
}

/// It is the last that comes before another table.
#[test]
fn a_flush_behind_a_suspension_is_answered_though_a_leg_fails_it() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    assert!(rig.stop());
    let flush = rig.flush();
    rig.until(|rig| rig.asks(1) == [Ask::Flush]);
    rig.fail_ask(1, Ask::Flush);
    rig.settle();
    assert_eq!(rig.end(flush), Some(Ok(())));
    assert_eq!((rig.letters().as_str(), rig.says(0, 1)), ("AD", MemberState::FailedMedia));
}

/// A superblock that calls the mirror clean before its maps do would have the next start
/// believe maps that are on their way.
#[test]
fn no_superblock_calls_the_mirror_clean_before_its_maps_are_written() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let is_over = rig.suspend();
    rig.until(|rig| rig.asks(1).contains(&Ask::Map));
    // Everything but the map of leg 1.
    while rig.step_without(1, Ask::Map) {}
    assert_eq!((rig.asks(1), is_over()), (vec![Ask::Map], false));
    assert!(!rig.superblock(0).clean && !rig.superblock(1).clean);
    rig.settle();
    assert!(is_over() && rig.superblock(0).clean && rig.superblock(1).clean);
}

/// The device asks for one before it is suspended; to wait for a resume would be to wait
/// for ever.
#[test]
fn a_flush_behind_a_suspension_that_ended_a_search_is_answered() {
    let mut rig = Recorded::labelled(2, true);
    rig.until(|rig| rig.asks(0) == [Ask::Read]);
    assert!(rig.stop() && !rig.runs());
    let flush = rig.flush();
    assert_eq!(rig.error(flush), bio::ErrorKind::Gone);
    assert!(!rig.target.serves(), "its failure tells of no loss");
    assert_still(&rig);
    rig.target.resume();
    rig.settle();
    assert!(rig.runs() && rig.target.serves());
    rig.sync();
}
