//! The lock of every layer that requests pass through, and the rules for taking it.
//!
//! Place: used by every crate above and by the drivers; the kernel (or a test) may [`install`] a
//! watch that sees each lock taken and released.
//!
//! Rules:
//!
//! - A thread takes locks in ascending [`Rank`] only.
//! - No lock is held across [`strategy`](crate::BlockDevice::strategy) or a
//!   completion: [`assert_unlocked`] stands at both doors.
//! - Interrupt handlers take none of these locks; they only wake a thread.
//!
//! On one CPU a thread that spins for a preempted holder would spin for ever. So the kernel's
//! watch keeps a thread from being preempted while it holds a lock. That is all the lock needs
//! from below; on a host there is no watch, and the lock is a plain spin lock.

use core::ops::{Deref, DerefMut};

/// A lock's place in the order in which locks are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(pub u8);

impl Rank {
    /// The device mapper's registry of devices and target types.
    pub const DM_REGISTRY: Rank = Rank(10);
    /// One mapped device: its tables and its count of requests in flight.
    pub const DM_DEVICE: Rank = Rank(20);
    /// A target's own state.
    pub const TARGET: Rank = Rank(30);
    /// One request of a target, such as the reading of a leg's records.
    pub const WRITE_GROUP: Rank = Rank(40);
    /// One split request.
    pub const SPLIT: Rank = Rank(50);
    /// A driver's queue, or a software disk.
    pub const DRIVER: Rank = Rank(60);
    /// What an originator waits on.
    pub const ORIGINATOR: Rank = Rank(70);
}

/// Sees every [`Lock`] taken and released, in the thread that does it.
pub trait LockWatch: Sync {
    /// Before a lock of this rank is taken.
    fn enter(&self, rank: Rank);
    /// After a lock of this rank was released.
    fn leave(&self, rank: Rank);
    /// How many locks this thread holds.
    fn held(&self) -> usize;
}

static WATCH: spin::Once<&'static dyn LockWatch> = spin::Once::new();

/// Installs the watch, before the first lock is taken. Only the first call counts.
pub fn install(watch: &'static dyn LockWatch) {
    WATCH.call_once(|| watch);
}

/// Asserts, where a watch is installed and in debug builds, that this thread holds no lock.
/// `door` names the call that it is about to make.
#[inline]
pub fn assert_unlocked(door: &str) {
    if cfg!(debug_assertions)
        && let Some(watch) = WATCH.get()
    {
        assert_eq!(watch.held(), 0, "a lock is held across {door}");
    }
}

/// A mutual exclusion lock with a rank. Held for a few instructions, never
/// across a call that its holder does not own.
#[derive(Debug)]
pub struct Lock<T> {
    rank: Rank,
    value: spin::Mutex<T>,
}

impl<T> Lock<T> {
    /// An unlocked lock.
    pub const fn new(rank: Rank, value: T) -> Lock<T> {
        Lock { rank, value: spin::Mutex::new(value) }
    }

    /// Takes the lock; it is released when the guard goes.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        let watch = WATCH.get().copied();
        watch.iter().for_each(|watch| watch.enter(self.rank));
        Guard { value: self.value.lock(), _leave: Leave { watch, rank: self.rank } }
    }

    /// The value, when nobody else can have the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// A [`Lock`] that is held.
pub struct Guard<'a, T> {
    // Fields drop in this order: the lock is free before the watch hears of it.
    value: spin::MutexGuard<'a, T>,
    _leave: Leave,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Whoever saw the lock taken sees it released.
struct Leave {
    watch: Option<&'static dyn LockWatch>,
    rank: Rank,
}

impl Drop for Leave {
    #[inline]
    fn drop(&mut self) {
        self.watch.iter().for_each(|watch| watch.leave(self.rank));
    }
}
