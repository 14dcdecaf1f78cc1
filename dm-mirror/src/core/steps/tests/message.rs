//! What a person sets while the mirror runs.

use super::rig::Does::Read;
use super::rig::Rig;
use crate::core::event::Message;
use crate::core::parts::pace::Rate;
use crate::core::parts::policy::ReadPolicy;

#[test]
fn reads_go_by_the_policy_that_was_said_last() {
    let mut mirror = Rig::plain(2);
    mirror.says(Message::ReadPolicy(ReadPolicy::Prefer(1))).unwrap();
    assert_eq!([mirror.read(0, 1), mirror.read(0, 1)], [[Read(1)], [Read(1)]]);
}

#[test]
fn a_leg_that_was_write_mostly_is_read_again_if_a_person_says_so() {
    let mut mirror = Rig::plain(2);
    mirror.says(Message::WriteMostly { leg: 0, on: true }).unwrap();
    mirror.says(Message::WriteMostly { leg: 0, on: false }).unwrap();
    assert_eq!(mirror.read(0, 1), [Read(0)]);
}

#[test]
fn background_work_goes_by_the_rate_that_was_said_last() {
    let mut mirror = Rig::plain(2);
    let rate = Rate::parse("1,2").unwrap();
    mirror.says(Message::SyncRate(rate)).unwrap();
    assert_eq!(mirror.core.pace.rate, rate);
}
