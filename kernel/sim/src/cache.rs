//! A medium with a volatile write cache: what is read, what would survive.
//!
//! Place: inside [`SimDisk`](crate::SimDisk), which says when requests take
//! effect; here is only what they do to the sectors.
//!
//! Rules:
//!
//! - A read sees the newest landed write, cached or not.
//! - The cache keeps the landed writes of each sector in order. It may write
//!   any of them back at any time; whichever it wrote back last, with nothing
//!   older after it, is what a crash leaves. Sectors are independent: no order
//!   holds between them.
//! - A flush covers the writes that had *completed* when it was issued. A write
//!   that landed but was not acknowledged (in flight, or failed) is not covered.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use bio::{SECTOR_SIZE, Sector};

use crate::chooser::Chooser;
use crate::stamp::{self, Stamp};

/// The landed writes that the cache keeps for one sector. Past this the oldest
/// is written back, as a full cache would.
pub const CACHED_PER_SECTOR_MAX: usize = 8;

/// What one sector holds: a stamp, or any other bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A stamp repeated; zeroes are [`Stamp::BLANK`].
    Stamp(Stamp),
    /// Bytes that are no stamp.
    Raw(Arc<[u8; SECTOR_SIZE]>),
}

impl Content {
    /// The contents of one sector of memory. Panics if it is not one sector.
    pub fn of(sector: &[u8]) -> Content {
        stamp::read(sector).map_or_else(
            |_| Content::Raw(Arc::new(sector.try_into().expect("one sector of memory"))),
            Content::Stamp,
        )
    }

    /// Puts them into one sector of memory. Panics if it is not one sector.
    pub fn fill(&self, sector: &mut [u8]) {
        match self {
            Content::Stamp(stamp) => stamp::fill(sector, *stamp),
            Content::Raw(bytes) => sector.copy_from_slice(&bytes[..]),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Stamp(stamp) => stamp.fmt(f),
            Content::Raw(_) => f.pad("bytes that are no stamp"),
        }
    }
}

/// Which write put an entry into the cache.
pub(crate) type WriteId = u64;

/// The sectors of a disk.
pub(crate) struct Cache {
    cells: Vec<Cell>,
    /// Cells whose chain is not empty.
    dirty: usize,
}

struct Cell {
    medium: Content,
    /// Landed, oldest first.
    chain: Vec<Cached>,
}

struct Cached {
    content: Content,
    write: WriteId,
    /// When its write was acknowledged, by the disk's count of events.
    acknowledged: Option<u64>,
}

impl Cache {
    pub(crate) fn new(medium: Vec<Content>) -> Cache {
        let cells = medium.into_iter().map(|medium| Cell { medium, chain: Vec::new() }).collect();
        Cache { cells, dirty: 0 }
    }

    pub(crate) fn blank(sectors: usize) -> Cache {
        Cache::new(vec![Content::Stamp(Stamp::BLANK); sectors])
    }

    pub(crate) fn sectors(&self) -> usize {
        self.cells.len()
    }

    /// What a read sees.
    pub(crate) fn newest(&self, sector: Sector) -> &Content {
        let cell = &self.cells[sector.0 as usize];
        cell.chain.last().map_or(&cell.medium, |cached| &cached.content)
    }

    /// What is certain to survive.
    pub(crate) fn medium(&self, sector: Sector) -> &Content {
        &self.cells[sector.0 as usize].medium
    }

    /// A write takes effect on a sector.
    pub(crate) fn land(&mut self, sector: Sector, content: Content, write: WriteId) {
        let cell = &mut self.cells[sector.0 as usize];
        if cell.chain.is_empty() {
            self.dirty += 1;
        } else if cell.chain.len() == CACHED_PER_SECTOR_MAX {
            cell.medium = cell.chain.remove(0).content;
        }
        cell.chain.push(Cached { content, write, acknowledged: None });
    }

    /// The write is acknowledged: a flush issued after `now` covers it.
    pub(crate) fn acknowledge(&mut self, sector: Sector, write: WriteId, now: u64) {
        let chain = &mut self.cells[sector.0 as usize].chain;
        if let Some(cached) = chain.iter_mut().rfind(|cached| cached.write == write) {
            cached.acknowledged = Some(now);
        }
    }

    /// The write is durable (FUA, or a write-through cache).
    pub(crate) fn harden(&mut self, sector: Sector, write: WriteId) {
        self.write_back(sector.0 as usize, |cached| cached.write == write);
    }

    /// A flush that was issued at `mark` is done.
    pub(crate) fn flush(&mut self, mark: u64) {
        for index in 0..self.cells.len() {
            if self.dirty == 0 {
                break;
            }
            self.write_back(index, |cached| cached.acknowledged.is_some_and(|when| when < mark));
        }
    }

    /// Writes back up to the newest entry that `covered` tells of.
    fn write_back(&mut self, index: usize, covered: impl Fn(&Cached) -> bool) {
        let Cell { medium, chain } = &mut self.cells[index];
        let Some(last) = chain.iter().rposition(covered) else { return };
        let written = chain.drain(..=last).next_back();
        *medium = written.expect("the range is not empty").content;
        self.dirty -= usize::from(chain.is_empty());
    }

    /// Power is lost: each sector keeps what the medium has, any of its cached
    /// writes, or one of those in flight, which `in_flight` adds to the list.
    pub(crate) fn cut(
        &mut self,
        chooser: &mut dyn Chooser,
        in_flight: impl Fn(Sector, &mut Vec<Content>),
    ) {
        let mut candidates = Vec::new();
        for (cell, at) in self.cells.iter_mut().zip(0..) {
            candidates.extend(cell.chain.drain(..).map(|cached| cached.content));
            in_flight(Sector(at), &mut candidates);
            let survivor = chooser.choose(candidates.len() + 1, "survivor");
            if survivor > 0 {
                cell.medium = candidates.swap_remove(survivor - 1);
            }
            candidates.clear();
        }
        self.dirty = 0;
    }

    /// What the medium holds.
    pub(crate) fn durable_contents(&self) -> Vec<Content> {
        self.cells.iter().map(|cell| cell.medium.clone()).collect()
    }
}
