//! Memory: frames, heap, windows for devices and stacks, DMA.
//!
//! The map of the kernel's half of the address space:
//!
//! | from                    | what                                                     |
//! |-------------------------|----------------------------------------------------------|
//! | `0xffff_8000_0000_0000` | direct mapping of physical memory; the heap lies in it   |
//! | `0xffff_c000_0000_0000` | device registers, uncached (`mmio`)                      |
//! | `0xffff_d000_0000_0000` | thread stacks, each above a guard page (`stack`)         |
//! | `0xffff_e000_0000_0000` | the boot loader's: boot stack, boot information          |
//! | `0xffff_ffff_8000_0000` | the kernel image                                         |
//!
//! In the direct mapping virtual and physical addresses differ by a constant: memory from the
//! heap or from `frames` can be given to a device directly.

pub mod dma;
pub mod frames;
pub mod heap;
pub mod mmio;
mod paging;
pub mod probe;
pub mod stack;

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use bootloader_api::BootInfo;
use bootloader_api::info::MemoryRegionKind;
use spin::Once;

/// Where the boot loader maps physical address 0.
pub const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
/// The direct mapping may reach up to here.
const DIRECT_MAP_END: u64 = MMIO_WINDOW;
const MMIO_WINDOW: u64 = 0xffff_c000_0000_0000;
const MMIO_WINDOW_END: u64 = STACK_WINDOW;
const STACK_WINDOW: u64 = 0xffff_d000_0000_0000;
/// Where the boot loader may put everything that has no place of its own.
pub const BOOT_WINDOW: u64 = 0xffff_e000_0000_0000;
/// Where the kernel image is mapped.
pub const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;

/// The size of a page and of a frame, in bytes.
pub const PAGE_SIZE: usize = 4096;

/// The physical addresses that the firmware says are certainly memory, used or free.
static MEMORY: Once<Vec<RangeInclusive<u64>>> = Once::new();

/// The physical addresses of memory, used or free; none before `init`.
pub fn memory() -> &'static [RangeInclusive<u64>] {
    MEMORY.get().map_or(&[], Vec::as_slice)
}

/// Whether a region of the firmware's map may be device registers (UEFI 2.10, table 7.10:
/// reserved, memory-mapped I/O, its port space, code of the platform).
fn may_be_registers(kind: MemoryRegionKind) -> bool {
    matches!(kind, MemoryRegionKind::UnknownUefi(0 | 11..=13))
}

/// Takes over the memory that the boot loader reports as free: three quarters of the
/// largest piece becomes the heap, the rest stays with `frames`. From here on there is
/// `alloc`.
pub fn init(boot: &BootInfo) {
    assert_eq!(
        boot.physical_memory_offset.into_option(),
        Some(DIRECT_MAP),
        "the boot loader did not map physical memory as asked"
    );
    frames::init(&boot.memory_regions);
    heap::init();
    let memory = boot.memory_regions.iter().filter(|region| region.start < region.end);
    let memory = memory.filter(|region| !may_be_registers(region.kind));
    MEMORY.call_once(|| memory.map(|region| region.start..=region.end - 1).collect());
    stack::init(boot.kernel_stack_bottom);
}

/// The virtual address of `len` bytes at physical address `address`.
pub fn direct_map(address: u64, len: usize) -> u64 {
    let end = address.checked_add(len as u64).and_then(|end| end.checked_add(DIRECT_MAP));
    assert!(end.is_some_and(|end| end <= DIRECT_MAP_END), "{address:#x} is no physical memory");
    address + DIRECT_MAP
}

/// The physical address of `len` bytes of heap or frame memory at `address`; `None` for
/// memory outside the direct mapping, such as the stacks and the kernel's statics.
pub fn physical_address(address: u64, len: usize) -> Option<u64> {
    let end = address.checked_add(len as u64)?;
    (address >= DIRECT_MAP && end <= DIRECT_MAP_END).then(|| address - DIRECT_MAP)
}
