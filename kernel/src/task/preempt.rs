//! Preemption: when a thread is made to give way, and what keeps it from that.
//!
//! Place: called at the end of every interrupt, after every wake-up, and by
//! `bio::sync::Lock` as its watch.
//! Rules: a thread that holds a `Lock` is not preempted, since on its CPU nobody else
//! could free it; nor is one that has interrupts off. A switch that had to wait for
//! that is made up for when the last lock is released.
//!
//! The counters are the CPU's, not the thread's: while they are not zero it does not
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
        // Counted before the lock is taken, and until after it is free: the orderings
        // keep the compiler from moving it, for the interrupts of this CPU to see.
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

/// Panics if the running thread may not give up its CPU; `what` says what it is up to.
pub(super) fn assert_allowed(what: &str) {
    assert!(HELD.load(Relaxed) == 0, "{what} with a lock held");
    assert!(interrupts::are_enabled(), "{what} with interrupts off");
}

/// For a thread: gives way here and now if someone waits who should run instead, and
/// nothing forbids it.
pub(super) fn point() {
    if interrupts::are_enabled() {
        give_way();
    }
}

/// For the end of an interrupt: interrupts are off, and those of the thread it
/// interrupted were on, or it would not have come.
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
