//! Where a resync stands.
//!
//! Place: part of the [`Core`](crate::core::Core); `steps/resync.rs` has the rules.

use alloc::vec::Vec;
use core::mem;

use bio::{Extent, Sector};

use super::leg::LegSet;
use super::region::Regions;
use super::requests::Req;
use crate::format::Region;

/// Where a resync stands.
#[derive(Debug, Default)]
pub(crate) struct Resync {
    /// A step is in flight, or the worker has been asked for one.
    pub(crate) running: bool,
    /// The last step found nothing to do, and nothing has happened since.
    pub(crate) rested: bool,
    /// Reads that wait for unsettled regions, and where they read.
    pub(crate) readers: Vec<(Req, Extent)>,
    /// The region that is being copied.
    pub(crate) current: Option<Current>,
    /// Regions that are copied, and wait for the flush.
    pub(crate) copied: Vec<(Region, LegSet)>,
    /// Where the search for the next region goes on.
    pub(crate) cursor: u32,
    /// The leg that the last chunk was read from.
    pub(crate) source: usize,
    /// How often it paused for its pace, and whether it does now.
    pub(crate) naps: u64,
    pub(crate) napping: bool,
    /// A pause is to end before its time.
    pub(crate) hurried: bool,
    /// The last step failed on the last leg: the next waits for an alarm, for a read, or
    /// for something to change.
    pub(crate) stuck: bool,
}

/// A region that is being copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current {
    pub(crate) region: Region,
    /// The next sector to be copied.
    pub(crate) next: Sector,
    /// The legs that got every chunk so far, and did not go out since.
    pub(crate) reached: LegSet,
    /// Chunks are single blocks, since a larger one could be read nowhere.
    pub(crate) by_block: bool,
}

impl Resync {
    /// Ends a pause. Returns whether there was one: then the next step is to be taken.
    pub(crate) fn wake(&mut self) -> bool {
        mem::take(&mut self.napping)
    }

    /// A read waits: a pause ends, as it has the work at the ceiling.
    pub(crate) fn wake_for_reader(&mut self) {
        (self.rested, self.stuck, self.hurried) = (false, false, true);
    }

    /// What was copied to a leg, of regions like this, counts for nothing.
    pub(crate) fn forget(&mut self, leg: usize, is_it: impl Fn(Region) -> bool) {
        let current = self.current.iter_mut().map(|it| (it.region, &mut it.reached));
        let copied = self.copied.iter_mut().map(|(region, reached)| (*region, reached));
        for (region, reached) in current.chain(copied) {
            if is_it(region) {
                reached.remove(leg);
            }
        }
    }

    pub(crate) fn is_copied(&self, region: Region) -> bool {
        self.copied.iter().any(|(copied, _)| *copied == region)
    }

    /// The first region that a read waits for.
    pub(crate) fn wanted(&self, regions: &Regions) -> Option<Region> {
        self.readers.iter().find_map(|(_, extent)| regions.unsettled_in(*extent))
    }
}
