//! A disk as it was found: both superblocks, and the member if it is one.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bio::{Extent, SECTOR_SIZE, Sectors};
use dm_mirror::format::{Bad, Member, SLOTS, Superblock, UNIT, newest_of, superblock_place};

pub(crate) struct Disk {
    pub(crate) path: PathBuf,
    /// Its size, in whole sectors.
    pub(crate) capacity: Sectors,
    /// What each slot holds.
    pub(crate) slots: [Result<Superblock, Bad>; SLOTS],
    pub(crate) member: Result<Member, Bad>,
}

impl Disk {
    /// Reads the metadata of an image or a block device. An error says that the
    /// file cannot be read, or is too short to be a disk of a mirror.
    pub(crate) fn read(path: &Path) -> Result<Disk> {
        Disk::try_read(path).with_context(|| format!("cannot use {}", path.display()))
    }

    fn try_read(path: &Path) -> Result<Disk> {
        let mut file = File::open(path)?;
        let bytes = file.seek(SeekFrom::End(0))?;
        let least = SLOTS * UNIT;
        ensure!(bytes >= least as u64, "it has {bytes} bytes, the superblocks alone have {least}");
        let a = part(&mut file, superblock_place(0))?;
        let b = part(&mut file, superblock_place(1))?;
        let slots = [&a[..], &b[..]];
        let member = match newest_of(slots) {
            Ok(newest) => {
                let map = part(&mut file, newest.superblock.geometry.map_place())?;
                Member::from_bytes(newest, &map)
            }
            Err(bad) => Err(bad),
        };
        Ok(Disk {
            path: path.to_owned(),
            capacity: Sectors(bytes / SECTOR_SIZE as u64),
            slots: slots.map(Superblock::decode),
            member,
        })
    }

    /// Whether the data of the member lies within the disk.
    pub(crate) fn holds_all_data(&self, member: &Member) -> bool {
        let geometry = member.superblock.geometry;
        Extent::new(geometry.data_start, geometry.length).fits(self.capacity)
    }
}

/// The bytes at this place, or as many as there are before the end.
pub(crate) fn part(file: &mut File, place: Extent) -> Result<Vec<u8>> {
    file.seek(SeekFrom::Start(place.start().0 * SECTOR_SIZE as u64))?;
    let mut bytes = Vec::new();
    file.take(place.count().bytes() as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
