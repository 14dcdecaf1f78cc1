//! Faults and interrupts on purpose, for the self-tests of `arch` and of the panic path.

use core::arch::naked_asm;

use x86_64::VirtAddr;
use x86_64::instructions::port::Port;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;

use super::exceptions::{Exception, attempt};

/// An instruction that raises a particular exception, and harms nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Division by zero.
    Divide,
    /// `int3`.
    Breakpoint,
    /// `ud2`.
    InvalidOpcode,
    /// A load through an address that is not canonical.
    NonCanonical,
    /// A load from page 0, which is never mapped.
    NullRead,
    /// A store into the kernel's own code.
    CodeWrite,
}

/// Causes the fault, and reports which exception it raised.
pub fn provoke(fault: Fault) -> Option<Exception> {
    let (instruction, argument) = fault.instruction();
    // SAFETY: each instruction below is naked, and does nothing but trap.
    unsafe { attempt(instruction, argument) }.err()
}

/// Causes the fault with nobody to catch it: the kernel panics.
pub fn crash(fault: Fault) {
    let (instruction, argument) = fault.instruction();
    instruction(argument);
}

/// Takes away the handlers of all exceptions and raises one: the CPU gives up, and the machine
/// resets itself.
pub fn triple_fault() {
    let none = DescriptorTablePointer { limit: 0, base: VirtAddr::zero() };
    // SAFETY: from here on no exception is handled, and the next instruction is the last one.
    unsafe { lidt(&none) };
    breakpoint(0);
}

impl Fault {
    fn instruction(self) -> (extern "C" fn(u64) -> u64, u64) {
        match self {
            Fault::Divide => (divide, 0),
            Fault::Breakpoint => (breakpoint, 0),
            Fault::InvalidOpcode => (invalid, 0),
            Fault::NonCanonical => (load, 1 << 63),
            Fault::NullRead => (load, 8),
            Fault::CodeWrite => (store, divide as *const () as u64),
        }
    }
}

#[unsafe(naked)]
extern "C" fn divide(by: u64) -> u64 {
    naked_asm!("xor edx, edx", "mov eax, 1", "div rdi", "ret")
}

#[unsafe(naked)]
extern "C" fn breakpoint(_: u64) -> u64 {
    naked_asm!("int3", "ret")
}

#[unsafe(naked)]
extern "C" fn invalid(_: u64) -> u64 {
    naked_asm!("ud2")
}

#[unsafe(naked)]
extern "C" fn load(from: u64) -> u64 {
    naked_asm!("mov rax, [rdi]", "ret")
}

// If the page were writable after all, this would put back what was there.
#[unsafe(naked)]
extern "C" fn store(to: u64) -> u64 {
    naked_asm!("mov rax, [rdi]", "mov [rdi], rax", "ret")
}

/// Raises ISA line 0 once, in a tenth of a millisecond: counts the old timer chip's
/// channel 0 down to its terminal count (Intel 8254, mode 0). Nothing else uses it.
pub fn pulse_isa_line_0() {
    const CHANNEL_0_MODE_0: u8 = 0b0011_0000;
    const COUNT: [u8; 2] = 119u16.to_le_bytes();
    // SAFETY: the chip's ports touch nothing but its counters.
    unsafe {
        Port::new(0x43).write(CHANNEL_0_MODE_0);
        let mut counter = Port::new(0x40);
        counter.write(COUNT[0]);
        counter.write(COUNT[1]);
    }
}
