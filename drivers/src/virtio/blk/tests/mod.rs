//! The disk against a device of plain memory: `requests` that go well, `faults`,
//! `exchange`, kicks and interrupts that are `lost`, a queue that is `short`.

mod exchange;
mod faults;
mod lost;
mod requests;
mod short;

use std::cell::Cell;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::vec;
use std::vec::Vec;

use bio::sync::LockWatch;
use bio::{Bio, Buf, BufDone, Extent, IoError, IoResult, Sector, WriteCache};
use bytes::{Bytes, BytesMut};

use super::*;
use crate::virtio::fake::{FakeDevice, FakeHal, FakeTransport, Model};

type Disk = VirtioBlk<FakeHal<true>, FakeTransport>;

/// Bios that ended, by the number they were issued with.
type Endings = mpsc::Receiver<(u64, Buf, IoResult)>;

struct Originator(Mutex<mpsc::Sender<(u64, Buf, IoResult)>>);

impl BufDone for Originator {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        assert_eq!(Watch.held(), 0, "completed under a lock");
        self.0.lock().unwrap().send((info, buf, result)).unwrap();
    }
}

/// Counts the locks that a thread holds, so that completions can check.
struct Watch;

std::thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

impl LockWatch for Watch {
    fn enter(&self, _: Rank) {
        assert_eq!(self.held(), 0, "two locks of one rank");
        HELD.with(|held| held.set(held.get() + 1));
    }

    fn leave(&self, _: Rank) {
        HELD.with(|held| held.set(held.get() - 1));
    }

    fn held(&self) -> usize {
        HELD.with(Cell::get)
    }
}

/// A disk, its device, and the bios that end.
struct Bench {
    disk: Disk,
    transport: FakeTransport,
    originator: Arc<Originator>,
    endings: Endings,
}

impl Bench {
    fn new(model: Model) -> Bench {
        Bench::with(model, Options::default())
    }

    fn with(model: Model, options: Options) -> Bench {
        static INSTALLED: LazyLock<()> = LazyLock::new(|| bio::sync::install(&Watch));
        LazyLock::force(&INSTALLED);
        let transport = FakeTransport::new(model);
        let disk = Disk::new("vbd0".into(), transport.clone(), options).unwrap();
        let (sender, endings) = mpsc::channel();
        Bench { disk, transport, originator: Arc::new(Originator(Mutex::new(sender))), endings }
    }

    /// Issues a request; it comes back under `number`.
    fn issue(&self, number: u64, buf: Buf) {
        self.disk.strategy(Bio::new(buf, self.originator.clone(), number));
    }

    /// Lets the device serve all requests, and then runs the disk's interrupt thread.
    fn run(&self) {
        while self.transport.device().serve(usize::MAX) > 0 {
            self.disk.interrupt(Interrupt::Queue);
        }
    }

    /// Issues a request, runs it, and returns its end.
    fn perform(&self, buf: Buf) -> (Buf, IoResult) {
        self.issue(0, buf);
        self.run();
        let (_, buf, result) = self.endings.try_recv().expect("the request ended");
        (buf, result)
    }

    fn device(&self) -> std::sync::MutexGuard<'_, FakeDevice> {
        self.transport.device()
    }

    /// Types of the requests served so far, without the first, GET_ID.
    fn served(&self) -> Vec<u32> {
        self.device().served.iter().map(|request| request.0).filter(|&kind| kind != 8).collect()
    }

    fn state(&self) -> State {
        self.disk.status().state
    }
}

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

fn read(start: u64, count: u64) -> Buf {
    Buf::read(extent(start, count), BytesMut::zeroed(count as usize * 512))
}

fn write(start: u64, count: u64, fill: u8) -> Buf {
    Buf::write(extent(start, count), vec![fill; count as usize * 512].into())
}

fn error(kind: ErrorKind, sectors: usize) -> IoResult {
    Err(IoError { kind, resid: sectors * 512 })
}
