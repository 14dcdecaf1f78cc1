//! The I/O APIC: interrupts that still come by wire (the serial port, PCI INTx).
//!
//! Only the I/O APIC that serves the sixteen ISA lines is used. PCI's INTx pins reach it too,
//! by the line number that the firmware left in a device's configuration space: the chip set
//! routes the pin there as it would for an 8259. Finer routing would need an AML interpreter;
//! MSI-X is the rule and INTx the fallback. Registers: Intel 82093AA data sheet.

use core::ptr::NonNull;

use spin::Once;
use volatile::VolatilePtr;

use super::acpi::{IsaLine, Platform};
use super::interrupts::Vector;
use super::irq_lock::IrqLock;
use super::lapic;
use crate::mm::mmio;

const REGISTERS_SIZE: usize = 0x20;
const SELECT: usize = 0x00;
const WINDOW: usize = 0x10;

const VERSION: u32 = 0x01;
const REDIRECTION: u32 = 0x10;

const ACTIVE_LOW: u32 = 1 << 13;
const LEVEL: u32 = 1 << 15;
const MASKED: u32 = 1 << 16;

static IO_APIC: Once<IrqLock<IoApic>> = Once::new();

struct IoApic {
    registers: NonNull<u8>,
    /// Redirection entries.
    inputs: u32,
    /// The global number of input 0.
    first_gsi: u32,
    lines: [IsaLine; 16],
}

// SAFETY: the mapped registers belong to this value alone, which sits behind a lock.
unsafe impl Send for IoApic {}

/// The properties of a line if the firmware's tables do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Edge-triggered, active high.
    Isa,
    /// Level-triggered, active low, shared.
    Pci,
}

/// Maps the I/O APIC and masks all of its inputs.
pub(super) fn init(platform: &Platform) {
    let mut apic = IoApic {
        registers: mmio::map(platform.io_apic, REGISTERS_SIZE),
        inputs: 0,
        first_gsi: platform.io_apic_first_gsi,
        lines: platform.isa_lines,
    };
    apic.inputs = (apic.read(VERSION) >> 16 & 0xff) + 1;
    for input in 0..apic.inputs {
        apic.write(REDIRECTION + 2 * input, MASKED);
    }
    IO_APIC.call_once(|| IrqLock::new(apic));
}

/// Sends line `irq` (0 to 15) to `vector` on this CPU, and opens it.
pub fn connect(irq: u8, vector: &Vector, wiring: Wiring) {
    with(|apic| {
        let line = apic.lines[usize::from(irq)];
        let level = line.level.unwrap_or(wiring == Wiring::Pci);
        let low = line.active_low.unwrap_or(wiring == Wiring::Pci);
        let mut entry = u32::from(vector.number());
        entry |= if level { LEVEL } else { 0 };
        entry |= if low { ACTIVE_LOW } else { 0 };
        let register = apic.entry(irq);
        apic.write(register + 1, u32::from(lapic::get().id()) << 24);
        apic.write(register, entry);
    });
}

/// Closes line `irq`. A handler of a level-triggered line does this before it wakes its
/// thread: the line stays asserted, and would interrupt again at once.
pub fn mask(irq: u8) {
    update(irq, |entry| entry | MASKED);
}

/// Opens line `irq` again, when its devices have been served.
pub fn unmask(irq: u8) {
    update(irq, |entry| entry & !MASKED);
}

/// How many inputs there are.
pub fn inputs() -> u32 {
    with(|apic| apic.inputs)
}

fn update(irq: u8, change: impl FnOnce(u32) -> u32) {
    with(|apic| {
        let register = apic.entry(irq);
        let entry = apic.read(register);
        apic.write(register, change(entry));
    });
}

fn with<R>(use_it: impl FnOnce(&mut IoApic) -> R) -> R {
    use_it(&mut IO_APIC.get().expect("the I/O APIC is set up by arch::init").lock())
}

impl IoApic {
    /// The first of the two registers of a line's redirection entry.
    fn entry(&self, irq: u8) -> u32 {
        let input = self.lines[usize::from(irq)].gsi - self.first_gsi;
        assert!(input < self.inputs, "interrupt line {irq} has no I/O APIC input");
        REDIRECTION + 2 * input
    }

    fn read(&mut self, register: u32) -> u32 {
        self.at(SELECT).write(register);
        self.at(WINDOW).read()
    }

    fn write(&mut self, register: u32, value: u32) {
        self.at(SELECT).write(register);
        self.at(WINDOW).write(value);
    }

    fn at(&mut self, offset: usize) -> VolatilePtr<'_, u32> {
        // SAFETY: the window was mapped for good; SELECT and WINDOW lie in it, aligned.
        unsafe { VolatilePtr::new(self.registers.add(offset).cast()) }
    }
}
