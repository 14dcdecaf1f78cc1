//! Threads that issue while another swaps tables: every request completes once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use bio::{Bio, Buf, BufDone, IoResult, Sector};
use dm::{Devices, Dm, Env, Suspend, Work};

use crate::bench::{dm, extent, memory, running};
use crate::watch;

const THREADS: usize = 3;
const REQUESTS: usize = 3000;

#[derive(Default)]
struct Count {
    ended: AtomicUsize,
}

impl BufDone for Count {
    fn buf_done(self: Arc<Self>, _buf: Buf, _info: u64, result: IoResult) {
        assert_eq!(result, Ok(()));
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs a split-phase call and sleeps until it has ended.
fn wait(call: impl FnOnce(dm::Done)) {
    let (tx, rx) = mpsc::channel();
    call(Box::new(move |result| tx.send(result).expect("the caller waits")));
    assert_eq!(rx.recv(), Ok(Ok(())));
}

/// Threads that ask `d`; `working` says how many still do.
fn ask_from_all_sides<'s>(
    scope: &'s Scope<'s, '_>,
    dm: &'s Dm,
    count: &'s Arc<Count>,
    working: &'s AtomicUsize,
) {
    for _ in 0..THREADS {
        scope.spawn(|| {
            let handle = dm.open("d").unwrap();
            for request in 0..REQUESTS as u64 {
                let buf = Buf::read(extent(request % 15, 2), memory(2));
                handle.strategy(Bio::new(buf, count.clone(), 0));
            }
            working.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

#[test]
fn every_request_completes_once_while_tables_are_swapped() {
    let dm = dm();
    let device = running(&dm, "d", "0 8 zero\n8 8 zero");
    let count = Arc::new(Count::default());
    let working = AtomicUsize::new(THREADS);
    thread::scope(|scope| {
        ask_from_all_sides(scope, &dm, &count, &working);
        while working.load(Ordering::Relaxed) > 0 {
            dm.load("d", "0 12 zero\n12 4 zero").unwrap();
            wait(|done| device.resume(done));
            wait(|done| device.suspend(Suspend::Flush, done));
            wait(|done| device.resume(done));
        }
    });
    assert_eq!(count.ended.load(Ordering::Relaxed), THREADS * REQUESTS);
    let info = device.info();
    assert_eq!((info.in_flight, info.held), (0, 0));
    assert!(device.message(Sector(16), &[]).is_err());
    wait(|done| dm.remove("d", done));
}

/// Delayed work in a thread of its own, which ends with this.
struct Worker {
    started: Instant,
    work: mpsc::Sender<(Duration, Arc<dyn Work>)>,
}

impl Worker {
    fn start() -> Worker {
        let (work, todo) = mpsc::channel::<(Duration, Arc<dyn Work>)>();
        let started = Instant::now();
        // All delays of this test are the same, so what came first is due first.
        thread::spawn(move || {
            for (due, work) in todo {
                thread::sleep(due.saturating_sub(started.elapsed()));
                work.run();
            }
        });
        Worker { started, work }
    }
}

impl Env for Worker {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }
    fn run_after(&self, delay: Duration, work: Arc<dyn Work>) {
        self.work.send((self.now() + delay, work)).expect("the worker waits for work");
    }
    fn random(&self) -> u64 {
        0
    }
}

#[test]
fn every_request_completes_once_while_what_is_delayed_is_let_go() {
    watch::install();
    let dm = Dm::new(Arc::new(Worker::start()));
    running(&dm, "z", "0 16 zero");
    let device = running(&dm, "d", "0 16 delay z 0 1");
    let count = Arc::new(Count::default());
    let working = AtomicUsize::new(THREADS);
    thread::scope(|scope| {
        ask_from_all_sides(scope, &dm, &count, &working);
        while working.load(Ordering::Relaxed) > 0 {
            wait(|done| device.suspend(Suspend::NoFlush, done));
            dm.load("d", "0 16 delay z 0 1 z 0 1").unwrap();
            wait(|done| device.resume(done));
        }
    });
    wait(|done| device.suspend(Suspend::Flush, done));
    assert_eq!(count.ended.load(Ordering::Relaxed), THREADS * REQUESTS);
    let info = device.info();
    assert_eq!((info.in_flight, info.held), (0, 0));
}
