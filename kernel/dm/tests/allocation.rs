//! The straight path, from a mapped device down to a disk and up again, makes
//! no heap allocation beyond the request itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Limits, Sector, Sectors};
use bytes::BytesMut;
use dm::{Devices, Dm, Env, Work};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts what each thread allocates.
struct Counting;

// SAFETY: delegates to the system's allocator with the arguments it was given.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps alloc's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps dealloc's contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

struct NoEnv;

impl Env for NoEnv {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, _: Arc<dyn Work>) {}
    fn random(&self) -> u64 {
        0
    }
}

/// A disk that completes everything at once.
struct Instant;

impl BlockDevice for Instant {
    fn capacity(&self) -> Sectors {
        Sectors(64)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, bio: Bio) {
        bio.biodone(Ok(()));
    }
}

struct Originator;

impl BufDone for Originator {
    fn buf_done(self: Arc<Self>, _buf: Buf, info: u64, result: IoResult) {
        assert_eq!((info, result), (7, Ok(())));
    }
}

#[test]
fn a_request_within_one_entry_makes_no_allocation() {
    let dm = Dm::new(Arc::new(NoEnv));
    dm.add_disk("a", Arc::new(Instant)).unwrap();
    for (name, table) in
        [("lower", "0 32 linear a 8\n32 8 zero"), ("upper", "0 8 zero\n8 24 linear lower 0")]
    {
        dm.create(name).unwrap();
        dm.load(name, table).unwrap();
        dm.get(name).unwrap().resume(Box::new(|result| assert_eq!(result, Ok(()))));
    }
    let upper = dm.open("upper").unwrap();
    let read = |start, count| {
        let extent = Extent::new(Sector(start), Sectors(count));
        let memory = BytesMut::zeroed(extent.count().bytes());
        Bio::new(Buf::read(extent, memory), Arc::new(Originator), 7)
    };
    let straight = read(12, 4);
    assert_eq!(allocations(|| upper.strategy(straight)), 0);
    let split = read(4, 8);
    assert_ne!(allocations(|| upper.strategy(split)), 0, "a split allocates: the count counts");
}
