//! Superblocks and pages made at random: they are read as they were written,
//! and no bytes at all make a decoder panic.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::array;
use core::ops::Range;

use bio::{Extent, Sector, Sectors};
use proptest::prelude::*;
use uuid::Uuid;

use super::samples::{newest, page, superblock};
use crate::format::unit::{all_zero, seal};
use crate::format::{
    COUNTER_MAX, Geometry, HISTORY_MAX, INCARNATION_MAX, MEMBERS_MAX, MapPage, Marks, Member,
    MemberEntry, MemberState, Minted, PAGES_MAX, REGIONS_PER_PAGE, Region, Superblock, UNIT,
    newest_superblock,
};

fn uuid() -> impl Strategy<Value = Uuid> {
    (1..=u128::MAX).prop_map(Uuid::from_u128)
}

fn counter() -> impl Strategy<Value = u64> {
    prop_oneof![0..100_u64, 0..=COUNTER_MAX]
}

fn name() -> impl Strategy<Value = String> {
    let visible = any::<char>().prop_map(|c| match c {
        '/' => '-',
        c if c.is_control() || c.is_whitespace() => '-',
        c => c,
    });
    // A character has up to four bytes.
    prop::collection::vec(visible, 1..=16).prop_map(String::from_iter)
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let regions_max = u64::from(PAGES_MAX) * REGIONS_PER_PAGE as u64;
    let regions = prop_oneof![1..100_u64, 1..=regions_max];
    (3..30_u32, regions, any::<u16>(), any::<u16>()).prop_map(|(shift, regions, short, gap)| {
        let region = Sectors(1 << shift);
        let length = Sectors(regions * region.0 - u64::from(short) % region.0);
        let end = Geometry { region, data_start: Sector(0), length }.metadata_end();
        Geometry { region, data_start: end + Sectors(gap.into()), length }
    })
}

fn entry() -> impl Strategy<Value = MemberEntry> {
    use MemberState::{FailedMedia, InSync, Out, Rebuilding};
    let state = prop::sample::select(&[InSync, Out, Rebuilding, FailedMedia][..]);
    let base = prop_oneof![Just(Uuid::nil()), uuid()];
    (uuid(), state, base, counter()).prop_map(|(uuid, state, base, seen)| MemberEntry {
        uuid,
        state,
        base,
        seen,
    })
}

/// Members, one of them in the slot given beside them.
fn members() -> impl Strategy<Value = (u8, [Option<MemberEntry>; MEMBERS_MAX])> {
    let members = array::from_fn(|_| prop::option::of(entry()));
    (members, entry(), 0..MEMBERS_MAX).prop_map(|(mut members, own, slot)| {
        members[slot] = Some(own);
        (slot as u8, members)
    })
}

fn any_superblock() -> impl Strategy<Value = Superblock> {
    let identity = (uuid(), name(), members(), geometry());
    let generation = (uuid(), 0..MEMBERS_MAX as u8, counter());
    let history = prop::collection::vec(uuid(), 0..=HISTORY_MAX);
    let counters = (counter(), counter(), counter(), 0..=INCARNATION_MAX);
    (identity, generation, history, counters, any::<bool>()).prop_map(
        |((set, name, (slot, members), geometry), minted, history, counters, clean)| {
            let (generation, by, session) = minted;
            let minted = Minted { by, session };
            let history = history.into_iter().collect();
            let (seq, version, session, incarnation) = counters;
            Superblock {
                seq,
                set,
                name,
                slot,
                generation,
                minted,
                history,
                version,
                session,
                clean,
                incarnation,
                geometry,
                members,
            }
        },
    )
}

fn any_page() -> impl Strategy<Value = MapPage> {
    let used = (Marks::all() - Marks::UNWRITTEN).bits();
    let marks = prop::collection::vec(any::<u8>(), REGIONS_PER_PAGE).prop_map(move |bytes| {
        let marks: Box<[Marks]> =
            bytes.iter().map(|byte| Marks::from_bits_retain(byte & used)).collect();
        marks.try_into().expect("as many as regions")
    });
    (uuid(), any::<u32>(), 0..=INCARNATION_MAX, counter(), marks).prop_map(
        |(member, number, incarnation, seq, marks)| MapPage {
            member,
            number,
            incarnation,
            seq,
            marks,
        },
    )
}

/// A valid unit with some bytes changed, and the checksum put right.
fn resealed(unit: [u8; UNIT]) -> impl Strategy<Value = [u8; UNIT]> {
    // Most fields lie at the front.
    let offset = prop_oneof![16..576_usize, 16..UNIT];
    let change = (offset, prop_oneof![Just(0), Just(0xff), any::<u8>()], 1..=16_usize);
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut unit = unit;
        for (offset, byte, length) in changes {
            unit[offset..].iter_mut().take(length).for_each(|it| *it = byte);
        }
        seal(&mut unit);
        unit
    })
}

/// A unit without those of these places that are zero in another: what a writer would have made
/// that did not know of them yet.
fn as_old(
    mut unit: [u8; UNIT],
    places: impl Iterator<Item = Range<usize>>,
    other: &[u8; UNIT],
) -> [u8; UNIT] {
    for place in places.filter(|place| all_zero(&other[place.clone()])) {
        unit[place].fill(0);
    }
    seal(&mut unit);
    unit
}

/// Asks a superblock that was read all that a start asks of its geometry.
fn use_it(superblock: Superblock) {
    let geometry = superblock.geometry;
    let last = Region(geometry.regions() - 1);
    let rest = geometry.extent(last);
    assert_eq!(rest.end(), Sector(0) + geometry.length);
    assert_eq!(geometry.touched(rest).collect::<Vec<_>>(), [last]);
    assert!(geometry.map_place().end() <= geometry.data_start);
    let _ = Extent::new(geometry.data_start, geometry.length);
    let _ = superblock.own();
    let _ = superblock.clone().encode();
    if superblock.check_room().is_ok() {
        let member = Member::from_bytes(newest(superblock), &[1; 2 * UNIT]).unwrap();
        assert_eq!(member.marks(last), None);
    }
}

proptest! {
    #[test]
    fn a_superblock_is_read_as_it_was_written(superblock in any_superblock()) {
        prop_assert_eq!(Superblock::decode(&superblock.encode()), Ok(superblock.clone()));
        use_it(superblock);
    }

    #[test]
    fn a_page_is_read_as_it_was_written(page in any_page()) {
        prop_assert_eq!(MapPage::decode(&page.encode()), Ok(page));
    }

    /// What is accepted has one encoding, so no field escapes notice.
    #[test]
    fn a_superblock_that_is_accepted_is_all_that_its_bytes_say(
        unit in resealed(superblock().encode()),
    ) {
        if let Ok(superblock) = Superblock::decode(&unit) {
            let echoes = (1..8).map(|sector| 512 * sector + 496..512 * (sector + 1));
            prop_assert_eq!(as_old(superblock.encode(), echoes, &unit), unit);
            use_it(superblock);
        }
    }

    #[test]
    fn a_page_that_is_accepted_is_all_that_its_bytes_say(unit in resealed(page().encode())) {
        if let Ok(page) = MapPage::decode(&unit) {
            let checks = core::iter::once(48..64);
            prop_assert_eq!(as_old(page.encode(), checks, &unit), unit);
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(
        a in prop::collection::vec(any::<u8>(), 0..=UNIT + 1),
        b in prop::collection::vec(any::<u8>(), UNIT),
    ) {
        prop_assert!(newest_superblock([&a, &b]).is_err());
        prop_assert!(MapPage::decode(&a).is_err());
        let member = Member::from_bytes(newest(superblock()), &[a, b].concat()).unwrap();
        prop_assert_eq!(member.pages, [None]);
    }

    #[test]
    fn a_changed_bit_is_never_read_as_something_else(
        superblock in any_superblock(), page in any_page(), bit in 0..UNIT * 8,
    ) {
        let flip = |mut unit: [u8; UNIT]| {
            unit[bit / 8] ^= 1 << (bit % 8);
            unit
        };
        prop_assert!(Superblock::decode(&flip(superblock.encode())).is_err());
        prop_assert!(MapPage::decode(&flip(page.encode())).is_err());
    }
}
