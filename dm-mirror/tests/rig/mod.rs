//! A mirror over simulated disks, and a client that remembers how its requests ended.
//!
//! Every lock is watched: ranks ascend, and none is held across `strategy` or
//! a completion.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod costs;
pub mod labels;
pub mod media;
pub mod operator;
pub mod recorded;

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bio::sync::{LockWatch, Rank};
use bio::{Bio, BlockDevice, Buf, BufCmd, BufDone, ErrorKind, Extent, IoResult, Limits};
use bio::{SECTOR_SIZE, Sector, Sectors};
use bytes::BytesMut;
use dm::{
    ArgError, Args, Context, DeviceRef, Devices, Env, Event, Events, Target, TargetType, Work,
};
use dm_mirror::trace::Trace;
use dm_mirror::{MirrorTarget, MirrorType, Traced};
use sim::{Landed, Outcome, SimDisk};

/// The size of each leg and of the mirror.
pub const LENGTH: u64 = 64;

thread_local! {
    static HELD: RefCell<Vec<Rank>> = const { RefCell::new(Vec::new()) };
    /// Where the mirrors of this thread tell what they do.
    pub static TRACE: RefCell<Option<Arc<Trace>>> = const { RefCell::new(None) };
}

struct Watch;

impl LockWatch for Watch {
    fn enter(&self, rank: Rank) {
        HELD.with_borrow_mut(|held| {
            assert!(held.last().is_none_or(|last| *last < rank), "{rank:?} taken under {held:?}");
            held.push(rank);
        });
    }
    fn leave(&self, rank: Rank) {
        HELD.with_borrow_mut(|held| {
            let index = held.iter().rposition(|held| *held == rank).expect("a held lock");
            held.remove(index);
        });
    }
    fn held(&self) -> usize {
        HELD.with_borrow(Vec::len)
    }
}

/// Work waits until a test runs it, in the order in which it came.
#[derive(Default)]
pub struct Later {
    work: Mutex<VecDeque<Due>>,
    now: Mutex<Duration>,
    dice: AtomicU64,
    notes: Mutex<Vec<String>>,
    /// Somebody who acts as soon as they hear of something.
    hears: Mutex<Option<Hears>>,
    /// Bytes of memory that a table may have at once; all if nothing is said.
    pub room: Mutex<Option<usize>>,
}

/// What somebody does who hears of an event.
type Hears = Box<dyn FnOnce() + Send>;

/// Work that waits: how long it wanted to, and when that is over.
struct Due {
    delay: Duration,
    at: Duration,
    work: Arc<dyn Work>,
}

impl Env for Later {
    fn now(&self) -> Duration {
        self.time()
    }
    fn run_after(&self, delay: Duration, work: Arc<dyn Work>) {
        let at = self.time() + delay;
        self.work.lock().unwrap().push_back(Due { delay, at, work });
    }
    fn random(&self) -> u64 {
        sim::Random::new(self.dice.fetch_add(1, Ordering::Relaxed)).bits()
    }
    fn has_room(&self, bytes: usize) -> bool {
        self.room.lock().unwrap().is_none_or(|room| bytes <= room)
    }
    fn note(&self, event: &Event<'_>) {
        self.notes.lock().unwrap().push(format!("{:?}: {}", event.severity, event.what));
        let hears = self.hears.lock().unwrap().take();
        hears.into_iter().for_each(|act| act());
    }
}

/// Watches every lock from now on.
pub fn watch_locks() {
    bio::sync::install(&Watch);
}

impl Later {
    /// Runs one piece of work, if any waits.
    pub fn one(&self) -> bool {
        let next = self.work.lock().unwrap().pop_front();
        next.map(|due| self.run(due)).is_some()
    }

    fn time(&self) -> Duration {
        *self.now.lock().unwrap()
    }

    fn run(&self, Due { at, work, .. }: Due) {
        {
            let mut now = self.now.lock().unwrap();
            *now = at.max(*now);
        }
        work.run();
    }

    /// Time passes to when the next work is due, which runs; or to `end`, if none
    /// is before that.
    fn next_before(&self, end: Duration) -> bool {
        let next = {
            let mut work = self.work.lock().unwrap();
            let first = (0..work.len()).min_by_key(|index| work[*index].at);
            first.filter(|index| work[*index].at <= end).and_then(|index| work.remove(index))
        };
        if next.is_none() {
            *self.now.lock().unwrap() = end;
        }
        next.map(|due| self.run(due)).is_some()
    }

    /// Runs one piece of work that wanted no delay, if any waits.
    fn one_now(&self) -> bool {
        let next = {
            let mut work = self.work.lock().unwrap();
            let index = work.iter().position(|due| due.delay.is_zero());
            index.and_then(|index| work.remove(index))
        };
        next.map(|due| self.run(due)).is_some()
    }

    /// How much work waits.
    fn len(&self) -> usize {
        self.work.lock().unwrap().len()
    }
}

/// Simulated disks by the names `vbd0`, `vbd1`, ...
pub struct Named(pub Vec<DeviceRef>);

impl Devices for Named {
    fn open(&self, name: &str) -> Option<DeviceRef> {
        self.0.iter().find(|device| &*device.name() == name).cloned()
    }
}

/// How requests ended, by the tag that they were given.
#[derive(Default)]
struct Client(Mutex<Vec<(u64, Buf, IoResult)>>);

impl BufDone for Client {
    fn buf_done(self: Arc<Self>, buf: Buf, tag: u64, result: IoResult) {
        self.0.lock().unwrap().push((tag, buf, result));
    }
}

/// A mirror and all around it.
pub struct Rig {
    pub disks: Vec<Arc<SimDisk>>,
    pub events: Arc<Events>,
    later: Arc<Later>,
    pub target: Arc<dyn Target>,
    client: Arc<Client>,
    tags: u64,
}

/// A request of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(u64);

pub fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

/// Makes a mirror target from table arguments over `disks`.
pub fn create(
    args: &str,
    disks: &[Arc<dyn BlockDevice>],
    length: u64,
    env: Arc<dyn Env>,
    events: Arc<Events>,
) -> Result<Arc<dyn Target>, ArgError> {
    let named = Named(
        disks
            .iter()
            .enumerate()
            .map(|(index, disk)| DeviceRef::new(&format!("vbd{index}"), disk.clone()))
            .collect(),
    );
    let context = Context { length: Sectors(length), devices: &named, env, events };
    let mut args = Args::new(args);
    let target = match TRACE.with_borrow(Clone::clone) {
        Some(trace) => Traced(trace).create(&mut args, &context)?,
        None => MirrorType.create(&mut args, &context)?,
    };
    args.end().map(|()| target)
}

/// Lets a resync go on as fast as legs allow, whatever the client does: most tests
/// run no time.
pub fn at_once(target: &dyn Target) {
    target.message(&["sync_rate", "none,none"]).unwrap();
}

impl Rig {
    /// Asks the mirror to be suspended. What it gives tells whether it is.
    pub fn suspend(&self) -> impl Fn() -> bool + use<> {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        self.target.suspend(Box::new(move || seen.store(true, Ordering::Relaxed)));
        move || over.load(Ordering::Relaxed)
    }

    /// `legs` equal disks, in sync from the start.
    pub fn nosync(legs: usize) -> Rig {
        Rig::new(legs, "nosync", Limits::default())
    }

    /// `legs` disks of which the first is to be copied to the others, in one chunk.
    pub fn sync(legs: usize) -> Rig {
        Rig::new(legs, "sync", Limits::default())
    }

    pub fn new(legs: usize, args: &str, limits: Limits) -> Rig {
        Rig::sized(legs, LENGTH, args, limits)
    }

    pub fn sized(legs: usize, length: u64, sync: &str, limits: Limits) -> Rig {
        watch_locks();
        let disks: Vec<_> = (0..legs).map(|_| SimDisk::new(Sectors(length), limits)).collect();
        let devices: Vec<Arc<dyn BlockDevice>> =
            disks.iter().map(|disk| disk.clone() as Arc<dyn BlockDevice>).collect();
        let names: String = (0..legs).map(|leg| format!(" vbd{leg} 0")).collect();
        let args = format!("core 2 8 {sync} {legs}{names}");
        let (later, events) = (Arc::new(Later::default()), Arc::new(Events::default()));
        let target = create(&args, &devices, length, later.clone(), events.clone()).unwrap();
        at_once(&*target);
        target.resume();
        Rig { disks, events, later, target, client: Arc::default(), tags: 0 }
    }

    /// At the next event somebody does this, in the middle of whatever it comes from.
    pub fn when_told(&self, act: impl FnOnce() + Send + 'static) {
        *self.later.hears.lock().unwrap() = Some(Box::new(act));
    }

    /// The same disks under a mirror made of other arguments.
    pub fn with_table(self, args: &str) -> Rig {
        let devices: Vec<_> = self.disks.iter().map(|disk| disk.clone() as _).collect();
        let (later, events) = (self.later.clone(), self.events.clone());
        let length = self.disks[0].capacity().0;
        let target = create(args, &devices, length, later, events).unwrap();
        at_once(&*target);
        target.resume();
        Rig { target, ..self }
    }

    /// The mirror is stopped, and goes on by another table over the same disks.
    pub fn exchange_table(self, args: &str) -> Rig {
        let over = self.suspend();
        self.drain();
        assert!(over(), "it is suspended");
        let devices: Vec<_> = self.disks.iter().map(|disk| disk.clone() as _).collect();
        let (later, events) = (self.later.clone(), self.events.clone());
        let target = create(args, &devices, self.disks[0].capacity().0, later, events).unwrap();
        at_once(&*target);
        target.take_over(std::slice::from_ref(&self.target));
        target.resume();
        Rig { target, ..self }
    }

    fn submit(&mut self, buf: Buf) -> Tag {
        self.tags += 1;
        self.target.strategy(Bio::new(buf, self.client.clone(), self.tags));
        Tag(self.tags)
    }

    pub fn read(&mut self, start: u64, count: u64) -> Tag {
        let extent = extent(start, count);
        self.submit(Buf::read(extent, BytesMut::zeroed(extent.count().bytes())))
    }

    pub fn write(&mut self, start: u64, count: u64, value: u8) -> Tag {
        let extent = extent(start, count);
        self.submit(Buf::write(extent, vec![value; extent.count().bytes()].into()))
    }

    pub fn write_fua(&mut self, start: u64, value: u8) -> Tag {
        self.submit(Buf::write_fua(extent(start, 1), vec![value; SECTOR_SIZE].into()))
    }

    pub fn flush(&mut self) -> Tag {
        self.submit(Buf::flush())
    }

    pub fn discard(&mut self, start: u64, count: u64) -> Tag {
        self.submit(Buf::freeblks(extent(start, count)))
    }

    /// How a request ended, if it did; panics if it ended twice.
    pub fn end(&self, tag: Tag) -> Option<IoResult> {
        let ends = self.client.0.lock().unwrap();
        let mut ends = ends.iter().filter(|(t, ..)| *t == tag.0);
        let end = ends.next().map(|(_, _, result)| *result);
        assert!(ends.next().is_none(), "{tag:?} ended twice");
        end
    }

    pub fn error(&self, tag: Tag) -> ErrorKind {
        self.end(tag).expect("it has ended").expect_err("it has failed").kind
    }

    /// The one value that a read returned throughout.
    pub fn value(&self, tag: Tag) -> u8 {
        assert_eq!(self.end(tag), Some(Ok(())));
        let mut ends = self.client.0.lock().unwrap();
        let index = ends.iter().position(|(t, ..)| *t == tag.0).unwrap();
        let memory = ends.remove(index).1.into_read().unwrap();
        assert!(memory.iter().all(|byte| *byte == memory[0]), "a torn read");
        memory[0]
    }

    /// What waits on a leg, oldest first.
    pub fn waiting(&self, leg: usize) -> Vec<BufCmd> {
        let disk = &self.disks[leg];
        (0..disk.queued()).map(|index| disk.pending(index).unwrap().cmd).collect()
    }

    /// Completes the oldest request of a leg.
    pub fn complete(&self, leg: usize, outcome: Outcome) {
        let id = self.disks[leg].pending(0).expect("a request waits").id;
        self.disks[leg].complete(id, outcome);
    }

    pub fn ok(&self, leg: usize) {
        self.complete(leg, Outcome::Ok);
    }

    pub fn fail(&self, leg: usize, kind: ErrorKind) {
        self.complete(leg, Outcome::Fail(kind, Landed::None));
    }

    /// Completes everything with success, and runs all work, until nothing waits.
    pub fn drain(&self) {
        while self.disks.iter().any(|disk| disk.queued() > 0) || self.work() {
            for leg in 0..self.disks.len() {
                while self.disks[leg].queued() > 0 {
                    self.ok(leg);
                }
            }
        }
    }

    /// Runs one piece of delayed work, if any waits.
    pub fn work(&self) -> bool {
        self.later.one()
    }

    /// So much time passes, and nothing else happens.
    pub fn let_pass(&self, time: Duration) {
        *self.later.now.lock().unwrap() += time;
    }

    /// The mirror, for what only it can tell.
    pub fn mirror(&self) -> &MirrorTarget {
        let target: &dyn Any = &*self.target;
        target.downcast_ref().expect("it is a mirror")
    }

    /// The letters of the status: A in sync, S being rebuilt, D failed.
    pub fn letters(&self) -> String {
        self.target.status().split(' ').nth(self.disks.len() + 3).unwrap().to_owned()
    }

    pub fn message(&self, words: &str) -> Result<String, dm::MessageError> {
        self.target.message(&words.split(' ').collect::<Vec<_>>())
    }

    /// Writes and reads through the mirror, legs doing all they are asked.
    pub fn write_all(&mut self, start: u64, count: u64, value: u8) {
        let tag = self.write(start, count, value);
        self.drain();
        assert_eq!(self.end(tag), Some(Ok(())));
    }

    pub fn read_back(&mut self, start: u64, count: u64) -> u8 {
        let tag = self.read(start, count);
        self.drain();
        self.value(tag)
    }

    pub fn same(&self, a: usize, b: usize) -> bool {
        let contents = |leg: usize, at| self.disks[leg].contents(Sector(at));
        (0..self.disks[a].capacity().0).all(|at| contents(a, at) == contents(b, at))
    }

    /// The columns of a leg in the report: reads, writes, flushes, errors of
    /// reads and of writes.
    pub fn counts(&self, leg: usize) -> [u64; 5] {
        let report = self.message("show").unwrap();
        let line = report.lines().nth(2 + leg).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        std::array::from_fn(|column| words[2 + column].parse().unwrap())
    }
}
