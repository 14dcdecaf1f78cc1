//! Commits of a leg's map: what a failure costs, and who waits.

use bio::ErrorKind::{Gone, Media};

use super::rig::Does::{Data, Done, Fails, Flush, Page, Super};
use super::rig::Rig;
use crate::core::event::{Alarm, Message};
use crate::core::parts::leg::Failure;

#[test]
fn a_leg_that_cannot_record_its_intent_is_out_and_gets_no_data() {
    for what in [Page(1), Flush(1)] {
        let mut mirror = Rig::recorded(2);
        mirror.write(0, 1);
        if what == Flush(1) {
            mirror.ok(Page(1));
        }
        assert_eq!(mirror.fails(what, Gone), [Super(0)]);
        assert!(mirror.why_out(1).is_some());
        assert!(!mirror.settles().contains(&Data(1)));
    }
}

#[test]
fn a_leg_that_cannot_record_what_nobody_waits_for_is_out_too() {
    let mut mirror = Rig::written(2);
    mirror.core.legs[1].journal.as_mut().unwrap().change([0]);
    assert_eq!(mirror.follows(), [Page(1)]);
    mirror.fails(Page(1), Gone);
    assert_eq!(mirror.why_out(1), Some(Failure::Metadata(Gone)));
}

#[test]
fn if_the_last_leg_cannot_record_its_intent_the_write_fails_and_later_ones_do_not() {
    let mut mirror = Rig::recorded(1);
    mirror.write(0, 1);
    assert_eq!(mirror.fails(Page(0), Media), [Fails(1, Media)]);
    assert!(mirror.is_in_sync(0) && mirror.is_set(Alarm::Retry).is_some());
    assert_eq!(mirror.write(0, 1), [Page(0)], "who waits for it is itself a try");
    assert_eq!(mirror.settles().last(), Some(&Done(2)));
}

#[test]
fn a_page_counts_if_its_leg_kept_its_cache_until_the_flush_behind_it_ended() {
    let mut mirror = Rig::recorded(1);
    mirror.write(0, 1);
    mirror.ok(Page(0));
    mirror.loses_cache(0);
    assert_eq!(mirror.ok(Flush(0)), [Fails(1, Media)]);
}

#[test]
fn a_write_that_waits_for_a_leg_s_map_ends_there_when_the_leg_goes_out() {
    let mut mirror = Rig::recorded(2);
    assert_eq!(mirror.write(0, 1), [Page(0), Page(1)]);
    mirror.says(Message::Fail(1)).unwrap();
    mirror.all_ok(&[Page(0), Flush(0), Page(0), Flush(0), Data(0), Super(0)]);
    assert_eq!(mirror.ok(Flush(0)), [Super(0), Done(1)], "leg 1 still has its page");
}

#[test]
fn a_leg_that_is_out_gets_no_page() {
    let mut mirror = Rig::written(2);
    mirror.drops(1, Failure::Reset);
    mirror.core.legs[1].journal.as_mut().unwrap().change([0]);
    assert_eq!(mirror.write(8, 1), [Page(0)]);
}

#[test]
fn a_second_copy_that_fails_takes_its_leg_out_and_fails_no_request() {
    let mut mirror = Rig::written(2);
    assert_eq!(mirror.goes_off(Alarm::Clean), [Page(0), Page(1)], "the second copies");
    mirror.write(0, 1);
    assert_eq!(mirror.fails(Page(1), Gone), [Super(0)]);
    assert_eq!(mirror.why_out(1), Some(Failure::Metadata(Gone)));
    assert!(mirror.settles().contains(&Done(2)));
}

#[test]
fn who_waits_behind_a_second_copy_that_failed_on_the_last_leg_goes_on_waiting() {
    let mut mirror = Rig::written(1);
    mirror.goes_off(Alarm::Clean);
    assert_eq!(mirror.write(8, 1), [], "its intent follows the second copy");
    assert_eq!(mirror.fails(Page(0), Media), [Page(0)]);
    assert_eq!(mirror.settles().last(), Some(&Done(2)));
}

#[test]
fn a_second_copy_is_not_flushed() {
    let mut mirror = Rig::written(1);
    assert_eq!(mirror.goes_off(Alarm::Clean), [Page(0)]);
    assert_eq!(mirror.ok(Page(0)), []);
}
