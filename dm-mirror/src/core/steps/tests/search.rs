//! What legs hold is read: behind a flush, and all of them before a start is decided.

use bio::ErrorKind::Media;

use super::rig::Does::{Flush, Search, Super};
use super::rig::Rig;
use crate::core::event::Event;
use crate::core::tests::model::facts;

#[test]
fn a_leg_is_flushed_before_it_is_read() {
    let mut mirror = Rig::labelled(2, true);
    assert_eq!(mirror.resume(), [Flush(0), Flush(1)]);
    assert_eq!(mirror.ok(Flush(1)), [Search(1)]);
}

#[test]
fn a_leg_that_cannot_be_flushed_counts_as_absent() {
    let mut mirror = Rig::labelled(2, true);
    mirror.resume();
    assert_eq!(mirror.fails(Flush(1), Media), [Search(1)]);
    mirror.settles();
    assert!(mirror.core.not_started().is_some_and(|it| it.legs[1].starts_with("not there")));
}

#[test]
fn a_start_is_decided_when_all_legs_were_read() {
    let mut mirror = Rig::labelled(2, true);
    mirror.resume();
    mirror.all_ok(&[Flush(0), Flush(1)]);
    assert_eq!(mirror.ok(Search(1)), []);
    assert_eq!(mirror.ok(Search(0)), [Super(0), Super(1)]);
}

#[test]
fn nobody_waits_for_a_leg_of_which_the_table_names_no_device() {
    let mut mirror = Rig::labelled(2, true);
    let mut facts = facts(&mirror.disks);
    facts[1].there = false;
    assert_eq!(mirror.meets(Event::Resume(facts)), [Flush(0)]);
}
