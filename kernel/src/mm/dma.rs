//! Memory that devices see: `virtio-drivers`' `Hal`.
//!
//! There is no IOMMU: a device sees physical memory as it is, so to share a buffer is to
//! translate its address. Buffers must lie in the heap or come from `dma_alloc`. A buffer on a
//! stack or in the kernel image is a bug, and panics.

use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use super::frames::{self, Frames};
use super::{PAGE_SIZE, direct_map, mmio, physical_address};

/// This kernel, as `virtio-drivers` needs it.
#[derive(Debug)]
pub struct KernelHal;

// SAFETY: memory from `frames` is contiguous, page-aligned, handed out once and zeroed
// here; register windows alias no memory.
unsafe impl Hal for KernelHal {
    /// Address 0 tells the caller that there is no memory left.
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let Some(frames) = frames::allocate(pages) else {
            return (0, NonNull::dangling());
        };
        let physical = frames.keep();
        let len = pages * PAGE_SIZE;
        let address = direct_map(physical, len) as *mut u8;
        // SAFETY: the frames are ours and mapped.
        unsafe { address.write_bytes(0, len) };
        (physical, NonNull::new(address).expect("the direct mapping is not at 0"))
    }

    unsafe fn dma_dealloc(physical: PhysAddr, _: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: the caller gives back what `dma_alloc` kept for it, once.
        drop(unsafe { Frames::again(physical, pages) });
        0
    }

    unsafe fn mmio_phys_to_virt(physical: PhysAddr, size: usize) -> NonNull<u8> {
        mmio::map(physical, size)
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        let address = buffer.cast::<u8>().as_ptr() as u64;
        physical_address(address, buffer.len())
            .unwrap_or_else(|| panic!("a device cannot see the buffer at {address:#x}"))
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
