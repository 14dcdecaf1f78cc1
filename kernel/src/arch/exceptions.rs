//! CPU exceptions: fatal, unless the code that caused them said it might.
//!
//! `attempt` runs one instruction that may trap and returns the exception as a value.
//! The panic path reads the stack through it, so that a broken stack cannot hide the
//! first failure behind a second one.

use core::arch::{asm, naked_asm};
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use x86_64::registers::control::Cr2;

use super::irq_lock::InterruptsOff;
use super::traps::{EXCEPTIONS, TrapFrame};
use crate::{mm, panic};

/// An exception's vector number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Exception(u8);

impl Exception {
    pub const DIVIDE: Self = Self(0);
    pub const BREAKPOINT: Self = Self(3);
    pub const INVALID_OPCODE: Self = Self(6);
    pub const DOUBLE_FAULT: Self = Self(8);
    pub const GENERAL_PROTECTION: Self = Self(13);
    pub const PAGE_FAULT: Self = Self(14);

    /// The name in the architecture manual (AMD64 volume 2, 8.2).
    pub fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const RESERVED: &str = "reserved exception";
const NAMES: [&str; EXCEPTIONS as usize] = [
    "divide error",
    "debug",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range",
    "invalid opcode",
    "device not available",
    "double fault",
    RESERVED,
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection",
    "page fault",
    RESERVED,
    "x87 floating point",
    "alignment check",
    "machine check",
    "SIMD floating point",
    RESERVED,
    "control protection",
    RESERVED,
    RESERVED,
    RESERVED,
    RESERVED,
    RESERVED,
    RESERVED,
    "hypervisor injection",
    "VMM communication",
    "security",
    RESERVED,
];

/// Where to go on when the instruction under trial traps; `rip` is 0 when none is.
/// Only touched with interrupts off, by the CPU that makes the attempt: one for each CPU
/// will be needed when there are several.
#[repr(C)]
struct Recovery {
    rip: AtomicU64,
    rsp: AtomicU64,
}

static RECOVERY: Recovery = Recovery { rip: AtomicU64::new(0), rsp: AtomicU64::new(0) };

/// Calls `instruction(argument)`; `Err` if that raised an exception.
///
/// # Safety
/// `instruction` must be naked: it is abandoned where it trapped, so it may own nothing, hold
/// no lock and call nothing. Executing its instruction must itself be sound.
pub unsafe fn attempt(
    instruction: extern "C" fn(u64) -> u64,
    argument: u64,
) -> Result<u64, Exception> {
    let _off = InterruptsOff::new();
    let (value, trapped): (u64, u64);
    // SAFETY: a trap resumes at label 2 with the stack pointer as it was at the call and
    // rdx set; what the function may have changed by then is declared as clobbered.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "lea rax, [rip + 2f]",
            "mov [rcx], rax",
            "mov [rcx + 8], rsp",
            "call rsi",
            "xor edx, edx",
            "2:",
            "pop rbp",
            "pop rbx",
            in("rcx") &RECOVERY,
            in("rsi") instruction,
            in("rdi") argument,
            lateout("rax") value,
            lateout("rdx") trapped,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            clobber_abi("C"),
        );
    }
    RECOVERY.rip.store(0, Relaxed);
    if trapped == 0 { Ok(value) } else { Err(Exception(trapped as u8 - 1)) }
}

/// Reads the word at `address`; `Err` if nothing is mapped there.
///
/// # Safety
/// `address` must be ordinary memory or unmapped: a device register may act on a read.
pub unsafe fn try_read(address: u64) -> Result<u64, Exception> {
    #[unsafe(naked)]
    extern "C" fn load(address: u64) -> u64 {
        naked_asm!("mov rax, [rdi]", "ret")
    }
    // SAFETY: `load` is naked; the caller answers for the address.
    unsafe { attempt(load, address) }
}

/// Every exception ends here: at the recovery point of an attempt, or in a panic.
pub fn handle(frame: &mut TrapFrame) {
    let exception = Exception(frame.vector as u8);
    let resume = RECOVERY.rip.swap(0, Relaxed);
    // A breakpoint traps after its instruction, so an attempted one resumes like any other
    // exception. An NMI, a double fault or a machine check never comes from an attempt.
    if resume != 0 && !matches!(exception.0, 2 | 8 | 18) {
        frame.rip = resume;
        frame.rsp = RECOVERY.rsp.load(Relaxed);
        frame.rdx = frame.vector + 1;
        return;
    }
    panic::die_in_trap(format_args!("{}", Report { exception, frame }), frame);
}

/// What a person needs to know first about an exception.
struct Report<'a> {
    exception: Exception,
    frame: &'a TrapFrame,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.exception.name())?;
        let address = Cr2::read_raw();
        match self.exception {
            Exception::PAGE_FAULT => {
                let error = self.frame.error;
                let access = match error {
                    _ if error & 0x10 != 0 => "executing",
                    _ if error & 2 != 0 => "writing",
                    _ => "reading",
                };
                let why = if error & 1 != 0 { "protected" } else { "not mapped" };
                write!(f, " {access} {address:#x} ({why})")
            }
            // The fault that could not push its frame has left its address.
            Exception::DOUBLE_FAULT if mm::stack::is_guard(address) => {
                write!(f, ": kernel stack overflow at {address:#x}")
            }
            _ => Ok(()),
        }
    }
}
