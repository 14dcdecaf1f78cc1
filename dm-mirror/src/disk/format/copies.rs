//! Two copies of one record: what the damaged one may have been.
//!
//! Place: `read.rs` asks if one copy is good and the other is not. A commit goes to one slot,
//! and once it is durable there, to the other. So at rest both are the same. A damaged copy is
//! one of three things: the second copy of what the good one says; a commit that was torn, and
//! never counted; or a newer commit that counted, and went bad since. The first two cost
//! nothing. The third must not be taken for one of them.
//!
//! Rules:
//!
//! - A sector is written whole, or not at all. So one sector of an earlier commit proves
//!   that the newer one was never written to its end.
//! - No bit that flips makes a newer commit look like an earlier one, or like a torn one.
//! - A copy that proves nothing may have been newer.

use alloc::boxed::Box;

use bio::SECTOR_SIZE;

use super::echo;
use super::layout::{Marks, REGIONS_PER_PAGE, UNIT};
use super::page::{self, MapPage, Part};

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
    let mut salvaged = Salvaged { seq, marks, doubtful: [false; Part::COUNT], lost: false };
    let Some(head) = page::head_of(damaged) else {
        return Salvaged { doubtful: [true; Part::COUNT], lost: true, ..salvaged };
    };
    // Otherwise it was never written in this life of the member.
    let of_this_life = (head.member, head.number, head.incarnation)
        == (good.member, good.number, good.incarnation);
    salvaged.lost = of_this_life && head.seq > seq;
    salvaged.seq = seq.max(head.seq);
    if !salvaged.lost {
        return salvaged;
    }
    // A newer commit was begun. Where its marks are whole, either record may be the one that
    // counts.
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
