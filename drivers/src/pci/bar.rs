//! Base address registers (PCI Local Bus 3.0, 6.2.5.1). They are sized once, and believed if
//! they make sense.
//!
//! Place: below [`Pci`](super::Pci), which compares BARs with the addresses that are taken
//! already.
//!
//! Rules:
//!
//! - A function's BARs are sized while it is idle: its address decoding is off meanwhile.
//! - A bridge has two. The words behind them are its buses and windows, which sizing would
//!   overwrite.
//! - A size is a power of two, and an address a multiple of it. So the last byte of a BAR
//!   always has an address.

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::fault::PciFault;
use super::header::COMMAND;

/// Base address registers of a function that is no bridge.
pub(crate) const BARS: usize = 6;
/// Where they begin.
pub(crate) const BAR0: u8 = 0x10;
/// The word with the kind of header in its third byte.
const HEADER_KIND: u8 = 0x0c;
/// In the command register: decode I/O ports, decode memory.
const DECODE: u32 = 0b11;

/// In a BAR: it is for I/O ports.
const IO: u32 = 1;
/// In a BAR: its memory may be prefetched.
const PREFETCHABLE: u32 = 1 << 3;
/// Bits of a memory BAR that are not part of the address.
const FLAGS: u32 = 0xf;

/// A memory BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// Its physical address, a multiple of its size; 0 if it was given none.
    pub(crate) address: u64,
    /// Bytes, a power of two.
    pub(crate) size: u64,
    /// Its address has 64 bits.
    pub(crate) wide: bool,
    pub(crate) prefetchable: bool,
}

/// A function's BARs, by number. BARs for I/O ports are left out.
pub(crate) type Bars = [Option<Bar>; BARS];

impl Bar {
    /// The address of its last byte.
    pub(crate) fn last(&self) -> u64 {
        self.address + (self.size - 1)
    }

    /// The two words of the register, as a device with this BAR would have them.
    pub(super) fn words(&self) -> [u32; 2] {
        let kind = if self.wide { 0b100 } else { 0 };
        let prefetchable = if self.prefetchable { PREFETCHABLE } else { 0 };
        [self.address as u32 | kind | prefetchable, (self.address >> 32) as u32]
    }

    /// Which bits of the two words can be written.
    pub(super) fn masks(&self) -> [u32; 2] {
        let mask = !(self.size - 1);
        [mask as u32 & !FLAGS, (mask >> 32) as u32]
    }
}

/// Sizes the BARs of an idle function.
pub(super) fn size<C: ConfigurationAccess>(
    config: &mut C,
    at: DeviceFunction,
) -> Result<Bars, PciFault> {
    let count = match config.read_word(at, HEADER_KIND) >> 16 & 0x7f {
        0 => BARS,
        1 => 2,
        _ => 0,
    };
    // The status half is written as zeroes, which clears nothing.
    let command = config.read_word(at, COMMAND) & 0xffff;
    config.write_word(at, COMMAND, command & !DECODE);
    let bars = size_all(config, at, count);
    config.write_word(at, COMMAND, command);
    bars
}

fn size_all<C: ConfigurationAccess>(
    config: &mut C,
    at: DeviceFunction,
    count: usize,
) -> Result<Bars, PciFault> {
    let mut bars = [None; BARS];
    let mut number = 0;
    while number < count {
        let bad = PciFault::BadBar(number as u8);
        let offset = BAR0 + 4 * number as u8;
        let low = config.read_word(at, offset);
        let wide = match low >> 1 & 0b11 {
            _ if low & IO != 0 => {
                number += 1;
                continue;
            }
            0 | 1 => false,
            2 if number + 1 < count => true,
            _ => return Err(bad),
        };
        let low_mask = writable(config, at, offset, low) & !FLAGS;
        let (high, high_mask) = if wide {
            let high = config.read_word(at, offset + 4);
            (high, writable(config, at, offset + 4, high))
        } else {
            (0, if low_mask == 0 { 0 } else { u32::MAX })
        };
        let mask = u64::from(high_mask) << 32 | u64::from(low_mask);
        let address = u64::from(high) << 32 | u64::from(low & !FLAGS);
        let size = (!mask).wrapping_add(1);
        // A register that holds no bit is not a BAR.
        if mask != 0 {
            if !size.is_power_of_two() || !address.is_multiple_of(size) {
                return Err(bad);
            }
            let prefetchable = low & PREFETCHABLE != 0;
            bars[number] = Some(Bar { address, size, wide, prefetchable });
        }
        number += if wide { 2 } else { 1 };
    }
    Ok(bars)
}

/// Which bits of a word can be set. Restores the word's value.
fn writable<C: ConfigurationAccess>(
    config: &mut C,
    at: DeviceFunction,
    offset: u8,
    value: u32,
) -> u32 {
    config.write_word(at, offset, u32::MAX);
    let bits = config.read_word(at, offset);
    config.write_word(at, offset, value);
    bits
}
