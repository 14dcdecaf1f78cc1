//! A lost kick or interrupt costs some glances, and nothing else.

use std::boxed::Box;
use std::string::ToString;

use super::*;
use crate::virtio::Failure;
use crate::virtio::ring::Fetched;

/// After this many glances a disk counts as standing still for ever: more than the longest
/// pause between two kicks, times the losses of a case.
const GLANCES_MAX: usize = 4096;

/// Every way a disk can be driven: what it agrees on, and whether it interrupts by a line.
fn variants() -> impl Iterator<Item = (Features, bool)> {
    let all = Features::all();
    [all, all - Features::EVENT_IDX, all - Features::INDIRECT_DESC]
        .into_iter()
        .flat_map(|features| [(features, false), (features, true)])
}

/// A disk whose queue is at this index, and which has nothing to do.
fn bench((features, by_line): (Features, bool), at: u16) -> Bench {
    let bench = Bench::with(Model::disk(64), Options { features, ..Options::default() });
    bench.run();
    bench.disk.queue.lock().ring.skip_to(at);
    let mut device = bench.device();
    device.by_line = by_line;
    (device.isr, device.interrupting) = (InterruptStatus::empty(), false);
    device.skip_to(at);
    drop(device);
    bench
}

impl Bench {
    /// The device runs when it hears a kick, the disk when it hears an interrupt; when
    /// neither does, time passes. Returns how many glances it took until `count` bios ended.
    fn until_ended(&self, count: usize) -> usize {
        let (mut ended, mut glances) = (0, 0);
        loop {
            self.device().wake();
            let heard = core::mem::take(&mut self.device().interrupting);
            if heard {
                let by_line = self.device().by_line;
                self.disk.interrupt(if by_line { Interrupt::Line } else { Interrupt::Queue });
            }
            let oks = self.endings.try_iter().inspect(|ending| assert_eq!(ending.2, Ok(())));
            ended += oks.count();
            if ended == count {
                return glances;
            }
            if !heard && !self.device().kicked {
                self.disk.glance();
                glances += 1;
                assert!(glances < GLANCES_MAX, "{:?}", self.disk.status());
            }
        }
    }

    /// From now on `loses` picks the kicks and interrupts that are lost.
    fn lose(&self, loses: impl FnMut() -> bool + Send + 'static) {
        self.device().loses = Box::new(loses);
    }
}

#[test]
fn requests_end_whichever_of_the_first_kicks_and_interrupts_are_lost() {
    const EVENTS: u32 = 8;
    for variant in variants() {
        for (at, lost) in
            [0, 65_534].into_iter().flat_map(|at| (0..1u32 << EVENTS).map(move |l| (at, l)))
        {
            let bench = bench(variant, at);
            let mut left = lost;
            bench.lose(move || {
                let lose = left & 1 != 0;
                left >>= 1;
                lose
            });
            // One alone, then some at a time, then one more for which the device is kicked.
            bench.issue(0, read(0, 1));
            bench.until_ended(1);
            (0..3).for_each(|number| bench.issue(number, write(number, 1, 1)));
            bench.until_ended(3);
            bench.issue(0, read(0, 1));
            bench.until_ended(1);
            assert_eq!((bench.state(), bench.disk.status().in_flight), (State::Ready, 0));
        }
    }
}

#[test]
fn requests_flow_past_the_wrap_while_half_of_all_kicks_and_interrupts_are_lost() {
    for variant in variants() {
        let bench = bench(variant, 60_000);
        let mut chance = 0x9e37_79b9_7f4a_7c15u64;
        let mut draw = move || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance
        };
        bench.lose({
            let mut draw = draw;
            move || draw() & 1 == 0
        });
        let mut issued = 0;
        while issued < 8_000 {
            let count = 1 + draw() % 8;
            (0..count).for_each(|number| bench.issue(number, read(number, 1)));
            bench.until_ended(count as usize);
            issued += count;
        }
        let Counts { repeated_kicks, unheard_interrupts, .. } = bench.disk.status().counts;
        assert!(repeated_kicks > 100 && unheard_interrupts > 100, "{variant:?}: some were lost");
    }
}

#[test]
fn a_disk_that_works_hears_nothing_of_glances() {
    for variant in variants() {
        let kicks = |glances: usize| {
            let bench = bench(variant, 65_500);
            for round in 0..100 {
                (0..8).for_each(|number| bench.issue(number, read(number, 1)));
                bench.device().serve(3);
                (0..glances).for_each(|_| bench.disk.glance());
                assert_eq!(bench.until_ended(8), 0, "round {round}: nothing was lost");
            }
            assert_eq!(bench.disk.status().counts.unheard_interrupts, 0);
            bench.device().kicks
        };
        assert_eq!(kicks(1), kicks(0), "{variant:?}");
    }
}

#[test]
fn a_slow_disk_is_not_kicked_if_it_says_that_it_has_all_and_seldom_if_it_does_not() {
    for (features, limit) in [(Features::all(), 0), (Features::all() - Features::EVENT_IDX, 20)] {
        let bench = bench((features, false), 65_535);
        (0..4).for_each(|number| bench.issue(number, read(number, 1)));
        let mut device = bench.device();
        let chains: Vec<_> = std::iter::from_fn(|| device.take()).collect();
        device.sleep();
        drop(device);
        (0..1000).for_each(|_| bench.disk.glance());
        let repeated = bench.disk.status().counts.repeated_kicks;
        assert!((limit / 2..=limit).contains(&repeated), "{features:?}: {repeated}");
        let mut device = bench.device();
        for chain in chains {
            let written = device.execute(&chain);
            device.give(chain.head.into(), written);
        }
        drop(device);
        assert_eq!(bench.until_ended(4), 0);
    }
}

#[test]
fn a_disk_that_fetches_slowly_is_not_kicked() {
    let bench = bench((Features::all(), false), 65_535);
    (0..40).for_each(|number| bench.issue(number, read(number, 1)));
    let mut chains = Vec::new();
    for _ in 0..40 {
        let mut device = bench.device();
        chains.extend(device.take());
        device.sleep();
        drop(device);
        bench.disk.glance();
    }
    assert_eq!((chains.len(), bench.disk.status().counts.repeated_kicks), (40, 0));
}

#[test]
fn a_line_whose_interrupt_was_lost_is_heard_the_next_time() {
    let bench = bench((Features::all(), true), 0);
    let mut events = 0;
    // The kick arrives, the interrupt does not.
    bench.lose(move || {
        events += 1;
        events == 2
    });
    bench.issue(0, read(0, 1));
    assert!(bench.until_ended(1) > 0);
    bench.issue(1, read(1, 1));
    assert_eq!(bench.until_ended(1), 0, "nothing else was lost");
}

#[test]
fn the_watchdog_tells_a_request_that_was_never_fetched_from_one_not_answered() {
    type Case = (Features, usize, Fetched, &'static str);
    let all = Features::all();
    let cases: [Case; 4] = [
        (all, 0, Fetched::No, "did not answer in time: it never fetched the request"),
        // It is barred for the oldest request.
        (all, 1, Fetched::Yes, "did not answer in time a request that it had fetched"),
        (all, 2, Fetched::Yes, "did not answer in time a request that it had fetched"),
        (all - Features::EVENT_IDX, 0, Fetched::Unknown, "did not answer in time"),
    ];
    for (features, taken, fetched, text) in cases {
        let bench = bench((features, false), 65_535);
        bench.disk.set_timeout(3);
        (0..2).for_each(|number| bench.issue(number, read(number, 1)));
        let mut device = bench.device();
        (0..taken).for_each(|_| drop(device.take().unwrap()));
        device.sleep();
        drop(device);
        for _ in 0..4 {
            (0..TICK_MS / GLANCE_MS).for_each(|_| bench.disk.glance());
            bench.disk.tick();
        }
        let failure = Failure::Timeout(fetched);
        assert_eq!((bench.state(), failure.to_string().as_str()), (State::Barred(failure), text));
        let repeated = bench.disk.status().counts.repeated_kicks;
        assert_eq!(repeated > 0, taken < 2, "it was told again if it had not all: {repeated}");
    }
}

#[test]
fn a_capacity_that_changed_unheard_is_seen_at_the_next_tick() {
    let bench = Bench::new(Model::disk(64));
    bench.device().model.set(0, &128u64.to_le_bytes());
    bench.device().disk.resize(128 * 512, 0);
    bench.disk.tick();
    assert_eq!(bench.disk.capacity(), Sectors(128));
}

#[test]
fn what_a_disk_that_was_given_up_holds_is_told_and_fetched_all_the_same() {
    let bench = bench((Features::all(), false), 0);
    bench.disk.set_timeout(0);
    bench.lose(|| true);
    bench.issue(0, read(0, 1));
    bench.disk.tick();
    bench.disk.tick();
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Timeout, 1));
    assert_eq!(bench.disk.status().in_flight, 1);
    bench.lose(|| false);
    for _ in 0..4 {
        bench.disk.glance();
        bench.device().wake();
    }
    assert_eq!(bench.disk.status().in_flight, 0, "it may be set up anew");
}
