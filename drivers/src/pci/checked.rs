//! A configuration space that holds only checked words, the same at each reading.
//!
//! Place: between [`Pci`](super::Pci) and `virtio-drivers`, whose transport walks a function's
//! capabilities and adds up the numbers it finds there. From this copy it gets a list of four
//! capabilities that ends, regions that lie in their BARs, and BARs whose addresses and sizes
//! make sense. So none of its sums overflows, and it maps only registers that were checked.

use super::bar::{BAR0, Bars};
use super::fault::PciFault;
use super::header::COMMAND;

/// The vendor-specific capability, which virtio uses for its regions.
pub(crate) const CAPABILITY_VENDOR: u8 = 0x09;
/// Where the list begins, and how long each entry is: `virtio_pci_notify_cap` (virtio 1.2,
/// 4.1.4.4), the longest.
const LIST: u8 = 0x40;
const ENTRY: u8 = 20;
/// Words of a configuration space.
const WORDS: usize = 64;

/// Registers in a BAR, as a virtio capability describes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) bar: u8,
    /// Bytes from the start of the BAR.
    pub(crate) offset: u32,
    /// Bytes.
    pub(crate) length: u32,
}

impl Region {
    /// The region, if it lies in its BAR and holds at least `least` bytes. If it is longer
    /// than `most`, only the beginning is used. It ends within the first 4 GiB: its offsets
    /// are added in 32 bits.
    pub(crate) fn within(self, bars: &Bars, least: u32, most: u32) -> Result<Region, PciFault> {
        let bar = bars.get(usize::from(self.bar)).copied().flatten();
        let bar = bar.filter(|bar| bar.address != 0).ok_or(PciFault::NoBar(self.bar))?;
        let end = u64::from(self.offset) + u64::from(self.length);
        if self.length < least || end > bar.size.min(u32::MAX.into()) {
            return Err(PciFault::OutsideBar(self.bar));
        }
        Ok(Region { length: self.length.min(most), ..self })
    }
}

/// The configuration space of a virtio function, as far as it is believed.
#[derive(Clone)]
pub(crate) struct Checked {
    words: [u32; WORDS],
    /// Which bits of a BAR's word can be written.
    masks: [u32; 6],
}

impl Checked {
    /// The configuration space of a function whose first word is `id`. Each region comes with
    /// its kind (`cfg_type`) and, for notifications, the multiplier of offsets.
    pub(crate) fn new(id: u32, bars: &Bars, regions: &[(u8, Region, u32)]) -> Checked {
        let mut checked = Checked { words: [0; WORDS], masks: [0; 6] };
        checked.words[0] = id;
        checked.words[usize::from(COMMAND / 4)] = 1 << (16 + 4);
        for (number, bar) in bars.iter().enumerate() {
            let Some(bar) = bar else { continue };
            let count = if bar.wide { 2 } else { 1 };
            let first = usize::from(BAR0 / 4) + number;
            checked.words[first..first + count].copy_from_slice(&bar.words()[..count]);
            checked.masks[number..number + count].copy_from_slice(&bar.masks()[..count]);
        }
        // From the last to the first, so that each knows where the next one is.
        let mut next = 0;
        for (i, (kind, region, multiplier)) in regions.iter().enumerate().rev() {
            let at = LIST + ENTRY * i as u8;
            let head = [CAPABILITY_VENDOR, next, ENTRY, *kind];
            let entry = [
                u32::from_le_bytes(head),
                region.bar.into(),
                region.offset,
                region.length,
                *multiplier,
            ];
            checked.words[usize::from(at / 4)..][..entry.len()].copy_from_slice(&entry);
            next = at;
        }
        checked.words[0x34 / 4] = next.into();
        checked
    }

    /// The word at `offset`.
    pub(super) fn word(&self, offset: u8) -> u32 {
        self.words[usize::from(offset / 4)]
    }

    /// Lets a BAR be sized. Everything else stays.
    pub(super) fn set(&mut self, offset: u8, value: u32) {
        let bar = usize::from(offset / 4).checked_sub(usize::from(BAR0 / 4));
        let Some((mask, word)) =
            bar.and_then(|bar| Some((*self.masks.get(bar)?, &mut self.words[4 + bar])))
        else {
            return;
        };
        *word = *word & !mask | value & mask;
    }
}
