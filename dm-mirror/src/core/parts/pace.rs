//! How fast background work copies: between a floor and a ceiling.
//!
//! Place: part of the [`Core`](crate::core::Core). `steps/resync.rs` asks before each
//! chunk whether it may begin, and `steps/scrub.rs` asks the same object for a check. So
//! both together keep the limits. Pure: time is an argument.
//!
//! Rules:
//!
//! - From the beginning of a chunk to that of the next passes at least the time that the rate
//!   allows for it. Time that was not used is not saved up.
//! - The rate is the ceiling, or the floor while users' requests come. So a busy user slows
//!   the work down, and never stops it.
//! - Work that a user waits for runs at the ceiling.
//!
//! ```text
//! let wait = pace.wait(now, a_user_waits);     // not zero: ask again then
//! if wait.is_zero() { pace.took(now, chunk); } // and issue the chunk
//! ```

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

use bio::Sectors;

/// The floor where nobody chose one: a terabyte takes three days beside a user who never
/// rests.
const MIN_DEFAULT: NonZeroU64 = NonZeroU64::new(4096).expect("not zero");

/// A user who asked for nothing for so long is not busy.
const QUIET: Duration = Duration::from_millis(100);

/// Over how long the speed is measured; at most twice that.
const WINDOW: Duration = Duration::from_secs(4);

/// Limits in KiB/s; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// What is left to background work while users' requests come.
    min: Option<NonZeroU64>,
    /// What it never exceeds.
    max: Option<NonZeroU64>,
}

impl Default for Rate {
    fn default() -> Rate {
        Rate { min: Some(MIN_DEFAULT), max: None }
    }
}

impl Rate {
    /// The rate that `<min>,<max>` means: numbers of KiB/s, or `none`.
    pub(crate) fn parse(text: &str) -> Option<Rate> {
        let limit = |word: &str| match word {
            "none" => Some(None),
            word => word.parse().ok().map(Some),
        };
        let (min, max) = text.split_once(',')?;
        let (min, max) = (limit(min)?, limit(max)?);
        let crossed = matches!((min, max), (Some(min), Some(max)) if min > max);
        (!crossed).then_some(Rate { min, max })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (comma, limit) in [("", self.min), (",", self.max)] {
            match limit {
                Some(limit) => write!(f, "{comma}{limit}")?,
                None => write!(f, "{comma}none")?,
            }
        }
        Ok(())
    }
}

/// When background work may go on, and how fast it was.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pub(crate) rate: Rate,
    /// When the last chunk began, and how large it was.
    last: Option<(Duration, Sectors)>,
    /// A user's request came since this was looked at last.
    asked: bool,
    busy_until: Duration,
    /// The window in which the speed is measured: its beginning, what was copied.
    window: (Duration, Sectors),
    /// The one before: its length, what was copied.
    before: (Duration, Sectors),
}

impl Pace {
    /// Nothing was copied yet.
    pub(crate) fn new(rate: Rate) -> Pace {
        Pace { rate, ..Pace::default() }
    }

    /// A user's request came.
    pub(crate) fn asked(&mut self) {
        self.asked = true;
    }

    /// How long the next chunk waits. After that time the question is to be asked again: the
    /// user may have become quiet. `urgent` if a user waits for the chunk.
    pub(crate) fn wait(&mut self, now: Duration, urgent: bool) -> Duration {
        if core::mem::take(&mut self.asked) {
            self.busy_until = now + QUIET;
        }
        let busy = now < self.busy_until && !urgent;
        // No floor: it does not give way.
        let rate = if busy { self.rate.min.or(self.rate.max) } else { self.rate.max };
        let (Some(rate), Some((began, count))) = (rate, self.last) else { return Duration::ZERO };
        let bytes = u128::from(count.0) * bio::SECTOR_SIZE as u128;
        let nanos = bytes * 1_000_000_000 / (u128::from(rate.get()) * 1024);
        let due = began + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        due.saturating_sub(now).min(QUIET)
    }

    /// A chunk begins.
    pub(crate) fn took(&mut self, now: Duration, count: Sectors) {
        self.last = Some((now, count));
        let (from, copied) = self.window;
        let age = now.saturating_sub(from);
        if age >= WINDOW {
            let recent = age < WINDOW * 2;
            self.before = if recent { (age, copied) } else { Default::default() };
            self.window = (now, Sectors::ZERO);
        }
        self.window.1 = self.window.1 + count;
    }

    /// How fast it was of late, in KiB/s; `None` before that can be told.
    pub(crate) fn speed(&self, now: Duration) -> Option<u64> {
        let ((from, copied), (span, before)) = (self.window, self.before);
        let millis = (now.saturating_sub(from) + span).as_millis();
        let bytes = u128::from((copied + before).0) * bio::SECTOR_SIZE as u128;
        u64::try_from((bytes * 1000 / 1024).checked_div(millis)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    const CHUNK: Sectors = Sectors(256);

    fn pace(rate: &str) -> Pace {
        Pace::new(Rate::parse(rate).unwrap())
    }

    /// Begins chunks for so long, a user asking for something at each look if
    /// `busy`. Returns how many.
    fn run(pace: &mut Pace, now: &mut Duration, time: Duration, busy: bool) -> u32 {
        let (end, mut chunks) = (*now + time, 0);
        while *now < end {
            if busy {
                pace.asked();
            }
            let wait = pace.wait(*now, false);
            if wait.is_zero() {
                pace.took(*now, CHUNK);
                chunks += 1;
                *now += Duration::from_millis(1);
            }
            *now += wait;
        }
        chunks
    }

    #[test]
    fn the_rate_is_the_ceiling_and_beside_a_user_the_floor() {
        let (mut pace, mut now) = (pace("256,1024"), Duration::ZERO);
        let ten = Duration::from_secs(10);
        assert_eq!(run(&mut pace, &mut now, ten, false), 80, "10 s of 1024 KiB/s");
        assert_eq!(run(&mut pace, &mut now, ten, true), 20, "10 s of 256 KiB/s");
        assert_eq!(run(&mut pace, &mut now, ten, false), 80, "and again");
    }

    #[test]
    fn time_that_was_not_used_is_not_saved_up() {
        let (mut pace, mut now) = (pace("none,128"), Duration::ZERO);
        pace.took(now, CHUNK);
        now = Duration::from_secs(100);
        assert_eq!(run(&mut pace, &mut now, Duration::from_secs(5), true), 5);
    }

    #[test]
    fn who_waits_for_a_chunk_has_it_at_the_ceiling() {
        for (rate, urgent, busy) in [("1,none", 0, 100), ("1,1280", 100, 100), ("1,2560", 50, 100)]
        {
            let mut pace = pace(rate);
            pace.took(Duration::ZERO, CHUNK);
            pace.asked();
            assert_eq!(pace.wait(Duration::ZERO, true).as_millis(), urgent, "{rate}");
            assert_eq!(pace.wait(Duration::ZERO, false).as_millis(), busy, "{rate}");
        }
    }

    #[test]
    fn rates_are_read_as_they_are_shown() {
        for text in ["1,2", "7,7", "none,5", "5,none", "none,none"] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "1", "0,1", "2,1", "1,2,3", "none", "-1,2", "1,x"] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_speed_is_that_of_late() {
        let (mut pace, mut now) = (pace("none,1024"), Duration::ZERO);
        assert_eq!(pace.speed(now), None);
        run(&mut pace, &mut now, Duration::from_secs(60), false);
        assert!((1000..=1060).contains(&pace.speed(now).unwrap()), "{:?}", pace.speed(now));
        pace.rate = Rate::parse("none,128").unwrap();
        run(&mut pace, &mut now, Duration::from_secs(20), false);
        assert!((120..=170).contains(&pace.speed(now).unwrap()), "{:?}", pace.speed(now));
    }
}
