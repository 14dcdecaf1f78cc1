//! PCI functions made of a map: configuration space by word, BARs in plain memory.

use std::alloc::{Layout, alloc_zeroed};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use virtio_drivers::{BufferDirection, PhysAddr};

use super::*;

/// Configuration space: words by function and offset. A function that has none is not there.
#[derive(Clone, Default)]
pub(crate) struct FakeConfig(Arc<Mutex<HashMap<DeviceFunction, Words>>>);
type Words = HashMap<u8, u32>;

/// Size of the BAR of every fake function, in bytes.
const BAR_SIZE: u32 = 0x4000;
const BAR0: u8 = 0x10;
const COMMAND: u8 = 0x04;

/// BARs are plain memory at their own address.
pub(crate) struct FakeHal;

// SAFETY: only registers are mapped; they lie where `FakeConfig::add_bar` put them.
unsafe impl Hal for FakeHal {
    fn dma_alloc(_: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        unreachable!("no queue is set up")
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        unreachable!("no queue is set up")
    }

    unsafe fn mmio_phys_to_virt(paddr: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(std::ptr::with_exposed_provenance_mut(paddr as usize)).unwrap()
    }

    unsafe fn share(_: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        unreachable!("no queue is set up")
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {
        unreachable!("no queue is set up")
    }
}

impl ConfigurationAccess for FakeConfig {
    fn read_word(&self, at: DeviceFunction, offset: u8) -> u32 {
        let functions = self.0.lock().unwrap();
        functions.get(&at).map_or(u32::MAX, |words| words.get(&offset).copied().unwrap_or(0))
    }

    fn write_word(&mut self, at: DeviceFunction, offset: u8, value: u32) {
        let mut functions = self.0.lock().unwrap();
        let Some(words) = functions.get_mut(&at) else { return };
        let value = match offset {
            COMMAND => words[&COMMAND] & 0xffff_0000 | value & 0xffff,
            // A 64-bit BAR; the low half has the bits of its size wired to 0.
            BAR0 => value & !(BAR_SIZE - 1) | 0b100,
            _ => value,
        };
        words.insert(offset, value);
    }

    unsafe fn unsafe_clone(&self) -> FakeConfig {
        self.clone()
    }
}

impl FakeConfig {
    /// Adds a function; further words of its configuration space follow.
    pub(crate) fn add(&self, at: DeviceFunction, id: u32, words: &[(u8, u32)]) {
        let mut all = Words::from([(0, id), (COMMAND, 1 << 20)]);
        all.extend(words.iter().copied());
        self.0.lock().unwrap().insert(at, all);
    }

    /// Gives a function memory behind BAR 0. Returns its address.
    pub(crate) fn add_bar(&self, at: DeviceFunction) -> usize {
        let size = BAR_SIZE as usize;
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(Layout::from_size_align(size, size).unwrap()) };
        let address = memory.expose_provenance();
        let mut functions = self.0.lock().unwrap();
        let words = functions.get_mut(&at).unwrap();
        words.insert(BAR0, address as u32 | 0b100);
        words.insert(BAR0 + 4, (address >> 32) as u32);
        address
    }

    /// Pulls a function out of its slot.
    pub(crate) fn remove(&self, at: DeviceFunction) {
        self.0.lock().unwrap().remove(&at);
    }
}

pub(crate) const fn at(bus: u8, device: u8) -> DeviceFunction {
    DeviceFunction { bus, device, function: 0 }
}

const DISK: u32 = 0x1042_1af4;
const BRIDGE: u32 = 0x000c_1b36;

fn add_bridge(config: &FakeConfig, at: DeviceFunction, behind: u8) {
    config.add(at, BRIDGE, &[(0x0c, 1 << 16), (BUS_NUMBERS, u32::from(behind) << 8)]);
}

#[test]
fn functions_behind_bridges_are_found_in_the_order_of_their_addresses() {
    let config = FakeConfig::default();
    add_bridge(&config, at(0, 1), 2);
    add_bridge(&config, at(0, 2), 1);
    add_bridge(&config, at(1, 0), 3);
    // Not numbered, and leading back: neither is followed.
    add_bridge(&config, at(0, 3), 0);
    add_bridge(&config, at(3, 1), 1);
    for disk in [at(0, 9), at(2, 0), at(3, 0)] {
        config.add(disk, DISK, &[]);
    }
    let mut pci = Pci::new(config.clone());
    let found = pci.scan();
    let disks: Vec<_> =
        found.iter().filter(|found| found.info.device_id == 0x1042).map(|found| found.at).collect();
    assert_eq!(disks, [at(0, 9), at(2, 0), at(3, 0)]);
    assert_eq!(found.len(), 8);
    for bridge in [at(0, 1), at(0, 2), at(1, 0)] {
        assert_eq!(config.read_word(bridge, COMMAND) & 0b110, 0b110, "passes memory cycles");
    }
    assert_eq!(config.read_word(at(0, 9), COMMAND) & 0b110, 0, "a disk is enabled by its driver");
}

#[test]
fn an_endless_list_of_capabilities_is_a_fault() {
    let config = FakeConfig::default();
    config.add(at(0, 1), DISK, &[(0x34, 0x40), (0x40, 0x5009), (0x50, 0x4009)]);
    let pci = Pci::new(config);
    assert_eq!(pci.capabilities(at(0, 1)).unwrap_err(), PciFault::EndlessCapabilities);
}

#[test]
fn msix_vectors_send_their_messages() {
    let config = FakeConfig::default();
    // Three vectors, their table at 0x800 of BAR 0.
    config.add(at(0, 1), DISK, &[(0x34, 0x40), (0x40, 2 << 16 | 0x11), (0x44, 0x800)]);
    let bar = config.add_bar(at(0, 1));
    let mut pci = Pci::new(config.clone());
    assert_eq!(pci.msix_vectors(at(0, 1)), Ok(3));
    let messages = [
        Message { address: 0xfee0_1000, data: 0x31 },
        Message { address: 0x1_fee0_2000, data: 0x32 },
    ];
    pci.set_msix::<FakeHal>(at(0, 1), &messages).unwrap();
    // SAFETY: the function's BAR.
    let table: [u32; 8] =
        unsafe { std::ptr::with_exposed_provenance::<[u32; 8]>(bar + 0x800).read_volatile() };
    assert_eq!(table, [0xfee0_1000, 0, 0x31, 0, 0xfee0_2000, 1, 0x32, 0]);
    assert_eq!(config.read_word(at(0, 1), 0x40) >> 16, 0x8002, "enabled, not masked");
    assert_eq!(config.read_word(at(0, 1), COMMAND) & 1 << 10, 1 << 10, "INTx is off");

    let four = [messages[0]; 4];
    assert_eq!(pci.set_msix::<FakeHal>(at(0, 1), &four), Err(PciFault::TooFewVectors));
    config.add(at(0, 2), DISK, &[]);
    assert_eq!(pci.msix_vectors(at(0, 2)), Ok(0));
}

#[test]
fn registers_outside_of_a_bar_are_refused() {
    let config = FakeConfig::default();
    config.add(at(0, 1), DISK, &[]);
    let mut pci = Pci::new(config.clone());
    let mut map = |bar, offset| pci.registers::<FakeHal, u16>(at(0, 1), bar, offset).err();
    assert_eq!(map(0, 0), Some(PciFault::NoBar(0)));
    assert_eq!(map(77, 0), Some(PciFault::NoBar(77)));
    config.add_bar(at(0, 1));
    assert_eq!(map(0, u64::from(BAR_SIZE) - 2), None);
    for outside in [u64::from(BAR_SIZE) - 1, u64::from(BAR_SIZE), u64::MAX, 1] {
        assert_eq!(map(0, outside), Some(PciFault::OutsideBar(0)), "at {outside:#x}");
    }
}

#[test]
fn the_line_of_a_pin_is_what_firmware_wrote() {
    let config = FakeConfig::default();
    let lines = [(0x010a, Some(10)), (0x000a, None), (0x01ff, None)];
    for (device, (word, line)) in (1..).zip(lines) {
        config.add(at(0, device), DISK, &[(INTERRUPT, word)]);
        assert_eq!(Pci::new(config.clone()).interrupt_line(at(0, device)), line);
    }
}

#[test]
fn a_pulled_function_is_not_present() {
    let config = FakeConfig::default();
    config.add(at(0, 1), DISK, &[]);
    let presence = Pci::new(config.clone()).presence(at(0, 1));
    assert!(presence.is_present());
    config.remove(at(0, 1));
    assert!(!presence.is_present());
}
