//! Restores the second copies of records that are whole.
//!
//! Place: `--repair-copies`. A start does the same by itself; this is for images that are
//! to be looked at, or kept, before anything is started.
//!
//! Rule: nothing is decided. A copy that is damaged is written only if it cannot have held
//! anything newer than the one that is whole ([`Second::Behind`], [`Second::Damaged`]).

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};

use anyhow::{Context, Result};
use bio::{Extent, SECTOR_SIZE};
use dm_mirror::format::{Member, SLOTS, Second, page_place, superblock_place};

use crate::disk::{Disk, part};

/// What became of the copies of a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repaired {
    /// Restored.
    pub(crate) restored: usize,
    /// Damaged, and perhaps newer than what is whole: left as they are.
    pub(crate) left: usize,
}

/// Restores what can be restored on a disk.
pub(crate) fn copies(disk: &Disk) -> Result<Repaired> {
    let Ok(member) = &disk.member else { return Ok(Repaired::default()) };
    let records = records(member);
    let left = records.iter().filter(|it| it.second == Second::Lost).count();
    let to_restore: Vec<&Record> = records.iter().filter(|it| it.is_restorable()).collect();
    if !to_restore.is_empty() {
        let path = &disk.path;
        restore(path, &to_restore).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Repaired { restored: to_restore.len(), left })
}

/// A record of which the newest copy is whole.
struct Record {
    newest: Extent,
    other: Extent,
    second: Second,
}

impl Record {
    fn is_restorable(&self) -> bool {
        match self.second {
            Second::Behind | Second::Damaged => true,
            Second::Same | Second::Lost => false,
        }
    }
}

/// The map's pages, and the superblock last.
fn records(member: &Member) -> Vec<Record> {
    let pages = (0..).zip(&member.pages).filter_map(|(number, page)| {
        let page = page.as_ref()?;
        let [newest, other] = [page.slot, SLOTS - 1 - page.slot].map(|it| page_place(number, it));
        Some(Record { newest, other, second: page.second })
    });
    let [newest, other] = [member.slot, SLOTS - 1 - member.slot].map(superblock_place);
    pages.chain([Record { newest, other, second: member.second }]).collect()
}

fn restore(path: &std::path::Path, records: &[&Record]) -> Result<()> {
    let mut file: File = OpenOptions::new().read(true).write(true).open(path)?;
    for Record { newest, other, .. } in records {
        let bytes = part(&mut file, *newest)?;
        file.seek(SeekFrom::Start(other.start().0 * SECTOR_SIZE as u64))?;
        file.write_all(&bytes)?;
    }
    file.sync_all()?;
    Ok(())
}
