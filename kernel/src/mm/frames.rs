//! The frame allocator: physical memory in runs of 4 KiB pages.
//!
//! A bitmap with one bit a frame, kept in the first free memory that holds it. Used for memory
//! that must be contiguous or lives long: the heap, page tables, stacks, DMA rings. It is not
//! on the I/O path, so a linear search is good enough. Frames below 1 MiB may hold leftovers of
//! the firmware and are never handed out.

use core::{mem, slice};

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};

use super::{PAGE_SIZE, direct_map};
use crate::arch::IrqLock;

const FRAME: u64 = PAGE_SIZE as u64;
const LOW_MEMORY_END: u64 = 0x10_0000;

static FRAMES: IrqLock<Bitmap> = IrqLock::new(Bitmap { words: &mut [], free: 0, total: 0 });

/// How many frames there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Frames that the boot loader reported as usable, less the bitmap's own.
    pub total: usize,
    /// Frames that nobody holds now.
    pub free: usize,
}

/// Takes the usable regions over.
pub(super) fn init(regions: &[MemoryRegion]) {
    let usable = || regions.iter().filter_map(usable_frames);
    let end = usable().map(|(_, end)| end).max().unwrap_or(0);
    let words = end.div_ceil(64);
    let own = (words * size_of::<u64>()).div_ceil(PAGE_SIZE);
    let (home, _) = usable()
        .find(|(start, end)| end - start >= own)
        .expect("no usable memory for the frame allocator");
    let bytes = own * PAGE_SIZE;
    let start = direct_map(home as u64 * FRAME, bytes) as *mut u64;
    // SAFETY: the boot loader reports the memory as usable and maps it; nobody has it
    // yet, and the bits for it stay clear below.
    let words = unsafe {
        start.write_bytes(0, bytes / size_of::<u64>());
        slice::from_raw_parts_mut(start, words)
    };
    let mut frames = Bitmap { words, free: 0, total: 0 };
    for (start, end) in usable() {
        let start = if start == home { start + own } else { start };
        frames.release(start, end - start);
    }
    frames.total = frames.free;
    *FRAMES.lock() = frames;
}

/// A run of frames, held until it is dropped.
#[derive(Debug)]
pub struct Frames {
    first: usize,
    count: usize,
}

/// Takes `count` frames in a row; `None` if there is no such run. The memory is not zeroed.
pub fn allocate(count: usize) -> Option<Frames> {
    FRAMES.lock().allocate(count).map(|first| Frames { first, count })
}

impl Frames {
    /// The physical address of the first.
    pub fn address(&self) -> u64 {
        self.first as u64 * FRAME
    }

    /// Keeps them for good, or until [`Frames::again`].
    pub fn keep(self) -> u64 {
        let address = self.address();
        mem::forget(self);
        address
    }

    /// The run that was kept at `address`.
    ///
    /// # Safety
    /// [`keep`](Frames::keep) returned `address` for a run of `count` frames, which nobody uses
    /// now, and for which nobody else calls this.
    pub(super) unsafe fn again(address: u64, count: usize) -> Frames {
        Frames { first: (address / FRAME) as usize, count }
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        FRAMES.lock().release(self.first, self.count);
    }
}

/// The length of the longest run, in frames.
pub(super) fn longest_run() -> usize {
    FRAMES.lock().runs().map(|(_, len)| len).max().unwrap_or(0)
}

/// The numbers at this moment.
pub fn stats() -> Stats {
    let frames = FRAMES.lock();
    Stats { total: frames.total, free: frames.free }
}

/// First and last-plus-one frame of a region that can be used.
fn usable_frames(region: &MemoryRegion) -> Option<(usize, usize)> {
    let start = region.start.max(LOW_MEMORY_END).div_ceil(FRAME) as usize;
    let end = (region.end / FRAME) as usize;
    (region.kind == MemoryRegionKind::Usable && start < end).then_some((start, end))
}

/// Bit `i % 64` of word `i / 64` is set while frame `i` is free.
struct Bitmap {
    words: &'static mut [u64],
    free: usize,
    total: usize,
}

impl Bitmap {
    /// First fit.
    fn allocate(&mut self, count: usize) -> Option<usize> {
        assert!(count > 0, "a run of no frames");
        let (first, _) = self.runs().find(|&(_, len)| len >= count)?;
        for frame in first..first + count {
            self.words[frame / 64] &= !(1 << (frame % 64));
        }
        self.free -= count;
        Some(first)
    }

    fn release(&mut self, first: usize, count: usize) {
        for frame in first..first + count {
            let bit = 1 << (frame % 64);
            assert!(self.words[frame / 64] & bit == 0, "frame {frame:#x} is free already");
            self.words[frame / 64] |= bit;
        }
        self.free += count;
    }

    /// The runs of free frames, in order: first frame and length.
    fn runs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let mut next = 0;
        core::iter::from_fn(move || {
            let first = self.next_where(next, |word| word)?;
            next = self.next_where(first, |word| !word).unwrap_or(self.words.len() * 64);
            Some((first, next - first))
        })
    }

    /// The first frame from `from` on whose bit is set in `view` of its word.
    fn next_where(&self, from: usize, view: impl Fn(u64) -> u64) -> Option<usize> {
        let index = from / 64;
        let head = view(*self.words.get(index)?) & (!0 << (from % 64));
        if head != 0 {
            return Some(index * 64 + head.trailing_zeros() as usize);
        }
        let tail = self.words[index + 1..].iter().map(|&word| view(word));
        tail.enumerate()
            .find(|&(_, word)| word != 0)
            .map(|(i, word)| (index + 1 + i) * 64 + word.trailing_zeros() as usize)
    }
}
