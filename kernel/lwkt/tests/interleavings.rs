//! Every interleaving of small programs that sleep, wake, ring and time out.
//!
//! A program is a list of steps; a step is what happens under the scheduler's
//! lock at once, or one access to shared memory. At each point the explorer
//! tries every CPU's next step, every interrupt still to come, and, on one
//! CPU, every preemption. A run in which nothing can move any more must have
//! all its threads done: one that sleeps then has lost its wake-up.
//!
//! The planted bugs (test before the announcement; a wake-up that is not
//! passed on; a bell that is taken after the service) must be found.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use lwkt::{Bell, Chan, CpuId, Instant, Name, Priority, Sched, SleepAnswer, Wakeup};

const CHAN: Chan = Chan { id: 1, name: "test" };

/// One step of a thread; most name their successor by falling through.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    /// `tsleep_interlock`.
    Interlock,
    /// Takes an item if there is one, and goes to the step given; else falls through.
    TakeOr(usize),
    /// Takes the ring if there is one, and goes to the step given; else falls through.
    TakeRingOr(usize),
    /// Goes to the step given if there is a ring, and leaves it.
    IfRung(usize),
    /// `tsleep`, with or without deadline; timed out, it goes to the step given.
    Sleep { timed_out: Option<usize> },
    /// `tsleep_cancel`, as it should be.
    Cancel,
    /// Forgets the announcement without passing a wake-up on: a planted bug.
    CancelSelfishly,
    /// Goes to the step given, at once: it touches nothing shared.
    Goto(usize),
    /// Makes one item.
    Post,
    /// `wakeup`.
    Wakeup,
    /// `wakeup_one`.
    WakeupOne,
    /// Looks at the device: sees all interrupts so far.
    Service,
    /// Goes to the step given unless all the device's work was seen.
    UnlessServiced(usize),
    /// Ends the thread.
    Exit,
}

/// How a program sleeps until there is an item: the order that `sleep_until` has.
const CONSUMER: &[Step] = &[
    Step::Interlock,
    Step::TakeOr(4),
    Step::Sleep { timed_out: None },
    Step::Goto(0),
    Step::Cancel,
    Step::Exit,
];

/// The planted bug: it tests, and only then announces that it will sleep.
const CONSUMER_TESTS_FIRST: &[Step] =
    &[Step::TakeOr(4), Step::Interlock, Step::Sleep { timed_out: None }, Step::Goto(0), Step::Exit];

/// The planted bug: a wake-up it did not need is lost to the others.
const CONSUMER_SELFISH: &[Step] = &[
    Step::Interlock,
    Step::TakeOr(4),
    Step::Sleep { timed_out: None },
    Step::Goto(0),
    Step::CancelSelfishly,
    Step::Exit,
];

/// Gives up at its deadline.
const CONSUMER_WITH_DEADLINE: &[Step] = &[
    Step::Interlock,
    Step::TakeOr(4),
    Step::Sleep { timed_out: Some(5) },
    Step::Goto(0),
    Step::Cancel,
    Step::Exit,
];

const PRODUCER: &[Step] = &[Step::Post, Step::Wakeup, Step::Exit];
const PRODUCER_OF_TWO: &[Step] =
    &[Step::Post, Step::WakeupOne, Step::Post, Step::WakeupOne, Step::Exit];

/// An interrupt thread: takes the ring, then services, until all was seen.
const ITHREAD: &[Step] = &[
    Step::Interlock,
    Step::TakeRingOr(4),
    Step::Sleep { timed_out: None },
    Step::Goto(0),
    Step::Cancel,
    Step::Service,
    Step::UnlessServiced(0),
    Step::Exit,
];

/// The planted bug: it takes the ring after the service, and with it the ring
/// of an interrupt that came in between.
const ITHREAD_TAKES_LATE: &[Step] = &[
    Step::Interlock,
    Step::IfRung(4),
    Step::Sleep { timed_out: None },
    Step::Goto(0),
    Step::Cancel,
    Step::Service,
    Step::TakeRingOr(7),
    Step::UnlessServiced(0),
    Step::Exit,
];

/// One choice of the explorer.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// The CPU does the next step of its thread.
    Run(CpuId),
    /// The device interrupts CPU 0: it has work, and its handler rings the bell.
    Interrupt,
    /// The timer interrupts CPU 0 when all turns are over and deadlines passed.
    Tick,
}

#[derive(Clone, Debug)]
struct Program {
    steps: &'static [Step],
    at: usize,
    /// It has slept and not looked yet how that ended.
    woke: bool,
    done: bool,
}

#[derive(Clone)]
struct World {
    sched: Sched,
    cpus: u8,
    /// By the thread's slot; idle threads have none.
    programs: Vec<Option<Program>>,
    items: usize,
    rung: bool,
    interrupts_left: usize,
    /// Work that the device has announced, and work that the thread has seen.
    device_work: usize,
    seen_work: usize,
    interrupts: usize,
    ticks_left: usize,
    now: Instant,
    trace: Vec<Move>,
}

impl World {
    /// One CPU for each thread, so that all steps interleave, or one CPU with
    /// `ticks` preemptions.
    fn new(cpus: u8, ticks: usize, interrupts: usize, threads: &[&'static [Step]]) -> World {
        let mut sched = Sched::new(usize::from(cpus));
        let mut programs = vec![None; usize::from(cpus)];
        for &steps in threads {
            sched.spawn(Name::new("test"), Priority::Kernel).expect("few threads");
            programs.push(Some(Program { steps, at: 0, woke: false, done: false }));
        }
        World {
            sched,
            cpus,
            programs,
            items: 0,
            rung: false,
            interrupts_left: interrupts,
            device_work: 0,
            seen_work: 0,
            interrupts,
            ticks_left: ticks,
            now: Instant::BOOT,
            trace: Vec::new(),
        }
    }

    /// What can happen next. An idle CPU takes its next thread by itself.
    fn moves(&mut self) -> Vec<Move> {
        let mut moves = Vec::new();
        for cpu in (0..self.cpus).map(CpuId) {
            if self.sched.wants_switch(cpu) {
                self.sched.switch(cpu, self.now);
            }
            if self.programs[self.sched.current(cpu).slot()].is_some() {
                moves.push(Move::Run(cpu));
            }
        }
        if self.interrupts_left > 0 {
            moves.push(Move::Interrupt);
        }
        if self.ticks_left > 0 {
            moves.push(Move::Tick);
        }
        moves
    }

    /// Tells states apart: everything but the way that led here.
    fn fingerprint(&self) -> u64 {
        struct Hashed(DefaultHasher);
        impl Write for Hashed {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        let mut hashed = Hashed(DefaultHasher::new());
        let World { sched, programs, items, rung, interrupts_left, seen_work, ticks_left, .. } =
            self;
        let state = (sched, programs, items, rung, interrupts_left, seen_work, ticks_left);
        write!(hashed, "{state:?}").expect("hashing does not fail");
        hashed.0.finish()
    }

    fn make(&mut self, chosen: Move) {
        self.trace.push(chosen);
        match chosen {
            Move::Run(cpu) => self.run(cpu),
            Move::Interrupt => {
                self.interrupts_left -= 1;
                self.device_work += 1;
                // As Bell::ring: only the ring that finds silence wakes.
                if !std::mem::replace(&mut self.rung, true) {
                    self.sched.wakeup(CHAN);
                }
            }
            Move::Tick => {
                self.ticks_left -= 1;
                self.now = self.now + Duration::from_secs(1);
                self.sched.tick(CpuId(0), self.now);
            }
        }
    }

    fn run(&mut self, cpu: CpuId) {
        let slot = self.sched.current(cpu).slot();
        self.step(cpu, slot);
        let program = self.programs[slot].as_mut().expect("it has just made a step");
        if let Some(Step::Goto(next)) = program.steps.get(program.at) {
            program.at = *next;
        }
    }

    fn step(&mut self, cpu: CpuId, slot: usize) {
        let program = self.programs[slot].as_mut().expect("an idle thread has no steps");
        let step = program.steps[program.at];
        if program.woke
            && let Step::Sleep { timed_out } = step
        {
            program.woke = false;
            let late = self.sched.wakeup_of(cpu) == Wakeup::TimedOut;
            program.at = timed_out.filter(|_| late).unwrap_or(program.at + 1);
            return;
        }
        program.at += 1;
        match step {
            Step::Interlock => self.sched.tsleep_interlock(cpu, CHAN),
            Step::TakeOr(next) if self.items > 0 => {
                self.items -= 1;
                program.at = next;
            }
            Step::TakeRingOr(next) if std::mem::take(&mut self.rung) => program.at = next,
            Step::IfRung(next) if self.rung => program.at = next,
            Step::TakeOr(_) | Step::TakeRingOr(_) | Step::IfRung(_) => {}
            Step::Sleep { timed_out } => {
                let deadline = timed_out.map(|_| self.now + Duration::from_millis(1));
                if self.sched.tsleep(cpu, CHAN, deadline) == SleepAnswer::Switch {
                    program.at -= 1;
                    program.woke = true;
                    self.sched.switch(cpu, self.now);
                }
            }
            Step::Cancel => self.sched.tsleep_cancel(cpu, CHAN),
            Step::CancelSelfishly => {
                let me = self.sched.current(cpu);
                let waits = self.sched.threads().any(|it| it.tid == me && it.wait.is_some());
                if waits {
                    self.sched.tsleep_cancel(cpu, CHAN);
                }
            }
            Step::Goto(_) => unreachable!("followed below"),
            Step::Post => self.items += 1,
            Step::Wakeup => drop(self.sched.wakeup(CHAN)),
            Step::WakeupOne => drop(self.sched.wakeup_one(CHAN)),
            Step::Service => self.seen_work = self.device_work,
            Step::UnlessServiced(next) if self.seen_work < self.interrupts => program.at = next,
            Step::UnlessServiced(_) => {}
            Step::Exit => {
                program.done = true;
                self.sched.exit(cpu);
                self.sched.switch(cpu, self.now);
            }
        }
    }
}

/// What an exploration has found so far.
#[derive(Default)]
struct Found {
    /// The interleavings that start at each state seen: it need not be explored again.
    runs_from: HashMap<u64, u64>,
    /// The first run that left a thread asleep.
    stuck: Option<Vec<Move>>,
}

/// Explores everything that can follow; says how many runs that is.
fn explore(mut world: World, found: &mut Found) -> u64 {
    let moves = world.moves();
    let state = world.fingerprint();
    if let Some(&runs) = found.runs_from.get(&state) {
        return runs;
    }
    let stuck = moves.is_empty() && !world.programs.iter().flatten().all(|program| program.done);
    if stuck && found.stuck.is_none() {
        found.stuck = Some(world.trace.clone());
    }
    let mut runs = u64::from(moves.is_empty());
    for chosen in moves {
        let mut next = world.clone();
        next.make(chosen);
        runs += explore(next, found);
    }
    found.runs_from.insert(state, runs);
    runs
}

#[track_caller]
fn assert_nobody_stuck(world: World, at_least: u64) {
    let mut found = Found::default();
    let runs = explore(world, &mut found);
    assert!(found.stuck.is_none(), "a thread sleeps for ever after {:?}", found.stuck);
    println!("{runs} interleavings of {} states", found.runs_from.len());
    assert!(runs >= at_least, "only {runs} interleavings");
}

#[track_caller]
fn assert_bug_found(world: World) {
    let mut found = Found::default();
    let runs = explore(world, &mut found);
    assert!(found.stuck.is_some(), "{runs} interleavings, and none shows the planted bug");
}

#[test]
fn no_wakeup_is_lost_between_test_and_sleep() {
    assert_nobody_stuck(World::new(2, 0, 0, &[CONSUMER, PRODUCER]), 10);
    assert_nobody_stuck(World::new(1, 4, 0, &[CONSUMER, PRODUCER]), 100);
    assert_nobody_stuck(World::new(1, 3, 0, &[CONSUMER, CONSUMER, PRODUCER_OF_TWO]), 1000);
}

#[test]
fn planted_test_before_interlock_is_caught_on_two_cpus() {
    assert_bug_found(World::new(2, 0, 0, &[CONSUMER_TESTS_FIRST, PRODUCER]));
}

#[test]
fn planted_test_before_interlock_is_caught_on_one_cpu_by_one_preemption() {
    assert_bug_found(World::new(1, 1, 0, &[CONSUMER_TESTS_FIRST, PRODUCER]));
    assert_nobody_stuck(World::new(1, 0, 0, &[CONSUMER_TESTS_FIRST, PRODUCER]), 1);
}

#[test]
fn a_wakeup_one_that_was_not_needed_reaches_the_next() {
    let threads = [CONSUMER, CONSUMER, PRODUCER_OF_TWO];
    assert_nobody_stuck(World::new(3, 0, 0, &threads), 1000);
    assert_nobody_stuck(World::new(2, 2, 0, &threads), 1000);
}

#[test]
fn planted_selfish_cancel_is_caught() {
    let threads = [CONSUMER_SELFISH, CONSUMER_SELFISH, PRODUCER_OF_TWO];
    assert_bug_found(World::new(3, 0, 0, &threads));
}

#[test]
fn a_deadline_and_a_wakeup_may_race() {
    assert_nobody_stuck(World::new(2, 1, 0, &[CONSUMER_WITH_DEADLINE, PRODUCER]), 100);
    // Whether the first one gives up or not, an item and a wake-up are left for the second.
    let threads = [CONSUMER_WITH_DEADLINE, CONSUMER, PRODUCER_OF_TWO];
    assert_nobody_stuck(World::new(1, 3, 0, &threads), 1000);
    assert_nobody_stuck(World::new(2, 1, 0, &threads), 1000);
}

#[test]
fn no_ring_is_lost_whenever_it_comes() {
    assert_nobody_stuck(World::new(1, 0, 1, &[ITHREAD]), 4);
    assert_nobody_stuck(World::new(1, 0, 4, &[ITHREAD]), 100);
    assert_nobody_stuck(World::new(2, 0, 3, &[ITHREAD, CONSUMER, PRODUCER]), 1000);
}

#[test]
fn planted_late_take_of_the_ring_is_caught() {
    assert_bug_found(World::new(1, 0, 2, &[ITHREAD_TAKES_LATE]));
}

#[test]
fn the_bell_of_the_model_is_the_bell_of_the_kernel() {
    let bell = Bell::new();
    let mut model = false;
    for rings in [true, true, false, false, true, false, true, true, false] {
        if rings {
            assert_eq!(bell.ring(), !std::mem::replace(&mut model, true));
        } else {
            assert_eq!(bell.take(), std::mem::take(&mut model));
        }
    }
}
