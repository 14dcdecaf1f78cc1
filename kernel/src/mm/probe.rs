//! Checks of memory that only `unsafe` can look at; called by `selftest::mm`.

use virtio_drivers::{BufferDirection, Hal};

use super::PAGE_SIZE;
use super::dma::KernelHal;
use super::stack::KernelStack;
use crate::arch::exceptions::try_read;

/// DMA memory is zeroed even if it was used before.
pub fn dma_pages_are_zeroed() -> Result<(), &'static str> {
    const PAGES: usize = 3;
    const WORDS: usize = PAGES * PAGE_SIZE / 8;
    for _ in 0..2 {
        let (physical, memory) = KernelHal::dma_alloc(PAGES, BufferDirection::Both);
        if physical == 0 {
            return Err("no memory");
        }
        // SAFETY: just allocated, aligned to a page, and used by nobody else.
        let words = unsafe { memory.cast::<[u64; WORDS]>().as_mut() };
        let clean = words.iter().all(|word| *word == 0);
        words.fill(!0);
        // SAFETY: from the call above, and not used again.
        unsafe { KernelHal::dma_dealloc(physical, memory, PAGES) };
        if !clean {
            return Err("DMA memory came with old content");
        }
    }
    Ok(())
}

/// A stack can be written from end to end, and the page below it cannot even be read.
pub fn stack_is_usable(stack: &KernelStack) -> Result<(), &'static str> {
    for address in (stack.bottom()..stack.top()).step_by(PAGE_SIZE) {
        // SAFETY: nobody runs on the stack.
        unsafe { (address as *mut u64).write_volatile(address) };
    }
    for address in (stack.bottom()..stack.top()).step_by(PAGE_SIZE) {
        // SAFETY: the stack is ordinary memory.
        if unsafe { try_read(address) } != Ok(address) {
            return Err("two pages of a stack are one");
        }
    }
    // SAFETY: below the stack nothing is mapped.
    match unsafe { try_read(stack.bottom() - 8) } {
        Err(_) => Ok(()),
        Ok(_) => Err("the guard page is mapped"),
    }
}
