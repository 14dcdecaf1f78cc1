//! Every message in every life of a mirror: what the table says is what happens, and
//! the mirror can be suspended, resumed, started anew and removed afterwards.

mod by_message;
mod rig;

use by_message::lives::Life;
use by_message::table::LIVES;
use by_message::{every_message_and_another_start, every_message_in};

#[test]
fn while_its_members_are_read() {
    every_message_in(Life::Probing);
}

#[test]
fn while_its_first_superblocks_are_on_their_way() {
    every_message_in(Life::Opening);
}

#[test]
fn while_its_second_superblocks_are_on_their_way() {
    every_message_in(Life::OpeningTwice);
}

#[test]
fn while_it_is_healthy() {
    every_message_in(Life::Healthy);
}

#[test]
fn while_a_region_becomes_clean() {
    every_message_in(Life::Cleaning);
}

#[test]
fn while_a_leg_is_out() {
    every_message_in(Life::Degraded);
}

#[test]
fn while_a_leg_returns() {
    every_message_in(Life::Returning);
}

#[test]
fn while_a_leg_is_rebuilt() {
    every_message_in(Life::Rebuilding);
}

#[test]
fn while_its_legs_are_compared() {
    every_message_in(Life::Checking);
}

#[test]
fn while_it_is_flushed_for_a_suspension() {
    every_message_in(Life::Stopping);
}

#[test]
fn while_its_last_superblocks_are_on_their_way() {
    every_message_in(Life::Closing);
}

#[test]
fn while_it_is_suspended() {
    every_message_in(Life::Stopped);
}

#[test]
fn while_it_is_suspended_and_has_not_started() {
    every_message_in(Life::New);
}

#[test]
fn while_it_is_held_for_a_member() {
    every_message_in(Life::Held);
}

#[test]
fn while_it_is_held_as_no_superblock_could_be_written() {
    every_message_in(Life::HeldAfterFailure);
}

#[test]
fn while_it_is_refused_as_halves_ran_apart() {
    every_message_in(Life::Refused);
}

#[test]
fn while_it_is_held_and_suspended() {
    every_message_in(Life::HeldStopped);
}

#[test]
fn while_it_is_refused_and_suspended() {
    every_message_in(Life::RefusedStopped);
}

/// A leg that was failed by hand stays out, one that was added stays in.
#[test]
fn what_a_person_said_holds_over_another_start() {
    every_message_and_another_start();
}

#[test]
fn every_life_has_a_column() {
    let named: std::collections::BTreeSet<_> = LIVES.iter().map(|(name, _)| *name).collect();
    assert_eq!(named.len(), LIVES.len());
}
