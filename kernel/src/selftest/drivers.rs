//! The disks, as real as QEMU makes them.
//!
//! Needs seven disks with serial numbers `scratch0` to `scratch6`, and overwrites their
//! contents. All have 64 MiB except `vbd4`, which has 1 MiB. `vbd2` has blocks of 4 KiB, `vbd3`
//! is read-only, `vbd5` fails reads of sector 64, `vbd6` takes seconds for a read. Also run
//! with `interrupts=line`, which keeps MSI-X off.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use bio::sync::{Lock, Rank};
use bio::{
    Bio, BlockDevice, Buf, BufDone, ErrorKind, Extent, IoError, IoResult, Sector, Sectors,
    WriteCache,
};
use bytes::{Bytes, BytesMut};
use drivers::virtio::Failure;
use drivers::virtio::blk::{Features, State};
use drivers::virtio::ring::Fetched;

use super::{Test, alone};
use crate::check;
use crate::disks::{self, Delivery, Disk};
use crate::task::{MaySleep, WaitChan, biowait, sleep};

pub const TESTS: &[Test] = &[
    Test { name: "drivers::disks_are_named_in_bus_order", run: disks_are_named_in_order },
    Test { name: "drivers::both_ends_hold_what_was_written", run: both_ends_hold },
    Test { name: "drivers::a_deep_queue_keeps_requests_apart", run: a_deep_queue },
    Test { name: "drivers::a_long_request_arrives_whole", run: a_long_request },
    Test { name: "drivers::disks_work_at_the_same_time", run: disks_work_together },
    Test { name: "drivers::flush_and_fua_complete", run: flush_and_fua },
    Test { name: "drivers::a_discard_reads_as_zeroes", run: a_discard },
    Test { name: "drivers::wrong_requests_are_refused", run: wrong_requests },
    Test { name: "drivers::a_read_only_disk_takes_no_writes", run: a_read_only_disk },
    Test { name: "drivers::completions_come_by_interrupt", run: completions_by_interrupt },
    Test { name: "drivers::requests_flow_past_the_ring_s_wrap", run: past_the_wrap },
    Test { name: "drivers::a_bad_sector_fails_its_requests_alone", run: a_bad_sector },
    Test { name: "drivers::a_hanging_disk_is_barred_and_gives_back_late", run: a_hanging_disk },
];

/// Disks of the test, and their sizes in MiB.
const SIZES: [u64; 7] = [64, 64, 64, 64, 1, 64, 64];

fn disk(name: &str) -> Result<&'static Disk, String> {
    disks::find(name).ok_or_else(|| format!("there is no disk {name}"))
}

/// Requests in flight, waited for together. Each result is under the number that the request
/// was issued with.
pub(super) struct Flight {
    landed: Lock<Vec<(u64, Buf, IoResult)>>,
    chan: WaitChan,
}

impl BufDone for Flight {
    fn buf_done(self: Arc<Self>, buf: Buf, number: u64, result: IoResult) {
        self.landed.lock().push((number, buf, result));
        self.chan.wakeup();
    }
}

impl Flight {
    pub(super) fn new() -> Arc<Flight> {
        let landed = Lock::new(Rank::ORIGINATOR, Vec::with_capacity(4096));
        Arc::new(Flight { landed, chan: WaitChan::new("flight") })
    }

    pub(super) fn issue(self: &Arc<Self>, device: &dyn BlockDevice, number: u64, buf: Buf) {
        device.strategy(Bio::new(buf, self.clone(), number));
    }

    /// Waits until `count` have landed, and takes them, by number.
    pub(super) fn land(&self, may_sleep: &MaySleep, count: usize) -> Vec<(u64, Buf, IoResult)> {
        let mut landed = self.chan.wait_until(may_sleep, || {
            let mut landed = self.landed.lock();
            (landed.len() >= count).then(|| core::mem::take(&mut *landed))
        });
        landed.sort_by_key(|landed| landed.0);
        landed
    }
}

/// Bytes that tell every 8 bytes of every sector from every other: `salt`, and the place.
fn pattern(extent: Extent, salt: u8) -> Vec<u8> {
    let first = extent.start().0 * 64;
    let words = first..first + extent.count().0 * 64;
    words.flat_map(|word| (word << 8 | u64::from(salt)).to_le_bytes()).collect()
}

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

fn write(extent: Extent, salt: u8) -> Buf {
    Buf::write(extent, Bytes::from(pattern(extent, salt)))
}

fn read(extent: Extent) -> Buf {
    // Not zeroes, so that bytes which the device does not fill show.
    Buf::read(extent, BytesMut::from(vec![0x5a; extent.count().bytes()].as_slice()))
}

fn holds(buf: Buf, salt: u8) -> bool {
    let expected = pattern(buf.extent(), salt);
    buf.into_read().is_some_and(|memory| memory == expected)
}

fn disks_are_named_in_order(may_sleep: &MaySleep) -> Result<(), String> {
    check!(disks::all().len() >= SIZES.len(), "{} disks, not 7", disks::all().len());
    check!(disks::all().windows(2).all(|pair| pair[0].at() < pair[1].at()));
    for (number, size) in SIZES.into_iter().enumerate() {
        let disk = disk(&format!("vbd{number}"))?;
        // Its first request was for its serial number. When a second request has ended, the
        // first has too.
        check!(biowait(may_sleep, &*disk.device(), Buf::flush()).1 == Ok(()));
        let status = disk.status();
        check!(status.serial.as_str() == format!("scratch{number}"), "serial {:?}", status.serial);
        check!(status.capacity == Sectors(size << 11), "{} sectors", status.capacity);
        check!(status.state == State::Ready && status.limits == disk.device().limits());
        check!(status.features.contains(Features::EVENT_IDX | Features::INDIRECT_DESC));
    }
    check!(disk("vbd0")?.status().limits.block_size == 512);
    check!(disk("vbd2")?.status().limits.block_size == 4096);
    check!(disks::find("vbd99").is_none());
    Ok(())
}

fn both_ends_hold(may_sleep: &MaySleep) -> Result<(), String> {
    for name in ["vbd0", "vbd2", "vbd4"] {
        let device = disk(name)?.device();
        let block = u64::from(device.limits().block_size) / 512;
        let ends = [extent(0, block), extent(device.capacity().0 - block, block)];
        for end in ends {
            let (_, result) = biowait(may_sleep, &*device, write(end, 1));
            check!(result == Ok(()), "{name}: {result:?}");
        }
        for end in ends {
            let (buf, result) = biowait(may_sleep, &*device, read(end));
            check!(result == Ok(()) && holds(buf, 1), "{name}: {end}: {result:?}");
        }
    }
    Ok(())
}

/// More requests at a time than a device takes, with different lengths.
fn a_deep_queue(may_sleep: &MaySleep) -> Result<(), String> {
    const COUNT: u64 = 500;
    let device = disk("vbd0")?.device();
    let place = |number: u64| extent(number * 16, number % 16 + 1);
    for reading in [false, true] {
        let flight = Flight::new();
        let requests = (0..COUNT).map(|number| {
            let at = place(number);
            (number, if reading { read(at) } else { write(at, number as u8) })
        });
        let requests: Vec<(u64, Buf)> = requests.collect();
        let waited = {
            // Nobody reaps meanwhile.
            let _alone = alone();
            for (number, buf) in requests {
                flight.issue(&*device, number, buf);
            }
            disk("vbd0")?.status().waiting
        };
        check!(waited > 0, "the device took all of them at once");
        let landed = flight.land(may_sleep, COUNT as usize);
        check!(landed.len() == COUNT as usize, "{} came back", landed.len());
        for (number, buf, result) in landed {
            check!(result == Ok(()), "request {number}: {result:?}");
            check!(!reading || holds(buf, number as u8), "request {number}: wrong data");
        }
    }
    check!(disk("vbd0")?.status().in_flight == 0);
    Ok(())
}

/// Longer than a segment, and no multiple of a segment.
fn a_long_request(may_sleep: &MaySleep) -> Result<(), String> {
    let device = disk("vbd0")?.device();
    let long = extent(1001, (9 << 11) + 1);
    let (_, result) = biowait(may_sleep, &*device, write(long, 7));
    check!(result == Ok(()), "{result:?}");
    let (buf, result) = biowait(may_sleep, &*device, read(long));
    check!(result == Ok(()) && holds(buf, 7), "{result:?}");
    Ok(())
}

fn disks_work_together(may_sleep: &MaySleep) -> Result<(), String> {
    let devices = [disk("vbd0")?.device(), disk("vbd1")?.device()];
    for reading in [false, true] {
        let flight = Flight::new();
        for number in 0..200u64 {
            let at = extent(number / 2 * 8, 8);
            // The salt tells the disks apart.
            let buf = if reading { read(at) } else { write(at, number as u8 % 2) };
            flight.issue(&*devices[number as usize % 2], number, buf);
        }
        for (number, buf, result) in flight.land(may_sleep, 200) {
            check!(result == Ok(()), "request {number}: {result:?}");
            check!(!reading || holds(buf, number as u8 % 2), "request {number}: wrong data");
        }
    }
    Ok(())
}

fn flush_and_fua(may_sleep: &MaySleep) -> Result<(), String> {
    let disk = disk("vbd0")?;
    let (device, at) = (disk.device(), extent(64, 8));
    check!(device.limits().write_cache == WriteCache::Volatile);
    let before = disk.status().counts;
    let fua = Buf::write_fua(at, Bytes::from(pattern(at, 3)));
    for buf in [Buf::flush(), fua] {
        let (_, result) = biowait(may_sleep, &*device, buf);
        check!(result == Ok(()), "{result:?}");
    }
    let after = disk.status().counts;
    check!(after.flushes == before.flushes + 1 && after.writes == before.writes + 1);
    check!(after.requests == before.requests + 3, "the FUA write is flushed");
    let (buf, _) = biowait(may_sleep, &*device, read(at));
    check!(holds(buf, 3));
    Ok(())
}

fn a_discard(may_sleep: &MaySleep) -> Result<(), String> {
    let device = disk("vbd0")?.device();
    check!(device.limits().discard);
    let (whole, part) = (extent(128, 24), extent(136, 8));
    check!(biowait(may_sleep, &*device, write(whole, 9)).1 == Ok(()));
    check!(biowait(may_sleep, &*device, Buf::freeblks(part)).1 == Ok(()));
    let mut expected = pattern(whole, 9);
    expected[8 * 512..16 * 512].fill(0);
    let (buf, result) = biowait(may_sleep, &*device, read(whole));
    check!(result == Ok(()) && buf.into_read().is_some_and(|memory| memory == expected));
    Ok(())
}

fn wrong_requests(may_sleep: &MaySleep) -> Result<(), String> {
    let before = disk("vbd4")?.status().counts;
    let wrong: [(&str, Buf); 7] = [
        ("vbd4", read(extent(0, 0))),
        ("vbd4", read(extent(2048, 1))),
        ("vbd4", write(extent(2047, 2), 1)),
        ("vbd4", Buf::freeblks(extent(u64::MAX - 1, 1))),
        ("vbd2", read(extent(1, 8))),
        ("vbd2", write(extent(0, 4), 1)),
        ("vbd2", Buf::freeblks(extent(8, 1))),
    ];
    for (name, buf) in wrong {
        let (cmd, at) = (buf.cmd(), buf.extent());
        let (_, result) = biowait(may_sleep, &*disk(name)?.device(), buf);
        let kind = result.map_err(|error| error.kind);
        check!(kind == Err(ErrorKind::Invalid), "{name}: {cmd:?} {at}: {result:?}");
    }
    check!(disk("vbd4")?.status().counts == before, "the device heard of it");
    Ok(())
}

fn a_read_only_disk(may_sleep: &MaySleep) -> Result<(), String> {
    let device = disk("vbd3")?.device();
    check!(device.limits().read_only);
    let (before, result) = biowait(may_sleep, &*device, read(extent(0, 8)));
    check!(result == Ok(()));
    let (_, result) = biowait(may_sleep, &*device, write(extent(0, 8), 1));
    check!(result == Err(IoError { kind: ErrorKind::ReadOnly, resid: 4096 }), "{result:?}");
    let (after, _) = biowait(may_sleep, &*device, read(extent(0, 8)));
    check!(before.into_read() == after.into_read());
    Ok(())
}

/// A glance would find them too, some milliseconds late, but it counts no interrupts.
fn completions_by_interrupt(may_sleep: &MaySleep) -> Result<(), String> {
    for disk in disks::all().iter().take(5) {
        check!(disk.delivery() != Delivery::None, "{} has no interrupt", disk.name());
        let before = disk.status().counts.interrupts;
        for _ in 0..10 {
            check!(biowait(may_sleep, &*disk.device(), read(extent(0, 8))).1 == Ok(()));
        }
        let interrupts = disk.status().counts.interrupts - before;
        check!(interrupts >= 10, "{}: {interrupts} interrupts for 10 reads", disk.name());
    }
    Ok(())
}

/// The ring's indexes have 16 bits; a wrong comparison stops the queue near the wrap.
fn past_the_wrap(may_sleep: &MaySleep) -> Result<(), String> {
    const ROUNDS: u64 = 1100;
    const BATCH: u64 = 64;
    let disk = disk("vbd1")?;
    let before = disk.status().counts;
    for round in 0..ROUNDS {
        let flight = Flight::new();
        for number in 0..BATCH {
            flight.issue(&*disk.device(), number, read(extent(number, 1)));
        }
        let landed = flight.land(may_sleep, BATCH as usize);
        check!(landed.iter().all(|landed| landed.2 == Ok(())), "round {round}");
    }
    let after = disk.status().counts;
    check!(after.requests - before.requests == ROUNDS * BATCH && ROUNDS * BATCH > 65_536);
    check!(after.kicks - before.kicks <= ROUNDS * BATCH, "a kick for each request at most");
    Ok(())
}

fn a_bad_sector(may_sleep: &MaySleep) -> Result<(), String> {
    let disk = disk("vbd5")?;
    let (device, errors) = (disk.device(), disk.status().counts.errors);
    let reads = [(64, 1, false), (63, 1, true), (65, 1, true), (60, 8, false), (56, 8, true)];
    for (start, count, good) in reads {
        let at = extent(start, count);
        let (buf, result) = biowait(may_sleep, &*device, read(at));
        let resid = at.count().bytes();
        let expected = if good { Ok(()) } else { Err(IoError { kind: ErrorKind::Media, resid }) };
        check!(result == expected, "{at}: {result:?}");
        check!(buf.into_read().is_some(), "{at}: the memory is lost");
    }
    let status = disk.status();
    check!(status.state == State::Ready && status.counts.errors == errors + 2);
    Ok(())
}

/// The disk stays barred: this test is the last to use it.
fn a_hanging_disk(may_sleep: &MaySleep) -> Result<(), String> {
    const COUNT: usize = 200;
    let disk = disk("vbd6")?;
    disk.set_timeout(Duration::ZERO);
    let flight = Flight::new();
    for number in 0..COUNT as u64 {
        flight.issue(&*disk.device(), number, read(extent(number, 1)));
    }
    let held = disk.status().in_flight;
    check!(held > 0 && disk.status().waiting == COUNT - held);
    for (number, buf, result) in flight.land(may_sleep, COUNT) {
        // The device may still do the request, and write into the memory that it was lent.
        let lent = (number as usize) < held;
        let kind = if lent { ErrorKind::Timeout } else { ErrorKind::Gone };
        check!(result == Err(IoError { kind, resid: 512 }), "request {number}: {result:?}");
        check!(buf.into_read().is_none() == lent, "request {number}: its memory");
    }
    // It has fetched the requests that it holds, and says so.
    check!(disk.status().state == State::Barred(Failure::Timeout(Fetched::Yes)));
    check!(disk.status().in_flight == held, "the device has given something back");
    let (_, result) = biowait(may_sleep, &*disk.device(), Buf::flush());
    check!(result == Err(IoError { kind: ErrorKind::Gone, resid: 0 }), "{result:?}");
    while disk.status().in_flight > 0 {
        sleep(may_sleep, Duration::from_millis(100));
    }
    check!(flight.landed.lock().is_empty(), "a request ended twice");
    check!(
        disk.status().state == State::Barred(Failure::Timeout(Fetched::Yes)),
        "it came back by itself"
    );
    Ok(())
}
