//! A check: how it goes over the mirror, and what it counts and lists.

use alloc::string::{String, ToString};

use bio::{Sector, Sectors};

use super::super::check::{COPY_CHUNK, Check, End, Wrong};
use super::super::leg::LegSet;
use super::{NOBODY, legs, sectors};

/// A check of legs 0 and 1 and of so many sectors.
fn check(length: u64) -> Check {
    Check::new(false, legs(&[0, 1]), Sectors(length))
}

fn differs() -> Wrong {
    Wrong { differ: legs(&[1]), unreadable: NOBODY, expected: false }
}

/// What came of a check, line by line.
fn lines(check: &Check) -> String {
    check.to_string()
}

#[test]
fn chunks_go_to_the_end_of_the_mirror() {
    let mut check = check(300);
    assert_eq!(check.next_chunk(Sectors(1)), sectors(0, COPY_CHUNK.0));
    check.next = Sector(256);
    assert_eq!(check.next_chunk(Sectors(1)), sectors(256, 44));
}

#[test]
fn a_chunk_that_some_leg_cannot_read_is_read_block_by_block() {
    let mut check = check(1000);
    check.by_block_to = Sector(256);
    assert_eq!(check.next_chunk(Sectors(8)), sectors(0, 8));
    check.next = Sector(256);
    assert_eq!(check.next_chunk(Sectors(8)), sectors(256, COPY_CHUNK.0));
}

#[test]
fn all_legs_of_a_check_are_read_or_none() {
    let check = check(64);
    assert_eq!(check.legs_of(legs(&[0, 1, 2])), legs(&[0, 1]));
    assert_eq!(check.legs_of(legs(&[0, 2])), LegSet::EMPTY);
}

#[test]
fn every_sector_that_is_wrong_is_counted() {
    let mut check = check(64);
    assert!(check.is_all_well());
    check.found(Sector(4), differs());
    check.found(Sector(5), Wrong { unreadable: legs(&[0]), ..differs() });
    assert!(!check.is_all_well());
    assert_eq!(check.status().as_deref(), Some("check 0/64 3"), "a sector may be both");
}

#[test]
fn sectors_in_a_row_with_the_same_wrong_are_one_finding() {
    let mut check = check(64);
    for at in [4, 5, 7] {
        check.found(Sector(at), differs());
    }
    let text = lines(&check);
    assert!(text.contains("\n  4+2: leg 1 differs\n  7+1: leg 1 differs"), "{text}");
}

#[test]
fn what_finds_no_place_in_the_list_is_counted_all_the_same() {
    let mut check = check(1000);
    (0..40).for_each(|nth| check.found(Sector(nth * 2), differs()));
    let text = lines(&check);
    assert_eq!(text.matches("differs").count(), 32);
    assert!(text.contains("; 40 differ,") && text.ends_with("no more are listed"), "{text}");
}

#[test]
fn a_finding_says_whether_the_map_allows_it() {
    let mut check = check(64);
    check.found(Sector(4), Wrong { expected: true, ..differs() });
    assert!(lines(&check).ends_with("4+1: leg 1 differs (may be: dirty)"));
}

#[test]
fn a_check_says_why_it_ended() {
    let mut check = check(64);
    check.next = Sector(8);
    for (end, words) in [
        (End::Done, "check: all 64 sectors;"),
        (End::Stopped, "check: stopped by hand at sector 8;"),
        (End::Suspended, "check: ended at sector 8 by a suspension;"),
        (End::LegOut(1), "check: ended at sector 8, leg 1 is out;"),
    ] {
        check.end = Some(end);
        assert!(lines(&check).starts_with(words), "{end:?}");
        assert_eq!((check.is_running(), check.status()), (false, None));
    }
}
