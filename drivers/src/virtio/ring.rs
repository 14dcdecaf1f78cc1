//! A split virtqueue (virtio 1.2, 2.7) that owns what its device was lent.
//!
//! Place: between a driver, which knows what requests mean, and a transport,
//! which knows where registers are. One of the rooms for unsafe code: here
//! memory is handed to a device.
//!
//! A request is a chain of a header (the device reads it), a payload and a
//! status byte (the device writes it). *Slot i owns header, payload and status
//! from [`Ring::push`] until [`Ring::reap`] pops its token*; when the driver
//! gives up on the request ([`Ring::abandon`]) the slot keeps them all the same.
//!
//! Rules kept here:
//!
//! - After construction nothing is allocated.
//! - Nothing that the device writes is trusted: each word is read once and
//!   checked; a device that breaks the rules is a [`DeviceFault`], never a panic.
//! - A device is kicked only when it asked for it, once for any number of
//!   pushes; a full fence stands between publishing and asking.
//! - The queue's pages are the device's for good: only a reset would end its
//!   claim, and a reset may stop the machine until the device's backend answers.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::{self, offset_of};
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

use bio::Memory;
use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use super::{DeviceFault, SetupError};

/// The most requests a device holds at a time.
pub const QUEUE_DEPTH: u16 = 128;
/// The most pieces a payload is cut into where the device knows indirect descriptors.
pub const SEGMENTS_MAX: usize = TABLE_LEN - ENDS;
/// The same where it does not.
pub const SEGMENTS_MAX_DIRECT: usize = STRIDE_DIRECT as usize - ENDS;
/// The longest header in 64-bit words.
pub const HEADER_WORDS_MAX: usize = 4;

/// Descriptors of a chain besides its payload's: header and status.
const ENDS: usize = 2;
/// Descriptors of a slot: in its own table, or in the queue's where there is none.
const TABLE_LEN: usize = 16;
const STRIDE_DIRECT: u16 = 4;
/// In a status byte: not answered yet. No device says so (virtio 1.2, 5.2.6).
const UNANSWERED: u8 = 0xff;

// Flags of a descriptor (2.7.5), and of the two rings (2.7.6, 2.7.8).
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
const NO_INTERRUPT: u16 = 1;
const NO_NOTIFY: u16 = 1;

// The words in memory are little endian, like every CPU this runs on.
const _: () = assert!(cfg!(target_endian = "little"));

/// What driver and device agreed on for a queue.
#[derive(Clone, Copy, Debug)]
pub struct Agreement {
    /// VIRTIO_F_EVENT_IDX: each side says at which index it wants to hear.
    pub event_idx: bool,
    /// VIRTIO_F_INDIRECT_DESC: a chain may lie in a table of its own.
    pub indirect: bool,
    /// The most pieces the device takes for a payload, at least 1.
    pub segments: usize,
    /// The longest piece it takes, in bytes.
    pub segment_bytes: u32,
}

/// A queue of requests; with each goes a `T` of the driver's.
pub struct Ring<H: Hal, T> {
    shared: Shared,
    slots: Box<[Slot<H, T>]>,
    /// Slots with no request, the one used last on top.
    free: Vec<u16>,
    agreed: Agreement,
    /// Descriptors of the queue's table for each slot.
    stride: u16,
    /// The index that the next request is published under.
    next: u16,
    /// `next` when the device was last considered for a kick.
    announced: u16,
    /// The index of the next answer.
    last_used: u16,
}

struct Slot<H: Hal, T> {
    /// What the device holds. `None` in a free slot.
    loan: Option<Loan<H>>,
    /// Bytes the device may write: payload of a read, status.
    writable: u32,
    /// The driver's; `None` when free or abandoned.
    value: Option<T>,
}

/// A request that the device gave back.
#[derive(Debug)]
pub struct Used<T> {
    /// What the driver pushed with it, unless it gave the request up.
    pub value: Option<T>,
    /// The memory that was lent.
    pub memory: Memory,
    /// The status byte.
    pub status: u8,
    /// Bytes that the device says it wrote, status included; no more than it was lent.
    pub written: u32,
}

impl<H: Hal, T> Ring<H, T> {
    /// Lays out queue `queue` of a device in reset and tells it where.
    pub fn new<D: Transport>(
        device: &mut D,
        queue: u16,
        agreed: Agreement,
    ) -> Result<Ring<H, T>, SetupError> {
        let offered = device.max_queue_size(queue);
        let wanted = QUEUE_DEPTH * if agreed.indirect { 1 } else { STRIDE_DIRECT };
        let size = match offered.min(wanted.into()) {
            short @ 0..4 => return Err(SetupError::QueueTooShort(short)),
            // A power of two, as the rule for split queues is; at most `wanted`.
            size => 1u16 << size.ilog2(),
        };
        let (stride, segments) = if agreed.indirect {
            // No chain is longer than the queue, wherever it lies (2.7.5.3.1).
            (1, SEGMENTS_MAX.min(usize::from(size) - ENDS))
        } else {
            (STRIDE_DIRECT, SEGMENTS_MAX_DIRECT)
        };
        let segments = segments.min(agreed.segments.max(1));
        let depth = QUEUE_DEPTH.min(size / stride);

        let shared = Shared::new::<H>(size, depth)?;
        let [descriptors, driver, device_area] = shared.parts;
        device.queue_set(queue, size.into(), descriptors, driver, device_area);
        Ok(Ring {
            shared,
            slots: (0..depth).map(|_| Slot { loan: None, writable: 0, value: None }).collect(),
            free: (0..depth).rev().collect(),
            agreed: Agreement { segments, ..agreed },
            stride,
            next: 0,
            announced: 0,
            last_used: 0,
        })
    }

    /// The longest payload that one request can carry, in bytes.
    pub fn payload_max(&self) -> usize {
        self.agreed.segments.saturating_mul(self.agreed.segment_bytes as usize)
    }

    /// Whether there is room for one more request.
    pub fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// How many requests the device holds, abandoned ones included.
    pub fn in_flight(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Lends a request to the device: `header`, then `range` of `memory`, which
    /// it reads if shared and writes if unique. It need not hear of it before
    /// [`wants_kick`](Ring::wants_kick) says so.
    ///
    /// Panics without room, or if header or payload are longer than they may be.
    pub fn push(&mut self, header: &[u64], memory: Memory, range: Range<usize>, value: T) {
        assert!(range.len() <= self.payload_max(), "payload too long for one request");
        let index = self.free.pop().expect("the caller asked for room");
        let area = &self.shared.areas[usize::from(index)];
        for (word, from) in area.header[..header.len()].iter().zip(header) {
            word.store(*from, Ordering::Relaxed);
        }
        area.status.store(UNANSWERED, Ordering::Relaxed);

        let writes = matches!(memory, Memory::Unique(_));
        let length = range.len() as u32;
        let loan = Loan::new(memory, range);
        let chain = Chain {
            header_bytes: size_of_val(header) as u32,
            payload: loan.paddr,
            length,
            writes,
            segment_bytes: self.agreed.segment_bytes,
        };
        self.shared.describe(index, self.stride, self.agreed.indirect, &chain);
        let slot = &mut self.slots[usize::from(index)];
        *slot = Slot {
            loan: Some(loan),
            writable: 1 + if writes { length } else { 0 },
            value: Some(value),
        };
        self.shared.publish(self.next, index * self.stride);
        self.next = self.next.wrapping_add(1);
    }

    /// Whether the device is to be told of what was pushed since this was last
    /// asked. It may poll by itself, and then wants no kick.
    #[must_use]
    pub fn wants_kick(&mut self) -> bool {
        let (old, new) = (self.announced, self.next);
        if old == new {
            return false;
        }
        self.announced = new;
        // The device writes its wish, then looks at our index; we wrote our
        // index, now look at its wish. Without the fence both could miss.
        fence(Ordering::SeqCst);
        if self.agreed.event_idx {
            passes(self.shared.avail_event.load(Ordering::Relaxed), old, new)
        } else {
            self.shared.used[0].load(Ordering::Relaxed) & NO_NOTIFY == 0
        }
    }

    /// Takes back the next request that the device is done with, if any.
    ///
    /// After an error nothing has changed, and the next call says the same:
    /// what the device holds stays with it.
    pub fn reap(&mut self) -> Result<Option<Used<T>>, DeviceFault> {
        let ahead = self.answers();
        let in_flight = self.in_flight() as u16;
        if ahead == 0 {
            return Ok(None);
        }
        if ahead > in_flight {
            return Err(DeviceFault::RanAhead { used: ahead, in_flight });
        }
        let (id, written) = self.shared.answer(self.last_used);
        let index = self.slot_of(id).ok_or(DeviceFault::UnknownRequest { id })?;
        let slot = &mut self.slots[usize::from(index)];
        let lent = slot.writable;
        let loan = match slot.loan.take() {
            None => return Err(DeviceFault::UnknownRequest { id }),
            loan @ Some(_) if written > lent => {
                slot.loan = loan;
                return Err(DeviceFault::Overlong { written, lent });
            }
            Some(loan) => loan,
        };
        self.last_used = self.last_used.wrapping_add(1);
        self.free.push(index);
        Ok(Some(Used {
            value: slot.value.take(),
            memory: loan.end(),
            status: self.shared.areas[usize::from(index)].status.load(Ordering::Relaxed),
            written,
        }))
    }

    /// Asks the device not to interrupt until [`unmute`](Ring::unmute).
    pub fn mute(&mut self) {
        // With EVENT_IDX it already is: it interrupts once for each `unmute`.
        if !self.agreed.event_idx {
            self.shared.avail[0].store(NO_INTERRUPT, Ordering::Relaxed);
        }
    }

    /// Asks the device to interrupt at its next answer. True if an answer came
    /// in before that: it has to be reaped without an interrupt.
    #[must_use]
    pub fn unmute(&mut self) -> bool {
        if self.agreed.event_idx {
            self.shared.used_event.store(self.last_used, Ordering::Relaxed);
        } else {
            self.shared.avail[0].store(0, Ordering::Relaxed);
        }
        // The mirror image of the fence in `wants_kick`.
        fence(Ordering::SeqCst);
        self.answers() != 0
    }

    /// What the driver pushed with the requests that it has not given up.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }

    /// Gives requests up: each `T` comes back as the iterator advances, its
    /// slot and memory stay with the device.
    pub fn abandon(&mut self) -> impl Iterator<Item = T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.take())
    }

    /// How many requests the device says it used and we have not reaped.
    fn answers(&self) -> u16 {
        // Acquire: what the device wrote before its index is seen after it.
        self.shared.used[1].load(Ordering::Acquire).wrapping_sub(self.last_used)
    }

    /// The slot whose chain starts at descriptor `id`.
    fn slot_of(&self, id: u32) -> Option<u16> {
        let id = u16::try_from(id).ok()?;
        let index = id / self.stride;
        (id.is_multiple_of(self.stride) && usize::from(index) < self.slots.len()).then_some(index)
    }
}

/// Whether a side that wants to hear of `event` hears when the other's index
/// goes from `old` to `new`. Right across the wrap at 65,536 (2.7.10.1).
pub(super) fn passes(event: u16, old: u16, new: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

/// Memory that a device has. Dropping it leaks the memory: the device was not asked.
struct Loan<H: Hal> {
    memory: Memory,
    range: Range<usize>,
    /// Where the device finds the range; 0 if it is empty.
    paddr: PhysAddr,
    hal: PhantomData<fn() -> H>,
}

impl<H: Hal> Loan<H> {
    fn new(mut memory: Memory, range: Range<usize>) -> Loan<H> {
        let paddr = match buffer(&mut memory, &range) {
            // SAFETY: the buffer is `range` of `memory`, not empty. Unique memory
            // is ours alone; shared memory is immutable, and only read from.
            Some((buffer, direction)) => unsafe { H::share(buffer, direction) },
            None => 0,
        };
        Loan { memory, range, paddr, hal: PhantomData }
    }

    /// The device gave the memory back.
    fn end(mut self) -> Memory {
        if let Some((buffer, direction)) = buffer(&mut self.memory, &self.range) {
            // SAFETY: the same buffer that `new` shared, for memory cannot move
            // within its handle; the device is done with it.
            unsafe { H::unshare(self.paddr, buffer, direction) };
        }
        mem::replace(&mut self.memory, Memory::None)
    }
}

impl<H: Hal> Drop for Loan<H> {
    fn drop(&mut self) {
        mem::forget(mem::replace(&mut self.memory, Memory::None));
    }
}

/// The bytes of `range`, and who writes them. `None` if there are none.
fn buffer(memory: &mut Memory, range: &Range<usize>) -> Option<(NonNull<[u8]>, BufferDirection)> {
    let (buffer, direction) = match memory {
        Memory::Unique(bytes) => {
            (NonNull::from(&mut bytes[range.clone()]), BufferDirection::DeviceToDriver)
        }
        Memory::Shared(bytes) => {
            (NonNull::from(&bytes[range.clone()]), BufferDirection::DriverToDevice)
        }
        Memory::None | Memory::Lost => return None,
    };
    (!range.is_empty()).then_some((buffer, direction))
}

/// The memory that driver and device both see, all of it atomics: a data race
/// with the device is then no undefined behaviour, whatever the device does.
struct Shared {
    descriptors: &'static [Descriptor],
    /// Flags, index, ring: `avail[2 + i]` (2.7.6).
    avail: &'static [AtomicU16],
    used_event: &'static AtomicU16,
    /// Flags, index (2.7.8).
    used: &'static [AtomicU16],
    used_ring: &'static [UsedElement],
    avail_event: &'static AtomicU16,
    areas: &'static [Area],
    areas_paddr: PhysAddr,
    /// Where the device finds descriptors, available and used ring.
    parts: [PhysAddr; 3],
}

/// 2.7.5.
#[repr(C, align(16))]
struct Descriptor {
    addr: AtomicU64,
    len: AtomicU32,
    flags: AtomicU16,
    next: AtomicU16,
}

/// 2.7.8.
#[repr(C)]
struct UsedElement {
    id: AtomicU32,
    len: AtomicU32,
}

/// What a slot owns besides its payload.
#[repr(C, align(16))]
struct Area {
    header: [AtomicU64; HEADER_WORDS_MAX],
    status: AtomicU8,
    table: [Descriptor; TABLE_LEN],
}

/// A chain to be described.
struct Chain {
    header_bytes: u32,
    payload: PhysAddr,
    /// Bytes of payload.
    length: u32,
    /// The device writes the payload.
    writes: bool,
    segment_bytes: u32,
}

impl Shared {
    fn new<H: Hal>(size: u16, depth: u16) -> Result<Shared, SetupError> {
        let (size, depth) = (usize::from(size), usize::from(depth));
        let bytes = size * (size_of::<Descriptor>() + size_of::<UsedElement>() + 2)
            + depth * size_of::<Area>()
            // Flags, indexes, events and the padding between the parts.
            + 64;
        let pages = bytes.div_ceil(PAGE_SIZE);
        // Never deallocated: see the head of the file.
        let (paddr, vaddr) = H::dma_alloc(pages, BufferDirection::Both);
        if paddr == 0 {
            return Err(SetupError::NoMemory);
        }
        let mut carver = Carver { vaddr, paddr, offset: 0, length: pages * PAGE_SIZE };
        // SAFETY: `Hal` gives zeroed pages of this length that alias nothing and
        // live for good; every type cut from them consists of atomic integers.
        let (descriptors, avail, used_event, used, used_ring, avail_event, areas) = unsafe {
            (
                carver.cut::<Descriptor>(size),
                carver.cut::<AtomicU16>(2 + size),
                carver.cut::<AtomicU16>(1),
                // Of the used ring's 4-byte alignment.
                carver.align(4).cut::<AtomicU16>(2),
                carver.cut::<UsedElement>(size),
                carver.cut::<AtomicU16>(1),
                carver.cut::<Area>(depth),
            )
        };
        Ok(Shared {
            parts: [descriptors.1, avail.1, used.1],
            descriptors: descriptors.0,
            avail: avail.0,
            used_event: &used_event.0[0],
            used: used.0,
            used_ring: used_ring.0,
            avail_event: &avail_event.0[0],
            areas: areas.0,
            areas_paddr: areas.1,
        })
    }

    /// Writes the descriptors of slot `index`.
    fn describe(&self, index: u16, stride: u16, indirect: bool, chain: &Chain) {
        let area = &self.areas[usize::from(index)];
        let paddr = self.areas_paddr + u64::from(index) * size_of::<Area>() as u64;
        let head = usize::from(index * stride);
        if !indirect {
            let table = &self.descriptors[head..head + usize::from(stride)];
            chain.write(table, head as u16, paddr);
            return;
        }
        let count = chain.write(&area.table, 0, paddr);
        self.descriptors[head].set(
            paddr + offset_of!(Area, table) as u64,
            u32::from(count) * size_of::<Descriptor>() as u32,
            INDIRECT,
            0,
        );
    }

    /// Makes the chain at descriptor `head` available under index `at`.
    fn publish(&self, at: u16, head: u16) {
        let size = self.descriptors.len();
        self.avail[2 + usize::from(at) % size].store(head, Ordering::Relaxed);
        // Release: the device that sees the index sees the chain.
        self.avail[1].store(at.wrapping_add(1), Ordering::Release);
    }

    /// The answer under index `at`: descriptor and bytes written, each read once.
    fn answer(&self, at: u16) -> (u32, u32) {
        let element = &self.used_ring[usize::from(at) % self.used_ring.len()];
        (element.id.load(Ordering::Relaxed), element.len.load(Ordering::Relaxed))
    }
}

impl Chain {
    /// Writes the chain into `table`, whose first descriptor has number `base`,
    /// for the slot whose area is at `area`. Returns how many it took.
    fn write(&self, table: &[Descriptor], base: u16, area: PhysAddr) -> u16 {
        let mut count = 0;
        let mut add = |addr, len, flags| {
            let next = base + count + 1;
            table[usize::from(count)].set(addr, len, flags, next);
            count += 1;
        };
        add(area + offset_of!(Area, header) as u64, self.header_bytes, NEXT);
        let mut done = 0;
        while done < self.length {
            let len = (self.length - done).min(self.segment_bytes);
            let flags = if self.writes { NEXT | WRITE } else { NEXT };
            add(self.payload + u64::from(done), len, flags);
            done += len;
        }
        add(area + offset_of!(Area, status) as u64, 1, WRITE);
        count
    }
}

impl Descriptor {
    fn set(&self, addr: PhysAddr, len: u32, flags: u16, next: u16) {
        self.addr.store(addr, Ordering::Relaxed);
        self.len.store(len, Ordering::Relaxed);
        self.flags.store(flags, Ordering::Relaxed);
        self.next.store(next, Ordering::Relaxed);
    }
}

/// Cuts typed slices off the front of a run of pages.
struct Carver {
    vaddr: NonNull<u8>,
    paddr: PhysAddr,
    offset: usize,
    length: usize,
}

impl Carver {
    fn align(&mut self, to: usize) -> &mut Carver {
        self.offset = self.offset.next_multiple_of(to);
        self
    }

    /// # Safety
    ///
    /// The run is zeroed, aliases nothing, is never freed, and all zeroes are a
    /// valid `T`, which allows for changes from outside.
    unsafe fn cut<T>(&mut self, count: usize) -> (&'static [T], PhysAddr) {
        let start = self.align(align_of::<T>()).offset;
        self.offset += count * size_of::<T>();
        assert!(self.offset <= self.length, "the parts are longer than the whole");
        // SAFETY: within the run, and aligned: the run is to a page, and the
        // offset to `T`. The rest is the caller's promise.
        let slice = unsafe {
            core::slice::from_raw_parts(self.vaddr.add(start).cast::<T>().as_ptr(), count)
        };
        (slice, self.paddr + start as u64)
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
