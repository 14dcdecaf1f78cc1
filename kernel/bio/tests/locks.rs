//! The discipline of locks, as a watch sees it.

use std::cell::RefCell;
use std::sync::Arc;

use bio::sync::{self, Lock, LockWatch, Rank};
use bio::{Bio, Buf, BufDone, IoResult};

thread_local! {
    /// The locks that this thread holds.
    static HELD: RefCell<Vec<Rank>> = const { RefCell::new(Vec::new()) };
}

struct Watch;

impl LockWatch for Watch {
    fn enter(&self, rank: Rank) {
        HELD.with_borrow_mut(|held| held.push(rank));
    }
    fn leave(&self, rank: Rank) {
        HELD.with_borrow_mut(|held| {
            let place = held.iter().rposition(|held| *held == rank).expect("a lock that is held");
            held.remove(place);
        });
    }
    fn held(&self) -> usize {
        HELD.with_borrow(Vec::len)
    }
}

struct Originator;

impl BufDone for Originator {
    fn buf_done(self: Arc<Self>, _: Buf, _: u64, _: IoResult) {}
}

fn flush() -> Bio {
    sync::install(&Watch);
    Bio::new(Buf::flush(), Arc::new(Originator), 0)
}

#[test]
fn a_watch_sees_each_lock_come_and_go_with_its_rank() {
    sync::install(&Watch);
    let (lower, upper) = (Lock::new(Rank::DM_DEVICE, 1), Lock::new(Rank::TARGET, 2));
    let held = || HELD.with_borrow(Clone::clone);
    let first = lower.lock();
    let second = upper.lock();
    assert_eq!((*first + *second, held()), (3, vec![Rank::DM_DEVICE, Rank::TARGET]));
    drop(first);
    assert_eq!(held(), [Rank::TARGET]);
    drop(second);
    assert_eq!(held(), []);
}

#[test]
#[should_panic(expected = "a lock is held across biodone")]
fn no_lock_is_held_across_a_completion() {
    let (bio, lock) = (flush(), Lock::new(Rank::TARGET, ()));
    let _guard = lock.lock();
    bio.biodone(Ok(()));
}
