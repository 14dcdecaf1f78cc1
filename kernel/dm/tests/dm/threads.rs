//! Threads that issue while another swaps tables: every request completes once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use bio::{Bio, Buf, BufDone, IoResult, Sector};
use dm::{Devices, Suspend};

use crate::bench::{dm, extent, memory, running};

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

#[test]
fn every_request_completes_once_while_tables_are_swapped() {
    let dm = dm();
    let device = running(&dm, "d", "0 8 zero\n8 8 zero");
    let count = Arc::new(Count::default());
    let working = AtomicUsize::new(THREADS);
    thread::scope(|scope| {
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
