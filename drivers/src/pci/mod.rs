//! PCI: what is on the buses, and the registers and interrupts of a function.
//!
//! Place: the kernel makes one [`Pci`] of its configuration space, scans it, and hands
//! functions to drivers. A room for unsafe code: it maps registers.
//!
//! Rules:
//!
//! - Firmware has numbered the buses and placed the BARs. `pcie` places the BARs of devices
//!   that come later.
//! - What a device says about itself is checked where it is read: its list of capabilities in
//!   `capability`, its BARs in `bar` and `Pci::claim`. All code built on them uses that one
//!   reading, `virtio-drivers` too (`checked`).
//! - No registers are mapped over something else: memory, an interrupt controller, the BAR of
//!   another function.

mod bar;
mod capability;
mod checked;
mod fault;
mod header;
mod msix;

use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::ptr::NonNull;

use virtio_drivers::Hal;
use virtio_drivers::transport::pci::bus::{
    Command, ConfigurationAccess, DeviceFunction, DeviceFunctionInfo, HeaderType, PciRoot,
};
use virtio_drivers::transport::pci::{PciTransport, VirtioPciError};
use volatile::VolatileRef;

pub(crate) use self::bar::{BAR0, Bar, Bars};
pub use self::capability::Capability;
pub(crate) use self::checked::{CAPABILITY_VENDOR, Checked, Region};
pub use self::fault::PciFault;
use self::header::{BUS_NUMBERS, INTERRUPT};

/// The vendor id of a function that is still starting.
const NOT_READY: u16 = 1;

/// Configuration space that also takes writes of 16 bits: where two registers share a word, one
/// may have to be left alone.
pub trait HalfWords: ConfigurationAccess {
    /// Writes 16 bits; `offset` is a multiple of 2.
    fn write_half(&mut self, at: DeviceFunction, offset: u8, value: u16);
}

/// Configuration space and what can be found in it.
pub struct Pci<C: ConfigurationAccess> {
    root: PciRoot<C>,
    /// The same configuration space: `root` keeps its own to itself.
    config: C,
    /// Where no BAR may lie: physical addresses that are taken already.
    reserved: Vec<RangeInclusive<u64>>,
    /// The BARs of functions that are driven.
    claims: Vec<(DeviceFunction, RangeInclusive<u64>)>,
}

/// A function on a bus.
#[derive(Clone, Debug)]
pub struct Function {
    /// Where.
    pub at: DeviceFunction,
    /// What.
    pub info: DeviceFunctionInfo,
}

/// An interrupt as a memory write: what a device sends, and where (MSI).
///
/// The compiler cannot check a device's write. So the maker of a message vouches for it, and
/// nobody can change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    address: u64,
    data: u32,
}

impl Message {
    /// The message that is the write of `data` to the physical address `address`.
    ///
    /// # Safety
    ///
    /// The address is an interrupt controller's, and the data name a vector there whose
    /// handler bears to be called at any time, as long as the device has power.
    pub const unsafe fn new(address: u64, data: u32) -> Message {
        Message { address, data }
    }

    /// Where it is written.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// What is written there.
    pub fn data(&self) -> u32 {
        self.data
    }
}

impl<C: ConfigurationAccess> Pci<C> {
    /// The PCI buses behind `config`. No BAR may lie in `reserved`: the physical addresses of
    /// memory, of interrupt controllers and configuration space, and those that the CPU does
    /// not have.
    pub fn new(config: C, reserved: Vec<RangeInclusive<u64>>) -> Pci<C> {
        // SAFETY: both handles stay in this struct, so `&mut self` orders every
        // write; what `Presence` keeps reads a word that nobody writes.
        let root = PciRoot::new(unsafe { config.unsafe_clone() });
        Pci { root, config, reserved, claims: Vec::new() }
    }

    /// Every function that can be reached from bus 0, by address. Lets the bridges on the way
    /// forward memory cycles and interrupts of the functions behind them.
    pub fn scan(&mut self) -> Vec<Function> {
        let mut found = Vec::new();
        let mut buses = Vec::from([0]);
        let mut next = 0;
        while let Some(&bus) = buses.get(next) {
            next += 1;
            for (at, info) in self.root.enumerate_bus(bus) {
                if info.header_type == HeaderType::PciPciBridge {
                    self.enable(at, Command::empty());
                    let behind = self.config.read_word(at, BUS_NUMBERS).to_le_bytes()[1];
                    // 0: not numbered. Seen before: a bridge that lies.
                    if !buses.contains(&behind) {
                        buses.push(behind);
                    }
                }
                found.push(Function { at, info });
            }
        }
        found.sort_by_key(|function| function.at);
        found
    }

    /// Lets a function decode its memory BARs, reach memory and send messages;
    /// `also` sets further bits of the command register.
    pub fn enable(&mut self, at: DeviceFunction, also: Command) {
        let (_, command) = self.root.get_status_command(at);
        let on = Command::MEMORY_SPACE | Command::BUS_MASTER;
        self.root.set_command(at, command | on | also);
    }

    /// Keeps a function from decoding addresses and from reaching memory.
    pub fn disable(&mut self, at: DeviceFunction) {
        let (_, command) = self.root.get_status_command(at);
        let off = Command::MEMORY_SPACE | Command::IO_SPACE | Command::BUS_MASTER;
        self.root.set_command(at, command - off);
    }

    /// Keeps a function from raising its interrupt line, or allows it.
    pub fn mute_line(&mut self, at: DeviceFunction, muted: bool) {
        let (_, mut command) = self.root.get_status_command(at);
        command.set(Command::INTERRUPT_DISABLE, muted);
        self.root.set_command(at, command);
    }

    /// Whether a function at `at` answers. All ones mean that there is none. A bridge says by
    /// another number that the function is not ready yet (PCIe 4.0, 2.3.2).
    pub fn answers(&self, at: DeviceFunction) -> bool {
        !matches!(self.config.read_word(at, 0) as u16, u16::MAX | NOT_READY)
    }

    /// The ISA interrupt line that firmware routed the function's INTx pin to.
    pub fn interrupt_line(&self, at: DeviceFunction) -> Option<u8> {
        let [line, pin, ..] = self.config.read_word(at, INTERRUPT).to_le_bytes();
        (pin != 0 && line != 0xff).then_some(line)
    }

    /// A function's capabilities, in the order of its list.
    pub fn capabilities(&self, at: DeviceFunction) -> Result<Vec<Capability>, PciFault> {
        capability::list(&self.config, at)
    }

    /// The first `N` words of a capability, each read once.
    pub(crate) fn words<const N: usize>(
        &self,
        capability: &Capability,
    ) -> Result<[u32; N], PciFault> {
        capability.words(&self.config)
    }

    /// A word of the configuration space; `offset` is a multiple of 4.
    pub fn read(&self, at: DeviceFunction, offset: u8) -> u32 {
        self.config.read_word(at, offset)
    }

    /// Writes a word of the configuration space.
    pub(crate) fn write(&mut self, at: DeviceFunction, offset: u8, value: u32) {
        self.config.write_word(at, offset, value);
    }

    /// The functions of one bus.
    pub fn functions(&self, bus: u8) -> Vec<Function> {
        self.root.enumerate_bus(bus).map(|(at, info)| Function { at, info }).collect()
    }

    /// Sizes an idle function's BARs, by number.
    pub(crate) fn bars(&mut self, at: DeviceFunction) -> Result<Bars, PciFault> {
        bar::size(&mut self.config, at)
    }

    /// Reserves the BARs of an idle function, and returns them. They replace those of an
    /// earlier function in its place. None of them lies over anything that is known.
    pub(crate) fn claim(&mut self, at: DeviceFunction) -> Result<Bars, PciFault> {
        let bars = self.bars(at)?;
        self.claims.retain(|(owner, _)| *owner != at);
        let before = self.claims.len();
        for (number, bar) in (0..).zip(&bars) {
            let Some(bar) = bar.filter(|bar| bar.address != 0) else { continue };
            let taken = self.claims.iter().map(|(_, taken)| taken).chain(&self.reserved);
            let overlaps =
                |it: &RangeInclusive<u64>| bar.address <= *it.end() && *it.start() <= bar.last();
            if taken.into_iter().any(overlaps) {
                self.claims.truncate(before);
                return Err(PciFault::Overlaps(number));
            }
            self.claims.push((at, bar.address..=bar.last()));
        }
        Ok(bars)
    }

    /// From now on no function on this bus has an address.
    pub(crate) fn forget(&mut self, bus: u8) {
        self.claims.retain(|(owner, _)| owner.bus != bus);
    }

    /// `virtio-drivers`' transport for a virtio function, over its checked configuration space.
    pub(crate) fn virtio_transport<H: Hal>(
        checked: Checked,
        at: DeviceFunction,
    ) -> Result<PciTransport, VirtioPciError> {
        PciTransport::new::<H, Checked>(&mut PciRoot::new(checked), at)
    }

    /// How to ask later whether the function is still there.
    pub fn presence(&self, at: DeviceFunction) -> Presence<C> {
        // SAFETY: `Presence` reads the vendor id and nothing else.
        Presence { at, config: unsafe { self.config.unsafe_clone() } }
    }

    /// The registers `offset` bytes into BAR `bar` of a function that has these BARs, mapped
    /// for good.
    pub(crate) fn registers<H: Hal, T: Registers>(
        bars: &Bars,
        bar: u8,
        offset: u64,
    ) -> Result<VolatileRef<'static, T>, PciFault> {
        let found = bars.get(usize::from(bar)).copied().flatten();
        let Some(it) = found.filter(|it| it.address != 0) else {
            return Err(PciFault::NoBar(bar));
        };
        let end = offset.checked_add(size_of::<T>() as u64);
        if end.is_none_or(|end| end > it.size) || !offset.is_multiple_of(align_of::<T>() as u64) {
            return Err(PciFault::OutsideBar(bar));
        }
        // SAFETY: within a memory BAR, which lies over nothing else that is known.
        let mapped = unsafe { H::mmio_phys_to_virt(it.address + offset, size_of::<T>()) };
        // SAFETY: mapped for good and aligned like the offset; any bits are a
        // `Registers`. Other pointers to the same registers do no harm: every
        // access is volatile, and the drivers' locks order those that matter.
        Ok(unsafe { VolatileRef::new(NonNull::cast(mapped)) })
    }
}

impl<C: HalfWords> Pci<C> {
    /// Writes half a word of the configuration space.
    pub(crate) fn write_half(&mut self, at: DeviceFunction, offset: u8, value: u16) {
        self.config.write_half(at, offset, value);
    }
}

/// Whether a function is still on its bus.
pub struct Presence<C: ConfigurationAccess> {
    at: DeviceFunction,
    /// Used to read the vendor id, nothing else.
    config: C,
}

impl<C: ConfigurationAccess> Presence<C> {
    /// Where the function is, or was.
    pub fn at(&self) -> DeviceFunction {
        self.at
    }

    /// False once the function was pulled: configuration space then reads all ones.
    pub fn is_present(&self) -> bool {
        self.config.read_word(self.at, 0) as u16 != u16::MAX
    }
}

impl ConfigurationAccess for Checked {
    fn read_word(&self, _: DeviceFunction, offset: u8) -> u32 {
        self.word(offset)
    }

    fn write_word(&mut self, _: DeviceFunction, offset: u8, value: u32) {
        self.set(offset, value);
    }

    // SAFETY: a copy of words; nothing is shared.
    unsafe fn unsafe_clone(&self) -> Checked {
        self.clone()
    }
}

/// Registers as a struct.
///
/// # Safety
///
/// Made of integers only, laid out as the device has them.
pub(crate) unsafe trait Registers {}

// SAFETY: a 16-bit register.
unsafe impl Registers for u16 {}

// SAFETY: four 32-bit words, as the specification has them.
unsafe impl Registers for MsixEntry {}

/// An entry of the table of MSI-X (PCI Local Bus 3.0, 6.8.2.6 to 6.8.2.9).
#[repr(C)]
struct MsixEntry {
    address_low: u32,
    address_high: u32,
    data: u32,
    /// Bit 0; the others are reserved.
    masked: u32,
}

/// The start of `virtio_pci_common_cfg` (virtio 1.2, 4.1.4.3), as far as it is
/// used beside virtio-drivers' own `PciTransport`.
#[repr(C)]
pub(crate) struct VirtioCommon {
    _features: [u32; 4],
    pub(crate) msix_config: u16,
    _num_queues: u16,
    _device_status: u8,
    _config_generation: u8,
    pub(crate) queue_select: u16,
    _queue_size: u16,
    pub(crate) queue_msix_vector: u16,
    _queue_enable: u16,
    pub(crate) queue_notify_off: u16,
}

// SAFETY: integers at the offsets that the specification gives them, no padding.
unsafe impl Registers for VirtioCommon {}

#[cfg(test)]
pub(crate) mod tests;
