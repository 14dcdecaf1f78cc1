//! Callouts: functions to be called later, by the softclock thread.
//!
//! Place: the kernel's softclock thread takes what is due, runs it without any lock held, and
//! reports back; anyone may reset or stop a callout meanwhile, the running function included
//! (DragonFly's `kern_timeout.c`).
//! Rules: callouts run one at a time, in a thread, never in an interrupt; the thread that takes
//! a due callout calls [`Callouts::finished`] after running it.

use crate::{Instant, TimerQueue};

/// What [`Callouts::stop`] found. Whatever it is, the callout is not armed now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// It was armed, and will not run.
    Cancelled,
    /// It was neither armed nor running.
    Idle,
    /// Its function is running: what it uses must stay until it has finished. By then it may
    /// have armed itself again.
    Running,
}

/// The callouts of a kernel. `K` names one: an id, or a shared pointer to it.
///
/// ```
/// use lwkt::{Callouts, Instant, Stop};
/// let at = Instant::from_nanos;
/// let mut callouts = Callouts::new();
/// callouts.register();
/// callouts.reset("watchdog", at(10));
/// assert_eq!(callouts.start_due(at(9)), None);
/// assert_eq!(callouts.start_due(at(10)), Some("watchdog"));
/// assert_eq!(callouts.stop(&"watchdog"), Stop::Running);
/// callouts.finished();
/// assert_eq!(callouts.stop(&"watchdog"), Stop::Idle);
/// ```
#[derive(Clone, Debug)]
pub struct Callouts<K> {
    timers: TimerQueue<K>,
    running: Option<K>,
    registered: usize,
}

impl<K: Clone + PartialEq> Callouts<K> {
    /// No callouts.
    pub const fn new() -> Callouts<K> {
        Callouts { timers: TimerQueue::new(), running: None, registered: 0 }
    }

    /// Makes room for one more callout, so that [`Callouts::reset`] never allocates. Only this
    /// call allocates.
    pub fn register(&mut self) {
        self.registered += 1;
        self.timers.reserve(self.registered);
    }

    /// Gives back the room of one callout, which is neither armed nor running.
    pub fn unregister(&mut self) {
        self.registered -= 1;
    }

    /// Arms `callout` to run at `when`, in place of an earlier arming. A
    /// callout that is running runs again afterwards.
    pub fn reset(&mut self, callout: K, when: Instant) {
        self.timers.arm(callout, when);
    }

    /// Disarms `callout` and says how it stood.
    pub fn stop(&mut self, callout: &K) -> Stop {
        let was_armed = self.timers.disarm(callout);
        if self.running.as_ref() == Some(callout) {
            Stop::Running
        } else if was_armed {
            Stop::Cancelled
        } else {
            Stop::Idle
        }
    }

    /// Takes the next callout due, to be run at once by the caller.
    ///
    /// Panics if the one before has not been reported finished.
    pub fn start_due(&mut self, now: Instant) -> Option<K> {
        assert!(self.running.is_none(), "callouts run one at a time");
        self.running = self.timers.pop_due(now);
        self.running.clone()
    }

    /// The callout last taken has run. Returns it, so that threads waiting for its end can be
    /// woken.
    ///
    /// Panics if none was taken.
    pub fn finished(&mut self) -> K {
        self.running.take().expect("a callout finished that was not running")
    }

    /// When the next callout is due.
    pub fn earliest(&self) -> Option<Instant> {
        self.timers.earliest()
    }
}

impl<K: Clone + PartialEq> Default for Callouts<K> {
    fn default() -> Callouts<K> {
        Callouts::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Instant = Instant::from_nanos(u64::MAX);

    #[test]
    fn a_stopped_callout_does_not_run() {
        let mut callouts = Callouts::new();
        callouts.reset('a', Instant::BOOT);
        assert_eq!(callouts.stop(&'a'), Stop::Cancelled);
        assert_eq!(callouts.start_due(LATE), None);
    }

    #[test]
    fn a_callout_may_arm_itself_again_and_be_stopped_for_good_afterwards() {
        let mut callouts = Callouts::new();
        callouts.reset('a', Instant::BOOT);
        assert_eq!(callouts.start_due(LATE), Some('a'));
        callouts.reset('a', Instant::BOOT);
        assert_eq!(callouts.stop(&'a'), Stop::Running, "disarmed, but its function still runs");
        callouts.reset('a', Instant::BOOT);
        assert_eq!(callouts.finished(), 'a');
        assert_eq!(callouts.stop(&'a'), Stop::Cancelled, "the second arming was still there");
        assert_eq!(callouts.start_due(LATE), None);
    }

    #[test]
    fn a_callout_that_is_stopped_while_it_runs_does_not_run_again() {
        let mut callouts = Callouts::new();
        callouts.reset('a', Instant::BOOT);
        assert_eq!(callouts.start_due(LATE), Some('a'));
        callouts.reset('a', Instant::BOOT);
        assert_eq!(callouts.stop(&'a'), Stop::Running);
        callouts.finished();
        assert_eq!((callouts.start_due(LATE), callouts.stop(&'a')), (None, Stop::Idle));
    }

    #[test]
    #[should_panic(expected = "one at a time")]
    fn callouts_run_one_at_a_time() {
        let mut callouts = Callouts::new();
        callouts.reset('a', Instant::BOOT);
        callouts.reset('b', Instant::BOOT);
        callouts.start_due(LATE);
        callouts.start_due(LATE);
    }
}
