//! Members that lost, but whose own superblocks would start the mirror: they are told.

use super::super::commit::Then;
use super::super::region::Moment;
use super::membership::{Set, disks};
use super::{FAILED, legs};
use crate::format::{MemberId, MemberState, Superblock};

/// The superblock of member 2, which says this of itself and of member 0.
fn member_2(own: MemberState, of_0: MemberState) -> Superblock {
    let mut superblock = disks()[2].superblock.clone();
    superblock.entry_mut(MemberId::new(2)).unwrap().state = own;
    superblock.entry_mut(MemberId::new(0)).unwrap().state = of_0;
    superblock
}

/// Members 0 and 1 are in sync; member 2 lost, and its superblock says that 0 is out.
fn with_a_rival() -> Set {
    let mut set = Set::at_rest();
    let found = member_2(MemberState::InSync, MemberState::Out);
    set.superblocks.look_for_rival(2, &found, &[MemberId::new(0), MemberId::new(1)]);
    set
}

#[test]
fn a_rival_calls_itself_in_sync_and_one_of_those_in_sync_out() {
    use MemberState::{InSync, Out};
    for (own, of_0, rival) in [(InSync, Out, true), (InSync, InSync, false), (Out, Out, false)] {
        let mut set = Set::at_rest();
        let in_sync = [MemberId::new(0), MemberId::new(1)];
        set.superblocks.look_for_rival(2, &member_2(own, of_0), &in_sync);
        assert_eq!(set.superblocks.rivals().contains(2), rival, "{own:?}, {of_0:?}");
    }
}

#[test]
fn a_rival_is_told_though_all_legs_in_sync_hold_what_is_wanted() {
    let set = with_a_rival();
    assert!(set.superblocks.wants(legs(&[0, 1])));
}

#[test]
fn a_rival_is_told_that_it_is_out_in_a_new_incarnation() {
    let mut set = with_a_rival();
    let [(2, 0, told)] = &set.superblocks.depose(Moment::default())[..] else {
        panic!("it is written to the slot before")
    };
    let mut expected = member_2(MemberState::Out, MemberState::Out);
    (expected.seq, expected.incarnation) = (told.seq, 2);
    assert_eq!(*told, expected, "all else is what it was");
    assert!(told.seq > disks()[2].superblock.seq);
}

#[test]
fn a_rival_that_was_told_is_none_any_more() {
    let mut set = with_a_rival();
    set.superblocks.depose(Moment::default());
    set.done(2, Ok(()));
    assert!(set.superblocks.rivals().is_empty());
    assert!(set.superblocks.take_untold().is_empty());
}

#[test]
fn nobody_waits_for_a_rival_that_cannot_be_written() {
    let mut set = with_a_rival();
    set.superblocks.depose(Moment::default());
    assert!(matches!(set.done(2, FAILED), Then::Over(_)));
    assert!(set.superblocks.rivals().is_empty());
    assert_eq!(set.superblocks.take_untold(), legs(&[2]), "a person is told so");
}

#[test]
fn what_was_found_on_a_rival_is_made_durable_first() {
    let mut set = Set::found();
    let in_sync = [MemberId::new(0), MemberId::new(1)];
    let found = member_2(MemberState::InSync, MemberState::Out);
    set.superblocks.look_for_rival(2, &found, &in_sync);
    let [(2, 0, written)] = &set.superblocks.depose(Moment::default())[..] else {
        panic!("it is written where it stands")
    };
    assert_eq!(*written, disks()[2].superblock);
}
