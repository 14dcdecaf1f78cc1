//! The decisions of each part, one test for each; nothing but the part is there. A part with
//! few decisions has its tests in its own file.
//!
//! The mirror of these tests has eight regions of eight sectors, and its leg *n* holds member
//! *n*.

mod check;
mod cleaner;
mod flushes;
mod journal;
mod legs;
mod loss;
mod membership;
mod not_started;
mod policy;
mod region;
mod replacement;
mod requests;
mod resync;
mod rivals;
mod taken_out;

use bio::{ErrorKind, Extent, IoResult, Sector, Sectors};

use super::leg::{LEGS_MAX, LegSet};
use super::region::{Flushed, Moment, Regions};
use crate::core::tests::model::GEOMETRY;
use crate::format::{MemberId, Region};

/// No leg.
const NOBODY: LegSet = LegSet::EMPTY;

const FAILED: IoResult = Err(bio::IoError { kind: ErrorKind::Media, resid: 0 });

fn legs(legs: &[usize]) -> LegSet {
    legs.iter().copied().collect()
}

fn sectors(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

/// All of a region.
fn region(number: u32) -> Extent {
    GEOMETRY.extent(Region(number))
}

/// Clean regions, of a mirror that records what is DIRTY.
fn clean_regions() -> Regions {
    Regions::new(GEOMETRY, core::array::from_fn(MemberId::new), true)
}

/// So many legs, all in sync and flushed `when`.
fn flushed(count: usize, when: Moment) -> Flushed {
    let all = LegSet::first(count);
    Flushed { in_sync: all, rebuilding: NOBODY, all, when: [when; LEGS_MAX] }
}

/// A write to this extent, from its begin to its end on all legs.
fn written(regions: &mut Regions, extent: Extent) {
    regions.begin(extent, NOBODY);
    regions.end(extent);
}
