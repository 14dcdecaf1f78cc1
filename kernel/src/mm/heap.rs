//! The heap: `linked_list_allocator` behind a cache for each size class.
//!
//! A request is rounded up to a power of two from 16 bytes to 1 MiB and served from its class's
//! stack of freed blocks, in a few instructions. Only a class that runs dry goes to the linked
//! list, and freed blocks do not go back there while memory lasts. So the I/O path, which asks
//! for the same sizes again and again, walks no free list. When the list has no room left, all
//! cached blocks are returned to it and the request is tried once more. Larger requests use the
//! list directly.
//!
//! The last part of the heap is a reserve for threads on which the end of I/O depends, like
//! `M_USE_RESERVE` of DragonFly's kmalloc(9). A write gives memory back only when it is done,
//! so it must never fail for want of memory. `task::with_reserve` opens the reserve.
//!
//! The lock is held with interrupts off. Even so, an interrupt handler must not allocate: a
//! trip to the list has no bounded time.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{PAGE_SIZE, direct_map, frames};
use crate::arch::IrqLock;

/// Block sizes of the smallest and the largest class, in bytes.
const CLASS_MIN: usize = 16;
const CLASS_MAX: usize = 1024 * 1024;
/// How many classes there are: one for each power of two.
pub const CLASSES: usize = (CLASS_MAX / CLASS_MIN).ilog2() as usize + 1;

/// The heap's part of the largest free run, as a fraction; the rest is for stacks,
/// page tables and DMA.
const HEAP_SHARE: (usize, usize) = (3, 4);

/// The reserve's part of the heap: of 342 MiB, 10.
const RESERVE_SHARE: usize = 32;

/// Whether the thread that has the CPU may use the reserve.
static RESERVE_OPEN: AtomicBool = AtomicBool::new(false);

#[global_allocator]
static HEAP: Heap = Heap(IrqLock::new(Inner {
    list: linked_list_allocator::Heap::empty(),
    classes: [const { Class { top: None, in_use: 0, cached: 0, misses: 0 } }; CLASSES],
    in_use: 0,
    reserve: 0,
    allocations: 0,
}));

/// A snapshot of the heap's counters.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// Bytes of heap memory there are.
    pub capacity: usize,
    /// Bytes held by the kernel now, each block counted at its class's size.
    pub in_use: usize,
    /// Bytes in blocks that wait in the caches.
    pub cached: usize,
    /// Bytes that only a thread with the reserve open may have.
    pub reserve: usize,
    /// Successful allocations since boot.
    pub allocations: u64,
    /// The classes, smallest blocks first.
    pub classes: [ClassStats; CLASSES],
}

/// The counters of one size class.
#[derive(Clone, Copy, Debug)]
pub struct ClassStats {
    /// Bytes a block.
    pub size: usize,
    /// Blocks held now.
    pub in_use: usize,
    /// Freed blocks that wait for the next request.
    pub cached: usize,
    /// Blocks that had to be taken from the list, since boot.
    pub misses: u64,
}

/// Makes a share of the largest free run of frames the heap.
pub(super) fn init() {
    let frames = frames::longest_run() * HEAP_SHARE.0 / HEAP_SHARE.1;
    let start = frames::allocate(frames).expect("memory for the heap").keep();
    let size = frames * PAGE_SIZE;
    let bottom = direct_map(start, size) as *mut u8;
    // SAFETY: the frames are ours for good, and mapped; the heap is still empty.
    unsafe { HEAP.0.lock().list.init(bottom, size) };
    HEAP.0.lock().reserve = size / RESERVE_SHARE;
}

/// Opens the reserve to the running thread, or closes it. Returns whether it was open. The
/// setting belongs to the thread, as its registers do: a switch of threads saves and restores
/// it.
pub fn open_reserve(open: bool) -> bool {
    RESERVE_OPEN.swap(open, Relaxed)
}

/// Whether `bytes` can be taken without touching the reserve.
pub fn has_room(bytes: usize) -> bool {
    let heap = HEAP.0.lock();
    let free = heap.list.size() - heap.in_use;
    free.checked_sub(heap.reserve).is_some_and(|ordinary| bytes <= ordinary)
}

/// The counters at this moment.
pub fn stats() -> Stats {
    HEAP.0.lock().stats()
}

/// Like `stats`, but `None` when the heap is locked: for the panic path.
pub fn try_stats() -> Option<Stats> {
    HEAP.0.try_lock().map(|heap| heap.stats())
}

/// Successful allocations since boot. The difference between two moments is the cost of the
/// code between them.
pub fn allocations() -> u64 {
    HEAP.0.lock().allocations
}

struct Heap(IrqLock<Inner>);

// SAFETY: a block is handed out by one `alloc`, and comes back by the `dealloc` with the
// same layout; sizes and alignments are those of `Class::of` or the list's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut heap = self.0.lock();
        // Interrupts are off, so the flag is that of the thread that asks.
        let spared = if RESERVE_OPEN.load(Relaxed) { 0 } else { heap.reserve };
        heap.allocate(layout, spared).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let block = NonNull::new(block).expect("null is no block");
        // SAFETY: the caller gives back what `alloc` returned for this layout.
        unsafe { self.0.lock().release(block, layout) }
    }
}

struct Inner {
    list: linked_list_allocator::Heap,
    classes: [Class; CLASSES],
    in_use: usize,
    /// Bytes that only a thread with the reserve open may have.
    reserve: usize,
    allocations: u64,
}

/// A stack of freed blocks, linked through their first words.
struct Class {
    top: Option<NonNull<FreeBlock>>,
    in_use: usize,
    cached: usize,
    misses: u64,
}

struct FreeBlock {
    below: Option<NonNull<FreeBlock>>,
}

// SAFETY: the blocks on the stack belong to it alone.
unsafe impl Send for Class {}

impl Inner {
    /// A block, if that leaves `spared` bytes.
    fn allocate(&mut self, layout: Layout, spared: usize) -> Option<NonNull<u8>> {
        let class = class_of(layout);
        let size = class.map_or(layout.size(), class_size);
        if self.in_use.checked_add(size)? > self.list.size() - spared {
            return None;
        }
        let block = match class {
            Some(index) => {
                let block = match self.classes[index].pop() {
                    Some(block) => block,
                    None => {
                        let block = self.take_from_list(class_layout(index))?;
                        self.classes[index].misses += 1;
                        block
                    }
                };
                self.classes[index].in_use += 1;
                block
            }
            None => self.take_from_list(layout)?,
        };
        self.in_use += size;
        self.allocations += 1;
        Some(block)
    }

    /// # Safety
    /// `block` must come from `allocate` with the same layout, and not be used again.
    unsafe fn release(&mut self, block: NonNull<u8>, layout: Layout) {
        match class_of(layout) {
            Some(index) => {
                let class = &mut self.classes[index];
                // SAFETY: it was allocated from this class, and is free from now on.
                unsafe { class.push(block) };
                class.in_use -= 1;
                self.in_use -= class_size(index);
            }
            None => {
                // SAFETY: it came from the list with this layout.
                unsafe { self.list.deallocate(block, layout) };
                self.in_use -= layout.size();
            }
        }
    }

    fn take_from_list(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.list.allocate_first_fit(layout).ok().or_else(|| {
            self.empty_caches();
            self.list.allocate_first_fit(layout).ok()
        })
    }

    /// Returns every cached block to the list, where neighbours become one again.
    fn empty_caches(&mut self) {
        for (index, class) in self.classes.iter_mut().enumerate() {
            while let Some(block) = class.pop() {
                // SAFETY: every block of a class came from the list with its layout.
                unsafe { self.list.deallocate(block, class_layout(index)) };
            }
        }
    }

    fn stats(&self) -> Stats {
        let classes = core::array::from_fn(|index| {
            let Class { in_use, cached, misses, .. } = self.classes[index];
            ClassStats { size: class_size(index), in_use, cached, misses }
        });
        Stats {
            capacity: self.list.size(),
            in_use: self.in_use,
            reserve: self.reserve,
            cached: classes.iter().map(|class| class.size * class.cached).sum(),
            allocations: self.allocations,
            classes,
        }
    }
}

impl Class {
    fn pop(&mut self) -> Option<NonNull<u8>> {
        let block = self.top?;
        // SAFETY: a block on the stack is free memory that holds its own link.
        self.top = unsafe { block.as_ref().below };
        self.cached -= 1;
        Some(block.cast())
    }

    /// # Safety
    /// `block` must be a block of this class that nobody uses.
    unsafe fn push(&mut self, block: NonNull<u8>) {
        let block = block.cast::<FreeBlock>();
        // SAFETY: the smallest class's blocks are large and aligned enough for a link.
        unsafe { block.write(FreeBlock { below: self.top }) };
        self.top = Some(block);
        self.cached += 1;
    }
}

/// The class that serves a request; `None` if the request is too large, or aligned to more than
/// a page.
fn class_of(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(CLASS_MIN);
    (size <= CLASS_MAX && layout.align() <= PAGE_SIZE)
        .then(|| size.next_power_of_two().ilog2() as usize - CLASS_MIN.ilog2() as usize)
}

const fn class_size(index: usize) -> usize {
    CLASS_MIN << index
}

/// Blocks are aligned to their size, up to a page.
fn class_layout(index: usize) -> Layout {
    let size = class_size(index);
    Layout::from_size_align(size, size.min(PAGE_SIZE)).expect("a power of two, and small")
}
