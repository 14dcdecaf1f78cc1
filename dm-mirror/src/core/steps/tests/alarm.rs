//! What failed on the last leg is tried again by one alarm.

use core::time::Duration;

use bio::ErrorKind::{Gone, Media};

use super::rig::Does::{Flush, Page, Search, Super};
use super::rig::Rig;
use crate::core::event::{Alarm, Message};

#[test]
fn one_alarm_tries_everything_again() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.fails(Super(0), Media);
    mirror.core.try_again_later();
    mirror.core.resync.stuck = true;
    assert_eq!(mirror.goes_off(Alarm::Retry), [Super(0)]);
    assert!(!mirror.core.resync.stuck && mirror.is_set(Alarm::Retry).is_none());
}

#[test]
fn a_page_that_the_last_leg_could_not_write_is_tried_again() {
    let mut mirror = Rig::written(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.settles();
    mirror.says(Message::Add { leg: 1, force: false }).unwrap();
    mirror.all_ok(&[Flush(1), Search(1)]);
    assert_eq!(mirror.fails(Page(0), Media), [], "at once, it would only fail again");
    assert_eq!(mirror.goes_off(Alarm::Retry), [Page(0)]);
}

#[test]
fn each_try_in_vain_doubles_the_pause_and_a_success_ends_that() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    for seconds in [1, 2, 4] {
        mirror.fails(Super(0), Gone);
        assert_eq!(mirror.is_set(Alarm::Retry), Some(Duration::from_secs(seconds)));
        assert_eq!(mirror.goes_off(Alarm::Retry), [Super(0)]);
    }
    mirror.ok(Super(0));
    mirror.ok(Flush(0));
    mirror.write(0, 1);
    mirror.fails(Page(0), Media);
    assert_eq!(mirror.is_set(Alarm::Retry), Some(Duration::from_secs(1)));
}

#[test]
fn while_it_is_suspended_nothing_is_tried() {
    let mut mirror = Rig::recorded(2);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.fails(Super(0), Media);
    mirror.core.suspension.suspended = true;
    assert_eq!(mirror.goes_off(Alarm::Retry), []);
    assert_eq!(mirror.resume(), [Super(0)], "whoever resumes it does");
}
