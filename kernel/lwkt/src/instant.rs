//! Moments of time: the measure of every deadline and every account.
//!
//! Place: leaf. Lengths of time are [`core::time::Duration`]; only moments
//! need a type of our own, since this crate has no clock.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A moment, in nanoseconds since boot. The range is 584 years. Additions stop at its end: a
/// deadline past the end is one that never comes.
///
/// ```
/// use core::time::Duration;
/// use lwkt::Instant;
/// let late = Instant::BOOT + Duration::from_millis(3);
/// assert_eq!(late.as_nanos(), 3_000_000);
/// assert_eq!(late.since(Instant::BOOT), Duration::from_millis(3));
/// assert_eq!(Instant::BOOT.since(late), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The beginning of time.
    pub const BOOT: Instant = Instant(0);

    /// The moment `nanos` nanoseconds after boot.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// Nanoseconds since boot.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment; zero if `earlier` is the later one.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, length: Duration) -> Instant {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(nanos))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "boot+{:?}", Duration::from_nanos(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_past_the_end_of_time_never_comes() {
        let now = Instant::from_nanos(5);
        for long in
            [Duration::MAX, Duration::from_nanos(u64::MAX), Duration::from_nanos(u64::MAX - 4)]
        {
            assert_eq!(now + long, Instant::from_nanos(u64::MAX), "{long:?}");
        }
    }
}
