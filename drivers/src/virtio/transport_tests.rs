//! The transport on a function of plain memory.

use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::*;
use std::vec::Vec;

use crate::pci::Bar;
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

/// How the function is refused with this word at this offset, and 3 for its doorbell.
fn refusal(offset: u8, word: u32) -> Option<SetupError> {
    let (config, bar) = function();
    poke(bar + 0x1e, 3u16);
    config.set(DISK, offset, word);
    let mut pci = Pci::new(config.clone(), Vec::new());
    let refusal = VirtioPci::new::<FakeHal>(&mut pci, DISK, messages()).err();
    let command = pci.read(DISK, 0x04);
    let reaches = Command::MEMORY_SPACE | Command::BUS_MASTER;
    let on = command & u32::from(reaches.bits()) != 0;
    assert_eq!(on, refusal.is_none(), "one that is refused reaches no memory");
    refusal
}

#[test]
fn registers_that_lie_nowhere_are_refused() {
    let pci = |fault| Some(SetupError::Pci(fault));
    let outside = pci(PciFault::OutsideBar(0));
    assert_eq!(refusal(0x5c, 0x38), None, "the shortest common configuration");
    let cases = [
        (0x5c, 0x37, outside.clone(), "too short"),
        (0x58, 0x3fcc, outside.clone(), "over the end of the BAR"),
        (0x58, 0xffff_ffd0, outside.clone(), "a sum that does not fit 32 bits"),
        (0x5c, 0xffff_ffff, outside.clone(), "as long as can be"),
        (0x58, 2, outside.clone(), "misaligned"),
        (0x54, 6, pci(PciFault::NoBar(6)), "BARs are numbered from 0 to 5"),
        (0x54, 255, pci(PciFault::NoBar(255)), "far beyond them"),
        (0x54, 2, pci(PciFault::NoBar(2)), "there is no BAR 2"),
        (0x74, u32::MAX, outside.clone(), "a doorbell far beyond"),
        (0x74, 0x55, outside.clone(), "3 * 0x55 + 2 bytes are one too many"),
        (0x74, 1, outside.clone(), "half of a register"),
        (0x70, 1, outside.clone(), "no room for a doorbell"),
        (0x84, 0, outside, "no ISR"),
        (0x44, 0x3ff8, pci(PciFault::OutsideBar(0)), "the table of messages beyond the end"),
        (0x44, 0x0006, pci(PciFault::NoBar(6)), "the table in no BAR"),
        (0x50, 0x010f_6409, pci(PciFault::CutShort(0x50)), "a short capability"),
        (0x64, 0x0213_7809, pci(PciFault::CutShort(0x64)), "no multiplier"),
        (
            0x64,
            0x0514_7809,
            { Some(SetupError::Registers(VirtioPciError::MissingNotifyConfig)) },
            "no notification at all",
        ),
        (0x88, 0x0410_5009, pci(PciFault::EndlessCapabilities), "a list in a circle"),
    ];
    for (offset, word, expected, why) in cases {
        assert_eq!(refusal(offset, word), expected, "{why}");
    }
}

#[test]
fn a_region_beyond_the_first_4_gib_of_its_bar_is_refused() {
    let bar = Bar { address: 1 << 39, size: 1 << 33, wide: true, prefetchable: true };
    let bars = [Some(bar), None, None, None, None, None];
    let region = |offset, length| Region { bar: 0, offset, length }.within(&bars, 1, 56);
    let last = u32::MAX - 56;
    assert_eq!(region(last, 56), Ok(Region { bar: 0, offset: last, length: 56 }));
    assert_eq!(region(last, 57), Err(PciFault::OutsideBar(0)));
    assert_eq!(region(u32::MAX, u32::MAX), Err(PciFault::OutsideBar(0)));
}
