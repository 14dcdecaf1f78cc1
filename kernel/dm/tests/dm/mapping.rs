//! Requests on their way down and up: checked, translated, split, joined.

use std::collections::BTreeSet;
use std::sync::Arc;

use bio::{BlockDevice, Buf, BufCmd, ErrorKind, Extent, IoError, IoResult, Limits, WriteCache};
use dm::{Dm, Slot};
use sim::{Landed, Outcome, SimDisk};

use crate::bench::{
    Originator, complete, complete_all, disk, disk_with, dm, extent, flushes, memory, pattern,
    running, waiting,
};

const WRITE: BufCmd = BufCmd::Write { fua: false };

/// Three entries: 0..8 on a at 32, 8..10 on b at 0, 10..20 on a at 0.
fn three_entries() -> (Dm, Arc<SimDisk>, Arc<SimDisk>, Originator) {
    let dm = dm();
    let (a, b) = (disk(&dm, "a", 64), disk(&dm, "b", 64));
    running(&dm, "d", "0 8 linear a 32\n8 2 linear b 0\n10 10 linear a 0");
    let originator = Originator::new(&dm, "d");
    (dm, a, b, originator)
}

fn error(kind: ErrorKind, sectors: usize) -> IoResult {
    Err(IoError { kind, resid: sectors * 512 })
}

#[test]
fn a_request_within_an_entry_goes_to_its_own_sectors() {
    let (_dm, a, b, originator) = three_entries();
    for (start, count, below) in [(0, 8, 32), (7, 1, 39), (10, 1, 0), (12, 8, 2)] {
        originator.read(start, count);
        assert_eq!(waiting(&a), [(BufCmd::Read, extent(below, count))]);
        assert_eq!(b.queued(), 0);
        complete_all(&[&a]);
        let (buf, result) = originator.end();
        assert_eq!((buf.extent(), result), (extent(start, count), Ok(())));
    }
}

#[test]
fn a_request_is_split_at_the_entries_ends_and_joined() {
    let (_dm, a, b, originator) = three_entries();
    originator.write(0, 20);
    assert_eq!(waiting(&a), [(WRITE, extent(32, 8)), (WRITE, extent(0, 10))]);
    assert_eq!(waiting(&b), [(WRITE, extent(0, 2))]);
    complete_all(&[&b]);
    complete(&a, Outcome::Ok);
    assert_eq!(originator.ends(), [], "a part is still in flight");
    complete(&a, Outcome::Ok);
    assert_eq!(originator.end().1, Ok(()));

    for (start, count) in [(0, 20), (7, 2), (9, 2), (7, 4), (8, 2), (19, 1)] {
        originator.read(start, count);
        complete_all(&[&b, &a]);
        let (buf, result) = originator.end();
        assert_eq!((buf.extent(), result), (extent(start, count), Ok(())));
        assert_eq!(buf.into_read().unwrap(), pattern(start, count), "{start}+{count}");
    }
}

#[test]
fn the_data_lies_where_the_table_says() {
    let (dm, a, b, originator) = three_entries();
    originator.write(0, 20);
    complete_all(&[&a, &b]);
    for (name, disk, below, start, count) in [("a", &a, 32, 0, 8), ("b", &b, 0, 8, 2)] {
        let direct = Originator::new(&dm, name);
        direct.read(below, count);
        complete_all(&[disk]);
        assert_eq!(direct.end().0.into_read().unwrap(), pattern(start, count));
    }
}

#[test]
fn a_failed_part_fails_the_request_with_what_was_not_done() {
    let (_dm, a, b, originator) = three_entries();
    originator.write(6, 6);
    complete(&a, Outcome::Ok);
    complete(&b, Outcome::Fail(ErrorKind::Media, Landed::None));
    complete(&a, Outcome::Fail(ErrorKind::Gone, Landed::None));
    assert_eq!(originator.end().1, error(ErrorKind::Media, 4), "the first, and both parts' bytes");
}

#[test]
fn targets_ask_for_all_their_parts_and_for_nothing_else() {
    let dm = dm();
    let (a, b) = (disk(&dm, "a", 128), disk(&dm, "b", 128));
    let table = "0 8 linear a 8\n8 8 striped 2 2 a 32 b 0\n16 8 delay a 64 0 b 32 0\n\
                 24 8 flakey b 96 1 0\n32 8 zero";
    let device = running(&dm, "d", table);
    let originator = Originator::new(&dm, "d");
    originator.write(0, 40);
    originator.read(0, 40);
    let sectors = |extent: Extent| extent.start().0..extent.end().0;
    for (name, disk) in [("a", &a), ("b", &b)] {
        let parts = device.parts(Slot::Active).unwrap().into_iter();
        let of_disk = parts.filter(|part| *part.device.name() == *name);
        let parts: BTreeSet<u64> = of_disk.flat_map(|part| sectors(part.extent)).collect();
        let asked = waiting(disk).into_iter().flat_map(|(_, extent)| sectors(extent));
        assert_eq!(asked.collect::<BTreeSet<u64>>(), parts, "of {name}");
    }
    complete_all(&[&a, &b]);
    assert_eq!(originator.ends(), [(0, Ok(())), (0, Ok(()))]);
}

#[test]
fn a_flush_reaches_every_device_once() {
    let (_dm, a, b, originator) = three_entries();
    originator.issue(Buf::flush(), 0);
    assert_eq!((flushes(&a), flushes(&b)), (1, 1));
    complete_all(&[&b]);
    assert_eq!(originator.ends(), [], "a flush is in flight");
    complete(&a, Outcome::Fail(ErrorKind::Media, Landed::None));
    assert_eq!(originator.end().1, error(ErrorKind::Media, 0));
}

#[test]
fn fua_and_discard_pass_through() {
    let dm = dm();
    let a = disk_with(&dm, "a", 64, Limits { discard: true, ..Limits::default() });
    running(&dm, "d", "0 8 linear a 8\n8 8 linear a 32");
    let originator = Originator::new(&dm, "d");
    originator.issue(Buf::write_fua(extent(4, 8), pattern(4, 8)), 0);
    let fua = BufCmd::Write { fua: true };
    assert_eq!(waiting(&a), [(fua, extent(12, 4)), (fua, extent(32, 4))]);
    complete_all(&[&a]);
    originator.issue(Buf::freeblks(extent(0, 16)), 0);
    assert_eq!(waiting(&a), [(BufCmd::FreeBlks, extent(8, 8)), (BufCmd::FreeBlks, extent(32, 8))]);
    complete_all(&[&a]);
    assert_eq!(originator.ends(), [(0, Ok(())), (0, Ok(()))]);
}

#[test]
fn a_wrong_request_ends_at_the_door() {
    let dm = dm();
    let big = disk_with(&dm, "big", 64, Limits { block_size: 4096, ..Limits::default() });
    let fixed = disk_with(&dm, "fixed", 64, Limits { read_only: true, ..Limits::default() });
    running(&dm, "d", "0 16 linear big 0");
    running(&dm, "r", "0 16 linear fixed 0");
    running(&dm, "mixed", "0 8 linear big 0\n8 8 zero");
    let read = |start, count| Buf::read(extent(start, count), memory(count));
    let write = |start, count| Buf::write(extent(start, count), pattern(start, count));
    let cases = [
        ("d", read(0, 0), error(ErrorKind::Invalid, 0)),
        ("d", write(8, 0), error(ErrorKind::Invalid, 0)),
        ("d", Buf::freeblks(extent(0, 0)), error(ErrorKind::Invalid, 0)),
        ("d", read(8, 16), error(ErrorKind::Invalid, 16)),
        ("d", read(16, 8), error(ErrorKind::Invalid, 8)),
        ("d", write(u64::MAX - 15, 8), error(ErrorKind::Invalid, 8)),
        ("d", read(4, 8), error(ErrorKind::Invalid, 8)),
        ("d", write(8, 4), error(ErrorKind::Invalid, 4)),
        ("d", Buf::freeblks(extent(0, 8)), error(ErrorKind::Unsupported, 0)),
        ("mixed", read(9, 1), error(ErrorKind::Invalid, 1)),
        // What lies there would take it.
        ("mixed", read(8, 4), error(ErrorKind::Invalid, 4)),
        ("mixed", Buf::freeblks(extent(8, 8)), error(ErrorKind::Unsupported, 0)),
        ("r", write(0, 1), error(ErrorKind::ReadOnly, 1)),
        ("r", Buf::freeblks(extent(0, 1)), error(ErrorKind::ReadOnly, 0)),
    ];
    for (name, buf, expected) in cases {
        let originator = Originator::new(&dm, name);
        let (cmd, at) = (buf.cmd(), buf.extent());
        originator.issue(buf, 0);
        let (buf, result) = originator.end();
        assert_eq!((buf.extent(), result), (at, expected), "{cmd:?} {at}");
        assert_eq!((big.queued(), fixed.queued()), (0, 0), "nothing reached a disk");
    }
    assert_eq!(dm.get("d").unwrap().info().in_flight, 0);
}

#[test]
fn a_device_without_a_table_takes_nothing() {
    let dm = dm();
    let device = dm.create("d").unwrap();
    assert_eq!((device.capacity().0, device.limits()), (0, Limits::default()));
    let originator = Originator::new(&dm, "d");
    originator.read(0, 1);
    assert_eq!(originator.end().1, error(ErrorKind::Invalid, 1));
    originator.issue(Buf::flush(), 0);
    assert_eq!(originator.end().1, error(ErrorKind::Invalid, 0));
}

#[test]
fn limits_are_those_that_all_entries_keep() {
    let dm = dm();
    let strong =
        Limits { write_cache: WriteCache::WriteThrough, discard: true, ..Limits::default() };
    disk_with(&dm, "strong", 64, strong);
    disk_with(&dm, "big", 64, Limits { block_size: 4096, ..strong });
    disk_with(&dm, "fixed", 64, Limits { read_only: true, ..strong });
    disk_with(&dm, "cached", 64, Limits { write_cache: WriteCache::Volatile, ..strong });
    disk_with(&dm, "unknown", 64, Limits { write_cache: WriteCache::Unknown, ..strong });
    disk_with(&dm, "plain", 64, Limits { discard: false, ..strong });
    let cases = [
        ("zero", "strong", strong),
        ("strong", "big", Limits { block_size: 4096, ..strong }),
        ("fixed", "strong", Limits { read_only: true, ..strong }),
        ("strong", "cached", Limits { write_cache: WriteCache::Volatile, ..strong }),
        ("unknown", "cached", Limits { write_cache: WriteCache::Unknown, ..strong }),
        ("strong", "plain", Limits { discard: false, ..strong }),
    ];
    for (index, (first, second, expected)) in cases.into_iter().enumerate() {
        let target = |name| if name == "zero" { "zero".into() } else { format!("linear {name} 0") };
        let table = format!("0 8 {}\n8 8 {}", target(first), target(second));
        let device = running(&dm, &format!("d{index}"), &table);
        assert_eq!(device.limits(), expected, "{table}");
    }
}

#[test]
fn mapped_devices_stack() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    running(&dm, "lower", "0 16 linear a 16\n16 16 linear a 0");
    running(&dm, "upper", "0 24 linear lower 8");
    let originator = Originator::new(&dm, "upper");
    originator.write(4, 8);
    assert_eq!(waiting(&a), [(WRITE, extent(28, 4)), (WRITE, extent(0, 4))]);
    complete_all(&[&a]);
    assert_eq!(originator.end().1, Ok(()));
    originator.read(4, 8);
    complete_all(&[&a]);
    assert_eq!(originator.end().0.into_read().unwrap(), pattern(4, 8));
}
