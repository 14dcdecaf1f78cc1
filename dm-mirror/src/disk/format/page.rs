//! A page of the region map.
//!
//! Beside the checksum of the whole unit it has one of its head, and one of each seventh
//! of its marks. So a page that is damaged in one place shows which parts are good.

use alloc::boxed::Box;
use core::ops::Range;

use crc::{CRC_16_IBM_SDLC, Crc, Table};
use uuid::Uuid;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute_mut};

use super::layout::{Bad, COUNTER_MAX, INCARNATION_MAX, Marks, REGIONS_PER_PAGE, UNIT, must};
use super::unit::{Head, open, seal};

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
    head_check: U16,               // 48
    checks: [U16; Part::COUNT],    // 50: one for each part of the marks
    marks: [u8; REGIONS_PER_PAGE], // 64
}

/// A seventh of a page's marks: what one check is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part(usize);

impl Part {
    /// How many parts the marks of a page have.
    pub(super) const COUNT: usize = 7;

    /// How many marks a part has.
    const MARKS: usize = REGIONS_PER_PAGE / Part::COUNT;

    /// All of a page, in order.
    pub(super) fn all() -> impl Iterator<Item = Part> {
        (0..Part::COUNT).map(Part)
    }

    /// The part that has this of a page's marks.
    pub(super) fn with(mark: usize) -> Part {
        Part(mark / Part::MARKS)
    }

    /// Its place among the parts.
    pub(super) fn index(self) -> usize {
        self.0
    }

    /// Which of a page's marks it has.
    pub(super) fn regions(self) -> Range<usize> {
        self.0 * Part::MARKS..(self.0 + 1) * Part::MARKS
    }

    /// Its marks in a page whose head is whole, if it is.
    pub(super) fn marks_of(self, unit: &[u8]) -> Option<impl Iterator<Item = Marks> + '_> {
        let raw = Raw::ref_from_bytes(unit).ok()?;
        let bytes = &raw.marks[self.regions()];
        let whole = check_of(&[bytes]) == raw.checks[self.0].get() && all_marks(bytes);
        whole.then(|| bytes.iter().map(|&byte| Marks::from_bits_retain(byte)))
    }
}

/// Tables of 8 KiB: a page is written beside each first touch of a region.
static CRC16: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_IBM_SDLC);

fn check_of(parts: &[&[u8]]) -> u16 {
    let mut digest = CRC16.digest();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize()
}

/// Whether these bytes are marks, all of them.
fn all_marks(bytes: &[u8]) -> bool {
    let used = bytes.iter().fold(0, |used, byte| used | byte);
    MARKS.contains(Marks::from_bits_retain(used))
}

/// What the head of a page says.
pub(super) struct PageHead {
    pub(super) member: Uuid,
    pub(super) number: u32,
    pub(super) incarnation: u32,
    pub(super) seq: u64,
}

/// The head of a unit that is damaged, if that is not where.
pub(super) fn head_of(unit: &[u8]) -> Option<PageHead> {
    let raw = Raw::ref_from_bytes(unit).ok()?;
    let whole = raw.head.is_of(MAGIC) && raw.check_of_head() == raw.head_check.get();
    whole.then(|| PageHead {
        member: Uuid::from_bytes(raw.member),
        number: raw.number.get(),
        incarnation: raw.incarnation.get(),
        seq: raw.seq.get(),
    })
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
        for (byte, marks) in raw.marks.iter_mut().zip(self.marks.iter()) {
            *byte = marks.bits();
        }
        for part in Part::all() {
            raw.checks[part.index()] = check_of(&[&raw.marks[part.regions()]]).into();
        }
        raw.head_check = raw.check_of_head().into();
        raw.check_fields().expect("a page to be written is one that can be read");
        seal(unit);
    }

    /// The page that these bytes hold: [`UNIT`] of them, or it is refused.
    pub fn decode(bytes: &[u8]) -> Result<MapPage, Bad> {
        let raw = Raw::ref_from_bytes(open(bytes, MAGIC)?).expect("a layout fills the unit");
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
        let given = self.head_check.get() != 0 || self.checks != [U16::ZERO; Part::COUNT];
        let right = |part: Part| {
            self.checks[part.index()].get() == check_of(&[&self.marks[part.regions()]])
        };
        let right = self.head_check.get() == self.check_of_head() && Part::all().all(right);
        must(right || !given, "a check of a part")?;
        self.check_fields()
    }

    /// The same but for the checks of the parts.
    fn check_fields(&self) -> Result<(), Bad> {
        must(self.member != [0; 16], "the member's uuid")?;
        must(all_marks(&self.marks), "a reserved mark")
    }

    /// The check of all that lies before the marks, the checksum and itself left out.
    fn check_of_head(&self) -> u16 {
        let checks = self.checks.as_bytes();
        let (number, incarnation) = (self.number.as_bytes(), self.incarnation.as_bytes());
        let kind = self.head.kind();
        check_of(&[&kind, &self.member, self.seq.as_bytes(), number, incarnation, checks])
    }
}
