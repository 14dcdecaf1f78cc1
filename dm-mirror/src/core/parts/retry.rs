//! Trying again what failed on the last leg.
//!
//! Place: part of the [`Core`](crate::core::Core). A step that failed to write a record or a
//! copy on the last leg calls `try_again_later` (`steps/alarm.rs`).
//!
//! Rules:
//!
//! - However much failed, one alarm is set: it tries everything again.
//! - Each try that fails doubles the time to the next, up to [`DELAY_MAX`]; a success resets
//!   it. A user's request does not wait for the alarm: it is itself a try.
//! - A start that failed is tried again as well. Its superblock may have been lost with a
//!   cache, and nothing else would wake a mirror that is held for that.

use core::time::Duration;

/// How long to wait after the first failure.
const DELAY_MIN: Duration = Duration::from_secs(1);

/// The longest pause between two tries.
const DELAY_MAX: Duration = Duration::from_secs(32);

/// The alarm; part of the mirror's state.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    is_set: bool,
    /// How many tries in a row have failed.
    in_vain: u32,
}

impl Retry {
    /// How long to wait from now on, if no alarm is set yet.
    pub(crate) fn set(&mut self) -> Option<Duration> {
        if self.is_set {
            return None;
        }
        self.is_set = true;
        let delay = DELAY_MIN.saturating_mul(1 << self.in_vain.min(16)).min(DELAY_MAX);
        self.in_vain += 1;
        Some(delay)
    }

    /// The alarm goes off.
    pub(crate) fn goes_off(&mut self) {
        self.is_set = false;
    }

    /// Something that could have failed was done.
    pub(crate) fn succeeded(&mut self) {
        self.in_vain = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alarm_is_set_and_each_in_vain_doubles_the_pause() {
        let mut retry = Retry::default();
        let mut seconds = || {
            let delay = retry.set().expect("none is set");
            assert_eq!(retry.set(), None, "one at a time");
            retry.is_set = false;
            delay.as_secs()
        };
        assert_eq!([(); 7].map(|()| seconds()), [1, 2, 4, 8, 16, 32, 32]);
        retry.succeeded();
        assert_eq!(retry.set(), Some(DELAY_MIN));
    }
}
