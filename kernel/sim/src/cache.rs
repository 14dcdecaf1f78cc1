//! A medium with a volatile write cache: what a read sees, and what would survive a crash.
//!
//! Place: inside [`SimDisk`](crate::SimDisk), which says when requests take effect. This file
//! knows only what they do to the sectors.
//!
//! Rules:
//!
//! - A read sees the newest landed write, cached or not.
//! - The cache keeps the landed writes of each sector in order. It may write any of them back
//!   at any time, but never an older one after a newer one. A crash leaves the last one that
//!   was written back. Sectors are independent: no order holds between them.
//! - A flush covers the writes that had *completed* when it was issued. A write
//!   that landed but was not acknowledged (in flight, or failed) is not covered.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use core::{fmt, mem};

use bio::{Extent, SECTOR_SIZE, Sector};

use crate::chooser::Chooser;
use crate::digest::digest_of;
use crate::stamp::{self, Stamp};

/// How many landed writes the cache keeps for one sector. Beyond that the oldest is written
/// back, as in a full cache.
pub const CACHED_PER_SECTOR_MAX: usize = 8;

/// The contents of one sector: a stamp, or any other bytes.
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

    /// Writes them to one sector of memory. Panics if it is not one sector.
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
    /// The cells whose chain is not empty, in order. They are few.
    dirty: Vec<usize>,
    /// The cells that cannot be read.
    unreadable: BTreeSet<usize>,
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
        Cache { cells, dirty: Vec::new(), unreadable: BTreeSet::new() }
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

    /// The sectors for which the cache has something that the medium lacks.
    pub(crate) fn dirty(&self) -> impl Iterator<Item = Sector> {
        self.dirty.iter().map(|&index| Sector(index as u64))
    }

    /// Tells each landed write of each sector: the write, the sector, how many came before it,
    /// and its contents.
    pub(crate) fn each_cached(&self, mut tell: impl FnMut(WriteId, usize, usize, &Content)) {
        for &index in &self.dirty {
            for (position, cached) in self.cells[index].chain.iter().enumerate() {
                tell(cached.write, index, position, &cached.content);
            }
        }
    }

    /// The contents of the medium.
    pub(crate) fn contents(&self) -> Vec<Content> {
        self.cells.iter().map(|cell| cell.medium.clone()).collect()
    }

    /// A fingerprint of the medium: the sum over its sectors, so that the change of one sector
    /// adds a difference.
    pub(crate) fn digest(&self) -> u128 {
        let sectors = self.cells.iter().zip(0u64..);
        sectors.fold(0, |sum, (cell, at)| sum.wrapping_add(digest_of((at, &cell.medium))))
    }

    /// Puts `content` on the medium, past the cache. The cache forgets the sector.
    pub(crate) fn preset(&mut self, sector: Sector, content: Content) {
        let index = sector.0 as usize;
        self.unreadable.remove(&index);
        self.cells[index] = Cell { medium: content, chain: Vec::new() };
        self.dirty.retain(|&dirty| dirty != index);
    }

    /// These sectors cannot be read until something is written to them.
    pub(crate) fn spoil(&mut self, place: Extent) {
        assert!(place.end().0 <= self.cells.len() as u64, "{place} is past the end");
        self.unreadable.extend(indices(place));
    }

    /// Whether any of these sectors cannot be read.
    pub(crate) fn is_unreadable(&self, place: Extent) -> bool {
        !self.unreadable.is_empty() && self.unreadable.range(indices(place)).next().is_some()
    }

    /// A write takes effect on a sector.
    pub(crate) fn land(&mut self, sector: Sector, content: Content, write: WriteId) {
        let index = sector.0 as usize;
        self.unreadable.remove(&index);
        let cell = &mut self.cells[index];
        if cell.chain.is_empty() {
            let place = self.dirty.partition_point(|&dirty| dirty < index);
            self.dirty.insert(place, index);
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
        let index = sector.0 as usize;
        if self.cells[index].write_back(|cached| cached.write == write) {
            self.dirty.retain(|&dirty| dirty != index);
        }
    }

    /// A flush that was issued at `mark` is done.
    pub(crate) fn flush(&mut self, mark: u64) {
        let covered = |cached: &Cached| cached.acknowledged.is_some_and(|when| when < mark);
        self.dirty.retain(|&index| !self.cells[index].write_back(covered));
    }

    /// Power is lost: each sector keeps what the medium has, any of its cached
    /// writes, or one of those `in_flight`.
    pub(crate) fn cut(&mut self, chooser: &mut dyn Chooser, mut in_flight: Vec<(usize, Content)>) {
        // A stable sort: the writes of one sector stay in the order in which they came.
        in_flight.sort_by_key(|(index, _)| *index);
        let mut places = mem::take(&mut self.dirty);
        places.extend(in_flight.iter().map(|(index, _)| *index));
        places.sort_unstable();
        places.dedup();
        let mut in_flight = in_flight.into_iter().peekable();
        let mut candidates = Vec::new();
        for index in places {
            let cell = &mut self.cells[index];
            candidates.extend(cell.chain.drain(..).map(|cached| cached.content));
            while let Some((_, content)) = in_flight.next_if(|(place, _)| *place == index) {
                candidates.push(content);
            }
            let survivor = chooser.choose(candidates.len() + 1, "survivor");
            if survivor > 0 {
                cell.medium = candidates.swap_remove(survivor - 1);
                self.unreadable.remove(&index);
            }
            candidates.clear();
        }
    }

    /// Takes everything; a later flush covers all of it. Nothing is left here.
    pub(crate) fn take(&mut self) -> Cache {
        let (mut cells, dirty) = (mem::take(&mut self.cells), mem::take(&mut self.dirty));
        for &index in &dirty {
            cells[index].chain.iter_mut().for_each(|cached| cached.acknowledged = Some(0));
        }
        Cache { cells, dirty, unreadable: mem::take(&mut self.unreadable) }
    }

    /// Takes the medium without the cache. Nothing is left here.
    pub(crate) fn take_medium(&mut self) -> Cache {
        let mut cells = mem::take(&mut self.cells);
        self.dirty.drain(..).for_each(|index| cells[index].chain.clear());
        let unreadable = mem::take(&mut self.unreadable);
        Cache { cells, dirty: Vec::new(), unreadable }
    }
}

fn indices(place: Extent) -> Range<usize> {
    place.start().0 as usize..place.end().0 as usize
}

impl Cell {
    /// Writes back up to the newest entry that is `covered`. Returns whether the cache has
    /// nothing left of the sector.
    fn write_back(&mut self, covered: impl Fn(&Cached) -> bool) -> bool {
        if let Some(last) = self.chain.iter().rposition(covered) {
            let written = self.chain.drain(..=last).next_back();
            self.medium = written.expect("the range is not empty").content;
        }
        self.chain.is_empty()
    }
}
