//! The last leg in sync loses what its cache held, without an error: it stays, and
//! nothing that was only in the cache counts.

mod rig;

use Survives::Durable;
use bio::ErrorKind;
use dm_mirror::format::MemberState;
use rig::recorded::{Ask, Recorded, Survives};
use sim::Outcome;

fn end(rig: &Recorded, leg: usize, kind: Ask) {
    rig.end_ask(leg, kind, Outcome::Ok);
}

#[test]
fn a_superblock_that_was_lost_before_its_flush_excludes_nobody() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.sync();
    let write = rig.write_fua(0, 2);
    rig.fail_ask(1, Ask::Data);
    end(&rig, 0, Ask::Data);
    end(&rig, 0, Ask::Flush);
    end(&rig, 0, Ask::Super);
    rig.blink(0);
    end(&rig, 0, Ask::Flush);
    rig.settle();
    let acknowledged = rig.end(write) == Some(Ok(()));
    assert!(!acknowledged, "leg 1 is still a member in sync, and would be believed");
    // Once, and the next is written as ever.
    let flush = rig.flush();
    rig.settle();
    assert_eq!((rig.error(flush), rig.letters().as_str()), (ErrorKind::Media, "AD"));
    let write = rig.write_fua(0, 3);
    rig.until(|rig| rig.end(write).is_some());
    assert!(rig.end(write) == Some(Ok(())) && rig.says(0, 1) != MemberState::InSync);
    let mut rig = rig.crash(&[Durable, Durable]);
    rig.settle();
    assert_eq!([0; 4].map(|_| rig.get(0, 1)), [3; 4]);
}

#[test]
fn a_page_that_was_lost_before_its_flush_lets_nobody_write() {
    let mut rig = Recorded::last_leg();
    rig.rest();
    let write = rig.write_fua(0, 2);
    end(&rig, 0, Ask::Map);
    rig.blink(0);
    end(&rig, 0, Ask::Flush);
    assert!(!rig.asks(0).contains(&Ask::Data), "the record is not there");
    rig.settle();
    assert_eq!((rig.error(write), rig.letters().as_str()), (ErrorKind::Media, "AD"));
    rig.put(0, 1, 3);
    assert!(rig.dirty(0, 0) && rig.missed(0, 0, 1));
}

#[test]
fn a_disk_that_lost_its_wipe_is_no_new_member() {
    let rig = Recorded::last_leg();
    rig.exchange(1);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.asks(1) == [Ask::Super]);
    end(&rig, 1, Ask::Super);
    end(&rig, 1, Ask::Super);
    rig.blink(1);
    end(&rig, 1, Ask::Flush);
    rig.rest();
    assert_eq!(rig.letters(), "AD");
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
}

/// The flush behind it succeeds, and another one has told of the loss.
#[test]
fn a_forced_write_that_was_lost_fails_whoever_else_was_told() {
    let mut rig = Recorded::last_leg();
    let write = rig.write_fua(0, 2);
    end(&rig, 0, Ask::Data);
    rig.blink(0);
    let flush = rig.flush();
    while rig.end(flush).is_none() {
        let last = rig.disks[0].queued() - 1;
        rig.disks[0].complete(rig.disks[0].pending(last).unwrap().id, Outcome::Ok);
    }
    rig.settle();
    assert_eq!((rig.error(flush), rig.error(write)), (ErrorKind::Media, ErrorKind::Media));
}

#[test]
fn all_flushes_that_may_have_meant_what_was_lost_fail() {
    let mut rig = Recorded::last_leg();
    rig.rest();
    let flushes = [rig.flush(), rig.flush()];
    rig.blink(0);
    let late = rig.flush();
    rig.settle();
    assert_eq!(flushes.map(|it| rig.error(it)), [ErrorKind::Media; 2]);
    assert_eq!(rig.error(late), ErrorKind::Media);
    rig.sync();
    // The loss is known before any of them begins.
    rig.blink(0);
    rig.get(0, 1);
    let flushes = [rig.flush(), rig.flush()];
    rig.settle();
    assert_eq!(flushes.map(|it| rig.error(it)), [ErrorKind::Media; 2]);
    rig.sync();
}

/// The host's kernel may have dropped what it could not write: the same flush asked
/// for again succeeds there ("fsyncgate").
#[test]
fn a_flush_of_somebody_elses_that_failed_is_told_too() {
    let mut rig = Recorded::last_leg();
    let write = rig.write_fua(8, 2);
    while rig.end(write).is_none() {
        match rig.asks(0).contains(&Ask::Data) {
            true => end(&rig, 0, Ask::Data),
            false if rig.dirty(0, 1) => rig.fail_ask(0, Ask::Flush),
            false => _ = rig.step(),
        }
    }
    assert_eq!(rig.error(write), ErrorKind::Media);
    let flush = rig.flush();
    rig.settle();
    assert_eq!((rig.error(flush), rig.letters().as_str()), (ErrorKind::Media, "AD"));
    rig.sync();
}

/// What was lost is not on the leg that was rebuilt meanwhile either, and the leg
/// that lost it is as good as that one.
#[test]
fn a_loss_is_told_though_another_leg_is_in_sync_by_then() {
    let mut rig = Recorded::last_leg();
    rig.blink(0);
    rig.get(0, 1);
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AA");
    let flush = rig.flush();
    rig.settle();
    assert_eq!((rig.error(flush), rig.letters().as_str()), (ErrorKind::Media, "AA"));
    rig.sync();
}
