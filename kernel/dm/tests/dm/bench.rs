//! A device mapper on simulated disks, and an originator for its requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bio::{Bio, Buf, BufCmd, BufDone, Extent, IoResult, Limits, Sector, Sectors};
use bytes::{Bytes, BytesMut};
use dm::{DeviceRef, Devices, Dm, DmError, Done, Env, MappedDevice, Suspend, Work};
use sim::{Clock, Outcome, SimDisk};

use crate::watch;

/// No target here needs time or chance.
struct NoEnv;

impl Env for NoEnv {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, _: Arc<dyn Work>) {
        panic!("no target here delays work");
    }
    fn random(&self) -> u64 {
        0
    }
}

/// A device mapper without disks.
pub(crate) fn dm() -> Dm {
    watch::install();
    Dm::new(Arc::new(NoEnv))
}

/// Targets that need time get that of a clock.
struct Clocked(Arc<Clock>);

impl Env for Clocked {
    fn now(&self) -> Duration {
        self.0.now()
    }
    fn run_after(&self, delay: Duration, work: Arc<dyn Work>) {
        watch::assert_unlocked();
        self.0.after(delay, || work.run());
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
}

/// A device mapper without disks, and the clock of its targets.
pub(crate) fn dm_with_clock() -> (Dm, Arc<Clock>) {
    watch::install();
    let clock = Clock::new(1);
    (Dm::new(Arc::new(Clocked(clock.clone()))), clock)
}

/// Lets so much time pass, and does what becomes due.
pub(crate) fn elapse(clock: &Arc<Clock>, time: Duration) {
    let (end, over) = (clock.now() + time, Arc::new(Mutex::new(false)));
    let then = over.clone();
    clock.after(time, move || *then.lock().unwrap() = true);
    while !*over.lock().unwrap() {
        clock.run(0);
    }
    assert_eq!(clock.now(), end);
}

/// Adds a disk with default limits.
pub(crate) fn disk(dm: &Dm, name: &str, sectors: u64) -> Arc<SimDisk> {
    disk_with(dm, name, sectors, Limits::default())
}

/// Adds a disk.
pub(crate) fn disk_with(dm: &Dm, name: &str, sectors: u64, limits: Limits) -> Arc<SimDisk> {
    let disk = SimDisk::new(Sectors(sectors), limits);
    dm.add_disk(name, disk.clone()).unwrap();
    disk
}

/// Creates a mapped device with a table and lets it run.
pub(crate) fn running(dm: &Dm, name: &str, table: &str) -> Arc<MappedDevice> {
    let device = dm.create(name).unwrap();
    dm.load(name, table).unwrap();
    assert_eq!(resume(&device).now(), Ok(()));
    device
}

/// How a split-phase call ended.
#[derive(Clone, Default)]
pub(crate) struct Ended(Arc<Mutex<Option<Result<(), DmError>>>>);

impl Ended {
    /// The callback, and where its result will be.
    pub(crate) fn new() -> (Done, Ended) {
        let ended = Ended::default();
        let slot = ended.clone();
        let done = move |result| {
            watch::assert_unlocked();
            assert!(slot.0.lock().unwrap().replace(result).is_none(), "called back twice");
        };
        (Box::new(done), ended)
    }

    /// The result, which is there.
    pub(crate) fn now(&self) -> Result<(), DmError> {
        self.0.lock().unwrap().clone().expect("the call has ended")
    }

    /// Whether it is.
    pub(crate) fn is_there(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }
}

pub(crate) fn suspend(device: &Arc<MappedDevice>, how: Suspend) -> Ended {
    let (done, ended) = Ended::new();
    device.suspend(how, done);
    ended
}

pub(crate) fn resume(device: &Arc<MappedDevice>) -> Ended {
    let (done, ended) = Ended::new();
    device.resume(done);
    ended
}

pub(crate) fn remove(dm: &Dm, name: &str) -> Ended {
    let (done, ended) = Ended::new();
    dm.remove(name, done);
    ended
}

/// Issues requests to one device and keeps what they ended with.
pub(crate) struct Originator {
    device: DeviceRef,
    ends: Arc<Ends>,
}

#[derive(Default)]
struct Ends(Mutex<Vec<(u64, Buf, IoResult)>>);

impl BufDone for Ends {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        watch::assert_unlocked();
        self.0.lock().unwrap().push((info, buf, result));
    }
}

impl Originator {
    /// Opens the device called `name`.
    pub(crate) fn new(dm: &Dm, name: &str) -> Originator {
        Originator { device: dm.open(name).expect("the device exists"), ends: Arc::default() }
    }

    /// Closes the device; what is in flight still ends.
    pub(crate) fn close(self) -> impl Fn() -> Vec<IoResult> {
        let ends = self.ends;
        move || ends.0.lock().unwrap().drain(..).map(|(_, _, result)| result).collect()
    }

    pub(crate) fn issue(&self, buf: Buf, info: u64) {
        self.device.strategy(Bio::new(buf, self.ends.clone(), info));
    }

    pub(crate) fn read(&self, start: u64, count: u64) {
        self.issue(Buf::read(extent(start, count), memory(count)), start);
    }

    /// Writes [`pattern`].
    pub(crate) fn write(&self, start: u64, count: u64) {
        self.issue(Buf::write(extent(start, count), pattern(start, count)), start);
    }

    /// What ended since the last look: each request's info and result.
    pub(crate) fn ends(&self) -> Vec<(u64, IoResult)> {
        self.take().into_iter().map(|(info, _, result)| (info, result)).collect()
    }

    /// The one request that ended since the last look.
    pub(crate) fn end(&self) -> (Buf, IoResult) {
        let mut ends = self.take();
        assert_eq!(ends.len(), 1, "one request ended");
        let (_, buf, result) = ends.remove(0);
        (buf, result)
    }

    fn take(&self) -> Vec<(u64, Buf, IoResult)> {
        std::mem::take(&mut self.ends.0.lock().unwrap())
    }
}

pub(crate) fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

pub(crate) fn memory(sectors: u64) -> BytesMut {
    BytesMut::zeroed(Sectors(sectors).bytes())
}

/// Bytes that tell which sector they are for.
pub(crate) fn pattern(start: u64, count: u64) -> Bytes {
    (start..start + count).flat_map(|sector| [sector as u8 ^ 0xa5; 512]).collect()
}

/// What waits in a disk: command and extent, oldest first.
pub(crate) fn waiting(disk: &SimDisk) -> Vec<(BufCmd, Extent)> {
    let pending = (0..disk.queued()).map(|index| disk.pending(index).unwrap());
    pending.map(|pending| (pending.cmd, pending.extent)).collect()
}

/// How many flushes wait in a disk, in which nothing else waits.
pub(crate) fn flushes(disk: &SimDisk) -> usize {
    let waiting = waiting(disk);
    assert!(waiting.iter().all(|&(cmd, _)| cmd == BufCmd::Flush), "{waiting:?}");
    waiting.len()
}

/// Completes the oldest request of a disk.
pub(crate) fn complete(disk: &SimDisk, outcome: Outcome) {
    disk.complete(disk.pending(0).expect("a request waits").id, outcome);
}

/// Completes all requests of all disks, also those that come meanwhile.
pub(crate) fn complete_all(disks: &[&SimDisk]) {
    while let Some(disk) = disks.iter().find(|disk| disk.queued() > 0) {
        complete(disk, Outcome::Ok);
    }
}
