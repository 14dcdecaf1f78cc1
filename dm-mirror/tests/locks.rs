//! One lock round an event: how often a request takes the mirror's lock.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bio::sync::{LockWatch, Rank};
use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Limits, Sector, Sectors};
use bytes::{Bytes, BytesMut};
use dm::{Args, Context, DeviceRef, Devices, Env, Target, TargetType, Work};

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

struct Watch;

impl LockWatch for Watch {
    fn enter(&self, rank: Rank) {
        if rank == Rank::TARGET {
            TAKEN.set(TAKEN.get() + 1);
        }
    }
    fn leave(&self, _: Rank) {}
    fn held(&self) -> usize {
        0
    }
}

/// A disk that keeps what it is asked until it is told to go on.
#[derive(Default)]
struct Queue(Mutex<VecDeque<Bio>>);

impl BlockDevice for Queue {
    fn capacity(&self) -> Sectors {
        Sectors(64)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, bio: Bio) {
        self.0.lock().unwrap().push_back(bio);
    }
}

struct Named(Vec<(String, Arc<Queue>)>);

impl Devices for Named {
    fn open(&self, name: &str) -> Option<DeviceRef> {
        let (name, disk) = self.0.iter().find(|(it, _)| it == name)?;
        Some(DeviceRef::new(name, disk.clone()))
    }
}

struct Never;

impl Env for Never {
    fn now(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
    fn run_after(&self, _: std::time::Duration, _: Arc<dyn Work>) {}
    fn random(&self) -> u64 {
        0
    }
}

#[derive(Default)]
struct Done(Mutex<u32>);

impl BufDone for Done {
    fn buf_done(self: Arc<Self>, _: Buf, _: u64, result: IoResult) {
        assert_eq!(result, Ok(()));
        *self.0.lock().unwrap() += 1;
    }
}

/// How often a mirror of so many legs takes its lock for `requests` that are on their way
/// together.
fn locks(legs: usize, requests: Vec<Buf>) -> usize {
    bio::sync::install(&Watch);
    let disks: Vec<Arc<Queue>> = (0..legs).map(|_| Arc::default()).collect();
    let names = disks.iter().enumerate().map(|(leg, disk)| (format!("q{leg}"), disk.clone()));
    let named = Named(names.collect());
    let context = Context {
        length: Sectors(64),
        devices: &named,
        env: Arc::new(Never),
        events: Arc::default(),
    };
    let names: String = (0..legs).map(|leg| format!(" q{leg} 0")).collect();
    let text = format!("core 1 nosync {legs}{names}");
    let target: Arc<dyn Target> =
        dm_mirror::MirrorType.create(&mut Args::new(&text), &context).unwrap();
    let (done, count) = (Arc::new(Done::default()), requests.len() as u32);
    let before = TAKEN.get();
    for buf in requests {
        target.strategy(Bio::new(buf, done.clone(), 0));
    }
    let next = || disks.iter().find_map(|disk| disk.0.lock().unwrap().pop_front());
    while let Some(bio) = next() {
        bio.biodone(Ok(()));
    }
    let taken = TAKEN.get() - before;
    assert_eq!(*done.0.lock().unwrap(), count);
    taken
}

fn extent(start: u64) -> Extent {
    Extent::new(Sector(start), Sectors(2))
}

fn write(start: u64) -> Buf {
    Buf::write(extent(start), Bytes::from_owner(vec![1; 1024]))
}

/// It comes, and each leg reports.
#[test]
fn a_write_takes_the_lock_once_for_each_leg_and_once_to_begin() {
    for legs in 1..=4 {
        assert_eq!(locks(legs, vec![write(8)]), 1 + legs);
        assert_eq!(locks(legs, vec![Buf::flush()]), 1 + legs);
    }
}

#[test]
fn a_read_takes_the_lock_twice() {
    assert_eq!(locks(2, vec![Buf::read(extent(8), BytesMut::zeroed(1024))]), 2);
}

/// What waits begins in the step that frees its range.
#[test]
fn writes_that_wait_for_each_other_take_no_more() {
    assert_eq!(locks(2, (0..8).map(|_| write(8)).collect()), 8 * 3);
}
