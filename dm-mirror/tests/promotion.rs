//! Before a leg is marked, and before it is promoted: what must be durable, where.

mod rig;

use bio::ErrorKind;
use dm_mirror::format::MemberState;
use rig::LENGTH;
use rig::recorded::{Ask, Recorded};
use sim::{Landed, Outcome};

/// Until then only memory knew what it missed, for nothing was written since.
#[test]
fn what_a_leg_missed_is_in_all_maps_before_a_superblock_says_that_it_returns() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.message("fail 1").unwrap();
    rig.settle();
    assert!((0..8).all(|region| !rig.missed(0, region, 1) && rig.dirty(0, region)));
    rig.message("add 1").unwrap();
    rig.until(|rig| (0..3).any(|leg| rig.asks(leg).contains(&Ask::Super)));
    for leg in [0, 2] {
        assert!((0..8).all(|region| rig.missed(leg, region, 1)), "leg {leg}");
    }
    rig.settle();
    assert_eq!(rig.letters(), "AAA");
}

/// The only leg in sync cannot say so, and says something else later: by then the leg that
/// was to be promoted may have missed a write.
#[test]
fn a_promotion_that_could_not_be_recorded_is_not_recorded_with_what_comes_next() {
    let rig = Recorded::leg_out(2);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding);
    let mut failed = 0;
    // A superblock of the source comes with each step of the rebuild: its last one is the
    // promotion.
    while rig.letters() != "AA" && failed == 0 {
        let promotes = rig.holds(1, 0) == 2 && rig.holds(1, 32) == 2;
        if promotes && rig.asks(0).contains(&Ask::Super) && rig.costs(1).copy.1 > 0 {
            rig.fail_ask(0, Ask::Super);
            failed += 1;
        }
        assert!(rig.step() || failed > 0);
    }
    let is_over = rig.suspend();
    rig.settle();
    assert!(failed > 0 && is_over());
    assert_eq!((rig.letters().as_str(), rig.says(0, 1)), ("AS", MemberState::Rebuilding));
    rig.target.resume();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
}

/// Two that are promoted by one record could each be taken for the source of the
/// other.
#[test]
fn legs_are_promoted_one_at_a_time() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    for words in ["fail 1", "fail 2", "add 1", "add 2"] {
        rig.message(words).unwrap();
        if words == "fail 2" {
            rig.settle();
        }
    }
    let in_sync =
        |rig: &Recorded| (0..3).filter(|of| rig.says(0, *of) == MemberState::InSync).count();
    let mut last = in_sync(&rig);
    while rig.step() {
        let now = in_sync(&rig);
        assert!(now <= last + 1, "{last} {now}");
        last = now;
    }
    assert_eq!((last, rig.letters().as_str()), (3, "AAA"));
}

/// Another one goes out while a leg is rebuilt: when this is in sync, it may be the
/// only one that is left to say so.
#[test]
fn a_leg_that_is_promoted_says_who_is_out_and_what_that_one_missed() {
    // One flush is behind the copies, one before the promotion.
    for flushes in [0, 1, 2] {
        let rig = Recorded::leg_out(3);
        rig.message("add 1").unwrap();
        rig.until(|rig| rig.holds(1, 0) == 2 && rig.holds(1, 32) == 2);
        rig.until(|rig| rig.costs(1).copy.1 == flushes);
        rig.message("fail 2").unwrap();
        // Everything else goes on, until the first one says that it is out.
        for _ in 0..if flushes == 2 { 200 } else { 0 } {
            let mut asks =
                (0..3).flat_map(|leg| rig.asks(leg).into_iter().map(move |kind| (leg, kind)));
            match asks.find(|ask| *ask != (0, Ask::Super)) {
                Some((leg, kind)) => rig.end_ask(leg, kind, Outcome::Ok),
                None => rig.work_now(),
            }
        }
        rig.until(|rig| {
            let promoted = rig.says(0, 1) == MemberState::InSync;
            let present = rig.says(1, 2) == MemberState::FailedByHand;
            assert!(!promoted || present, "the present superblock first");
            assert!(!promoted || [0, 4].iter().all(|region| rig.missed(1, *region, 2)));
            promoted
        });
        rig.settle();
        assert_eq!(rig.letters(), "AAD");
    }
}

#[test]
fn a_leg_is_not_promoted_while_a_write_is_in_flight() {
    let mut rig = Recorded::leg_out(2);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding && rig.asks(0) == [Ask::Read]);
    let write = rig.write(16, 1, 9);
    // Everything but what the write waits for on leg 0.
    for _ in 0..200 {
        let kind = rig.asks(0).into_iter().find(|kind| *kind != Ask::Data);
        match kind {
            Some(kind) => rig.end_ask(0, kind, Outcome::Ok),
            None => rig.work_now(),
        }
        rig.settle_leg(1);
    }
    assert_eq!((rig.asks(0), rig.end(write)), (vec![Ask::Data], None));
    assert_eq!(rig.says(0, 1), MemberState::Rebuilding);
    rig.settle();
    assert_eq!((rig.end(write), rig.letters().as_str()), (Some(Ok(())), "AA"));
}

/// It was whole when its promotion began; what it was copied from is so no more.
#[test]
fn a_leg_is_not_promoted_if_its_source_loses_its_cache_meanwhile() {
    for steps in 0..30 {
        let mut rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.until(|rig| rig.costs(1).copy.1 == 1 && !rig.asks(1).contains(&Ask::Flush));
        let write = rig.write(16, 1, 9);
        rig.until(|rig| rig.end(write).is_some());
        rig.steps(steps);
        let promoted = rig.letters() == "AA";
        rig.blink(0);
        let flush = rig.flush();
        rig.rest();
        assert!(rig.end(flush).is_some());
        assert!(rig.letters() != "AA" || rig.agree(0, 1), "after {steps}");
        let value = rig.get(16, 1);
        assert_eq!([rig.get(16, 1), rig.get(16, 1)], [value; 2], "after {steps}");
        if promoted {
            return assert!(steps > 3);
        }
    }
    panic!("it was never promoted");
}

/// What the flush was to make durable the source may have dropped: nothing tells but
/// that it failed, and the superblocks on their way are written as ever.
#[test]
fn a_leg_is_not_promoted_if_a_flush_fails_on_its_source_meanwhile() {
    for steps in 0..30 {
        let mut rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.until(|rig| rig.costs(1).copy.1 == 1 && !rig.asks(1).contains(&Ask::Flush));
        let write = rig.write(16, 1, 9);
        rig.until(|rig| rig.end(write).is_some());
        rig.steps(steps);
        if rig.letters() == "AA" {
            return assert!(steps > 3);
        }
        let flush = rig.flush();
        let newest = rig.disks[0].pending(rig.disks[0].queued() - 1).unwrap();
        rig.disks[0].complete(newest.id, Outcome::Fail(ErrorKind::Media, Landed::None));
        let copied = rig.costs(1).copy.0;
        rig.rest();
        assert_eq!((rig.error(flush), rig.letters().as_str()), (ErrorKind::Media, "AA"));
        assert!(rig.costs(1).copy.0 > copied, "after {steps}: it is copied again");
    }
    panic!("it was never promoted");
}

/// It was to take away what the leg missed, and may have done so or not.
#[test]
fn a_leg_is_not_promoted_while_a_page_that_failed_may_say_that_it_missed_something() {
    let mut failures = 0;
    for nth in 0.. {
        let rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        let (mut seen, mut was) = (0, false);
        rig.until_passed(|rig| {
            let is = rig.asks(0).contains(&Ask::Map);
            seen += usize::from(is && !was);
            was = is;
            (is && seen > nth) || rig.letters() == "AA"
        });
        if rig.letters() == "AA" {
            break;
        }
        failures += 1;
        rig.fail_ask(0, Ask::Map);
        rig.until_passed(|rig| rig.says(0, 1) == MemberState::InSync);
        let stale = |leg| (0..8).any(|region| rig.missed(leg, region, 1));
        assert!(!stale(0) && !stale(1), "a start would believe it");
    }
    assert!(failures > 0);
}
