//! Which leg is read, and what follows from an error.

use core::time::Duration;

use bio::ErrorKind::{Gone, Media, Timeout};

use super::rig::Does::{ByBlock, Data, Done, Fails, Read, Take};
use super::rig::Rig;
use crate::core::event::{Alarm, Message};
use crate::core::parts::errors::Threshold;
use crate::core::parts::leg::Failure;
use crate::core::parts::policy::ReadPolicy;

#[test]
fn a_read_goes_to_one_leg_and_then_to_the_next() {
    let mut mirror = Rig::plain(2);
    assert_eq!(mirror.read(0, 1), [Read(0)]);
    assert_eq!(mirror.fails(Read(0), Media), [Read(1)]);
    assert_eq!(mirror.ok(Read(1)), [Done(1)]);
}

#[test]
fn if_all_legs_fail_the_last_error_goes_up() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 1);
    mirror.fails(Read(0), Media);
    assert_eq!(mirror.fails(Read(1), Timeout), [Fails(1, Timeout)]);
}

#[test]
fn one_bad_sector_does_not_take_a_leg_out() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 1);
    mirror.fails(Read(0), Media);
    assert!(mirror.is_in_sync(0));
}

#[test]
fn a_leg_that_is_gone_or_does_not_answer_is_out_at_once() {
    for kind in [Gone, Timeout] {
        let mut mirror = Rig::plain(2);
        mirror.read(0, 1);
        mirror.fails(Read(0), kind);
        assert_eq!(mirror.why_out(0), Some(Failure::Read(kind)));
    }
}

#[test]
fn a_leg_with_too_many_errors_of_its_medium_is_out() {
    let mut mirror = Rig::plain(2);
    mirror.core.setup.error_threshold = Threshold { errors: 1, halving: Duration::from_secs(1) };
    mirror.core.read_policy = ReadPolicy::Prefer(0);
    mirror.read(0, 1);
    mirror.fails(Read(0), Media);
    mirror.read(1, 1);
    mirror.fails(Read(0), Media);
    assert_eq!(mirror.why_out(0), Some(Failure::TooManyErrors));
}

#[test]
fn a_write_mostly_leg_is_read_if_no_other_can_answer() {
    let mut mirror = Rig::plain(2);
    mirror.says(Message::WriteMostly { leg: 0, on: true }).unwrap();
    assert_eq!(mirror.read(0, 1), [Read(1)]);
    assert_eq!(mirror.fails(Read(1), Media), [Read(0)]);
}

#[test]
fn a_leg_that_is_being_rebuilt_is_not_read() {
    let mut mirror = Rig::copying(2);
    mirror.read(0, 1);
    assert_eq!(mirror.fails(Read(0), Media), [Fails(1, Media)]);
}

#[test]
fn a_leg_that_is_out_is_not_read() {
    let mut mirror = Rig::plain(2);
    mirror.drops(0, Failure::Reset);
    assert_eq!([mirror.read(0, 1), mirror.read(0, 1)], [[Read(1)], [Read(1)]]);
}

#[test]
fn a_leg_that_went_out_while_it_read_is_not_believed() {
    let mut mirror = Rig::written(2);
    mirror.read(0, 1);
    mirror.says(Message::Fail(0)).unwrap();
    assert_eq!(mirror.ok(Read(0)), [Read(1)]);
}

#[test]
fn a_read_that_several_legs_failed_is_taken_apart() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 3);
    mirror.fails(Read(0), Media);
    assert_eq!(mirror.fails(Read(1), Media), [ByBlock(1)]);
    assert_eq!(mirror.is_taken_apart(1), [Read(0), Read(1), Read(0)]);
}

#[test]
fn a_single_block_is_not_taken_apart_nor_a_read_that_one_leg_failed() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 1);
    mirror.fails(Read(0), Media);
    assert_eq!(mirror.fails(Read(1), Media), [Fails(1, Media)]);
    let mut mirror = Rig::plain(1);
    mirror.read(0, 3);
    assert_eq!(mirror.fails(Read(0), Media), [Fails(1, Media)]);
}

#[test]
fn a_read_whose_memory_a_device_keeps_is_not_taken_apart() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 3);
    mirror.fails(Read(0), Media);
    assert_eq!(mirror.keeps(Read(1), Media), [Fails(1, Media)]);
}

/// R7.
#[test]
fn an_unsettled_region_answers_no_read() {
    let mut mirror = Rig::unsettled(2);
    assert_eq!(mirror.read(0, 1), []);
    assert!(mirror.rests().contains(&Done(1)));
    assert_eq!(mirror.regions().unsettled_count(), 0);
}

/// R13.
#[test]
fn what_a_leg_could_not_read_is_to_be_rewritten_once_the_user_has_the_answer() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 1);
    mirror.fails(Read(0), Media);
    assert_eq!(mirror.is_set(Alarm::Scrub), None);
    assert_eq!(mirror.ok(Read(1)), [Done(1)]);
    assert!(mirror.is_set(Alarm::Scrub).is_some());
}

#[test]
fn all_of_a_region_is_copied_from_the_leg_that_the_copy_began_with() {
    let mut mirror = Rig::unsettled(3);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)]);
    assert_eq!(mirror.fails(Read(0), Media), [Read(1)]);
    assert_eq!(mirror.fails(Read(1), Media), [Read(2)]);
    mirror.fails(Read(2), Media);
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)], "a block");
    assert_eq!(mirror.ok(Read(0)), [Take(0), Data(1), Data(2)]);
    mirror.settles();
    assert_eq!(mirror.goes_off(Alarm::Resync), [Read(0)], "the next");
}
