//! Device registers: an uncached window on physical addresses.
//!
//! The boot loader's direct mapping ends where memory ends, and firmware often puts registers
//! far above. A mapping lives for ever. Asking for the same registers again gives the same
//! addresses, so a device that comes and goes uses up nothing.

use alloc::vec::Vec;
use core::ptr::NonNull;

use x86_64::structures::paging::{PageSize, PageTableFlags, Size2MiB};

use super::{MMIO_WINDOW, MMIO_WINDOW_END, PAGE_SIZE, paging};
use crate::arch::IrqLock;

static WINDOW: IrqLock<Window> = IrqLock::new(Window { mapped: Vec::new(), next: MMIO_WINDOW });

struct Window {
    mapped: Vec<Mapping>,
    /// The first virtual address not given out yet.
    next: u64,
}

/// `len` bytes of physical memory from `physical` on are visible at `at`.
#[derive(Clone, Copy)]
struct Mapping {
    physical: u64,
    len: u64,
    at: u64,
}

/// The virtual address of `len` bytes of registers at physical address `physical`.
///
/// Mapping is safe. Using the pointer is not: the user must know what is there.
///
/// # Panics
/// If page tables or the window run out.
pub fn map(physical: u64, len: usize) -> NonNull<u8> {
    let page = PAGE_SIZE as u64;
    let start = physical & !(page - 1);
    let end = (physical + len as u64).next_multiple_of(page);
    let mut window = WINDOW.lock();
    let known = window.mapped.iter().find(|m| m.physical <= start && end <= m.physical + m.len);
    let mapping = known.copied().unwrap_or_else(|| window.add(start, end - start));
    let address = mapping.at + (physical - mapping.physical);
    NonNull::new(address as *mut u8).expect("the window is not at 0")
}

impl Window {
    fn add(&mut self, physical: u64, len: u64) -> Mapping {
        // With the offset of the physical address in a large page, `paging` can use large
        // pages.
        let offset = physical % Size2MiB::SIZE;
        let at = self.next.next_multiple_of(Size2MiB::SIZE) + offset;
        assert!(at + len <= MMIO_WINDOW_END, "the window for device registers is full");
        let flags = PageTableFlags::PRESENT
            | PageTableFlags::WRITABLE
            | PageTableFlags::NO_EXECUTE
            | PageTableFlags::NO_CACHE
            | PageTableFlags::WRITE_THROUGH;
        // SAFETY: the virtual range is fresh. Nothing is accessed by mapping it, and the
        // only pointers to it are raw.
        unsafe { paging::map(at, physical, len as usize, flags) };
        self.next = at + len;
        let mapping = Mapping { physical, len, at };
        self.mapped.push(mapping);
        mapping
    }
}
