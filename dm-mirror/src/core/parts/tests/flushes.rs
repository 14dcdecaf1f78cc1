//! One flush at a time on each leg.

use super::super::counts::Cause;
use super::super::flushes::{Flushes, Who};

#[test]
fn a_flush_begins_at_once_if_none_is_on_its_way() {
    let mut flushes = Flushes::default();
    assert!(flushes.ask(Who::Map, Cause::Intent));
    assert!(!flushes.ask(Who::Superblock, Cause::Super));
}

#[test]
fn who_comes_while_one_is_on_its_way_waits_for_the_next() {
    let mut flushes = Flushes::default();
    flushes.ask(Who::Map, Cause::Intent);
    flushes.ask(Who::Superblock, Cause::Super);
    assert_eq!((flushes.next_to_tell(), flushes.next_to_tell()), (Some(Who::Map), None));
}

#[test]
fn all_who_wait_share_the_next() {
    let mut flushes = Flushes::default();
    flushes.ask(Who::Map, Cause::Intent);
    flushes.ask(Who::Superblock, Cause::Super);
    flushes.ask(Who::Search, Cause::Super);
    flushes.next_to_tell();
    assert_eq!(flushes.begin_next(), Some(Cause::Super));
    assert_eq!(flushes.next_to_tell(), Some(Who::Superblock));
    assert_eq!(flushes.next_to_tell(), Some(Who::Search));
}

#[test]
fn no_flush_begins_while_those_who_shared_one_are_being_told() {
    let mut flushes = Flushes::default();
    flushes.ask(Who::Map, Cause::Intent);
    flushes.next_to_tell();
    assert!(!flushes.ask(Who::Map, Cause::Intent));
    assert_eq!(flushes.begin_next(), Some(Cause::Intent));
}

#[test]
fn none_follows_if_nobody_waits() {
    let mut flushes = Flushes::default();
    flushes.ask(Who::Map, Cause::Intent);
    flushes.next_to_tell();
    assert_eq!(flushes.begin_next(), None);
    assert!(flushes.ask(Who::Map, Cause::Intent));
}
