//! Preemption: when a thread has to give way, and what prevents that.
//!
//! Place: called at the end of every interrupt, after every wake-up, and by `bio::sync::Lock`
//! as its watch.
//! Rules: a thread that holds a `Lock` is not preempted, since nobody else on its CPU could
//! free the lock; nor is a thread that has interrupts off. A switch that was deferred for a
//! lock is done when the last lock is released.
//!
//! The counters belong to the CPU, not to the thread: while they are not zero, the CPU does not
//! change threads. With more CPUs they become an array.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

use bio::sync::{LockWatch, Rank};
use x86_64::instructions::interrupts;

use super::thread::{reschedule, tasks, this_cpu};

/// Locks that the running thread holds.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Their ranks, one bit each.
static RANKS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// A switch was wanted while locks were held.
static DEFERRED: AtomicBool = AtomicBool::new(false);

/// The kernel's watch over the locks of `bio` and of everything above it.
pub(super) struct Watch;

impl LockWatch for Watch {
    fn enter(&self, rank: Rank) {
        // Counted from before the lock is taken until after it is free. The orderings keep the
        // compiler from moving the count, which interrupts of this CPU read.
        HELD.fetch_add(1, Acquire);
        if cfg!(debug_assertions) {
            assert_ascends(rank);
            word(rank).fetch_or(bit(rank), Relaxed);
        }
    }

    fn leave(&self, rank: Rank) {
        if cfg!(debug_assertions) {
            word(rank).fetch_and(!bit(rank), Relaxed);
        }
        if HELD.fetch_sub(1, AcqRel) == 1 && DEFERRED.load(Relaxed) {
            point();
        }
    }

    fn held(&self) -> usize {
        HELD.load(Relaxed)
    }
}

fn word(rank: Rank) -> &'static AtomicU64 {
    &RANKS[usize::from(rank.0) / 64]
}

fn bit(rank: Rank) -> u64 {
    1 << (rank.0 % 64)
}

fn assert_ascends(rank: Rank) {
    for (word, first) in RANKS.iter().zip((0u32..).step_by(64)) {
        if let Some(highest) = word.load(Relaxed).checked_ilog2() {
            let (held, taken) = (first + highest, u32::from(rank.0));
            assert!(held < taken, "a lock of rank {taken} is taken under one of rank {held}");
        }
    }
}

/// Panics if the running thread may not give up its CPU. `what` says what it wanted to do.
pub(super) fn assert_allowed(what: &str) {
    assert!(HELD.load(Relaxed) == 0, "{what} with a lock held");
    assert!(interrupts::are_enabled(), "{what} with interrupts off");
}

/// For a thread: gives way now if another thread should run instead, and nothing forbids it.
pub(super) fn point() {
    if interrupts::are_enabled() {
        give_way();
    }
}

/// For the end of an interrupt. Interrupts are off. In the interrupted thread they were on, or
/// the interrupt would not have come.
pub(super) fn interrupt_exit() {
    give_way();
}

fn give_way() {
    let mut tasks = tasks();
    let wanted = tasks.sched().wants_switch(this_cpu());
    let locked = HELD.load(Relaxed) > 0;
    DEFERRED.store(wanted && locked, Relaxed);
    if wanted && !locked {
        reschedule(tasks);
    }
}
