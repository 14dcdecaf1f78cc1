//! A small mirror without its legs: the core, and what each leg's disk holds as its reports
//! say.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::array;

use bio::{Extent, Sector, Sectors};

use crate::core::event::{Facts, LegFacts, Unit};
use crate::core::parts::errors::Threshold;
use crate::core::parts::found::Found;
use crate::core::parts::leg::{LEGS_MAX, LegSet};
use crate::core::parts::pace::Rate;
use crate::core::parts::policy::ReadPolicy;
use crate::core::{Core, Log, Setup, Wishes};
use crate::format::{
    Bad, FoundPage, Geometry, MapPage, Marks, Member, MemberId, MemberState, REGIONS_PER_PAGE,
    Region, Second, Superblock,
};
use crate::label::{self, Device, Ids, LabelOptions};

/// The mirror has eight regions of eight sectors.
pub(crate) const GEOMETRY: Geometry =
    Geometry { region: Sectors(8), data_start: Sector(32), length: Sectors(64) };

/// What a mirror over so many legs is made of. It copies as fast as legs allow.
pub(crate) fn setup(legs: usize, log: Log) -> (Setup, Wishes) {
    let setup = Setup {
        legs,
        length: GEOMETRY.length,
        log,
        start_degraded: false,
        error_threshold: Threshold::default(),
        block: Sectors(1),
    };
    let wishes = Wishes {
        read_policy: ReadPolicy::default(),
        write_mostly: LegSet::EMPTY,
        sync_rate: Rate::parse("none,none").expect("a rate"),
    };
    (setup, wishes)
}

/// A mirror that keeps records and was not resumed yet, and its newly labelled disks. If they
/// are not `clean`, every region is DIRTY.
pub(crate) fn labelled(legs: usize, clean: bool, dice: impl FnMut() -> u64) -> (Core, Vec<Disk>) {
    let options = LabelOptions {
        region: Some(GEOMETRY.region),
        data_start: Some(GEOMETRY.data_start),
        clean,
        ..LabelOptions::new("story")
    };
    let device = Device { capacity: capacity(), block_size: 512 };
    let label = label::plan(&options, &Ids::new(legs, dice), &[device; LEGS_MAX][..legs]);
    let label = label.expect("it fits");
    let (setup, wishes) = setup(legs, Log::Internal);
    let core = Core::new(setup, wishes, None, &[0; LEGS_MAX][..legs]);
    (core, (0..legs).map(|leg| Disk::labelled(label.superblock(leg), clean)).collect())
}

fn capacity() -> Sectors {
    GEOMETRY.data_end() - Sector(0)
}

/// What is known of these disks, one for each leg.
pub(crate) fn facts(disks: &[Disk]) -> Box<Facts> {
    let known = |(leg, disk): (usize, &Disk)| LegFacts {
        there: true,
        name: format!("d{leg}"),
        offset: Sector(0),
        capacity: capacity(),
        block: 512,
        resets: disk.resets,
    };
    let mut known = disks.iter().enumerate().map(known);
    Box::new(array::from_fn(|_| known.next().unwrap_or_default()))
}

/// One disk: its records, durable or in its cache.
pub(crate) struct Disk {
    slot: usize,
    pub(crate) superblock: Superblock,
    pages: BTreeMap<u32, (usize, MapPage)>,
    /// Records that were written, and that no flush covers.
    written: Vec<(Extent, Unit)>,
    /// How often it has lost its cache.
    pub(crate) resets: u64,
    /// It holds nothing that a mirror wrote.
    pub(crate) is_blank: bool,
    /// What the superblock's other slot holds.
    pub(crate) second: Second,
    /// Both slots of its page are bad.
    pub(crate) page_is_bad: bool,
}

impl Disk {
    /// A disk that a label has made a member.
    fn labelled(superblock: Superblock, clean: bool) -> Disk {
        let mark = if clean { Marks::empty() } else { Marks::DIRTY };
        let mut marks = Box::new([Marks::empty(); REGIONS_PER_PAGE]);
        marks[..superblock.geometry.regions() as usize].fill(mark);
        let (member, incarnation) = (superblock.own().uuid, superblock.incarnation);
        let page = MapPage { member, number: 0, incarnation, seq: 1, marks };
        let pages = BTreeMap::from([(0, (0, page))]);
        Disk {
            slot: 0,
            superblock,
            pages,
            written: Vec::new(),
            resets: 0,
            is_blank: false,
            second: Second::Same,
            page_is_bad: false,
        }
    }

    /// A record was written.
    pub(crate) fn wrote(&mut self, place: Extent, unit: Unit) {
        self.written.push((place, unit));
    }

    /// How many records a flush that is issued now covers.
    pub(crate) fn to_flush(&self) -> usize {
        self.written.len()
    }

    /// A flush has succeeded that covers so many records.
    pub(crate) fn flushed(&mut self, count: usize) {
        let count = count.min(self.written.len());
        for (place, unit) in self.written.drain(..count) {
            match unit {
                Unit::Page(page) => {
                    let slot = (place.start().0 / 8 % 2) as usize;
                    self.pages.insert(page.number, (slot, *page));
                }
                Unit::Superblock(superblock) => {
                    (self.slot, self.superblock) = ((place.start().0 / 8) as usize, *superblock);
                    self.is_blank = false;
                }
                Unit::Wiped => {}
            }
        }
    }

    /// It loses what its cache holds.
    pub(crate) fn loses(&mut self) {
        self.written.clear();
        self.resets += 1;
    }

    /// Whether its durable map calls a region DIRTY.
    pub(crate) fn is_dirty(&self, region: Region) -> bool {
        let page = self.pages.get(&0).map(|(_, page)| page.marks[region.0 as usize]);
        page.is_some_and(|marks| marks.contains(Marks::DIRTY))
    }

    /// Its durable map calls a region DIRTY from now on.
    pub(crate) fn is_to_be_dirty(&mut self, region: Region) {
        let (_, page) = self.pages.get_mut(&0).expect("it has a page");
        page.marks[region.0 as usize] |= Marks::DIRTY;
    }

    /// What its durable superblock says of a member.
    pub(crate) fn says(&self, of: usize) -> MemberState {
        self.superblock.entry(MemberId::new(of)).map_or(MemberState::Out, |entry| entry.state)
    }

    /// What a search finds.
    pub(crate) fn found(&self) -> Found {
        if self.is_blank {
            return Found::Bad(Bad::Blank);
        }
        Found::Member(Box::new(self.member()), Vec::new())
    }

    /// The member that it is, by what is durable.
    pub(crate) fn member(&self) -> Member {
        let blank = || Box::new([Marks::empty(); REGIONS_PER_PAGE]);
        let page = match self.pages.get(&0) {
            Some((slot, page)) if page.incarnation == self.superblock.incarnation => {
                FoundPage::whole(*slot, page.seq, page.marks.clone())
            }
            _ => FoundPage::whole(0, 1, blank()),
        };
        let (superblock, slot, second) = (self.superblock.clone(), self.slot, self.second);
        let pages = [Some(page)].into();
        let pages = if self.page_is_bad { [None].into() } else { pages };
        Member { superblock, slot, second, pages }
    }
}
