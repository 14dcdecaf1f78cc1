//! PCI configuration space by memory access (PCI Express base specification, 7.2.2).
//!
//! The kernel makes a [`ConfigSpace`] of what `acpi` found, and gives it to `drivers::pci`.

use core::ptr::NonNull;

use drivers::pci::HalfWords;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};
use volatile::VolatilePtr;

use super::acpi::Ecam;
use crate::mm::mmio;

/// Address bits: which function of a bus, and which bus.
const FUNCTION_SHIFT: u32 = 12;
const DEVICE_SHIFT: u32 = 15;
const BUS_SHIFT: u32 = 20;

/// The configuration space of all functions on the buses that the firmware reports. A
/// function that is not there, or on another bus, reads as all ones.
pub struct ConfigSpace {
    registers: NonNull<u8>,
    first_bus: u8,
    last_bus: u8,
}

// SAFETY: the registers are mapped for good, and each access is one load or store of an
// aligned word, which the root complex orders.
unsafe impl Send for ConfigSpace {}
// SAFETY: as above.
unsafe impl Sync for ConfigSpace {}

impl ConfigSpace {
    /// Maps the space.
    pub fn new(Ecam { base, first_bus, last_bus }: Ecam) -> Self {
        let start = base + (u64::from(first_bus) << BUS_SHIFT);
        let len = (usize::from(last_bus - first_bus) + 1) << BUS_SHIFT;
        Self { registers: mmio::map(start, len), first_bus, last_bus }
    }

    fn word(&self, function: DeviceFunction, offset: u8) -> Option<VolatilePtr<'_, u32>> {
        self.register(function, offset & !3)
    }

    /// The register at `offset`, which is a multiple of its size: an integer of at most
    /// 32 bits.
    fn register<T>(&self, function: DeviceFunction, offset: u8) -> Option<VolatilePtr<'_, T>> {
        if !function.valid() || !(self.first_bus..=self.last_bus).contains(&function.bus) {
            return None;
        }
        let address = usize::from(function.bus - self.first_bus) << BUS_SHIFT
            | usize::from(function.device) << DEVICE_SHIFT
            | usize::from(function.function) << FUNCTION_SHIFT
            | usize::from(offset);
        // SAFETY: device and function number are valid and the bus is in range, so the
        // address lies in the mapped space; it is as aligned as its offset.
        Some(unsafe { VolatilePtr::new(self.registers.add(address).cast()) })
    }
}

impl ConfigurationAccess for ConfigSpace {
    fn read_word(&self, function: DeviceFunction, offset: u8) -> u32 {
        self.word(function, offset).map_or(!0, VolatilePtr::read)
    }

    fn write_word(&mut self, function: DeviceFunction, offset: u8, value: u32) {
        if let Some(word) = self.word(function, offset) {
            word.write(value);
        }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self { ..*self }
    }
}

impl HalfWords for ConfigSpace {
    fn write_half(&mut self, function: DeviceFunction, offset: u8, value: u16) {
        if let Some(half) = self.register(function, offset & !1) {
            half.write(value);
        }
    }
}
