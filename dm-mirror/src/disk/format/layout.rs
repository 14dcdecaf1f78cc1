//! Where everything lies on a member, and the values that records are made of.

use core::fmt;

use bio::{Extent, SECTOR_SIZE, Sector, Sectors};
use bitflags::bitflags;

/// The most members a mirror can have.
pub const MEMBERS_MAX: usize = 4;

/// What is written at once, in bytes: a superblock, a page of the map.
pub const UNIT: usize = 4096;

/// The same in sectors.
pub const UNIT_SECTORS: Sectors = Sectors((UNIT / SECTOR_SIZE) as u64);

/// Superblocks and map pages have so many slots.
pub const SLOTS: usize = 2;

/// Where the data of a new member begins at the earliest, and its alignment: 1 MiB.
pub const DATA_ALIGN: Sectors = Sectors((1 << 20) / SECTOR_SIZE as u64);

/// The smallest region: a page of memory.
pub const REGION_MIN: Sectors = Sectors(8);

/// The most pages a map can have. A start holds a member's whole map in memory: 8 MiB of it at
/// most. A mirror with too many regions for these pages takes larger regions.
pub const PAGES_MAX: u32 = 1024;

/// How many regions a page speaks of: what 64 bytes of head leave.
pub const REGIONS_PER_PAGE: usize = UNIT - 64;

/// The largest sequence number, version or session that a record may have.
pub const COUNTER_MAX: u64 = u64::MAX / 2;

/// The largest counter with which a mirror is started. No writer counts that far, and one that
/// counts on from there does not reach [`COUNTER_MAX`].
pub const ROOM: u64 = COUNTER_MAX / 2;

/// The largest incarnation; a mirror is started with half of it at most.
pub const INCARNATION_MAX: u32 = u32::MAX / 2;

/// A part of the mirror that the map has one byte for, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(pub u32);

bitflags! {
    /// What the map says of a region.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Marks: u8 {
        /// Members may differ here.
        const DIRTY = 1 << 0;
        /// Reserved: never written since the mirror was made.
        const UNWRITTEN = 1 << 1;
        /// Member 0 missed a write here; the marks of the others follow.
        const MISSED_0 = 1 << 4;
        /// Member 1 missed a write.
        const MISSED_1 = 1 << 5;
        /// Member 2 missed a write.
        const MISSED_2 = 1 << 6;
        /// Member 3 missed a write.
        const MISSED_3 = 1 << 7;
    }
}

/// The number of a member within its mirror, from 0: what superblocks and marks call
/// it by. A table may name the members in any order, so this is never the number of
/// a leg, which is a `usize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(u8);

impl MemberId {
    /// The member of this number. Panics past the last one that a mirror can have.
    pub fn new(number: usize) -> MemberId {
        assert!(number < MEMBERS_MAX, "there is no member {number}");
        MemberId(number as u8)
    }

    /// All that a mirror can have, in order.
    pub fn all() -> impl Iterator<Item = MemberId> + Clone {
        (0..MEMBERS_MAX).map(MemberId::new)
    }

    /// Its place in an array by member.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The number, as records have it.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Marks {
    /// The mark that this member missed a write.
    pub fn missed(member: MemberId) -> Marks {
        Marks::from_bits_retain(1 << (4 + member.index()))
    }

    /// Whether some member missed a write.
    pub fn any_missed(self) -> bool {
        self.bits() >> 4 != 0
    }
}

/// How a mirror is cut into regions, and where on each member it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// The size of a region: a power of two, 8 sectors or more.
    pub region: Sectors,
    /// Where on each member the data begins.
    pub data_start: Sector,
    /// The size of the mirror, without metadata.
    pub length: Sectors,
}

impl Geometry {
    /// Refuses what cannot be; the other functions may panic on that.
    pub fn check(self) -> Result<(), Bad> {
        let Geometry { region, data_start, length } = self;
        must(region.0.is_power_of_two() && region >= REGION_MIN, "the region size")?;
        let regions = length.0.div_ceil(region.0);
        let regions_max = u64::from(PAGES_MAX) * REGIONS_PER_PAGE as u64;
        must(regions > 0 && regions <= regions_max, "the length")?;
        must(data_start >= self.metadata_end(), "the start of the data")?;
        must(Extent::try_new(data_start, length).is_some(), "the end of the data")
    }

    /// Behind the data, hence how large a member must be.
    pub fn data_end(self) -> Sector {
        self.data_start + self.length
    }

    /// How many regions there are; the last one may be short.
    pub fn regions(self) -> u32 {
        u32::try_from(self.length.0.div_ceil(self.region.0))
            .expect("regions are counted in 32 bits")
    }

    /// How many pages the map has.
    pub fn pages(self) -> u32 {
        self.regions().div_ceil(REGIONS_PER_PAGE as u32)
    }

    /// The regions that an extent of the mirror touches; none if it is empty.
    pub fn touched(self, extent: Extent) -> impl Iterator<Item = Region> + Clone + use<> {
        let first = extent.start().0 / self.region.0;
        let end = if extent.is_empty() { first } else { extent.end().0.div_ceil(self.region.0) };
        (first as u32..end as u32).map(Region)
    }

    /// Where in the mirror a region is.
    pub fn extent(self, region: Region) -> Extent {
        let start = Sector(u64::from(region.0) * self.region.0);
        let rest = (Sector(0) + self.length) - start;
        Extent::new(start, self.region.min(rest))
    }

    /// Where on each member its map lies: both slots of page 0, of page 1, ...
    pub fn map_place(self) -> Extent {
        let start = page_place(0, 0).start();
        Extent::new(start, self.metadata_end() - start)
    }

    /// Where the metadata of a mirror with these regions ends on each member.
    pub fn metadata_end(self) -> Sector {
        page_place(self.pages(), 0).start()
    }
}

/// Where on a member a superblock slot is.
pub fn superblock_place(slot: usize) -> Extent {
    Extent::new(Sector(slot as u64 * UNIT_SECTORS.0), UNIT_SECTORS)
}

/// Where on a member a slot of a page of the map is.
pub fn page_place(page: u32, slot: usize) -> Extent {
    let unit = (SLOTS as u64) * (1 + u64::from(page)) + slot as u64;
    Extent::new(Sector(unit * UNIT_SECTORS.0), UNIT_SECTORS)
}

/// Why bytes are no superblock, or no page of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Only zeroes: nothing was ever written here.
    Blank,
    /// Something else lies here.
    Magic,
    /// Of a version that this code does not know.
    Version(u32),
    /// The checksum is wrong: torn, or damaged.
    Checksum,
    /// The checksum is right, but this field is not valid.
    Field(&'static str),
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Blank => f.write_str("blank"),
            Bad::Magic => f.write_str("no metadata of a mirror"),
            Bad::Version(version) => write!(f, "version {version} is not known"),
            Bad::Checksum => f.write_str("the checksum is wrong"),
            Bad::Field(field) => write!(f, "{field} is not valid"),
        }
    }
}

impl core::error::Error for Bad {}

/// An error that names `field`, unless `holds`.
pub(super) fn must(holds: bool, field: &'static str) -> Result<(), Bad> {
    if holds { Ok(()) } else { Err(Bad::Field(field)) }
}
