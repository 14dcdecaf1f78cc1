//! The scheduler's promises, one by one, and its invariants under random calls.

use super::*;

const CPU: CpuId = CpuId(0);
const DISK: Chan = Chan { id: 1, name: "disk" };
const NET: Chan = Chan { id: 2, name: "net" };

fn at(millis: u64) -> Instant {
    Instant::BOOT + Duration::from_millis(millis)
}

/// A scheduler with one CPU and `count` ordinary threads, none running yet.
fn with_threads(count: usize) -> (Sched, Vec<Tid>) {
    let mut sched = Sched::new(1);
    let spawn = |_| sched.spawn(Name::new("t"), Priority::Kernel).unwrap();
    let tids = (0..count).map(spawn).collect();
    (sched, tids)
}

/// Runs the next thread and puts it to sleep.
fn sleep_next(sched: &mut Sched, chan: Chan, deadline: Option<Instant>) -> Tid {
    let tid = sched.switch(CPU, Instant::BOOT).to;
    sched.tsleep_interlock(CPU, chan);
    assert_eq!(sched.tsleep(CPU, chan, deadline), SleepAnswer::Switch);
    tid
}

#[test]
fn a_wakeup_after_the_interlock_is_not_lost() {
    let (mut sched, tids) = with_threads(1);
    sched.switch(CPU, at(0));
    sched.tsleep_interlock(CPU, DISK);
    assert_eq!(sched.wakeup(DISK), 1);
    assert_eq!(sched.tsleep(CPU, DISK, None), SleepAnswer::Awake);
    assert_eq!(sched.current(CPU), tids[0]);
}

#[test]
fn a_wakeup_reaches_only_its_channel_and_all_of_it() {
    let (mut sched, tids) = with_threads(3);
    for chan in [DISK, NET, DISK] {
        sleep_next(&mut sched, chan, None);
    }
    assert_eq!(sched.switch(CPU, at(0)).to, Tid(0), "all are asleep");
    assert_eq!(sched.wakeup(DISK), 2);
    assert_eq!(sched.switch(CPU, at(0)).to, tids[0]);
    sched.exit(CPU);
    assert_eq!(sched.switch(CPU, at(0)).to, tids[2]);
    assert_eq!(sched.wakeup(DISK), 0);
}

#[test]
fn wakeup_one_wakes_in_the_order_of_arrival() {
    let (mut sched, tids) = with_threads(3);
    for _ in 0..3 {
        sleep_next(&mut sched, DISK, None);
    }
    sched.switch(CPU, at(0));
    for tid in tids {
        assert!(sched.wakeup_one(DISK));
        assert_eq!(sched.switch(CPU, at(0)).to, tid);
        sched.exit(CPU);
    }
    assert!(!sched.wakeup_one(DISK));
}

#[test]
fn a_wakeup_one_that_was_not_needed_is_passed_on() {
    let (mut sched, tids) = with_threads(2);
    let sleeper = sleep_next(&mut sched, DISK, None);
    sched.switch(CPU, at(0));
    // The second thread is first in the queue only after the sleeper left it.
    assert!(sched.wakeup_one(DISK));
    sched.tsleep_interlock(CPU, DISK);
    assert!(sched.wakeup_one(DISK));
    sched.end_turn(CPU);
    assert_eq!(sched.switch(CPU, at(0)).to, sleeper);
    sched.tsleep_interlock(CPU, DISK);
    sched.tsleep(CPU, DISK, None);
    assert_eq!(sched.switch(CPU, at(0)).to, tids[1]);
    sched.tsleep_cancel(CPU, DISK);
    assert!(!sched.is_announced(sleeper), "the sleeper got the wake-up");
}

#[test]
fn a_deadline_wakes_a_sleeper_and_a_wakeup_cancels_the_deadline() {
    let (mut sched, tids) = with_threads(2);
    sleep_next(&mut sched, DISK, Some(at(5)));
    sleep_next(&mut sched, NET, Some(at(6)));
    sched.switch(CPU, at(0));
    sched.tick(CPU, at(4));
    assert!(!sched.wants_switch(CPU));
    sched.tick(CPU, at(5));
    assert_eq!(sched.switch(CPU, at(5)).to, tids[0]);
    assert_eq!(sched.wakeup_of(CPU), Wakeup::TimedOut);
    assert_eq!(sched.wakeup(NET), 1);
    sched.exit(CPU);
    assert_eq!(sched.switch(CPU, at(5)).to, tids[1]);
    assert_eq!(sched.wakeup_of(CPU), Wakeup::Woken);
    // It sleeps again, without a deadline: the old one must not wake it.
    sched.tsleep_interlock(CPU, NET);
    sched.tsleep(CPU, NET, None);
    sched.switch(CPU, at(5));
    sched.tick(CPU, at(100));
    assert!(!sched.wants_switch(CPU));
}

#[test]
fn an_interrupt_thread_goes_first_and_the_preempted_one_keeps_its_turn() {
    let (mut sched, tids) = with_threads(2);
    sched.switch(CPU, at(0));
    let intr = sched.spawn(Name::new("intr"), Priority::Interrupt).unwrap();
    assert!(sched.wants_switch(CPU));
    assert_eq!(sched.switch(CPU, at(3)), Switch { from: tids[0], to: intr });
    sched.tick(CPU, at(50));
    assert!(!sched.wants_switch(CPU), "it runs as long as it wants");
    sched.exit(CPU);
    assert_eq!(sched.switch(CPU, at(50)).to, tids[0], "not its equal, whose turn comes later");
}

#[test]
fn equals_take_turns_of_one_slice() {
    let (mut sched, tids) = with_threads(3);
    let slice = TIME_SLICE.as_millis() as u64;
    let mut now = 0;
    assert_eq!(sched.switch(CPU, at(0)).to, tids[0]);
    for turn in 1..=9 {
        sched.tick(CPU, at(now + slice - 1));
        assert!(!sched.wants_switch(CPU));
        now += slice;
        sched.tick(CPU, at(now));
        assert!(sched.wants_switch(CPU));
        assert_eq!(sched.switch(CPU, at(now)).to, tids[turn % 3]);
    }
    assert!(sched.threads().skip(1).all(|it| it.cpu_time == TIME_SLICE * 3));
}

#[test]
fn a_thread_alone_keeps_its_cpu_when_its_turn_is_over() {
    let (mut sched, tids) = with_threads(1);
    sched.switch(CPU, at(0));
    sched.tick(CPU, at(1000));
    assert!(!sched.wants_switch(CPU));
    sched.end_turn(CPU);
    assert_eq!(sched.switch(CPU, at(1000)), Switch { from: tids[0], to: tids[0] });
    assert_eq!(sched.threads().nth(1).unwrap().switches, 1, "going on is no switch");
}

#[test]
fn a_dead_thread_is_reaped_only_when_its_cpu_has_left_it() {
    let (mut sched, tids) = with_threads(1);
    sched.switch(CPU, at(0));
    sched.exit(CPU);
    assert_eq!(sched.reap(), None);
    sched.switch(CPU, at(0));
    assert_eq!(sched.reap(), Some(tids[0]));
    assert_eq!(sched.reap(), None);
    assert_eq!(sched.spawn(Name::new("new"), Priority::Kernel), Ok(tids[0]), "slots come back");
}

#[test]
fn a_full_table_refuses_and_stays_as_it_is() {
    let (mut sched, _) = with_threads(THREADS_MAX - 1);
    assert_eq!(sched.spawn(Name::new("x"), Priority::Kernel), Err(TableFull));
    assert_eq!(sched.threads().count(), THREADS_MAX);
}

#[test]
fn two_cpus_never_run_the_same_thread() {
    let mut sched = Sched::new(2);
    for _ in 0..3 {
        sched.spawn(Name::new("t"), Priority::Kernel).unwrap();
    }
    for turn in 0..20 {
        let cpu = CpuId(turn % 2);
        sched.end_turn(cpu);
        let Switch { from, to } = sched.switch(cpu, at(0));
        assert_ne!(from, to, "the third thread was waiting, and its turn came");
        assert_ne!(sched.current(CpuId(0)), sched.current(CpuId(1)));
    }
}

#[test]
fn a_listing_tells_what_a_thread_waits_for() {
    let (mut sched, tids) = with_threads(1);
    sleep_next(&mut sched, DISK, None);
    sched.switch(CPU, at(0));
    let line = sched.threads().find(|it| it.tid == tids[0]).unwrap();
    assert_eq!((line.state, line.wait), (State::Sleeping, Some("disk")));
}

#[test]
#[should_panic(expected = "the idle thread sleeps")]
fn the_idle_thread_may_not_sleep() {
    Sched::new(1).tsleep_interlock(CPU, DISK);
}

/// Each thread is in exactly one place, and the queues hold no other thread.
fn assert_sound(sched: &Sched) {
    for (slot, thread) in sched.threads.iter().enumerate() {
        let tid = Tid(slot as u8);
        let queued = sched.run_queues.iter().flatten().filter(|it| **it == tid).count();
        let waiting = sched.sleep_queue.iter().filter(|(_, it)| *it == tid).count();
        let Some(thread) = thread else {
            assert_eq!((queued, waiting), (0, 0), "an empty slot is queued");
            continue;
        };
        let is_idle = thread.priority == Priority::Idle;
        assert_eq!(queued, usize::from(thread.state == State::Runnable && !is_idle));
        match thread.state {
            State::Sleeping => assert_eq!(waiting, 1),
            State::Dead => assert_eq!(waiting, 0),
            State::Running(cpu) => assert_eq!(sched.current(cpu), tid),
            State::Runnable => assert!(waiting <= 1),
        }
    }
}

/// A small generator of numbers (Marsaglia's xorshift64). A seed replays it.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
fn random_calls_keep_every_thread_in_one_place_and_allocate_nothing() {
    for seed in 1..=200u64 {
        let mut chance = Chance(seed);
        let mut sched = Sched::new(2);
        let room = sched.sleep_queue.capacity();
        // The channel that the current thread of each CPU has announced.
        let mut announced = [None; THREADS_MAX];
        for step in 0..400 {
            let cpu = CpuId(chance.below(2) as u8);
            let now = at(step);
            let me = sched.current(cpu);
            let chan = [DISK, NET][chance.below(2) as usize];
            let idle = me.slot() < 2;
            match (chance.below(9), announced[me.slot()]) {
                (0, _) => drop(sched.spawn(Name::new("t"), Priority::Kernel)),
                (1, _) => drop(sched.spawn(Name::new("i"), Priority::Interrupt)),
                (2, _) => drop(sched.wakeup(chan)),
                (3, _) => drop(sched.wakeup_one(chan)),
                (4, _) => sched.tick(cpu, now),
                (5, None) if !idle => {
                    sched.tsleep_interlock(cpu, chan);
                    announced[me.slot()] = Some(chan);
                }
                (6, Some(chan)) => {
                    sched.tsleep_cancel(cpu, chan);
                    announced[me.slot()] = None;
                }
                (5 | 7, Some(chan)) => {
                    let deadline = (chance.below(2) == 0).then(|| at(step + 5));
                    announced[me.slot()] = None;
                    if sched.tsleep(cpu, chan, deadline) == SleepAnswer::Switch {
                        sched.switch(cpu, now);
                    }
                }
                (8, None) if !idle => {
                    sched.exit(cpu);
                    sched.switch(cpu, now);
                    let _ = sched.reap();
                }
                _ => drop(sched.switch(cpu, now)),
            }
            assert_sound(&sched);
        }
        assert_eq!(sched.sleep_queue.capacity(), room, "seed {seed}: the sleep queue grew");
        assert!(
            sched.run_queues.iter().all(|queue| queue.capacity() >= THREADS_MAX),
            "seed {seed}"
        );
    }
}

/// Clocks of several CPUs may differ by a little.
#[test]
fn time_is_charged_once_though_a_clock_goes_back() {
    let (mut sched, tids) = with_threads(1);
    sched.switch(CPU, at(0));
    for millis in [5, 3, 5, 6] {
        sched.tick(CPU, at(millis));
    }
    let thread = sched.threads().find(|it| it.tid == tids[0]).unwrap();
    assert_eq!(thread.cpu_time, Duration::from_millis(6));
}

/// The rest of a turn is for a thread that was preempted, not for one that slept.
#[test]
fn a_thread_that_was_woken_begins_a_turn() {
    let (mut sched, tids) = with_threads(2);
    sched.switch(CPU, at(0));
    sched.tick(CPU, Instant::BOOT + TIME_SLICE / 2);
    sched.tsleep_interlock(CPU, DISK);
    assert_eq!(sched.tsleep(CPU, DISK, None), SleepAnswer::Switch);
    let now = Instant::BOOT + TIME_SLICE / 2;
    assert_eq!(sched.switch(CPU, now).to, tids[1]);
    sched.wakeup(DISK);
    sched.end_turn(CPU);
    assert_eq!(sched.switch(CPU, now).to, tids[0]);
    let last = now + (TIME_SLICE - Duration::from_nanos(1));
    sched.tick(CPU, last);
    assert!(!sched.wants_switch(CPU), "its turn lasts");
    sched.tick(CPU, now + TIME_SLICE);
    assert!(sched.wants_switch(CPU), "and ends");
}
