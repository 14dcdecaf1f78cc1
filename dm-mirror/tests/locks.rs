//! One lock round an event: how often a request takes the mirror's lock.

mod rig;

use std::cell::Cell;

use bio::sync::{LockWatch, Rank};
use rig::{Rig, Tag};

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// Counts how often a thread takes a target's lock.
struct Watch;

impl LockWatch for Watch {
    fn enter(&self, rank: Rank) {
        TAKEN.set(TAKEN.get() + usize::from(rank == Rank::TARGET));
    }
    fn leave(&self, _: Rank) {}
    fn held(&self) -> usize {
        0
    }
}

/// How often a mirror of so many legs takes its lock for requests that are on their way
/// together.
fn locks(legs: usize, ask: impl FnOnce(&mut Rig) -> Vec<Tag>) -> usize {
    bio::sync::install(&Watch);
    let mut rig = Rig::nosync(legs);
    let before = TAKEN.get();
    let tags = ask(&mut rig);
    rig.drain();
    let taken = TAKEN.get() - before;
    assert!(tags.iter().all(|tag| rig.end(*tag) == Some(Ok(()))));
    taken
}

/// It comes, and each leg reports.
#[test]
fn a_write_takes_the_lock_once_for_each_leg_and_once_to_begin() {
    for legs in 1..=4 {
        assert_eq!(locks(legs, |rig| vec![rig.write(8, 2, 1)]), 1 + legs);
        assert_eq!(locks(legs, |rig| vec![rig.flush()]), 1 + legs);
    }
}

#[test]
fn a_read_takes_the_lock_twice() {
    assert_eq!(locks(2, |rig| vec![rig.read(8, 2)]), 2);
}

/// What waits begins in the step that frees its range.
#[test]
fn writes_that_wait_for_each_other_take_no_more() {
    assert_eq!(locks(2, |rig| (0..8).map(|_| rig.write(8, 2, 1)).collect()), 8 * 3);
}
