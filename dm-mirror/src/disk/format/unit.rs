//! What a superblock and a page of the map have in common: 4 KiB that are
//! written at once, told apart by a magic and guarded by a checksum.
//!
//! Place: `superblock.rs` and `page.rs` lay out what follows the head.
//!
//! Rule: magic, version and checksum are looked at in this order, and nothing
//! behind the head is looked at before. The checksum of an unknown version may lie
//! elsewhere.

use crc::{CRC_32_ISCSI, Crc, Table};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::layout::{Bad, UNIT};

/// The version of the layout that this code writes, and the only one it reads.
pub(super) const VERSION: u32 = 1;

/// What every unit begins with.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Head {
    magic: [u8; 8], // 0
    version: U32,   // 8
    crc: U32,       // 12
}

impl Head {
    /// The head of a unit that [`seal`] is to end.
    pub(super) fn new(magic: [u8; 8]) -> Head {
        Head { magic, version: VERSION.into(), crc: 0.into() }
    }

    /// Whether it is the head of such a unit, in the version that this code knows.
    pub(super) fn is_of(&self, magic: [u8; 8]) -> bool {
        self.magic == magic && self.version.get() == VERSION
    }

    /// Magic and version.
    pub(super) fn kind(&self) -> [u8; 12] {
        let mut kind = [0; CRC.start];
        kind[..8].copy_from_slice(&self.magic);
        kind[8..].copy_from_slice(self.version.as_bytes());
        kind
    }
}

/// Where the checksum lies.
const CRC: core::ops::Range<usize> = 12..16;

/// 16 KiB of tables: pages of the map lie in the path of writes.
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The CRC-32C of the whole unit, the checksum itself taken as zero.
fn checksum(unit: &[u8; UNIT]) -> u32 {
    let mut digest = CRC32C.digest();
    digest.update(&unit[..CRC.start]);
    digest.update(&[0; CRC.end - CRC.start]);
    digest.update(&unit[CRC.end..]);
    digest.finalize()
}

/// Puts the checksum in, which makes the unit valid: the last step of encoding.
pub(super) fn seal(unit: &mut [u8; UNIT]) {
    let crc = checksum(unit);
    unit[CRC].copy_from_slice(&crc.to_le_bytes());
}

/// The unit that these bytes hold, if its head says so.
pub(super) fn open(bytes: &[u8], magic: [u8; 8]) -> Result<&[u8; UNIT], Bad> {
    let unit: &[u8; UNIT] = bytes.try_into().map_err(|_| Bad::Field("the length of the unit"))?;
    if all_zero(unit) {
        return Err(Bad::Blank);
    }
    let (head, _) = Head::ref_from_prefix(unit).expect("a unit is longer than its head");
    if head.magic != magic {
        return Err(Bad::Magic);
    }
    match head.version.get() {
        VERSION => {}
        version => return Err(Bad::Version(version)),
    }
    if head.crc.get() != checksum(unit) {
        return Err(Bad::Checksum);
    }
    Ok(unit)
}

pub(super) fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
