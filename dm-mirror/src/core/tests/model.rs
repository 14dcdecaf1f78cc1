//! What a leg's disk holds, as its reports say.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::core::event::Unit;
use crate::core::parts::found::Found;
use crate::format::{
    FoundPage, MapPage, Marks, Member, MemberId, MemberState, Region, Second, Superblock,
};
use bio::Extent;

/// One disk: its records, durable or in its cache.
pub(super) struct Disk {
    slot: usize,
    superblock: Superblock,
    pages: BTreeMap<u32, (usize, MapPage)>,
    /// Records that were written, and that no flush covers.
    written: Vec<(Extent, Unit)>,
    /// How often it has lost its cache.
    pub(super) resets: u64,
}

impl Disk {
    /// A disk that a label has made a member.
    pub(super) fn labelled(superblock: Superblock) -> Disk {
        Disk { slot: 0, superblock, pages: BTreeMap::new(), written: Vec::new(), resets: 0 }
    }

    /// A record was written.
    pub(super) fn wrote(&mut self, place: Extent, unit: Unit) {
        self.written.push((place, unit));
    }

    /// How many records a flush that is issued now covers.
    pub(super) fn to_flush(&self) -> usize {
        self.written.len()
    }

    /// A flush has succeeded that covers so many records.
    pub(super) fn flushed(&mut self, count: usize) {
        let count = count.min(self.written.len());
        for (place, unit) in self.written.drain(..count) {
            match unit {
                Unit::Page(page) => {
                    let slot = (place.start().0 / 8 % 2) as usize;
                    self.pages.insert(page.number, (slot, *page));
                }
                Unit::Superblock(superblock) => {
                    (self.slot, self.superblock) = ((place.start().0 / 8) as usize, *superblock);
                }
                Unit::Wiped => {}
            }
        }
    }

    /// It loses what its cache holds.
    pub(super) fn loses(&mut self) {
        self.written.clear();
        self.resets += 1;
    }

    /// Whether its durable map calls a region DIRTY.
    pub(super) fn is_dirty(&self, region: Region) -> bool {
        let page = self.pages.get(&0).map(|(_, page)| page.marks[region.0 as usize]);
        page.is_some_and(|marks| marks.contains(Marks::DIRTY))
    }

    /// What its durable superblock says of a member.
    pub(super) fn says(&self, of: usize) -> MemberState {
        self.superblock.entry(MemberId::new(of)).map_or(MemberState::Out, |entry| entry.state)
    }

    /// What a search finds.
    pub(super) fn found(&self) -> Found {
        let blank = || Box::new([Marks::empty(); crate::format::REGIONS_PER_PAGE]);
        let page = match self.pages.get(&0) {
            Some((slot, page)) if page.incarnation == self.superblock.incarnation => {
                FoundPage::whole(*slot, page.seq, page.marks.clone())
            }
            _ => FoundPage::whole(0, 1, blank()),
        };
        let (superblock, slot, second) = (self.superblock.clone(), self.slot, Second::Same);
        let pages = [Some(page)].into();
        Found::Member(Box::new(Member { superblock, slot, second, pages }), Vec::new())
    }
}
