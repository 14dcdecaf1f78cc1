//! Why devices cannot become a mirror, and what lies on one already.

use alloc::string::String;
use core::fmt;

use bio::{Sector, Sectors};
use uuid::Uuid;

use crate::format::{Bad, MEMBERS_MAX, NAME_MAX, UNIT};

/// Why there can be no such mirror. Nothing was written. Devices are counted
/// from 0, as slots are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelError {
    /// So many devices make no mirror.
    Members(usize),
    /// The text is no name for a mirror.
    Name(String),
    /// A unit of metadata is not a whole number of this device's blocks.
    BlockSize {
        /// Which device.
        device: usize,
        /// Its block size, in bytes.
        block_size: u32,
    },
    /// The region size is no power of two, or below the least for this size.
    Region {
        /// The size asked for.
        region: Sectors,
        /// The smallest that is possible.
        least: Sectors,
    },
    /// The data would begin within a block.
    Misaligned {
        /// Where it was to begin.
        data_start: Sector,
        /// The largest block of the devices.
        align: Sectors,
    },
    /// The data would begin before the metadata ends.
    TooEarly {
        /// Where it was to begin.
        data_start: Sector,
        /// Where the metadata ends.
        end: Sector,
    },
    /// The smallest device has no room for data.
    TooSmall {
        /// Which device.
        device: usize,
        /// Its size.
        capacity: Sectors,
        /// The size that would do.
        needed: Sectors,
    },
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelError::Members(count) => {
                write!(f, "a mirror has 1 to {MEMBERS_MAX} members, not {count}")
            }
            LabelError::Name(name) => write!(
                f,
                "`{}` is no name for a mirror; use 1 to {NAME_MAX} bytes of visible characters \
                 without `/`",
                name.escape_default()
            ),
            LabelError::BlockSize { device, block_size } => write!(
                f,
                "device {device} has blocks of {block_size} bytes; a member's are a power of two \
                 from 512 to {UNIT}"
            ),
            LabelError::Region { region, least } => write!(
                f,
                "a region of {region} sectors is not possible; use a power of two from {least} on"
            ),
            LabelError::Misaligned { data_start, align } => write!(
                f,
                "data from sector {data_start} on would begin within a block; use a multiple of \
                 {align}"
            ),
            LabelError::TooEarly { data_start, end } => write!(
                f,
                "data from sector {data_start} on would overwrite the metadata; begin at {end} or \
                 later, or take larger regions"
            ),
            LabelError::TooSmall { device, capacity, needed } => write!(
                f,
                "device {device} has {capacity} sectors; a member of this mirror needs {needed} or \
                 more"
            ),
        }
    }
}

impl core::error::Error for LabelError {}

/// What lies where the superblocks of a member would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// It is a member.
    Member {
        /// What its mirror is called.
        name: String,
        /// Which mirror.
        set: Uuid,
        /// Which member.
        slot: u8,
    },
    /// It is a member of a version that this code does not know.
    Version(u32),
    /// It was a member; both superblocks are bad.
    Damaged(Bad),
    /// Something that is no mirror's.
    Other,
}

impl fmt::Display for Occupied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Occupied::Member { name, set, slot } => {
                write!(f, "it is member {slot} of the mirror `{name}` ({set})")
            }
            Occupied::Version(version) => {
                write!(f, "it is a member of a mirror, of the unknown version {version}")
            }
            Occupied::Damaged(bad) => {
                write!(f, "it was a member of a mirror, but its superblocks are bad: {bad}")
            }
            Occupied::Other => f.write_str("it is not blank; something else lies there"),
        }
    }
}

impl core::error::Error for Occupied {}
