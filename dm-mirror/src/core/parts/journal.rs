//! Write intent: the region map as each leg has it on disk.
//!
//! Place: part of a leg's record. A transaction that starts asks whether the map covers
//! it, and waits here until its leg's own record says DIRTY (states START and
//! JOURNAL_FLUSH). `steps/maps.rs` has the pages written.
//!
//! Rules:
//!
//! - Own intent first: no data is written to a leg before that leg's own map
//!   durably says what `region.rs` says of the regions (R1). No leg waits for
//!   another's record.
//! - A record that is on its way counts too: it may survive a crash, or not. So a write starts
//!   only if the durable record *and* the one in flight cover it.
//! - One commit at a time on each leg: pages, then one flush for all who wait
//!   (group commit). The next begins only when it is durable, in the other slot;
//!   a commit that failed is repeated in its own slot, under a larger number.
//! - A page that is durable in one slot is also written to the other, when the cleaner looks
//!   next and no commit is wanted. That write has no flush: the next flush covers it. At rest
//!   each page stands twice.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use bio::{Extent, IoError, IoResult};
use uuid::Uuid;

use super::counts::Cause;
use super::region::{Moment, Regions, page_of};
use super::requests::Req;
use crate::format::{
    FoundPage, Geometry, MapPage, Marks, Member, REGIONS_PER_PAGE, Region, SLOTS, Second,
    page_place,
};

/// No slot that cannot be read is so many commits ahead of the others.
const HIDDEN_MAX: u64 = 1 << 32;

/// One leg's map on its disk, and what waits for it.
#[derive(Debug)]
pub(crate) struct Journal {
    member: Uuid,
    incarnation: u32,
    pages: Vec<Place>,
    /// What the durable record says, by region.
    durable: Vec<Marks>,
    flight: Option<Flight>,
    /// Transactions that may not write yet.
    waiting: Vec<Waiting>,
    /// Pages to be written though nobody waits.
    changed: BTreeSet<u32>,
    /// Some of them for what somebody will write.
    ahead: bool,
    /// Pages whose newest durable record stands in one slot only.
    alone: BTreeSet<u32>,
    /// These are to stand twice.
    twice: bool,
    /// Pages whose record on disk may differ from `durable`: a commit of theirs failed, or
    /// they were found in doubt.
    unsure: BTreeSet<u32>,
    /// The last commit failed. Pages that only differ are not written again before an alarm,
    /// or before a write waits for them.
    stuck: bool,
}

/// A transaction that waits for its leg's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) req: Req,
    pub(crate) extent: Extent,
}

/// Where the newest durable record of a page is.
#[derive(Clone, Copy, Debug)]
struct Place {
    slot: usize,
    /// The largest number that was ever used.
    seq: u64,
}

/// What of a commit is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The pages, and then the flush behind them.
    First,
    /// Second copies of what is durable.
    Second,
}

/// The places and bytes of pages to be written, and why.
pub(crate) type Commit = (Vec<(Extent, MapPage)>, Cause);

/// A commit on its way.
#[derive(Debug)]
struct Flight {
    stage: Stage,
    pages: Vec<(u32, Box<[Marks; REGIONS_PER_PAGE]>)>,
    /// How many page writes have not ended.
    left: usize,
    failed: Option<IoError>,
    cause: Cause,
    /// When it began.
    since: Moment,
    /// When the flush was issued.
    flush: Moment,
}

impl Journal {
    /// The map that was found on a member. What its `unreadable` slots hide has a smaller
    /// number than whatever is written from now on. A page that does not stand twice is to be
    /// written anew.
    pub(crate) fn found(member: &Member, unreadable: &[(u32, usize)]) -> Journal {
        let geometry = member.superblock.geometry;
        let marks = |region| member.marks(Region(region)).unwrap_or_default();
        let largest = member.pages.iter().flatten().map(|page| page.seq).max().unwrap_or(0);
        let place = |(number, page): (usize, &Option<FoundPage>)| match page {
            Some(page) => Place { slot: page.slot, seq: page.seq },
            None => {
                let hidden = unreadable.iter().find(|(page, _)| *page as usize == number);
                Place { slot: hidden.map_or(0, |(_, slot)| *slot), seq: largest + HIDDEN_MAX }
            }
        };
        let with = |seconds: &'static [Second]| {
            let has = |page: &Option<FoundPage>| {
                page.as_ref().is_some_and(|page| seconds.contains(&page.second))
            };
            (0..).zip(&member.pages).filter(move |(_, page)| has(page)).map(|(number, _)| number)
        };
        Journal {
            durable: (0..geometry.regions()).map(marks).collect(),
            pages: member.pages.iter().enumerate().map(place).collect(),
            // What may be lost of one is in its marks by now.
            changed: with(&[Second::Lost]).collect(),
            alone: with(&[Second::Behind, Second::Damaged]).collect(),
            unsure: {
                let bad = (0..).zip(&member.pages).filter(|(_, page)| page.is_none());
                bad.map(|(number, _)| number).chain(with(&[Second::Lost])).collect()
            },
            ..Journal::blank(geometry, member.superblock.own().uuid, member.superblock.incarnation)
        }
    }

    /// A map of which nothing is durable. The incarnation tells its pages from whatever lies
    /// there.
    pub(crate) fn blank(geometry: Geometry, member: Uuid, incarnation: u32) -> Journal {
        Journal {
            member,
            incarnation,
            pages: vec![Place { slot: 0, seq: 0 }; geometry.pages() as usize],
            durable: vec![Marks::empty(); geometry.regions() as usize],
            flight: None,
            waiting: Vec::new(),
            changed: BTreeSet::new(),
            ahead: false,
            alone: BTreeSet::new(),
            twice: false,
            unsure: BTreeSet::new(),
            stuck: false,
        }
    }

    /// Whether a transaction may write to `extent` now; else it waits.
    pub(crate) fn admits(&mut self, waiting: Waiting, regions: &Regions) -> bool {
        let covered = self.covers_all(waiting.extent, regions);
        if !covered {
            self.waiting.push(waiting);
            self.stuck = false;
        }
        covered
    }

    fn covers_all(&self, extent: Extent, regions: &Regions) -> bool {
        regions.geometry().touched(extent).all(|region| self.covers(region, regions))
    }

    /// Whether whatever survives a crash now says at least what `regions` says.
    fn covers(&self, region: Region, regions: &Regions) -> bool {
        let wanted = regions.marks(region);
        self.durable[region.0 as usize].contains(wanted)
            && self.in_flight(region).is_none_or(|marks| marks.contains(wanted))
    }

    /// What the record on its way says of a region.
    fn in_flight(&self, region: Region) -> Option<Marks> {
        let pages = &self.flight.as_ref()?.pages;
        let (_, marks) = pages.iter().find(|(page, _)| *page == page_of(region))?;
        Some(marks[region.0 as usize % REGIONS_PER_PAGE])
    }

    /// Whether whatever survives a crash now has every `mark` that `regions` has: both the
    /// durable record and the one in flight. A busy user has a record in flight all the time,
    /// so nothing waits for that to end. A region to which somebody waits to write needs no
    /// mark yet: what this leg was given there since the last record says DIRTY.
    pub(crate) fn has_recorded(&self, mark: Marks, regions: &Regions) -> bool {
        let recorded = |region: Region| {
            let wanted = regions.marks(region) & mark;
            self.durable[region.0 as usize].contains(wanted)
                && self.in_flight(region).is_none_or(|marks| marks.contains(wanted))
        };
        let geometry = regions.geometry();
        let waits = |region: Region| {
            let extent = geometry.extent(region);
            self.waiting.iter().any(|it| it.extent.overlaps(extent))
        };
        regions.all().all(|region| recorded(region) || waits(region))
    }

    /// Whether nothing that survives a crash now has a `mark` that `regions` lacks.
    pub(crate) fn has_dropped(&self, mark: Marks, regions: &Regions) -> bool {
        let dropped = |region: Region| {
            let in_flight = self.in_flight(region).unwrap_or_default();
            let recorded = self.durable[region.0 as usize] | in_flight;
            regions.marks(region).contains(recorded & mark)
        };
        self.unsure.is_empty() && regions.all().all(dropped)
    }

    /// Whether nothing is on its way, and no transaction waits for a record.
    pub(crate) fn is_settled(&self) -> bool {
        self.flight.is_none() && self.waiting.is_empty()
    }

    /// Whether nothing is on its way, nor wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        let twice = self.twice && self.has_alone();
        self.is_settled() && self.changed.is_empty() && !twice
    }

    /// Has these pages written.
    pub(crate) fn change(&mut self, pages: impl IntoIterator<Item = u32>) {
        self.stuck = false;
        self.changed.extend(pages);
    }

    /// Has these pages written for what somebody will write.
    pub(crate) fn change_ahead(&mut self, pages: impl IntoIterator<Item = u32>) {
        self.change(pages);
        self.ahead = true;
    }

    /// Has every page written whose newest record is not, or may not be, what `regions` says.
    /// Returns whether there was one.
    pub(crate) fn change_differing(&mut self, regions: &Regions) -> bool {
        if self.stuck {
            return false;
        }
        let newest =
            |region: Region| self.in_flight(region).unwrap_or(self.durable[region.0 as usize]);
        let differs = |region: &Region| newest(*region) != regions.marks(*region);
        let mut pages: BTreeSet<u32> = regions.all().filter(differs).map(page_of).collect();
        let flight = self.flight.as_ref();
        let flies = |page: u32| flight.is_some_and(|it| it.pages.iter().any(|it| it.0 == page));
        pages.extend(self.unsure.iter().filter(|page| !flies(**page)));
        let before = self.changed.len();
        self.changed.extend(pages);
        self.changed.len() > before
    }

    /// The leg is out: nothing more is written. Returns the transactions that waited for it.
    pub(crate) fn give_up(&mut self) -> Vec<Waiting> {
        self.changed.clear();
        self.alone.clear();
        mem::take(&mut self.waiting)
    }

    /// What failed may be tried again.
    pub(crate) fn try_again(&mut self) {
        self.stuck = false;
    }

    /// The next commit, if one is wanted and none is on its way: the places and
    /// bytes of its pages. Also says whether a transaction waits for it.
    pub(crate) fn next_commit(&mut self, regions: &mut Regions) -> Option<Commit> {
        if self.flight.is_some() {
            return None;
        }
        let mut wanted = mem::take(&mut self.changed);
        let intent = mem::take(&mut self.ahead) || !self.waiting.is_empty();
        let cause = if intent { Cause::Intent } else { Cause::Clean };
        for waiting in &self.waiting {
            wanted.extend(regions.geometry().touched(waiting.extent).map(page_of));
        }
        if wanted.is_empty() {
            return self.second_copies(regions);
        }
        let (mut pages, mut writes) = (Vec::new(), Vec::new());
        for number in wanted {
            let marks = image(number, regions);
            self.pages[number as usize].seq += 1;
            self.alone.remove(&number);
            writes.push(self.write_of(number, &marks));
            pages.push((number, marks));
        }
        let left = pages.len();
        let (since, flush) = (regions.tick(), Moment::default());
        let (stage, failed) = (Stage::First, None);
        self.flight = Some(Flight { stage, pages, left, failed, cause, since, flush });
        Some((writes, cause))
    }

    /// The pages that are to stand twice, as their durable records have them.
    fn second_copies(&mut self, regions: &mut Regions) -> Option<Commit> {
        if !mem::take(&mut self.twice) || self.alone.is_empty() {
            return None;
        }
        let (mut pages, mut writes) = (Vec::new(), Vec::new());
        for number in mem::take(&mut self.alone) {
            let mut marks = Box::new([Marks::empty(); REGIONS_PER_PAGE]);
            for (mark, durable) in marks.iter_mut().zip(on_page(number, &mut self.durable)) {
                *mark = *durable;
            }
            writes.push(self.write_of(number, &marks));
            pages.push((number, marks));
        }
        let (stage, left, failed) = (Stage::Second, pages.len(), None);
        let (since, flush, cause) = (regions.tick(), Moment::default(), Cause::Copies);
        self.flight = Some(Flight { stage, pages, left, failed, cause, since, flush });
        Some((writes, cause))
    }

    /// Whether some page stands in one slot only.
    pub(crate) fn has_alone(&self) -> bool {
        !self.alone.is_empty()
    }

    /// Has each page written to its other slot too, if it is not there.
    pub(crate) fn stand_twice(&mut self) {
        self.twice = true;
    }

    /// A page under its present number, and its place: in the slot that does not hold the
    /// newest durable one.
    fn write_of(&self, number: u32, marks: &[Marks; REGIONS_PER_PAGE]) -> (Extent, MapPage) {
        let Place { slot, seq } = self.pages[number as usize];
        let page = MapPage {
            member: self.member,
            number,
            incarnation: self.incarnation,
            seq,
            marks: Box::new(*marks),
        };
        (page_place(number, (slot + 1) % SLOTS), page)
    }

    /// A page was written, or not. Returns the stage if it was the last of that.
    pub(crate) fn page_done(&mut self, result: IoResult) -> Option<PagesDone> {
        let flight = self.flight.as_mut().expect("a page belongs to a commit");
        flight.failed = flight.failed.or(result.err());
        flight.left -= 1;
        let Flight { stage, failed, cause, .. } = *flight;
        (flight.left == 0).then_some(PagesDone { stage, failed, cause })
    }

    /// The flush behind the pages is asked for `now`.
    pub(crate) fn flushes(&mut self, now: Moment) {
        self.flight.as_mut().expect("a flush belongs to a commit").flush = now;
    }

    /// When the commit on its way began.
    pub(crate) fn since(&self) -> Moment {
        self.flight.as_ref().expect("a commit is on its way").since
    }

    /// Second copies have ended; whatever became of them, the first are durable.
    pub(crate) fn copied(&mut self) {
        self.flight = None;
    }

    /// The commit on its way is durable.
    pub(crate) fn committed(&mut self) -> Moment {
        let flight = self.flight.take().expect("a flush belongs to a commit");
        for (number, marks) in flight.pages {
            let place = &mut self.pages[number as usize];
            place.slot = (place.slot + 1) % SLOTS;
            for (durable, marks) in on_page(number, &mut self.durable).zip(marks.iter()) {
                *durable = *marks;
            }
            self.alone.insert(number);
            self.unsure.remove(&number);
        }
        flight.flush
    }

    /// The commit on its way failed: it may survive a crash, or not. Those who wait for it
    /// fail too. What nobody waits for is recorded with the next commit that succeeds.
    pub(crate) fn not_committed(&mut self) -> Vec<Waiting> {
        self.stuck = true;
        self.changed.clear();
        self.twice = false;
        let flight = self.flight.take().expect("an error belongs to a commit");
        for (number, marks) in flight.pages {
            for (durable, marks) in on_page(number, &mut self.durable).zip(marks.iter()) {
                *durable &= *marks;
            }
            self.unsure.insert(number);
        }
        mem::take(&mut self.waiting)
    }

    /// The transactions that may go on now.
    pub(crate) fn take_covered(&mut self, regions: &Regions) -> Vec<Waiting> {
        let waiting = mem::take(&mut self.waiting);
        let covered = |waiting: &Waiting| self.covers_all(waiting.extent, regions);
        let (go, stay) = waiting.into_iter().partition(covered);
        self.waiting = stay;
        go
    }
}

/// All pages of a commit were written, or not.
pub(crate) struct PagesDone {
    pub(crate) stage: Stage,
    pub(crate) failed: Option<IoError>,
    pub(crate) cause: Cause,
}

/// What `regions` says, as a page has it.
fn image(number: u32, regions: &Regions) -> Box<[Marks; REGIONS_PER_PAGE]> {
    let mut marks = Box::new([Marks::empty(); REGIONS_PER_PAGE]);
    let first = number * REGIONS_PER_PAGE as u32;
    let end = regions.geometry().regions().min(first + REGIONS_PER_PAGE as u32);
    for (mark, region) in marks.iter_mut().zip(first..end) {
        *mark = regions.marks(Region(region));
    }
    marks
}

/// The part of `durable` that is on a page.
fn on_page(number: u32, durable: &mut [Marks]) -> impl Iterator<Item = &mut Marks> {
    durable.iter_mut().skip(number as usize * REGIONS_PER_PAGE).take(REGIONS_PER_PAGE)
}
