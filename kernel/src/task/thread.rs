//! The threads of the kernel: their table, birth, turns and end.
//!
//! Place: does what the scheduler core `lwkt` decides. All of `task` asks the core through
//! `tasks()`, its lock.
//! Rules: the lock is taken with interrupts off and held for one question and its answer;
//! `reschedule` is the only way from thread to thread.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use lwkt::{CpuId, Instant, Name, Priority, Sched, THREADS_MAX, ThreadInfo, Tid};

use super::switch::{self, Context};
use super::{Completion, ITHREADS_MAX, MaySleep, preempt};
use crate::arch::irq_lock::{InterruptsOff, IrqGuard};
use crate::arch::{self, IrqLock, clock};
use crate::mm::heap;
use crate::mm::stack::KernelStack;
use crate::trace;

/// All threads and the scheduler that knows them.
pub(super) static TASKS: IrqLock<Tasks> = IrqLock::new(Tasks(None));

/// `None` until `init`.
pub(super) struct Tasks(Option<Table>);

struct Table {
    sched: Sched,
    /// By the slots of the scheduler.
    threads: Vec<Option<Thread>>,
}

struct Thread {
    context: Context,
    /// What the thread will do; taken when it begins.
    body: Option<Body>,
}

type Body = Box<dyn FnOnce(&MaySleep) + Send>;

impl Tasks {
    fn table(&mut self) -> &mut Table {
        self.0.as_mut().expect("threads exist after task::init")
    }

    pub(super) fn sched(&mut self) -> &mut Sched {
        &mut self.table().sched
    }

    pub(super) fn context(&mut self, tid: Tid) -> &mut Context {
        let thread = self.table().threads[tid.slot()].as_mut();
        &mut thread.expect("a thread of the scheduler has a context").context
    }
}

/// Takes the scheduler's lock.
pub(super) fn tasks() -> IrqGuard<'static, Tasks> {
    TASKS.lock()
}

/// The CPU that runs this; there is one so far. Call with interrupts off.
pub(super) fn this_cpu() -> CpuId {
    CpuId(0)
}

pub(super) fn now() -> Instant {
    Instant::from_nanos(clock::now())
}

/// Makes the calling thread the idle thread of this CPU.
pub(super) fn init() {
    let sched = Sched::new(1);
    let mut threads: Vec<Option<Thread>> = (0..THREADS_MAX).map(|_| None).collect();
    let idle = sched.current(this_cpu());
    threads[idle.slot()] = Some(Thread { context: Context::running(), body: None });
    tasks().0 = Some(Table { sched, threads });
}

/// Why a thread could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// All slots are in use.
    TableFull(lwkt::TableFull),
    /// No memory is left for its stack.
    NoStack,
    /// An interrupt thread needs a bell, and all are in use.
    NoBell,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::TableFull(full) => full.fmt(f),
            SpawnError::NoStack => f.write_str("no memory for a thread's stack"),
            SpawnError::NoBell => write!(f, "all {ITHREADS_MAX} interrupt threads are in use"),
        }
    }
}

/// A thread that was started. The thread goes on when this is dropped.
#[derive(Debug)]
pub struct JoinHandle(Arc<Completion>);

impl JoinHandle {
    /// Waits until the thread's closure has returned.
    pub fn join(self, may_sleep: &MaySleep) {
        self.0.wait(may_sleep);
    }
}

/// Starts a thread. `body` runs with interrupts on and may sleep.
///
/// The name is for people, cut to 16 bytes. The priority is [`Priority::Kernel`] for
/// everything but the services of `task` itself.
///
/// # Errors
/// If there is no slot or no stack for it.
pub fn spawn(
    name: &str,
    priority: Priority,
    body: impl FnOnce(&MaySleep) + Send + 'static,
) -> Result<JoinHandle, SpawnError> {
    bury();
    let done = Arc::new(Completion::new("join"));
    let handle = JoinHandle(done.clone());
    let body: Body = Box::new(move |may_sleep| {
        body(may_sleep);
        done.complete(());
    });
    let context = Context::new(KernelStack::new().ok_or(SpawnError::NoStack)?);
    let thread = Thread { context, body: Some(body) };
    // The new thread is complete before the lock is free. It may run from then on.
    let mut tasks = tasks();
    match tasks.sched().spawn(Name::new(name), priority) {
        Ok(tid) => tasks.table().threads[tid.slot()] = Some(thread),
        Err(full) => {
            // Memory is freed without the lock.
            drop(tasks);
            drop(thread);
            return Err(SpawnError::TableFull(full));
        }
    }
    drop(tasks);
    preempt::point();
    Ok(handle)
}

/// Frees what dead threads left behind. A thread cannot free its own stack, so the next thread
/// that starts does it.
fn bury() {
    loop {
        let dead = {
            let mut tasks = tasks();
            let Some(tid) = tasks.sched().reap() else { return };
            tasks.table().threads[tid.slot()].take()
        };
        drop(dead);
    }
}

/// The life of a thread, from its first switch on: interrupts are off, the lock is free.
pub(super) fn main() -> ! {
    let body = {
        let mut tasks = tasks();
        let me = tasks.sched().current(this_cpu());
        tasks.table().threads[me.slot()].as_mut().and_then(|thread| thread.body.take())
    };
    arch::enable_interrupts();
    body.expect("a thread begins once")(&MaySleep::new());
    let mut tasks = tasks();
    tasks.sched().exit(this_cpu());
    reschedule(tasks);
    unreachable!("a dead thread runs");
}

/// Gives the CPU to the thread that should have it. Returns when the calling thread has it
/// again: at once, if that is the thread.
pub(super) fn reschedule(mut tasks: IrqGuard<'static, Tasks>) -> IrqGuard<'static, Tasks> {
    let answer = tasks.sched().switch(this_cpu(), now());
    if answer.from != answer.to {
        trace::switch(answer.to.slot());
        let reserve = heap::open_reserve(false);
        tasks = switch::switch(tasks, answer);
        heap::open_reserve(reserve);
    }
    tasks
}

/// Lets the calling thread use the heap's reserve while it does `io`, something on which the
/// end of I/O depends. Preparations, such as a reader's memory, must not use the reserve.
pub fn with_reserve<R>(io: impl FnOnce() -> R) -> R {
    let before = heap::open_reserve(true);
    let result = io();
    heap::open_reserve(before);
    result
}

/// Lets other threads of the same priority go first, if there are any.
pub fn yield_now() {
    preempt::assert_allowed("yield");
    let mut tasks = tasks();
    tasks.sched().end_turn(this_cpu());
    if tasks.sched().wants_switch(this_cpu()) {
        reschedule(tasks);
    }
}

/// The rest of the thread that called `init`: it does nothing until an interrupt makes a thread
/// runnable.
pub fn idle() -> ! {
    loop {
        let _off = InterruptsOff::new();
        // Interrupts are off here, and `wait_for_interrupt` turns them on and halts in one
        // step. So a thread that is woken in between is not left waiting.
        let mut tasks = tasks();
        if tasks.sched().wants_switch(this_cpu()) {
            reschedule(tasks);
        } else {
            drop(tasks);
            arch::wait_for_interrupt();
        }
    }
}

/// All threads, for the console: by slot, idle ones first.
pub fn threads() -> Vec<ThreadInfo> {
    // Allocated without the lock.
    let mut list = Vec::with_capacity(THREADS_MAX);
    list.extend(tasks().sched().threads());
    list
}
