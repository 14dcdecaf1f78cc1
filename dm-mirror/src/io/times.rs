//! How long each leg takes for what it is asked.
//!
//! Place: beside the core, under the mirror's lock. A request's time on a leg begins when the
//! bio is made for the leg, and ends with the leg's report. `Mirror::meet` says what time it
//! is: it reads the clock once an event.
//!
//! Rules:
//!
//! - Nothing is decided by these times.
//! - Each report counts once, also one of an error. A request that goes on to another leg
//!   counts on both, on each for the time that it was there.
//! - What waits for its range, for a record or for a person is not on a leg yet.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::time::Duration;

use bio::SmallHistogram;

/// What a leg is asked, as far as its times go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To read data: for the user, a copy or a check.
    Read,
    /// To write or discard data.
    Write,
    /// To flush.
    Flush,
    /// To write a superblock or a page of the map, or to be searched for them.
    Record,
}

/// All kinds, with their names.
pub const KINDS: [(Kind, &str); 4] = [
    (Kind::Read, "read"),
    (Kind::Write, "write"),
    (Kind::Flush, "flush"),
    (Kind::Record, "record"),
];

/// How long each leg took since the mirror was made, by what it was asked.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Those of all kinds for each leg.
    table: Vec<SmallHistogram>,
    /// When the event came that is being met.
    now: u64,
}

impl Times {
    /// None yet, of so many legs.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub(crate) fn try_new(legs: usize) -> Result<Times, TryReserveError> {
        let (mut table, length) = (Vec::new(), legs * KINDS.len());
        table.try_reserve_exact(length)?;
        table.resize_with(length, SmallHistogram::new);
        Ok(Times { table, now: 0 })
    }

    /// How much memory the times of so many legs take, in bytes.
    pub const fn bytes(legs: usize) -> usize {
        legs * KINDS.len() * size_of::<SmallHistogram>()
    }

    /// None, with room for those of so many legs.
    pub(super) fn with_room(legs: usize) -> Times {
        Times { table: Vec::with_capacity(legs * KINDS.len()), now: 0 }
    }

    /// Holds what `other` does.
    pub(super) fn copy_from(&mut self, other: &Times) {
        self.table.clone_from(&other.table);
    }

    /// How many legs there are.
    pub fn legs(&self) -> usize {
        self.table.len() / KINDS.len()
    }

    /// How long this leg took for what it was asked.
    ///
    /// # Panics
    /// If there is no such leg.
    pub fn of(&self, leg: usize, kind: Kind) -> &SmallHistogram {
        &self.table[place(leg, kind)]
    }

    /// An event comes at this time.
    #[inline]
    pub(super) fn comes(&mut self, now: Duration) {
        // 2^64 ns are 584 years.
        let seconds = now.as_secs().wrapping_mul(1_000_000_000);
        self.now = seconds.wrapping_add(u64::from(now.subsec_nanos()));
    }

    /// When that was: what is issued now is issued then.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// A leg has given back what it was asked at `since`, of which 56 bits are enough
    /// ([`Tag`](super::tag::Tag)). If another thread's clock was read first, no time has
    /// passed.
    #[inline]
    pub(super) fn ended(&mut self, leg: usize, kind: Kind, since: u64) {
        let took = (self.now.wrapping_sub(since) << 8) as i64 >> 8;
        self.table[place(leg, kind)].record_nanos(took.max(0) as u64);
    }

    /// Goes on with a leg's times where another mirror stopped, which begins anew.
    pub(super) fn take_over(&mut self, leg: usize, before: &mut Times, old: usize) {
        for (kind, _) in KINDS {
            let (mine, its) = (place(leg, kind), place(old, kind));
            core::mem::swap(&mut self.table[mine], &mut before.table[its]);
        }
    }
}

#[inline]
fn place(leg: usize, kind: Kind) -> usize {
    leg * KINDS.len() + kind as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;

    /// How long a request took that was issued and came back then.
    fn took(issued: u64, back: u64) -> Duration {
        let mut times = Times::try_new(1).unwrap();
        times.comes(Duration::from_nanos(issued));
        let since = times.now() & ((1 << 56) - 1);
        times.comes(Duration::from_nanos(back));
        times.ended(0, Kind::Flush, since);
        assert_eq!(times.of(0, Kind::Flush).count(), 1);
        times.of(0, Kind::Flush).max()
    }

    #[test]
    fn a_time_is_right_however_long_the_machine_runs() {
        for issued in [0, 1, YEAR, (1 << 56) - 1, 3 * YEAR, 500 * YEAR] {
            for long in [0, 1, 1_000_000_000, YEAR] {
                assert_eq!(took(issued, issued + long), Duration::from_nanos(long), "{issued}");
            }
        }
    }

    #[test]
    fn where_the_clock_was_read_before_the_request_no_time_has_passed() {
        assert_eq!(took(10, 9), Duration::ZERO);
        assert_eq!(took(1 << 56, (1 << 56) - 1), Duration::ZERO);
    }
}
