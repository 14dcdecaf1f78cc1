//! The capabilities of a function (PCI Local Bus 3.0, 6.7): the one place where their list is
//! walked.
//!
//! Place: below [`Pci`](super::Pci). Code built on a capability uses the words that were read
//! here, and never reads them again.
//!
//! Rules:
//!
//! - A list ends: no entry is visited twice, and none lies in the header.
//! - A capability ends with configuration space. A register beyond that is a
//!   [`PciFault::CutShort`], not an address that wraps around.
//! - Each word is read once. If a device then changes the word, nobody notices.

use alloc::vec::Vec;
use core::array;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::fault::PciFault;
use super::header::COMMAND;

/// In the word of command and status: there is a list.
const HAS_LIST: u32 = 1 << (16 + 4);
/// The word with the offset of the list's first entry.
const LIST: u8 = 0x34;
/// Where the header ends, and capabilities may begin.
const HEADER_END: u8 = 0x40;
/// The mask of an offset: its lower two bits are reserved, and ignored.
const OFFSET: u32 = 0xfc;

/// One entry of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    at: DeviceFunction,
    /// Where it begins: a multiple of 4, from 0x40 to 0xfc.
    offset: u8,
    /// Its first word, as it was when the list was walked.
    first: u32,
}

impl Capability {
    /// What it is.
    pub fn id(&self) -> u8 {
        self.first as u8
    }

    /// Where it begins in configuration space.
    pub(crate) fn offset(&self) -> u8 {
        self.offset
    }

    /// The upper half of its first word, whose meaning is the capability's own.
    pub fn header(&self) -> u16 {
        (self.first >> 16) as u16
    }

    /// Its first `N` words, each read once. Since all of them lie in configuration space,
    /// `offset() + 4 * i` is the place of word `i`.
    pub(crate) fn words<C: ConfigurationAccess, const N: usize>(
        &self,
        config: &C,
    ) -> Result<[u32; N], PciFault> {
        if usize::from(self.offset) + 4 * N > 0x100 {
            return Err(PciFault::CutShort(self.offset));
        }
        let word = |i| match i {
            0 => self.first,
            _ => config.read_word(self.at, self.offset + 4 * i as u8),
        };
        Ok(array::from_fn(word))
    }
}

/// The list of a function: empty if it has none.
pub(super) fn list<C: ConfigurationAccess>(
    config: &C,
    at: DeviceFunction,
) -> Result<Vec<Capability>, PciFault> {
    let mut list = Vec::new();
    if config.read_word(at, COMMAND) & HAS_LIST == 0 {
        return Ok(list);
    }
    // A bit for each word of configuration space.
    let mut visited = 0u64;
    let mut next = (config.read_word(at, LIST) & OFFSET) as u8;
    while next != 0 {
        if next < HEADER_END {
            return Err(PciFault::StrayCapability(next));
        }
        let bit = 1 << (next / 4);
        if visited & bit != 0 {
            return Err(PciFault::EndlessCapabilities);
        }
        visited |= bit;
        let first = config.read_word(at, next);
        list.push(Capability { at, offset: next, first });
        next = (first >> 8 & OFFSET) as u8;
    }
    Ok(list)
}
