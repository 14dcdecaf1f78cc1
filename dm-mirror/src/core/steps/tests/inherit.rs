//! What goes over from the mirror of one table to that of the next.

use super::rig::{Rig, set};
use crate::core::event::Message;
use crate::core::parts::errors::Errors;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::loss::Loss;
use crate::core::parts::news::News;
use crate::core::parts::replacement::Replacement;

/// Each leg has the same number in both tables.
const SAME: [Option<usize>; 4] = [Some(0), Some(1), Some(2), Some(3)];

/// The legs of the second table in another order.
const EXCHANGED: [Option<usize>; 4] = [Some(1), Some(0), None, None];

/// A new mirror takes over from one that has stopped.
fn takes_over(mut new: Rig, old: &mut Rig, renumbered: [Option<usize>; 4]) -> Rig {
    let estate = old.core.leave();
    new.core.take_over(&estate, renumbered);
    new.takes_actions();
    new
}

#[test]
fn a_loss_that_nobody_was_told_of_goes_over_once() {
    let mut old = Rig::recorded(2);
    old.core.loss = Loss::untold();
    let new = takes_over(Rig::labelled(2, true), &mut old, SAME);
    assert!(new.core.loss.is_untold());
    assert!(!old.core.loss.is_untold(), "whoever takes it over tells it");
}

#[test]
fn what_is_known_of_a_leg_goes_over_to_its_new_number() {
    let mut old = Rig::recorded(2);
    old.core.legs[0].errors.add(old.now, Default::default());
    old.core.legs[0].counts.repaired = 7;
    old.core.legs[0].stays_out = Some("so".into());
    let new = takes_over(Rig::labelled(2, true), &mut old, EXCHANGED);
    let (zero, one) = (&new.core.legs[0], &new.core.legs[1]);
    assert_eq!((zero.errors, zero.counts.repaired), (Errors::default(), 0));
    assert_eq!((one.errors, one.counts.repaired), (old.core.legs[0].errors, 7));
    assert_eq!(one.stays_out.as_deref(), Some("so"));
}

#[test]
fn that_a_person_took_a_leg_out_goes_over_while_no_superblock_says_so() {
    let mut old = Rig::recorded(2);
    old.core.by_hand.insert(old.member(1), 1);
    let new = takes_over(Rig::labelled(2, true), &mut old, EXCHANGED);
    assert_eq!(new.core.by_hand.members(), [old.member(1)]);
    assert!(new.core.by_hand.is_about(0) && !new.core.by_hand.is_about(1));
}

#[test]
fn that_a_person_took_a_leg_out_goes_over_though_the_new_table_leaves_it_out() {
    let mut old = Rig::recorded(2);
    old.core.by_hand.insert(old.member(1), 1);
    let new = takes_over(Rig::labelled(2, true), &mut old, [Some(0), None, None, None]);
    assert_eq!(new.core.by_hand.members(), [old.member(1)]);
    assert!(!new.core.by_hand.is_about(1), "another leg has its number");
}

#[test]
fn a_leg_that_a_person_wanted_back_is_looked_at_by_the_new_mirror() {
    let mut old = Rig::one_out(2);
    old.says(Message::Add { leg: 1, force: false }).unwrap();
    old.suspend();
    old.settles();
    let new = takes_over(Rig::labelled(2, true), &mut old, SAME);
    assert_eq!(new.core.put_off, set(&[1]));
}

#[test]
fn a_replacement_goes_on_or_a_person_is_told_that_it_is_off() {
    let replacement = Replacement::Rebuilding { old: 0, new: 1 };
    let mut old = Rig::recorded(2);
    old.core.replacement = Some(replacement);
    let new = takes_over(Rig::labelled(2, true), &mut old, EXCHANGED);
    assert_eq!(new.core.replaces(0), Some(1));
    old.core.replacement = Some(replacement);
    let without = [Some(0), None, None, None];
    let new = takes_over(Rig::labelled(2, true), &mut old, without);
    assert!(new.core.replaced().is_none() && new.heard(&News::ReplacementLost(replacement)));
}

#[test]
fn without_records_legs_are_what_they_were() {
    let mut old = Rig::copying(3);
    old.drops(2, Failure::Reset);
    let mut new = takes_over(Rig::new_plain(3, false), &mut old, SAME);
    assert!(new.is_in_sync(0));
    assert_eq!(new.state(1), LegState::Rebuilding);
    assert_eq!(new.why_out(2), Some(Failure::Reset));
    assert_eq!(new.regions().missing(1), 8);
}

#[test]
fn without_records_a_new_leg_is_given_the_data_wherever_it_stands() {
    let mut old = Rig::plain(1);
    let mut new = takes_over(Rig::new_plain(2, false), &mut old, [Some(1), None, None, None]);
    assert_eq!((new.state(0), new.is_in_sync(1)), (LegState::Rebuilding, true));
    assert_eq!((new.regions().missing(0), new.regions().missing(1)), (8, 0));
}

#[test]
fn behind_the_end_of_the_old_mirror_nothing_was_made_equal() {
    let mut old = Rig::plain(2);
    old.core.setup.length = bio::Sectors(32);
    let new = takes_over(Rig::new_plain(2, false), &mut old, SAME);
    assert_eq!((new.is_in_sync(0), new.state(1)), (true, LegState::Rebuilding));
}

#[test]
fn where_records_were_nothing_was_made_equal() {
    let mut old = Rig::recorded(2);
    let new = takes_over(Rig::new_plain(2, false), &mut old, SAME);
    assert_eq!((new.is_in_sync(0), new.state(1)), (true, LegState::Rebuilding));
}

#[test]
fn a_person_is_told_if_no_leg_with_the_data_is_left() {
    let mut old = Rig::plain(2);
    old.drops(1, Failure::Reset);
    let new = takes_over(Rig::new_plain(1, true), &mut old, [None, Some(0), None, None]);
    assert!(new.heard(&News::OldData));
}

#[test]
fn a_loss_that_the_old_mirror_did_not_notice_is_noticed_by_the_new_one() {
    let mut old = Rig::plain(2);
    let mut new = Rig::new_plain(2, true);
    new.loses_cache(0);
    new.core.legs[0].resets = new.disks[0].resets;
    let mut new = takes_over(new, &mut old, SAME);
    new.resume();
    new.read(0, 1);
    new.settles();
    assert_eq!(new.why_out(0), Some(Failure::Reset));
}
