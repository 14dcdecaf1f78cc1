//! A timer queue: keys that come due, earliest first.
//!
//! Place: under sleep timeouts ([`Sched`](crate::Sched)) and callouts
//! ([`Callouts`](crate::Callouts)).
//! Rules: a key is armed at most once; equal moments fall due in the order in
//! which they were armed; arming allocates only beyond the reserved capacity.
//!
//! A sorted vector, not a wheel: there are tens of timers, most are disarmed before they are
//! due, and the earliest is always at hand.

use alloc::vec::Vec;

use crate::Instant;

/// Keys with the moment each falls due.
///
/// ```
/// use lwkt::{Instant, TimerQueue};
/// let at = Instant::from_nanos;
/// let mut timers = TimerQueue::new();
/// timers.arm("tea", at(30));
/// timers.arm("egg", at(20));
/// timers.arm("tea", at(10)); // again: the last one counts
/// assert_eq!(timers.earliest(), Some(at(10)));
/// assert_eq!(timers.pop_due(at(25)), Some("tea"));
/// assert_eq!(timers.pop_due(at(25)), Some("egg"));
/// assert_eq!(timers.pop_due(at(25)), None);
/// ```
#[derive(Clone, Debug)]
pub struct TimerQueue<K> {
    /// Latest first, so that the next one due is taken from the end; of equal
    /// moments, the one armed first is nearer the end.
    pending: Vec<(Instant, K)>,
}

impl<K: PartialEq> TimerQueue<K> {
    /// A queue with nothing armed and nothing reserved.
    pub const fn new() -> TimerQueue<K> {
        TimerQueue { pending: Vec::new() }
    }

    /// Makes room for `keys` armed at once, so that arming them allocates nothing.
    pub fn reserve(&mut self, keys: usize) {
        self.pending.reserve(keys.saturating_sub(self.pending.len()));
    }

    /// Arms `key` to fall due at `when`, in place of an earlier arming.
    pub fn arm(&mut self, key: K, when: Instant) {
        self.disarm(&key);
        let place = self.pending.partition_point(|(other, _)| *other > when);
        self.pending.insert(place, (when, key));
    }

    /// Forgets `key`; says whether it was armed.
    pub fn disarm(&mut self, key: &K) -> bool {
        let place = self.pending.iter().position(|(_, other)| other == key);
        if let Some(place) = place {
            self.pending.remove(place);
        }
        place.is_some()
    }

    /// Takes the earliest key whose moment has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        self.pending.pop_if(|(when, _)| *when <= now).map(|(_, key)| key)
    }

    /// The moment at which the next key falls due.
    pub fn earliest(&self) -> Option<Instant> {
        self.pending.last().map(|(when, _)| *when)
    }
}

impl<K: PartialEq> Default for TimerQueue<K> {
    fn default() -> TimerQueue<K> {
        TimerQueue::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_moments_fall_due_in_the_order_armed() {
        let now = Instant::from_nanos(5);
        let mut timers = TimerQueue::new();
        for key in [3, 1, 2] {
            timers.arm(key, now);
        }
        let order: Vec<i32> = core::iter::from_fn(|| timers.pop_due(now)).collect();
        assert_eq!(order, [3, 1, 2]);
    }

    #[test]
    fn a_disarmed_key_never_falls_due() {
        let mut timers = TimerQueue::new();
        timers.arm('a', Instant::BOOT);
        assert!(timers.disarm(&'a'));
        assert!(!timers.disarm(&'a'));
        assert_eq!(timers.pop_due(Instant::from_nanos(u64::MAX)), None);
        assert_eq!(timers.earliest(), None);
    }

    #[test]
    fn arming_within_the_reserve_does_not_allocate() {
        let mut timers = TimerQueue::new();
        timers.reserve(4);
        let room = timers.pending.capacity();
        for round in 0..100u64 {
            timers.arm(round % 4, Instant::from_nanos(round * 7 % 13));
        }
        assert_eq!(timers.pending.len(), 4);
        assert_eq!(timers.pending.capacity(), room);
    }
}
