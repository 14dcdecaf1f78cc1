//! Which disk has a member's place, where several claim it.

use dm_mirror::assemble::{Contest, Places, places};
use dm_mirror::format::{Marks, Member, MemberId, MemberState, Superblock};

use super::members::{Written, disk, mirror, orders};

/// The answer, the same in every order of the devices.
#[track_caller]
fn placed(found: &[&Member]) -> Result<Places, Contest> {
    let of = |order: &[usize]| -> Result<Places, Contest> {
        let devices: Vec<Option<&Member>> =
            order.iter().map(|device| Some(found[*device])).collect();
        places(&devices).expect("there is a device")
    };
    let all: Vec<usize> = (0..found.len()).collect();
    let answer = of(&all);
    for order in orders(found.len()) {
        let told = match of(&order) {
            Ok(Places { holders, mut left_out, newest }) => {
                left_out.iter_mut().for_each(|device| *device = order[*device]);
                left_out.sort_unstable();
                let holders = holders.map(|it| it.map(|device| order[device]));
                Ok(Places { holders, left_out, newest: order[newest] })
            }
            Err(Contest::Copies(a, b)) => {
                let (a, b) = (order[a], order[b]);
                Err(Contest::Copies(a.min(b), a.max(b)))
            }
            Err(Contest::Apart { member, mut sides }) => {
                for side in &mut sides {
                    side.iter_mut().for_each(|device| *device = order[*device]);
                    side.sort_unstable();
                }
                sides.sort();
                Err(Contest::Apart { member, sides })
            }
        };
        assert_eq!(told, answer, "in order {order:?}");
    }
    answer
}

#[track_caller]
fn holders(found: &[&Member]) -> [Option<usize>; 4] {
    placed(found).expect("nobody contests").holders
}

/// A mirror of two whose slot 0 was given to another disk: what was disk 0, the member
/// that went on, and the new one.
fn replaced() -> [Member; 3] {
    let [old, b] = mirror();
    let new_entry = |it: &mut Superblock| it.members[0].as_mut().expect("a member").uuid = disk(10);
    let b = b.excludes(0, 1).with(new_entry).promotes(0, 2);
    let new = b.clone().with(|it| it.slot = 0);
    [old, b, new]
}

#[test]
fn a_disk_that_was_replaced_is_left_out_whatever_it_counts() {
    let [old, b, new] = replaced();
    let old = old.with(|it| (it.session, it.version) = (99, 99));
    let found = placed(&[&old, &b, &new]).expect("nobody contests");
    assert_eq!(found.holders, [Some(2), Some(1), None, None]);
    assert_eq!(found.left_out, [0]);
    assert!([1, 2].contains(&found.newest), "{}", found.newest);
    // Without its successor it still has no place.
    assert_eq!(holders(&[&old, &b]), [None, Some(1), None, None]);
}

#[test]
fn a_replaced_disk_that_ran_alone_and_all_whom_it_contests_are_named() {
    let [old, b, new] = replaced();
    let old =
        old.excludes(1, 7).with(|it| it.session = 3).marks(4, Marks::missed(MemberId::new(1)));
    let apart = Contest::Apart { member: MemberId::new(0), sides: vec![vec![0], vec![1, 2]] };
    assert_eq!(placed(&[&old, &b, &new]), Err(apart.clone()));
    // Also while the successor is still being rebuilt, when it is evidence of nothing.
    let comes = MemberState::Rebuilding;
    assert_eq!(placed(&[&old, &b.lists(0, comes), &new.lists(0, comes)]), Err(apart));
}

#[test]
fn a_replaced_disk_that_ran_alone_and_wrote_nothing_is_left_out() {
    let [old, b, new] = replaced();
    let old = old.excludes(1, 7).with(|it| it.session = 3);
    let found = placed(&[&old, &b, &new]).expect("nobody contests");
    assert_eq!((found.holders, found.left_out), ([Some(2), Some(1), None, None], vec![0]));
    // What was being written, or cannot be seen, may have been written.
    let blind = |member: &Member| Member { pages: Vec::new(), ..member.clone() };
    let dirty = old.clone().marks(4, Marks::DIRTY);
    for old in [dirty, old.clone().bad_page(1), blind(&old)] {
        assert!(matches!(placed(&[&old, &b, &new]), Err(Contest::Apart { .. })));
    }
    // A disk that has no past in common with the others shows nothing by a clean map.
    let other = old.with(|it| it.history.clear());
    assert!(matches!(placed(&[&other, &b, &new]), Err(Contest::Apart { .. })));
}

#[test]
fn halves_that_ran_apart_in_places_of_their_own_have_them() {
    let [a, b, c] = mirror();
    let (a, b) = (a.excludes(1, 1), b.excludes(0, 2));
    let found = placed(&[&a, &b, &c]).expect("nobody contests");
    assert_eq!(found.holders, [Some(0), Some(1), Some(2), None]);
    assert!(found.left_out.is_empty());
}

#[test]
fn a_disk_and_its_copy_are_both_named() {
    let [a, b] = mirror();
    assert_eq!(placed(&[&a, &b, &b]), Err(Contest::Copies(1, 2)));
    assert_eq!(placed(&[&a, &b.clone(), &b.excludes(0, 1)]), Err(Contest::Copies(1, 2)));
}

#[test]
fn members_of_which_none_is_in_sync_keep_their_places() {
    let [a, b] = mirror();
    let (a, b) = (a.lists(0, MemberState::Out), b.lists(1, MemberState::Rebuilding));
    assert_eq!(holders(&[&a, &b]), [Some(0), Some(1), None, None]);
}

#[test]
fn where_no_disk_is_there_is_no_place() {
    assert_eq!(places(&[]), None);
    assert_eq!(places(&[None, None]), None);
}
