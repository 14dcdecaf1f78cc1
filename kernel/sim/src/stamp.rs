//! What tests write: sectors that say which write they came from.
//!
//! Place: the clients of a run fill their memory with [`fill`] and judge what
//! they read with [`read`]; the disks keep a stamped sector as one word.
//!
//! Rules: a stamp names one write to one sector and is never used twice, so
//! whatever a read returns points at the write it came from. A stamped sector
//! is its stamp repeated; anything else is torn, or was never stamped.

use core::fmt;

use bio::{SECTOR_SIZE, Sector};

/// The contents of one sector, as a word: which write put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

/// The half of a stamp's high word that marks memory waiting for a read.
const UNREAD: u64 = 1 << 63;

impl Stamp {
    /// Never written: the zeroes a disk starts with.
    pub const BLANK: Stamp = Stamp(0);

    /// The stamp of write number `write` (below 2^31 - 1) at `sector`, of
    /// whose address 32 bits are kept.
    pub fn of(write: u32, sector: Sector) -> Stamp {
        assert!(write < u32::MAX >> 1, "write number {write} has no stamp");
        Stamp((u64::from(write) + 1) << 32 | sector.0 & u64::from(u32::MAX))
    }

    /// What fills the memory of read number `read` until a device fills it.
    pub fn unread(read: u32) -> Stamp {
        Stamp(UNREAD | u64::from(read))
    }

    /// The write and the sector it names; `None` for blank and unread.
    pub fn origin(self) -> Option<(u32, Sector)> {
        let write = (self.0 >> 32) as u32;
        (write != 0 && self.0 & UNREAD == 0)
            .then(|| (write - 1, Sector(self.0 & u64::from(u32::MAX))))
    }

    /// Whether a disk may show it at `sector`: blank, or written there.
    pub fn belongs_at(self, sector: Sector) -> bool {
        match self.origin() {
            Some((_, at)) => at.0 == sector.0 & u64::from(u32::MAX),
            None => self == Stamp::BLANK,
        }
    }
}

/// `w3@5`: what write 3 put into sector 5.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin() {
            Some((write, sector)) => write!(f, "w{write}@{sector}"),
            None if *self == Stamp::BLANK => f.pad("blank"),
            None => f.pad("unread memory"),
        }
    }
}

/// A sector that is not one stamp repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn;

/// Fills one sector of memory with `stamp`. Panics if it is not one sector.
pub fn fill(sector: &mut [u8], stamp: Stamp) {
    let sector: &mut [u8; SECTOR_SIZE] = sector.try_into().expect("one sector of memory");
    let word = stamp.0.to_le_bytes();
    for at in sector.as_chunks_mut::<8>().0 {
        *at = word;
    }
}

/// Which stamp one sector of memory holds. Panics if it is not one sector.
pub fn read(sector: &[u8]) -> Result<Stamp, Torn> {
    let sector: &[u8; SECTOR_SIZE] = sector.try_into().expect("one sector of memory");
    // Equal to itself moved by one word, hence one word repeated.
    if sector[8..] != sector[..SECTOR_SIZE - 8] {
        return Err(Torn);
    }
    let mut word = [0; 8];
    word.copy_from_slice(&sector[..8]);
    Ok(Stamp(u64::from_le_bytes(word)))
}

/// Fills the sectors of a write's memory: write `write`, from `start` on.
pub fn fill_write(memory: &mut [u8], write: u32, start: Sector) {
    for (sector, at) in memory.chunks_exact_mut(SECTOR_SIZE).zip(start.0..) {
        fill(sector, Stamp::of(write, Sector(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_names_its_write_and_its_sector() {
        let stamp = Stamp::of(7, Sector(40));
        assert_eq!(stamp.origin(), Some((7, Sector(40))));
        assert!(stamp.belongs_at(Sector(40)) && !stamp.belongs_at(Sector(41)));
        assert!(Stamp::BLANK.belongs_at(Sector(41)) && !Stamp::unread(3).belongs_at(Sector(41)));
    }

    #[test]
    fn a_sector_of_two_writes_is_torn() {
        let mut memory = [0; SECTOR_SIZE];
        fill(&mut memory, Stamp::of(1, Sector(0)));
        assert_eq!(read(&memory), Ok(Stamp::of(1, Sector(0))));
        let mut other = [0; SECTOR_SIZE];
        fill(&mut other, Stamp::of(2, Sector(0)));
        for cut in [8, 256, 504] {
            let mut mixed = memory;
            mixed[cut..].copy_from_slice(&other[cut..]);
            assert_eq!(read(&mixed), Err(Torn), "cut at {cut}");
        }
    }

    #[test]
    fn fresh_memory_is_blank() {
        assert_eq!(read(&[0; SECTOR_SIZE]), Ok(Stamp::BLANK));
    }
}
