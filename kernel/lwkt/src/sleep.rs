//! The one right way to sleep: announce it, test, sleep.
//!
//! Place: everything in the kernel that waits uses [`sleep_until`]: interrupt threads for their
//! bell, `biowait` for its completion. The kernel implements [`Tsleep`] with its locked
//! [`Sched`](crate::Sched). The model checker does so too, so it checks the code that runs.
//! Rules: the waker makes the condition true first and wakes afterwards.

/// How a sleep ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wakeup {
    /// By a wake-up on the channel.
    Woken,
    /// The deadline passed first.
    TimedOut,
}

/// The deadline passed and the condition was still false.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimedOut;

/// A wait channel as the current thread sees it (DragonFly's `tsleep` with
/// `PINTERLOCKED`).
pub trait Tsleep {
    /// The announcement. Holding it is the permission to sleep, so nobody can
    /// test first and announce afterwards by mistake.
    type Ticket;

    /// Announces that the current thread is going to sleep on this channel. A
    /// wake-up from here on is not lost: it makes `tsleep` return at once.
    fn interlock(&self) -> Self::Ticket;

    /// Sleeps until woken, or until the deadline that belongs to the channel.
    fn tsleep(&self, ticket: Self::Ticket) -> Wakeup;

    /// Takes the announcement back: the thread need not sleep. If a wake-up already went to it,
    /// the wake-up is passed on.
    fn cancel(&self, ticket: Self::Ticket);
}

/// Sleeps on `channel` until `ready` has an answer, and returns it.
///
/// `ready` runs in the calling thread, once or more. It may take what it finds, since its
/// answer is returned and never dropped.
///
/// Errors: [`TimedOut`] if the channel has a deadline, it passed, and `ready`
/// had no answer even then.
pub fn sleep_until<S: Tsleep, T>(
    channel: &S,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<T, TimedOut> {
    loop {
        let ticket = channel.interlock();
        // Tested between announcement and sleep: this order is what
        // keeps a wake-up from falling in between.
        if let Some(answer) = ready() {
            channel.cancel(ticket);
            return Ok(answer);
        }
        if channel.tsleep(ticket) == Wakeup::TimedOut {
            return ready().ok_or(TimedOut);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// A channel on which every sleep ends at its deadline.
    struct Late {
        announced: Cell<u32>,
    }

    impl Tsleep for Late {
        type Ticket = ();

        fn interlock(&self) {
            self.announced.set(self.announced.get() + 1);
        }

        fn tsleep(&self, _: ()) -> Wakeup {
            self.announced.set(self.announced.get() - 1);
            Wakeup::TimedOut
        }

        fn cancel(&self, _: ()) {
            self.announced.set(self.announced.get() - 1);
        }
    }

    /// The result for a condition that is true from this test on.
    fn true_at(test: u32) -> (Result<u32, TimedOut>, u32) {
        let (channel, tests) = (Late { announced: Cell::new(0) }, Cell::new(0));
        let ready = || {
            tests.set(tests.get() + 1);
            // Otherwise a wake-up that comes now is lost.
            assert!(tests.get() > 1 || channel.announced.get() == 1, "tested unannounced");
            (tests.get() >= test).then_some(tests.get())
        };
        (sleep_until(&channel, ready), channel.announced.get())
    }

    #[test]
    fn what_came_true_by_the_deadline_is_no_time_out() {
        assert_eq!(true_at(2), (Ok(2), 0));
        assert_eq!(true_at(3), (Err(TimedOut), 0));
    }

    #[test]
    fn who_need_not_sleep_takes_the_announcement_back() {
        assert_eq!(true_at(1), (Ok(1), 0));
    }
}
