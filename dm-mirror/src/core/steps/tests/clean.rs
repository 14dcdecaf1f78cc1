//! The cleaner: when it looks, what it flushes, and what keeps it from cleaning.

use core::time::Duration;

use super::rig::Does::{Data, Flush, Page};
use super::rig::Rig;
use crate::core::event::{Alarm, Message};
use crate::core::parts::leg::Failure;

/// Region 0 was written. The cleaner has looked once, and pages stand twice.
fn looked_at_once(legs: usize) -> Rig {
    let mut mirror = Rig::written(legs);
    mirror.goes_off(Alarm::Clean);
    mirror.settles();
    mirror
}

#[test]
fn the_cleaner_looks_half_a_second_after_a_region_became_dirty() {
    let mirror = Rig::written(1);
    assert_eq!(mirror.is_set(Alarm::Clean), Some(Duration::from_millis(500)));
    assert_eq!(Rig::recorded(1).is_set(Alarm::Clean), None, "else it sleeps");
}

/// R5.
#[test]
fn a_quiet_region_becomes_clean_behind_a_flush_of_all_legs() {
    let mut mirror = looked_at_once(2);
    assert_eq!(mirror.goes_off(Alarm::Clean), [Flush(0), Flush(1)]);
    mirror.ok(Flush(0));
    assert_eq!(mirror.ok(Flush(1)), [Page(0), Page(1)]);
    mirror.settles();
    assert!(!mirror.dirty_on(0, 0) && !mirror.dirty_on(1, 0));
}

#[test]
fn a_region_that_is_written_while_it_is_flushed_stays_dirty() {
    let mut mirror = looked_at_once(1);
    mirror.goes_off(Alarm::Clean);
    mirror.write(0, 1);
    mirror.ok(Data(0));
    assert_eq!(mirror.ok(Flush(0)), [], "the flush was issued before the write ended");
}

#[test]
fn a_user_s_flush_spares_the_cleaner_its_own() {
    let mut mirror = looked_at_once(2);
    mirror.flush();
    mirror.settles();
    assert_eq!(mirror.goes_off(Alarm::Clean), [Page(0), Page(1)]);
}

#[test]
fn a_flush_covers_what_had_ended_when_it_was_asked_for() {
    let mut mirror = looked_at_once(1);
    mirror.flush();
    mirror.write(0, 1);
    mirror.all_ok(&[Data(0), Flush(0)]);
    mirror.goes_off(Alarm::Clean);
    assert_eq!(mirror.goes_off(Alarm::Clean), [Flush(0)]);
}

#[test]
fn a_region_becomes_clean_beside_a_user_who_never_rests() {
    let mut mirror = looked_at_once(1);
    mirror.read(8, 1);
    assert_eq!(mirror.goes_off(Alarm::Clean), [Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), [Page(0)]);
}

#[test]
fn nothing_becomes_clean_while_an_exclusion_is_not_durable() {
    let mut mirror = looked_at_once(2);
    mirror.flush();
    mirror.settles();
    mirror.says(Message::Fail(1)).unwrap();
    assert_eq!(mirror.goes_off(Alarm::Clean), []);
    mirror.settles();
    assert_eq!(mirror.goes_off(Alarm::Clean), [Page(0)]);
}

#[test]
fn a_flush_of_the_cleaner_that_an_exclusion_overtook_makes_nothing_clean() {
    let mut mirror = looked_at_once(2);
    mirror.goes_off(Alarm::Clean);
    mirror.drops(1, Failure::Reset);
    mirror.ok(Flush(0));
    assert!(!mirror.ok(Flush(1)).contains(&Page(0)));
}

#[test]
fn the_cleaner_looks_again_while_a_page_stands_alone() {
    let mut mirror = looked_at_once(1);
    mirror.flush();
    mirror.settles();
    mirror.goes_off(Alarm::Clean);
    mirror.settles();
    assert_eq!(mirror.goes_off(Alarm::Clean), [Page(0)], "the second copy of the clean page");
    mirror.settles();
    assert_eq!(mirror.is_set(Alarm::Clean), None);
}

#[test]
fn while_it_is_suspended_the_cleaner_leaves_all_to_the_stop() {
    let mut mirror = looked_at_once(1);
    mirror.core.suspension.suspended = true;
    assert_eq!(mirror.goes_off(Alarm::Clean), []);
    assert_eq!(mirror.is_set(Alarm::Clean), None);
}
