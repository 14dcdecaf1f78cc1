//! Frames, heap, mappings, stacks, DMA memory.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::hint::black_box;

use super::{Test, alone};
use crate::check;
use crate::mm::stack::{KernelStack, STACK_SIZE, is_guard};
use crate::mm::{PAGE_SIZE, frames, heap, mmio, physical_address, probe};
use crate::task::MaySleep;

pub const TESTS: &[Test] = &[
    Test { name: "mm::frames_are_unique_and_come_back", run: frames_are_unique_and_come_back },
    Test { name: "mm::frames_know_their_limit", run: frames_know_their_limit },
    Test { name: "mm::heap_reuses_freed_blocks", run: heap_reuses_freed_blocks },
    Test { name: "mm::heap_counts_what_is_held", run: heap_counts_what_is_held },
    Test { name: "mm::heap_keeps_alignment", run: heap_keeps_alignment },
    Test { name: "mm::heap_refuses_too_much", run: heap_refuses_too_much },
    Test { name: "mm::heap_gives_cached_memory_back", run: heap_gives_cached_memory_back },
    Test { name: "mm::heap_blocks_do_not_overlap", run: heap_blocks_do_not_overlap },
    Test { name: "mm::devices_can_see_the_heap_only", run: devices_can_see_the_heap_only },
    Test { name: "mm::dma_pages_are_zeroed", run: dma_pages_are_zeroed },
    Test { name: "mm::stacks_are_guarded_and_reused", run: stacks_are_guarded_and_reused },
    Test { name: "mm::registers_are_mapped_once", run: registers_are_mapped_once },
];

const PAGE: u64 = PAGE_SIZE as u64;

fn frames_are_unique_and_come_back(_: &MaySleep) -> Result<(), String> {
    let _alone = alone();
    let before = frames::stats();
    // Lengths around the bitmap's word size, so that runs begin and end everywhere.
    let mut runs = Vec::new();
    for count in [1, 63, 64, 65, 1, 130, 2, 300] {
        let run = frames::allocate(count).ok_or("out of frames")?;
        let address = run.address();
        check!(address % PAGE == 0 && address >= 1 << 20, "a run at {address:#x}");
        runs.push((run, count));
    }
    let mut sorted: Vec<_> = runs.iter().map(|(run, count)| (run.address(), *count)).collect();
    sorted.sort();
    for pair in sorted.windows(2) {
        let end = pair[0].0 + pair[0].1 as u64 * PAGE;
        check!(end <= pair[1].0, "runs overlap at {:#x}", pair[1].0);
    }
    check!(frames::stats().free == before.free - runs.iter().map(|run| run.1).sum::<usize>());
    let first = runs[0].0.address();
    drop(runs);
    check!(frames::stats() == before);
    let again = frames::allocate(1).ok_or("out of frames")?.address();
    check!(again == first, "the first fit moved from {first:#x} to {again:#x}");
    Ok(())
}

fn frames_know_their_limit(_: &MaySleep) -> Result<(), String> {
    let _alone = alone();
    let before = frames::stats();
    check!(frames::allocate(before.total + 1).is_none());
    check!(frames::stats() == before);
    Ok(())
}

/// The counters of the class that serves `size` bytes.
fn class(size: usize) -> heap::ClassStats {
    let stats = heap::stats();
    stats.classes.into_iter().find(|class| class.size >= size).expect("a size with a class")
}

fn heap_reuses_freed_blocks(_: &MaySleep) -> Result<(), String> {
    const SIZE: usize = 65536;
    let _alone = alone();
    drop(black_box(Vec::<u8>::with_capacity(SIZE)));
    let (misses, allocations) = (class(SIZE).misses, heap::allocations());
    for _ in 0..1000 {
        drop(black_box(Vec::<u8>::with_capacity(SIZE)));
    }
    check!(heap::allocations() == allocations + 1000);
    check!(class(SIZE).misses == misses, "the linked list was asked again");
    Ok(())
}

fn heap_counts_what_is_held(_: &MaySleep) -> Result<(), String> {
    let _alone = alone();
    let (before, blocks) = (heap::stats(), class(1000).in_use);
    let (small, large) = (black_box(Box::new([0u8; 1000])), Vec::<u8>::with_capacity(3 << 20));
    let held = heap::stats();
    check!(held.in_use == before.in_use + 1024 + (3 << 20), "{} bytes more", held.in_use);
    check!(held.allocations == before.allocations + 2);
    check!(class(1000).in_use == blocks + 1);
    drop((small, large));
    check!(heap::stats().in_use == before.in_use);
    check!(heap::stats().capacity == before.capacity);
    Ok(())
}

#[repr(align(4096))]
struct Page([u8; 100]);
#[repr(align(64))]
struct Line(u8);

fn heap_keeps_alignment(_: &MaySleep) -> Result<(), String> {
    let _odd = black_box(Box::new(1u8));
    let (line, page) = (Box::new(Line(1)), Box::new(Page([1; 100])));
    check!((&raw const *line).addr() % 64 == 0);
    check!((&raw const *page).addr() % 4096 == 0);
    // Memory for a device is page-aligned if it is at least a page.
    let buffer = Vec::<u8>::with_capacity(8192);
    check!(buffer.as_ptr().addr().is_multiple_of(PAGE_SIZE));
    check!(u32::from(line.0) + u32::from(page.0[99]) == 2);
    Ok(())
}

fn heap_refuses_too_much(_: &MaySleep) -> Result<(), String> {
    let _alone = alone();
    let before = heap::stats().in_use;
    let mut bytes = Vec::<u8>::new();
    check!(bytes.try_reserve_exact(heap::stats().capacity + 1).is_err());
    check!(heap::stats().in_use == before);
    check!(bytes.try_reserve_exact(100).is_ok());
    Ok(())
}

fn heap_gives_cached_memory_back(_: &MaySleep) -> Result<(), String> {
    let capacity = heap::stats().capacity;
    // More than half of all memory in small blocks; freed, they fill the caches.
    let blocks = capacity / 8 * 5 / PAGE_SIZE;
    let mut held = Vec::with_capacity(blocks);
    for _ in 0..blocks {
        held.push(Vec::<u8>::with_capacity(PAGE_SIZE));
    }
    drop(held);
    check!(heap::stats().cached > capacity / 2, "{} bytes cached", heap::stats().cached);
    let mut large = Vec::<u8>::new();
    check!(large.try_reserve_exact(capacity / 2).is_ok(), "cached blocks stayed cached");
    Ok(())
}

fn heap_blocks_do_not_overlap(_: &MaySleep) -> Result<(), String> {
    let mut blocks = Vec::new();
    for round in 0..200usize {
        // Sizes from 1 byte to 64 KiB in an order that mixes the classes.
        let size = 1 << (round * 7 % 17);
        blocks.push(alloc::vec![round as u8; size]);
        if round % 3 == 0 {
            blocks.swap_remove(round * 5 % blocks.len());
        }
    }
    for block in &blocks {
        check!(block.iter().all(|byte| *byte == block[0]), "a block of {} changed", block.len());
    }
    Ok(())
}

static IN_THE_IMAGE: u8 = 1;

fn devices_can_see_the_heap_only(_: &MaySleep) -> Result<(), String> {
    let heap = alloc::vec![0u8; 10_000];
    let on_stack = 0u8;
    let physical = |byte: &u8, len| physical_address((&raw const *byte).addr() as u64, len);
    let start = physical(&heap[0], 10_000).ok_or("heap memory has no physical address")?;
    check!(physical(&heap[9_999], 1) == Some(start + 9_999), "not contiguous");
    check!(physical(&on_stack, 1).is_none());
    check!(physical(&IN_THE_IMAGE, 1).is_none());
    check!(physical(&heap[0], usize::MAX).is_none());
    Ok(())
}

fn dma_pages_are_zeroed(_: &MaySleep) -> Result<(), String> {
    let _alone = alone();
    let before = frames::stats();
    probe::dma_pages_are_zeroed()?;
    check!(frames::stats() == before);
    Ok(())
}

fn stacks_are_guarded_and_reused(_: &MaySleep) -> Result<(), String> {
    let _alone = alone();
    drop(KernelStack::new().ok_or("no stack")?);
    let free = frames::stats().free;
    let stack = KernelStack::new().ok_or("no stack")?;
    check!(frames::stats().free == free, "a used stack was not reused");
    check!(stack.top() - stack.bottom() == STACK_SIZE as u64 && stack.top() % 16 == 0);
    check!(is_guard(stack.bottom() - 1) && is_guard(stack.bottom() - PAGE));
    check!(!is_guard(stack.bottom()) && !is_guard(stack.top() - 1));
    probe::stack_is_usable(&stack)?;
    Ok(())
}

fn registers_are_mapped_once(_: &MaySleep) -> Result<(), String> {
    // A 64-bit BAR, high above the BARs of real devices, whose pages may be mapped already.
    // Nothing is read, so nothing need be there.
    const BAR: u64 = 0xef_0000_0000;
    let whole = mmio::map(BAR, 0x4000).addr().get();
    check!(mmio::map(BAR, 0x4000).addr().get() == whole);
    check!(mmio::map(BAR + 0x1010, 0x20).addr().get() == whole + 0x1010);
    let other = mmio::map(BAR + 0x3000, 0x2000).addr().get();
    check!(other.is_multiple_of(PAGE_SIZE) && !(whole..whole + 0x4000).contains(&other));
    Ok(())
}
