//! The steady-state path allocates nothing: what a request needs beside its own bio was
//! left there by the ones before it.

mod counting;

use std::sync::{Arc, Mutex};

use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Limits, Sector, Sectors};
use bytes::{Bytes, BytesMut};
use dm::{Args, Context, DeviceRef, Devices, Env, TargetType, Work};

/// A disk that does nothing, at once, so that only the mirror allocates.
struct Null;

impl BlockDevice for Null {
    fn capacity(&self) -> Sectors {
        Sectors(64)
    }
    fn limits(&self) -> Limits {
        Limits { discard: true, ..Limits::default() }
    }
    fn strategy(&self, bio: Bio) {
        bio.biodone(Ok(()));
    }
}

struct Nulls(Vec<DeviceRef>);

impl Devices for Nulls {
    fn open(&self, name: &str) -> Option<DeviceRef> {
        self.0.iter().find(|device| &*device.name() == name).cloned()
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

struct Done(Mutex<u32>);

impl BufDone for Done {
    fn buf_done(self: Arc<Self>, _: Buf, _: u64, result: IoResult) {
        assert_eq!(result, Ok(()));
        *self.0.lock().unwrap() += 1;
    }
}

/// What a hundred requests cost a mirror of `legs` legs that has served one, beyond the
/// requests themselves.
fn allocations(legs: usize, request: impl Fn() -> Buf) -> usize {
    let nulls =
        Nulls((0..legs).map(|n| DeviceRef::new(&format!("n{n}"), Arc::new(Null))).collect());
    let context = Context {
        length: Sectors(64),
        devices: &nulls,
        env: Arc::new(Never),
        events: Arc::default(),
    };
    let names: String = (0..legs).map(|n| format!(" n{n} 0")).collect();
    let text = format!("core 1 nosync {legs}{names}");
    let target = dm_mirror::MirrorType.create(&mut Args::new(&text), &context).unwrap();
    let done = Arc::new(Done(Mutex::new(0)));
    target.strategy(Bio::new(request(), done.clone(), 0));
    let bios: Vec<Bio> = (0..100).map(|_| Bio::new(request(), done.clone(), 0)).collect();
    let before = counting::taken();
    for bio in bios {
        target.strategy(bio);
    }
    let count = counting::taken() - before;
    assert_eq!(*done.0.lock().unwrap(), 101);
    count
}

fn extent() -> Extent {
    Extent::new(Sector(8), Sectors(2))
}

#[test]
fn a_read_allocates_nothing() {
    assert_eq!(allocations(2, || Buf::read(extent(), BytesMut::zeroed(1024))), 0);
}

#[test]
fn a_write_a_discard_and_a_flush_allocate_nothing() {
    let data = Bytes::from_owner(vec![1; 1024]);
    for legs in 1..=4 {
        assert_eq!(allocations(legs, || Buf::write(extent(), data.clone())), 0);
        assert_eq!(allocations(legs, || Buf::write_fua(extent(), data.clone())), 0);
        assert_eq!(allocations(legs, Buf::flush), 0);
        assert_eq!(allocations(legs, || Buf::freeblks(extent())), 0);
    }
}
