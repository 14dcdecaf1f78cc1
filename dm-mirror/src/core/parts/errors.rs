//! Errors of a leg's medium: how many are too many.
//!
//! Place: part of a leg's record. `steps/read.rs` and `steps/scrub.rs` report each error;
//! the feature `error_threshold=<n>,<seconds>` sets the threshold (`face/table.rs`).
//!
//! Rules:
//!
//! - Errors count with decay: the count is halved every so many seconds. A leg with more than
//!   `n` errors is out.
//! - A leg that is out for errors of its medium is recorded as such. It does not come back by
//!   itself, neither at a start nor when its disk returns: nobody should trust data to it. A
//!   person may take it back; then its errors count anew.

use core::fmt;
use core::time::Duration;

/// More errors than this, of one leg, are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Threshold {
    pub(crate) errors: u32,
    /// After this time half of the errors are forgotten; not zero.
    pub(crate) halving: Duration,
}

impl Default for Threshold {
    /// As in Linux md.
    fn default() -> Threshold {
        Threshold { errors: 20, halving: Duration::from_secs(3600) }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.errors, self.halving.as_secs())
    }
}

/// The errors of one leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errors {
    count: u32,
    /// When they were halved last, or the first one came.
    since: Duration,
}

impl Errors {
    /// One more. Returns whether these are too many.
    pub(crate) fn add(&mut self, now: Duration, threshold: Threshold) -> bool {
        let halvings = now.saturating_sub(self.since).as_nanos() / threshold.halving.as_nanos();
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        self.count = self.count.checked_shr(halvings).unwrap_or(0);
        self.since = match self.count {
            0 => now,
            _ => self.since + threshold.halving * halvings,
        };
        self.count = self.count.saturating_add(1);
        self.count > threshold.errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLD: Threshold = Threshold { errors: 4, halving: Duration::from_secs(10) };

    /// The seconds at which errors come; whether the last one is too many.
    fn too_many(seconds: &[u64]) -> bool {
        let mut errors = Errors::default();
        let add = |at: &u64| errors.add(Duration::from_secs(*at), THRESHOLD);
        seconds.iter().map(add).last().unwrap()
    }

    #[test]
    fn one_more_than_the_threshold_is_too_many() {
        assert!(!too_many(&[100; 4]));
        assert!(too_many(&[100; 5]));
    }

    #[test]
    fn half_is_forgotten_each_time() {
        assert!(!too_many(&[100, 100, 100, 100, 110, 110]), "2 and 2");
        assert!(too_many(&[100, 100, 100, 100, 110, 110, 110]), "2 and 3");
        assert!(too_many(&[100, 100, 100, 100, 109]), "not before the time");
        assert!(!too_many(&[100, 100, 100, 100, 130, 130, 130, 130]), "all, in time");
    }

    #[test]
    fn a_slow_trickle_is_never_too_many() {
        let seconds: Vec<u64> = (0..1000).map(|nth| nth * 5).collect();
        assert!(!too_many(&seconds), "it tends to 4");
    }

    #[test]
    fn the_longest_silence_forgets_everything() {
        assert!(!too_many(&[0, 0, 0, 0, u64::MAX]));
    }

    extern crate std;
    use std::vec::Vec;
}
