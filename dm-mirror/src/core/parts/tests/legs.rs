//! Legs: what each is to the mirror, what it kept, and as what it is recorded.

use alloc::vec::Vec;

use bio::{BufCmd, ErrorKind, IoError};

use super::super::errors::Errors;
use super::super::journal::{Journal, Waiting};
use super::super::leg::{Failure, LegSet, LegState};
use super::super::legs::{LOST, Legs};
use super::super::region::Moment;
use super::super::requests::Req;
use super::{NOBODY, clean_regions, legs, region};
use crate::core::tests::model::GEOMETRY;
use crate::format::MemberState;

fn in_states(states: &[LegState]) -> Legs {
    Legs::new(states.iter().map(|state| (*state, 0)))
}

#[test]
fn legs_in_sync_and_legs_being_rebuilt_take_writes() {
    let out = LegState::Failed(Failure::Absent);
    let mut all = in_states(&[LegState::InSync, LegState::Rebuilding, LegState::Returning, out]);
    assert_eq!((all.in_sync(), all.writable()), (legs(&[0]), legs(&[0, 1])));
    all.set(1, LegState::InSync);
    all.set(0, out);
    assert_eq!((all.in_sync(), all.rebuilding()), (legs(&[1]), NOBODY));
}

#[test]
fn what_a_leg_was_given_counts_if_it_kept_its_cache_from_then_on() {
    let mut regions = clean_regions();
    let [before, lost, after] = core::array::from_fn(|_| regions.tick());
    let mut all = in_states(&[LegState::InSync; 2]);
    all[1].lost = lost;
    assert_eq!((all[1].kept(before), all[1].kept(after)), (LOST, Ok(())));
    assert_eq!(all.kept_since(legs(&[0, 1]), before), legs(&[0]));
}

#[test]
fn what_a_leg_lost_before_a_session_is_known_to_be_missing() {
    let mut regions = clean_regions();
    let mut all = in_states(&[LegState::InSync]);
    all[0].lost = regions.tick();
    all[0].begins(3);
    assert_eq!((all[0].resets, all[0].kept(Moment::default())), (3, Ok(())));
}

#[test]
fn only_a_person_forgives_a_leg_its_errors() {
    let mut all = in_states(&[LegState::InSync]);
    all[0].errors.add(core::time::Duration::ZERO, Default::default());
    all[0].begins(0);
    assert_ne!(all[0].errors, Errors::default());
    all[0].forgive(0);
    assert_eq!(all[0].errors, Errors::default());
}

#[test]
fn a_leg_without_a_map_takes_every_write_and_one_with_a_map_goes_by_it() {
    let mut regions = clean_regions();
    regions.begin(region(0), NOBODY);
    let waiting = Waiting { req: Req { index: 0, age: 0 }, extent: region(0) };
    let mut all = in_states(&[LegState::InSync]);
    assert!(all[0].admits(waiting, Some(&regions)));
    all[0].journal = Some(Journal::blank(GEOMETRY, uuid::Uuid::nil(), 1));
    assert!(!all[0].admits(waiting, Some(&regions)));
}

#[test]
fn a_leg_is_flushed_since_the_latest_flush_that_succeeded() {
    let mut regions = clean_regions();
    let [first, second] = core::array::from_fn(|_| regions.tick());
    let mut all = in_states(&[LegState::InSync]);
    all[0].flushed_since(second);
    all[0].flushed_since(first);
    assert_eq!(all.flushed().when[0], second);
}

#[test]
fn a_leg_that_is_out_for_its_medium_or_by_hand_is_recorded_so() {
    use ErrorKind::{Gone, Media, Timeout};
    use Failure::{ByHand, Flush, Metadata, Read, Reset, TooManyErrors, Write};
    for why in [TooManyErrors, Write(Media), Flush(Media), Metadata(Media)] {
        assert_eq!(why.recorded_as(), MemberState::FailedMedia, "{why:?}");
    }
    for why in [Write(Gone), Flush(Timeout), Metadata(Gone), Read(Gone), Reset] {
        assert_eq!(why.recorded_as(), MemberState::Out, "{why:?}");
    }
    assert_eq!(ByHand.recorded_as(), MemberState::FailedByHand);
}

#[test]
fn a_leg_that_failed_a_flush_is_told_from_one_that_failed_a_write() {
    let error = IoError { kind: ErrorKind::Media, resid: 0 };
    for (step, why) in [
        (BufCmd::Flush, Failure::Flush(ErrorKind::Media)),
        (BufCmd::FreeBlks, Failure::Write(ErrorKind::Media)),
        (BufCmd::Write { fua: true }, Failure::Write(ErrorKind::Media)),
    ] {
        assert_eq!(Failure::of_step(step, error), why);
    }
}

#[test]
fn a_set_of_legs_is_in_their_order() {
    let set = legs(&[3, 0, 2]);
    assert_eq!(set.iter().collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(
        (set.lowest(), set.above(0).lowest(), set.above(3).lowest()),
        (Some(0), Some(2), None)
    );
    assert_eq!(LegSet::first(3).without(set), legs(&[1]));
}
