//! Time, delayed work and chance, as mapping targets see them (`dm::Env`).
//!
//! Place: one for the device mapper, handed to every target. Work runs in the thread `dm
//! worker`, at the priority of ordinary threads: a resync pass must not hold up callouts.
//! Rules: work does not sleep; work runs in the order in which it is due.

use alloc::sync::Arc;
use core::time::Duration;

use bio::sync::{Lock, Rank};
use dm::{Env, Event, Probe, Work};
use lwkt::{Priority, TimerQueue};
use spin::Once;
use x86_64::instructions::random::RdRand;

use super::Callout;
use super::ithread::{self, Bell};
use super::thread::now;
use crate::arch::clock;
use crate::mm::heap;
use crate::{events, trace};

/// Below the rank of callouts: a callout is reset while this lock is held.
const RANK: Rank = Rank(90);

static JOBS: Lock<Jobs> = Lock::new(RANK, Jobs { timers: TimerQueue::new(), count: 0, chance: 0 });

static WORKER: Once<Worker> = Once::new();

struct Jobs {
    timers: TimerQueue<Job>,
    /// Jobs so far: numbers the jobs.
    count: u64,
    /// State of the generator of random numbers.
    chance: u64,
}

struct Job {
    number: u64,
    work: Arc<dyn Work>,
}

impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.number == other.number
    }
}

struct Worker {
    bell: Bell,
    /// Rings the bell when the next job is due.
    alarm: Callout,
}

/// The kernel's implementation.
#[derive(Clone, Copy, Debug)]
pub struct KernelEnv;

impl Env for KernelEnv {
    fn now(&self) -> Duration {
        Duration::from_nanos(clock::now())
    }

    fn run_after(&self, delay: Duration, work: Arc<dyn Work>) {
        let when = now() + delay;
        let mut jobs = JOBS.lock();
        jobs.count += 1;
        let number = jobs.count;
        jobs.timers.arm(Job { number, work }, when);
        set_alarm(&jobs);
    }

    fn random(&self) -> u64 {
        let drawn = RdRand::new().and_then(RdRand::get_u64).unwrap_or_default();
        drawn ^ splitmix(&mut JOBS.lock().chance)
    }

    fn has_room(&self, bytes: usize) -> bool {
        heap::has_room(bytes)
    }

    fn note(&self, event: &Event<'_>) {
        events::note(event);
    }

    fn probe(&self) -> Option<Probe> {
        Some(trace::dm)
    }
}

/// Starts the worker thread; after `callout::init`.
pub(super) fn init() {
    JOBS.lock().chance = seed();
    let bell = ithread::start("dm worker", Priority::Kernel, work_off);
    let bell = bell.expect("a worker thread at boot");
    WORKER.call_once(|| Worker { bell, alarm: Callout::new(move || bell.ring()) });
}

/// Does the work that is due, without the lock; then sets the alarm for the rest.
fn work_off() {
    let pop_due = || JOBS.lock().timers.pop_due(now());
    while let Some(job) = pop_due() {
        job.work.run();
    }
    set_alarm(&JOBS.lock());
}

/// Makes the worker run when the next job is due: now, or by the alarm.
fn set_alarm(jobs: &Jobs) {
    let Worker { bell, alarm } = WORKER.get().expect("work comes after task::init");
    let Some(next) = jobs.timers.earliest() else { return };
    match next.since(now()) {
        Duration::ZERO => bell.ring(),
        wait => alarm.reset(wait),
    }
}

/// Differs from boot to boot even without RDRAND: by the time of the boot, and by how fast this
/// CPU was.
fn seed() -> u64 {
    clock::now() ^ clock::tsc_hz().rotate_left(32)
}

/// The next number of a sequence (Steele, Lea and Flood, SplitMix64, OOPSLA 2014).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
