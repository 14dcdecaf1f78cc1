//! A page of the region map.

use alloc::boxed::Box;

use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute_mut};

use super::unit::{Head, all_zero, must, open, seal};
use super::{Bad, COUNTER_MAX, INCARNATION_MAX, Marks, UNIT};

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

const MAGIC: [u8; 8] = *b"DMIR-MAP";

/// The bits that version 1 uses.
const MARKS: Marks = Marks::all().difference(Marks::UNWRITTEN);

/// The unit, byte by byte. The numbers are offsets.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    head: Head,                    // 0
    member: [u8; 16],              // 16
    seq: U64,                      // 32
    number: U32,                   // 40
    incarnation: U32,              // 44
    reserved: [u8; 16],            // 48
    marks: [u8; REGIONS_PER_PAGE], // 64
}

impl MapPage {
    /// The bytes of the unit. Panics as [`encode_into`](MapPage::encode_into) does.
    pub fn encode(&self) -> [u8; UNIT] {
        let mut unit = [0; UNIT];
        self.encode_into(&mut unit);
        unit
    }

    /// Fills the unit; allocates nothing. Panics on a page that
    /// [`decode`](MapPage::decode) would refuse.
    pub fn encode_into(&self, unit: &mut [u8; UNIT]) {
        let raw: &mut Raw = transmute_mut!(unit);
        raw.head = Head::new(MAGIC);
        raw.member = self.member.into_bytes();
        raw.seq = self.seq.into();
        raw.number = self.number.into();
        raw.incarnation = self.incarnation.into();
        raw.reserved = [0; 16];
        for (byte, marks) in raw.marks.iter_mut().zip(self.marks.iter()) {
            *byte = marks.bits();
        }
        raw.check().expect("a page to be written is one that can be read");
        seal(unit);
    }

    /// The page that these bytes hold: [`UNIT`] of them, or it is refused.
    pub fn decode(bytes: &[u8]) -> Result<MapPage, Bad> {
        let raw: &Raw = open(bytes, MAGIC)?;
        raw.check()?;
        must(raw.seq.get() <= COUNTER_MAX, "the sequence number")?;
        must(raw.incarnation.get() <= INCARNATION_MAX, "the incarnation")?;
        let marks: Box<[Marks]> =
            raw.marks.iter().map(|&byte| Marks::from_bits_retain(byte)).collect();
        Ok(MapPage {
            member: Uuid::from_bytes(raw.member),
            number: raw.number.get(),
            incarnation: raw.incarnation.get(),
            seq: raw.seq.get(),
            marks: marks.try_into().expect("there are as many marks as bytes"),
        })
    }
}

impl Raw {
    /// Refuses what no writer of this version writes.
    fn check(&self) -> Result<(), Bad> {
        must(self.member != [0; 16], "the member's uuid")?;
        must(all_zero(&self.reserved), "a reserved byte")?;
        let used = self.marks.iter().fold(0, |used, byte| used | byte);
        must(MARKS.contains(Marks::from_bits_retain(used)), "a reserved mark")
    }
}
