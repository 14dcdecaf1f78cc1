//! Interrupt vectors: who owns which, and what happens when one arrives.
//!
//! A driver allocates a `Vector`, points its device at it (`Vector::msi`, or
//! `ioapic::connect` for a wire) and is called on each interrupt. An interrupt only
//! rings the bell: the function runs with interrupts off on the stack of whatever was
//! interrupted, so it wakes a thread and returns; it allocates and waits for nothing.
//! After it, the scheduler gets its chance through the hook of `on_exit`.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use drivers::pci::Message;
use spin::Once;

use super::irq_lock::IrqLock;
use super::lapic;
use crate::trace;

/// Vectors of devices. Those below are the CPU's and the masked 8259's, those above
/// the local APIC's own.
const FIRST: u8 = 0x30;
const LAST: u8 = 0xef;
const COUNT: usize = (LAST - FIRST) as usize + 1;

#[derive(Clone, Copy)]
struct Handler {
    owner: &'static str,
    ring: fn(usize),
    argument: usize,
}

static HANDLERS: IrqLock<[Option<Handler>; COUNT]> = IrqLock::new([None; COUNT]);
static COUNTS: [AtomicU64; COUNT] = [const { AtomicU64::new(0) }; COUNT];
static STRAYS: AtomicU64 = AtomicU64::new(0);
static ON_EXIT: Once<fn()> = Once::new();

/// An interrupt vector with an owner; given back when dropped. The device must have been
/// silenced before: an interrupt that comes later counts as a stray.
#[derive(Debug)]
pub struct Vector(u8);

impl Vector {
    /// Takes a free vector; `ring(argument)` is called on each of its interrupts. `owner` and
    /// the argument are shown to people. `None` if all vectors are taken.
    pub fn allocate(owner: &'static str, ring: fn(usize), argument: usize) -> Option<Self> {
        let mut handlers = HANDLERS.lock();
        let index = handlers.iter().position(Option::is_none)?;
        handlers[index] = Some(Handler { owner, ring, argument });
        Some(Self(FIRST + index as u8))
    }

    /// Its number in hardware.
    pub fn number(&self) -> u8 {
        self.0
    }

    /// The message that raises it on this CPU, edge-triggered; for MSI and MSI-X.
    pub fn msi(&self) -> Message {
        let destination = u64::from(lapic::get().id()) << 12;
        // SAFETY: this CPU's local APIC (Intel SDM 3A, 10.11.1). The vector is a device's,
        // and `deliver` counts an interrupt that nobody waits for as a stray.
        unsafe { Message::new(0xfee0_0000 | destination, self.0.into()) }
    }
}

impl Drop for Vector {
    fn drop(&mut self) {
        HANDLERS.lock()[usize::from(self.0 - FIRST)] = None;
    }
}

/// Sets the function called at the end of every interrupt, after its end was signalled
/// to the APIC and with interrupts still off: the place to switch to a thread that the
/// interrupt woke. To be called once.
pub fn on_exit(hook: fn()) {
    ON_EXIT.call_once(|| hook);
}

/// A vector as people see it.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Its number.
    pub vector: u8,
    /// Its owner: a kind, and which of that kind.
    pub owner: (&'static str, usize),
    /// Its interrupts since boot, those of earlier owners too.
    pub count: u64,
}

/// All vectors that have an owner.
pub fn usage() -> Vec<Usage> {
    // Copied out: memory is allocated without the lock.
    let handlers = *HANDLERS.lock();
    let all = handlers.into_iter().zip(&COUNTS).zip(FIRST..);
    let usage = |((handler, count), vector): ((Option<Handler>, &AtomicU64), u8)| {
        let Handler { owner, argument, .. } = handler?;
        Some(Usage { vector, owner: (owner, argument), count: count.load(Relaxed) })
    };
    all.filter_map(usage).collect()
}

/// Interrupts without an owner, since boot.
pub fn strays() -> u64 {
    STRAYS.load(Relaxed)
}

/// Called by the trap stubs for each vector that is no exception.
pub(super) fn deliver(vector: u8) {
    if vector == lapic::SPURIOUS_VECTOR {
        return; // Wants no end-of-interrupt (Intel SDM 3A, 11.9).
    }
    let index = vector.checked_sub(FIRST).map(usize::from).filter(|&index| index < COUNT);
    if let Some(index) = index {
        COUNTS[index].fetch_add(1, Relaxed);
    }
    trace::interrupt(vector);
    // Copied out, so that the handler runs without the table's lock.
    let handler = index.and_then(|index| HANDLERS.lock()[index]);
    match handler {
        Some(Handler { ring, argument, .. }) => ring(argument),
        None => {
            STRAYS.fetch_add(1, Relaxed);
        }
    }
    lapic::get().end_of_interrupt();
    if let Some(hook) = ON_EXIT.get() {
        hook();
    }
}
