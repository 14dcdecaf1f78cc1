//! A record stands twice: one that went bad is told from one that was never written.
//!
//! Three moments: at rest both slots hold commit 9; in the window the first copy of 9 is
//! durable, and 8 still lies in the other slot; before, 9 is being written and may be torn.

use alloc::vec::Vec;

use bio::SECTOR_SIZE;

use super::samples::{newest, page, superblock, uuid};
use crate::format::{
    Bad, MapPage, Marks, Member, Newest, REGIONS_PER_PAGE, ROOM, Region, Second, Superblock, UNIT,
    newest_of, wiped,
};

const BLANK: [u8; UNIT] = [0; UNIT];

/// Commit 8 has two members in sync, commit 9 one.
fn commits() -> [[u8; UNIT]; 2] {
    let before = Superblock { seq: 8, ..superblock() };
    let mut after = Superblock { seq: 9, generation: uuid(0x64), version: 18, ..before.clone() };
    after.history.insert(0, before.generation);
    [before.encode(), after.encode()]
}

fn flipped(unit: &[u8; UNIT], bit: usize) -> [u8; UNIT] {
    let mut unit = *unit;
    unit[bit / 8] ^= 1 << (bit % 8);
    unit
}

/// The number that counts, and what is known of the other slot; whichever it is.
fn read(one: &[u8], other: &[u8]) -> Result<(u64, Second), Bad> {
    let number = |newest: Newest| (newest.superblock.seq, newest.second);
    let swapped = newest_of([other, one]).map(number);
    let found = newest_of([one, other]).map(number);
    assert_eq!(found, swapped, "it does not matter which slot is which");
    found
}

/// What a slot may hold while it is written: each of the sectors is old or new.
fn torn<'a>(old: &'a [u8; UNIT], new: &'a [u8; UNIT]) -> impl Iterator<Item = Vec<u8>> + 'a {
    let sectors = UNIT / SECTOR_SIZE;
    (0..(1_u32 << sectors) - 1).map(move |written| {
        let sector = |index| if written >> index & 1 == 1 { new } else { old };
        let bytes = |index| &sector(index)[index * SECTOR_SIZE..][..SECTOR_SIZE];
        (0..sectors).flat_map(bytes).copied().collect()
    })
}

/// What an unknown version looks like, and another writer's record.
fn is_foreign(unit: &[u8; UNIT]) -> bool {
    matches!(Superblock::decode(unit), Err(Bad::Version(_)))
}

#[test]
fn at_rest_no_bit_of_a_superblock_that_flips_is_of_any_matter() {
    let [_, unit] = commits();
    assert_eq!(read(&unit, &unit), Ok((9, Second::Same)));
    for bit in 0..UNIT * 8 {
        let rotten = flipped(&unit, bit);
        if !is_foreign(&rotten) {
            assert_eq!(read(&unit, &rotten), Ok((9, Second::Damaged)), "bit {bit}");
        }
    }
}

#[test]
fn no_bit_that_flips_makes_a_superblock_fall_back_to_the_one_before() {
    let [before, after] = commits();
    assert_eq!(read(&before, &after), Ok((9, Second::Behind)));
    for bit in 0..UNIT * 8 {
        let rotten = flipped(&after, bit);
        if !is_foreign(&rotten) {
            assert_eq!(read(&before, &rotten), Ok((8, Second::Lost)), "bit {bit}");
        }
        let rotten = flipped(&before, bit);
        if !is_foreign(&rotten) {
            assert_eq!(read(&rotten, &after).map(|it| it.0), Ok(9), "bit {bit}");
        }
    }
}

#[test]
fn a_torn_superblock_is_known_to_be_torn() {
    let [before, after] = commits();
    for slot in torn(&before, &after) {
        let second = if slot == before { Second::Same } else { Second::Damaged };
        assert_eq!(read(&before, &slot), Ok((8, second)));
        // The second copy.
        let second = match slot == before {
            true => Second::Behind,
            false => read(&after, &slot).unwrap().1,
        };
        assert!(matches!(second, Second::Behind | Second::Damaged), "{second:?}");
    }
}

#[test]
fn a_superblock_that_is_gone_altogether_may_have_been_newer() {
    let [before, _] = commits();
    let other = [0x55; UNIT];
    for gone in [&[][..], &BLANK, &other] {
        assert_eq!(read(&before, gone), Ok((8, Second::Lost)));
    }
    // Nothing was answered before the second commit of the first session.
    let first = Superblock { seq: 1, ..superblock() }.encode();
    assert_eq!(read(&first, &BLANK), Ok((1, Second::Behind)));
    assert_eq!(read(&first, &[]), Ok((1, Second::Lost)));
}

/// A disk is wiped slot by slot, and the power may go in between.
#[test]
fn beside_a_slot_that_was_wiped_a_superblock_is_in_no_doubt() {
    let [before, after] = commits();
    assert_eq!(read(&before, &wiped()), Ok((8, Second::Damaged)));
    assert_eq!(read(&after, &wiped()), Ok((9, Second::Damaged)));
    assert_eq!(newest_of([&wiped(), &wiped()]), Err(Bad::Magic));
}

#[test]
fn two_superblocks_of_one_number_say_the_same_or_nothing() {
    let [before, _] = commits();
    let other = Superblock { seq: 8, session: 6, ..superblock() }.encode();
    assert_eq!(read(&before, &other), Err(Bad::Field("what the two copies say")));
}

#[test]
fn a_counter_near_its_end_refuses_the_device_from_either_slot() {
    let near = |change: fn(&mut Superblock)| {
        let mut it = superblock();
        change(&mut it);
        it.encode()
    };
    type Change = fn(&mut Superblock, u64);
    let changes: [(Change, &str); 5] = [
        (|it, to| it.seq = to, "the sequence number"),
        (|it, to| it.version = to, "the config version"),
        (|it, to| it.session = to, "the session"),
        (|it, to| it.minted.session = to, "the session"),
        (
            |it, to| it.members[2].as_mut().unwrap().seen = to,
            "the sequence number seen of a member",
        ),
    ];
    for (change, field) in changes {
        let with = |to| {
            let mut it = superblock();
            change(&mut it, to);
            it.encode()
        };
        assert!(newest_of([&with(ROOM), &with(ROOM)]).is_ok(), "{field}");
        for to in [ROOM + 1, u64::MAX / 2] {
            let good = near(|it| it.seq = 40);
            assert_eq!(newest_of([&with(to), &good]), Err(Bad::Field(field)), "{to}");
            assert_eq!(newest_of([&good, &with(to)]), Err(Bad::Field(field)), "{to}");
        }
    }
    let page = MapPage { number: 0, seq: ROOM + 1, ..page() }.encode();
    for map in [[page, BLANK], [BLANK, page]] {
        let member = Member::from_bytes(newest(superblock()), &map.concat());
        assert_eq!(member, Err(Bad::Field("the sequence number of a page")));
    }
}

/// The next commit counts on from the larger number of both copies.
#[test]
fn a_page_near_the_end_of_its_numbers_refuses_the_device_also_if_it_is_damaged() {
    let good = map_page(9, Marks::DIRTY).encode();
    for (seq, fits) in [(ROOM, true), (ROOM + 1, false), (u64::MAX / 2, false)] {
        let damaged = flipped(&map_page(seq, Marks::empty()).encode(), 700 * 8);
        for map in [[good, damaged], [damaged, good]] {
            let member = Member::from_bytes(newest(superblock()), &map.concat());
            let found = member.map(|member| member.pages[0].as_ref().map(|page| page.seq));
            let refused = Err(Bad::Field("the sequence number of a page"));
            assert_eq!(found, if fits { Ok(Some(seq)) } else { refused }, "{seq}");
        }
    }
}

/// A page under this number, with marks everywhere, and `marks` for every 300th region.
fn map_page(seq: u64, marks: Marks) -> MapPage {
    let mut page = MapPage { seq, number: 0, ..page() };
    page.marks.fill(Marks::MISSED_3);
    page.marks.iter_mut().step_by(300).for_each(|it| *it = marks);
    page
}

/// What is read of every region.
fn marks_of(one: &[u8; UNIT], other: &[u8]) -> (Vec<Option<Marks>>, Second) {
    let map = [one, other].concat();
    let member = Member::from_bytes(newest(superblock()), &map).unwrap();
    let second = member.pages[0].as_ref().map_or(Second::Lost, |page| page.second);
    let regions = (0..REGIONS_PER_PAGE as u32).map(Region);
    (regions.map(|region| member.marks(region)).collect(), second)
}

#[test]
fn at_rest_no_bit_of_a_page_that_flips_hides_a_mark() {
    let page = map_page(9, Marks::DIRTY);
    let unit = page.encode();
    for bit in 0..UNIT * 8 {
        let (marks, second) = marks_of(&unit, &flipped(&unit, bit));
        let right = |(read, is): (&Option<Marks>, &Marks)| read.is_none_or(|read| read == *is);
        assert!(marks.iter().zip(page.marks.iter()).all(right), "bit {bit}");
        if bit >= 64 * 8 {
            assert!(marks.iter().all(Option::is_some), "bit {bit}: only the head is guessed at");
            assert_eq!(second, Second::Damaged, "bit {bit}");
        }
    }
}

#[test]
fn no_bit_of_a_page_that_flips_takes_a_mark_away() {
    let (before, after) = (map_page(8, Marks::empty()), map_page(9, Marks::DIRTY));
    let old = before.encode();
    for bit in 0..UNIT * 8 {
        let (marks, _) = marks_of(&old, &flipped(&after.encode(), bit));
        let kept = |(read, is): (&Option<Marks>, &Marks)| read.is_none_or(|it| it.contains(*is));
        assert!(marks.iter().zip(after.marks.iter()).all(kept), "bit {bit}");
    }
}

#[test]
fn a_torn_page_costs_no_more_than_what_was_not_written() {
    let (before, after) = (map_page(8, Marks::empty()), map_page(9, Marks::DIRTY));
    let (old, new) = (before.encode(), after.encode());
    for slot in torn(&old, &new) {
        let (marks, _) = marks_of(&old, &slot);
        let kept = |(read, is): (&Option<Marks>, &Marks)| read.is_none_or(|it| it.contains(*is));
        assert!(marks.iter().zip(before.marks.iter()).all(kept));
        if slot[..SECTOR_SIZE] == old[..SECTOR_SIZE] {
            assert!(marks.iter().all(Option::is_some), "its head was never written");
        }
    }
}

#[test]
fn of_a_page_that_is_gone_altogether_nothing_is_known() {
    let unit = map_page(9, Marks::empty()).encode();
    for gone in [&[][..], &BLANK, &[0x55; UNIT]] {
        let (marks, _) = marks_of(&unit, gone);
        assert!(marks.iter().all(Option::is_none));
    }
}
