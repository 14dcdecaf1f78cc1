//! PCI: what is on the buses, and the registers and interrupts of a function.
//!
//! Place: the kernel makes one [`Pci`] of its configuration space, scans it, and
//! hands functions to drivers. A room for unsafe code: here registers are mapped.
//!
//! Rules:
//!
//! - Firmware has numbered the buses and placed the BARs; of what comes later
//!   `pcie` places them.
//! - BARs are sized only while their function is idle: sizing switches its
//!   address decoding off for a moment.
//! - What a device says of itself is bounded before it is followed.

use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;

use virtio_drivers::Hal;
use virtio_drivers::transport::pci::bus::{
    BarInfo, CapabilityInfo, Command, ConfigurationAccess, DeviceFunction, DeviceFunctionInfo,
    HeaderType, PciRoot,
};
use virtio_drivers::transport::pci::{PciTransport, VirtioPciError};
use volatile::{VolatileRef, map_field};

/// A list of capabilities longer than this runs in a circle: 192 bytes of
/// configuration space hold no more.
const CAPABILITIES_MAX: usize = 48;
/// Base address registers of a function that is no bridge.
const BARS: u8 = 6;
const CAPABILITY_MSIX: u8 = 0x11;

// Words of the configuration space (PCI Local Bus 3.0, 6.1; PCI bridge 1.2, 3.2).
const BUS_NUMBERS: u8 = 0x18;
const INTERRUPT: u8 = 0x3c;

/// The vendor that a function has which is still starting.
const NOT_READY: u16 = 1;

/// In the message control of MSI-X (PCI 3.0, 6.8.2.3), as part of its word.
const MSIX_ENABLE: u32 = 1 << 31;
const MSIX_MASK_ALL: u32 = 1 << 30;

/// Configuration space that takes writes of 16 bits, too: of two registers in a word one
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The address of the interrupt controller.
    pub address: u64,
    /// What names the vector there.
    pub data: u32,
}

/// What is wrong with a function's configuration space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciFault {
    /// The list of capabilities runs in a circle.
    EndlessCapabilities,
    /// There is no memory BAR of this number, or it has no address.
    NoBar(u8),
    /// Registers lie outside their BAR, or are misaligned.
    OutsideBar(u8),
    /// There are fewer interrupt vectors than needed.
    TooFewVectors,
    /// A BAR is of no known kind.
    BadBar,
    /// The bridge above has no room left for a BAR of this number.
    NoRoom(u8),
}

impl<C: ConfigurationAccess> Pci<C> {
    /// The PCI buses behind `config`.
    pub fn new(config: C) -> Pci<C> {
        // SAFETY: both handles stay in this struct, so `&mut self` orders every
        // write; what `Presence` keeps reads a word that nobody writes.
        let root = PciRoot::new(unsafe { config.unsafe_clone() });
        Pci { root, config }
    }

    /// Every function that can be reached from bus 0, by address. Lets the
    /// bridges on the way pass memory cycles and interrupts of what is behind.
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

    /// Keeps a function from raising its interrupt line, or lets it.
    pub fn mute_line(&mut self, at: DeviceFunction, muted: bool) {
        let (_, mut command) = self.root.get_status_command(at);
        command.set(Command::INTERRUPT_DISABLE, muted);
        self.root.set_command(at, command);
    }

    /// Whether a function at `at` answers: with neither all ones, as none does, nor the
    /// number by which a bridge says that it is not ready yet (PCIe 4.0, 2.3.2).
    pub fn answers(&self, at: DeviceFunction) -> bool {
        !matches!(self.config.read_word(at, 0) as u16, u16::MAX | NOT_READY)
    }

    /// The ISA interrupt line that firmware routed the function's INTx pin to.
    pub fn interrupt_line(&self, at: DeviceFunction) -> Option<u8> {
        let [line, pin, ..] = self.config.read_word(at, INTERRUPT).to_le_bytes();
        (pin != 0 && line != 0xff).then_some(line)
    }

    /// A function's capabilities, which end.
    pub fn capabilities(&self, at: DeviceFunction) -> Result<Vec<CapabilityInfo>, PciFault> {
        let list: Vec<_> = self.root.capabilities(at).take(CAPABILITIES_MAX + 1).collect();
        if list.len() > CAPABILITIES_MAX {
            return Err(PciFault::EndlessCapabilities);
        }
        Ok(list)
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

    /// What an idle function's BARs ask for, by number; sizing them.
    pub(crate) fn bars(
        &mut self,
        at: DeviceFunction,
    ) -> Result<[Option<BarInfo>; BARS as usize], PciFault> {
        self.root.bars(at).map_err(|_| PciFault::BadBar)
    }

    /// `virtio-drivers`' transport for a virtio function.
    pub(crate) fn virtio_transport<H: Hal>(
        &mut self,
        at: DeviceFunction,
    ) -> Result<PciTransport, VirtioPciError> {
        PciTransport::new::<H, C>(&mut self.root, at)
    }

    /// How to ask later whether the function is still there.
    pub fn presence(&self, at: DeviceFunction) -> Presence<C> {
        // SAFETY: `Presence` reads the vendor id and nothing else.
        Presence { at, config: unsafe { self.config.unsafe_clone() } }
    }

    /// How many MSI-X vectors the function has; 0 if it has no MSI-X.
    pub fn msix_vectors(&self, at: DeviceFunction) -> Result<usize, PciFault> {
        Ok(self.msix(at)?.map_or(0, |msix| usize::from(msix.private_header & 0x7ff) + 1))
    }

    /// Makes vector i of the function send `messages[i]`, and turns its INTx off.
    pub fn set_msix<H: Hal>(
        &mut self,
        at: DeviceFunction,
        messages: &[Message],
    ) -> Result<(), PciFault> {
        if self.msix_vectors(at)? < messages.len() {
            return Err(PciFault::TooFewVectors);
        }
        let Some(msix) = self.msix(at)? else { return Ok(()) };
        let table = self.read(at, msix.offset + 4);
        let (bar, offset) = ((table & 7) as u8, u64::from(table & !7));
        let control = self.read(at, msix.offset) | MSIX_ENABLE;
        self.config.write_word(at, msix.offset, control | MSIX_MASK_ALL);
        self.enable(at, Command::INTERRUPT_DISABLE);
        for (i, message) in (0..).zip(messages) {
            let start = offset + i * size_of::<MsixEntry>() as u64;
            let mut entry = self.registers::<H, MsixEntry>(at, bar, start)?;
            let entry = entry.as_mut_ptr();
            map_field!(entry.masked).write(1);
            map_field!(entry.address_low).write(message.address as u32);
            map_field!(entry.address_high).write((message.address >> 32) as u32);
            map_field!(entry.data).write(message.data);
            map_field!(entry.masked).write(0);
        }
        self.config.write_word(at, msix.offset, control & !MSIX_MASK_ALL);
        Ok(())
    }

    fn msix(&self, at: DeviceFunction) -> Result<Option<CapabilityInfo>, PciFault> {
        Ok(self.capabilities(at)?.into_iter().find(|capability| capability.id == CAPABILITY_MSIX))
    }

    /// The registers `offset` bytes into BAR `bar`, mapped for good.
    pub(crate) fn registers<H: Hal, T: Registers>(
        &mut self,
        at: DeviceFunction,
        bar: u8,
        offset: u64,
    ) -> Result<VolatileRef<'static, T>, PciFault> {
        if bar >= BARS {
            return Err(PciFault::NoBar(bar));
        }
        let (address, size) = match self.root.bar_info(at, bar) {
            Ok(Some(BarInfo::Memory { address, size, .. })) if address != 0 => (address, size),
            _ => return Err(PciFault::NoBar(bar)),
        };
        let end = offset.checked_add(size_of::<T>() as u64);
        if end.is_none_or(|end| end > size) || !offset.is_multiple_of(align_of::<T>() as u64) {
            return Err(PciFault::OutsideBar(bar));
        }
        // SAFETY: within a memory BAR that firmware has placed and sized.
        let mapped = unsafe { H::mmio_phys_to_virt(address + offset, size_of::<T>()) };
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
    /// False once the function was pulled: configuration space then reads all ones.
    pub fn is_present(&self) -> bool {
        self.config.read_word(self.at, 0) as u16 != u16::MAX
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

/// PCI 3.0, 6.8.2.6 to 6.8.2.9.
#[repr(C)]
struct MsixEntry {
    address_low: u32,
    address_high: u32,
    data: u32,
    /// Bit 0; the others are reserved.
    masked: u32,
}

// SAFETY: four 32-bit words, as the specification has them.
unsafe impl Registers for MsixEntry {}

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

impl fmt::Display for PciFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PciFault::EndlessCapabilities => f.write_str("has an endless list of capabilities"),
            PciFault::NoBar(bar) => write!(f, "has no memory BAR {bar}, or no address for it"),
            PciFault::OutsideBar(bar) => write!(f, "has registers outside of BAR {bar}"),
            PciFault::TooFewVectors => f.write_str("has too few interrupt vectors"),
            PciFault::BadBar => f.write_str("has a BAR of no known kind"),
            PciFault::NoRoom(bar) => write!(f, "finds no room below its bridge for BAR {bar}"),
        }
    }
}

#[cfg(test)]
#[path = "pci_tests.rs"]
pub(crate) mod tests;
