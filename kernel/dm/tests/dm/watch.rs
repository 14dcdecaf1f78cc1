//! Sees every lock: ranks ascend, and `bio` asserts that doors are passed
//! without one.

use std::cell::RefCell;

use bio::sync::{LockWatch, Rank};

thread_local! {
    static HELD: RefCell<Vec<Rank>> = const { RefCell::new(Vec::new()) };
}

struct Watch;

impl LockWatch for Watch {
    fn enter(&self, rank: Rank) {
        HELD.with_borrow_mut(|held| {
            let last = held.last().copied();
            assert!(last.is_none_or(|last| last < rank), "{rank:?} taken after {last:?}");
            held.push(rank);
        });
    }

    fn leave(&self, rank: Rank) {
        HELD.with_borrow_mut(|held| {
            let index = held.iter().rposition(|&held| held == rank).expect("a lock that is held");
            held.remove(index);
        });
    }

    fn held(&self) -> usize {
        HELD.with_borrow(Vec::len)
    }
}

/// Watches all locks from now on.
pub(crate) fn install() {
    bio::sync::install(&Watch);
}

/// Fails unless this thread holds no lock; for callbacks.
pub(crate) fn assert_unlocked() {
    assert_eq!(Watch.held(), 0, "a callback is called with a lock held");
}

#[test]
fn the_watch_sees_a_lock_held() {
    install();
    let lock = bio::sync::Lock::new(Rank::TARGET, ());
    let guard = lock.lock();
    assert_eq!(Watch.held(), 1);
    drop(guard);
    assert_eq!(Watch.held(), 0);
}
