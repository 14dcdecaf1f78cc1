//! What a simulated disk promises, taken one request at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use bio::sync::{Lock, Rank};
use bio::{
    Bio, BlockDevice, Buf, BufDone, ErrorKind, Extent, IoResult, Limits, SECTOR_SIZE, Sector,
    Sectors, WriteCache,
};
use sim::{Content, Exhaustive, Landed, Outcome, Presence, SimDisk, Stamp, stamp};

/// Issues requests by hand and keeps how they ended.
struct Hand {
    ended: Lock<Vec<(u64, IoResult, Buf)>>,
}

fn hand() -> Arc<Hand> {
    Arc::new(Hand { ended: Lock::new(Rank::ORIGINATOR, Vec::new()) })
}

impl BufDone for Hand {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        self.ended.lock().push((info, result, buf));
    }
}

impl Hand {
    fn issue(self: &Arc<Self>, disk: &SimDisk, info: u64, buf: Buf) {
        disk.strategy(Bio::new(buf, self.clone(), info));
    }

    /// The end of the oldest request that ended since last asked.
    fn end(&self) -> (u64, Result<(), ErrorKind>, Buf) {
        let (info, result, buf) = self.ended.lock().remove(0);
        (info, result.map_err(|error| error.kind), buf)
    }
}

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

fn data(write: u32, at: Extent) -> bytes::Bytes {
    let mut memory = vec![0; at.count().bytes()];
    stamp::fill_write(&mut memory, write, at.start());
    memory.into()
}

fn write(number: u32, start: u64, count: u64) -> Buf {
    Buf::write(extent(start, count), data(number, extent(start, count)))
}

fn read(start: u64, count: u64) -> Buf {
    Buf::read(extent(start, count), vec![0xee; count as usize * SECTOR_SIZE].as_slice().into())
}

fn content(write: u32, sector: u64) -> Content {
    Content::Stamp(Stamp::of(write, Sector(sector)))
}

const BLANK: Content = Content::Stamp(Stamp::BLANK);

fn disk() -> Arc<SimDisk> {
    SimDisk::new(Sectors(8), Limits::default())
}

/// Completes the oldest request that waits.
fn complete(disk: &SimDisk, outcome: Outcome) {
    disk.complete(disk.pending(0).unwrap().id, outcome);
}

/// Writes and completes at once.
fn put(hand: &Arc<Hand>, disk: &SimDisk, buf: Buf) {
    hand.issue(disk, 0, buf);
    complete(disk, Outcome::Ok);
    assert_eq!(hand.end().1, Ok(()));
}

/// Every content of sector 0 after a crash, over all choices.
fn after_crash(prepare: impl Fn(&Arc<Hand>, &SimDisk)) -> BTreeSet<String> {
    let mut all = Exhaustive::new();
    let mut found = BTreeSet::new();
    loop {
        let (hand, disk) = (hand(), disk());
        prepare(&hand, &disk);
        let next = disk.crash(&mut all);
        disk.abandon();
        assert_eq!(next.contents(Sector(0)), next.durable(Sector(0)));
        match next.contents(Sector(0)) {
            Content::Stamp(stamp) => found.insert(stamp.to_string()),
            raw => panic!("{raw:?}"),
        };
        if !all.advance() {
            return found;
        }
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| name.to_string()).collect()
}

#[test]
fn requests_complete_when_and_in_the_order_the_test_says() {
    let (hand, disk) = (hand(), disk());
    hand.issue(&disk, 1, write(1, 0, 2));
    hand.issue(&disk, 2, read(0, 2));
    hand.issue(&disk, 3, read(1, 1));
    assert_eq!(disk.queued(), 3);
    disk.complete(disk.pending(1).unwrap().id, Outcome::Ok);
    complete(&disk, Outcome::Ok);
    complete(&disk, Outcome::Ok);
    let (info, _, buf) = hand.end();
    assert_eq!((info, stamp::read(&buf.into_read().unwrap()[..512])), (2, Ok(Stamp::BLANK)));
    assert_eq!(hand.end().0, 1);
    let memory = hand.end().2.into_read().unwrap();
    assert_eq!(stamp::read(&memory), Ok(Stamp::of(1, Sector(1))));
}

#[test]
fn a_disk_may_be_done_before_it_says_so() {
    let (hand, disk) = (hand(), disk());
    hand.issue(&disk, 1, read(0, 1));
    hand.issue(&disk, 2, write(1, 0, 1));
    disk.perform(disk.pending(0).unwrap().id);
    disk.perform(disk.pending(1).unwrap().id);
    assert_eq!(disk.contents(Sector(0)), content(1, 0));
    complete(&disk, Outcome::Ok);
    let memory = hand.end().2.into_read().unwrap();
    assert_eq!(stamp::read(&memory), Ok(Stamp::BLANK), "the read was done before the write");
}

#[test]
fn a_failed_write_leaves_what_the_test_says() {
    let (hand, disk) = (hand(), disk());
    for (landed, expected) in [
        (Landed::None, [BLANK, BLANK, BLANK]),
        (Landed::Sectors(0b101), [content(2, 0), BLANK, content(2, 2)]),
        (Landed::All, [content(3, 0), content(3, 1), content(3, 2)]),
    ] {
        let number = if landed == Landed::All { 3 } else { 2 };
        hand.issue(&disk, 0, write(number, 0, 3));
        complete(&disk, Outcome::Fail(ErrorKind::Media, landed));
        assert_eq!(hand.end().1, Err(ErrorKind::Media));
        assert_eq!([0, 1, 2].map(|at| disk.contents(Sector(at))), expected);
    }
    assert_eq!(disk.failures(), 3);
}

#[test]
fn how_a_request_ends_is_said_in_words() {
    let (disk, hand) = (disk(), hand());
    hand.issue(&disk, 0, write(1, 2, 3));
    let pending = disk.pending(0).expect("it waits");
    for (outcome, words) in [
        (Outcome::Ok, "write 2+3 completes"),
        (Outcome::Timeout, "write 2+3 fails: device timed out"),
        (
            Outcome::Fail(ErrorKind::Media, Landed::None),
            "write 2+3 fails: I/O error, none of it landed",
        ),
        (
            Outcome::Fail(ErrorKind::Media, Landed::All),
            "write 2+3 fails: I/O error, all of it landed",
        ),
        (
            Outcome::Fail(ErrorKind::Media, Landed::Sectors(0b101)),
            "write 2+3 fails: I/O error, of its sectors landed 0 2",
        ),
    ] {
        assert_eq!(pending.ends(outcome).to_string(), words);
    }
    complete(&disk, Outcome::Ok);
    hand.issue(&disk, 1, Buf::flush());
    let pending = disk.pending(0).expect("it waits");
    let failed = Outcome::Fail(ErrorKind::Media, Landed::None);
    assert_eq!(pending.ends(failed).to_string(), "flush fails: I/O error");
    complete(&disk, failed);
}

#[test]
fn memory_of_a_timed_out_request_stays_until_it_is_given_back() {
    let (hand, disk) = (hand(), disk());
    hand.issue(&disk, 1, write(1, 0, 1));
    hand.issue(&disk, 2, read(0, 1));
    complete(&disk, Outcome::Timeout);
    complete(&disk, Outcome::Timeout);
    assert_eq!(hand.end().1, Err(ErrorKind::Timeout));
    let (_, result, buf) = hand.end();
    assert_eq!((result, buf.into_read()), (Err(ErrorKind::Timeout), None));
    assert_eq!((disk.contents(Sector(0)), disk.overdue()), (BLANK, 2));
    disk.give_back_late(disk.late(0).unwrap().id);
    disk.give_back_late(disk.late(0).unwrap().id);
    assert_eq!((disk.contents(Sector(0)), disk.overdue()), (content(1, 0), 0));
}

#[test]
fn what_does_not_fit_the_disk_completes_at_once() {
    let hand = hand();
    let disk = SimDisk::new(Sectors(16), Limits { block_size: 4096, ..Limits::default() });
    let frozen = SimDisk::new(Sectors(8), Limits { read_only: true, ..Limits::default() });
    for (disk, buf, why) in [
        (&disk, read(1, 8), ErrorKind::Invalid),
        (&disk, write(1, 0, 4), ErrorKind::Invalid),
        (&disk, read(16, 8), ErrorKind::Invalid),
        (&disk, read(0, 0), ErrorKind::Invalid),
        (&disk, Buf::freeblks(extent(0, 8)), ErrorKind::Unsupported),
        (&frozen, write(1, 0, 1), ErrorKind::ReadOnly),
    ] {
        hand.issue(disk, 0, buf);
        assert_eq!(hand.end().1, Err(why));
        assert_eq!(disk.queued(), 0);
    }
}

#[test]
fn a_flush_does_nothing_where_nothing_is_promised() {
    let (hand, limits) = (hand(), Limits { write_cache: WriteCache::Unknown, ..Limits::default() });
    let disk = SimDisk::new(Sectors(8), limits);
    hand.issue(&disk, 0, write(1, 0, 1));
    complete(&disk, Outcome::Ok);
    assert_eq!(hand.end().1, Ok(()));
    hand.issue(&disk, 1, Buf::flush());
    assert_eq!(hand.end().1, Ok(()));
    assert_eq!((disk.contents(Sector(0)), disk.durable(Sector(0))), (content(1, 0), BLANK));
}

#[test]
fn a_disk_that_let_a_request_time_out_fails_all_until_it_gave_that_back() {
    let (hand, disk) = (hand(), disk());
    hand.issue(&disk, 0, write(1, 0, 1));
    complete(&disk, Outcome::Timeout);
    assert_eq!(hand.end().1, Err(ErrorKind::Timeout));
    for buf in [read(0, 1), write(2, 4, 1), Buf::flush()] {
        hand.issue(&disk, 1, buf);
        assert_eq!(hand.end().1, Err(ErrorKind::Gone));
    }
    disk.give_back_late(disk.late(0).unwrap().id);
    hand.issue(&disk, 2, read(0, 1));
    complete(&disk, Outcome::Ok);
    assert_eq!(hand.end().1, Ok(()));
}

#[test]
fn a_disk_that_goes_fails_what_waits_and_what_comes() {
    let (hand, disk) = (hand(), disk());
    hand.issue(&disk, 1, write(1, 0, 1));
    disk.set_presence(Presence::Gone);
    hand.issue(&disk, 2, read(0, 1));
    let (info, result, buf) = hand.end();
    assert_eq!((info, result), (2, Err(ErrorKind::Gone)));
    assert!(buf.into_read().is_some(), "a disk that never took the memory gives it back");
    complete(&disk, Outcome::Ok);
    assert_eq!(hand.end().1, Err(ErrorKind::Gone));
    disk.set_presence(Presence::ReadOnly);
    hand.issue(&disk, 3, write(1, 0, 1));
    complete(&disk, Outcome::Ok);
    assert_eq!(hand.end().1, Err(ErrorKind::ReadOnly));
    assert_eq!(disk.contents(Sector(0)), BLANK);
}

#[test]
fn bytes_that_are_no_stamp_are_kept_as_they_are() {
    let (hand, disk) = (hand(), disk());
    let bytes: Vec<u8> = (0..SECTOR_SIZE).map(|at| at as u8).collect();
    put(&hand, &disk, Buf::write(extent(3, 1), bytes.clone().into()));
    hand.issue(&disk, 0, read(3, 1));
    complete(&disk, Outcome::Ok);
    assert_eq!(hand.end().2.into_read().unwrap(), bytes);
}

#[test]
fn a_crash_leaves_any_cached_write_or_none() {
    let found = after_crash(|hand, disk| {
        put(hand, disk, write(1, 0, 1));
        put(hand, disk, write(2, 0, 1));
        hand.issue(disk, 0, write(3, 0, 1));
    });
    assert_eq!(found, set(&["blank", "w1@0", "w2@0", "w3@0"]));
}

#[test]
fn a_flush_covers_what_had_completed_when_it_was_issued() {
    let found = after_crash(|hand, disk| {
        put(hand, disk, write(1, 0, 1));
        put(hand, disk, write(2, 0, 1));
        hand.issue(disk, 1, Buf::flush());
        hand.issue(disk, 2, write(3, 0, 1));
        disk.complete(disk.pending(1).unwrap().id, Outcome::Ok);
        complete(disk, Outcome::Ok);
    });
    assert_eq!(found, set(&["w2@0", "w3@0"]));
}

#[test]
fn a_flush_that_failed_covers_nothing() {
    let found = after_crash(|hand, disk| {
        put(hand, disk, write(1, 0, 1));
        hand.issue(disk, 1, Buf::flush());
        complete(disk, Outcome::Fail(ErrorKind::Media, Landed::None));
    });
    assert_eq!(found, set(&["blank", "w1@0"]));
}

#[test]
fn a_write_that_landed_unacknowledged_is_not_flushed() {
    let found = after_crash(|hand, disk| {
        put(hand, disk, write(1, 0, 1));
        hand.issue(disk, 0, write(2, 0, 1));
        complete(disk, Outcome::Fail(ErrorKind::Media, Landed::All));
        assert_eq!(hand.end().1, Err(ErrorKind::Media));
        put(hand, disk, Buf::flush());
    });
    assert_eq!(found, set(&["w1@0", "w2@0"]));
}

#[test]
fn forced_unit_access_is_durable_and_nothing_older_comes_after_it() {
    let found = after_crash(|hand, disk| {
        put(hand, disk, write(1, 0, 1));
        put(hand, disk, Buf::write_fua(extent(0, 1), data(2, extent(0, 1))));
    });
    assert_eq!(found, set(&["w2@0"]));
}

#[test]
fn sectors_survive_a_crash_independently() {
    let mut all = Exhaustive::new();
    let mut found = BTreeSet::new();
    loop {
        let (hand, disk) = (hand(), disk());
        put(&hand, &disk, write(1, 0, 2));
        put(&hand, &disk, write(2, 0, 2));
        let next = disk.crash(&mut all);
        let left = [0, 1].map(|at| format!("{:?}", next.contents(Sector(at))));
        // A second crash before anything was written changes nothing.
        let then = next.crash(&mut all);
        assert_eq!([0, 1].map(|at| format!("{:?}", then.durable(Sector(at)))), left);
        found.insert(left);
        if !all.advance() {
            break;
        }
    }
    assert_eq!(found.len(), 9);
}

#[test]
fn a_disk_may_lose_its_cache_unnoticed() {
    let (hand, disk) = (hand(), disk());
    put(&hand, &disk, write(1, 0, 1));
    disk.lose_cache(&mut sim::Replay::new(vec![0]));
    assert_eq!((disk.contents(Sector(0)), disk.presence()), (BLANK, Presence::Ready));
}

#[test]
fn a_disk_counts_how_often_its_cache_may_be_gone() {
    let (hand, disk) = (hand(), disk());
    put(&hand, &disk, write(1, 0, 1));
    assert_eq!(disk.resets(), 0);
    disk.lose_cache(&mut sim::Replay::new(vec![0]));
    assert_eq!(disk.resets(), 1);
    disk.set_presence(Presence::Gone);
    assert_eq!(disk.resets(), 1, "a disk that is gone has not come back");
    disk.set_presence(Presence::Ready);
    disk.set_presence(Presence::Ready);
    assert_eq!(disk.resets(), 2);
}

#[test]
fn a_disk_can_hold_what_a_test_says_from_the_start() {
    let (hand, disk) = (hand(), disk());
    put(&hand, &disk, write(1, 3, 1));
    disk.preset(Sector(2), &data(7, extent(2, 2)));
    let next = disk.crash(&mut sim::Replay::new(vec![1; 8]));
    assert_eq!([2, 3].map(|at| next.contents(Sector(at))), [content(7, 2), content(7, 3)]);
}
