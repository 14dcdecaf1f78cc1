//! The data that tests write: sectors that say which write they came from.
//!
//! Place: the clients of a run fill their memory with [`fill`] and judge what
//! they read with [`read`]; the disks keep a stamped sector as one word.
//!
//! Rules: a stamp names one write to one sector and is never used twice, so every sector that a
//! read returns names the write it came from. A stamped sector is its stamp repeated. Anything
//! else is torn, or was never stamped.

use core::fmt;

use bio::{SECTOR_SIZE, Sector};

/// The contents of one sector, as a word: which write put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

/// Names a request of a client; the write `w3` of a stamp is request 3.
pub type OpId = u32;

/// Marks memory that waits for a read.
const UNREAD: u64 = 1 << 63;
/// Marks a leg's contents before the first write.
const FIRST: u64 = 1 << 62;
/// Marks a discard, which no disk shows.
const DISCARD: u64 = 1 << 61;
/// Stamps name requests with numbers below this.
const WRITES_MAX: u32 = (1 << 29) - 1;

impl Stamp {
    /// Never written: the zeroes a disk starts with.
    pub const BLANK: Stamp = Stamp(0);

    /// The stamp of write number `write` (below 2^29 - 1) at `sector`. It keeps 32 bits of the
    /// address.
    pub fn of(write: u32, sector: Sector) -> Stamp {
        assert!(write < WRITES_MAX, "write number {write} has no stamp");
        Stamp::at((u64::from(write) + 1) << 32, sector)
    }

    /// The name of discard number `write` at `sector`: the oracle's name for a write that
    /// leaves zeroes. No disk holds it; a read sees [`BLANK`](Stamp::BLANK).
    pub fn discard(write: u32, sector: Sector) -> Stamp {
        Stamp(Stamp::of(write, sector).0 | DISCARD)
    }

    /// What a sector shows after the write of this name.
    pub fn shown(self) -> Stamp {
        if self.0 & (DISCARD | UNREAD | FIRST) == DISCARD { Stamp::BLANK } else { self }
    }

    /// What `leg` holds at `sector` before the first write, if not blank.
    pub fn first(leg: usize, sector: Sector) -> Stamp {
        Stamp::at(FIRST | ((leg as u64) << 32), sector)
    }

    /// What fills the memory of read number `read` until a device fills it.
    pub fn unread(read: u32) -> Stamp {
        Stamp(UNREAD | u64::from(read))
    }

    /// Whether a disk may show it at `sector`: it is blank, or was written there.
    pub fn belongs_at(self, sector: Sector) -> bool {
        self == Stamp::BLANK
            || self.0 & (UNREAD | DISCARD) == 0
                && self.0 >> 32 != 0
                && self == Stamp::at(self.0 & !LOW, sector)
    }

    fn at(high: u64, sector: Sector) -> Stamp {
        Stamp(high | sector.0 & LOW)
    }
}

/// The bits that keep a sector's address.
const LOW: u64 = u32::MAX as u64;

/// `w3@5`: what write 3 put into sector 5; `leg1@5`: what leg 1 held there first.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, sector) = (self.0 >> 32, self.0 & LOW);
        match high {
            0 if sector == 0 => f.pad("blank"),
            0 => write!(f, "{sector:#x}"),
            _ if self.0 & UNREAD != 0 => f.pad("unread memory"),
            _ if self.0 & FIRST != 0 => write!(f, "leg{}@{sector}", high ^ (FIRST >> 32)),
            _ if self.0 & DISCARD != 0 => write!(f, "d{}@{sector}", (high ^ (DISCARD >> 32)) - 1),
            _ => write!(f, "w{}@{sector}", high - 1),
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
    // Equal to itself moved by one word, so one word is repeated.
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
    use alloc::string::ToString;

    #[test]
    fn a_stamp_names_its_write_and_its_sector() {
        let stamp = Stamp::of(7, Sector(40));
        assert_eq!(stamp.to_string(), "w7@40");
        assert_eq!(Stamp::first(1, Sector(40)).to_string(), "leg1@40");
        assert!(Stamp::first(0, Sector(3)).belongs_at(Sector(3)));
        assert!(stamp.belongs_at(Sector(40)) && !stamp.belongs_at(Sector(41)));
        let discard = Stamp::discard(7, Sector(40));
        assert_eq!((discard.to_string(), discard.shown()), ("d7@40".to_string(), Stamp::BLANK));
        assert!(!discard.belongs_at(Sector(40)) && stamp.shown() == stamp);
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
