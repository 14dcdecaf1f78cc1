//! How long something may take: only so long without a sign of life, and not for ever.
//!
//! Place: `lines` waits for programs with it, `qemu` for guests. Rule: a slow machine is no
//! fault, so what counts is how long nothing was heard. The bound on the whole time is for
//! programs that go in circles and keep talking: it is so long that no slow machine reaches it.

use std::fmt;
use std::time::{Duration, Instant};

/// How long a guest of a suite may say nothing. The firmware is silent for its first two
/// seconds, and these are minutes if ten others want the same CPU.
pub(crate) const OF_A_GUEST: Duration = Duration::from_secs(300);

/// The whole may take this many times as long as a silence.
const WHOLE: u32 = 20;

/// The bounds, and the times since which they run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    silence: Duration,
    whole: Option<Duration>,
    began: Instant,
    heard: Instant,
}

/// Why there is no patience left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nothing was heard for this long.
    Silent(Duration),
    /// There was no end in this time.
    Endless(Duration),
}

impl Patience {
    /// From `now` on, with silences as long as this.
    pub(crate) fn of(silence: Duration, now: Instant) -> Self {
        Self { silence, whole: Some(silence * WHOLE), began: now, heard: now }
    }

    /// The same for something that may go on for ever while it talks.
    pub(crate) fn endless(silence: Duration, now: Instant) -> Self {
        Self { whole: None, ..Self::of(silence, now) }
    }

    /// Something was heard.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Until when to wait.
    pub(crate) fn deadline(&self) -> Instant {
        let silent = self.heard + self.silence;
        self.whole.map_or(silent, |whole| silent.min(self.began + whole))
    }

    /// What to say when the deadline has passed.
    pub(crate) fn lost(&self) -> Lost {
        match self.whole {
            Some(whole) if self.began + whole <= self.heard + self.silence => Lost::Endless(whole),
            _ => Lost::Silent(self.silence),
        }
    }
}

/// Something that is watched until it is as wanted, and given up only if it no longer changes.
pub(crate) struct Watch<T> {
    patience: Patience,
    seen: Option<T>,
}

impl<T: PartialEq> Watch<T> {
    /// It may stay unchanged for as long as `silence`.
    pub(crate) fn of(silence: Duration) -> Self {
        Self { patience: Patience::of(silence, Instant::now()), seen: None }
    }

    /// Notes how it is now; false if patience has ended.
    pub(crate) fn sees(&mut self, what: T) -> bool {
        self.sees_at(what, Instant::now())
    }

    fn sees_at(&mut self, what: T, now: Instant) -> bool {
        let what = Some(what);
        if self.seen != what {
            self.patience.hear(now);
            self.seen = what;
        }
        now < self.patience.deadline()
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(time) => write!(f, "nothing heard for {} s", time.as_secs()),
            Self::Endless(time) => write!(f, "no end within {} s", time.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_slow_and_talks_is_waited_for() {
        let start = Instant::now();
        let mut patience = Patience::of(10 * SECOND, start);
        for second in (9..190).step_by(9) {
            let now = start + second * SECOND;
            assert!(now < patience.deadline(), "{second} s");
            patience.hear(now);
        }
        assert_eq!(patience.lost(), Lost::Silent(10 * SECOND));
    }

    #[test]
    fn what_changes_is_watched_and_what_stays_is_not() {
        let mut watch = Watch::of(10 * SECOND);
        let start = watch.patience.began;
        for second in (9..99).step_by(9) {
            assert!(watch.sees_at(second, start + second * SECOND), "{second} s");
        }
        assert!(watch.sees_at(90, start + 99 * SECOND));
        assert!(!watch.sees_at(90, start + 109 * SECOND));
    }

    #[test]
    fn what_says_nothing_or_goes_in_circles_is_not() {
        let start = Instant::now();
        let mut patience = Patience::of(10 * SECOND, start);
        patience.hear(start + 5 * SECOND);
        assert_eq!(patience.deadline(), start + 15 * SECOND);
        patience.hear(start + 195 * SECOND);
        assert_eq!(patience.deadline(), start + 200 * SECOND);
        assert_eq!(patience.lost().to_string(), "no end within 200 s");
        let mut patience = Patience::endless(10 * SECOND, start);
        patience.hear(start + 1000 * SECOND);
        assert_eq!(patience.deadline(), start + 1010 * SECOND);
        assert_eq!(patience.lost().to_string(), "nothing heard for 10 s");
    }
}
