//! Commits of superblocks: who is written when, and who waits for that.

use core::time::Duration;

use bio::ErrorKind::{Gone, Media};

use super::rig::Does::{Data, Fails, Flush, Page, Quiet, Super};
use super::rig::Rig;
use crate::core::event::{Alarm, Event, Message};
use crate::core::parts::leg::Failure;
use crate::format::MemberState;

/// R4.
#[test]
fn an_exclusion_is_written_to_every_leg_in_sync_and_flushed() {
    let mut mirror = Rig::recorded(3);
    mirror.says(Message::Fail(2)).unwrap();
    assert_eq!(mirror.does(), [Super(0), Super(1)]);
    assert_eq!(mirror.ok(Super(1)), [Flush(1)]);
    assert_eq!(mirror.says_of(1, 2), MemberState::InSync, "it is in the cache alone");
    mirror.ok(Flush(1));
    assert_eq!(mirror.says_of(1, 2), MemberState::FailedByHand);
    assert!(mirror.core.pending(), "leg 0 does not say so");
}

#[test]
fn what_is_durable_on_all_is_written_to_the_other_slot() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.ok(Super(0));
    assert_eq!(mirror.ok(Flush(0)), [Super(0)]);
    assert!(!mirror.core.pending(), "nobody waits for the second copy");
    assert_eq!(mirror.ok(Super(0)), [Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), []);
}

/// R15.
#[test]
fn a_leg_being_rebuilt_is_written_when_all_legs_in_sync_hold_it() {
    let mut mirror = Rig::rebuilding(3);
    mirror.says(Message::Fail(2)).unwrap();
    assert_eq!(mirror.does(), [Super(0)]);
    let did = mirror.settles();
    assert_eq!(did[..4], [Flush(0), Super(0), Flush(0), Super(1)]);
}

#[test]
fn a_leg_that_cannot_write_its_superblock_is_out_and_the_rest_commit_again() {
    let mut mirror = Rig::recorded(3);
    mirror.says(Message::Fail(2)).unwrap();
    assert_eq!(mirror.fails(Super(1), Gone), []);
    mirror.ok(Super(0));
    assert_eq!(mirror.ok(Flush(0)), [Super(0)], "the second copy");
    assert_eq!(mirror.why_out(1), Some(Failure::Metadata(Gone)));
    mirror.ok(Super(0));
    assert_eq!(mirror.ok(Flush(0)), [Super(0)], "that leg 1 is out");
}

/// R9.
#[test]
fn if_the_last_leg_cannot_write_its_superblock_what_waits_for_it_fails() {
    let mut mirror = Rig::written(2);
    mirror.write(0, 1);
    mirror.fails(Data(1), Gone);
    mirror.ok(Data(0));
    assert_eq!(mirror.fails(Super(0), Media), [Fails(2, Media)]);
    assert!(mirror.is_in_sync(0));
    assert_eq!(mirror.is_set(Alarm::Retry), Some(Duration::from_secs(1)));
}

#[test]
fn who_waits_for_a_superblock_that_failed_is_itself_a_try() {
    let mut mirror = Rig::written(2);
    mirror.says(Message::Fail(1)).unwrap();
    assert_eq!(mirror.fails(Super(0), Media), [], "at once, it would only fail again");
    mirror.write(0, 1);
    mirror.all_ok(&[Page(0), Flush(0)]);
    assert_eq!(mirror.ok(Data(0)), [Super(0)]);
}

#[test]
fn a_commit_that_failed_is_followed_by_two() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.fails(Super(0), Media);
    let did = { mirror.goes_off(Alarm::Retry).into_iter() }.chain(mirror.settles());
    assert_eq!(did.filter(|it| *it == Super(0)).count(), 4, "two commits, two copies each");
}

#[test]
fn a_superblock_counts_if_its_leg_kept_its_cache_until_the_flush_behind_it_ended() {
    let mut mirror = Rig::written(2);
    mirror.write(0, 1);
    mirror.fails(Data(1), Gone);
    mirror.ok(Data(0));
    mirror.ok(Super(0));
    mirror.loses_cache(0);
    assert_eq!(mirror.ok(Flush(0)), [Fails(2, Media)]);
    assert!(mirror.core.pending());
}

#[test]
fn a_second_copy_that_fails_takes_its_leg_out() {
    let mut mirror = Rig::recorded(3);
    mirror.says(Message::Fail(2)).unwrap();
    mirror.all_ok(&[Super(0), Super(1), Flush(0), Flush(1), Super(0), Flush(0)]);
    mirror.fails(Super(1), Gone);
    assert_eq!(mirror.why_out(1), Some(Failure::Metadata(Gone)));
}

#[test]
fn a_stop_that_gave_up_is_made_good_by_a_flush() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.fails(Super(0), Media);
    mirror.suspend();
    mirror.fails(Super(0), Media);
    assert_eq!(mirror.fails(Super(0), Media), [Quiet]);
    assert_eq!(mirror.flush(), [Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), [Super(0)], "what it finds out is recorded");
}

#[test]
fn when_nobody_uses_the_mirror_any_more_no_superblock_is_written() {
    let mut mirror = Rig::recorded(2);
    mirror.meets(Event::TornDown);
    assert_eq!(mirror.drops(1, Failure::Reset), []);
}
