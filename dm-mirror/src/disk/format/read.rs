//! From the bytes of a device to a member: of two slots, the newest that counts.
//!
//! Place: whoever starts or inspects a mirror reads the superblocks
//! ([`superblock_place`](super::superblock_place)), picks one here, and reads the map where
//! its geometry says ([`Geometry::map_place`](super::Geometry)). The result is a [`Member`].
//! `copies.rs` says what a damaged copy may have been.

use alloc::vec::Vec;

use super::copies::{Salvaged, may_be_newer, salvage};
use super::layout::{Bad, ROOM, SLOTS, UNIT, must};
use super::member::{Doubtful, FoundPage, Member, Newest, Second};
use super::page::MapPage;
use super::superblock::Superblock;

impl Second {
    /// Whether something was there that is lost.
    pub fn is_damaged(self) -> bool {
        match self {
            Second::Same | Second::Behind => false,
            Second::Damaged | Second::Lost => true,
        }
    }
}

/// The newest superblock of a device, from the bytes of its two slots; a slot that cannot
/// be read has none.
///
/// The device is refused if either slot holds a version that is not known, or a superblock
/// whose checksum is right but whose fields are not: its writer may have changed everything
/// else. It is also refused if both have the same number and are not the same. Otherwise one
/// good slot is enough. If both are bad, the error is the one that says more; it is
/// [`Bad::Blank`] only if both are blank.
pub fn newest_of(slots: [&[u8]; SLOTS]) -> Result<Newest, Bad> {
    let found = slots.map(Superblock::decode);
    let written = slots.map(|bytes| bytes.len() == UNIT);
    for (found, written) in found.iter().zip(written) {
        match found {
            Err(bad @ Bad::Version(_)) => return Err(*bad),
            Err(bad @ Bad::Field(_)) if written => return Err(*bad),
            Ok(superblock) => superblock.check_room()?,
            Err(_) => {}
        }
    }
    let one = |slot: usize, superblock: Superblock| {
        let other = slots[1 - slot];
        let second = match &found[1 - slot] {
            // A new member: nothing was answered before two more commits.
            Err(Bad::Blank) if superblock.seq == 1 => Second::Behind,
            _ if may_be_newer(other, slots[slot], superblock.seq) => Second::Lost,
            _ => Second::Damaged,
        };
        Newest { slot, superblock, second }
    };
    match &found {
        [Ok(a), Ok(b)] => {
            let second = if a.seq == b.seq { Second::Same } else { Second::Behind };
            must(a.seq != b.seq || a == b, "what the two copies say")?;
            let (slot, superblock) = if b.seq > a.seq { (1, b) } else { (0, a) };
            Ok(Newest { slot, superblock: superblock.clone(), second })
        }
        [Ok(a), Err(_)] => Ok(one(0, a.clone())),
        [Err(_), Ok(b)] => Ok(one(1, b.clone())),
        [Err(a), Err(b)] => Err(if tells(b) > tells(a) { *b } else { *a }),
    }
}

/// The same for callers that need only the superblock and the slot that holds it.
pub fn newest_superblock(slots: [&[u8]; SLOTS]) -> Result<(usize, Superblock), Bad> {
    newest_of(slots).map(|newest| (newest.slot, newest.superblock))
}

/// How much an error says of what lay there.
fn tells(bad: &Bad) -> u32 {
    match bad {
        Bad::Blank => 0,
        Bad::Magic => 1,
        Bad::Checksum => 2,
        Bad::Field(_) => 3,
        Bad::Version(_) => 4,
    }
}

impl Member {
    /// The member whose newest superblock is this one, and whose map lies in `map`: the
    /// bytes of [`Geometry::map_place`](super::Geometry::map_place). Pages that `map` is
    /// too short for are bad. A page whose number is near its end refuses the device.
    pub fn from_bytes(newest: Newest, map: &[u8]) -> Result<Member, Bad> {
        let Newest { slot, superblock, second } = newest;
        let mut slots = map.chunks(UNIT);
        let pages = (0..superblock.geometry.pages()).map(|number| {
            let slots = [(); SLOTS].map(|()| slots.next().unwrap_or_default());
            find_page(&superblock, number, slots)
        });
        let pages = pages.collect::<Result<Vec<_>, Bad>>()?;
        Ok(Member { superblock, slot, second, pages })
    }
}

/// The newest page of this number that belongs to the member as it is now.
fn find_page(
    superblock: &Superblock,
    number: u32,
    slots: [&[u8]; SLOTS],
) -> Result<Option<FoundPage>, Bad> {
    let decoded = slots.map(MapPage::decode);
    // A page that does not count uses up its number, too. If that number were given out again,
    // the two slots could hold different pages of the same number.
    let Some(seq) = decoded.iter().flatten().map(|page| page.seq).max() else { return Ok(None) };
    must(seq <= ROOM, "the sequence number of a page")?;
    let counts = |page: &MapPage| {
        page.member == superblock.own().uuid
            && page.number == number
            && page.incarnation == superblock.incarnation
    };
    // Whoever wrote a field that is not allowed may have changed everything else.
    let foreign = |slot: usize| {
        let unknown = matches!(decoded[slot], Err(Bad::Field(_) | Bad::Version(_)));
        unknown && slots[slot].len() == UNIT
    };
    let newest = |slot: usize, page: MapPage, second| FoundPage {
        slot,
        seq,
        marks: page.marks,
        second,
        doubtful: Doubtful::default(),
    };
    if foreign(0) || foreign(1) {
        return Ok(None);
    }
    Ok(match decoded {
        [Ok(a), Ok(b)] => match (counts(&a), counts(&b)) {
            (true, true) if a.seq == b.seq && a != b => None,
            (true, true) if a.seq == b.seq => Some(newest(0, a, Second::Same)),
            (true, true) if a.seq > b.seq => Some(newest(0, a, Second::Behind)),
            (true, true) | (false, true) => Some(newest(1, b, Second::Behind)),
            (true, false) => Some(newest(0, a, Second::Behind)),
            (false, false) => None,
        },
        [Ok(a), Err(_)] if counts(&a) => Some(salvaged(0, slots[1], a)?),
        [Err(_), Ok(b)] if counts(&b) => Some(salvaged(1, slots[0], b)?),
        _ => None,
    })
}

/// A page whose other copy is damaged.
fn salvaged(slot: usize, damaged: &[u8], good: MapPage) -> Result<FoundPage, Bad> {
    let Salvaged { seq, marks, doubtful, lost } = salvage(damaged, good);
    must(seq <= ROOM, "the sequence number of a page")?;
    let second = if lost { Second::Lost } else { Second::Damaged };
    Ok(FoundPage { slot, seq, marks, second, doubtful: Doubtful(doubtful) })
}
