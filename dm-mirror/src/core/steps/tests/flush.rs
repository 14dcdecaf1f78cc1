//! Flushes of legs, and the mirror's own.

use alloc::vec;

use bio::ErrorKind::Media;

use super::rig::Does::{Done, Fails, Flush, Page};
use super::rig::Rig;
use crate::core::event::Alarm;

#[test]
fn a_leg_has_one_flush_at_a_time_and_all_who_wait_share_the_next() {
    let mut mirror = Rig::plain(1);
    assert_eq!(mirror.flush(), [Flush(0)]);
    assert_eq!((mirror.flush(), mirror.flush()), (vec![], vec![]));
    assert_eq!(mirror.ok(Flush(0)), [Done(1), Flush(0)]);
    assert_eq!(mirror.ok(Flush(0)), [Done(2), Done(3)]);
}

#[test]
fn all_who_share_a_flush_hear_that_it_failed() {
    let mut mirror = Rig::plain(1);
    (0..3).for_each(|_| _ = mirror.flush());
    mirror.ok(Flush(0));
    assert_eq!(mirror.fails(Flush(0), Media), [Fails(2, Media), Fails(3, Media)]);
}

#[test]
fn a_flush_of_the_mirror_s_own_is_over_when_its_last_leg_has_reported() {
    let mut mirror = Rig::written(2);
    mirror.goes_off(Alarm::Clean);
    mirror.settles();
    assert_eq!(mirror.goes_off(Alarm::Clean), [Flush(0), Flush(1)]);
    assert_eq!(mirror.ok(Flush(1)), []);
    assert_eq!(mirror.ok(Flush(0)), [Page(0), Page(1)]);
}
