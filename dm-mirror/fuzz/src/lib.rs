//! What the fuzz targets have in common: units with a right checksum.
//!
//! How to run them: docs/testing.md.
#![forbid(unsafe_code)]

use std::ops::Range;

use crc::{CRC_32_ISCSI, Crc};
use dm_mirror::format::UNIT;

/// A unit that begins with these bytes, and whose checksum is right: hardly any
/// input would find one by itself.
pub fn sealed(bytes: &[u8]) -> [u8; UNIT] {
    let mut unit = [0; UNIT];
    let length = bytes.len().min(UNIT);
    unit[..length].copy_from_slice(&bytes[..length]);
    unit[12..16].fill(0);
    let crc = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&unit);
    unit[12..16].copy_from_slice(&crc.to_le_bytes());
    unit
}

/// A unit without those of these places that are zero in another: what a writer would have made
/// that did not know of them yet (docs/format.md).
pub fn as_old(
    mut unit: [u8; UNIT],
    places: impl IntoIterator<Item = Range<usize>>,
    other: &[u8; UNIT],
) -> [u8; UNIT] {
    let is_zero = |place: &Range<usize>| other[place.clone()].iter().all(|&byte| byte == 0);
    for place in places.into_iter().filter(is_zero) {
        unit[place].fill(0);
    }
    sealed(&unit)
}
