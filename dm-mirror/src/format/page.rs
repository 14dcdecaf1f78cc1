//! A page of the region map.

use alloc::boxed::Box;

use uuid::Uuid;

use super::{Bad, Marks, UNIT};

/// How many regions a page speaks of: what 64 bytes of head leave.
pub const REGIONS_PER_PAGE: usize = UNIT - 64;

/// A page of a member's map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapPage {
    /// The member it lies on.
    pub member: Uuid,
    /// Which page of the map.
    pub number: u32,
    /// The same as in the member's superblock, or the page is an old one.
    pub incarnation: u32,
    /// Counts the commits of this page on this member.
    pub seq: u64,
    /// What it says of each region, those past the last one included.
    pub marks: Box<[Marks; REGIONS_PER_PAGE]>,
}

impl MapPage {
    /// The bytes of the unit.
    pub fn encode(&self) -> [u8; UNIT] {
        let _ = self;
        [0; UNIT]
    }

    /// The page that these bytes hold.
    pub fn decode(bytes: &[u8]) -> Result<MapPage, Bad> {
        let _ = bytes;
        Err(Bad::Blank)
    }
}
