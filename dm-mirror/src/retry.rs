//! Trying again what failed on the last leg.
//!
//! Place: whoever could not write a record or a copy, with no leg left that could, calls
//! [`Mirror::try_again_later`].
//!
//! Rules:
//!
//! - However much failed, one alarm is set: it tries everything again.
//! - Each try that fails doubles the time to the next, up to [`DELAY_MAX`]; what
//!   succeeds resets it. A user's request does not wait for that: it is itself a try.
//! - A start that failed is tried again as well: what it could not write may have been
//!   lost with a cache, and nothing else would tell a mirror that is held for that.

use alloc::sync::Arc;
use core::time::Duration;

use dm::Work;

use crate::mirror::Mirror;

/// How long to wait after the first failure.
const DELAY_MIN: Duration = Duration::from_secs(1);

/// The longest pause between two tries.
const DELAY_MAX: Duration = Duration::from_secs(32);

/// The alarm; part of the mirror's state.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    is_set: bool,
    /// How often in a row the alarm went off in vain.
    in_vain: u32,
}

impl Retry {
    /// How long to wait from now on, if no alarm is set yet.
    fn set(&mut self) -> Option<Duration> {
        if self.is_set {
            return None;
        }
        self.is_set = true;
        let delay = DELAY_MIN.saturating_mul(1 << self.in_vain.min(16)).min(DELAY_MAX);
        self.in_vain += 1;
        Some(delay)
    }

    /// Something that could have failed was done.
    pub(crate) fn succeeded(&mut self) {
        self.in_vain = 0;
    }
}

impl Mirror {
    /// What failed is tried again after a while: at once, it would only fail again.
    pub(crate) fn try_again_later(self: &Arc<Self>) {
        let delay = self.state.lock().retry.set();
        if let Some(delay) = delay {
            self.env.run_after(delay, Arc::new(Alarm(self.clone())));
        }
    }
}

/// The alarm goes off.
struct Alarm(Arc<Mirror>);

impl Work for Alarm {
    fn run(self: Arc<Self>) {
        let mirror = &self.0;
        let start = {
            let mut state = mirror.state.lock();
            state.retry.is_set = false;
            if state.resync.suspended {
                // Whoever resumes it does all this.
                return;
            }
            state.start_failed()
        };
        if start {
            return mirror.start_session();
        }
        mirror.commit();
        mirror.take_back();
        mirror.resume_resync();
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
