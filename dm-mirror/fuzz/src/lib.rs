//! What the fuzz targets have in common: units with a right checksum.
//!
//! How to run them: docs/testing.md.
#![forbid(unsafe_code)]

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
