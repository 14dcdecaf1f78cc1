//! PCI functions made of a map: configuration space by word, BARs in plain memory.

use std::alloc::{Layout, alloc_zeroed};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::vec;

use virtio_drivers::{BufferDirection, PhysAddr};

use super::header::COMMAND;
use super::*;

/// Configuration space: words by function and offset. A function without words is not there.
#[derive(Clone, Default)]
pub(crate) struct FakeConfig(Arc<Mutex<HashMap<DeviceFunction, Words>>>);

/// The words of a function, each with the bits that a BAR keeps.
type Words = HashMap<u16, u32>;
/// Added to the offset of a BAR: the place of its mask of writable bits.
const MASK: u16 = 0x100;

/// Size of the BAR of every fake function, in bytes.
const BAR_SIZE: u32 = 0x4000;

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
        let word = |words: &Words| words.get(&offset.into()).copied().unwrap_or(0);
        functions.get(&at).map_or(u32::MAX, word)
    }

    fn write_word(&mut self, at: DeviceFunction, offset: u8, value: u32) {
        let mut functions = self.0.lock().unwrap();
        let Some(words) = functions.get_mut(&at) else { return };
        let offset = u16::from(offset);
        let before = words.get(&offset).copied().unwrap_or(0);
        let mask = match words.get(&(offset + MASK)) {
            Some(&mask) => mask,
            None if offset == u16::from(COMMAND) => 0xffff,
            None if (0x10..0x28).contains(&offset) => 0,
            None => u32::MAX,
        };
        words.insert(offset, before & !mask | value & mask);
    }

    unsafe fn unsafe_clone(&self) -> FakeConfig {
        self.clone()
    }
}

impl FakeConfig {
    /// Adds a function; further words of its configuration space follow.
    pub(crate) fn add(&self, at: DeviceFunction, id: u32, words: &[(u8, u32)]) {
        let mut all = Words::from([(0, id), (COMMAND.into(), 1 << 20)]);
        all.extend(words.iter().map(|&(offset, word)| (offset.into(), word)));
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
        // A 64-bit BAR; the low half has the bits of its size wired to 0.
        let bar = u16::from(BAR0);
        words.extend([(bar, address as u32 | 0b100), (bar + MASK, !(BAR_SIZE - 1))]);
        words.extend([(bar + 4, (address >> 32) as u32), (bar + 4 + MASK, u32::MAX)]);
        address
    }

    /// Sets a word.
    pub(crate) fn set(&self, at: DeviceFunction, offset: u8, word: u32) {
        self.0.lock().unwrap().get_mut(&at).unwrap().insert(offset.into(), word);
    }

    /// Makes a BAR of 32 bits, of which these can be written; or of 64 bits, whose upper half
    /// can be written.
    fn set_masks(&self, at: DeviceFunction, bar: u8, mask: u32) {
        self.set_mask(at, bar, mask);
        let low = self.read_word(at, bar);
        if low & 0b111 == 0b100 {
            self.set_mask(at, bar + 4, u32::MAX);
        }
    }

    fn set_mask(&self, at: DeviceFunction, bar: u8, mask: u32) {
        let key = u16::from(bar) + MASK;
        self.0.lock().unwrap().get_mut(&at).unwrap().insert(key, mask);
    }

    /// Pulls a function out of its slot.
    pub(crate) fn remove(&self, at: DeviceFunction) {
        self.0.lock().unwrap().remove(&at);
    }
}

pub(crate) const fn at(bus: u8, device: u8) -> DeviceFunction {
    DeviceFunction { bus, device, function: 0 }
}

/// A message that no device sends.
pub(crate) fn message(address: u64, data: u32) -> Message {
    // SAFETY: a fake device has no way to write it.
    unsafe { Message::new(address, data) }
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
    let mut pci = Pci::new(config.clone(), Vec::new());
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
    let pci = Pci::new(config.clone(), Vec::new());
    let circles: [&[(u8, u32)]; 3] =
        [&[(0x40, 0x5009), (0x50, 0x4009)], &[(0x40, 0x4009)], &[(0x40, 0x4309)]];
    for words in circles {
        config.add(at(0, 1), DISK, words);
        config.set(at(0, 1), 0x34, 0x40);
        assert_eq!(pci.capabilities(at(0, 1)).unwrap_err(), PciFault::EndlessCapabilities);
    }
}

#[test]
fn a_list_of_capabilities_may_fill_its_space_and_leads_nowhere_else() {
    let config = FakeConfig::default();
    config.add(at(0, 1), DISK, &[(0x34, 0x40)]);
    let pci = Pci::new(config.clone(), Vec::new());
    for offset in (0x40..=0xfc).step_by(4) {
        config.set(at(0, 1), offset, u32::from(offset.wrapping_add(4)) << 8 | 0x09);
    }
    assert_eq!(pci.capabilities(at(0, 1)).unwrap().len(), 48);
    for stray in [0x04, 0x3c] {
        config.set(at(0, 1), 0xfc, u32::from(stray) << 8);
        let fault = PciFault::StrayCapability(stray);
        assert_eq!(pci.capabilities(at(0, 1)).unwrap_err(), fault);
        config.set(at(0, 1), 0x34, stray.into());
        assert_eq!(pci.capabilities(at(0, 1)).unwrap_err(), fault);
        config.set(at(0, 1), 0x34, 0x40);
    }
}

#[test]
fn a_capability_near_the_end_of_configuration_space_is_cut_short() {
    let config = FakeConfig::default();
    config.add(at(0, 1), DISK, &[]);
    let mut pci = Pci::new(config.clone(), Vec::new());
    // MSI-X, whose table is told of in its second word.
    config.set(at(0, 1), 0x34, 0xfc);
    config.set(at(0, 1), 0xfc, 0x0001_0011);
    let fault = Err(PciFault::CutShort(0xfc));
    assert_eq!(pci.set_msix::<FakeHal>(at(0, 1), &[message(0, 0)]), fault);
    let [capability] = pci.capabilities(at(0, 1)).unwrap()[..] else { panic!("one capability") };
    assert_eq!(pci.words::<1>(&capability), Ok([0x0001_0011]));
    assert_eq!(pci.words::<2>(&capability), Err(PciFault::CutShort(0xfc)));
}

/// Configuration space that counts how often each word is read.
#[derive(Clone)]
struct Counted(FakeConfig, Arc<Mutex<HashMap<u8, usize>>>);

impl ConfigurationAccess for Counted {
    fn read_word(&self, at: DeviceFunction, offset: u8) -> u32 {
        *self.1.lock().unwrap().entry(offset).or_default() += 1;
        self.0.read_word(at, offset)
    }

    fn write_word(&mut self, at: DeviceFunction, offset: u8, value: u32) {
        self.0.write_word(at, offset, value);
    }

    unsafe fn unsafe_clone(&self) -> Counted {
        self.clone()
    }
}

#[test]
fn each_word_of_a_capability_is_read_once() {
    let config = FakeConfig::default();
    config.add(at(0, 1), DISK, &[(0x34, 0x40), (0x40, 0x0001_5011), (0x50, 0x0009)]);
    let counts = Arc::default();
    let pci = Pci::new(Counted(config, Arc::clone(&counts)), Vec::new());
    for capability in pci.capabilities(at(0, 1)).unwrap() {
        assert!(pci.words::<4>(&capability).is_ok());
    }
    let counts = counts.lock().unwrap();
    for offset in (0x40..0x60).step_by(4) {
        assert_eq!(counts[&offset], 1, "the word at {offset:#x}");
    }
}

#[test]
fn bars_that_make_no_sense_are_refused() {
    let bars = |low: u32, high: u32, mask: u32, header: u32| {
        let config = FakeConfig::default();
        config.add(at(0, 1), DISK, &[(0x0c, header << 16), (BAR0 + 4, low), (BAR0 + 8, high)]);
        config.set_masks(at(0, 1), BAR0 + 4, mask);
        let mut pci = Pci::new(config.clone(), Vec::new());
        let bars = pci.bars(at(0, 1));
        assert_eq!(config.read_word(at(0, 1), BAR0 + 4), low, "as it was before");
        bars.map(|bars| bars[1])
    };
    let bad = Err(PciFault::BadBar(1));
    assert_eq!(bars(0x8000_0006, 0, 0xffff_f000, 0), bad, "of no known kind");
    assert_eq!(bars(0x8000_0000, 0, 0xffff_5000, 0), bad, "a size with holes");
    assert_eq!(bars(0x8000_1000, 0, 0xffff_0000, 0), bad, "not at a multiple of its size");
    assert_eq!(bars(0x8000_0001, 0, 0xffff_fffc, 0), Ok(None), "ports are not used");
    assert_eq!(bars(0, 0, 0, 0), Ok(None), "no BAR at all");
    let bar = bars(0x8000_0008, 0, 0xffff_0000, 0).unwrap().unwrap();
    let expected = Bar { address: 0x8000_0000, size: 0x1_0000, wide: false, prefetchable: true };
    assert_eq!(bar, expected);
    let bar = bars(0x4, 0x80, 0xffff_0000, 0).unwrap().unwrap();
    assert_eq!((bar.address, bar.size, bar.wide), (0x80_0000_0000, 0x1_0000, true));
    // A bridge has two BARs: the word behind them is no upper half.
    assert_eq!(bars(0x8000_0004, 0, 0xffff_0000, 1), bad);
}

#[test]
fn a_bar_lies_over_nothing_that_is_known() {
    let config = FakeConfig::default();
    let bar = |device, address: u32| {
        config.add(at(0, device), DISK, &[(BAR0 + 4, address)]);
        config.set_masks(at(0, device), BAR0 + 4, 0xffff_0000);
    };
    let mut pci = Pci::new(config.clone(), vec![0..=0x7fff_ffff, 0xfee0_0000..=0xfee0_0fff]);
    let overlaps = Err(PciFault::Overlaps(1));
    let mut claims = |device, address| {
        bar(device, address);
        pci.claim(at(0, device)).map(drop)
    };
    assert_eq!(claims(1, 0x7fff_0000), overlaps, "the last of memory");
    assert_eq!(claims(1, 0xfee0_0000), overlaps, "an interrupt controller");
    assert_eq!(claims(1, 0x8000_0000), Ok(()), "behind memory");
    assert_eq!(claims(2, 0x8000_0000), overlaps, "the other function's");
    assert_eq!(claims(2, 0x8001_0000), Ok(()));
    assert_eq!(claims(1, 0x8000_0000), Ok(()), "its own, again");
    assert_eq!(claims(1, 0x9000_0000), Ok(()), "moved");
    assert_eq!(claims(2, 0x8000_0000), Ok(()), "so this is free");
    assert_eq!(claims(3, 0), Ok(()), "placed nowhere, so in nobody's way");
    // Two of one function.
    config.add(at(0, 4), DISK, &[(BAR0, 0xa000_0000), (BAR0 + 4, 0xa000_0000)]);
    config.set_masks(at(0, 4), BAR0, 0xffff_0000);
    config.set_masks(at(0, 4), BAR0 + 4, 0xfff0_0000);
    assert_eq!(pci.claim(at(0, 4)).map(drop), overlaps);
    assert!(pci.claim(at(0, 1)).is_ok(), "what was refused has claimed nothing");
}

#[test]
fn msix_vectors_send_their_messages() {
    let config = FakeConfig::default();
    // Three vectors, their table at 0x800 of BAR 0.
    config.add(at(0, 1), DISK, &[(0x34, 0x40), (0x40, 2 << 16 | 0x11), (0x44, 0x800)]);
    let bar = config.add_bar(at(0, 1));
    let mut pci = Pci::new(config.clone(), Vec::new());
    assert_eq!(pci.msix_vectors(at(0, 1)), Ok(3));
    let messages = [message(0xfee0_1000, 0x31), message(0x1_fee0_2000, 0x32)];
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
    let mut pci = Pci::new(config.clone(), Vec::new());
    let mut map = |bar, offset| {
        let bars = pci.bars(at(0, 1)).unwrap();
        Pci::<FakeConfig>::registers::<FakeHal, u16>(&bars, bar, offset).err()
    };
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
        assert_eq!(Pci::new(config.clone(), Vec::new()).interrupt_line(at(0, device)), line);
    }
}

#[test]
fn a_pulled_function_is_not_present() {
    let config = FakeConfig::default();
    config.add(at(0, 1), DISK, &[]);
    let presence = Pci::new(config.clone(), Vec::new()).presence(at(0, 1));
    assert!(presence.is_present());
    config.remove(at(0, 1));
    assert!(!presence.is_present());
}
