//! Threads: turns, sleep and wakeup, interrupt threads, completions.
//!
//! Most of these tests would hang if their promise were broken: then the run's deadline ends
//! them.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;

use bio::sync::{Lock, Rank};
use bio::{Bio, BlockDevice, Buf, Extent, Limits, Sector, Sectors};

use super::Test;
use crate::arch::interrupts::Vector;
use crate::arch::irq_lock::InterruptsOff;
use crate::arch::{clock, lapic};
use crate::check;
use crate::task::{
    Bell, Callout, Completion, JoinHandle, MaySleep, Priority, SpawnError, TimedOut, WaitChan,
    biowait, ithread, sleep, spawn, threads, yield_now,
};

pub const TESTS: &[Test] = &[
    Test { name: "task::two_threads_take_turns_by_wakeups", run: ping_pong },
    Test { name: "task::no_wakeup_is_lost_under_stress", run: no_wakeup_is_lost },
    Test { name: "task::no_ring_is_lost_under_stress", run: no_ring_is_lost },
    Test { name: "task::a_deadline_ends_a_wait", run: a_deadline_ends_a_wait },
    Test { name: "task::a_wakeup_ends_a_wait_before_its_deadline", run: a_wakeup_ends_a_wait },
    Test { name: "task::busy_threads_get_equal_turns", run: busy_threads_get_equal_turns },
    Test { name: "task::an_interrupt_thread_preempts_a_busy_one", run: an_interrupt_preempts },
    Test { name: "task::a_lock_delays_preemption_to_its_release", run: a_lock_delays_preemption },
    Test { name: "task::interrupts_off_delays_preemption", run: interrupts_off_delays },
    Test { name: "task::threads_end_and_leave_nothing", run: threads_leave_nothing },
    Test { name: "task::a_full_table_is_an_error", run: a_full_table_is_an_error },
    Test { name: "task::a_retired_interrupt_thread_ends", run: a_retired_thread_ends },
    Test { name: "task::the_listing_says_who_waits_for_what", run: the_listing },
    Test { name: "task::biowait_returns_the_memory", run: biowait_returns_the_memory },
];

/// Work for an interrupt thread: counts the work that came and the work that was seen.
struct Device {
    work: AtomicUsize,
    seen: AtomicUsize,
    served: AtomicUsize,
}

impl Device {
    /// A device with its interrupt thread.
    fn start() -> Result<(Arc<Device>, Bell), String> {
        let [work, seen, served] = [const { AtomicUsize::new(0) }; 3];
        let device = Arc::new(Device { work, seen, served });
        let bell = ithread("test intr", {
            let device = device.clone();
            Arc::new(move || {
                device.seen.store(device.work.load(Relaxed), Relaxed);
                device.served.fetch_add(1, Relaxed);
            })
        });
        Ok((device, bell.map_err(|why| alloc::format!("{why}"))?))
    }
}

fn start(body: impl FnOnce(&MaySleep) + Send + 'static) -> Result<JoinHandle, String> {
    spawn("test", Priority::Kernel, body).map_err(|why| alloc::format!("{why}"))
}

fn ping_pong(may_sleep: &MaySleep) -> Result<(), String> {
    const ROUNDS: usize = 2000;
    let table = Arc::new((AtomicUsize::new(0), WaitChan::new("ping"), WaitChan::new("pong")));
    let player = {
        let table = table.clone();
        start(move |may_sleep| {
            let (ball, ping, pong) = &*table;
            for round in 0..ROUNDS {
                pong.wait_until(may_sleep, || (ball.load(Relaxed) == 2 * round + 1).then_some(()));
                ball.fetch_add(1, Relaxed);
                ping.wakeup();
            }
        })?
    };
    let (ball, ping, pong) = &*table;
    for round in 0..ROUNDS {
        ping.wait_until(may_sleep, || (ball.load(Relaxed) == 2 * round).then_some(()));
        ball.fetch_add(1, Relaxed);
        pong.wakeup();
    }
    player.join(may_sleep);
    check!(ball.load(Relaxed) == 2 * ROUNDS);
    Ok(())
}

/// Two producers, two consumers, and room for three items: every thread sleeps often.
fn no_wakeup_is_lost(may_sleep: &MaySleep) -> Result<(), String> {
    const ITEMS: usize = 4000;
    const ROOM: usize = 3;
    struct Store {
        items: Lock<usize>,
        some: WaitChan,
        room: WaitChan,
    }
    let store = Arc::new(Store {
        items: Lock::new(Rank::ORIGINATOR, 0),
        some: WaitChan::new("some"),
        room: WaitChan::new("room"),
    });
    let mut workers = Vec::new();
    for number in 0..4 {
        let store = store.clone();
        workers.push(start(move |may_sleep| {
            for item in 0..ITEMS / 2 {
                if number % 2 == 0 {
                    store.room.wait_until(may_sleep, || {
                        let mut items = store.items.lock();
                        (*items < ROOM).then(|| *items += 1)
                    });
                    store.some.wakeup_one();
                } else {
                    store.some.wait_until(may_sleep, || {
                        let mut items = store.items.lock();
                        *items = items.checked_sub(1)?;
                        Some(())
                    });
                    store.room.wakeup_one();
                }
                if item % (number + 2) == 0 {
                    yield_now();
                }
            }
        })?);
    }
    workers.into_iter().for_each(|worker| worker.join(may_sleep));
    check!(*store.items.lock() == 0);
    Ok(())
}

/// Interrupts and a thread ring the same bell, and all the work is seen in the end.
fn no_ring_is_lost(may_sleep: &MaySleep) -> Result<(), String> {
    const RINGS: usize = 3000;
    let (device, bell) = Device::start()?;
    let vector =
        Vector::allocate("test", Bell::ring_number, bell.number()).ok_or("no vector left")?;
    for round in 0..RINGS {
        device.work.fetch_add(1, Relaxed);
        match round % 3 {
            0 => bell.ring(),
            1 => lapic::get().interrupt_self(&vector),
            _ => {
                lapic::get().interrupt_self(&vector);
                bell.ring();
            }
        }
        if round % 100 == 0 {
            sleep(may_sleep, Duration::ZERO);
        }
    }
    while device.seen.load(Relaxed) < RINGS {}
    bell.retire();
    Ok(())
}

fn a_deadline_ends_a_wait(may_sleep: &MaySleep) -> Result<(), String> {
    const LIMIT: Duration = Duration::from_millis(3);
    let (start, event) = (clock::now(), Completion::new("never"));
    check!(event.wait_timeout(may_sleep, LIMIT) == Err(TimedOut));
    check!(u128::from(clock::now() - start) >= LIMIT.as_nanos(), "too early");
    event.complete(7);
    check!(event.wait(may_sleep) == 7);
    Ok(())
}

fn a_wakeup_ends_a_wait(may_sleep: &MaySleep) -> Result<(), String> {
    let event = Arc::new(Completion::new("soon"));
    let waker = {
        let event = event.clone();
        start(move |_| event.complete("done"))?
    };
    check!(event.wait_timeout(may_sleep, Duration::from_secs(3600)) == Ok("done"));
    waker.join(may_sleep);
    Ok(())
}

fn busy_threads_get_equal_turns(may_sleep: &MaySleep) -> Result<(), String> {
    const BUSY: usize = 3;
    const TURNS: u64 = 5;
    let stop = Arc::new(AtomicBool::new(false));
    let turns = Arc::new([const { AtomicU64::new(0) }; BUSY]);
    let last = Arc::new(AtomicUsize::new(BUSY));
    let mut busy = Vec::new();
    for me in 0..BUSY {
        let (stop, turns, last) = (stop.clone(), turns.clone(), last.clone());
        let spin = move |_: &MaySleep| {
            while !stop.load(Relaxed) {
                // An interrupt's thread that came between has not ended the turn.
                if last.swap(me, Relaxed) != me {
                    turns[me].fetch_add(1, Relaxed);
                }
            }
        };
        busy.push(spawn("busy", Priority::Kernel, spin).map_err(|why| alloc::format!("{why}"))?);
    }
    // A thread that began earlier had some turns already.
    let turns_now = || turns.each_ref().map(|turns| turns.load(Relaxed));
    let before = turns_now();
    let turns_since = || core::array::from_fn::<_, BUSY, _>(|it| turns_now()[it] - before[it]);
    while turns_since().iter().all(|&turns| turns < TURNS) {}
    let turns = turns_since();
    stop.store(true, Relaxed);
    busy.into_iter().for_each(|thread| thread.join(may_sleep));
    check!(turns.iter().all(|turns| (TURNS - 1..=TURNS + 1).contains(turns)), "turns {turns:?}");
    Ok(())
}

fn an_interrupt_preempts(_: &MaySleep) -> Result<(), String> {
    let (device, bell) = Device::start()?;
    let vector =
        Vector::allocate("test", Bell::ring_number, bell.number()).ok_or("no vector left")?;
    for served in 1..=10 {
        lapic::get().interrupt_self(&vector);
        // Never gives way by itself.
        while device.served.load(Relaxed) < served {}
        check!(device.served.load(Relaxed) == served, "a service without a ring");
    }
    bell.retire();
    Ok(())
}

fn a_lock_delays_preemption(_: &MaySleep) -> Result<(), String> {
    let (device, bell) = Device::start()?;
    let (outer, inner) = (Lock::new(Rank(1), ()), Lock::new(Rank(2), ()));
    let ticks = clock::ticks();
    let outer_guard = outer.lock();
    let inner_guard = inner.lock();
    bell.ring();
    // Neither the ring nor the ends of interrupts switch now.
    while clock::ticks() < ticks + 3 {}
    check!(device.served.load(Relaxed) == 0, "preempted with two locks held");
    drop(outer_guard);
    check!(device.served.load(Relaxed) == 0, "preempted with a lock held");
    drop(inner_guard);
    check!(device.served.load(Relaxed) == 1, "not made up for at the release");
    bell.retire();
    Ok(())
}

fn interrupts_off_delays(_: &MaySleep) -> Result<(), String> {
    let (device, bell) = Device::start()?;
    {
        let _off = InterruptsOff::new();
        bell.ring();
        check!(device.served.load(Relaxed) == 0, "preempted with interrupts off");
    }
    while device.served.load(Relaxed) == 0 {}
    bell.retire();
    Ok(())
}

fn threads_leave_nothing(may_sleep: &MaySleep) -> Result<(), String> {
    // More than there are slots and stacks.
    const THREADS: usize = 600;
    let count = Arc::new(AtomicUsize::new(0));
    let before = threads().len();
    for _ in 0..THREADS {
        let count = count.clone();
        start(move |_| _ = count.fetch_add(1, Relaxed))?.join(may_sleep);
    }
    check!(count.load(Relaxed) == THREADS);
    check!(threads().len() <= before + 1, "dead threads pile up");
    check!(Arc::strong_count(&count) == 1, "a closure was not dropped");
    Ok(())
}

fn a_full_table_is_an_error(may_sleep: &MaySleep) -> Result<(), String> {
    let gate = Arc::new((AtomicBool::new(false), WaitChan::new("gate")));
    let mut waiting = Vec::new();
    let refused = loop {
        let gate = gate.clone();
        let body = move |may_sleep: &MaySleep| {
            let (open, chan) = &*gate;
            chan.wait_until(may_sleep, || open.load(Relaxed).then_some(()));
        };
        match spawn("filler", Priority::Kernel, body) {
            Ok(thread) => waiting.push(thread),
            Err(why) => break why,
        }
    };
    gate.0.store(true, Relaxed);
    gate.1.wakeup();
    let started = waiting.len();
    waiting.into_iter().for_each(|thread| thread.join(may_sleep));
    check!(matches!(refused, SpawnError::TableFull(_)), "{refused}");
    check!(started > 32, "only {started} threads fit");
    start(|_| {})?.join(may_sleep);
    Ok(())
}

fn a_retired_thread_ends(may_sleep: &MaySleep) -> Result<(), String> {
    let (device, bell) = Device::start()?;
    bell.ring();
    bell.retire();
    while Arc::strong_count(&device) > 1 {
        sleep(may_sleep, Duration::ZERO);
    }
    check!(device.served.load(Relaxed) == 1);
    Ok(())
}

fn the_listing(may_sleep: &MaySleep) -> Result<(), String> {
    let event = Arc::new(Completion::new("listed"));
    let waiter = {
        let event = event.clone();
        let wait = move |may_sleep: &MaySleep| event.wait(may_sleep);
        spawn("waiter", Priority::Kernel, wait).map_err(|why| alloc::format!("{why}"))?
    };
    let waiting = loop {
        yield_now();
        let all = threads();
        check!(all.iter().filter(|it| it.priority == Priority::Idle).count() == 1);
        if let Some(line) = all.iter().find(|it| it.wait == Some("listed")) {
            break *line;
        }
    };
    event.complete(());
    waiter.join(may_sleep);
    check!(waiting.name.as_str() == "waiter" && waiting.priority == Priority::Kernel);
    check!(waiting.switches >= 1);
    Ok(())
}

/// Fills reads with a pattern: half of them inside `strategy`, half later.
struct Pattern(Arc<Lock<Option<Bio>>>, Callout);

impl Pattern {
    fn new() -> Pattern {
        let held: Arc<Lock<Option<Bio>>> = Arc::new(Lock::new(Rank::DRIVER, None));
        let later = held.clone();
        let complete = move || {
            let bio = later.lock().take();
            if let Some(bio) = bio {
                fill(bio);
            }
        };
        Pattern(held, Callout::new(complete))
    }
}

fn fill(mut bio: Bio) {
    let start = bio.extent().start().0 as u8;
    if let Some(memory) = bio.read_memory() {
        memory.fill(start);
    }
    bio.biodone(Ok(()));
}

impl BlockDevice for Pattern {
    fn capacity(&self) -> Sectors {
        Sectors(64)
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn strategy(&self, bio: Bio) {
        if bio.extent().start().0.is_multiple_of(2) {
            fill(bio);
        } else {
            *self.0.lock() = Some(bio);
            self.1.reset(Duration::ZERO);
        }
    }
}

fn biowait_returns_the_memory(may_sleep: &MaySleep) -> Result<(), String> {
    let device = Pattern::new();
    for sector in 0..20 {
        let memory = [0xee; 512].as_slice().into();
        let extent = Extent::new(Sector(sector), Sectors(1));
        let (buf, result) = biowait(may_sleep, &device, Buf::read(extent, memory));
        check!(result == Ok(()));
        let memory = buf.into_read().ok_or("the memory is gone")?;
        check!(memory.iter().all(|&byte| u64::from(byte) == sector));
    }
    Ok(())
}
