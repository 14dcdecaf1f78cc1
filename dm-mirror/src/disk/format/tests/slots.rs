//! Of two slots, the newest that counts; a torn commit falls back to the one before.

use alloc::string::ToString;
use alloc::vec::Vec;

use bio::{SECTOR_SIZE, Sectors};

use super::samples::{newest, page, superblock, uuid};
use crate::format::{
    Bad, Geometry, MapPage, Marks, Member, REGIONS_PER_PAGE, Region, SLOTS, Superblock, UNIT,
    newest_superblock,
};

const BLANK: [u8; UNIT] = [0; UNIT];

fn unit(seq: u64) -> [u8; UNIT] {
    Superblock { seq, ..superblock() }.encode()
}

fn seqs(a: &[u8], b: &[u8]) -> Result<(usize, u64), Bad> {
    newest_superblock([a, b]).map(|(slot, superblock)| (slot, superblock.seq))
}

/// The unit with another version, or with another byte anywhere else.
fn with(mut unit: [u8; UNIT], offset: usize, byte: u8) -> [u8; UNIT] {
    unit[offset] = byte;
    unit
}

#[test]
fn the_larger_sequence_number_wins() {
    assert_eq!(seqs(&unit(4), &unit(5)), Ok((1, 5)));
    assert_eq!(seqs(&unit(6), &unit(5)), Ok((0, 6)));
    assert_eq!(seqs(&unit(5), &unit(5)), Ok((0, 5)));
    assert_eq!(seqs(&with(unit(6), 700, 1), &unit(5)), Ok((1, 5)));
    assert_eq!(seqs(&unit(5), &BLANK), Ok((0, 5)));
    assert_eq!(seqs(&BLANK, &unit(5)), Ok((1, 5)));
}

#[test]
fn an_unknown_version_in_either_slot_refuses_the_device() {
    let newer = with(unit(1), 8, 2);
    assert_eq!(seqs(&newer, &unit(5)), Err(Bad::Version(2)));
    assert_eq!(seqs(&unit(5), &newer), Err(Bad::Version(2)));
    assert_eq!(seqs(&BLANK, &newer), Err(Bad::Version(2)));
}

#[test]
fn of_two_bad_slots_the_more_telling_error_is_given() {
    let torn = with(unit(1), 700, 1);
    let other = with(BLANK, 510, 0x55);
    assert_eq!(seqs(&BLANK, &BLANK), Err(Bad::Blank));
    assert_eq!(seqs(&BLANK, &other), Err(Bad::Magic));
    assert_eq!(seqs(&torn, &other), Err(Bad::Checksum));
    assert_eq!(seqs(&other, &torn), Err(Bad::Checksum));
}

/// What a slot may hold after a commit that was torn: each of the sectors is
/// that of `old` or that of `new`.
fn torn<'a>(old: &'a [u8; UNIT], new: &'a [u8; UNIT]) -> impl Iterator<Item = Vec<u8>> + 'a {
    let sectors = UNIT / SECTOR_SIZE;
    (0..1_u32 << sectors).map(move |written| {
        let sector = |index| if written >> index & 1 == 1 { new } else { old };
        let bytes = |index| &sector(index)[index * SECTOR_SIZE..][..SECTOR_SIZE];
        (0..sectors).flat_map(bytes).copied().collect()
    })
}

#[test]
fn a_torn_superblock_falls_back_to_the_one_before() {
    // Commit 6 goes over 4; 5 is durable in the other slot.
    let mut new = superblock();
    (new.seq, new.generation, new.version) = (6, uuid(0x64), 18);
    let (old, new, durable) = (unit(4), new.encode(), unit(5));
    for slot in torn(&old, &new).chain(torn(&BLANK, &new)) {
        let expected = if slot == new { (0, 6) } else { (1, 5) };
        assert_eq!(seqs(&slot, &durable), Ok(expected));
    }
}

/// A map of one page, as this member's superblock has it.
fn member(slots: [&[u8]; SLOTS]) -> Member {
    Member::from_bytes(newest(superblock()), &slots.concat()).unwrap()
}

fn map_page(seq: u64, first: Marks) -> MapPage {
    let mut page = MapPage { seq, number: 0, ..page() };
    page.marks[0] = first;
    page
}

#[test]
fn a_page_of_another_member_place_or_incarnation_does_not_count() {
    let good = map_page(7, Marks::DIRTY);
    let strangers = [
        MapPage { seq: 9, member: uuid(0xa2), ..good.clone() },
        MapPage { seq: 9, number: 1, ..good.clone() },
        MapPage { seq: 9, incarnation: 2, ..good.clone() },
    ];
    for stranger in strangers {
        let stranger = stranger.encode();
        let found = member([&good.encode(), &stranger]);
        let found = found.pages[0].as_ref().expect("slot A counts");
        assert_eq!((found.slot, found.seq), (0, 9), "the number is used up");
        assert_eq!(member([&BLANK, &stranger]).pages, [None]);
        assert_eq!(member([&BLANK, &stranger]).marks(Region(0)), None);
    }
}

#[test]
fn a_map_that_is_cut_off_has_bad_pages() {
    let mut large = superblock();
    large.geometry.length = Sectors((2 * REGIONS_PER_PAGE as u64 + 1) * 1024);
    let second = MapPage { number: 1, ..map_page(3, Marks::DIRTY) }.encode();
    let map = [BLANK, BLANK, second, second].concat();
    let member = Member::from_bytes(newest(large.clone()), &map).unwrap();
    assert_eq!(member.pages.len(), 3);
    assert_eq!(member.marks(Region(0)), None);
    assert_eq!(member.marks(Region(REGIONS_PER_PAGE as u32)), Some(Marks::DIRTY));
    assert_eq!(member.marks(Region(2 * REGIONS_PER_PAGE as u32)), None);
    assert_eq!(member.marks(Region(u32::MAX)), None);
    for length in [0, 1, UNIT + 1, 3 * UNIT - 1] {
        let member = Member::from_bytes(newest(large.clone()), &map[..length]).unwrap();
        assert_eq!(member.pages, [None, None, None]);
    }
}

#[test]
fn the_map_lies_between_the_superblocks_and_the_data() {
    let geometry = |length| Geometry { length: Sectors(length), ..superblock().geometry };
    let one_page = 1024 * REGIONS_PER_PAGE as u64;
    assert_eq!(geometry(1).map_place().to_string(), "16+16");
    assert_eq!(geometry(one_page).map_place().to_string(), "16+16");
    assert_eq!(geometry(one_page + 1).map_place().to_string(), "16+32");
    assert_eq!(geometry(one_page + 1).metadata_end().0, 48);
}
