//! The scheduler: which thread runs, which wait, and for what.
//!
//! Place: owned by the kernel's `task` module, under a lock taken with interrupts off. Each
//! method says what the kernel has to do with its answer. Rules:
//! - A thread is on a CPU, in one run queue, asleep, or dead. While it is asleep or about to
//!   sleep, it is also in the sleep queue.
//! - `current` always has state Running. After [`Sched::tsleep`] answers
//!   [`SleepAnswer::Switch`], after [`Sched::exit`], and whenever
//!   [`Sched::wants_switch`] says so, the kernel calls [`Sched::switch`] and
//!   does what it says, still holding the lock.
//! - If one CPU makes a thread runnable that another should run, the other learns of it at its
//!   next tick.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use arrayvec::ArrayVec;

use crate::sleep::Wakeup;
use crate::thread::Thread;
use crate::{
    CPUS_MAX, Chan, CpuId, Instant, Name, Priority, State, THREADS_MAX, TIME_SLICE, TableFull,
    ThreadInfo, Tid, TimerQueue,
};

/// Which thread leaves a CPU and which comes. If both are the same, there is nothing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Switch {
    /// The thread whose registers are to be saved.
    pub from: Tid,
    /// The thread whose registers are to be loaded.
    pub to: Tid,
}

/// What [`Sched::tsleep`] answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SleepAnswer {
    /// A wake-up came since the interlock: go on.
    Awake,
    /// The thread is asleep now: switch, and ask [`Sched::wakeup_of`] afterwards.
    Switch,
}

/// All threads of a kernel, and the CPUs they share.
///
/// ```
/// use lwkt::{Chan, CpuId, Instant, Name, Priority, Sched, SleepAnswer};
/// let cpu = CpuId(0);
/// let disk = Chan { id: 0x1000, name: "biowait" };
/// let mut sched = Sched::new(1);
/// let reader = sched.spawn(Name::new("reader"), Priority::Kernel)?;
///
/// let now = Instant::BOOT;
/// assert_eq!(sched.switch(cpu, now).to, reader);
/// sched.tsleep_interlock(cpu, disk);
/// assert_eq!(sched.tsleep(cpu, disk, None), SleepAnswer::Switch);
/// assert_ne!(sched.switch(cpu, now).to, reader, "the idle thread runs");
/// sched.wakeup(disk);
/// assert!(sched.wants_switch(cpu));
/// assert_eq!(sched.switch(cpu, now).to, reader);
/// # Ok::<(), lwkt::TableFull>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sched {
    /// By slot, [`THREADS_MAX`] of them.
    threads: Vec<Option<Thread>>,
    cpus: ArrayVec<Cpu, CPUS_MAX>,
    /// Runnable threads by priority, the next one in front. Idle threads are in no queue.
    run_queues: [VecDeque<Tid>; Priority::COUNT],
    /// Threads asleep or about to sleep, with their channel, longest waiting first.
    sleep_queue: Vec<(Chan, Tid)>,
    /// Sleepers that have a deadline.
    timeouts: TimerQueue<Tid>,
}

#[derive(Clone, Debug)]
struct Cpu {
    current: Tid,
    idle: Tid,
    /// Up to when `current` has been charged for its time.
    charged: Instant,
}

impl Sched {
    /// A scheduler for `cpus` CPUs, each running its idle thread: the thread that runs on that
    /// CPU during this call.
    ///
    /// Panics if `cpus` is 0 or more than [`CPUS_MAX`].
    pub fn new(cpus: usize) -> Sched {
        assert!((1..=CPUS_MAX).contains(&cpus), "{cpus} CPUs");
        let mut timeouts = TimerQueue::new();
        timeouts.reserve(THREADS_MAX);
        let mut sched = Sched {
            threads: (0..THREADS_MAX).map(|_| None).collect(),
            cpus: ArrayVec::new(),
            run_queues: core::array::from_fn(|_| VecDeque::with_capacity(THREADS_MAX)),
            sleep_queue: Vec::with_capacity(THREADS_MAX),
            timeouts,
        };
        for index in 0..cpus {
            let idle = Tid(index as u8);
            let state = State::Running(CpuId(index as u8));
            let thread = Thread::new(Name::new("idle"), Priority::Idle, state);
            sched.threads[idle.slot()] = Some(thread);
            sched.cpus.push(Cpu { current: idle, idle, charged: Instant::BOOT });
        }
        sched
    }

    /// Makes a thread, runnable at once. The kernel has made its stack before.
    ///
    /// Errors: [`TableFull`] if there are [`THREADS_MAX`] already.
    pub fn spawn(&mut self, name: Name, priority: Priority) -> Result<Tid, TableFull> {
        assert!(priority > Priority::Idle, "only a CPU's own idle thread is idle");
        let slot = self.threads.iter().position(Option::is_none).ok_or(TableFull)?;
        let tid = Tid(slot as u8);
        self.threads[slot] = Some(Thread::new(name, priority, State::Runnable));
        self.run_queues[priority as usize].push_back(tid);
        Ok(tid)
    }

    /// Ends the thread that runs on `cpu`. The kernel switches and never
    /// returns to it.
    pub fn exit(&mut self, cpu: CpuId) {
        let tid = self.current(cpu);
        assert!(tid != self.cpus[usize::from(cpu.0)].idle, "the idle thread ends");
        assert!(!self.is_announced(tid), "a thread ends while it is about to sleep");
        self.thread_mut(tid).state = State::Dead;
    }

    /// Takes a dead thread that no CPU stands on any more out of the table: its stack can be
    /// freed.
    pub fn reap(&mut self) -> Option<Tid> {
        let gone = |slot: usize| {
            let dead = self.threads[slot].as_ref().is_some_and(|it| it.state == State::Dead);
            dead && self.cpus.iter().all(|cpu| cpu.current.slot() != slot)
        };
        let slot = (0..THREADS_MAX).find(|&slot| gone(slot))?;
        self.threads[slot] = None;
        Some(Tid(slot as u8))
    }

    /// The thread that runs on `cpu`.
    pub fn current(&self, cpu: CpuId) -> Tid {
        self.cpus[usize::from(cpu.0)].current
    }

    /// All threads, by slot.
    pub fn threads(&self) -> impl Iterator<Item = ThreadInfo> {
        let slots = self.threads.iter().enumerate();
        slots.filter_map(|(slot, thread)| Some((Tid(slot as u8), thread.as_ref()?))).map(
            |(tid, thread)| ThreadInfo {
                tid,
                name: thread.name,
                priority: thread.priority,
                state: thread.state,
                wait: self.sleep_queue.iter().find(|(_, it)| *it == tid).map(|(chan, _)| chan.name),
                cpu_time: thread.cpu_time,
                switches: thread.switches,
            },
        )
    }

    fn thread_mut(&mut self, tid: Tid) -> &mut Thread {
        self.threads[tid.slot()].as_mut().expect("a thread that is not in the table")
    }

    fn is_announced(&self, tid: Tid) -> bool {
        self.sleep_queue.iter().any(|(_, it)| *it == tid)
    }
}

/// Sleep and wakeup.
impl Sched {
    /// Announces that the current thread of `cpu` is going to sleep on `chan`: wake-ups count
    /// from here on. The thread goes on running, and may even be preempted. [`Sched::tsleep`]
    /// or [`Sched::tsleep_cancel`] ends the announcement.
    pub fn tsleep_interlock(&mut self, cpu: CpuId, chan: Chan) {
        let tid = self.current(cpu);
        assert!(tid != self.cpus[usize::from(cpu.0)].idle, "the idle thread sleeps");
        assert!(!self.is_announced(tid), "a thread is about to sleep twice");
        self.sleep_queue.push((chan, tid));
    }

    /// Puts the current thread of `cpu` to sleep, unless it was woken since its interlock. It
    /// wakes by itself at the first [`Sched::tick`] at or after `deadline`.
    pub fn tsleep(&mut self, cpu: CpuId, chan: Chan, deadline: Option<Instant>) -> SleepAnswer {
        let tid = self.current(cpu);
        if !self.sleep_queue.contains(&(chan, tid)) {
            return SleepAnswer::Awake;
        }
        self.thread_mut(tid).state = State::Sleeping;
        if let Some(deadline) = deadline {
            self.timeouts.arm(tid, deadline);
        }
        SleepAnswer::Switch
    }

    /// Takes back the announcement of the current thread of `cpu`. If the thread was woken
    /// meanwhile, it does not need the wake-up: the next waiter gets it. Otherwise a
    /// [`Sched::wakeup_one`] would be lost.
    pub fn tsleep_cancel(&mut self, cpu: CpuId, chan: Chan) {
        let tid = self.current(cpu);
        match self.sleep_queue.iter().position(|it| *it == (chan, tid)) {
            Some(place) => drop(self.sleep_queue.remove(place)),
            None => drop(self.wakeup_one(chan)),
        }
    }

    /// Wakes all threads on `chan`, the longest waiting first. Returns how many.
    pub fn wakeup(&mut self, chan: Chan) -> usize {
        core::iter::from_fn(|| self.wakeup_one(chan).then_some(())).count()
    }

    /// Wakes the thread that waits longest on `chan`; false if there is none.
    pub fn wakeup_one(&mut self, chan: Chan) -> bool {
        let Some(place) = self.sleep_queue.iter().position(|(it, _)| it.id == chan.id) else {
            return false;
        };
        self.wake(place, Wakeup::Woken);
        true
    }

    /// How the last sleep of the current thread of `cpu` ended.
    pub fn wakeup_of(&self, cpu: CpuId) -> Wakeup {
        let thread = self.threads[self.current(cpu).slot()].as_ref();
        thread.expect("the current thread is in the table").wakeup
    }

    /// Takes a thread out of the sleep queue, and makes it runnable if it is
    /// already asleep.
    fn wake(&mut self, place: usize, how: Wakeup) {
        let (_, tid) = self.sleep_queue.remove(place);
        self.timeouts.disarm(&tid);
        let thread = self.thread_mut(tid);
        if thread.state == State::Sleeping {
            thread.wakeup = how;
            thread.state = State::Runnable;
            thread.slice = TIME_SLICE;
            let priority = thread.priority;
            self.run_queues[priority as usize].push_back(tid);
        }
    }

    fn expire_sleeps(&mut self, now: Instant) {
        while let Some(tid) = self.timeouts.pop_due(now) {
            let place = self.sleep_queue.iter().position(|(_, it)| *it == tid);
            self.wake(place.expect("a sleeper with a deadline is queued"), Wakeup::TimedOut);
        }
    }
}

/// Which thread runs next.
impl Sched {
    /// Time passes: called by the timer interrupt of each CPU. Charges the
    /// current thread and wakes sleepers whose deadline has come.
    pub fn tick(&mut self, cpu: CpuId, now: Instant) {
        self.charge(cpu, now);
        self.expire_sleeps(now);
    }

    /// The current thread of `cpu` gives up the rest of its turn; the kernel
    /// switches if [`Sched::wants_switch`].
    pub fn end_turn(&mut self, cpu: CpuId) {
        let tid = self.current(cpu);
        self.thread_mut(tid).slice = Duration::ZERO;
    }

    /// Whether a thread waits that should run on `cpu` instead of its current one: one of
    /// higher priority, or an equal when the turn is over. The kernel asks whenever preemption
    /// is allowed: at the end of an interrupt, of a wake-up, of a section without preemption.
    pub fn wants_switch(&self, cpu: CpuId) -> bool {
        let current = self.threads[self.current(cpu).slot()].as_ref();
        let current = current.expect("the current thread is in the table");
        let waiting = self.run_queues.iter().rposition(|queue| !queue.is_empty());
        waiting.is_some_and(|highest| {
            highest > current.priority as usize
                || highest == current.priority as usize && current.slice.is_zero()
        })
    }

    /// Chooses the thread that runs next on `cpu` and makes it current. If the old thread can
    /// go on, it goes back into its queue: in front while its turn lasts, else to the end.
    pub fn switch(&mut self, cpu: CpuId, now: Instant) -> Switch {
        self.charge(cpu, now);
        let Cpu { current: from, idle, .. } = self.cpus[usize::from(cpu.0)];
        if self.thread_mut(from).state == State::Running(cpu) {
            self.put_back(from);
        }
        let mut queues = self.run_queues.iter_mut().rev();
        let to = queues.find_map(VecDeque::pop_front).unwrap_or(idle);
        let thread = self.thread_mut(to);
        thread.state = State::Running(cpu);
        thread.switches += u64::from(from != to);
        self.cpus[usize::from(cpu.0)].current = to;
        Switch { from, to }
    }

    fn put_back(&mut self, tid: Tid) {
        let thread = self.thread_mut(tid);
        thread.state = State::Runnable;
        let priority = thread.priority;
        if priority == Priority::Idle {
            return;
        }
        if thread.slice.is_zero() {
            thread.slice = TIME_SLICE;
            self.run_queues[priority as usize].push_back(tid);
        } else {
            self.run_queues[priority as usize].push_front(tid);
        }
    }

    fn charge(&mut self, cpu: CpuId, now: Instant) {
        let cpu = &mut self.cpus[usize::from(cpu.0)];
        let used = now.since(cpu.charged);
        cpu.charged = cpu.charged.max(now);
        let tid = cpu.current;
        let thread = self.thread_mut(tid);
        thread.cpu_time += used;
        thread.slice = thread.slice.saturating_sub(used);
    }
}

#[cfg(test)]
mod tests;
