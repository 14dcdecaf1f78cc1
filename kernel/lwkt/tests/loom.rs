//! `Bell` and `sleep_until` under the model checker: every execution that the
//! memory model allows, of the code that the kernel runs.
//!
//! Run by `cargo test -p lwkt --features loom --test loom --release`. A lost
//! wake-up shows as a deadlock, which loom reports.
//!
//! The kernel's side is played by a [`Machine`]: the scheduler under a mutex,
//! with a CPU for each thread; a thread that no CPU runs waits on a condition
//! variable.

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use lwkt::{
    Bell, Chan, CpuId, Instant, Name, Priority, Sched, SleepAnswer, State, Tid, Tsleep, Wakeup,
    sleep_until,
};

const CHAN: Chan = Chan { id: 1, name: "test" };

struct Machine {
    sched: Mutex<Sched>,
    cpus: u8,
    switched: Condvar,
}

impl Machine {
    /// A machine with as many CPUs as threads, each running one.
    fn new(threads: u8) -> (Machine, Vec<Tid>) {
        let mut sched = Sched::new(usize::from(threads));
        let spawn = |_| sched.spawn(Name::new("test"), Priority::Kernel).expect("few threads");
        let tids = (0..threads).map(spawn).collect();
        let machine = Machine { sched: Mutex::new(sched), cpus: threads, switched: Condvar::new() };
        machine.on_all_cpus(|_| ());
        (machine, tids)
    }

    /// Does `what`, and what every CPU does in consequence.
    fn on_all_cpus(&self, what: impl FnOnce(&mut Sched)) {
        let mut sched = self.sched.lock().unwrap();
        what(&mut sched);
        for cpu in (0..self.cpus).map(CpuId) {
            if sched.wants_switch(cpu) {
                sched.switch(cpu, Instant::BOOT);
            }
        }
        self.switched.notify_all();
    }

    fn wakeup(&self) {
        self.on_all_cpus(|sched| _ = sched.wakeup(CHAN));
    }

    fn wakeup_one(&self) {
        self.on_all_cpus(|sched| _ = sched.wakeup_one(CHAN));
    }
}

/// The CPU that runs the thread.
fn cpu_of(sched: &Sched, tid: Tid) -> Option<CpuId> {
    sched.threads().find(|it| it.tid == tid).and_then(|it| match it.state {
        State::Running(cpu) => Some(cpu),
        _ => None,
    })
}

/// The channel as one thread sees it.
struct Seen<'a>(&'a Machine, Tid);

impl Tsleep for Seen<'_> {
    type Ticket = ();

    fn interlock(&self) {
        let mut sched = self.0.sched.lock().unwrap();
        let cpu = cpu_of(&sched, self.1).expect("it is running");
        sched.tsleep_interlock(cpu, CHAN);
    }

    fn tsleep(&self, (): ()) -> Wakeup {
        let Seen(machine, me) = *self;
        let mut sched = machine.sched.lock().unwrap();
        let cpu = cpu_of(&sched, me).expect("it is running");
        if sched.tsleep(cpu, CHAN, None) == SleepAnswer::Awake {
            return Wakeup::Woken;
        }
        sched.switch(cpu, Instant::BOOT);
        loop {
            if let Some(cpu) = cpu_of(&sched, me) {
                return sched.wakeup_of(cpu);
            }
            sched = machine.switched.wait(sched).unwrap();
        }
    }

    fn cancel(&self, (): ()) {
        let me = self.1;
        self.0.on_all_cpus(|sched| {
            let cpu = cpu_of(sched, me).expect("it is running");
            sched.tsleep_cancel(cpu, CHAN);
        });
    }
}

/// Explores all executions with at most so many preemptions: few enough to
/// end, and enough to find that a wake-up is not passed on, which takes four.
fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(body);
}

/// What an interrupt thread does: sleeps for its bell, then looks at its
/// device, until it has `seen` all its work.
fn serve(channel: &Seen, bell: &Bell, seen: impl Fn() -> bool) {
    loop {
        sleep_until(channel, || bell.take().then_some(())).expect("there is no deadline");
        if seen() {
            return;
        }
    }
}

#[test]
fn no_ring_is_lost_between_two_interrupts_and_their_thread() {
    model(3, || {
        let (machine, tids) = Machine::new(1);
        let (machine, bell) = (Arc::new(machine), Arc::new(Bell::new()));
        let work = Arc::new(AtomicUsize::new(0));
        let devices = [0, 1].map(|_| {
            let (machine, bell, work) = (machine.clone(), bell.clone(), work.clone());
            thread::spawn(move || {
                work.fetch_add(1, Ordering::Relaxed);
                if bell.ring() {
                    machine.wakeup();
                }
            })
        });
        // If a ring were lost, this would sleep for ever.
        serve(&Seen(&machine, tids[0]), &bell, || work.load(Ordering::Relaxed) == 2);
        devices.into_iter().for_each(|device| device.join().unwrap());
    });
}

#[test]
fn what_was_written_before_the_ring_is_seen_after_the_take() {
    model(3, || {
        let bell = Arc::new(Bell::new());
        let work = Arc::new(AtomicUsize::new(0));
        let device = {
            let (bell, work) = (bell.clone(), work.clone());
            thread::spawn(move || {
                work.store(7, Ordering::Relaxed);
                assert!(bell.ring());
            })
        };
        if bell.take() {
            assert_eq!(work.load(Ordering::Relaxed), 7);
        }
        device.join().unwrap();
    });
}

/// Takes an item: what `ready` of a consumer does.
fn take(items: &Mutex<usize>) -> Option<()> {
    let mut items = items.lock().unwrap();
    *items = items.checked_sub(1)?;
    Some(())
}

#[test]
fn every_wakeup_one_reaches_somebody_who_needs_it() {
    model(4, || {
        let (machine, tids) = Machine::new(2);
        let (machine, items) = (Arc::new(machine), Arc::new(Mutex::new(0)));
        let consume = |tid| {
            let (machine, items) = (machine.clone(), items.clone());
            move || sleep_until(&Seen(&machine, tid), || take(&items)).expect("no deadline")
        };
        let other = thread::spawn(consume(tids[1]));
        let producer = {
            let (machine, items) = (machine.clone(), items.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    *items.lock().unwrap() += 1;
                    machine.wakeup_one();
                }
            })
        };
        consume(tids[0])();
        other.join().unwrap();
        producer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_test_before_interlock_deadlocks() {
    model(3, || {
        let (machine, tids) = Machine::new(1);
        let (machine, bell) = (Arc::new(machine), Arc::new(Bell::new()));
        let device = {
            let (machine, bell) = (machine.clone(), bell.clone());
            thread::spawn(move || {
                if bell.ring() {
                    machine.wakeup();
                }
            })
        };
        let channel = Seen(&machine, tids[0]);
        while !bell.take() {
            channel.interlock();
            channel.tsleep(());
        }
        device.join().unwrap();
    });
}
