//! Where the BARs of a device go that came after the firmware.
//!
//! Place: called for a function that answers for the first time, before its driver.
//!
//! A bridge forwards two windows of memory (PCI-to-PCI bridge architecture 1.2, 3.2.5): one
//! below 4 GiB, and one for prefetchable memory, often above. Firmware has opened them wider
//! than the devices then needed. Below a port with a slot there is one device, so it has the
//! windows to itself.

use alloc::vec::Vec;
use core::ops::Range;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction, HeaderType};

use super::port::Port;
use crate::pci::{BAR0, Bar, Pci, PciFault};

const MEMORY: u8 = 0x20;
const PREFETCHABLE: u8 = 0x24;
const PREFETCHABLE_BASE_HIGH: u8 = 0x28;
const PREFETCHABLE_LIMIT_HIGH: u8 = 0x2c;

/// Windows begin and end at multiples of this.
const GRAIN: u64 = 1 << 20;

/// A BAR to be placed.
struct Wanted {
    at: DeviceFunction,
    bar: u8,
    size: u64,
    wide: bool,
    prefetchable: bool,
}

/// Gives every memory BAR of the device in the port's slot an address, and leaves its functions
/// switched off. A bridge gets none, nor do the devices behind it.
pub fn place<C: ConfigurationAccess>(pci: &mut Pci<C>, port: &Port) -> Result<(), PciFault> {
    pci.forget(port.bus);
    let mut wanted = Vec::new();
    let functions = pci.functions(port.bus).into_iter();
    for function in functions.filter(|it| it.info.header_type == HeaderType::Standard) {
        pci.disable(function.at);
        for (bar, info) in (0..).zip(pci.bars(function.at)?) {
            let Some(Bar { size, wide, prefetchable, .. }) = info else { continue };
            wanted.push(Wanted { at: function.at, bar, size, wide, prefetchable });
        }
    }
    // The largest first, so that nothing is lost to alignment.
    wanted.sort_by_key(|it| core::cmp::Reverse(it.size));
    let mut memory = memory(pci, port.at);
    let mut prefetchable = prefetchable(pci, port.at);
    for it in &wanted {
        let first_choice = if it.wide && it.prefetchable { &mut prefetchable } else { &mut memory };
        let address = match take(first_choice, it.size) {
            None => take(&mut memory, it.size).ok_or(PciFault::NoRoom(it.bar))?,
            Some(address) => address,
        };
        let offset = BAR0 + 4 * it.bar;
        pci.write(it.at, offset, address as u32);
        if it.wide {
            pci.write(it.at, offset + 4, (address >> 32) as u32);
        }
    }
    Ok(())
}

/// Cuts `size` bytes off the front of a window.
fn take(window: &mut Range<u64>, size: u64) -> Option<u64> {
    let start = window.start.checked_next_multiple_of(size)?;
    let end = start.checked_add(size).filter(|&end| end <= window.end)?;
    window.start = end;
    Some(start)
}

/// The window below 4 GiB; empty if it is closed.
fn memory<C: ConfigurationAccess>(pci: &Pci<C>, bridge: DeviceFunction) -> Range<u64> {
    let word = pci.read(bridge, MEMORY);
    window(word, 0, 0)
}

/// The window for prefetchable memory.
fn prefetchable<C: ConfigurationAccess>(pci: &Pci<C>, bridge: DeviceFunction) -> Range<u64> {
    let word = pci.read(bridge, PREFETCHABLE);
    let wide = word & 0xf == 1;
    let high = |offset| if wide { pci.read(bridge, offset) } else { 0 };
    window(word, high(PREFETCHABLE_BASE_HIGH), high(PREFETCHABLE_LIMIT_HIGH))
}

/// Base and limit in units of 1 MiB, the limit inclusive. At address 0 there is memory, never a
/// window.
fn window(word: u32, base_high: u32, limit_high: u32) -> Range<u64> {
    let base = u64::from(base_high) << 32 | u64::from(word & 0xfff0) << 16;
    let limit = u64::from(limit_high) << 32 | u64::from(word & 0xfff0_0000);
    // A window up to the very last address has no end that is an address, so it is not used.
    let end = limit.checked_add(GRAIN);
    end.filter(|_| base != 0 && base <= limit).map_or(0..0, |end| base..end)
}
