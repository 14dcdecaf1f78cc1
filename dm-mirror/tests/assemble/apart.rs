//! Halves that ran apart.

use dm_mirror::assemble::{Missed, Refusal, Role, Verdict};
use dm_mirror::format::{Marks, Member, MemberId, MemberState};

use super::members::{
    Written, decide, generation, given, given_everything, held, in_sync, mirror, numbers, refused,
    regions, started,
};

/// Both members, each started without the other.
fn halves() -> [Member; 2] {
    let [a, b] = mirror();
    [a.excludes(1, 1), b.excludes(0, 2)]
}

/// The same after each wrote somewhere, and both in one place.
fn written() -> [Member; 2] {
    let [a, b] = halves();
    let a = a.marks(3, Marks::missed(MemberId::new(1))).marks(5, Marks::missed(MemberId::new(1)));
    [a, b.marks(5, Marks::missed(MemberId::new(0))).marks(9, Marks::DIRTY)]
}

#[test]
fn both_halves_wrote_is_refused_and_shows_where() {
    let [a, b] = written();
    let apart = Refusal::SplitBrain { sides: vec![vec![0], vec![1]], conflict: regions([3, 5, 9]) };
    assert_eq!(refused(&[&a, &b]), apart);
}

#[test]
fn a_person_chooses_and_the_others_changes_are_overwritten() {
    let [a, b] = written();
    let Verdict::Start(plan) = decide(&[&a, &b], Some(0)) else { panic!("a choice") };
    assert_eq!(plan.newest, a.superblock);
    assert_eq!(plan.roles[..2], [in_sync(0), given(1, [3, 5, 9])]);
    assert_eq!(plan.adopt, [generation(2)]);
    let Verdict::Start(plan) = decide(&[&a, &b], Some(1)) else { panic!("a choice") };
    assert_eq!(plan.roles[..2], [given(0, [3, 5, 9]), in_sync(1)]);
    assert_eq!(plan.adopt, [generation(1)]);
}

#[test]
fn a_choice_of_nobody_that_is_there_is_none() {
    let [a, b] = written();
    for keep in [2, 3, 4, usize::MAX] {
        assert_eq!(decide(&[&a, &b], Some(keep)), decide(&[&a, &b], None));
    }
}

#[test]
fn a_half_that_wrote_nothing_is_old() {
    let [a, b] = halves();
    let b = b.marks(4, Marks::missed(MemberId::new(0)));
    assert_eq!(started(&[&a, &b]).roles[..2], [given(0, [4]), in_sync(1)]);
    let [a, b] = halves();
    let a = a.marks(4, Marks::missed(MemberId::new(1))).marks(6, Marks::DIRTY);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [4, 6])]);
    assert!(started(&[&a, &b]).adopt.is_empty());
}

#[test]
fn halves_of_which_neither_wrote_are_one_again() {
    let [a, b] = halves();
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [])]);
    let b = b.mints(3);
    assert_eq!(started(&[&a, &b]).roles[..2], [given(0, []), in_sync(1)]);
}

/// Their maps are clean, which says nothing of a time that neither remembers.
#[test]
fn halves_without_a_past_in_common_are_refused_though_neither_wrote() {
    let [a, b] = mirror();
    let strange = a.with(|superblock| superblock.generation = generation(7));
    let apart = Refusal::SplitBrain { sides: vec![vec![0], vec![1]], conflict: regions([]) };
    assert_eq!(refused(&[&strange, &b]), apart);
}

/// A write in flight when the machine crashed shows as dirty, and may have
/// been acknowledged.
#[test]
fn a_dirty_region_is_a_write() {
    let [a, b] = halves();
    let (a, b) = (a.marks(1, Marks::DIRTY), b.marks(2, Marks::DIRTY));
    let apart = Refusal::SplitBrain { sides: vec![vec![0], vec![1]], conflict: regions([1, 2]) };
    assert_eq!(refused(&[&a, &b]), apart);
}

#[test]
fn a_bad_page_does_not_show_that_nothing_was_written() {
    let [a, b] = halves();
    let (a, b) = (a.marks(1, Marks::missed(MemberId::new(1))), b.bad_page(1));
    let conflict = regions([1, 4032, 4033, 4034, 4035]);
    assert_eq!(refused(&[&a, &b]), Refusal::SplitBrain { sides: vec![vec![0], vec![1]], conflict });
}

/// The mark is for the other side: who was out before is no sign of a write.
#[test]
fn what_a_third_member_missed_before_is_no_write() {
    let [a, b, _] = mirror();
    let (a, b) = (a.excludes(2, 1), b.excludes(2, 1));
    let (a, b) =
        (a.marks(1, Marks::missed(MemberId::new(2))), b.marks(1, Marks::missed(MemberId::new(2))));
    let (a, b) = (a.excludes(1, 2).marks(4, Marks::missed(MemberId::new(1))), b.excludes(0, 3));
    assert_eq!(started(&[&a, &b]).roles[..3], [in_sync(0), given(1, [4]), Role::Absent]);
}

/// The survivor that has the exclusion alone may have gone on; what started
/// without it knows nothing of that.
#[test]
fn a_survivor_that_went_on_is_no_older_than_those_that_were_started_without_it() {
    let [a, b, c] = mirror();
    let a = a.excludes(2, 1).marks(1, Marks::DIRTY);
    let (b, c) = (b.excludes(0, 2), c.excludes(0, 2));
    let c = c.marks(2, Marks::missed(MemberId::new(0)));
    let apart = Refusal::SplitBrain { sides: vec![vec![0], vec![1, 2]], conflict: regions([1, 2]) };
    assert_eq!(refused(&[&a, &b, &c]), apart);
    let Verdict::Start(plan) = decide(&[&a, &b, &c], Some(2)) else { panic!("a choice") };
    assert_eq!(plan.roles[..3], [given(0, [1, 2]), in_sync(1), in_sync(2)]);
}

/// C was rebuilding beside A, in a generation that A has written in since, and
/// was excluded by B before B could write a superblock there.
#[test]
fn the_base_of_one_member_says_nothing_of_another_one() {
    let [a, b, _] = mirror();
    let a = a
        .excludes(1, 1)
        .lists(2, MemberState::Rebuilding)
        .marks(1, Marks::missed(MemberId::new(1)));
    let b = b.excludes(0, 2).excludes(2, 3).marks(2, Marks::missed(MemberId::new(0)));
    let b = b.with(|it| it.members[2].as_mut().expect("a member").base = generation(1));
    let apart = Refusal::SplitBrain { sides: vec![vec![0], vec![1]], conflict: regions([1, 2]) };
    assert_eq!(refused(&[&a, &b]), apart);
}

#[test]
fn three_sides_are_shown_and_the_one_chosen_overwrites_the_others() {
    let [a, b, c] = mirror();
    let a = a
        .excludes(1, 1)
        .excludes(2, 1)
        .marks(1, Marks::missed(MemberId::new(1)) | Marks::missed(MemberId::new(2)));
    let b = b
        .excludes(0, 2)
        .excludes(2, 2)
        .marks(2, Marks::missed(MemberId::new(0)) | Marks::missed(MemberId::new(2)));
    let c = c
        .excludes(0, 3)
        .excludes(1, 3)
        .marks(3, Marks::missed(MemberId::new(0)) | Marks::missed(MemberId::new(1)));
    let apart = Refusal::SplitBrain {
        sides: vec![vec![0], vec![1], vec![2]],
        conflict: regions([1, 2, 3]),
    };
    assert_eq!(refused(&[&a, &b, &c]), apart);
    let Verdict::Start(plan) = decide(&[&a, &b, &c], Some(1)) else { panic!("a choice") };
    assert_eq!(plan.roles[..3], [given(0, [1, 2]), in_sync(1), given(2, [2, 3])]);
    assert_eq!(plan.adopt, [generation(1), generation(3)]);
}

/// What a person decided of one member of a half, holds for the other when it
/// comes: its generation is in the history, and its own map shows what it wrote.
#[test]
fn a_loser_that_comes_after_the_choice_is_given_what_it_wrote() {
    let [a, _, c] = mirror();
    let a = a.excludes(1, 1).excludes(2, 2).mints(3);
    let a = a.with(|superblock| superblock.history.insert(0, generation(9)));
    let c = c.excludes(0, 9).marks(6, Marks::missed(MemberId::new(0)));
    assert_eq!(started(&[&a, &c]).roles[2], given(1, [6]));
    // Without the choice it is a side.
    let a = a.with(|superblock| superblock.history.retain(|it| *it != generation(9)));
    let a = a.marks(1, Marks::missed(MemberId::new(2)));
    assert!(matches!(refused(&[&a, &c]), Refusal::SplitBrain { .. }));
}

/// A was chosen over B and promoted C, which did not learn of it, went back to B
/// and is half rebuilt there. B's generation is in A's history by the choice.
#[test]
fn a_promotion_is_not_completed_by_a_member_that_others_rebuilt_since() {
    let [a, b, c] = mirror();
    let a = a.excludes(1, 1).excludes(2, 1).mints(2);
    let a = a.with(|superblock| superblock.history.insert(0, generation(9)));
    let a = a.lists(2, MemberState::Rebuilding).promotes(2, 3);
    let rebuilt = |member: Member| member.excludes(0, 9).lists(2, MemberState::Rebuilding);
    let (b, c) = (rebuilt(b), rebuilt(c));
    let (missing, plan) = held(&[&a, &c]);
    assert_eq!(missing, [2]);
    assert_eq!(plan.roles[2], given_everything(1));
    assert_eq!(started(&[&b, &c]).roles[..3], [Role::Absent, in_sync(0), given(1, [])]);
}

#[test]
fn a_choice_does_not_stand_for_members_that_are_not_there() {
    let [a, b, _] = mirror();
    let a = a.excludes(1, 1).marks(1, Marks::missed(MemberId::new(1)));
    let b = b.excludes(0, 2).marks(2, Marks::missed(MemberId::new(0)));
    let Verdict::Hold { plan, missing } = decide(&[&a, &b], Some(0)) else { panic!("a hold") };
    assert_eq!(numbers(&missing), [2]);
    assert_eq!(plan.adopt, [generation(2)]);
}

/// Of the two, the one whose base nobody wrote down and whose generation has
/// left the history could be anything.
#[test]
fn a_member_too_old_to_be_remembered_is_refused_if_it_may_have_written() {
    let [a, b] = mirror();
    let a =
        (2..20).fold(a.excludes(1, 1), Written::mints).marks(7, Marks::missed(MemberId::new(1)));
    let a = a.with(|superblock| {
        superblock.members[1].as_mut().expect("a member").base = uuid::Uuid::nil();
    });
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [7])]);
    let b = b.marks(8, Marks::DIRTY);
    assert!(matches!(refused(&[&a, &b]), Refusal::SplitBrain { .. }));
}

/// Deferring the new generation at an exclusion would make the two look alike.
#[test]
fn halves_that_excluded_each_other_differ_in_their_generations() {
    let [a, b] = written();
    assert_ne!(a.superblock.generation, b.superblock.generation);
    assert_eq!(a.superblock.history, b.superblock.history);
    // Each alone goes on, as its record says; only together are they refused.
    assert_eq!(started(&[&a]).roles[..2], [in_sync(0), Role::Absent]);
    assert_eq!(started(&[&b]).roles[..2], [Role::Absent, in_sync(0)]);
    assert!(matches!(refused(&[&b, &a]), Refusal::SplitBrain { .. }));
}

#[test]
fn records_that_each_claim_to_follow_the_other_are_not_believed() {
    let [a, b] = written();
    let a = a.with(|superblock| superblock.history.insert(0, generation(2)));
    let b = b.with(|superblock| superblock.history.insert(0, generation(1)));
    assert!(matches!(refused(&[&a, &b]), Refusal::SplitBrain { .. }));
}

#[test]
fn a_conflict_of_different_geometries_is_everywhere() {
    let [a, b] = written();
    let b = b.with(|superblock| superblock.geometry.length.0 -= 8);
    let apart = Refusal::SplitBrain { sides: vec![vec![0], vec![1]], conflict: Missed::Everything };
    assert_eq!(refused(&[&a, &b]), apart);
}

/// An old member beside the newest asks for no choice, whatever it has dirty.
#[test]
fn an_excluded_member_is_no_side() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1).marks(1, Marks::missed(MemberId::new(1)));
    let b = b.marks(2, Marks::DIRTY);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [1, 2])]);
    assert_eq!(held(&[&b]).0, [0]);
}
