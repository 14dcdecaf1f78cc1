//! Virtual time, work to be done later, and chance.
//!
//! Place: the environment of a device under test. The [`World`](crate::World) decides which
//! work is done when. This file does not know `dm`: tests put this clock behind its `Env` in a
//! few lines.
//!
//! Rules: time moves only when the world moves it. Work is done in a call of the world, never
//! inside [`after`](Clock::after).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use bio::sync::{Lock, Rank};

use crate::chooser::Random;

/// A clock that stands still until the world moves it.
pub struct Clock(Lock<State>);

struct State {
    now: Duration,
    /// By time, then by order of arrival.
    work: Vec<(Duration, Box<dyn FnOnce() + Send>)>,
    random: Random,
}

/// How much work a clock has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Its time has come.
    pub due: usize,
    /// Its time is still to come.
    pub later: usize,
}

impl Clock {
    /// A clock at zero; its chance belongs to `seed`.
    pub fn new(seed: u64) -> Arc<Clock> {
        let state = State { now: Duration::ZERO, work: Vec::new(), random: Random::new(seed) };
        Arc::new(Clock(Lock::new(Rank::ORIGINATOR, state)))
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.0.lock().now
    }

    /// 64 random bits, the same in every run of the same seed.
    pub fn random(&self) -> u64 {
        self.0.lock().random.bits()
    }

    /// Asks for `work` to be done after `delay` or later.
    pub fn after(&self, delay: Duration, work: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock();
        let at = state.now + delay;
        let index = state.work.partition_point(|(other, _)| *other <= at);
        state.work.insert(index, (at, Box::new(work)));
    }

    /// Drops all work without doing it: the machine is off.
    pub fn stop(&self) {
        let work = mem::take(&mut self.0.lock().work);
        drop(work);
    }

    /// How much work there is.
    pub fn work(&self) -> Work {
        let state = self.0.lock();
        let due = state.work.partition_point(|(at, _)| *at <= state.now);
        Work { due, later: state.work.len() - due }
    }

    /// Does the work number `index`, in order of time; moves the clock to its
    /// time if that is still to come. Panics if there is none.
    pub fn run(&self, index: usize) {
        let work = {
            let mut state = self.0.lock();
            let (at, work) = state.work.remove(index);
            state.now = state.now.max(at);
            work
        };
        work();
    }
}
