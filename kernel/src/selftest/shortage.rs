//! Memory runs out: requests that were issued come to their end by the heap's reserve.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bio::{Bio, Buf, BufDone, ErrorKind, IoResult};
use bytes::{Bytes, BytesMut};
use shell::Mode;
use sim::Hit;

use super::labelled::{Disks, all_run};
use super::rig::extent;
use super::{Test, alone};
use crate::check;
use crate::console::session::Session;
use crate::disks::{self, Order};
use crate::mm::heap;
use crate::task::{Completion, MaySleep, sleep, with_reserve};

pub const TESTS: &[Test] = &[
    Test { name: "shortage::the_reserve_is_not_for_everybody", run: not_for_everybody },
    Test { name: "shortage::slots_are_looked_after", run: slots_are_looked_after },
    Test {
        name: "shortage::a_leg_dies_under_load_and_every_request_ends",
        run: every_request_ends,
    },
];

/// The sizes that are taken, the larger ones first.
const SIZES: [usize; 17] = {
    let mut sizes = [1 << 20; 17];
    let mut index = 1;
    while index < sizes.len() {
        sizes[index] = sizes[index - 1] / 2;
        index += 1;
    }
    sizes
};

/// Long enough for other threads to do what they have to.
const MOMENT: Duration = Duration::from_millis(10);

/// How often memory is taken anew until it stays short.
const ATTEMPTS: usize = 100;

/// How many blocks are taken at most.
const BLOCKS_MAX: usize = 16384;

/// Takes all memory that a thread without rights can get.
fn hoard() -> Result<Vec<Vec<u8>>, String> {
    let mut blocks = Vec::with_capacity(BLOCKS_MAX);
    for size in SIZES {
        let mut block = Vec::new();
        while block.try_reserve_exact(size).is_ok() {
            check!(blocks.len() < BLOCKS_MAX, "a heap of many pieces");
            blocks.push(core::mem::take(&mut block));
        }
    }
    Ok(blocks)
}

/// The same, once nobody gives memory back any more: what an earlier test used may still
/// be on its way to its end.
fn lasting_hoard(may_sleep: &MaySleep) -> Result<Vec<Vec<u8>>, String> {
    for _ in 0..ATTEMPTS {
        let hoard = hoard()?;
        sleep(may_sleep, MOMENT);
        if is_short() {
            return Ok(hoard);
        }
    }
    Err("memory does not stay short".into())
}

fn is_short() -> bool {
    Vec::<u8>::new().try_reserve_exact(16).is_err()
}

fn not_for_everybody(_: &MaySleep) -> Result<(), String> {
    let _alone = alone();
    let hoard = hoard()?;
    let (short, spared) = (is_short(), with_reserve(is_short));
    let (again, stats) = (is_short(), heap::stats());
    drop(hoard);
    check!(short && !spared && again, "{short}, with the reserve {spared}, then {again}");
    let left = stats.capacity - stats.in_use;
    check!((stats.reserve..stats.reserve + 64).contains(&left), "{left} of {}", stats.reserve);
    check!(!is_short(), "what was held is free again");
    Ok(())
}

fn slots_are_looked_after(may_sleep: &MaySleep) -> Result<(), String> {
    let Some(slot) = disks::view().first().map(|slot| slot.number) else {
        return Err("the machine has no slot".into());
    };
    let hoard = lasting_hoard(may_sleep)?;
    // To turn on what is on is refused, after a look at all slots.
    with_reserve(|| disks::order(slot, Order::Start));
    while with_reserve(|| disks::settled(slot)).is_none() {
        sleep(may_sleep, MOMENT);
    }
    let short = is_short();
    drop(hoard);
    check!(short, "memory was not short");
    Ok(())
}

/// How many writes there are, of 8 sectors, each in another place.
const WRITES: u64 = 512;
const STRIDE: u64 = 160;

/// What waits for a request.
type Ended = Completion<(Buf, IoResult)>;

fn every_request_ends(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    let device = disks.rig.open("m")?;
    // What is the originator's own it has before.
    let data: Bytes = BytesMut::from(&[7; 4096][..]).freeze();
    let places = (0..WRITES).map(|nth| extent(nth * STRIDE, 8));
    let mut bufs: Vec<Buf> = places.clone().map(|at| Buf::write(at, data.clone())).collect();
    bufs.push(Buf::flush());
    bufs.extend(places.map(|at| Buf::read(at, BytesMut::zeroed(4096))));
    let ended: Vec<Arc<Ended>> =
        bufs.iter().map(|_| Arc::new(Completion::new("biowait"))).collect();
    let mut results: Vec<(Buf, IoResult)> = Vec::with_capacity(bufs.len());
    // The leg dies when half is done.
    let half = disks.fault.counts().total() + WRITES / 2;
    disks.fault.fail(Hit::From(half), ErrorKind::Gone);

    let hoard = lasting_hoard(may_sleep)?;
    let mut waiting = ended.iter();
    let (writes, rest) = (WRITES as usize, bufs.len() - WRITES as usize);
    let mut bufs = bufs.into_iter();
    for count in [writes, rest] {
        for (buf, ended) in bufs.by_ref().zip(ended.iter().skip(results.len())).take(count) {
            let done: Arc<dyn BufDone> = ended.clone();
            with_reserve(|| device.strategy(Bio::new(buf, done, 0)));
        }
        results.extend(waiting.by_ref().take(count).map(|ended| ended.wait(may_sleep)));
    }
    let short = is_short();
    drop(hoard);

    check!(short, "memory was not short");
    check!(results.len() == writes + rest);
    for (buf, result) in results {
        check!(result.is_ok(), "{:?} {}: {result:?}", buf.cmd(), buf.extent());
        check!(buf.into_read().is_none_or(|memory| memory[..] == data[..]), "not what was written");
    }
    check!(disks.show()?.starts_with("degraded: 1 of 2"), "{}", disks.show()?);
    disks.fault.forgive();
    drop((device, ended));
    all_run(&mut session, &["mirror add m 1", "mirror wait m"])?;
    disks.end(&mut session)
}
