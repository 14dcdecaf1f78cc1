//! Simulated disks that a label makes the members of a new mirror.
//!
//! Place: `recorded.rs` starts its mirrors from these, and tests that have the
//! device mapper around one.

use std::sync::Arc;

use bio::{BlockDevice, Limits, Sector, Sectors};
use dm_mirror::label::{self, Device, Ids, LabelOptions, Phase};
use sim::SimDisk;

use super::LENGTH;
use super::recorded::{DATA, REGION};

/// Who the members of a new mirror are: the same for each that has so many.
pub fn ids(legs: usize) -> Ids {
    ids_of(1 << 32, legs)
}

/// Who those of another mirror are.
pub fn ids_of(dice: u64, legs: usize) -> Ids {
    let mut dice = sim::Random::new(dice);
    Ids::new(legs, || dice.bits())
}

/// The disks of a new mirror; unless `clean`, legs are to be made equal first.
pub fn disks(ids: &Ids, clean: bool, limits: Limits) -> Vec<Arc<SimDisk>> {
    let member = |slot| {
        let disk = SimDisk::new(Sectors(DATA + LENGTH), limits);
        put(&disk, slot, ids, clean);
        disk
    };
    (0..ids.members.len()).map(member).collect()
}

/// The disks of a new mirror of two equal legs whose data, so many sectors, begins at `data`.
pub fn disks_with(data: u64, length: u64) -> Vec<Arc<SimDisk>> {
    disks_of(2, data, length)
}

/// The same of so many legs.
pub fn disks_of(legs: usize, data: u64, length: u64) -> Vec<Arc<SimDisk>> {
    let ids = ids(legs);
    let member = |slot| {
        let disk = SimDisk::new(Sectors(data + length), Limits::default());
        write(&disk, 0, slot, &ids, true, (data, length));
        disk
    };
    (0..legs).map(member).collect()
}

/// Makes a disk the member in this slot.
pub fn put(disk: &SimDisk, slot: usize, ids: &Ids, clean: bool) {
    put_at(disk, 0, slot, ids, clean);
}

/// The same on a leg that begins at this sector of the disk. It may end beyond it.
pub fn put_at(disk: &SimDisk, offset: u64, slot: usize, ids: &Ids, clean: bool) {
    write(disk, offset, slot, ids, clean, (DATA, LENGTH));
}

/// Where the data begins on a leg, and how much there is.
type Data = (u64, u64);

fn write(disk: &SimDisk, offset: u64, slot: usize, ids: &Ids, clean: bool, (data, length): Data) {
    let (capacity, block_size) = (Sectors(data + length), disk.limits().block_size);
    let devices = vec![Device { capacity, block_size }; ids.members.len()];
    let options = LabelOptions {
        region: Some(Sectors(REGION)),
        data_start: Some(Sector(data)),
        clean,
        ..LabelOptions::new("test")
    };
    let label = label::plan(&options, ids, &devices).unwrap();
    for (place, unit) in Phase::ALL.into_iter().flat_map(|phase| label.writes(slot, phase)) {
        disk.preset(place.start() + Sectors(offset), &unit[..]);
    }
}
