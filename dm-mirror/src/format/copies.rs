//! Two copies of one record: what the damaged one may have been.
//!
//! Place: `read.rs` asks, where one copy is good and the other is not. A commit goes to
//! one slot, and once that is durable to the other; so at rest both are the same. A
//! damaged one is one of three things: the second copy of what the good one says; a
//! commit that was torn, and never counted; or a newer commit that counted, and rotted
//! since. The first two cost nothing. The third is what must not be taken for them.
//!
//! Rules:
//!
//! - A sector is written whole, or not at all. So one sector of an earlier commit proves
//!   that the newer one was never written to its end.
//! - No bit that flips makes a newer commit look like an earlier one, or like a torn one.
//! - What proves nothing may have been newer.

use alloc::boxed::Box;

use bio::SECTOR_SIZE;

use super::page::{self, MapPage, Part};
use super::{Marks, REGIONS_PER_PAGE, UNIT, echo};

/// Whether a damaged unit may have held a newer superblock than `good`, which counts and
/// has this number. No bytes at all stand for a unit that cannot be read.
pub(super) fn may_be_newer(damaged: &[u8], good: &[u8], seq: u64) -> bool {
    let Ok(damaged) = <&[u8; UNIT]>::try_from(damaged) else { return true };
    let same_head = damaged[..SECTOR_SIZE] == good[..SECTOR_SIZE];
    !same_head && !echo::shown(damaged).any(|shown| shown <= seq)
}

/// What becomes of a page of which one copy is damaged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Salvaged {
    /// The larger number that either copy shows.
    pub(super) seq: u64,
    /// What either copy says.
    pub(super) marks: Box<[Marks; REGIONS_PER_PAGE]>,
    /// The parts of which nothing is known.
    pub(super) doubtful: [bool; Part::COUNT],
    /// A newer commit may be lost.
    pub(super) lost: bool,
}

/// Reads what can be read of a damaged copy of `good`.
pub(super) fn salvage(damaged: &[u8], good: MapPage) -> Salvaged {
    let MapPage { seq, marks, .. } = good;
    let intact = |doubtful: bool, seq, marks| Salvaged {
        seq,
        marks,
        doubtful: [doubtful; Part::COUNT],
        lost: doubtful,
    };
    let Some(head) = page::head_of(damaged) else { return intact(true, seq, marks) };
    if (head.member, head.number, head.incarnation) != (good.member, good.number, good.incarnation)
    {
        // It was never written in this life of the member.
        return intact(false, seq.max(head.seq), marks);
    }
    if head.seq <= seq {
        return intact(false, seq, marks);
    }
    // A newer commit was begun. Where its marks are whole, either may be what counts.
    let mut salvaged = intact(false, head.seq, marks);
    salvaged.lost = true;
    for part in Part::all() {
        match part.marks_of(damaged) {
            Some(newer) => {
                let marks = &mut salvaged.marks[part.regions()];
                marks.iter_mut().zip(newer).for_each(|(marks, newer)| *marks |= newer);
            }
            None => salvaged.doubtful[part.index()] = true,
        }
    }
    salvaged
}
