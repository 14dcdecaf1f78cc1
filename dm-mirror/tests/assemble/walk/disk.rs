//! A disk of the walk: metadata that is durable when written, and data that is
//! in the cache first.

use dm_mirror::format::{FoundPage, Marks, Member, REGIONS_PER_PAGE, Region, Superblock};
use sim::Chooser;
use uuid::Uuid;

/// Regions of the mirror: enough that maps differ from one to the next.
pub(super) const REGIONS: usize = 3;

/// What a write left, each with its own number.
pub(super) type Value = u64;

#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) member: Member,
    /// What is durable.
    pub(super) data: [Value; REGIONS],
    cache: [Option<Value>; REGIONS],
    /// It is a snapshot, and was not rebuilt since.
    pub(super) restored: bool,
}

impl Disk {
    pub(super) fn new(superblock: Superblock) -> Disk {
        let member = Member::new(superblock, 0, vec![Some(blank())]);
        Disk { member, data: [0; REGIONS], cache: [None; REGIONS], restored: false }
    }

    pub(super) fn superblock(&self) -> &Superblock {
        &self.member.superblock
    }

    pub(super) fn generation(&self) -> Uuid {
        self.superblock().generation
    }

    /// What the map says of a region; everything if it is blank.
    pub(super) fn marks(&self, region: usize) -> Marks {
        self.member.marks(Region(region as u32)).unwrap_or(Marks::all())
    }

    /// Has the map say this of a region.
    pub(super) fn record(&mut self, region: usize, marks: Marks) {
        self.member.pages[0].get_or_insert_with(blank).marks[region] = marks;
    }

    /// Of another incarnation, the map counts for nothing.
    pub(super) fn forget_map(&mut self) {
        self.member.pages[0] = None;
    }

    pub(super) fn is_blank(&self) -> bool {
        self.member.pages[0].is_none()
    }

    /// What a read answers.
    pub(super) fn read(&self, region: usize) -> Value {
        self.cache[region].unwrap_or(self.data[region])
    }

    /// Writes into the cache; what was there may have become durable.
    pub(super) fn write(&mut self, region: usize, value: Value, chooser: &mut dyn Chooser) {
        if let Some(before) = self.cache[region].replace(value)
            && chooser.rarely(2, "destaged")
        {
            self.data[region] = before;
        }
    }

    pub(super) fn flush(&mut self) {
        for (data, cached) in self.data.iter_mut().zip(&mut self.cache) {
            *data = cached.take().unwrap_or(*data);
        }
    }

    /// Loses power: some of the cache had become durable.
    pub(super) fn crash(&mut self, chooser: &mut dyn Chooser) {
        for (data, cached) in self.data.iter_mut().zip(&mut self.cache) {
            let survived = cached.take().filter(|_| chooser.rarely(2, "survived"));
            *data = survived.unwrap_or(*data);
        }
    }
}

fn blank() -> FoundPage {
    FoundPage::whole(0, 1, [Marks::empty(); REGIONS_PER_PAGE].into())
}
