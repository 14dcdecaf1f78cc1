//! The transport on a function of plain memory.

use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::*;
use std::vec::Vec;

use crate::pci::tests::{FakeConfig, FakeHal, at, message};

const DISK: DeviceFunction = at(0, 1);

// Where the fake device keeps its registers in BAR 0.
const NOTIFY: usize = 0x3000;
const MSIX_TABLE: usize = 0x1000;

/// A virtio-blk function with MSI-X, and the address of its BAR.
fn function() -> (FakeConfig, usize) {
    let config = FakeConfig::default();
    let words = [
        (0x34, 0x40),
        // MSI-X with two vectors.
        (0x40, 1 << 16 | 0x5011),
        (0x44, MSIX_TABLE as u32),
        // Common configuration, notification, ISR, device configuration.
        (0x50, 0x0110_6409),
        (0x54, 0),
        (0x58, 0),
        (0x5c, 0x40),
        (0x64, 0x0214_7809),
        (0x68, 0),
        (0x6c, NOTIFY as u32),
        (0x70, 0x100),
        (0x74, 4),
        (0x78, 0x0310_8809),
        (0x7c, 0),
        (0x80, 0x200),
        (0x84, 4),
        (0x88, 0x0410_0009),
        (0x8c, 0),
        (0x90, 0x300),
        (0x94, 0x40),
    ];
    config.add(DISK, 0x1042_1af4, &words);
    let bar = config.add_bar(DISK);
    (config, bar)
}

fn peek<T: Copy>(address: usize) -> T {
    // SAFETY: within the BAR, which is plain memory.
    unsafe { std::ptr::with_exposed_provenance::<T>(address).read_volatile() }
}

fn poke<T>(address: usize, value: T) {
    // SAFETY: within the BAR, which is plain memory.
    unsafe { std::ptr::with_exposed_provenance_mut::<T>(address).write_volatile(value) };
}

fn messages() -> Interrupts {
    Interrupts::Msix { config: message(0xfee0_0000, 0x40), queue: message(0xfee0_0000, 0x41) }
}

#[test]
fn the_doorbell_is_where_the_device_wants_it() {
    let (config, bar) = function();
    poke(bar + 0x1e, 3u16);
    let mut device =
        VirtioPci::new::<FakeHal>(&mut Pci::new(config, Vec::new()), DISK, Interrupts::Line)
            .unwrap();
    poke(bar + NOTIFY + 12, 0xffffu16);
    device.notify(0);
    assert_eq!(peek::<u16>(bar + NOTIFY + 12), 0, "the queue's number, at 3 times 4");
}

#[test]
fn vectors_are_assigned_with_the_queue() {
    for (interrupts, expected) in
        [(messages(), (CONFIG_VECTOR, QUEUE_VECTOR)), (Interrupts::Line, (7, 7))]
    {
        let (config, bar) = function();
        let mut device =
            VirtioPci::new::<FakeHal>(&mut Pci::new(config, Vec::new()), DISK, interrupts).unwrap();
        poke(bar + 0x10, 7u16);
        poke(bar + 0x1a, 7u16);
        device.queue_set(0, 8, 0x1000, 0x2000, 0x3000);
        assert_eq!((peek::<u16>(bar + 0x10), peek::<u16>(bar + 0x1a)), expected);
        assert_eq!(peek::<[u64; 3]>(bar + 0x20), [0x1000, 0x2000, 0x3000]);
        assert_eq!(device.health(), Ok(()));
    }
}

#[test]
fn health_is_what_bus_and_device_say() {
    let (config, bar) = function();
    let device =
        VirtioPci::new::<FakeHal>(&mut Pci::new(config.clone(), Vec::new()), DISK, messages())
            .unwrap();
    assert_eq!(device.health(), Ok(()));
    poke(bar + 0x14, 0x4fu8);
    assert_eq!(device.health(), Err(Failure::Fault(DeviceFault::NeedsReset)));
    config.remove(DISK);
    assert_eq!(device.health(), Err(Failure::Gone));
}

#[test]
fn a_device_without_virtio_registers_is_refused() {
    let config = FakeConfig::default();
    config.add(DISK, 0x1001_1af4, &[]);
    let error =
        VirtioPci::new::<FakeHal>(&mut Pci::new(config, Vec::new()), DISK, Interrupts::Line).err();
    assert_eq!(error, Some(SetupError::Legacy));
}
