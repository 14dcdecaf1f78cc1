//! What a returning member is given.

use dm_mirror::assemble::Role;
use dm_mirror::format::{Marks, Member, MemberId, MemberState};
use uuid::Uuid;

use super::members::{
    SECOND_PAGE, Written, generation, given, given_everything, held, in_sync, mirror, started,
};

/// A mirror of two that excluded the second.
fn excluded() -> [Member; 2] {
    let [a, b] = mirror();
    [a.excludes(1, 1), b]
}

#[test]
fn without_a_write_nothing_is_copied() {
    let [a, b] = excluded();
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [])]);
}

#[test]
fn only_what_was_written_meanwhile_is_copied() {
    let [a, b] = excluded();
    let a = a.marks(2, Marks::missed(MemberId::new(1))).marks(3, Marks::DIRTY);
    let a = a.marks(SECOND_PAGE + 3, Marks::missed(MemberId::new(1)));
    assert_eq!(started(&[&a, &b]).roles[1], given(1, [2, 3, SECOND_PAGE + 3]));
}

/// It had a write in flight that the others never saw, so no mark of theirs
/// shows it.
#[test]
fn a_returning_members_own_dirty_regions_are_copied() {
    let [a, b] = excluded();
    let b = b.marks(4, Marks::DIRTY);
    assert_eq!(started(&[&a, &b]).roles[1], given(1, [4]));
}

#[test]
fn what_a_returning_members_own_map_says_it_missed_is_copied() {
    let [a, b] = excluded();
    let b = b.marks(5, Marks::missed(MemberId::new(1)));
    assert_eq!(started(&[&a, &b]).roles[1], given(1, [5]));
}

#[test]
fn each_of_two_absent_members_is_given_what_it_missed() {
    let [a, b, c] = mirror();
    let (a, b) = (a.excludes(2, 1), b.excludes(2, 1).marks(1, Marks::missed(MemberId::new(2))));
    let a = a
        .marks(1, Marks::missed(MemberId::new(2)))
        .excludes(1, 2)
        .marks(2, Marks::missed(MemberId::new(1)));
    let roles = started(&[&a, &b, &c]).roles;
    assert_eq!(roles[..3], [in_sync(0), given(1, [2]), given(2, [1])]);
}

#[test]
fn the_marks_of_every_member_in_sync_count() {
    let [a, b, c] = mirror();
    let (a, b) = (a.excludes(2, 1), b.excludes(2, 1));
    let (a, b) =
        (a.marks(1, Marks::missed(MemberId::new(2))), b.marks(2, Marks::missed(MemberId::new(2))));
    let b = b.marks(3, Marks::DIRTY);
    assert_eq!(started(&[&a, &b, &c]).roles[2], given(2, [1, 2, 3]));
}

/// The union over the members in sync covers every difference; one that is out
/// itself may show what was repaired long ago.
#[test]
fn the_marks_of_a_member_that_is_out_do_not_count() {
    let [a, b, c] = mirror();
    let (a, b) = (a.excludes(2, 1), b.excludes(2, 1).marks(7, Marks::missed(MemberId::new(2))));
    let a = a.excludes(1, 2);
    assert_eq!(started(&[&a, &b, &c]).roles[1..3], [given(1, []), given(2, [])]);
}

#[test]
fn the_regions_of_a_bad_page_are_copied() {
    let last = [SECOND_PAGE, SECOND_PAGE + 1, SECOND_PAGE + 2, SECOND_PAGE + 3];
    let [a, b] = excluded();
    assert_eq!(started(&[&a.clone().bad_page(1), &b]).roles[1], given(1, last));
    assert_eq!(started(&[&a, &b.bad_page(1)]).roles[1], given(1, last));
}

#[test]
fn a_member_with_another_geometry_is_given_everything() {
    let [a, b] = excluded();
    let other = b.clone().with(|superblock| superblock.geometry.region.0 *= 2);
    assert_eq!(started(&[&a, &other]).roles[1], given_everything(1));
    let mut short = b;
    short.pages.pop();
    assert_eq!(started(&[&a, &short]).roles[1], given_everything(1));
}

/// Where its data lies is not where the newest says.
#[test]
fn a_member_with_another_geometry_is_not_in_sync() {
    let [a, b] = mirror();
    let b = b.with(|superblock| superblock.geometry.data_start.0 += 8);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given_everything(1)]);
}

/// The newest alone has no use for a map; the one that returns has.
#[test]
fn without_a_whole_map_of_the_newest_everything_is_copied() {
    let [mut a, b] = excluded();
    a.pages.pop();
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given_everything(1)]);
}

#[test]
fn a_rebuild_that_was_interrupted_goes_on_where_it_was() {
    let [a, b] = excluded();
    let b = b.excludes(1, 1);
    let a = a.lists(1, MemberState::Rebuilding).marks(8, Marks::missed(MemberId::new(1)));
    let b = b
        .lists(1, MemberState::Rebuilding)
        .marks(8, Marks::missed(MemberId::new(1)))
        .marks(2, Marks::DIRTY);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [2, 8])]);
    // Also if another member was excluded meanwhile, of which it was not told.
    assert_eq!(started(&[&a.mints(2), &b]).roles[..2], [in_sync(0), given(1, [2, 8])]);
}

/// Rebuilt by others, in a time that the newest knows nothing of.
#[test]
fn a_member_that_was_being_rebuilt_elsewhere_is_given_everything() {
    let [a, _, c] = mirror();
    let a = a.excludes(2, 1);
    let c = c.excludes(0, 2).mints(3).lists(2, MemberState::Rebuilding);
    assert_eq!(held(&[&a, &c]).1.roles[2], given_everything(1));
}

#[test]
fn the_nil_generation_is_nobodys_ancestor() {
    let [a, b] = excluded();
    let a = a.with(|it| it.members[1].as_mut().expect("a member").base = Uuid::nil());
    let b = b.lists(1, MemberState::Rebuilding).with(|it| it.generation = Uuid::nil());
    assert_eq!(started(&[&a, &b]).roles[1], given_everything(1));
}

#[test]
fn a_member_that_failed_for_its_medium_stays_out() {
    let [a, b] = excluded();
    let a = a.lists(1, MemberState::FailedMedia);
    let kept_out = |role: &Role| matches!(role, Role::KeptOut { device: 1, .. });
    assert!(kept_out(&started(&[&a, &b]).roles[1]));
    // Also where it would be an interrupted commit or a rebuild.
    let same = b.with(|superblock| superblock.generation = generation(1));
    assert!(kept_out(&started(&[&a, &same]).roles[1]));
    assert_eq!(started(&[&a]).roles[..2], [in_sync(0), Role::Absent]);
}

/// Every promotion and every exclusion has its own generation, so that no two
/// members of one generation can say this.
#[test]
fn a_member_that_calls_itself_rebuilding_where_it_is_listed_in_sync_is_waited_for() {
    for state in [
        MemberState::Rebuilding,
        MemberState::Out,
        MemberState::FailedMedia,
        MemberState::FailedByHand,
    ] {
        let [a, b] = mirror();
        let b = b.lists(1, state);
        let (missing, plan) = held(&[&a, &b]);
        assert_eq!(missing, [1]);
        assert_eq!(plan.roles[..2], [in_sync(0), given_everything(1)]);
    }
}

/// The same, where its generation is one that the newest never had.
#[test]
fn a_member_in_sync_that_was_taken_over_elsewhere_is_waited_for() {
    let [a, b] = mirror();
    let b = b.mints(5).lists(1, MemberState::Rebuilding);
    let (missing, plan) = held(&[&a, &b]);
    assert_eq!(missing, [1]);
    assert_eq!(plan.roles[..2], [in_sync(0), given_everything(1)]);
}

/// Its promotion was interrupted, and a map says that it missed something: it is there, and
/// lacks no more than that.
#[test]
fn a_member_that_is_called_in_sync_and_accused_by_a_map_is_given_that_and_not_waited_for() {
    let [a, b] = excluded();
    let (a, b) = (a.lists(1, MemberState::Rebuilding), b.excludes(1, 1));
    let (a, b) = (a.promotes(1, 2), b.lists(1, MemberState::Rebuilding));
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), in_sync(1)]);
    let a = a.marks(6, Marks::missed(MemberId::new(1)));
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [6])]);
}
