//! Which record is the newest, and whether it may start without the others.

use dm_mirror::assemble::{Refusal, Role, assemble};
use dm_mirror::format::{Marks, MemberId, MemberState};

use super::members::{Written, decide, generation, given, held, in_sync, mirror, refused, started};

#[test]
fn members_of_one_generation_start_together() {
    let [a, b, c] = mirror();
    let plan = started(&[&a, &b, &c]);
    assert_eq!(plan.roles, [in_sync(0), in_sync(1), in_sync(2), Role::Empty]);
    assert!(plan.adopt.is_empty());
}

#[test]
fn devices_that_are_no_members_are_ignored() {
    let [a, b] = mirror();
    let verdict = assemble(&[None, Some(&b), None, Some(&a)], None);
    let dm_mirror::assemble::Verdict::Start(plan) = verdict else { panic!("{verdict}") };
    assert_eq!(plan.roles[..2], [in_sync(3), in_sync(1)]);
}

#[test]
fn without_any_member_nothing_starts() {
    assert_eq!(refused(&[]), Refusal::NoneInSync);
}

#[test]
fn a_stale_member_that_comes_first_is_dropped_when_the_newer_comes() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1).marks(3, Marks::missed(MemberId::new(1)));
    assert_eq!(held(&[&b]).0, [0]);
    assert_eq!(started(&[&b, &a]).roles[..2], [in_sync(1), given(0, [3])]);
}

#[test]
fn a_member_that_booted_alone_is_held() {
    let [a, b] = mirror();
    let (missing, plan) = held(&[&b]);
    assert_eq!(missing, [0]);
    assert_eq!(plan.roles[..2], [Role::Missing, in_sync(0)]);
    // The one that recorded the exclusion needs nobody's word.
    assert_eq!(started(&[&a.excludes(1, 1)]).roles[..2], [in_sync(0), Role::Absent]);
}

#[test]
fn every_member_in_sync_that_is_not_there_is_waited_for() {
    let [a, ..] = mirror::<4>();
    let (missing, plan) = held(&[&a.excludes(2, 1)]);
    assert_eq!(missing, [1, 3]);
    assert_eq!(plan.roles, [in_sync(0), Role::Missing, Role::Absent, Role::Missing]);
}

#[test]
fn a_half_rebuilt_member_is_evidence_of_nothing() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1).lists(1, MemberState::Rebuilding);
    let b = b.excludes(1, 1).lists(1, MemberState::Rebuilding);
    assert_eq!(refused(&[&b]), Refusal::NoneInSync);
    // Not even with a version that is larger than that of those in sync.
    let b = b.with(|superblock| superblock.version += 10);
    let plan = started(&[&a, &b]);
    assert_eq!(plan.newest, a.superblock);
    assert_eq!(plan.roles[..2], [in_sync(0), given(1, [])]);
}

#[test]
fn within_a_generation_the_larger_version_wins() {
    let [a, b, c] = mirror();
    let (a, b) = (a.excludes(2, 1), b.excludes(2, 1).lists(2, MemberState::FailedMedia));
    let plan = started(&[&a, &b, &c]);
    assert_eq!(plan.newest, b.superblock);
    assert!(matches!(plan.roles[2], Role::KeptOut { .. }), "{:?}", plan.roles);
}

#[test]
fn the_generation_counts_before_the_version() {
    let [a, b] = mirror();
    let b = b.lists(1, MemberState::InSync).lists(1, MemberState::InSync);
    let a = a.excludes(1, 1);
    assert!(b.superblock.version > a.superblock.version);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [])]);
}

/// A commit that reached some survivors only was never acknowledged.
#[test]
fn an_exclusion_that_was_interrupted_is_completed() {
    let [a, b, c] = mirror();
    let a = a.excludes(2, 1).marks(5, Marks::DIRTY);
    let plan = started(&[&a, &b, &c]);
    assert_eq!(plan.newest.generation, generation(1));
    assert_eq!(plan.roles[..3], [in_sync(0), in_sync(1), given(2, [5])]);
    // Twice in a row changes nothing.
    let a = a.mints(2);
    assert_eq!(started(&[&a, &b, &c]).roles[..2], [in_sync(0), in_sync(1)]);
    // Those who do not know of it wait for the one who may have gone on.
    assert_eq!(held(&[&b, &c]).0, [0]);
}

#[test]
fn a_promotion_that_was_interrupted_is_completed() {
    let [a, b] = mirror();
    let (a, b) = (a.excludes(1, 1), b.excludes(1, 1));
    let rebuilding = MemberState::Rebuilding;
    let (a, b) = (a.lists(1, rebuilding).promotes(1, 2), b.lists(1, rebuilding));
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), in_sync(1)]);
    // Its target does not know yet that it is one of them.
    assert_eq!(refused(&[&b]), Refusal::NoneInSync);
    // And the others wait for it: they may have acknowledged beside it.
    assert_eq!(held(&[&a]).0, [1]);
}

/// As the last: the commits that were not durable have to be someone's.
#[test]
fn the_target_of_a_promotion_that_nobody_recorded_is_no_last_leg() {
    let [a, b] = mirror();
    let rebuilding = MemberState::Rebuilding;
    let a = a.excludes(1, 1).lists(1, rebuilding);
    let b = b.excludes(1, 1).lists(1, rebuilding).marks(2, Marks::DIRTY);
    assert_eq!(refused(&[&b]), Refusal::NoneInSync);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [2])]);
}

/// Nothing was answered, so any of them may be the source: none is chosen here.
#[test]
fn no_source_is_chosen_among_those_in_sync() {
    let [a, b] = mirror();
    let a = a.marks(1, Marks::DIRTY);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), in_sync(1)]);
    assert_eq!(held(&[&b]).0, [0]);
}

#[test]
fn a_generation_older_than_the_history_is_known_by_the_base() {
    let [a, b] = mirror();
    let a =
        (2..20).fold(a.excludes(1, 1), Written::mints).marks(7, Marks::missed(MemberId::new(1)));
    assert!(!a.superblock.history.contains(&generation(0)));
    let b = b.marks(8, Marks::DIRTY);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [7, 8])]);
}

#[test]
fn a_choice_where_nothing_ran_apart_changes_nothing() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1);
    for keep in [0, 1, 2, 100] {
        assert_eq!(decide(&[&a, &b], Some(keep)), decide(&[&a, &b], None));
    }
}
