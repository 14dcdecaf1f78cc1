//! The words that a person gets.

use dm_mirror::assemble::Missed;
use dm_mirror::format::{Marks, MemberId, MemberState, Region};

use super::members::{Written, decide, mirror};

#[test]
fn a_hold_says_for_whom_and_what_can_be_done() {
    let [_, b, c] = mirror();
    assert_eq!(
        decide(&[&b, &c], None).to_string(),
        "held: member 0 was in sync and is not there; return it, or start without it by the \
         message `start_degraded`"
    );
    let c = c.mints(9).lists(2, MemberState::Rebuilding);
    assert_eq!(
        decide(&[&b, &c], None).to_string(),
        "held: member 0 was in sync and is not there; member 2 was in sync and device 1 is no \
         longer as it was left (restored from a snapshot, or rebuilt elsewhere); return them, or start without \
         them by the message `start_degraded`"
    );
}

#[test]
fn a_start_says_what_becomes_of_each_member() {
    let [a, b, c, _] = mirror();
    let a = a.excludes(1, 1).excludes(2, 2).excludes(3, 3).lists(2, MemberState::FailedMedia);
    let a = a
        .marks(3, Marks::missed(MemberId::new(1)))
        .marks(4, Marks::missed(MemberId::new(1)))
        .marks(9, Marks::missed(MemberId::new(1)));
    assert_eq!(
        decide(&[&a, &b, &c], None).to_string(),
        "can start: member 0 is in sync; member 1 is to be given regions 3-4, 9; member 2 is kept \
         out: it is out for errors of its medium until a person adds it; member 3 is not there, \
         and need not be"
    );
}

#[test]
fn halves_that_ran_apart_are_told_where_and_how_to_choose() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1).marks(3, Marks::missed(MemberId::new(1)));
    let b = b.excludes(0, 2).marks(4, Marks::missed(MemberId::new(0)));
    assert_eq!(
        decide(&[&a, &b], None).to_string(),
        "refused: device 0; device 1: these ran apart, and each may have what the others lack, in \
         regions 3-4; choose one by the message `keep <leg>`: what the others wrote apart is \
         overwritten"
    );
}

#[test]
fn other_refusals_say_what_to_do() {
    let [a, b] = mirror();
    assert_eq!(
        decide(&[], None).to_string(),
        "refused: no device is a member that was in sync and is as new as the others last saw it; \
         attach one that is"
    );
    assert_eq!(
        decide(&[&a, &b, &b], None).to_string(),
        "refused: device 1 and device 2 claim the same place; detach the one that is wrong"
    );
    let other = b.with(|superblock| superblock.set = uuid::Uuid::from_u128(2));
    assert_eq!(
        decide(&[&a, &other], None).to_string(),
        "refused: the devices belong to different mirrors (set \
         00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002); name those \
         of one"
    );
}

#[test]
fn many_regions_are_told_by_their_first_stretches() {
    let text =
        |numbers: Vec<u32>| Missed::Regions(numbers.into_iter().map(Region).collect()).to_string();
    assert_eq!(text(vec![]), "nothing");
    assert_eq!(text(vec![7]), "region 7");
    assert_eq!(text(vec![7, 8, 9]), "regions 7-9");
    assert_eq!(text((0..8).map(|n| 2 * n).collect()), "regions 0, 2, 4, 6, 8, 10, 12, 14");
    let all = (0..20).map(|n| 2 * n).collect();
    assert_eq!(text(all), "regions 0, 2, 4, 6, 8, 10, 12, 14 and 12 more");
    assert_eq!(text(vec![u32::MAX - 1, u32::MAX]), "regions 4294967294-4294967295");
}
