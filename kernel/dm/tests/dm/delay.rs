//! delay: what goes on when, where to, and what a suspension does.

use std::sync::Arc;
use std::time::Duration;

use bio::{BlockDevice, Buf, BufCmd, Limits, WriteCache};
use dm::{Dm, Slot, Suspend};
use sim::{Clock, SimDisk};

use crate::bench::{
    Originator, complete_all, disk, disk_with, dm_with_clock, elapse, extent, memory, remove,
    resume, running, suspend, waiting,
};

const WRITE: BufCmd = BufCmd::Write { fua: false };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Reads go to a late, writes and flushes to b later.
fn two_ways() -> (Dm, Arc<Clock>, [Arc<SimDisk>; 2], Originator) {
    let (dm, clock) = dm_with_clock();
    let disks = ["a", "b"].map(|name| disk(&dm, name, 64));
    running(&dm, "d", "0 32 delay a 8 50 b 16 200");
    let originator = Originator::new(&dm, "d");
    (dm, clock, disks, originator)
}

#[test]
fn reads_and_writes_are_delayed_each_by_their_own_time() {
    let (dm, clock, [a, b], originator) = two_ways();
    let device = dm.get("d").unwrap();
    originator.write(0, 1);
    originator.issue(Buf::flush(), 1);
    originator.read(4, 2);
    assert_eq!(device.status().unwrap(), "0 32 delay 1 1 1\n");
    elapse(&clock, ms(49));
    assert_eq!((a.queued(), b.queued()), (0, 0));
    elapse(&clock, ms(1));
    assert_eq!(waiting(&a), [(BufCmd::Read, extent(12, 2))]);
    elapse(&clock, ms(149));
    assert_eq!(b.queued(), 0);
    assert_eq!(device.status().unwrap(), "0 32 delay 0 1 1\n");
    elapse(&clock, ms(1));
    let flush = (BufCmd::Flush, b.pending(1).unwrap().extent);
    assert_eq!(waiting(&b), [(WRITE, extent(16, 1)), flush]);
    complete_all(&[&a, &b]);
    assert_eq!(originator.ends(), [(4, Ok(())), (0, Ok(())), (1, Ok(()))]);
    assert_eq!(device.status().unwrap(), "0 32 delay 0 0 0\n");
}

#[test]
fn requests_of_a_kind_keep_their_order() {
    let (_dm, clock, [_, b], originator) = two_ways();
    for (start, pause) in [(5, 30), (3, 0), (9, 60), (1, 0)] {
        originator.write(start, 1);
        elapse(&clock, ms(pause));
    }
    elapse(&clock, ms(109));
    assert_eq!(b.queued(), 0);
    elapse(&clock, ms(1));
    assert_eq!(waiting(&b), [(WRITE, extent(21, 1))], "the first one's time has come");
    elapse(&clock, ms(200));
    assert_eq!(waiting(&b), [21, 19, 25, 17].map(|start| (WRITE, extent(start, 1))));
    complete_all(&[&b]);
    assert_eq!(originator.ends(), [5, 3, 9, 1].map(|start| (start, Ok(()))));
}

#[test]
fn one_triple_is_for_all_and_the_third_for_flushes() {
    let (dm, clock) = dm_with_clock();
    let [a, b, c] = ["a", "b", "c"].map(|name| disk(&dm, name, 64));
    let device = running(&dm, "one", "0 8 delay a 8 10");
    assert_eq!(device.table(Slot::Active).unwrap(), "0 8 delay a 8 10\n");
    let originator = Originator::new(&dm, "one");
    originator.read(0, 1);
    originator.write(1, 1);
    originator.issue(Buf::flush(), 2);
    elapse(&clock, ms(9));
    assert_eq!(a.queued(), 0);
    elapse(&clock, ms(1));
    assert_eq!(a.queued(), 3);
    complete_all(&[&a]);

    let device = running(&dm, "three", "0 8 delay a 0 0 b 0 0 c 0 30");
    assert_eq!(device.table(Slot::Active).unwrap(), "0 8 delay a 0 0 b 0 0 c 0 30\n");
    assert_eq!(device.deps(Slot::Active).unwrap().len(), 3);
    let originator = Originator::new(&dm, "three");
    originator.read(0, 1);
    originator.write(1, 1);
    assert_eq!((a.queued(), b.queued()), (1, 1), "no delay is none");
    originator.issue(Buf::flush(), 2);
    elapse(&clock, ms(30));
    assert_eq!(waiting(&c), [(BufCmd::Flush, c.pending(0).unwrap().extent)]);
}

#[test]
fn discards_go_the_way_of_writes() {
    let (dm, clock) = dm_with_clock();
    let limits = Limits { discard: true, ..Limits::default() };
    let [a, b, c] = ["a", "b", "c"].map(|name| disk_with(&dm, name, 64, limits));
    running(&dm, "three", "0 8 delay a 0 10 b 8 20 c 0 30");
    let originator = Originator::new(&dm, "three");
    originator.issue(Buf::freeblks(extent(1, 2)), 1);
    elapse(&clock, ms(19));
    assert_eq!((a.queued(), b.queued(), c.queued()), (0, 0, 0));
    elapse(&clock, ms(1));
    assert_eq!(waiting(&b), [(BufCmd::FreeBlks, extent(9, 2))]);
    elapse(&clock, ms(100));
    assert_eq!((a.queued(), c.queued()), (0, 0));
    complete_all(&[&b]);
}

#[test]
fn a_suspension_waits_for_no_delay() {
    let (dm, clock, [a, b], originator) = two_ways();
    let device = dm.get("d").unwrap();
    originator.write(2, 1);
    originator.write(1, 1);
    let suspended = suspend(&device, Suspend::Flush);
    assert_eq!(waiting(&b), [18, 17].map(|start| (WRITE, extent(start, 1))), "in order");
    originator.write(7, 1);
    complete_all(&[&b]);
    assert_eq!(suspended.now(), Ok(()), "the flush was not delayed either");
    assert_eq!(originator.ends(), [(2, Ok(())), (1, Ok(()))]);

    assert_eq!(resume(&device).now(), Ok(()));
    assert_eq!(device.status().unwrap(), "0 32 delay 0 1 0\n", "delays are back");
    elapse(&clock, ms(199));
    assert_eq!(b.queued(), 0, "the timers of what went early end nothing early");
    elapse(&clock, ms(1));
    complete_all(&[&a, &b]);
    assert_eq!(originator.ends(), [(7, Ok(()))]);
}

#[test]
fn a_device_that_delays_can_be_removed() {
    let (dm, clock, [a, b], originator) = two_ways();
    originator.read(3, 1);
    originator.write(3, 1);
    let ends = originator.close();
    let removed = remove(&dm, "d");
    complete_all(&[&a, &b]);
    assert_eq!(removed.now(), Ok(()));
    assert_eq!(ends(), [Ok(()), Ok(())]);
    elapse(&clock, ms(1000));
    assert_eq!((a.queued(), b.queued()), (0, 0));
    assert!(dm.list().iter().all(|listed| listed.open == 0));
}

#[test]
fn limits_are_the_writes_and_durability_needs_the_flush_to_go_there_too() {
    let (dm, _) = dm_with_clock();
    let plain = Limits::default();
    let through = Limits { write_cache: WriteCache::WriteThrough, ..plain };
    disk_with(&dm, "fixed", 64, Limits { read_only: true, block_size: 4096, ..plain });
    disk_with(&dm, "a", 64, Limits { discard: true, ..plain });
    disk_with(&dm, "b", 64, plain);
    disk_with(&dm, "t", 64, through);
    let big = Limits { block_size: 4096, ..plain };
    for (index, (table, expected)) in [
        ("fixed 0 1 a 0 1", Limits { discard: true, ..big }),
        ("a 0 1 fixed 0 1", Limits { read_only: true, ..big }),
        ("a 0 1 b 0 1 b 8 1", plain),
        ("a 0 1 b 0 1 a 0 1", Limits { write_cache: WriteCache::Unknown, ..plain }),
        ("a 0 1 t 0 1 a 0 1", through),
    ]
    .into_iter()
    .enumerate()
    {
        let device = running(&dm, &format!("d{index}"), &format!("0 8 delay {table}"));
        assert_eq!(device.limits(), expected, "{table}");
    }
}

#[test]
fn what_is_read_is_what_was_written() {
    let (dm, clock) = dm_with_clock();
    let a = disk(&dm, "a", 64);
    running(&dm, "d", "0 32 delay a 8 5 a 8 10");
    let originator = Originator::new(&dm, "d");
    originator.write(3, 4);
    elapse(&clock, ms(10));
    complete_all(&[&a]);
    assert_eq!(originator.end().1, Ok(()));
    originator.issue(Buf::read(extent(3, 4), memory(4)), 0);
    elapse(&clock, ms(5));
    complete_all(&[&a]);
    assert_eq!(originator.end().0.into_read().unwrap(), crate::bench::pattern(3, 4));
}
