//! The last leg in sync loses what its cache held, without an error or with a flush
//! that fails: it stays, and nothing that was only in the cache counts.

mod rig;

use std::sync::{Arc, Mutex};

use Survives::Durable;
use bio::{Bio, Buf, BufDone, ErrorKind, IoError, IoResult, Limits, WriteCache};
use dm::Target;
use dm_mirror::format::MemberState;
use rig::recorded::{Ask, Recorded, Survives};
use rig::{Rig, Tag};
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
    assert_eq!(rig.end(write), Some(Err(IoError { kind: ErrorKind::Media, resid: 512 })));
    assert_eq!(rig.letters(), "AD");
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
    // None of these says anything of what was acknowledged while they were on their way.
    rig.flush_fails();
    rig.sync();
    // The loss is known before any of them begins.
    rig.blink(0);
    rig.get(0, 1);
    let flushes = [rig.flush(), rig.flush()];
    rig.settle();
    assert_eq!(flushes.map(|it| rig.error(it)), [ErrorKind::Media; 2]);
    rig.sync();
}

#[test]
fn a_flush_of_somebody_elses_that_failed_is_told_too() {
    let mut rig = Recorded::last_leg();
    let write = rig.write_fua(8, 2);
    rig.until(|rig| rig.asks(0) == [Ask::Data]);
    end(&rig, 0, Ask::Data);
    rig.drop_flush(0);
    assert_eq!(rig.error(write), ErrorKind::Media);
    rig.flush_fails();
    rig.sync();
}

#[test]
fn a_flush_that_failed_behind_a_page_is_told_too() {
    let mut rig = Recorded::last_leg();
    let write = rig.write(8, 1, 2);
    end(&rig, 0, Ask::Map);
    rig.drop_flush(0);
    assert_eq!((rig.error(write), rig.get(0, 1)), (ErrorKind::Media, 0), "it was 1");
    rig.flush_fails();
    assert_eq!(rig.letters(), "AD");
    rig.put(8, 1, 3);
    rig.sync();
}

#[test]
fn a_flush_that_failed_behind_a_superblock_is_told_too() {
    let mut rig = Recorded::last_leg();
    rig.message("forget 1").unwrap();
    end(&rig, 0, Ask::Super);
    rig.drop_flush(0);
    rig.settle();
    assert_eq!(rig.get(0, 1), 0, "it was 1");
    rig.flush_fails();
    rig.rest();
    rig.sync();
}

#[test]
fn a_flush_of_the_cleaners_that_failed_is_told_too() {
    let mut rig = Recorded::last_leg();
    rig.twice();
    while rig.asks(0) != [Ask::Flush] {
        rig.pass();
    }
    rig.drop_flush(0);
    rig.rest();
    rig.flush_fails();
    rig.sync();
}

/// The second one finds an empty cache, and says that all is well.
#[test]
fn of_two_flushes_neither_succeeds_if_one_drops_what_both_meant() {
    let mut rig = Recorded::last_leg();
    let flushes = [rig.flush(), rig.flush()];
    rig.drop_flush(0);
    rig.settle();
    assert_eq!(flushes.map(|it| rig.error(it)), [ErrorKind::Media; 2]);
}

#[test]
fn what_was_acknowledged_while_a_flush_failed_is_not_told_by_that_one() {
    let mut rig = Recorded::last_leg();
    rig.sync();
    let flush = rig.flush();
    let write = rig.write(0, 1, 2);
    while rig.end(write).is_none() {
        rig.step_without(0, Ask::Flush);
    }
    rig.drop_flush(0);
    assert_eq!((rig.error(flush), rig.holds(0, 0)), (ErrorKind::Media, 1));
    rig.flush_fails();
    rig.sync();
}

/// The leg that lost it had reported before; the other one, which is being rebuilt, only
/// after everybody was told.
#[test]
fn a_write_that_was_lost_before_its_other_leg_reported_is_not_acknowledged() {
    let mut rig = Rig::sync(2);
    let write = rig.write(0, 1, 9);
    rig.ok(0);
    rig.disks[0].lose_cache(&mut *Durable.chooser());
    for _ in 0..2 {
        let flush = rig.flush();
        rig.ok(0);
        let behind = rig.disks[1].pending(1).unwrap().id;
        rig.disks[1].complete(behind, Outcome::Ok);
        assert_eq!(rig.error(flush), ErrorKind::Media);
    }
    rig.ok(1);
    assert_eq!((rig.error(write), rig.letters().as_str()), (ErrorKind::Media, "AS"));
    rig.drain();
    assert_eq!((rig.letters().as_str(), rig.same(0, 1)), ("AA", true));
}

/// It waits for a superblock; who asks meanwhile has heard nothing yet.
#[test]
fn a_flush_has_told_of_a_loss_only_when_its_end_is_heard() {
    let mut rig = Recorded::last_leg();
    rig.blink(0);
    rig.get(0, 1);
    rig.message("forget 1").unwrap();
    let first = rig.flush();
    end(&rig, 0, Ask::Flush);
    assert_eq!(rig.end(first), None, "a superblock is on its way");
    let second = rig.flush();
    rig.settle();
    assert_eq!([first, second].map(|it| rig.error(it)), [ErrorKind::Media; 2]);
    rig.sync();
}

/// The last leg has it, and a superblock was on its way to the one that returned when
/// that failed: the one that says so comes later, and is kept.
#[test]
fn a_write_that_is_lost_while_it_is_parked_is_not_acknowledged() {
    let mut rig = Recorded::last_leg();
    rig.put(8, 1, 1);
    rig.sync();
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.asks(1) == [Ask::Super]);
    rig.message("fail 1").unwrap();
    let write = rig.write(0, 1, 2);
    while rig.asks(0) != [Ask::Data] {
        rig.step_without(0, Ask::Data);
    }
    end(&rig, 0, Ask::Data);
    assert_eq!(rig.end(write), None, "the exclusion is not durable");
    lost_while_parked(rig, write);
}

/// The same where the exclusion of one is durable on the last leg already, and the
/// other one has not reported.
#[test]
fn a_write_that_is_lost_while_two_exclusions_are_recorded_is_not_acknowledged() {
    let mut rig = Recorded::new(3);
    rig.put(0, 1, 1);
    rig.put(8, 1, 1);
    rig.sync();
    let write = rig.write(0, 1, 2);
    end(&rig, 2, Ask::Data);
    rig.message("fail 2").unwrap();
    end(&rig, 0, Ask::Super);
    end(&rig, 0, Ask::Flush);
    end(&rig, 0, Ask::Data);
    rig.fail_ask(1, Ask::Data);
    assert_eq!((rig.letters().as_str(), rig.end(write)), ("ADD", None));
    lost_while_parked(rig, write);
}

/// A write of 2 to a sector of 1 is parked, and gone when the loss is noticed and told.
fn lost_while_parked(mut rig: Recorded, write: Tag) {
    rig.blink(0);
    let read = rig.read(8, 1);
    end(&rig, 0, Ask::Read);
    assert_eq!(rig.end(read), Some(Ok(())));
    let flush = rig.flush();
    end(&rig, 0, Ask::Flush);
    assert_eq!(rig.end(flush), None, "it is parked behind the write");
    rig.settle();
    assert_eq!((rig.error(flush), rig.get(0, 1)), (ErrorKind::Media, 1));
    assert_eq!(rig.error(write), ErrorKind::Media);
    rig.sync();
}

/// Somebody who asks again as soon as they hear asks after they were told.
#[test]
fn a_loss_is_told_once_to_a_user_who_asks_again_at_once() {
    let mut rig = Recorded::last_leg();
    rig.blink(0);
    rig.get(0, 1);
    let retry = Arc::new(Retry { target: rig.target.clone(), ends: Mutex::default() });
    rig.target.strategy(Bio::new(Buf::flush(), retry.clone(), 2));
    rig.settle();
    let failed = |end: &IoResult| end.map_err(|error| error.kind);
    let ends: Vec<_> = retry.ends.lock().unwrap().iter().map(failed).collect();
    assert_eq!(ends, [Err(ErrorKind::Media), Ok(())]);
}

/// The same over a disk that ends a flush at once.
#[test]
fn a_loss_is_told_once_by_a_disk_without_a_cache_to_flush() {
    let limits = Limits { write_cache: WriteCache::Unknown, ..Limits::default() };
    let mut rig = Rig::new(1, "nosync", limits);
    rig.disks[0].lose_cache(&mut *Durable.chooser());
    let read = rig.read(0, 1);
    rig.ok(0);
    assert_eq!(rig.end(read), Some(Ok(())));
    let retry = Arc::new(Retry { target: rig.target.clone(), ends: Mutex::default() });
    rig.target.strategy(Bio::new(Buf::flush(), retry.clone(), 2));
    assert_eq!(retry.ends.lock().unwrap().iter().filter(|end| end.is_err()).count(), 1);
}

/// Flushes again so often until one succeeds.
struct Retry {
    target: Arc<dyn Target>,
    ends: Mutex<Vec<IoResult>>,
}

impl BufDone for Retry {
    fn buf_done(self: Arc<Self>, buf: Buf, left: u64, result: IoResult) {
        self.ends.lock().unwrap().push(result);
        if result.is_err() && left > 0 {
            self.target.strategy(Bio::new(buf, self.clone(), left - 1));
        }
    }
}

/// Whoever watches hears of it once, however often it fails until somebody was told.
#[test]
fn a_disk_that_fails_every_flush_is_no_news_each_time() {
    let mut rig = Recorded::last_leg();
    rig.rest();
    rig.news();
    for _ in 0..3 {
        let flush = rig.flush();
        rig.fail_ask(0, Ask::Flush);
        rig.error(flush);
    }
    let news = rig.news();
    assert!(matches!(&news[..], [one] if one.contains("may have lost")), "{news:?}");
}

/// A person takes a leg back, and it looks as if it owed nothing: its page is written
/// and the flush behind it not asked for yet.
#[test]
fn a_leg_whose_page_is_on_its_way_is_not_taken_back() {
    let mut rig = Recorded::new(2);
    let write = rig.write(0, 1, 1);
    assert_eq!(rig.asks(1), [Ask::Map]);
    rig.blink(1);
    let said = take_back_when_told(&rig, 1);
    end(&rig, 1, Ask::Map);
    assert!(said.lock().unwrap().as_ref().is_some_and(|said| said.contains("try again later")));
    rig.settle();
    assert_eq!((rig.end(write), rig.letters().as_str()), (Some(Ok(())), "AD"));
}

#[test]
fn a_leg_whose_superblock_is_on_its_way_is_not_taken_back() {
    let mut rig = Recorded::new(3);
    rig.put(0, 1, 1);
    rig.message("fail 2").unwrap();
    assert_eq!(rig.asks(1), [Ask::Super]);
    rig.blink(1);
    let said = take_back_when_told(&rig, 1);
    end(&rig, 1, Ask::Super);
    assert!(said.lock().unwrap().as_ref().is_some_and(|said| said.contains("try again later")));
    rig.settle();
    assert_eq!(rig.letters(), "ADD");
}

/// A superblock failed on a leg, which went out for something else and is wanted back
/// before the others have theirs: the end of that commit would put it out again.
#[test]
fn a_leg_whose_superblock_failed_is_not_taken_back_before_its_commit_is_over() {
    let mut rig = Recorded::new(3);
    rig.put(0, 1, 1);
    rig.rest();
    rig.message("fail 2").unwrap();
    rig.fail_ask(1, Ask::Super);
    rig.message("fail 1").unwrap();
    assert!(rig.message("add 1").unwrap_err().to_string().contains("on its way"));
    rig.settle();
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AAD");
}

/// As soon as anything is told, a person takes this leg back, and its disk does at
/// once what it is asked for that. Gives what refuses it.
fn take_back_when_told(rig: &Recorded, leg: usize) -> Arc<Mutex<Option<String>>> {
    let said = Arc::new(Mutex::new(None));
    let (target, disk, seen) = (rig.target.clone(), rig.disks[leg].clone(), said.clone());
    rig.when_told(move || {
        let answer = target.message(&["add", &leg.to_string()]);
        *seen.lock().unwrap() = answer.err().map(|why| why.to_string());
        let asked = |index| disk.pending(index).filter(|it| !it.cmd.modifies());
        while let Some(next) = (0..disk.queued()).find_map(asked) {
            disk.complete(next.id, Outcome::Ok);
        }
    });
    said
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
