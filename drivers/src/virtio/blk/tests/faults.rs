//! How requests end when the device fails, hangs, lies or leaves.

use std::collections::VecDeque;
use std::string::ToString;

use super::*;
use crate::virtio::ring::Fetched;
use crate::virtio::{DeviceFault, Failure};

#[test]
fn a_failure_in_the_middle_tells_what_was_left() {
    let mut model = Model::disk(64);
    model.set(8, &512u32.to_le_bytes());
    model.set(12, &4u32.to_le_bytes());
    let bench = Bench::new(model);
    bench.run();
    bench.issue(0, read(0, 10));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Queue);
    bench.device().answer = Some(1);
    bench.run();
    let (_, buf, result) = bench.endings.try_recv().unwrap();
    assert_eq!(result, error(ErrorKind::Media, 6));
    assert!(buf.into_read().is_some(), "the memory came back");
}

#[test]
fn a_bad_answer_is_an_error_of_its_request() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    for (answer, kind) in
        [(1, ErrorKind::Media), (2, ErrorKind::Unsupported), (77, ErrorKind::Media)]
    {
        bench.device().answer = Some(answer);
        assert_eq!(bench.perform(read(0, 2)).1, error(kind, 2));
        assert_eq!(bench.perform(Buf::flush()).1, Err(IoError { kind, resid: 0 }));
    }
    bench.device().answer = None;
    assert_eq!(bench.perform(read(0, 2)).1, Ok(()), "the disk goes on");
    assert_eq!(bench.disk.status().counts.errors, 6);
}

#[test]
fn a_read_that_is_done_but_short_is_an_error() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    bench.issue(0, read(0, 2));
    let mut device = bench.device();
    let chain = device.take().unwrap();
    assert_eq!(device.execute(&chain), 1025);
    device.give(chain.head.into(), 1024);
    drop(device);
    bench.disk.interrupt(Interrupt::Queue);
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Media, 2));
}

#[test]
fn a_silent_device_is_barred_and_keeps_what_it_was_lent() {
    let options = Options { timeout_ticks: 3, ..Options::default() };
    let bench = Bench::with(Model::disk(1024), options);
    bench.run();
    let data = Bytes::from(vec![9; 512]);
    bench.issue(0, read(0, 1));
    bench.issue(1, Buf::write(extent(5, 1), data.clone()));
    (2..200).for_each(|at| bench.issue(at, read(at, 1)));
    (0..3).for_each(|_| bench.disk.tick());
    assert_eq!(bench.state(), State::Ready, "three whole ticks are allowed");
    assert!(bench.endings.try_recv().is_err());
    bench.disk.tick();
    assert_eq!(bench.state(), State::Barred(Failure::Timeout(Fetched::Unknown)));

    let endings: Vec<_> = bench.endings.try_iter().collect();
    assert_eq!(endings.len(), 200, "every bio ended");
    for (number, buf, result) in endings {
        let waited = number >= 128;
        let kind = if waited { ErrorKind::Gone } else { ErrorKind::Timeout };
        assert_eq!(result, error(kind, 1));
        assert_eq!(buf.into_read().is_some(), waited, "bio {number}: waiting bios keep memory");
    }
    assert!(!data.is_unique(), "the device may still send the bytes");
    assert_eq!(bench.disk.status().in_flight, 128);
    assert_eq!(bench.perform(read(0, 1)).1, error(ErrorKind::Gone, 1));

    // It wakes up after all: the memory that it gives back is freed, and nobody is told.
    bench.run();
    assert_eq!(bench.disk.status().in_flight, 0);
    assert!(data.is_unique());
    assert!(bench.endings.try_recv().is_err());
    assert_eq!(bench.state(), State::Barred(Failure::Timeout(Fetched::Unknown)), "it stays barred");
    assert_eq!(bench.disk.status().counts.errors, 201);
}

#[test]
fn patience_can_be_changed_while_requests_wait() {
    let bench = Bench::new(Model::disk(64));
    bench.issue(0, read(0, 1));
    (0..10).for_each(|_| bench.disk.tick());
    assert_eq!(bench.state(), State::Ready);
    bench.disk.set_timeout(10);
    bench.disk.tick();
    assert_eq!(bench.state(), State::Barred(Failure::Timeout(Fetched::No)));
}

#[test]
fn a_slow_device_is_not_barred_while_it_moves() {
    let bench = Bench::with(Model::disk(64), Options { timeout_ticks: 2, ..Options::default() });
    bench.run();
    for at in 0..20 {
        bench.issue(at, read(at, 1));
    }
    for _ in 0..20 {
        bench.disk.tick();
        bench.issue(99, Buf::flush());
        assert_eq!(bench.device().serve(10), 10.min(bench.disk.status().in_flight));
        bench.disk.interrupt(Interrupt::Queue);
    }
    bench.run();
    assert_eq!(bench.state(), State::Ready);
}

#[test]
fn a_transfer_in_parts_stops_when_its_disk_is_barred() {
    let mut model = Model::disk(64);
    model.set(8, &512u32.to_le_bytes());
    model.set(12, &2u32.to_le_bytes());
    let bench = Bench::with(model, Options { timeout_ticks: 0, ..Options::default() });
    bench.run();
    bench.issue(0, read(0, 10));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.tick();
    let (_, buf, result) = bench.endings.try_recv().unwrap();
    assert_eq!(result, error(ErrorKind::Timeout, 8));
    assert!(buf.into_read().is_some(), "the device had given the memory back");
    assert_eq!(bench.disk.status().in_flight, 0);
}

#[test]
fn a_vanished_device_is_gone_at_the_next_tick() {
    let bench = Bench::new(Model::disk(64));
    bench.issue(0, read(0, 1));
    bench.device().present = false;
    bench.disk.tick();
    assert_eq!(bench.state(), State::Barred(Failure::Gone));
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Gone, 1));
    assert_eq!(bench.perform(Buf::flush()).1, Err(IoError { kind: ErrorKind::Gone, resid: 0 }));
}

#[test]
fn a_device_that_lies_is_barred_and_not_listened_to() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    bench.issue(0, read(0, 1));
    bench.device().give(99, 1);
    bench.disk.interrupt(Interrupt::Queue);
    let fault = DeviceFault::UnknownRequest { id: 99 };
    assert_eq!(bench.state(), State::Barred(Failure::Fault(fault)));
    let (_, buf, result) = bench.endings.try_recv().unwrap();
    assert_eq!(result, error(ErrorKind::Media, 1));
    assert!(buf.into_read().is_none(), "its memory is not safe from the device");
    bench.run();
    bench.disk.tick();
    assert_eq!(bench.disk.status().in_flight, 1, "what it says now counts for nothing");
}

#[test]
fn a_device_that_asks_for_a_reset_is_barred() {
    let bench = Bench::new(Model::disk(64));
    bench.issue(0, read(0, 1));
    bench.device().status |= DeviceStatus::DEVICE_NEEDS_RESET;
    bench.disk.interrupt(Interrupt::Config);
    assert_eq!(bench.state(), State::Barred(Failure::Fault(DeviceFault::NeedsReset)));
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Media, 1));
    bench.run();
    assert!(
        bench.disk.status().in_flight > 0,
        "it may have lost count: what it gives is not taken"
    );
}

/// A disk that says this at this place of its configuration.
fn says(offset: usize, word: u32) -> Model {
    let mut model = Model::disk(64);
    model.set(offset, &word.to_le_bytes());
    model
}

const CAPACITY_HIGH: usize = 4;
const SIZE_MAX: usize = 8;
const SEG_MAX: usize = 12;
const BLK_SIZE: usize = 20;

#[test]
fn unusable_devices_are_refused_with_a_reason() {
    let short = |queue_size| {
        (Model { queue_size, ..Model::disk(64) }, SetupError::QueueTooShort(queue_size))
    };
    let blocks = |size| (says(BLK_SIZE, size), SetupError::BadConfig("block size"));
    let segments =
        |size| (says(SIZE_MAX, size), SetupError::BadConfig("a segment holds less than a block"));
    let cases = [
        (Model::disk(64).without(Features::VERSION_1), SetupError::Legacy),
        short(0),
        short(1),
        short(3),
        blocks(0),
        blocks(1),
        blocks(3),
        blocks(256),
        blocks(1000),
        blocks(128 << 10),
        blocks(1 << 31),
        blocks(u32::MAX),
        segments(0),
        segments(1),
        segments(511),
        (says(CAPACITY_HIGH, 1 << 22), SetupError::BadConfig("capacity")),
        (says(CAPACITY_HIGH, u32::MAX), SetupError::BadConfig("capacity")),
    ];
    for (model, expected) in cases {
        let device = FakeTransport::new(model);
        let error = Disk::new("vbd0".into(), device, Options::default()).err().unwrap();
        assert_eq!(error, expected);
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn the_limits_of_what_is_believed_work() {
    let edges = [
        (Model { queue_size: 4, ..Model::disk(64) }, "the shortest queue"),
        (Model { queue_size: 5, ..Model::disk(64) }, "no power of two"),
        (Model { queue_size: u32::MAX, ..Model::disk(64) }, "the longest queue"),
        (says(BLK_SIZE, 512), "the smallest blocks"),
        (says(SIZE_MAX, 512), "the shortest segments"),
        (says(SIZE_MAX, u32::MAX), "the longest segments"),
        (says(SEG_MAX, 0), "no segment: one is always allowed"),
        (says(SEG_MAX, 1), "one segment"),
        (says(SEG_MAX, u32::MAX), "the most segments"),
        (says(BLK_SIZE, 64 << 10), "the largest blocks"),
    ];
    let direct = edges.clone().map(|(model, what)| (model.without(Features::INDIRECT_DESC), what));
    for (model, what) in edges.into_iter().chain(direct) {
        let block = u64::from(u32::from_le_bytes(model.config[20..24].try_into().unwrap()) / 512);
        let bench = Bench::new(Model { config: with_sectors(model.config, 4 * block), ..model });
        bench.run();
        bench.device().disk.resize(4 * block as usize * 512, 0);
        assert_eq!(bench.perform(write(0, 2 * block, 7)).1, Ok(()), "{what}");
        let (buf, result) = bench.perform(read(block, 2 * block));
        assert_eq!(result, Ok(()), "{what}");
        let (read, half) = (buf.into_read().unwrap(), block as usize * 512);
        assert!(read[..half].iter().all(|&byte| byte == 7), "{what}");
        assert!(read[half..].iter().all(|&byte| byte == 0), "{what}");
    }
    // As large as can be: only its end is looked at.
    let bench = Bench::new(Model::disk(64));
    let (config, most) = (bench.device().model.config, i64::MAX as u64 / 512);
    for (sectors, believed) in [(most, most), (most + 1, most), (u64::MAX, most)] {
        bench.device().model.config = with_sectors(config, sectors);
        bench.disk.interrupt(Interrupt::Config);
        assert_eq!(bench.disk.capacity(), Sectors(believed));
    }
    bench.issue(0, read(most, 1));
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Invalid, 1));
}

fn with_sectors(mut config: [u8; 60], sectors: u64) -> [u8; 60] {
    config[..8].copy_from_slice(&sectors.to_le_bytes());
    config
}

#[test]
fn half_a_capacity_is_never_believed() {
    let (small, large) = (0x1_ffff_fff8u64, 0x2_0000_0000u64);
    // Grown between the two words, at each of them, once and again.
    for first in 0..8 {
        for changes in 1..5 {
            let bench = Bench::new(Model::disk(64));
            let mut device = bench.device();
            let config = device.model.config;
            device.model.config = with_sectors(config, small);
            let step =
                |i: u64| with_sectors(config, if i.is_multiple_of(2) { large } else { small });
            let still = (0..first).map(|_| with_sectors(config, small));
            device.model.changes = still.chain((0..changes).map(step)).collect();
            drop(device);
            bench.disk.interrupt(Interrupt::Config);
            let capacity = bench.disk.capacity().0;
            assert!([small, large].contains(&capacity), "{capacity:#x} at {first}, {changes}");
        }
    }
    // A configuration that never stands still is not believed.
    let bench = Bench::new(Model::disk(64));
    let mut device = bench.device();
    let config = device.model.config;
    device.model.changes = (0..1000).map(|i| with_sectors(config, i)).collect();
    drop(device);
    bench.disk.interrupt(Interrupt::Config);
    assert_eq!(bench.disk.capacity(), Sectors(64));
}

#[test]
fn a_configuration_is_of_one_moment() {
    // Block size and capacity change together, at each read.
    for at in 0..12 {
        let before = Model::disk(64);
        let mut after = Model::disk(800);
        after.set(BLK_SIZE, &4096u32.to_le_bytes());
        let mut changes: VecDeque<_> = (0..at).map(|_| before.config).collect();
        changes.push_back(after.config);
        let device = FakeTransport::new(Model { changes, ..before });
        device.device().disk.resize(800 * 512, 0);
        let disk = Disk::new("vbd0".into(), device, Options::default()).unwrap();
        let status = disk.status();
        let seen = (status.limits.block_size, status.capacity.0);
        assert!([(512, 64), (4096, 800)].contains(&seen), "changed at read {at}: {seen:?}");
    }
}

#[test]
fn a_capacity_is_rounded_down_to_whole_blocks() {
    let mut model = says(BLK_SIZE, 4096);
    model.config = with_sectors(model.config, 63);
    let bench = Bench::new(model);
    assert_eq!(bench.disk.capacity(), Sectors(56));
    bench.run();
    assert_eq!(bench.perform(read(48, 8)).1, Ok(()));
    for (sectors, whole) in [(71, 64), (7, 0), (64, 64)] {
        let config = with_sectors(bench.device().model.config, sectors);
        bench.device().model.config = config;
        bench.disk.interrupt(Interrupt::Config);
        assert_eq!(bench.disk.capacity(), Sectors(whole), "of {sectors} sectors");
    }
}
