//! A record that goes bad while the machine is off.
//!
//! Place: an enumeration lets one record of one leg rot at each start after a crash, if its
//! [`Options`](super::Options) name the places of records. The device must then answer
//! correctly, or not start and say why. It must never answer stale data.

use alloc::format;
use alloc::vec;

use bio::{Extent, SECTOR_SIZE, Sectors};

use crate::disk::SimDisk;
use crate::world::World;

/// The ways in which a record rots.
const WAYS: [Way; 5] =
    [Way::Zeroed, Way::Overwritten, Way::Flipped(0), Way::Flipped(1), Way::Flipped(2)];

/// What becomes of a record's bytes.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// All are zero.
    Zeroed,
    /// Something else lies there.
    Overwritten,
    /// A bit of this sector flips: of the first in its head, of others at their begin.
    Flipped(usize),
}

/// How many cases there are over so many legs.
pub(super) fn count(legs: usize, records: &[Extent]) -> usize {
    legs * records.len() * WAYS.len()
}

impl World<'_> {
    /// Lets a record rot; `nth` is one of the [`count`] cases.
    pub(super) fn rot(&mut self, nth: usize, records: &[Extent]) {
        let way = WAYS[nth % WAYS.len()];
        let (leg, record) = (nth / WAYS.len() / records.len(), nth / WAYS.len() % records.len());
        let record = records[record];
        self.history.note(|| format!("leg {leg} has its record at {record} {way:?}"));
        self.rotten = true;
        alter(&self.legs[leg], record, way);
    }
}

fn alter(disk: &SimDisk, record: Extent, way: Way) {
    let mut bytes = vec![0; record.count().bytes()];
    for (n, sector) in bytes.chunks_exact_mut(SECTOR_SIZE).enumerate() {
        disk.durable(record.start() + Sectors(n as u64)).fill(sector);
    }
    match way {
        Way::Zeroed => bytes.fill(0),
        Way::Overwritten => bytes.fill(0x55),
        // The head of a record has 40 bytes or more; marks begin at 64.
        Way::Flipped(sector) => bytes[sector * SECTOR_SIZE + 32] ^= 1,
    }
    disk.preset(record.start(), &bytes);
}
