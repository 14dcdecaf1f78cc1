//! Sleep and wakeup: how threads wait for something.
//!
//! Place: under everything that waits: completions, interrupt threads, the console.
//! Rules: a thread that may sleep holds a [`MaySleep`]. The waker makes the condition true
//! first and wakes afterwards. A condition is tested again after each wake-up, so an extra
//! wake-up does no harm.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use bio::sync::{Lock, Rank};
use lwkt::{Chan, Instant, SleepAnswer, TimedOut, Tsleep, Wakeup, sleep_until};

use super::preempt;
use super::thread::{now, reschedule, tasks, this_cpu};

/// Holding it is the permission to sleep. Every thread's closure is lent one. Interrupt
/// threads' services, callouts and completions are not, so nothing that they call can ever
/// wait: it might wait for their own work.
///
/// It stays in its thread: it is neither `Send` nor `Sync`.
#[derive(Debug)]
pub struct MaySleep {
    _here: PhantomData<*mut ()>,
}

impl MaySleep {
    /// For the closure of a new thread.
    pub(super) fn new() -> MaySleep {
        MaySleep { _here: PhantomData }
    }
}

/// Something to wait on: DragonFly's wait channel, with its wait message. Its address is its
/// identity. It cannot move while a thread sleeps on it, since the thread borrows it.
#[derive(Debug)]
pub struct WaitChan {
    name: &'static str,
}

impl WaitChan {
    /// A channel. The command `threads` shows `name` for the threads that wait on it.
    pub const fn new(name: &'static str) -> WaitChan {
        WaitChan { name }
    }

    /// Sleeps until `ready` has an answer, and returns it. `ready` is tested before the
    /// first sleep and after each wake-up.
    pub fn wait_until<T>(&self, _: &MaySleep, ready: impl FnMut() -> Option<T>) -> T {
        let answer = sleep_until(&Sleeper { chan: self.chan(), deadline: None }, ready);
        answer.expect("there is no deadline")
    }

    /// As [`wait_until`](WaitChan::wait_until), but only up to the first tick after
    /// `limit`.
    ///
    /// # Errors
    /// [`TimedOut`] if there was no answer even then.
    pub fn wait_until_timeout<T>(
        &self,
        _: &MaySleep,
        limit: Duration,
        ready: impl FnMut() -> Option<T>,
    ) -> Result<T, TimedOut> {
        let deadline = Some(now() + limit);
        sleep_until(&Sleeper { chan: self.chan(), deadline }, ready)
    }

    /// Wakes every thread that waits here. Interrupt handlers may call it.
    pub fn wakeup(&self) {
        tasks().sched().wakeup(self.chan());
        preempt::point();
    }

    /// Wakes the thread that has waited longest here. For waiters that are all alike, each of
    /// which takes one thing when woken.
    pub fn wakeup_one(&self) {
        tasks().sched().wakeup_one(self.chan());
        preempt::point();
    }

    fn chan(&self) -> Chan {
        Chan { id: (&raw const *self).addr(), name: self.name }
    }
}

/// Sleeps for `length`, to the end of the tick.
pub fn sleep(may_sleep: &MaySleep, length: Duration) {
    static NOTHING: WaitChan = WaitChan::new("sleep");
    let TimedOut = NOTHING
        .wait_until_timeout(may_sleep, length, || None::<core::convert::Infallible>)
        .expect_err("nothing is ever there");
}

/// The current thread about to sleep on a channel.
struct Sleeper {
    chan: Chan,
    deadline: Option<Instant>,
}

/// The announcement was made.
#[must_use]
struct Announced;

impl Tsleep for Sleeper {
    type Ticket = Announced;

    fn interlock(&self) -> Announced {
        preempt::assert_allowed("sleep");
        tasks().sched().tsleep_interlock(this_cpu(), self.chan);
        Announced
    }

    fn tsleep(&self, _: Announced) -> Wakeup {
        preempt::assert_allowed("sleep");
        let mut tasks = tasks();
        match tasks.sched().tsleep(this_cpu(), self.chan, self.deadline) {
            SleepAnswer::Awake => Wakeup::Woken,
            SleepAnswer::Switch => reschedule(tasks).sched().wakeup_of(this_cpu()),
        }
    }

    fn cancel(&self, _: Announced) {
        tasks().sched().tsleep_cancel(this_cpu(), self.chan);
    }
}

/// One event and its result: completed once by one thread, awaited by another.
pub struct Completion<T = ()> {
    result: Lock<Option<T>>,
    chan: WaitChan,
}

impl<T> Completion<T> {
    /// An event that has not happened. Meanwhile the command `threads` shows `name`.
    pub const fn new(name: &'static str) -> Completion<T> {
        Completion { result: Lock::new(Rank::ORIGINATOR, None), chan: WaitChan::new(name) }
    }

    /// It happened. Completions may call it, interrupt handlers must not.
    ///
    /// # Panics
    /// If it has happened before and nobody has taken the result.
    pub fn complete(&self, result: T) {
        let before = self.result.lock().replace(result);
        assert!(before.is_none(), "an event that happens once happened twice");
        self.chan.wakeup_one();
    }

    /// Waits until it happens and takes the result.
    pub fn wait(&self, may_sleep: &MaySleep) -> T {
        self.chan.wait_until(may_sleep, || self.result.lock().take())
    }

    /// As [`wait`](Completion::wait), but not longer than `limit`.
    ///
    /// # Errors
    /// [`TimedOut`] if it has not happened by then; it still may.
    pub fn wait_timeout(&self, may_sleep: &MaySleep, limit: Duration) -> Result<T, TimedOut> {
        self.chan.wait_until_timeout(may_sleep, limit, || self.result.lock().take())
    }
}

impl<T> fmt::Debug for Completion<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Completion({})", self.chan.name)
    }
}
