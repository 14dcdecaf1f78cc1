//! What a returning member needs: the regions in which it may differ.
//!
//! Place: `decide.rs` asks for each member that is to be rebuilt. `elect.rs` asks
//! where halves that ran apart may differ.
//!
//! It relies on one property of maps. Suppose a region was written on member A while
//! member B was not in sync beside it. Then A's own map calls the region dirty, or says
//! that B missed it. A bad page shows everything.

use alloc::vec;
use alloc::vec::Vec;

use super::candidate::Candidate;
use super::types::Missed;
use crate::format::{Geometry, Marks, Region};

/// Regions that are being collected.
pub(super) struct Needs {
    geometry: Geometry,
    /// One for each region; `None` once a map was of no use.
    regions: Option<Vec<bool>>,
}

impl Needs {
    /// None yet, of a mirror that is cut like this.
    pub(super) fn new(geometry: Geometry) -> Needs {
        Needs { geometry, regions: Some(vec![]) }
    }

    /// Adds the regions for which a member's map has any of these marks.
    pub(super) fn add(&mut self, it: Candidate<'_>, marks: Marks) {
        if it.superblock().geometry != self.geometry || !it.has_whole_map() {
            self.regions = None;
        }
        let Some(regions) = &mut self.regions else { return };
        regions.resize(self.geometry.regions() as usize, false);
        for (number, region) in (0..).zip(regions) {
            let shown = it.member.marks(Region(number)).unwrap_or(Marks::all());
            *region |= shown.intersects(marks);
        }
    }

    /// The same, but only for regions that are in no doubt.
    pub(super) fn add_shown(&mut self, it: Candidate<'_>, marks: Marks) {
        let Some(regions) = &mut self.regions else { return };
        regions.resize(self.geometry.regions() as usize, false);
        for (number, region) in (0..).zip(regions) {
            let shown = it.member.marks(Region(number)).unwrap_or_default();
            *region |= shown.intersects(marks);
        }
    }

    /// What came together.
    pub(super) fn finish(self) -> Missed {
        let Some(regions) = self.regions else { return Missed::Everything };
        let numbered = (0..).map(Region).zip(regions);
        Missed::Regions(numbered.filter_map(|(region, needed)| needed.then_some(region)).collect())
    }
}
