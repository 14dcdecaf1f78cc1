//! Thread stacks, each with an unmapped guard page below it.
//!
//! A thread that runs out of stack faults on the guard page. The CPU cannot push the fault's
//! frame, so the double-fault handler runs, and reports the overflow. Stacks do not lie in the
//! direct mapping, so nothing on them can be given to a device. A stack that was used once
//! stays mapped for the next thread.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use x86_64::structures::paging::PageTableFlags;

use super::{PAGE_SIZE, STACK_WINDOW, frames, paging};
use crate::arch::IrqLock;

/// Usable bytes of a thread's stack.
pub const STACK_SIZE: usize = 128 * 1024;
/// How many threads can have a stack at the same time.
pub const STACKS_MAX: usize = 256;

/// From one stack to the next: a power of two, with the guard page in the lower half.
const SLOT_SIZE: u64 = 2 * STACK_SIZE as u64;

static SLOTS: IrqLock<[Slot; STACKS_MAX]> = IrqLock::new([Slot::Unmapped; STACKS_MAX]);

/// The lowest usable address of the stack that the boot loader set up.
static BOOT_STACK: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Never used: there is no memory behind it yet.
    Unmapped,
    /// Mapped, without an owner.
    Free,
    Used,
}

/// The stack of one thread; free for the next when dropped. It must not be dropped by
/// code that runs on it.
#[derive(Debug)]
pub struct KernelStack {
    slot: usize,
}

impl KernelStack {
    /// Takes a stack; `None` when memory or slots have run out.
    pub fn new() -> Option<Self> {
        let mut slots = SLOTS.lock();
        if let Some(slot) = slots.iter().position(|&slot| slot == Slot::Free) {
            slots[slot] = Slot::Used;
            return Some(Self { slot });
        }
        let slot = slots.iter().position(|&slot| slot == Slot::Unmapped)?;
        let memory = frames::allocate(STACK_SIZE / PAGE_SIZE)?.keep();
        let stack = Self { slot };
        let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
        // SAFETY: the slot is this module's and unmapped, the frames are fresh.
        unsafe { paging::map(stack.bottom(), memory, STACK_SIZE, flags) };
        slots[slot] = Slot::Used;
        Some(stack)
    }

    /// The address just above the stack, where it starts growing down; 16-byte aligned.
    pub fn top(&self) -> u64 {
        STACK_WINDOW + (self.slot as u64 + 1) * SLOT_SIZE
    }

    /// The lowest usable address.
    pub fn bottom(&self) -> u64 {
        self.top() - STACK_SIZE as u64
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        SLOTS.lock()[self.slot] = Slot::Free;
    }
}

pub(super) fn init(boot_stack_bottom: u64) {
    BOOT_STACK.store(boot_stack_bottom, Relaxed);
}

/// Whether `address` lies in the unmapped space below a stack.
pub fn is_guard(address: u64) -> bool {
    let boot = BOOT_STACK.load(Relaxed);
    let window = STACK_WINDOW..STACK_WINDOW + STACKS_MAX as u64 * SLOT_SIZE;
    let below_boot_stack = boot.saturating_sub(PAGE_SIZE as u64)..boot;
    below_boot_stack.contains(&address)
        || (window.contains(&address) && address % SLOT_SIZE < SLOT_SIZE - STACK_SIZE as u64)
}
