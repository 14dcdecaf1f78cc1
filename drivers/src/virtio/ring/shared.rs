//! The memory of a queue that driver and device both see.
//!
//! Place: under the ring, which decides what is written here and when. A room for unsafe code:
//! it turns pages into the structures of virtio 1.2, 2.7.
//!
//! Rules:
//!
//! - All of it is atomic. So a data race with the device is never undefined behaviour, whatever
//!   the device does.
//! - The pages are the device's until it certainly cannot reach them any longer
//!   ([`Shared::give_back`]). Until then they are not freed.

use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use super::super::SetupError;

/// The longest header in 64-bit words.
pub const HEADER_WORDS_MAX: usize = 4;
/// Descriptors of a chain besides its payload's: header and status.
pub(super) const ENDS: usize = 2;
/// Descriptors of a slot's own table.
pub(super) const TABLE_LEN: usize = 16;

// Flags of a descriptor (2.7.5).
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

// The words in memory are little endian, like every CPU this runs on.
const _: () = assert!(cfg!(target_endian = "little"));

/// The parts of a queue's memory. They can be borrowed only while this is borrowed: the pages
/// may be freed when it is dropped.
pub(super) struct Shared<H: Hal> {
    pages: Pages<H>,
    descriptors: &'static [Descriptor],
    avail: &'static [AtomicU16],
    used_event: &'static AtomicU16,
    used: &'static [AtomicU16],
    used_ring: &'static [UsedElement],
    avail_event: &'static AtomicU16,
    areas: &'static [Area],
    areas_paddr: PhysAddr,
    /// Where the device finds descriptors, available and used ring.
    pub(super) parts: [PhysAddr; 3],
}

/// The pages that the parts are cut from.
struct Pages<H: Hal> {
    paddr: PhysAddr,
    vaddr: NonNull<u8>,
    count: usize,
    /// The device can reach them.
    lent: bool,
    hal: PhantomData<fn() -> H>,
}

// SAFETY: the pages belong to the owner of this value, and everything in them is atomic.
unsafe impl<H: Hal> Send for Pages<H> {}
// SAFETY: as above.
unsafe impl<H: Hal> Sync for Pages<H> {}

impl<H: Hal> Drop for Pages<H> {
    fn drop(&mut self) {
        if !self.lent {
            // SAFETY: from `dma_alloc`, with this many pages. The device has given them
            // back, and the parts go with the `Shared` that this is dropped with.
            unsafe { H::dma_dealloc(self.paddr, self.vaddr, self.count) };
        }
    }
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
pub(super) struct Area {
    pub(super) header: [AtomicU64; HEADER_WORDS_MAX],
    pub(super) status: AtomicU8,
    table: [Descriptor; TABLE_LEN],
}

/// A chain to be described.
pub(super) struct Chain {
    pub(super) header_bytes: u32,
    pub(super) payload: PhysAddr,
    /// Bytes of payload.
    pub(super) length: u32,
    /// The device writes the payload.
    pub(super) writes: bool,
    pub(super) segment_bytes: u32,
}

impl<H: Hal> Shared<H> {
    /// Lays a queue of `size` descriptors out, with areas for `depth` slots.
    pub(super) fn new(size: u16, depth: u16) -> Result<Shared<H>, SetupError> {
        let (size, depth) = (usize::from(size), usize::from(depth));
        let bytes = size * (size_of::<Descriptor>() + size_of::<UsedElement>() + 2)
            + depth * size_of::<Area>()
            // Flags, indexes, events and the padding between the parts.
            + 64;
        let pages = bytes.div_ceil(PAGE_SIZE);
        let (paddr, vaddr) = H::dma_alloc(pages, BufferDirection::Both);
        if paddr == 0 {
            return Err(SetupError::NoMemory);
        }
        let mut carver = Carver { vaddr, paddr, offset: 0, length: pages * PAGE_SIZE };
        // SAFETY: `Hal` gives zeroed pages of this length that alias nothing and live
        // as long as `Pages`; every type cut from them consists of atomic integers.
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
        let hal = PhantomData;
        Ok(Shared {
            pages: Pages { paddr, vaddr, count: pages, lent: true, hal },
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

    /// The device can no longer reach the pages: they are freed when this is dropped.
    pub(super) fn give_back(&mut self) {
        self.pages.lent = false;
    }

    /// Flags, index, ring: `avail()[2 + i]` (2.7.6).
    pub(super) fn avail(&self) -> &[AtomicU16] {
        self.avail
    }

    pub(super) fn used_event(&self) -> &AtomicU16 {
        self.used_event
    }

    /// Flags, index (2.7.8).
    pub(super) fn used(&self) -> &[AtomicU16] {
        self.used
    }

    pub(super) fn avail_event(&self) -> &AtomicU16 {
        self.avail_event
    }

    pub(super) fn areas(&self) -> &[Area] {
        self.areas
    }

    /// Writes the descriptors of slot `index`.
    pub(super) fn describe(&self, index: u16, stride: u16, indirect: bool, chain: &Chain) {
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
    pub(super) fn publish(&self, at: u16, head: u16) {
        let size = self.descriptors.len();
        self.avail[2 + usize::from(at) % size].store(head, Ordering::Relaxed);
        // Release: the device that sees the index sees the chain.
        self.avail[1].store(at.wrapping_add(1), Ordering::Release);
    }

    /// The answer under index `at`: descriptor and bytes written, each read once.
    pub(super) fn answer(&self, at: u16) -> (u32, u32) {
        let element = &self.used_ring[usize::from(at) % self.used_ring.len()];
        (element.id.load(Ordering::Relaxed), element.len.load(Ordering::Relaxed))
    }
}

/// A store-load barrier: the device sees every earlier store before any later load is done.
///
/// An `mfence`. Without SSE, `fence(SeqCst)` is a `lock`-prefixed instruction, and QEMU's TCG
/// takes that for no barrier if a guest has one CPU.
pub(super) fn full_barrier() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it touches no register and no memory. The compiler takes it to touch all
    // memory, and moves no access past it.
    unsafe {
        core::arch::asm!("mfence", options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    core::sync::atomic::fence(Ordering::SeqCst);
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
    /// The run is zeroed, aliases nothing, is not freed while the slice is used, and all
    /// zeroes are a valid `T`, which allows for changes from outside.
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
