//! From the bytes of a device to a member: of two slots, the newest that counts.
//!
//! Place: whoever starts or inspects a mirror reads the superblocks
//! ([`superblock_place`](super::superblock_place)), picks one here, reads the
//! map where its geometry says ([`Geometry::map_place`](super::Geometry)), and
//! has a [`Member`].

use alloc::vec::Vec;

use super::{Bad, FoundPage, MapPage, Member, SLOTS, Superblock, UNIT};

/// The newest superblock of a device, from the bytes of its two slots, and
/// which slot it lies in.
///
/// A version that is not known, in either slot, refuses the device: whoever
/// wrote it may have changed everything else. Otherwise one good slot is
/// enough. If both are bad, the error is the one that says more; it is
/// [`Bad::Blank`] only if both are blank.
pub fn newest_superblock(slots: [&[u8]; SLOTS]) -> Result<(usize, Superblock), Bad> {
    match slots.map(Superblock::decode) {
        [Err(Bad::Version(version)), _] | [_, Err(Bad::Version(version))] => {
            Err(Bad::Version(version))
        }
        [Ok(a), Ok(b)] if b.seq > a.seq => Ok((1, b)),
        [Ok(a), _] => Ok((0, a)),
        [_, Ok(b)] => Ok((1, b)),
        [Err(a), Err(b)] => Err(if tells(&b) > tells(&a) { b } else { a }),
    }
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
    /// The member whose newest superblock, from `slot`, is this one, and whose
    /// map lies in `map`: the bytes of [`Geometry::map_place`](super::Geometry::map_place).
    /// Pages that `map` is too short for are bad.
    pub fn from_bytes(superblock: Superblock, slot: usize, map: &[u8]) -> Member {
        let mut slots = map.chunks(UNIT);
        let pages = (0..superblock.geometry.pages())
            .map(|number| {
                let slots = [(); SLOTS].map(|()| slots.next().unwrap_or_default());
                find_page(&superblock, number, slots)
            })
            .collect::<Vec<_>>();
        Member { superblock, slot, pages }
    }
}

/// The newest page of this number that belongs to the member as it is now.
fn find_page(superblock: &Superblock, number: u32, slots: [&[u8]; SLOTS]) -> Option<FoundPage> {
    let decoded = slots.map(MapPage::decode);
    // Also a page that does not count uses up its number: were that given out
    // again, the two slots could hold different pages of the same number.
    let seq = decoded.iter().flatten().map(|page| page.seq).max()?;
    let counts = |page: &MapPage| {
        page.member == superblock.own().uuid
            && page.number == number
            && page.incarnation == superblock.incarnation
    };
    let mut newest: Option<(usize, MapPage)> = None;
    for (slot, page) in decoded.into_iter().enumerate() {
        if let Ok(page) = page
            && counts(&page)
            && newest.as_ref().is_none_or(|(_, other)| page.seq > other.seq)
        {
            newest = Some((slot, page));
        }
    }
    newest.map(|(slot, page)| FoundPage { slot, seq, marks: page.marks })
}
