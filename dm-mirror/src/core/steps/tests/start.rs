//! The start of a session: whom it goes by, and what it waits for.

use bio::ErrorKind::{Gone, Media};
use bio::Sectors;
use uuid::Uuid;

use super::rig::Does::{Done, Fails, Flush, Quiet, Super};
use super::rig::Rig;
use crate::core::Life;
use crate::core::event::{Alarm, Message};
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::not_started::{NotStarted, Offer, Question};
use crate::format::{MemberId, MemberState, Region};

/// What a person is asked.
fn asks(mirror: &Rig) -> Option<Question> {
    mirror.core.not_started().and_then(NotStarted::question)
}

/// With records; leg 1 failed a write, which superblocks say.
fn with_leg_1_out() -> Rig {
    let mut mirror = Rig::written(2);
    mirror.drops(1, Failure::Write(Gone));
    mirror.write(0, 1);
    mirror.settles();
    mirror
}

#[test]
fn nothing_is_answered_before_every_leg_in_sync_has_the_session_s_superblocks() {
    let mut mirror = Rig::labelled(2, true);
    mirror.write(0, 1);
    mirror.resume();
    while !mirror.core.runs() {
        assert!(!mirror.goes_on().contains(&Done(1)));
    }
    let session = |leg: usize| mirror.disks[leg].superblock.session;
    assert_eq!([session(0), session(1)], [1, 1]);
}

#[test]
fn a_session_begins_with_two_commits() {
    let mut mirror = Rig::labelled(1, true);
    mirror.resume();
    let before = mirror.disks[0].superblock.seq;
    while !mirror.core.runs() {
        mirror.goes_on();
    }
    assert_eq!(mirror.disks[0].superblock.seq, before + 2);
}

/// R6 and R7.
#[test]
fn a_region_that_the_map_of_any_leg_in_sync_calls_dirty_is_unsettled() {
    let mut mirror = Rig::labelled(2, true);
    mirror.disks[1].is_to_be_dirty(Region(3));
    let mut mirror = mirror.started();
    assert!(mirror.regions().is_unsettled(Region(3)));
    assert_eq!(mirror.regions().unsettled_count(), 1);
}

#[test]
fn where_a_page_is_bad_every_region_is_unsettled() {
    let mut mirror = Rig::labelled(2, true);
    mirror.disks[1].page_is_bad = true;
    assert_eq!(mirror.started().regions().unsettled_count(), 8);
}

/// R8.
#[test]
fn a_member_in_sync_that_is_missing_holds_the_start() {
    let mirror = Rig::held();
    assert_eq!(asks(&mirror), Some(Question::Degraded));
    assert!(matches!(mirror.core.life, Life::Held(_)));
}

#[test]
fn a_member_that_is_out_by_the_newest_record_is_not_waited_for() {
    let mut mirror = with_leg_1_out().crashes();
    mirror.resume();
    mirror.finds_only(&[0]);
    mirror.settles();
    assert!(mirror.core.runs());
}

#[test]
fn a_start_without_a_member_is_a_generation_that_is_durable_before_the_first_answer() {
    let mut mirror = Rig::held();
    let before = mirror.disks[0].superblock.generation;
    mirror.says(Message::StartDegraded).unwrap();
    mirror.finds_only(&[0]);
    assert!(!mirror.core.runs());
    mirror.settles();
    let superblock = &mirror.disks[0].superblock;
    assert_eq!((mirror.core.runs(), superblock.history[0]), (true, before));
    assert_eq!(mirror.says_of(0, 1), MemberState::Out);
}

#[test]
fn a_start_for_which_one_more_is_missing_is_held_anew() {
    let mut mirror = Rig::labelled(3, true);
    mirror.resume();
    mirror.finds_only(&[0, 1]);
    mirror.says(Message::StartDegraded).unwrap();
    mirror.finds_only(&[0]);
    assert_eq!(asks(&mirror), Some(Question::Degraded));
}

#[test]
fn a_word_that_a_start_did_not_need_is_void() {
    let mut mirror = Rig::held();
    mirror.says(Message::StartDegraded).unwrap();
    mirror.finds_only(&[0, 1]);
    assert!(matches!(mirror.core.life, Life::Opening(_)));
    assert_eq!(mirror.core.consent.degraded, None);
}

#[test]
fn a_word_that_a_start_needed_in_part_is_good_for_that_part() {
    let mut mirror = Rig::labelled(3, true);
    mirror.resume();
    mirror.finds_only(&[0]);
    mirror.says(Message::StartDegraded).unwrap();
    mirror.finds_only(&[0, 1]);
    let part = Offer::of(&mirror.disks[0].superblock, [MemberId::new(2)].into());
    assert_eq!(mirror.core.consent.degraded, Some(part));
}

#[test]
fn a_person_is_told_what_a_start_that_failed_may_have_left_on_a_missing_member() {
    let mut mirror = Rig::held();
    mirror.says(Message::StartDegraded).unwrap();
    mirror.finds_only(&[0]);
    mirror.fails(Super(0), Media);
    mirror.goes_off(Alarm::Retry);
    mirror.finds_only(&[1]);
    let why = &mirror.core.not_started().expect("member 0 is missing").why;
    assert!(why.contains("member 0 may hold that member 1 is out"), "{why}");
}

#[test]
fn a_start_that_can_write_no_superblock_is_held_and_tried_again() {
    let mut mirror = Rig::labelled(1, true);
    mirror.flush();
    mirror.resume();
    mirror.finds_only(&[0]);
    assert_eq!(mirror.fails(Super(0), Media), [Fails(1, Gone)]);
    assert!(matches!(mirror.core.life, Life::Held(_)) && asks(&mirror).is_none());
    assert!(mirror.core.regions.is_none() && mirror.core.membership.is_none());
    assert_eq!(mirror.goes_off(Alarm::Retry), [Flush(0)], "it is searched anew");
    mirror.settles();
    assert!(mirror.core.runs());
}

#[test]
fn a_leg_that_was_out_returns_and_gets_nothing_yet() {
    let mut mirror = with_leg_1_out().crashes();
    mirror.resume();
    assert_eq!(mirror.finds_only(&[0, 1]), [Super(0)]);
    assert_eq!(mirror.state(1), LegState::Returning);
    assert!(mirror.missed(1, 0));
}

#[test]
fn a_leg_that_was_being_rebuilt_returns_too() {
    let mut mirror = Rig::rebuilding(2).crashes();
    mirror.resume();
    mirror.finds_only(&[0, 1]);
    assert_eq!(mirror.state(1), LegState::Returning);
}

#[test]
fn a_leg_that_is_given_everything_begins_a_new_incarnation_of_its_map() {
    let mut mirror = with_leg_1_out().crashes();
    let superblock = &mut mirror.disks[1].superblock;
    superblock.generation = Uuid::from_u128(5);
    superblock.entry_mut(MemberId::new(1)).unwrap().state = MemberState::Out;
    let mut mirror = mirror.started();
    assert_eq!(mirror.regions().missing(1), 8);
    assert_eq!(mirror.disks[1].superblock.incarnation, 2);
}

/// It started alone, but wrote nothing: by its own record it would start alone again.
#[test]
fn a_member_that_lost_is_told_before_the_session_begins() {
    for state in [MemberState::Out, MemberState::FailedByHand] {
        let mut mirror = Rig::labelled(2, true);
        mirror.disks[0].is_to_be_dirty(Region(0));
        for (leg, other) in [(0, MemberState::Out), (1, state)] {
            let superblock = &mut mirror.disks[1 - leg].superblock;
            superblock.history.push(superblock.generation);
            superblock.generation = Uuid::from_u128(5 + leg as u128);
            superblock.entry_mut(MemberId::new(leg)).unwrap().state = other;
        }
        mirror.resume();
        while !mirror.core.runs() {
            mirror.goes_on();
        }
        assert_eq!(mirror.says_of(1, 1), MemberState::Out);
    }
}

#[test]
fn a_leg_that_a_person_took_out_stays_out_over_a_start() {
    let mut mirror = Rig::one_out(2).crashes().started();
    mirror.rests();
    assert!(matches!(mirror.why_out(1), Some(Failure::KeptOut(_))));
}

/// Nobody was told that it is in.
#[test]
fn a_leg_that_a_person_took_out_in_a_session_that_could_not_say_so_stays_out() {
    let mut mirror = Rig::labelled(2, true);
    mirror.core.by_hand.insert(mirror.member(1), 1);
    let mut mirror = mirror.started();
    mirror.rests();
    assert_eq!(mirror.why_out(1), Some(Failure::ByHand));
    assert_eq!(mirror.says_of(0, 1), MemberState::FailedByHand);
}

#[test]
fn a_member_that_a_person_took_out_stays_out_though_it_lies_on_no_known_leg() {
    let mut mirror = Rig::labelled(3, true);
    mirror.core.by_hand.insert(mirror.member(1), 1);
    mirror.resume();
    mirror.finds_only(&[0]);
    mirror.says(Message::StartDegraded).unwrap();
    mirror.finds_only(&[0]);
    mirror.settles();
    assert_eq!(mirror.says_of(0, 1), MemberState::FailedByHand);
    assert_eq!(mirror.says_of(0, 2), MemberState::Out);
}

#[test]
fn a_start_goes_by_no_leg_that_a_person_took_out() {
    let mut mirror = Rig::labelled(1, true);
    mirror.core.by_hand.insert(mirror.member(0), 0);
    mirror.resume();
    mirror.finds_only(&[0]);
    assert!(matches!(mirror.core.life, Life::Held(_)));
    assert!(mirror.is_set(Alarm::Retry).is_some());
}

#[test]
fn a_suspension_ends_a_search_unused() {
    let mut mirror = Rig::labelled(2, true);
    mirror.resume();
    mirror.suspend();
    assert_eq!(mirror.settles().last(), Some(&Quiet));
    assert!(matches!(mirror.core.life, Life::New(_)) && mirror.core.regions.is_none());
}

#[test]
fn a_table_of_another_length_is_refused() {
    let mut mirror = Rig::labelled(2, true);
    mirror.core.setup.length = Sectors(32);
    mirror.resume();
    mirror.finds_only(&[0, 1]);
    assert!(matches!(mirror.core.life, Life::Refused(_)));
}

#[test]
fn a_table_that_names_fewer_legs_than_there_are_members_is_refused() {
    let mut mirror = Rig::labelled(2, true);
    mirror.disks = Rig::labelled(3, true).disks;
    mirror.disks.pop();
    for disk in &mut mirror.disks {
        disk.superblock.entry_mut(MemberId::new(2)).unwrap().state = MemberState::Out;
    }
    mirror.resume();
    mirror.finds_only(&[0, 1]);
    assert!(matches!(mirror.core.life, Life::Refused(_)));
}

#[test]
fn a_running_mirror_that_is_resumed_does_not_search() {
    let mut mirror = Rig::recorded(2);
    assert_eq!(mirror.resume(), [Super(0), Super(1)], "it is no longer recorded as stopped");
}
