//! Disks whose device leaves and comes back.

use super::*;
use crate::pcie::Severed;
use crate::virtio::Failure;
use crate::virtio::fake::{PLACE, pages_out};
use crate::virtio::ring::Fetched;

/// Another device with the same contents of its configuration.
fn newcomer(model: Model) -> (Disk, FakeTransport) {
    let transport = FakeTransport::new(model);
    let disk = Disk::new("vbd0".into(), transport.clone(), Options::default()).unwrap();
    transport.device().serve(usize::MAX);
    disk.interrupt(Interrupt::Queue);
    (disk, transport)
}

#[test]
fn a_disk_that_is_to_leave_ends_what_it_holds_and_takes_nothing_more() {
    let bench = Bench::new(Model::disk(1024));
    bench.run();
    (0..200).for_each(|at| bench.issue(at, write(at, 1, 7)));
    assert_eq!(bench.disk.leave(), 128, "the device has these");
    let refused: Vec<_> = bench.endings.try_iter().collect();
    assert_eq!(refused.len(), 72, "those that waited");
    assert!(refused.iter().all(|ending| ending.2 == error(ErrorKind::Gone, 1)));
    assert_eq!(bench.state(), State::Leaving);
    bench.issue(500, read(0, 1));
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Gone, 1));
    bench.run();
    assert_eq!(bench.endings.try_iter().filter(|ending| ending.2 == Ok(())).count(), 128);
    assert_eq!(bench.disk.leave(), 0);
    assert_eq!(bench.device().disk[127 * 512], 7, "nothing was cut short");
}

#[test]
fn a_disk_that_is_to_leave_finishes_a_transfer_in_parts() {
    let mut model = Model::disk(64);
    model.set(8, &512u32.to_le_bytes());
    model.set(12, &2u32.to_le_bytes());
    let bench = Bench::new(model);
    bench.run();
    bench.issue(0, write(0, 10, 3));
    assert_eq!(bench.disk.leave(), 1);
    bench.run();
    assert_eq!(bench.endings.try_recv().unwrap().2, Ok(()));
    assert_eq!(bench.disk.leave(), 0);
}

#[test]
fn a_disk_that_hangs_while_it_is_to_leave_is_barred() {
    let bench = Bench::with(Model::disk(64), Options { timeout_ticks: 0, ..Options::default() });
    bench.run();
    bench.issue(0, read(0, 1));
    bench.disk.leave();
    bench.disk.tick();
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Timeout, 1));
    assert_eq!(bench.disk.leave(), 1, "the device still has it");
    assert_eq!(bench.state(), State::Barred(Failure::Timeout(Fetched::Unknown)));
}

#[test]
fn whatever_a_device_that_is_torn_out_held_ends_at_once() {
    let bench = Bench::new(Model::disk(1024));
    (0..200).for_each(|at| bench.issue(at, read(at, 1)));
    bench.device().present = false;
    bench.disk.lost();
    let endings: Vec<_> = bench.endings.try_iter().collect();
    assert_eq!(endings.len(), 200);
    assert!(endings.iter().all(|ending| ending.2 == error(ErrorKind::Gone, 1)));
    assert_eq!(bench.state(), State::Barred(Failure::Gone));
}

#[test]
fn a_disk_that_came_back_serves_and_says_that_it_was_away() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    assert_eq!(bench.perform(write(0, 1, 1)).1, Ok(()));
    let counts = bench.disk.status().counts;
    bench.issue(9, read(0, 1));
    bench.disk.lost();
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Gone, 1));
    assert_eq!(bench.disk.resets(), 0);

    let (other, transport) = newcomer(Model::disk(96));
    assert!(bench.disk.take_over(other));
    assert_eq!((bench.state(), bench.disk.resets()), (State::Ready, 1));
    assert_eq!(bench.disk.capacity(), Sectors(96), "it may have grown");
    assert_eq!(bench.disk.status().counts.writes, counts.writes, "counts go on");
    // Nobody sees what the old device still does.
    bench.device().serve(usize::MAX);
    bench.disk.interrupt(Interrupt::Queue);
    assert!(bench.endings.try_recv().is_err());
    let bench = Bench { transport, ..bench };
    assert_eq!(bench.perform(write(80, 1, 2)).1, Ok(()));
    assert_eq!(bench.device().disk[80 * 512], 2);
    // It may leave and come back again.
    assert_eq!(bench.disk.leave(), 0);
    bench.disk.lost();
    let (other, _) = newcomer(Model::disk(96));
    assert!(bench.disk.take_over(other));
    assert_eq!(bench.disk.resets(), 2);
}

#[test]
fn a_disk_in_use_and_another_disk_are_not_taken_over() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    let (same, _) = newcomer(Model::disk(64));
    assert!(bench.disk.is_same(&same));
    assert!(!bench.disk.take_over(same), "it is in use");
    assert_eq!(bench.perform(read(0, 1)).1, Ok(()));
    bench.disk.lost();
    let mut blocks = Model::disk(64);
    blocks.set(20, &4096u32.to_le_bytes());
    let (other, _) = newcomer(blocks);
    assert!(!bench.disk.take_over(other), "its blocks are larger");
    let transport = FakeTransport::new(Model::disk(64));
    let nameless = Disk::new("vbd0".into(), transport, Options::default()).unwrap();
    assert!(!bench.disk.take_over(nameless), "it has not said who it is");
    assert_eq!((bench.state(), bench.disk.resets()), (State::Barred(Failure::Gone), 0));
}

#[test]
fn two_disks_without_serial_numbers_are_two_disks() {
    let nameless = || Model { serial: [0; 20], ..Model::disk(64) };
    let bench = Bench::new(nameless());
    bench.run();
    assert!(bench.disk.has_identified());
    bench.disk.lost();
    let (other, _) = newcomer(nameless());
    assert!(other.has_identified() && other.status().serial.is_empty());
    assert!(!bench.disk.is_same(&other));
    assert!(!bench.disk.take_over(other));
}

#[test]
fn who_a_disk_is_is_known_when_it_has_answered() {
    let bench = Bench::new(Model::disk(64));
    assert!(!bench.disk.has_identified());
    (0..100).for_each(|_| bench.disk.glance());
    assert!(!bench.disk.has_identified(), "time is no answer");
    bench.device().answer = Some(2);
    bench.run();
    assert!(bench.disk.has_identified(), "it has no serial number to tell");
    assert_eq!(bench.disk.status().serial.as_str(), "");
}

#[test]
fn a_disk_that_never_says_who_it_is_is_barred() {
    let bench = Bench::with(Model::disk(64), Options { timeout_ticks: 2, ..Options::default() });
    (0..3).for_each(|_| bench.disk.tick());
    assert_eq!(bench.state(), State::Barred(Failure::Timeout(Fetched::No)));
    assert!(!bench.disk.has_identified());
}

#[test]
fn a_device_that_was_let_go_of_is_not_touched_any_more() {
    for release in [false, true] {
        let bench = Bench::new(Model::disk(64));
        bench.run();
        if release {
            assert!(bench.disk.release());
        } else {
            bench.issue(9, read(0, 1));
            bench.disk.lost();
            assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Gone, 1));
        }
        // Another device is in its place, and has raised the line that both are on.
        let mut device = bench.device();
        device.model.set(0, &96u64.to_le_bytes());
        device.isr = InterruptStatus::all();
        let (status, acknowledged, kicks) = (device.status, device.acknowledged, device.kicks);
        drop(device);
        for why in [Interrupt::Line, Interrupt::Config, Interrupt::Queue] {
            bench.disk.interrupt(why);
        }
        bench.disk.tick();
        (0..8).for_each(|_| bench.disk.glance());
        bench.issue(0, read(0, 1));
        assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Gone, 1));
        assert_eq!(bench.disk.leave(), usize::from(!release));
        let device = bench.device();
        assert!(device.isr == InterruptStatus::all(), "its own driver hears why");
        assert_eq!((device.acknowledged, device.kicks), (acknowledged, kicks));
        assert_eq!(device.status, status);
        drop(device);
        assert_eq!(bench.disk.status().counts.repeated_kicks, 0);
        assert_eq!(bench.disk.capacity(), Sectors(64), "the other's is nothing to it");
    }
}

#[test]
fn a_barred_device_still_lowers_its_line_and_tells_no_size() {
    let bench = Bench::with(Model::disk(64), Options { timeout_ticks: 0, ..Options::default() });
    bench.run();
    bench.issue(0, read(0, 1));
    bench.disk.tick();
    assert_eq!(bench.state(), State::Barred(Failure::Timeout(Fetched::Unknown)));
    let mut device = bench.device();
    device.isr = InterruptStatus::all();
    device.model.set(0, &96u64.to_le_bytes());
    drop(device);
    bench.disk.interrupt(Interrupt::Line);
    assert!(bench.device().isr.is_empty());
    assert_eq!(bench.disk.capacity(), Sectors(64));
}

#[test]
fn a_device_that_holds_requests_is_released_without_a_reset() {
    let bench = Bench::new(Model::disk(64));
    let pages = pages_out();
    bench.issue(0, read(0, 1));
    let status = bench.device().status;
    assert!(!bench.disk.release());
    assert_eq!(bench.device().status, status);
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Gone, 1));
    drop(bench);
    assert_eq!(pages_out(), pages, "the device may still write there");
}

#[test]
fn what_a_device_was_lent_is_free_when_its_slot_has_no_power() {
    let before = pages_out();
    let bench = Bench::new(Model::disk(64));
    let data = Bytes::from(vec![9; 512]);
    bench.issue(0, Buf::write(extent(5, 1), data.clone()));
    let proof = Severed::of_bus(PLACE.bus);
    bench.disk.severed(&proof);
    assert!(bench.disk.status().in_flight > 0, "it was not let go of: the proof is not of now");
    bench.disk.lost();
    drop(bench.endings.try_recv().unwrap());
    bench.disk.severed(&Severed::of_bus(PLACE.bus + 1));
    assert!(!data.is_unique(), "of another slot");
    bench.disk.severed(&proof);
    assert!(data.is_unique());
    assert_eq!(bench.disk.status().in_flight, 0);
    drop(bench);
    assert_eq!(pages_out(), before);
}

/// Tries each kind of return: torn out under load, refused as another disk, released and set up
/// anew.
#[test]
fn thousands_of_returns_leave_nothing_behind() {
    let bench = Bench::new(Model::disk(256));
    bench.run();
    let (before, proof) = (pages_out(), Severed::of_bus(PLACE.bus));
    let data = Bytes::from(vec![1; 512]);
    for round in 0..3000 {
        (0..50).for_each(|at| bench.issue(at, Buf::write(extent(at, 1), data.clone())));
        bench.disk.lost();
        bench.endings.try_iter().for_each(drop);
        bench.disk.severed(&proof);
        let (stranger, _) =
            newcomer(Model { serial: *b"another disk-------0", ..Model::disk(256) });
        assert!(!bench.disk.is_same(&stranger) && stranger.release());
        drop(stranger);
        let (other, _) = newcomer(Model::disk(256));
        assert!(bench.disk.take_over(other));
        if round % 3 == 0 {
            assert!(bench.disk.release());
            let (again, _) = newcomer(Model::disk(256));
            assert!(bench.disk.take_over(again));
        }
    }
    assert_eq!(pages_out(), before, "pages of queues");
    assert!(data.is_unique(), "what was lent");
}

#[test]
fn a_queue_that_was_never_started_is_freed() {
    let before = pages_out();
    let transport = FakeTransport::new(Model::disk(64));
    transport.device().present = false;
    let error = Disk::new("vbd0".into(), transport, Options::default()).err();
    assert_eq!(error, Some(SetupError::Failed(Failure::Gone)));
    assert_eq!(pages_out(), before);
}
