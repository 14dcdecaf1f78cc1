//! A member as it was read: its newest superblock, and the pages of its map.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::layout::{Marks, REGIONS_PER_PAGE, Region};
use super::page;
use super::superblock::Superblock;

/// What the slot holds that does not hold the newest record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// The same: the record stands twice.
    Same,
    /// The commit before, or nothing of this life of the member: the second copy is still to
    /// follow.
    Behind,
    /// It is damaged, and cannot have held anything newer.
    Damaged,
    /// It is damaged, and may have held something newer.
    Lost,
}

/// The newest superblock of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// The slot that holds it.
    pub slot: usize,
    /// What it says.
    pub superblock: Superblock,
    /// What the other slot holds.
    pub second: Second,
}

/// What was found of one page of a member's map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPage {
    /// The slot that holds it.
    pub slot: usize,
    /// The larger sequence number that either slot shows.
    pub seq: u64,
    /// What it says of each region.
    pub marks: Box<[Marks; REGIONS_PER_PAGE]>,
    /// What the other slot holds, ...
    pub second: Second,
    /// ... and for which parts of the marks it may have held something newer.
    pub doubtful: Doubtful,
}

impl FoundPage {
    /// A page that stands in both slots, and is in no doubt.
    pub fn whole(slot: usize, seq: u64, marks: Box<[Marks; REGIONS_PER_PAGE]>) -> FoundPage {
        FoundPage { slot, seq, marks, second: Second::Same, doubtful: Doubtful::default() }
    }

    /// Whether it has this mark for some region that is in no doubt.
    pub fn says(&self, mark: Marks) -> bool {
        let marks = self.marks.iter().enumerate();
        { marks }.any(|(n, marks)| marks.intersects(mark) && !self.doubtful.has(n))
    }
}

/// The parts of a page's marks that may have been overtaken by what is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubtful(pub(super) [bool; page::Part::COUNT]);

impl Doubtful {
    /// Whether this of a page's marks is in doubt.
    pub fn has(self, mark: usize) -> bool {
        self.0[page::Part::with(mark).index()]
    }
}

/// What was found on a device that is a member of a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its newest superblock.
    pub superblock: Superblock,
    /// The slot that holds it.
    pub slot: usize,
    /// What the other slot holds. Where it is [`Second::Lost`], the member may have had a
    /// newer superblock than this.
    pub second: Second,
    /// Its map; `None` where both slots of a page are bad.
    pub pages: Vec<Option<FoundPage>>,
}

impl Member {
    /// A member whose records stand twice.
    pub fn new(superblock: Superblock, slot: usize, pages: Vec<Option<FoundPage>>) -> Member {
        Member { superblock, slot, second: Second::Same, pages }
    }

    /// What its map says of a region; `None` if that page is bad there, or if the
    /// region lies past the map.
    pub fn marks(&self, region: Region) -> Option<Marks> {
        let page = self.pages.get(region.0 as usize / REGIONS_PER_PAGE)?.as_ref()?;
        let mark = region.0 as usize % REGIONS_PER_PAGE;
        (!page.doubtful.has(mark)).then(|| page.marks[mark])
    }

    /// Whether it may have had a newer superblock, which is lost.
    pub fn in_doubt(&self) -> bool {
        self.second == Second::Lost
    }

    /// How many of its records have a damaged copy. A second copy that is still to be written
    /// does not count.
    pub fn damaged(&self) -> usize {
        let pages = self.pages.iter();
        let pages = pages.filter(|page| page.as_ref().is_none_or(|page| page.second.is_damaged()));
        usize::from(self.second.is_damaged()) + pages.count()
    }
}
