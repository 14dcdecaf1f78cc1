//! Suspend, resume, swap and remove, around requests in flight.

use std::sync::{Arc, Mutex};

use bio::{
    Bio, BlockDevice, Buf, BufCmd, BufDone, ErrorKind, IoError, IoResult, Limits, Sector,
    WriteCache,
};
use dm::{Dm, DmError, Mode, Suspend};
use sim::{Landed, Outcome, Presence};

use crate::bench::{
    Originator, complete, complete_all, disk, disk_with, dm, extent, flushes, memory, remove,
    resume, running, suspend, waiting,
};

const WRITE: BufCmd = BufCmd::Write { fua: false };

/// How often the device called `name` is open.
fn open_count(dm: &Dm, name: &str) -> usize {
    let list = dm.list();
    let named = list.iter().find(|listed| *listed.device.name() == *name);
    named.expect("the device exists").open
}

#[test]
fn suspend_waits_for_completions_and_then_flushes() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 8 linear a 0\n8 8 linear a 32");
    let originator = Originator::new(&dm, "d");
    originator.write(0, 1);
    originator.write(7, 2);
    let suspended = suspend(&device, Suspend::Flush);
    complete(&a, Outcome::Ok);
    complete(&a, Outcome::Ok);
    assert_eq!(waiting(&a), [(WRITE, extent(32, 1))], "no flush before the last completion");
    assert_eq!((device.info().mode, device.info().in_flight), (Mode::Suspending, 1));
    complete(&a, Outcome::Ok);
    assert_eq!(originator.ends(), [(0, Ok(())), (7, Ok(()))]);
    assert_eq!(flushes(&a), 1);
    assert!(!suspended.is_there());
    complete(&a, Outcome::Ok);
    assert_eq!(suspended.now(), Ok(()));
    assert_eq!(device.info().mode, Mode::Suspended);
    assert_eq!(suspend(&device, Suspend::NoFlush).now(), Ok(()), "it is suspended already");
    assert_eq!(a.queued(), 0);
}

#[test]
fn what_is_suspended_without_its_flush_can_be_flushed() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    Originator::new(&dm, "d").write(0, 1);
    complete(&a, Outcome::Ok);
    assert_eq!(suspend(&device, Suspend::NoFlush).now(), Ok(()));
    let failed = IoError { kind: ErrorKind::Media, resid: 0 };
    for (outcome, result) in [
        (Outcome::Fail(ErrorKind::Media, Landed::None), Err(DmError::Flush(failed))),
        (Outcome::Ok, Ok(())),
    ] {
        assert_ne!(a.durable(Sector(0)), a.contents(Sector(0)));
        let suspended = suspend(&device, Suspend::Flush);
        assert!(!suspended.is_there());
        assert_eq!(device.info().mode, Mode::Suspending);
        assert_eq!(flushes(&a), 1);
        complete(&a, outcome);
        assert_eq!(suspended.now(), result);
        assert_eq!(device.info().mode, Mode::Suspended);
    }
    assert_eq!(a.durable(Sector(0)), a.contents(Sector(0)));
}

/// Notes that its request has ended.
struct Noted(Mutex<Vec<&'static str>>);

impl BufDone for Noted {
    fn buf_done(self: Arc<Self>, _buf: Buf, _info: u64, _result: IoResult) {
        self.0.lock().unwrap().push("completed");
    }
}

#[test]
fn suspend_calls_back_when_the_last_originator_knows() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    let noted = Arc::new(Noted(Mutex::default()));
    device.strategy(Bio::new(Buf::read(extent(0, 1), memory(1)), noted.clone(), 0));
    let last = noted.clone();
    let done = move |_| last.0.lock().unwrap().push("suspended");
    device.suspend(Suspend::NoFlush, Box::new(done));
    complete(&a, Outcome::Ok);
    assert_eq!(*noted.0.lock().unwrap(), ["completed", "suspended"]);
}

#[test]
fn requests_are_held_in_order_until_the_resume() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    let originator = Originator::new(&dm, "d");
    originator.write(40, 1);
    let suspended = suspend(&device, Suspend::NoFlush);
    originator.write(5, 1);
    originator.write(3, 1);
    complete(&a, Outcome::Ok);
    assert_eq!(suspended.now(), Ok(()), "what is held is not waited for");
    originator.write(9, 1);
    assert_eq!((a.queued(), device.info().held), (0, 3));
    assert_eq!(resume(&device).now(), Ok(()));
    assert_eq!(waiting(&a), [5, 3, 9].map(|start| (WRITE, extent(start, 1))));
    assert_eq!((device.info().held, device.info().in_flight), (0, 3));
    assert_eq!(device.info().mode, Mode::Running);
    complete_all(&[&a]);
    assert_eq!(originator.ends(), [40, 5, 3, 9].map(|start| (start, Ok(()))));
}

#[test]
fn a_failed_flush_is_told_and_the_device_is_suspended() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    for kind in [ErrorKind::Media, ErrorKind::Unsupported] {
        let suspended = suspend(&device, Suspend::Flush);
        complete(&a, Outcome::Fail(kind, Landed::None));
        assert_eq!(suspended.now(), Err(DmError::Flush(IoError { kind, resid: 0 })));
        assert_eq!(device.info().mode, Mode::Suspended);
        assert_eq!(resume(&device).now(), Ok(()));
    }
}

#[test]
fn a_disk_that_has_nothing_to_flush_can_be_suspended() {
    let dm = dm();
    disk_with(&dm, "a", 64, Limits { write_cache: WriteCache::Unknown, ..Limits::default() });
    let device = running(&dm, "d", "0 64 linear a 0");
    assert_eq!(suspend(&device, Suspend::Flush).now(), Ok(()));
}

#[test]
fn a_swap_waits_for_the_old_table_and_then_lets_it_go() {
    let dm = dm();
    let (a, b) = (disk(&dm, "a", 64), disk(&dm, "b", 32));
    let device = running(&dm, "d", "0 64 linear a 0");
    let originator = Originator::new(&dm, "d");
    originator.write(0, 4);
    dm.load("d", "0 32 linear b 0").unwrap();
    assert_eq!((open_count(&dm, "a"), open_count(&dm, "b")), (1, 1));
    let resumed = resume(&device);
    originator.write(8, 1);
    originator.write(40, 1);
    complete(&a, Outcome::Ok);
    assert_eq!(originator.ends(), [(0, Ok(()))]);
    assert_eq!(flushes(&a), 1, "the old disk keeps nothing back");
    assert!(!resumed.is_there());
    complete(&a, Outcome::Ok);
    assert_eq!(resumed.now(), Ok(()));
    assert_eq!((open_count(&dm, "a"), open_count(&dm, "b")), (0, 1));
    assert_eq!(device.capacity().0, 32);
    assert_eq!(waiting(&b), [(WRITE, extent(8, 1))]);
    let invalid = IoError { kind: ErrorKind::Invalid, resid: 512 };
    assert_eq!(originator.ends(), [(40, Err(invalid))], "checked against the table that serves it");
    complete_all(&[&b]);
    assert_eq!(originator.ends(), [(8, Ok(()))]);
}

#[test]
fn a_swap_that_nothing_delays_lets_the_old_table_go_first() {
    let dm = Arc::new(dm());
    let instant = Limits { write_cache: WriteCache::Unknown, ..Limits::default() };
    disk_with(&dm, "a", 64, instant);
    let device = running(&dm, "d", "0 64 linear a 0");
    dm.load("d", "0 64 zero").unwrap();
    let (open, seen) = (Arc::new(Mutex::new(None)), dm.clone());
    let slot = open.clone();
    let done = move |_| *slot.lock().unwrap() = Some(open_count(&seen, "a"));
    device.resume(Box::new(done));
    assert_eq!(*open.lock().unwrap(), Some(0));
}

#[test]
fn a_swap_whose_flush_fails_stops_between_and_can_go_on() {
    let dm = dm();
    let (a, b) = (disk(&dm, "a", 64), disk(&dm, "b", 64));
    let device = running(&dm, "d", "0 64 linear a 0");
    dm.load("d", "0 64 linear b 0").unwrap();
    let resumed = resume(&device);
    complete(&a, Outcome::Fail(ErrorKind::Media, Landed::None));
    assert!(matches!(resumed.now(), Err(DmError::Flush(_))));
    let info = device.info();
    assert_eq!((info.mode, info.active, info.inactive), (Mode::Suspended, true, true));
    assert_eq!(resume(&device).now(), Ok(()));
    Originator::new(&dm, "d").write(0, 1);
    assert_eq!((a.queued(), b.queued()), (0, 1));
    complete_all(&[&b]);
}

#[test]
fn a_request_in_flight_keeps_its_table_alive() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 8 linear a 0\n8 8 linear a 32");
    let originator = Originator::new(&dm, "d");
    originator.write(0, 1);
    originator.write(7, 2);
    let weak = Arc::downgrade(&device);
    let ends = originator.close();
    drop((device, dm));
    assert!(weak.upgrade().is_none(), "the device is gone");
    complete_all(&[&a]);
    assert_eq!(ends(), [Ok(()), Ok(())]);
    assert_eq!(Arc::strong_count(&a), 1, "and so is its table, now");
}

#[test]
fn an_open_device_is_not_removed() {
    let dm = dm();
    disk(&dm, "a", 64);
    running(&dm, "d", "0 64 linear a 0");
    running(&dm, "upper", "0 64 linear d 0");
    let originator = Originator::new(&dm, "d");
    let busy = |count| Err(DmError::Open("d".into(), count));
    assert_eq!(remove(&dm, "d").now(), busy(2));
    drop(originator);
    assert_eq!(remove(&dm, "d").now(), busy(1), "a leg is open");
    assert_eq!(remove(&dm, "upper").now(), Ok(()));
    assert_eq!(remove(&dm, "d").now(), Ok(()));
    assert_eq!(open_count(&dm, "a"), 0);
    assert_eq!(remove(&dm, "d").now(), Err(DmError::NotFound("d".into())));
    assert_eq!(remove(&dm, "a").now(), Err(DmError::NotFound("a".into())), "a disk is not ours");
}

#[test]
fn remove_waits_for_what_is_in_flight() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    let originator = Originator::new(&dm, "d");
    originator.write(0, 1);
    let ends = originator.close();
    let removed = remove(&dm, "d");
    assert!(!removed.is_there());
    assert!(dm.get("d").is_err(), "its name is free at once");
    complete(&a, Outcome::Ok);
    assert_eq!((ends(), removed.now()), (vec![Ok(())], Ok(())));
    assert_eq!(a.queued(), 0, "nothing is flushed");
    assert_eq!(open_count(&dm, "a"), 0);
    assert_eq!(device.info().mode, Mode::Removed);
    assert_eq!(suspend(&device, Suspend::Flush).now(), Err(DmError::Removed));
    assert_eq!(resume(&device).now(), Err(DmError::Removed));
}

/// Removes `d` when its request ends, and keeps how often `a` is open when
/// that has ended.
struct Remover {
    dm: Dm,
    open: Mutex<Option<usize>>,
}

impl BufDone for Remover {
    fn buf_done(self: Arc<Self>, _buf: Buf, _info: u64, _result: IoResult) {
        let this = self.clone();
        let done = move |result| {
            assert_eq!(result, Ok(()));
            *this.open.lock().unwrap() = Some(open_count(&this.dm, "a"));
        };
        self.dm.remove("d", Box::new(done));
    }
}

#[test]
fn when_remove_calls_back_the_devices_below_are_closed() {
    for inside_strategy in [false, true] {
        let dm = dm();
        let a = disk(&dm, "a", 64);
        let device = running(&dm, "d", "0 64 linear a 0");
        let remover = Arc::new(Remover { dm, open: Mutex::default() });
        if inside_strategy {
            a.set_presence(Presence::Gone);
        }
        let buf = Buf::read(extent(0, 1), memory(1));
        device.strategy(Bio::new(buf, remover.clone(), 0));
        complete_all(&[&a]);
        assert_eq!(*remover.open.lock().unwrap(), Some(0), "inside strategy: {inside_strategy}");
    }
}

#[test]
fn who_waits_for_an_event_hears_of_the_removal() {
    for resumed in [false, true] {
        let dm = Arc::new(dm());
        let a = disk(&dm, "a", 64);
        let device = dm.create("d").unwrap();
        dm.load("d", "0 64 linear a 0").unwrap();
        if resumed {
            assert_eq!(resume(&device).now(), Ok(()));
            device.strategy(Bio::new(Buf::flush(), Arc::new(Noted(Mutex::default())), 0));
        }
        let (open, seen) = (Arc::new(Mutex::new(None)), dm.clone());
        let slot = open.clone();
        let wake = move || *slot.lock().unwrap() = Some(open_count(&seen, "a"));
        device.events().wait(device.events().count(), Box::new(wake));
        let removed = remove(&dm, "d");
        assert_eq!((open.lock().unwrap().is_none(), removed.is_there()), (resumed, !resumed));
        complete_all(&[&a]);
        assert_eq!((*open.lock().unwrap(), removed.now()), (Some(0), Ok(())), "when it is over");
    }
}

#[test]
fn a_held_request_is_not_lost_when_its_device_is_removed() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    assert_eq!(suspend(&device, Suspend::NoFlush).now(), Ok(()));
    let originator = Originator::new(&dm, "d");
    originator.write(0, 2);
    let ends = originator.close();
    assert_eq!(ends(), []);
    assert_eq!(remove(&dm, "d").now(), Ok(()));
    assert_eq!(ends(), [Err(IoError { kind: ErrorKind::Gone, resid: 1024 })]);
    assert_eq!(a.queued(), 0);
}

#[test]
fn a_change_on_its_way_is_not_disturbed() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    let suspended = suspend(&device, Suspend::Flush);
    assert_eq!(suspend(&device, Suspend::NoFlush).now(), Err(DmError::Changing));
    assert_eq!(resume(&device).now(), Err(DmError::Changing));
    assert_eq!(remove(&dm, "d").now(), Err(DmError::Changing));
    assert!(dm.get("d").is_ok());
    complete(&a, Outcome::Ok);
    assert_eq!(suspended.now(), Ok(()));
    assert_eq!(resume(&device).now(), Ok(()));
    assert_eq!(resume(&device).now(), Ok(()), "it runs already");
}

#[test]
fn a_device_without_a_table_is_not_resumed() {
    let dm = dm();
    let device = dm.create("d").unwrap();
    assert_eq!(resume(&device).now(), Err(DmError::NoTable));
    assert_eq!(suspend(&device, Suspend::Flush).now(), Ok(()));
    assert_eq!(remove(&dm, "d").now(), Ok(()));
}

/// The disks were reset unequally often before: neither a disk's own count nor a difference
/// between two of them may show.
#[test]
fn a_device_counts_the_resets_of_its_disks_over_a_new_table() {
    for (of_a, of_b) in [(0, 3), (3, 0), (2, 5), (5, 2)] {
        let dm = dm();
        let (a, b) = (disk(&dm, "a", 64), disk(&dm, "b", 64));
        let lose = |disk: &sim::SimDisk, times| {
            (0..times).for_each(|_| disk.lose_cache(&mut sim::Replay::new(Vec::new())));
        };
        lose(&a, of_a);
        lose(&b, of_b);
        let lower = running(&dm, "lower", "0 8 linear a 0");
        let upper = running(&dm, "upper", "0 8 linear lower 0");
        let resets = || (lower.resets(), upper.resets());
        assert_eq!(resets(), (of_a, of_a));
        lose(&a, 1);
        assert_eq!(resets(), (of_a + 1, of_a + 1));
        let mut expected = of_a + 1;
        for (table, disk, other) in [("b", &b, &a), ("a", &a, &b), ("b", &b, &a)] {
            dm.load("lower", &format!("0 8 linear {table} 0")).unwrap();
            let resumed = resume(&lower);
            complete_all(&[&a, &b]);
            assert_eq!(resumed.now(), Ok(()));
            assert_eq!(resets(), (expected, expected), "another disk is no reset");
            lose(disk, 2);
            lose(other, 1);
            expected += 2;
            assert_eq!(resets(), (expected, expected), "those of the disk below count");
        }
    }
}

/// Whoever suspended the device heard of it; those whose writes are lost did not.
#[test]
fn a_flush_that_failed_in_a_suspension_is_told_to_the_next_one_of_the_user() {
    for held in [false, true] {
        let dm = dm();
        let a = disk(&dm, "a", 64);
        let device = running(&dm, "d", "0 64 linear a 0");
        let originator = Originator::new(&dm, "d");
        let suspended = suspend(&device, Suspend::Flush);
        complete(&a, Outcome::Fail(ErrorKind::Media, Landed::None));
        assert!(suspended.now().is_err());
        if held {
            originator.issue(Buf::flush(), 1);
        }
        dm.load("d", "0 64 linear a 0").unwrap();
        resume(&device).now().unwrap();
        originator.write(0, 1);
        complete(&a, Outcome::Ok);
        if !held {
            originator.issue(Buf::flush(), 1);
        }
        originator.issue(Buf::flush(), 2);
        complete_all(&[&a]);
        let mut ends = originator.ends();
        ends.sort_by_key(|(info, _)| *info);
        let failed = Err(IoError { kind: ErrorKind::Media, resid: 0 });
        assert_eq!(ends, [(0, Ok(())), (1, failed), (2, Ok(()))], "held: {held}");
    }
}

/// The first FLUSH comes before the write is acknowledged, and so says nothing of it.
#[test]
fn a_flush_that_was_held_when_that_of_the_suspension_failed_is_not_the_one_that_tells() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    let originator = Originator::new(&dm, "d");
    originator.write(0, 1);
    let suspended = suspend(&device, Suspend::Flush);
    originator.issue(Buf::flush(), 1);
    complete(&a, Outcome::Ok);
    complete(&a, Outcome::Fail(ErrorKind::Media, Landed::None));
    assert!(suspended.now().is_err());
    resume(&device).now().unwrap();
    originator.issue(Buf::flush(), 2);
    originator.issue(Buf::flush(), 3);
    complete_all(&[&a]);
    let mut ends = originator.ends();
    ends.sort_by_key(|(info, _)| *info);
    let failed = Err(IoError { kind: ErrorKind::Media, resid: 0 });
    assert_eq!(ends, [(0, Ok(())), (1, failed), (2, failed), (3, Ok(()))]);
}

/// The first one's user was told nothing yet, and a flush that succeeds brings nothing back.
#[test]
fn a_flush_that_failed_is_told_though_another_suspension_flushed_well() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 64 linear a 0");
    let originator = Originator::new(&dm, "d");
    for outcome in [Outcome::Fail(ErrorKind::Media, Landed::None), Outcome::Ok] {
        let suspended = suspend(&device, Suspend::Flush);
        complete(&a, outcome);
        assert_eq!(suspended.now().is_ok(), outcome == Outcome::Ok);
    }
    resume(&device).now().unwrap();
    originator.issue(Buf::flush(), 1);
    let end = originator.ends();
    assert!(matches!(&end[..], [(1, Err(error))] if error.kind == ErrorKind::Media), "{end:?}");
}
