//! Memory that a hostile device sees: registers that hold anything, and pages that it writes
//! where and when it likes.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use super::answers::Answers;

/// Memory ends here: no registers lie below.
pub(super) const MEMORY_END: u64 = 1 << 31;
/// The most registers that a driver maps at a time, in bytes.
const MAPPED_MAX: usize = PAGE_SIZE;
/// Words of a page.
const WORDS: usize = PAGE_SIZE / 4;

/// Two pages, so that registers can begin anywhere in the first.
#[repr(C, align(4096))]
struct Scratch([Cell<u32>; 2 * WORDS]);

std::thread_local! {
    static REGISTERS: Scratch = const { Scratch([const { Cell::new(0) }; 2 * WORDS]) };
    static PAGES: Cell<usize> = const { Cell::new(0) };
    /// Addresses and lengths of the lent memory.
    static LENT: RefCell<std::vec::Vec<(PhysAddr, usize)>> = const {
        RefCell::new(std::vec::Vec::new())
    };
}

/// How many pages and buffers a device of this thread can reach.
pub(super) fn lent() -> (usize, usize) {
    (PAGES.with(Cell::get), LENT.with_borrow(|lent| lent.len()))
}

/// Overwrites all registers.
pub(super) fn scribble(answers: &mut Answers) {
    let words: [u32; 16] = std::array::from_fn(|_| answers.awkward());
    REGISTERS.with(|Scratch(registers)| {
        for (register, word) in registers.iter().zip(words.iter().cycle()) {
            register.set(*word);
        }
    });
}

/// The memory of a machine with a hostile device.
pub(super) struct HostileHal;

// SAFETY: pages are of the process's allocator, and registers are a scratch area that is as
// long as the thread; buffers are where they are.
unsafe impl Hal for HostileHal {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let layout = Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap();
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
        PAGES.with(|count| count.set(count.get() + pages));
        (memory.as_ptr().expose_provenance() as PhysAddr, memory)
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        let layout = Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap();
        // SAFETY: from `dma_alloc`, with the same number of pages.
        unsafe { dealloc(memory.as_ptr(), layout) };
        PAGES.with(|count| count.set(count.get() - pages));
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, size: usize) -> NonNull<u8> {
        let end = address.checked_add(size as u64).expect("registers have addresses");
        assert!(address >= MEMORY_END && end > address, "registers at {address:#x} over memory");
        assert!(size <= MAPPED_MAX, "{size:#x} bytes of registers are mapped");
        REGISTERS.with(|registers| {
            let start = NonNull::from(registers).cast::<u8>();
            // SAFETY: less than a page into two pages.
            unsafe { start.add(address as usize % PAGE_SIZE) }
        })
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        let address = buffer.cast::<u8>().as_ptr().expose_provenance() as PhysAddr;
        LENT.with_borrow_mut(|lent| lent.push((address, buffer.len())));
        address
    }

    unsafe fn unshare(address: PhysAddr, buffer: NonNull<[u8]>, _: BufferDirection) {
        LENT.with_borrow_mut(|lent| {
            let at = lent.iter().position(|it| *it == (address, buffer.len()));
            lent.swap_remove(at.expect("it was lent"));
        });
    }
}

/// The device's side of a queue: it writes there what it likes.
#[derive(Clone, Copy, Default)]
pub(super) struct Rings {
    pub(super) size: u16,
    pub(super) descriptors: PhysAddr,
    pub(super) avail: PhysAddr,
    pub(super) used: PhysAddr,
}

impl Rings {
    /// Says that it used everything before `index`.
    pub(super) fn set_used(&self, index: u16) {
        self.write(self.used + 2, index);
    }

    /// Says under `index` that it used the chain `id`, and wrote `written` bytes.
    pub(super) fn set_answer(&self, index: u16, id: u32, written: u32) {
        let element = self.used + 4 + 8 * u64::from(index % self.size);
        self.write(element, id);
        self.write(element + 4, written);
    }

    /// Says which kicks it wants.
    pub(super) fn set_wishes(&self, flags: u16, event: u16) {
        self.write(self.used, flags);
        self.write(self.used + 4 + 8 * u64::from(self.size), event);
    }

    /// The index that the driver publishes next, and the chain under the one before `back`.
    pub(super) fn published(&self, back: u16) -> (u16, u16) {
        let index = self.read::<u16>(self.avail + 2);
        let at = index.wrapping_sub(back) % self.size;
        (index, self.read(self.avail + 4 + 2 * u64::from(at)))
    }

    /// Writes the status of chain `head`: the last descriptor's byte, wherever the chain is.
    pub(super) fn set_status(&self, head: u16, status: u8) {
        let (mut table, mut at) = (self.descriptors, head);
        if at >= self.size {
            return;
        }
        for _ in 0..self.size.max(32) {
            let descriptor = table + 16 * u64::from(at);
            let (address, length) =
                (self.read::<u64>(descriptor), self.read::<u32>(descriptor + 8));
            let flags: u16 = self.read(descriptor + 12);
            match flags {
                // An indirect table.
                _ if flags & 4 != 0 => (table, at) = (address, 0),
                _ if flags & 1 != 0 => at = self.read(descriptor + 14),
                _ if flags & 2 != 0 && length == 1 => return self.write(address, status),
                _ => return,
            }
        }
    }

    fn read<T: Copy>(&self, address: PhysAddr) -> T {
        // SAFETY: in the queue's memory, or in a table that the driver made of it. It lives as
        // long as the driver says; a released device is no longer called.
        unsafe { ptr::read_volatile(ptr::with_exposed_provenance(address as usize)) }
    }

    fn write<T>(&self, address: PhysAddr, value: T) {
        // SAFETY: as above.
        unsafe { ptr::write_volatile(ptr::with_exposed_provenance_mut(address as usize), value) }
    }
}
