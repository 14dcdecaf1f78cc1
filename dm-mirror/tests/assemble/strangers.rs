//! Disks that have no place, that are there twice, or that show less than they did.

use dm_mirror::assemble::{Refusal, Role, Verdict};
use dm_mirror::format::{Marks, Member, MemberId, MemberState};
use uuid::Uuid;

use super::members::{
    SEQ, Written, decide, disk, generation, given, given_everything, held, in_sync, mirror,
    numbers, refused, started,
};

/// The same member, but another disk.
fn another_disk(member: Member) -> Member {
    member.with(|superblock| {
        let slot = usize::from(superblock.slot);
        superblock.members[slot].as_mut().expect("a member").uuid = disk(slot + 10);
    })
}

/// What all that are in sync write when a member's superblock became durable.
fn saw(member: Member, slot: usize, seq: u64) -> Member {
    member.with(|superblock| superblock.members[slot].as_mut().expect("a member").seen = seq)
}

#[test]
fn members_of_different_mirrors_are_refused() {
    let [a, b] = mirror();
    let sets = [Uuid::from_u128(1), Uuid::from_u128(7)];
    let other = b.clone().with(|superblock| superblock.set = sets[1]);
    assert_eq!(refused(&[&other, &a, &b]), Refusal::Sets(sets.into()));
}

#[test]
fn a_disk_and_its_copy_are_refused() {
    let [a, b] = mirror();
    assert_eq!(refused(&[&a, &b, &b]), Refusal::Twins(1, 2));
    // Also if one of them is older, or out, or was never one to be believed.
    let older = b.clone();
    let b = b.mints(1);
    assert_eq!(refused(&[&older, &a, &b]), Refusal::Twins(0, 2));
}

#[test]
fn a_disk_that_was_replaced_does_not_disturb_its_successor() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1);
    let replaced = |member: Member| {
        let known = |it: &mut dm_mirror::format::Superblock| {
            it.members[1].as_mut().expect("a member").uuid = disk(11);
        };
        member.with(known)
    };
    let (new, a) = (replaced(another_disk(b.clone()).excludes(1, 1)), replaced(a));
    let (new, a) = (new.promotes(1, 2), a.promotes(1, 2));
    assert_eq!(started(&[&a, &b, &new]).roles[..2], [in_sync(0), in_sync(2)]);
    // Without the successor the old one still has no place.
    let (missing, plan) = held(&[&a, &b]);
    assert_eq!(missing, [1]);
    assert!(matches!(plan.roles[1], Role::KeptOut { device: 1, .. }));
}

#[test]
fn a_disk_that_was_made_anew_with_the_same_set_uuid_is_kept_out() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1);
    let anew = another_disk(b).lists(1, MemberState::Out);
    let plan = started(&[&a, &anew]);
    assert!(matches!(plan.roles[1], Role::KeptOut { device: 1, .. }));
}

/// Its map is clean because it is new, not because it followed the others.
#[test]
fn a_clean_map_of_a_disk_that_nobody_knows_proves_nothing() {
    let [a, b] = mirror();
    let anew = another_disk(b).with(|superblock| superblock.generation = generation(9));
    assert!(matches!(refused(&[&a, &anew]), Refusal::SplitBrain { .. }));
    let Verdict::Hold { plan, missing } = decide(&[&a, &anew], Some(0)) else { panic!("a hold") };
    assert_eq!(numbers(&missing), [1]);
    assert!(matches!(plan.roles[1], Role::KeptOut { device: 1, .. }));
}

/// It followed the other up to a time, and the other has had another disk in its place since.
#[test]
fn a_clean_map_of_a_disk_that_only_it_knows_proves_nothing() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1);
    let anew = another_disk(b).excludes(0, 2);
    assert!(matches!(refused(&[&a, &anew]), Refusal::SplitBrain { .. }));
}

#[test]
fn two_strangers_in_one_place_are_both_left_alone() {
    let [a, b] = mirror();
    let a = a.excludes(1, 1);
    let one = another_disk(b).lists(1, MemberState::Out);
    let two = one.clone().with(|it| it.members[1].as_mut().expect("a member").uuid = disk(20));
    assert!(matches!(started(&[&a, &one, &two]).roles[1], Role::KeptOut { .. }));
}

#[test]
fn two_disks_of_one_place_that_ran_apart_cannot_be_told_apart() {
    let [a, b] = mirror();
    let other = another_disk(b.clone()).excludes(0, 2);
    let b = b.excludes(0, 1).marks(1, Marks::missed(MemberId::new(0)));
    assert_eq!(refused(&[&a, &b, &other]), Refusal::Twins(1, 2));
}

/// What was on the disk before may have excluded the others and gone on with a
/// member that is not there: a person has to know.
#[test]
fn a_snapshot_of_a_member_is_never_believed() {
    let [a, b] = mirror();
    let a = saw(a, 1, SEQ + 1);
    let (missing, plan) = held(&[&a, &b]);
    assert_eq!(missing, [1]);
    assert_eq!(plan.roles[..2], [in_sync(0), given_everything(1)]);
    // As it was seen last, it is in sync.
    let b = b.with(|_| ());
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), in_sync(1)]);
}

#[test]
fn a_snapshot_is_not_the_newest_however_it_compares() {
    let [a, b] = mirror();
    let a = saw(a, 1, SEQ + 1);
    let b = b.with(|superblock| (superblock.version, superblock.seq) = (100, SEQ - 1));
    let (_, plan) = held(&[&a, &b]);
    assert_eq!(plan.newest, a.superblock);
    assert_eq!(plan.roles[..2], [in_sync(0), given_everything(1)]);
}

#[test]
fn any_member_in_sync_can_tell_a_snapshot() {
    let [a, b, c] = mirror();
    let b = saw(b, 2, SEQ + 1);
    let a = a.with(|superblock| superblock.version += 1);
    let (missing, plan) = held(&[&a, &b, &c]);
    assert_eq!(missing, [2]);
    assert_eq!(plan.newest, a.superblock);
    assert_eq!(plan.roles[..3], [in_sync(0), in_sync(1), given_everything(2)]);
}

/// A was the survivor and promoted C; then it was restored from before that.
#[test]
fn a_stale_member_does_not_start_because_the_survivor_is_a_snapshot() {
    let [a, b, c] = mirror();
    let a_before = a.clone();
    let (a, c) = (a.excludes(1, 1), c.excludes(1, 1));
    let b = saw(b, 0, SEQ + 1);
    assert_eq!(held(&[&a_before, &b]).0, [0, 2]);
    let b = b.excludes(2, 2);
    assert_eq!(held(&[&a_before, &b]).0, [0]);
    assert_eq!(started(&[&a, &c]).roles[..2], [in_sync(0), Role::Absent]);
}

#[test]
fn a_snapshot_of_an_excluded_member_is_given_everything() {
    let [a, b] = mirror();
    let a = saw(a, 1, SEQ + 1).excludes(1, 1);
    assert_eq!(started(&[&a, &b]).roles[1], given_everything(1));
    assert_eq!(started(&[&a, &b.with(|_| ())]).roles[1], given(1, []));
}

/// It was complete at its promotion, but it is no longer the disk it was.
#[test]
fn a_snapshot_from_before_a_promotion_does_not_complete_it() {
    let [a, b] = mirror();
    let (a, b) = (a.excludes(1, 1), b.excludes(1, 1).lists(1, MemberState::Rebuilding));
    let a = saw(a.lists(1, MemberState::Rebuilding).promotes(1, 2), 1, b.superblock.seq + 1);
    assert_eq!(held(&[&a, &b]).1.roles[1], given_everything(1));
}

/// It may lack what the others have, and they lack what it wrote.
#[test]
fn a_snapshot_that_went_on_by_itself_is_a_side() {
    let [a, b] = mirror();
    let a = saw(a, 1, SEQ + 50);
    let b = b.excludes(0, 1).marks(2, Marks::missed(MemberId::new(0)));
    let refusal = refused(&[&a, &b]);
    assert!(matches!(refusal, Refusal::SplitBrain { .. }), "{refusal:?}");
    // The person may want it so; then no map shows where the others differ.
    let Verdict::Start(plan) = decide(&[&a, &b], Some(1)) else { panic!("a choice") };
    assert_eq!(plan.roles[..2], [given_everything(0), in_sync(1)]);
    let Verdict::Hold { plan, .. } = decide(&[&a, &b], Some(0)) else { panic!("a hold") };
    assert_eq!(plan.roles[..2], [in_sync(0), given_everything(1)]);
}

#[test]
fn a_snapshot_that_went_on_without_a_write_is_old() {
    let [a, b] = mirror();
    let (a, b) = (saw(a, 1, SEQ + 50), b.excludes(0, 1));
    assert_eq!(held(&[&a, &b]).1.roles[..2], [in_sync(0), given_everything(1)]);
}

#[test]
fn members_that_each_saw_more_of_the_other_are_not_believed() {
    let [a, b] = mirror();
    let (a, b) = (saw(a, 1, SEQ + 50), saw(b, 0, SEQ + 50));
    assert_eq!(refused(&[&a, &b]), Refusal::NoneInSync);
}

/// What was seen of another disk in the same place says nothing.
#[test]
fn what_was_seen_of_a_predecessor_does_not_count() {
    let [a, b] = mirror();
    let a = saw(a, 1, SEQ + 50).excludes(1, 1);
    let other = another_disk(b);
    assert!(matches!(started(&[&a, &other]).roles[1], Role::KeptOut { .. }));
}

/// It is evidence of nothing; and were it heard, there would be nobody to rebuild it.
#[test]
fn what_a_half_rebuilt_member_saw_of_others_does_not_count() {
    let [a, b] = mirror();
    let rebuilding = |member: Member| member.excludes(1, 1).lists(1, MemberState::Rebuilding);
    let (a, b) = (rebuilding(a), saw(rebuilding(b), 0, SEQ + 50));
    assert_eq!(started(&[&a, &b]).roles[..2], [in_sync(0), given(1, [])]);
}
