//! The local APIC in its memory-mapped (xAPIC) form: end of interrupt, and the timer.
//!
//! Registers: Intel SDM volume 3A, table 11-1. Every CPU finds its own APIC at the same
//! address, so a shared handle is right for all of them.

use core::ptr::NonNull;

use spin::Once;
use volatile::VolatilePtr;
use x86_64::instructions::port::Port;

use super::interrupts::Vector;
use crate::mm::mmio;

/// The vector of an interrupt that vanished before it could be delivered.
pub(super) const SPURIOUS_VECTOR: u8 = 0xff;

const ID: usize = 0x020;
const END_OF_INTERRUPT: usize = 0x0b0;
const SPURIOUS: usize = 0x0f0;
const COMMAND: usize = 0x300;
const LVT_TIMER: usize = 0x320;
const LVT_LINT0: usize = 0x350;
const LVT_LINT1: usize = 0x360;
const TIMER_INITIAL: usize = 0x380;
const TIMER_CURRENT: usize = 0x390;
const TIMER_DIVIDE: usize = 0x3e0;

const SOFTWARE_ENABLE: u32 = 1 << 8;
const COMMAND_SELF: u32 = 0b01 << 18;
const LVT_NMI: u32 = 0b100 << 8;
const LVT_MASKED: u32 = 1 << 16;
const TIMER_PERIODIC: u32 = 1 << 17;
const DIVIDE_BY_16: u32 = 0b0011;

const REGISTERS_SIZE: usize = 4096;

static LOCAL_APIC: Once<LocalApic> = Once::new();

/// This CPU's APIC.
pub struct LocalApic {
    registers: NonNull<u8>,
}

// SAFETY: each register is one aligned word; the accesses made here are single loads
// and stores that are right from any thread and from interrupt handlers.
unsafe impl Send for LocalApic {}
// SAFETY: as above.
unsafe impl Sync for LocalApic {}

/// Maps and enables the APIC at physical address `base`, and masks the old 8259s,
/// which would otherwise share its pins.
pub(super) fn init(base: u64) {
    for data_port in [0x21, 0xa1] {
        // SAFETY: a write to an 8259's mask register, with nobody else using it.
        unsafe { Port::<u8>::new(data_port).write(0xff) };
    }
    let apic = LOCAL_APIC.call_once(|| LocalApic { registers: mmio::map(base, REGISTERS_SIZE) });
    apic.register(LVT_LINT0).write(LVT_MASKED);
    // Pin 1 is the NMI line: with an NMI one asks a hanging kernel where it is.
    apic.register(LVT_LINT1).write(LVT_NMI);
    apic.register(LVT_TIMER).write(LVT_MASKED);
    apic.register(TIMER_DIVIDE).write(DIVIDE_BY_16);
    apic.register(SPURIOUS).write(SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR));
}

/// The APIC of the CPU this runs on. Panics before `arch::init`.
pub fn get() -> &'static LocalApic {
    LOCAL_APIC.get().expect("the local APIC is set up before interrupts are")
}

impl LocalApic {
    /// The APIC id: the address of this CPU in interrupt messages.
    pub fn id(&self) -> u8 {
        (self.register(ID).read() >> 24) as u8
    }

    /// Says that the interrupt being served is done.
    pub(super) fn end_of_interrupt(&self) {
        self.register(END_OF_INTERRUPT).write(0);
    }

    /// Raises `vector` on this very CPU.
    pub fn interrupt_self(&self, vector: &Vector) {
        self.register(COMMAND).write(COMMAND_SELF | u32::from(vector.number()));
    }

    /// Starts the timer counting down from `count`, once and without an interrupt.
    pub(super) fn start_countdown(&self, count: u32) {
        self.register(LVT_TIMER).write(LVT_MASKED);
        self.register(TIMER_INITIAL).write(count);
    }

    /// The rest of the timer's count.
    pub(super) fn countdown(&self) -> u32 {
        self.register(TIMER_CURRENT).read()
    }

    /// Raises `vector` every `count` timer units.
    pub(super) fn start_periodic(&self, vector: u8, count: u32) {
        self.register(LVT_TIMER).write(TIMER_PERIODIC | u32::from(vector));
        self.register(TIMER_INITIAL).write(count);
    }

    fn register(&self, offset: usize) -> VolatilePtr<'_, u32> {
        debug_assert!(offset < REGISTERS_SIZE);
        // SAFETY: the window was mapped for good by `init`; offsets are 16-byte aligned.
        unsafe { VolatilePtr::new(self.registers.add(offset).cast()) }
    }
}
