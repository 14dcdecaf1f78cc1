//! Which commit wrote a sector of a superblock: each sector says so itself.
//!
//! Place: `superblock.rs` writes and checks it; `copies.rs` looks for it in a damaged unit.
//! Disks write sectors, not units. So each sector behind the first ends with an *echo* of the
//! sequence number: a sector that is left of an earlier commit can be told, whatever became of
//! the others.

use core::ops::Range;

use bio::SECTOR_SIZE;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::layout::{Bad, UNIT};
use super::unit::all_zero;

/// How many sectors a unit has.
const SECTORS: usize = UNIT / SECTOR_SIZE;

/// The sequence number, and all its bits inverted: no bit that flips makes another number
/// of it.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Echo {
    seq: U64,
    inverted: U64,
}

/// Where the echo of a sector lies.
fn place(sector: usize) -> Range<usize> {
    let end = (sector + 1) * SECTOR_SIZE;
    end - size_of::<Echo>()..end
}

fn of(seq: u64) -> Echo {
    Echo { seq: seq.into(), inverted: (!seq).into() }
}

/// Puts the echoes into a unit.
pub(super) fn put(unit: &mut [u8; UNIT], seq: u64) {
    for sector in 1..SECTORS {
        unit[place(sector)].copy_from_slice(of(seq).as_bytes());
    }
}

/// A unit that holds no record, and shows that it held none that was newer than any other.
pub(super) fn wiped() -> [u8; UNIT] {
    let mut unit = [0; UNIT];
    put(&mut unit, 0);
    unit
}

/// Takes the echoes out of a unit, which leaves zeroes. Refuses an echo of another number. An
/// echo of zeroes was never written.
pub(super) fn take(unit: &mut [u8; UNIT], seq: u64) -> Result<(), Bad> {
    for sector in 1..SECTORS {
        let echo = &mut unit[place(sector)];
        if echo != of(seq).as_bytes() && !all_zero(echo) {
            return Err(Bad::Field("an echo of the sequence number"));
        }
        echo.fill(0);
    }
    Ok(())
}

/// The numbers that the sectors of a unit show, whatever else it holds.
pub(super) fn shown(unit: &[u8; UNIT]) -> impl Iterator<Item = u64> {
    (1..SECTORS).filter_map(|sector| {
        let echo = Echo::ref_from_bytes(&unit[place(sector)]).expect("an echo's size");
        (echo.inverted.get() == !echo.seq.get()).then_some(echo.seq.get())
    })
}
