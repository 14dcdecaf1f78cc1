//! Physical addresses that are taken: a BAR that claims to lie there is not believed.
//!
//! Place: given to `drivers::pci`, once memory and the firmware's tables are known.

use alloc::vec::Vec;
use core::arch::x86_64::__cpuid;
use core::ops::RangeInclusive;

use super::platform;
use crate::mm::{self, PAGE_SIZE};

/// The leaf of CPUID with the widths of addresses, and the one that says whether it is there.
const WIDTHS: u32 = 0x8000_0008;
const LAST_LEAF: u32 = 0x8000_0000;
/// Bits of a physical address if the CPU does not say (Intel SDM 3A, 4.1.4).
const BITS_AT_LEAST: u32 = 36;
/// Bytes of configuration space for each bus.
const BUS_BYTES: u64 = 1 << 20;

/// All that are known: memory, interrupt controllers, configuration space, and addresses beyond
/// the CPU's reach.
pub fn taken() -> Vec<RangeInclusive<u64>> {
    let platform = platform();
    let page = |address: u64| address..=address + PAGE_SIZE as u64 - 1;
    let mut taken = mm::memory().to_vec();
    taken.push(page(platform.local_apic));
    taken.push(page(platform.io_apic));
    if let Some(ecam) = platform.ecam {
        let bus = |number: u8| ecam.base + u64::from(number) * BUS_BYTES;
        taken.push(bus(ecam.first_bus)..=bus(ecam.last_bus) + BUS_BYTES - 1);
    }
    taken.push(1 << address_bits()..=u64::MAX);
    taken
}

/// How many bits a physical address has: 36 to 52.
fn address_bits() -> u32 {
    match __cpuid(LAST_LEAF).eax {
        WIDTHS.. => (__cpuid(WIDTHS).eax & 0xff).clamp(BITS_AT_LEAST, 52),
        _ => BITS_AT_LEAST,
    }
}
