//! Adding pages to the kernel's address space.
//!
//! Used by `mmio` and `stack`, which own the windows that they map into. Page tables come
//! from `frames` and are never given back: neither window shrinks.

use x86_64::registers::control::Cr3;
use x86_64::structures::paging::mapper::{MapToError, MapperFlush};
use x86_64::structures::paging::{
    FrameAllocator, Mapper, OffsetPageTable, Page, PageSize, PageTableFlags, PhysFrame, Size2MiB,
    Size4KiB,
};
use x86_64::{PhysAddr, VirtAddr};

use super::{DIRECT_MAP, PAGE_SIZE, direct_map, frames};
use crate::arch::IrqLock;

const LARGE_PAGE: u64 = Size2MiB::SIZE;

// Held while the tables are edited.
static TABLES: IrqLock<()> = IrqLock::new(());

/// Maps `len` bytes of physical memory at the virtual address `to`, with large pages
/// where both addresses allow. All three must be multiples of a page.
///
/// # Safety
/// The virtual range must belong to the caller and not be mapped. A second mapping of the
/// physical range with these flags must do no harm to its users.
pub unsafe fn map(to: u64, physical: u64, len: usize, flags: PageTableFlags) {
    let _held = TABLES.lock();
    let mut done = 0;
    while done < len as u64 {
        let (virt, phys) = (VirtAddr::new(to + done), PhysAddr::new(physical + done));
        let large = virt.is_aligned(LARGE_PAGE)
            && phys.is_aligned(LARGE_PAGE)
            && len as u64 - done >= LARGE_PAGE;
        // SAFETY: the lock is held, and the caller answers for both ranges.
        done += unsafe {
            if large {
                map_page::<Size2MiB>(virt, phys, flags)
            } else {
                map_page::<Size4KiB>(virt, phys, flags)
            }
        };
    }
}

/// Maps one page; returns its size.
///
/// # Safety
/// As for `map`, with `TABLES` locked.
unsafe fn map_page<S: PageSize + core::fmt::Debug>(
    virt: VirtAddr,
    phys: PhysAddr,
    flags: PageTableFlags,
) -> u64
where
    for<'a> OffsetPageTable<'a>: Mapper<S>,
{
    let (root, _) = Cr3::read();
    let root = direct_map(root.start_address().as_u64(), PAGE_SIZE);
    // SAFETY: the direct mapping shows all page tables, and the lock makes this the only
    // reference to them.
    let mut tables =
        unsafe { OffsetPageTable::new(&mut *(root as *mut _), VirtAddr::new(DIRECT_MAP)) };
    let page = Page::<S>::containing_address(virt);
    let frame = PhysFrame::<S>::containing_address(phys);
    // SAFETY: the caller answers for the page and the frame.
    let mapped: Result<MapperFlush<S>, MapToError<S>> =
        unsafe { tables.map_to(page, frame, flags, &mut TableFrames) };
    match mapped {
        Ok(flush) => flush.flush(),
        Err(e) => panic!("cannot map {virt:?} to {phys:?}: {e:?}"),
    }
    S::SIZE
}

struct TableFrames;

// SAFETY: `frames` hands each frame out once.
unsafe impl FrameAllocator<Size4KiB> for TableFrames {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        frames::allocate(1).map(|frame| PhysFrame::containing_address(PhysAddr::new(frame.keep())))
    }
}
