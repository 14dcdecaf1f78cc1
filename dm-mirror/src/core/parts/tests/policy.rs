//! Read policies: which leg a read goes to.

use alloc::string::ToString;
use alloc::vec::Vec;

use bio::Sector;

use super::super::leg::LegState;
use super::super::legs::Legs;
use super::super::policy::{ReadPolicy, Readers};
use super::legs;

/// Three legs in sync with so many reads each; the last one ended in sector 8 of leg 1.
fn three(reads: [u32; 3]) -> Legs {
    let mut all = Legs::new([(LegState::InSync, 0); 3].into_iter());
    (0..3).for_each(|leg| all[leg].reads_pending = reads[leg]);
    all[1].read_end = Sector(8);
    all
}

/// Where a policy sends a read that begins at `start`, if leg 1 was read last.
fn pick(policy: ReadPolicy, reads: [u32; 3], candidates: &[usize], start: u64) -> Option<usize> {
    let readers = Readers { last: 1, legs: &three(reads) };
    policy.pick(legs(candidates), Sector(start), &readers)
}

#[test]
fn round_robin_takes_each_leg_in_turn() {
    let picks = |candidates| pick(ReadPolicy::RoundRobin, [0; 3], candidates, 0);
    assert_eq!([picks(&[0, 1, 2]), picks(&[0, 1]), picks(&[])], [Some(2), Some(0), None]);
}

#[test]
fn least_pending_takes_the_leg_with_the_fewest_reads_and_the_lowest_of_several() {
    let picks = |reads| pick(ReadPolicy::LeastPending, reads, &[0, 1, 2], 8);
    assert_eq!([picks([2, 1, 0]), picks([2, 1, 1])], [Some(2), Some(1)]);
}

#[test]
fn sequential_goes_on_where_a_leg_s_last_read_ended() {
    let picks = |start| pick(ReadPolicy::Sequential, [0, 5, 0], &[0, 1, 2], start);
    assert_eq!([picks(8), picks(9)], [Some(1), Some(0)]);
}

#[test]
fn prefer_takes_its_leg_while_it_can_and_else_each_in_turn() {
    let picks = |candidates| pick(ReadPolicy::Prefer(0), [9, 0, 0], candidates, 0);
    assert_eq!([picks(&[0, 1, 2]), picks(&[1, 2])], [Some(0), Some(2)]);
}

#[test]
fn legs_are_rewritten_from_the_one_that_is_preferred_or_the_lowest() {
    assert_eq!(ReadPolicy::Prefer(2).source(legs(&[1, 2])), Some(2));
    assert_eq!(ReadPolicy::Prefer(0).source(legs(&[1, 2])), Some(1));
    assert_eq!(ReadPolicy::Sequential.source(legs(&[1, 2])), Some(1));
}

#[test]
fn a_policy_is_read_as_it_is_shown() {
    for text in ["round_robin", "least_pending", "sequential", "prefer=1"] {
        assert_eq!(ReadPolicy::parse(text, 2).unwrap().to_string(), text);
    }
    let refused: Vec<bool> =
        ["", "prefer", "prefer=2"].iter().map(|it| ReadPolicy::parse(it, 2).is_err()).collect();
    assert_eq!(refused, [true; 3]);
}
