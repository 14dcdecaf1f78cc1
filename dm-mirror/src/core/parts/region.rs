//! What is known of each region: where legs may differ, and who missed what.
//!
//! Place: part of the [`Core`](crate::core::Core).
//! Writes begin and end here, `steps/clean.rs` asks what has become clean,
//! `steps/resync.rs` what is to be copied; `journal.rs` records it on each leg.
//!
//! Rules:
//!
//! - A region is DIRTY from before the first write to it until nothing is in
//!   flight there and every leg that has it was flushed since (R5). The record that
//!   marks a region clean also marks it missed for each leg that lacks it.
//! - A region that was DIRTY at the start is *unsettled*: legs may differ there, and nothing
//!   was answered from it yet. It stays so until all legs in sync were made equal there and
//!   were flushed (R6). It never becomes unsettled again.
//! - There is one set of marks: every leg's own record is to say the same.

use alloc::collections::{BTreeMap, TryReserveError};
use alloc::vec::Vec;

use bio::{Extent, Sectors};
use fixedbitset::FixedBitSet;

use super::leg::{LEGS_MAX, LegSet};
use crate::format::{Geometry, Marks, MemberId, PAGES_MAX, REGIONS_PER_PAGE, Region};

/// The most regions a mirror can have, which is what [`PAGES_MAX`] pages of a map have. A
/// region takes a byte and a bit of memory: 4.5 MiB for all.
pub const REGIONS_MAX: u64 = PAGES_MAX as u64 * REGIONS_PER_PAGE as u64;

/// Counts completions and flushes, to tell which came first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// After all others.
    pub(crate) const FOREVER: Moment = Moment(u64::MAX);
}

/// All regions of a mirror.
#[derive(Debug)]
pub(crate) struct Regions {
    geometry: Geometry,
    /// The member that each leg holds: marks are by member.
    members: [MemberId; LEGS_MAX],
    /// The mirror keeps a record of where legs may differ.
    recorded: bool,
    marks: Vec<Marks>,
    unsettled: FixedBitSet,
    unsettled_count: u32,
    /// How many regions each leg missed.
    missing: [u32; LEGS_MAX],
    /// The DIRTY regions that are settled.
    active: BTreeMap<Region, Activity>,
    now: Moment,
}

/// What goes on in a DIRTY region.
#[derive(Clone, Copy, Debug, Default)]
struct Activity {
    in_flight: u32,
    /// Something was written since the region became DIRTY, or may have been before the start.
    /// Else somebody only means to.
    written: bool,
    last_done: Moment,
    /// How often the cleaner looked since the last write and found nothing happening. After
    /// the second time the region may be made clean.
    quiet: u8,
    /// A write failed here on a leg that stayed, and no flush covers what it left there. So
    /// the region stays DIRTY for this session; an unsettled one, until that leg was
    /// rewritten.
    doubtful: bool,
}

/// When which leg was last flushed: what [`Regions::clean`] asks.
pub(crate) struct Flushed {
    /// The legs in sync.
    pub(crate) in_sync: LegSet,
    /// The legs that are being rebuilt.
    pub(crate) rebuilding: LegSet,
    /// All legs.
    pub(crate) all: LegSet,
    /// When the last flush that succeeded was issued, by leg.
    pub(crate) when: [Moment; LEGS_MAX],
}

impl Regions {
    /// How much memory so many regions take, in bytes: a byte of marks and a bit each.
    pub(crate) fn bytes(count: usize) -> usize {
        count + count.div_ceil(8)
    }

    /// As [`try_new`](Regions::try_new), where there is known to be room.
    pub(crate) fn new(
        geometry: Geometry,
        members: [MemberId; LEGS_MAX],
        recorded: bool,
    ) -> Regions {
        Regions::try_new(geometry, members, recorded).expect("there is room for the regions")
    }

    /// Regions in which all legs agree. Unless `recorded`, writes leave no mark. Fails if
    /// memory is short.
    pub(crate) fn try_new(
        geometry: Geometry,
        members: [MemberId; LEGS_MAX],
        recorded: bool,
    ) -> Result<Regions, TryReserveError> {
        let count = geometry.regions() as usize;
        let mut marks = Vec::new();
        marks.try_reserve_exact(count)?;
        marks.resize(count, Marks::empty());
        // A bit set cannot report that memory is short. So its room is reserved here first,
        // and then given to it.
        let mut place: Vec<u8> = Vec::new();
        place.try_reserve_exact(Regions::bytes(count) - count)?;
        drop(place);
        Ok(Regions {
            geometry,
            members,
            recorded,
            marks,
            unsettled: FixedBitSet::with_capacity(count),
            unsettled_count: 0,
            missing: [0; LEGS_MAX],
            active: BTreeMap::new(),
            now: Moment::default(),
        })
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The member that a leg holds, or whose place it has.
    pub(crate) fn member(&self, leg: usize) -> MemberId {
        self.members[leg]
    }

    /// Two legs turn out to hold each other's members.
    pub(crate) fn exchange_members(&mut self, a: usize, b: usize) {
        self.members.swap(a, b);
        self.missing.swap(a, b);
    }

    fn missed_mark(&self, leg: usize) -> Marks {
        Marks::missed(self.members[leg])
    }

    /// All regions in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Region> + use<> {
        (0..self.geometry.regions()).map(Region)
    }

    /// What every record is to say of a region.
    pub(crate) fn marks(&self, region: Region) -> Marks {
        self.marks[region.0 as usize]
    }

    /// The next moment.
    pub(crate) fn tick(&mut self) -> Moment {
        self.now.0 += 1;
        self.now
    }

    /// A write or a copy to `extent` begins, on all legs but `unwritten`. Returns whether a
    /// region becomes DIRTY by it.
    #[inline]
    pub(crate) fn begin(&mut self, extent: Extent, unwritten: LegSet) -> bool {
        (self.recorded || !unwritten.is_empty()) && self.begin_regions(extent, unwritten)
    }

    fn begin_regions(&mut self, extent: Extent, unwritten: LegSet) -> bool {
        let mut first = false;
        for region in self.geometry.touched(extent) {
            if self.recorded {
                self.marks[region.0 as usize] |= Marks::DIRTY;
                let activity = self.active.entry(region).or_insert_with(|| {
                    first = true;
                    Activity::default()
                });
                activity.in_flight += 1;
                (activity.written, activity.quiet) = (true, 0);
            }
            unwritten.iter().for_each(|leg| self.miss(leg, region));
        }
        first
    }

    /// Whether a record says where legs may differ.
    pub(crate) fn are_recorded(&self) -> bool {
        self.recorded
    }

    /// Something will be written to a region: the next record may say so already. One that is
    /// unsettled is DIRTY, and the cleaner leaves it alone.
    pub(crate) fn intend(&mut self, region: Region) {
        if self.recorded && !self.is_unsettled(region) {
            self.marks[region.0 as usize] |= Marks::DIRTY;
            self.active.entry(region).or_default().quiet = 0;
        }
    }

    pub(crate) fn is_dirty(&self, region: Region) -> bool {
        self.marks(region).contains(Marks::DIRTY)
    }

    /// It has ended on all legs.
    #[inline]
    pub(crate) fn end(&mut self, extent: Extent) {
        let now = self.tick();
        if self.recorded {
            self.end_regions(extent, now);
        }
    }

    fn end_regions(&mut self, extent: Extent, now: Moment) {
        for region in self.geometry.touched(extent) {
            let activity = self.active.get_mut(&region).expect("it began");
            activity.in_flight -= 1;
            activity.last_done = now;
        }
    }

    /// A write to `extent` failed on a leg that stays.
    pub(crate) fn doubt(&mut self, extent: Extent) {
        for region in self.geometry.touched(extent).filter(|_| self.recorded) {
            self.active.entry(region).or_default().doubtful = true;
        }
    }

    /// Whether a write failed in a region on a leg that stayed.
    pub(crate) fn is_doubtful(&self, region: Region) -> bool {
        self.active.get(&region).is_some_and(|activity| activity.doubtful)
    }

    /// A leg that stays may have lost its cache: nothing that was written since its last flush
    /// is certain. Legs that are `rebuilding` count as missing it: everywhere, unless the
    /// records say where that may be.
    pub(crate) fn doubt_all(&mut self, rebuilding: LegSet) {
        let written = self.active.values_mut().filter(|activity| activity.written);
        written.for_each(|activity| activity.doubtful = true);
        for leg in rebuilding.iter() {
            match self.recorded {
                true => self.exclude(leg),
                false => self.all().for_each(|region| self.miss(leg, region)),
            }
        }
    }

    /// A leg goes out, or the data that it was copied from are lost. Wherever legs may differ,
    /// it may have missed something. Where nothing was written they do not.
    pub(crate) fn exclude(&mut self, leg: usize) {
        let written = self.active.iter().filter(|(_, activity)| activity.written);
        let dirty = written.map(|(&region, _)| region);
        let unsettled = self.unsettled.ones().map(|index| Region(index as u32));
        let regions: Vec<Region> = dirty.chain(unsettled).collect();
        regions.into_iter().for_each(|region| self.miss(leg, region));
    }

    /// A leg missed something in a region.
    pub(crate) fn miss(&mut self, leg: usize, region: Region) {
        let mark = self.missed_mark(leg);
        let marks = &mut self.marks[region.0 as usize];
        self.missing[leg] += u32::from(!marks.contains(mark));
        marks.insert(mark);
    }

    /// A leg has all of a region again, durably.
    pub(crate) fn caught_up(&mut self, leg: usize, region: Region) {
        let mark = self.missed_mark(leg);
        let marks = &mut self.marks[region.0 as usize];
        self.missing[leg] -= u32::from(marks.contains(mark));
        marks.remove(mark);
    }

    /// Whether a leg missed something in a region.
    pub(crate) fn missed(&self, leg: usize, region: Region) -> bool {
        self.marks(region).contains(self.missed_mark(leg))
    }

    /// How many regions a leg missed.
    pub(crate) fn missing(&self, leg: usize) -> u32 {
        self.missing[leg]
    }

    /// How many sectors the regions have that a leg missed.
    pub(crate) fn missing_sectors(&self, leg: usize) -> Sectors {
        self.sectors(self.missing[leg], self.missed(leg, self.last()))
    }

    /// A region was DIRTY when the mirror started.
    pub(crate) fn unsettle(&mut self, region: Region) {
        self.marks[region.0 as usize].insert(Marks::DIRTY);
        self.unsettled_count += u32::from(!self.unsettled.put(region.0 as usize));
    }

    /// All legs in sync agree in a region and were flushed since. Where a write had failed,
    /// they were all rewritten.
    pub(crate) fn settle(&mut self, region: Region) {
        if self.unsettled.contains(region.0 as usize) {
            self.unsettled.remove(region.0 as usize);
            self.unsettled_count -= 1;
            let now = self.tick();
            let activity = self.active.entry(region).or_default();
            (activity.written, activity.last_done, activity.doubtful) = (true, now, false);
        }
    }

    pub(crate) fn is_unsettled(&self, region: Region) -> bool {
        self.unsettled.contains(region.0 as usize)
    }

    /// How many regions are unsettled.
    pub(crate) fn unsettled_count(&self) -> u32 {
        self.unsettled_count
    }

    /// How many sectors the unsettled regions have.
    pub(crate) fn unsettled_sectors(&self) -> Sectors {
        self.sectors(self.unsettled_count, self.is_unsettled(self.last()))
    }

    fn last(&self) -> Region {
        Region(self.geometry.regions() - 1)
    }

    /// How many sectors so many regions have. The last region may be short, so it matters
    /// whether it is among them.
    fn sectors(&self, regions: u32, with_last: bool) -> Sectors {
        let whole = u64::from(regions) - u64::from(with_last);
        let last = if with_last { self.geometry.extent(self.last()).count().0 } else { 0 };
        Sectors(whole * self.geometry.region.0 + last)
    }

    /// The first unsettled region that an extent touches, if any.
    #[inline]
    pub(crate) fn unsettled_in(&self, extent: Extent) -> Option<Region> {
        if self.unsettled_count == 0 {
            return None;
        }
        self.geometry.touched(extent).find(|&region| self.is_unsettled(region))
    }

    /// How many regions are DIRTY.
    pub(crate) fn dirty_count(&self) -> u32 {
        self.unsettled_count + self.active_settled()
    }

    /// How many of them stay so for this session.
    pub(crate) fn doubtful_count(&self) -> u32 {
        self.active.values().filter(|activity| activity.doubtful).count() as u32
    }

    fn active_settled(&self) -> u32 {
        self.active.keys().filter(|&&region| !self.is_unsettled(region)).count() as u32
    }

    /// Whether the cleaner has something to look after.
    pub(crate) fn has_active(&self) -> bool {
        self.active.values().any(|activity| !activity.doubtful)
    }

    /// Looks for regions in which nothing happened since this was called last (all quiet ones
    /// if `now`). Returns the legs that must be flushed before those can become clean.
    pub(crate) fn idle_legs_to_flush(&mut self, flushed: &Flushed, now: bool) -> Idle {
        let mut idle = Idle::default();
        for (&region, activity) in &mut self.active {
            let quiet = activity.in_flight == 0
                && !activity.doubtful
                && !self.unsettled.contains(region.0 as usize);
            if quiet && (activity.quiet > 0 || now) {
                activity.quiet = 2;
                idle.any = true;
                let has = flushed.in_sync.or(flushed.rebuilding);
                idle.to_flush = (has.iter())
                    .filter(|&leg| flushed.when[leg] <= activity.last_done)
                    .fold(idle.to_flush, |mut legs, leg| {
                        legs.insert(leg);
                        legs
                    });
            }
            activity.quiet = activity.quiet.max(u8::from(quiet));
        }
        idle
    }

    /// Makes clean what may be clean (R5), and returns the pages of the map
    /// that changed. The caller sees to it that no exclusion is pending.
    pub(crate) fn clean(&mut self, flushed: &Flushed) -> Vec<u32> {
        let may = |(&region, activity): (&Region, &Activity)| {
            let has = self.legs_that_have(region, flushed);
            let quiet = activity.in_flight == 0
                && activity.quiet == 2
                && !activity.doubtful
                && !self.is_unsettled(region);
            let durable = has.iter().all(|leg| flushed.when[leg] > activity.last_done);
            let miss = if activity.written { flushed.all.without(has) } else { LegSet::EMPTY };
            (quiet && durable).then_some((region, miss))
        };
        let clean: Vec<(Region, LegSet)> = self.active.iter().filter_map(may).collect();
        let mut pages: Vec<u32> = Vec::new();
        for (region, miss) in clean {
            self.active.remove(&region);
            self.marks[region.0 as usize].remove(Marks::DIRTY);
            miss.iter().for_each(|leg| self.miss(leg, region));
            let page = page_of(region);
            if pages.last() != Some(&page) {
                pages.push(page);
            }
        }
        pages
    }

    /// The legs that got all that was written to a region.
    fn legs_that_have(&self, region: Region, flushed: &Flushed) -> LegSet {
        let rebuilt = flushed.rebuilding.iter().filter(|&leg| !self.missed(leg, region));
        flushed.in_sync.or(rebuilt.collect())
    }
}

/// What the cleaner found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Idle {
    /// Some region may become clean.
    pub(crate) any: bool,
    /// Once these legs were flushed.
    pub(crate) to_flush: LegSet,
}

/// The page of the map that a region is on.
pub(crate) fn page_of(region: Region) -> u32 {
    region.0 / REGIONS_PER_PAGE as u32
}

#[cfg(test)]
mod tests {
    use bio::Sector;

    use super::*;

    #[test]
    fn amounts_count_sectors_and_the_last_region_may_be_short() {
        for (region, length, missed, sectors) in [
            (8, 19, &[2][..], 3),
            (8, 19, &[0, 2], 11),
            (8, 19, &[0, 1], 16),
            (8, 16, &[1], 8),
            // A region that is larger than the mirror.
            (1 << 63, 32768, &[0], 32768),
        ] {
            let geometry = Geometry {
                region: Sectors(region),
                data_start: Sector(2048),
                length: Sectors(length),
            };
            let mut regions = Regions::new(geometry, core::array::from_fn(MemberId::new), true);
            for &missed in missed {
                regions.miss(1, Region(missed));
                regions.unsettle(Region(missed));
            }
            let amounts = [regions.missing_sectors(1), regions.unsettled_sectors()];
            assert_eq!(amounts, [Sectors(sectors); 2], "{region}, {length}: {missed:?}");
            assert_eq!(regions.missing_sectors(0), Sectors::ZERO);
        }
    }
}
