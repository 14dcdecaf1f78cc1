//! flakey: good times, bad times, and each way to be bad.

use std::sync::Arc;
use std::time::Duration;

use bio::{Buf, BufCmd, ErrorKind, IoError, IoResult, Limits};
use dm::{Dm, Slot};
use sim::{Clock, SimDisk};

use crate::bench::{
    Originator, complete_all, disk_with, dm_with_clock, elapse, extent, memory, pattern, resume,
    running, waiting,
};

const WRITE: BufCmd = BufCmd::Write { fua: false };

/// A device that is good for 10 seconds and then bad for 5.
struct Flakey {
    dm: Dm,
    clock: Arc<Clock>,
    disk: Arc<SimDisk>,
    originator: Originator,
}

/// How a request ends, and what reached the disk for it.
type Outcome = (IoResult, usize);

impl Flakey {
    fn new(features: &str) -> Flakey {
        let (dm, clock) = dm_with_clock();
        let disk = disk_with(&dm, "a", 64, Limits { discard: true, ..Limits::default() });
        running(&dm, "d", &format!("0 32 flakey a 8 10 5 {features}"));
        let originator = Originator::new(&dm, "d");
        Flakey { dm, clock, disk, originator }
    }

    fn pass(&self, seconds: u64) {
        elapse(&self.clock, Duration::from_secs(seconds));
    }

    fn end(&self, buf: Buf) -> Outcome {
        self.originator.issue(buf, 0);
        let reached = self.disk.queued();
        complete_all(&[&self.disk]);
        (self.originator.end().1, reached)
    }

    fn read(&self) -> Outcome {
        self.end(Buf::read(extent(0, 1), memory(1)))
    }

    fn write(&self) -> Outcome {
        self.end(Buf::write(extent(0, 1), pattern(0, 1)))
    }

    fn flush(&self) -> Outcome {
        self.end(Buf::flush())
    }

    fn discard(&self) -> Outcome {
        self.end(Buf::freeblks(extent(4, 1)))
    }

    /// What a read of the first two sectors finds now.
    fn contents(&self) -> Vec<u8> {
        self.originator.read(0, 2);
        complete_all(&[&self.disk]);
        self.originator.end().0.into_read().unwrap().to_vec()
    }
}

const FINE: Outcome = (Ok(()), 1);
const DROPPED: Outcome = (Ok(()), 0);

fn failed(resid: usize) -> Outcome {
    (Err(IoError { kind: ErrorKind::Media, resid }), 0)
}

#[test]
fn good_and_bad_times_take_turns_from_the_load_on() {
    let flakey = Flakey::new("");
    for _ in 0..3 {
        assert_eq!([flakey.read(), flakey.write(), flakey.flush()], [FINE; 3]);
        flakey.pass(9);
        assert_eq!(flakey.read(), FINE);
        flakey.pass(1);
        assert_eq!(flakey.read(), failed(512));
        flakey.pass(4);
        assert_eq!(flakey.read(), failed(512));
        flakey.pass(1);
    }
    assert_eq!(flakey.read(), FINE);
}

#[test]
fn each_feature_is_bad_in_its_own_way() {
    let all = [failed(512), failed(512), failed(0), failed(0)];
    for (features, expected) in [
        ("", all),
        ("0", all),
        ("2 error_writes error_reads", all),
        ("1 error_reads", [failed(512), FINE, FINE, FINE]),
        ("1 error_writes", [FINE, failed(512), failed(0), failed(0)]),
        ("1 drop_writes", [FINE, DROPPED, DROPPED, DROPPED]),
        ("2 drop_writes error_reads", [failed(512), DROPPED, DROPPED, DROPPED]),
        ("5 corrupt_bio_byte 1 w 0 0", [FINE; 4]),
        ("5 corrupt_bio_byte 1 r 0 0", [FINE; 4]),
    ] {
        let flakey = Flakey::new(features);
        let ends = || [flakey.read(), flakey.write(), flakey.flush(), flakey.discard()];
        assert_eq!(ends(), [FINE; 4], "{features}: good at first");
        flakey.pass(10);
        assert_eq!(ends(), expected, "{features}");
        flakey.pass(5);
        assert_eq!(ends(), [FINE; 4], "{features}: good again");
    }
}

#[test]
fn a_request_goes_to_its_own_sectors() {
    let flakey = Flakey::new("1 error_reads");
    flakey.pass(10);
    flakey.originator.write(3, 2);
    assert_eq!(waiting(&flakey.disk), [(WRITE, extent(11, 2))]);
}

#[test]
fn what_is_dropped_is_not_written() {
    let flakey = Flakey::new("1 drop_writes");
    flakey.originator.write(0, 2);
    complete_all(&[&flakey.disk]);
    flakey.originator.ends();
    flakey.pass(10);
    assert_eq!(flakey.end(Buf::write(extent(0, 2), vec![0x11; 1024].into())), DROPPED);
    assert_eq!(flakey.contents(), pattern(0, 2), "the old data");
}

#[test]
fn a_read_in_a_bad_time_has_a_wrong_byte_that_the_disk_has_not() {
    let flakey = Flakey::new("5 corrupt_bio_byte 514 r 7 0");
    flakey.originator.write(0, 2);
    complete_all(&[&flakey.disk]);
    flakey.originator.ends();
    flakey.pass(10);
    let mut wrong = pattern(0, 2).to_vec();
    wrong[513] = 7;
    assert_eq!(flakey.contents(), wrong);
    flakey.originator.read(0, 1);
    complete_all(&[&flakey.disk]);
    let short = flakey.originator.end().0.into_read().unwrap();
    assert_eq!(short, pattern(0, 1), "a read without such a byte");
    flakey.originator.read(0, 2);
    flakey.pass(5);
    complete_all(&[&flakey.disk]);
    let late = flakey.originator.end().0.into_read().unwrap();
    assert_eq!(late, wrong, "it came in a bad time");
    assert_eq!(flakey.contents(), pattern(0, 2), "the disk has the right one");
}

#[test]
fn a_write_in_a_bad_time_reaches_the_disk_with_a_wrong_byte() {
    let flakey = Flakey::new("5 corrupt_bio_byte 514 w 7 0");
    flakey.pass(10);
    let ours = pattern(0, 2);
    for write in [Buf::write, Buf::write_fua] {
        let buf = write(extent(0, 2), ours.clone());
        let cmd = buf.cmd();
        flakey.originator.issue(buf, 0);
        assert_eq!(waiting(&flakey.disk), [(cmd, extent(8, 2))]);
        complete_all(&[&flakey.disk]);
        assert_eq!(flakey.originator.end().1, Ok(()));
    }
    assert_eq!(ours, pattern(0, 2), "our memory is ours");
    let mut wrong = ours.to_vec();
    wrong[513] = 7;
    assert_eq!(flakey.contents(), wrong);
    flakey.originator.write(0, 2);
    flakey.disk.abandon();
    let gone = IoError { kind: ErrorKind::Gone, resid: 1024 };
    assert_eq!(flakey.originator.end().1, Err(gone), "an error is passed up");
}

#[test]
fn what_is_corrupted_is_only_the_one_direction() {
    let flakey = Flakey::new("5 corrupt_bio_byte 1 w 7 0");
    assert_eq!(flakey.end(Buf::write(extent(0, 2), pattern(0, 2))), FINE);
    flakey.pass(10);
    assert_eq!(flakey.contents(), pattern(0, 2), "reads are as they are");
    let flakey = Flakey::new("5 corrupt_bio_byte 1 r 7 0");
    flakey.pass(10);
    assert_eq!(flakey.end(Buf::write(extent(0, 2), pattern(0, 2))), FINE);
    flakey.pass(5);
    assert_eq!(flakey.contents(), pattern(0, 2), "so are writes");
}

#[test]
fn a_new_table_begins_with_a_good_time() {
    let flakey = Flakey::new("");
    let device = flakey.dm.get("d").unwrap();
    assert_eq!(
        device.table(Slot::Active).unwrap(),
        "0 32 flakey a 8 10 5 2 error_reads error_writes\n"
    );
    assert_eq!(device.status().unwrap(), "0 32 flakey\n");
    flakey.pass(12);
    assert_eq!(flakey.read(), failed(512));
    flakey.dm.load("d", "0 32 flakey a 8 1 1 1 error_reads").unwrap();
    let resumed = resume(&device);
    complete_all(&[&flakey.disk]);
    // The flush of the old table fails in its bad time; the next resume swaps.
    assert!(resumed.now().is_err());
    assert_eq!(resume(&device).now(), Ok(()));
    assert_eq!(flakey.read(), FINE);
    flakey.pass(1);
    assert_eq!(flakey.read(), failed(512));
}
