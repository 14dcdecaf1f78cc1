//! GDT and TSS: the segments that long mode needs, and a stack of its own for each trap that
//! can come when the current stack cannot be trusted.
//!
//! Called once by `arch::init_early`, before the IDT is loaded: its gates take over
//! the code selector and the stack indices set up here.

use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable};
use x86_64::structures::tss::TaskStateSegment;

/// Which interrupt stack a trap switches to (an index into the TSS's table).
#[derive(Clone, Copy)]
pub enum TrapStack {
    /// A stack overflow faults while pushing the page fault's frame.
    DoubleFault = 0,
    /// May arrive at any instruction.
    Nmi = 1,
    /// May arrive at any instruction.
    MachineCheck = 2,
}

/// Bytes per trap stack; the panic path with its formatting runs on them.
const TRAP_STACK_SIZE: usize = 32 * 1024;
const TRAP_STACKS: usize = 3;

#[repr(align(16))]
struct Stack {
    _bytes: [u8; TRAP_STACK_SIZE],
}

// `mut` only to be placed in writable memory: nothing but the CPU uses them.
static mut STACKS: [Stack; TRAP_STACKS] =
    [const { Stack { _bytes: [0; TRAP_STACK_SIZE] } }; TRAP_STACKS];

static TSS: Once<TaskStateSegment> = Once::new();
static GDT: Once<GlobalDescriptorTable> = Once::new();

/// Loads the kernel's own GDT and TSS in place of the boot loader's.
pub fn init() {
    let tss = TSS.call_once(|| {
        let mut tss = TaskStateSegment::new();
        for stack in [TrapStack::DoubleFault, TrapStack::Nmi, TrapStack::MachineCheck] {
            tss.interrupt_stack_table[stack as usize] = top_of(stack);
        }
        tss
    });
    let mut gdt = GlobalDescriptorTable::new();
    let code = gdt.append(Descriptor::kernel_code_segment());
    let data = gdt.append(Descriptor::kernel_data_segment());
    let task = gdt.append(Descriptor::tss_segment(tss));
    GDT.call_once(|| gdt).load();

    // SAFETY: the three selectors name descriptors of the table just loaded, of the
    // kind each register wants; the TSS is 'static and its stacks are not in use.
    unsafe {
        CS::set_reg(code);
        SS::set_reg(data);
        DS::set_reg(data);
        ES::set_reg(data);
        load_tss(task);
    }
}

fn top_of(stack: TrapStack) -> VirtAddr {
    // Stacks grow down: the CPU starts at the end.
    VirtAddr::from_ptr((&raw const STACKS).cast::<Stack>().wrapping_add(stack as usize + 1))
}
