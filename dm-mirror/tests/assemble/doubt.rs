//! Members of which the newest superblock may be lost.

use dm_mirror::assemble::{Refusal, Role, Verdict};
use dm_mirror::format::{Marks, Member, MemberId, MemberState, Second};

use super::members::{Written, decide, given, in_sync, mirror, refused, regions, started};

/// The same member, with a slot that may have held a newer superblock.
fn in_doubt(member: Member) -> Member {
    Member { second: Second::Lost, ..member }
}

/// The first excluded the second, and both have written since: the second one had a write
/// in flight.
fn excluded() -> [Member; 2] {
    let [a, b] = mirror();
    [a.excludes(1, 1).marks(3, Marks::missed(MemberId::new(1))), b.marks(5, Marks::DIRTY)]
}

/// It may have excluded the other one in turn, and have gone on alone.
#[test]
fn a_member_in_doubt_that_another_one_excluded_may_have_excluded_that_one() {
    let [a, b] = excluded();
    let apart = Refusal::SplitBrain { sides: vec![vec![0], vec![1]], conflict: regions([3, 5]) };
    assert_eq!(refused(&[&a, &in_doubt(b.clone())]), apart);
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [3, 5])]);
}

/// Whoever called it failed had it at hand: what may be lost of it is the commit that failed.
#[test]
fn a_member_that_a_later_record_calls_failed_is_in_no_doubt() {
    for state in [MemberState::FailedMedia, MemberState::FailedByHand] {
        let [a, b] = excluded();
        let roles = started(&[&a.lists(1, state), &in_doubt(b)]).roles;
        assert_eq!(roles[0], in_sync(0), "{state:?}");
        assert!(matches!(roles[1], Role::KeptOut { device: 1, .. }), "{state:?}: {:?}", roles[1]);
    }
}

/// A person gave its place away, and was shown what it was.
#[test]
fn a_member_that_a_later_record_no_longer_knows_is_in_no_doubt() {
    let [a, b] = excluded();
    let a = a.with(|superblock| superblock.members[1] = None);
    assert_eq!(started(&[&a, &in_doubt(b)]).roles[..2], [in_sync(0), Role::Empty]);
}

/// A record of another time says nothing of it.
#[test]
fn a_member_in_doubt_stays_so_beside_a_record_that_does_not_remember_its_generation() {
    let [a, b] = excluded();
    let a = a.lists(1, MemberState::FailedMedia).with(|superblock| {
        superblock.history.clear();
        superblock.members[1].as_mut().expect("a member").base = uuid::Uuid::nil();
    });
    assert!(matches!(refused(&[&a, &in_doubt(b)]), Refusal::SplitBrain { .. }));
}

/// What may be lost of it may have begun a time of its own.
#[test]
fn a_member_in_doubt_is_given_what_its_map_says_that_it_wrote_alone() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1).marks(3, Marks::missed(MemberId::new(1)));
    let b = in_doubt(b.marks(7, Marks::missed(MemberId::new(0))));
    let Verdict::Start(plan) = decide(&[&a, &b], Some(0)) else { panic!("a choice") };
    assert_eq!(plan.roles[1], given(1, [3, 7]));
}
