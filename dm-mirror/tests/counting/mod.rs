//! The system's allocator, which counts what each thread takes and holds.
#![allow(dead_code, reason = "each test uses a part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.set(TAKEN.get() + 1);
        HELD.set(HELD.get() + layout.size() as isize);
        MOST.set(MOST.get().max(HELD.get()));
        // SAFETY: the caller's promises are the ones that the system needs.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often this thread has taken memory.
pub(crate) fn taken() -> usize {
    TAKEN.get()
}

/// How many bytes it holds. What one thread takes and another gives back counts for both.
pub(crate) fn held() -> isize {
    HELD.get()
}

/// The most bytes that it held at a time since [`begin`].
pub(crate) fn most() -> isize {
    MOST.get()
}

/// Begins to look for the most anew. Returns what is held now.
pub(crate) fn begin() -> isize {
    MOST.set(HELD.get());
    HELD.get()
}
