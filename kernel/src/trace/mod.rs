//! The trace: a fixed ring of typed records with their times, of mapped devices, mirrors, disks,
//! interrupts and threads.
//!
//! Place: mirrors report through [`dm_mirror::trace`], the device mapper and drivers through
//! their probes; interrupts and switches of threads call it. The console's `trace` switches it
//! on and shows it, `panic` prints its end. docs/trace.md explains the lines.
//!
//! Rules:
//!
//! - While it is off, each traced place costs one look at [`LAYERS`], and there is no ring.
//! - While it is on, a record is put into the ring with interrupts off, in a few instructions,
//!   since interrupts record too. Nothing is allocated.
//! - The ring forgets the oldest records, and counts how many.

mod record;
mod ring;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use core::time::Duration;

use dm_mirror::Traced;
use dm_mirror::trace::{Sink, Trace};
use drivers::virtio::blk::Moment;
use spin::Once;

use crate::arch::{IrqLock, clock};

pub use record::{LAYERS_ALL, Layer, Record};
pub use ring::{Entry, Ring};

/// How many records are kept.
pub const KEPT: usize = 8192;

/// How many of them a panic prints.
const LAST: usize = 24;

/// How many devices have a name of their own in the trace. The others share the last one.
const NAMES_MAX: usize = 32;

/// What is recorded: bits of layers. None while the trace is off.
static LAYERS: AtomicU8 = AtomicU8::new(0);

/// `None` until the trace is switched on for the first time.
static RING: IrqLock<Option<Ring<Record>>> = IrqLock::new(None);

/// The names of mapped devices at their first record, by their numbers.
static NAMES: IrqLock<heapless::Vec<Arc<str>, NAMES_MAX>> = IrqLock::new(heapless::Vec::new());

static MIRRORS: Once<Arc<Trace>> = Once::new();

/// No memory is left for the ring.
#[derive(Clone, Copy, Debug)]
pub struct NoRoom;

/// Begins to record these layers, and forgets the earlier records.
pub fn on(layers: u8) -> Result<(), NoRoom> {
    off();
    if RING.lock().is_none() {
        let ring = Ring::new(KEPT).ok_or(NoRoom)?;
        *RING.lock() = Some(ring);
    }
    clear();
    LAYERS.store(layers, Relaxed);
    mirrors().switch(layers & Layer::Mirror.bit() != 0);
    Ok(())
}

/// Ends the trace. Its records stay.
pub fn off() {
    LAYERS.store(0, Relaxed);
    mirrors().switch(false);
}

/// Forgets all records.
pub fn clear() {
    if let Some(ring) = &mut *RING.lock() {
        ring.clear();
    }
}

/// The layers that are recorded, as bits.
pub fn layers() -> u8 {
    LAYERS.load(Relaxed)
}

/// How many records were made since the trace was cleared, and how many of them are forgotten.
pub fn counts() -> (u64, u64) {
    RING.lock().as_ref().map_or((0, 0), |ring| (ring.count(), ring.lost()))
}

/// Up to `max` records from this number on, oldest first.
pub fn since(number: u64, max: usize) -> Vec<Entry<Record>> {
    // Memory is allocated without the lock.
    let mut found = Vec::with_capacity(max);
    if let Some(ring) = &*RING.lock() {
        found.extend(ring.since(number).take(max));
    }
    found
}

/// The target type of mirrors that are traced.
pub fn mirror_type() -> Traced {
    Traced(mirrors().clone())
}

fn mirrors() -> &'static Arc<Trace> {
    MIRRORS.call_once(|| Arc::new(Trace::new(Mirrors)))
}

/// The name of the device with that number.
pub fn device_name(number: u8) -> Arc<str> {
    NAMES.lock().get(usize::from(number)).cloned().unwrap_or_else(|| "others".into())
}

struct Mirrors;

impl Sink for Mirrors {
    /// Mirrors of one device, one after another table, share a number.
    fn mirror(&self, device: &str) -> u32 {
        number_of(device.into()).into()
    }

    fn record(&self, mirror: u32, at: Duration, record: dm_mirror::trace::Record) {
        put(at.as_nanos() as u64, Record::Mirror(mirror as u8, record));
    }
}

/// The number that names a device from now on.
fn number_of(name: Arc<str>) -> u8 {
    let mut names = NAMES.lock();
    let number = names.iter().position(|it| *it == name).unwrap_or_else(|| {
        let free = names.len();
        if names.push(name).is_ok() { free } else { NAMES_MAX }
    });
    number as u8
}

/// A mapped device takes a request, or is done with one.
pub fn dm(name: &dyn Fn() -> Arc<str>, moment: dm::Moment) {
    if layers() & Layer::Dm.bit() != 0 {
        put(clock::now(), Record::Dm(number_of(name()), moment));
    }
}

/// A disk does something.
pub fn disk(name: &str, moment: Moment) {
    if layers() & Layer::Disk.bit() != 0 {
        let number = name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse();
        put(clock::now(), Record::Disk(number.unwrap_or(u8::MAX), moment));
    }
}

/// An interrupt came.
pub fn interrupt(vector: u8) {
    if layers() & Layer::Interrupt.bit() != 0 {
        put(clock::now(), Record::Interrupt(vector));
    }
}

/// The CPU goes to the thread in this slot of the table.
pub fn switch(to: usize) {
    if layers() & Layer::Thread.bit() != 0 {
        put(clock::now(), Record::Switch(to as u8));
    }
}

fn put(at: u64, record: Record) {
    if let Some(ring) = &mut *RING.lock() {
        ring.push(at, record);
    }
}

/// The last records, for a kernel that goes down, if the trace is on. Waits for nobody.
pub fn last(mut say: impl FnMut(fmt::Arguments<'_>)) {
    if layers() == 0 {
        return;
    }
    let ring = RING.try_lock();
    let Some(Some(ring)) = ring.as_deref() else { return };
    let first = ring.count().saturating_sub(LAST as u64);
    say(format_args!("the last of the trace, of {} records:", ring.count()));
    for Entry { at, record, .. } in ring.since(first) {
        let at = Duration::from_nanos(at);
        say(format_args!("[{:5}.{:06}] {record}", at.as_secs(), at.subsec_micros()));
    }
}
