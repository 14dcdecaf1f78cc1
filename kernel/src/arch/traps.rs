//! The IDT: one entry stub per vector, one way in and out for all of them.
//!
//! A stub pushes its vector number, saves the general registers and calls `dispatch`.
//! The target is soft-float, so there is no other state to save. Exceptions end in
//! `exceptions`, everything from vector 32 up in `interrupts`. Rule for everything
//! called from here: interrupts are off and stay off.

use core::arch::global_asm;
use core::fmt;

use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::idt::{Entry, HandlerFunc};

use super::gdt::TrapStack;
use super::{exceptions, interrupts};

/// Vectors below this are the CPU's exceptions.
pub const EXCEPTIONS: u8 = 32;

/// Each stub starts at a multiple of this many bytes.
const STUB_SIZE: usize = 16;

/// The interrupted state, as the stubs leave it on the stack. A handler may edit it:
/// the edited state is what execution returns to.
#[repr(C)]
#[derive(Debug)]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    pub vector: u64,
    /// The CPU's error code; 0 for vectors that have none.
    pub error: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

impl fmt::Display for TrapFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  rip {:016x}  rsp {:016x}  flags {:08x}  cs {:x}  error {:x}",
            self.rip, self.rsp, self.rflags, self.cs, self.error
        )?;
        let registers = [
            ("rax", self.rax),
            ("rbx", self.rbx),
            ("rcx", self.rcx),
            ("rdx", self.rdx),
            ("rsi", self.rsi),
            ("rdi", self.rdi),
            ("rbp", self.rbp),
            ("r8 ", self.r8),
            ("r9 ", self.r9),
            ("r10", self.r10),
            ("r11", self.r11),
            ("r12", self.r12),
            ("r13", self.r13),
            ("r14", self.r14),
            ("r15", self.r15),
        ];
        for row in registers.chunks(4) {
            for (name, value) in row {
                write!(f, "  {name} {value:016x}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

// The exceptions for which the CPU pushes an error code are the bits of the mask; the
// other stubs push a zero in its place. `.byte 0x68` is `push imm32`. Before the call a
// frame record (return address, rbp) is laid down as a call would, so that a backtrace
// runs through the trap into the interrupted code. The stack is 16-byte aligned there:
// the CPU aligns it before it pushes, and 24 words follow.
global_asm!(
    ".balign 16",
    ".global trap_stubs",
    ".hidden trap_stubs",
    "trap_stubs:",
    ".set vector, 0",
    ".rept 256",
    ".balign {stub_size}",
    ".if (vector >= 32) || (((0x60227d00 >> (vector & 31)) & 1) == 0)",
    ".byte 0x6a, 0",
    ".endif",
    ".byte 0x68",
    ".long vector",
    "jmp trap_common",
    ".set vector, vector + 1",
    ".endr",
    "trap_common:",
    "push rax",
    "push rbx",
    "push rcx",
    "push rdx",
    "push rsi",
    "push rdi",
    "push rbp",
    "push r8",
    "push r9",
    "push r10",
    "push r11",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "push qword ptr [rsp + {rip}]",
    "push rbp",
    "mov rbp, rsp",
    "lea rdi, [rsp + 16]",
    "cld",
    "call {dispatch}",
    "add rsp, 16",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop r11",
    "pop r10",
    "pop r9",
    "pop r8",
    "pop rbp",
    "pop rdi",
    "pop rsi",
    "pop rdx",
    "pop rcx",
    "pop rbx",
    "pop rax",
    "add rsp, 16",
    "iretq",
    stub_size = const STUB_SIZE,
    rip = const core::mem::offset_of!(TrapFrame, rip),
    dispatch = sym dispatch,
);

unsafe extern "C" {
    static trap_stubs: [[u8; STUB_SIZE]; 256];
}

/// The table itself; the alignment keeps each entry within a cache line.
#[repr(C, align(16))]
struct Idt([Entry<HandlerFunc>; 256]);

static IDT: Once<Idt> = Once::new();

/// Builds and loads the IDT; after `gdt::init`.
pub fn init() {
    let idt = IDT.call_once(|| {
        let mut idt = Idt([Entry::missing(); 256]);
        for (vector, entry) in idt.0.iter_mut().enumerate() {
            let stub = (&raw const trap_stubs).cast::<[u8; STUB_SIZE]>().wrapping_add(vector);
            // SAFETY: each stub takes the stack as the CPU leaves it for its vector and
            // returns with iretq.
            let options = unsafe { entry.set_handler_addr(VirtAddr::from_ptr(stub)) };
            if let Some(stack) = trap_stack(vector) {
                // SAFETY: the TSS holds these stacks, one for each of these vectors.
                unsafe { options.set_stack_index(stack as u16) };
            }
        }
        idt
    });
    let pointer = DescriptorTablePointer {
        limit: (size_of::<Idt>() - 1) as u16,
        base: VirtAddr::from_ptr(idt),
    };
    // SAFETY: the table is 'static and every entry is valid.
    unsafe { lidt(&pointer) };
}

fn trap_stack(vector: usize) -> Option<TrapStack> {
    match vector {
        2 => Some(TrapStack::Nmi),
        8 => Some(TrapStack::DoubleFault),
        18 => Some(TrapStack::MachineCheck),
        _ => None,
    }
}

extern "C" fn dispatch(frame: &mut TrapFrame) {
    match frame.vector as u8 {
        vector if vector < EXCEPTIONS => exceptions::handle(frame),
        vector => interrupts::deliver(vector),
    }
}
