//! What becomes of requests when the device fails, hangs, lies or leaves.

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

    // It wakes up after all: what it gives back is freed, and no one hears of it.
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

#[test]
fn unusable_devices_are_refused_with_a_reason() {
    let mut odd_blocks = Model::disk(64);
    odd_blocks.set(20, &1000u32.to_le_bytes());
    let mut small_segments = Model::disk(64);
    small_segments.set(8, &511u32.to_le_bytes());
    let cases = [
        (Model::disk(64).without(Features::VERSION_1), SetupError::Legacy),
        (Model { queue_size: 0, ..Model::disk(64) }, SetupError::QueueTooShort(0)),
        (odd_blocks, SetupError::BadConfig("block size")),
        (small_segments, SetupError::BadConfig("a segment holds less than a block")),
    ];
    for (model, expected) in cases {
        let device = FakeTransport::new(model);
        let error = Disk::new("vbd0".into(), device, Options::default()).err().unwrap();
        assert_eq!(error, expected);
        assert!(!error.to_string().is_empty());
    }
}
