//! Disks whose device leaves and comes back.

use super::*;
use crate::virtio::Failure;
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
    // What the old device still does reaches nobody.
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
