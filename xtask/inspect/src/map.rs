//! A member's map, summed up.

use std::fmt;
use std::ops::RangeInclusive;

use dm_mirror::format::{MEMBERS_MAX, Marks, Member, MemberId, REGIONS_PER_PAGE, Region, Second};

/// Regions, in ascending order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Regions {
    pub(crate) ranges: Vec<RangeInclusive<u32>>,
}

impl Regions {
    pub(crate) fn count(&self) -> u64 {
        let length = |range: &RangeInclusive<u32>| u64::from(range.end() - range.start()) + 1;
        self.ranges.iter().map(length).sum()
    }
}

impl FromIterator<Region> for Regions {
    fn from_iter<I: IntoIterator<Item = Region>>(regions: I) -> Regions {
        let mut ranges: Vec<RangeInclusive<u32>> = Vec::new();
        for Region(region) in regions {
            match ranges.last_mut() {
                Some(last) if region.checked_sub(1) == Some(*last.end()) => {
                    *last = *last.start()..=region;
                }
                _ => ranges.push(region..=region),
            }
        }
        Regions { ranges }
    }
}

/// `0-3, 7`.
impl fmt::Display for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// What the good pages say, and which are bad.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Map {
    /// How many regions the mirror has.
    pub(crate) regions: u32,
    pub(crate) dirty: Regions,
    /// What the member in each slot missed.
    pub(crate) missed: [Regions; MEMBERS_MAX],
    /// Those that are bad, or in doubt somewhere.
    pub(crate) bad_pages: Vec<usize>,
    /// How many pages stand in one slot only.
    pub(crate) alone: usize,
    /// The regions that may be anything.
    pub(crate) unknown: Regions,
}

impl Map {
    pub(crate) fn of(member: &Member) -> Map {
        let regions = member.superblock.geometry.regions();
        let all = || (0..regions).map(Region);
        let marked = |mark| {
            let bears = move |region: &Region| {
                member.marks(*region).is_some_and(|marks| marks.contains(mark))
            };
            all().filter(bears).collect()
        };
        let unknown: Regions = all().filter(|region| member.marks(*region).is_none()).collect();
        let mut bad_pages: Vec<usize> = { all() }
            .filter(|region| member.marks(*region).is_none())
            .map(|region| region.0 as usize / REGIONS_PER_PAGE)
            .collect();
        bad_pages.dedup();
        Map {
            regions,
            dirty: marked(Marks::DIRTY),
            missed: std::array::from_fn(|slot| marked(Marks::missed(MemberId::new(slot)))),
            bad_pages,
            alone: {
                let pages = member.pages.iter().flatten();
                pages.filter(|page| page.second != Second::Same).count()
            },
            unknown,
        }
    }

    /// How many pages it has.
    pub(crate) fn pages(&self) -> usize {
        (self.regions as usize).div_ceil(REGIONS_PER_PAGE)
    }
}
