//! The context switch: how a CPU leaves one thread's stack for another's.
//!
//! Place: `thread` decides who comes next and calls `switch`; this is the one file of `task`
//! with unsafe code. Rules: the scheduler's lock is held across a switch, and freed by the
//! thread that comes. So no CPU takes up a thread whose registers another CPU is still saving.
//! Only callee-saved registers are kept here: the caller of a switch saves the others, as at
//! any function call, and a preempted thread's interrupt frame has the rest. The target is
//! soft-float, so there is no floating-point state.

use core::arch::naked_asm;

use lwkt::Switch;

use super::thread::{self, TASKS, Tasks};
use crate::arch::irq_lock::IrqGuard;
use crate::mm::stack::KernelStack;

/// A thread's stack. While no CPU runs the thread, also its stack pointer.
pub(super) struct Context {
    parked: Parked,
    /// The thread's own stack; `None` for the thread that the boot loader started.
    _stack: Option<KernelStack>,
}

/// The stack pointer of a thread that runs on no CPU, else 0.
type Parked = u64;

/// What `switch_stacks` leaves on a stack, lowest address first.
#[repr(C)]
struct Frame {
    /// r15, r14, r13, r12, rbx, rbp.
    registers: [u64; 6],
    return_address: u64,
    /// Where `enter` looks for its caller: a backtrace ends at this zero.
    end: u64,
}

impl Context {
    /// The context of the thread that calls this.
    pub(super) fn running() -> Context {
        Context { parked: 0, _stack: None }
    }

    /// The context of a thread that begins in `thread::main`, on `stack`.
    pub(super) fn new(stack: KernelStack) -> Context {
        let frame = Frame { registers: [0; 6], return_address: enter as *const () as u64, end: 0 };
        let parked = stack.top() - size_of::<Frame>() as u64;
        // SAFETY: the stack is mapped, ours alone, larger than a frame, and its top is
        // 16-byte aligned, as `enter` finds it after the return: one word above `end`.
        unsafe { (parked as *mut Frame).write(frame) };
        Context { parked, _stack: Some(stack) }
    }
}

/// Leaves the thread `from`, which runs here, for the thread `to`. Returns when a CPU comes
/// back to `from`; the thread that switched back has taken the lock anew.
///
/// # Panics
/// If `to` is running already.
pub(super) fn switch(
    mut tasks: IrqGuard<'_, Tasks>,
    Switch { from, to }: Switch,
) -> IrqGuard<'_, Tasks> {
    let load = core::mem::take(&mut tasks.context(to).parked);
    assert!(load != 0, "a switch to a thread that is running");
    let save = &raw mut tasks.context(from).parked;
    // SAFETY: `load` was saved by this very call or laid out by `Context::new`, and is
    // used once: it was taken. `save` outlives the call, since contexts move only when
    // their threads are dead. The lock keeps other CPUs out until the stack is left.
    unsafe { switch_stacks(save, load) };
    tasks
}

/// Where every new thread begins: in place of a return from `switch`.
extern "C" fn enter() -> ! {
    // SAFETY: the thread that switched here holds the lock for us. Its guard is not dropped
    // before some thread has taken the lock again to switch back.
    unsafe { TASKS.force_unlock() };
    thread::main()
}

/// Pushes the registers, stores the stack pointer to `save` (rdi), goes on at `load`
/// (rsi). Interrupts are off on both sides.
#[unsafe(naked)]
unsafe extern "C" fn switch_stacks(save: *mut Parked, load: Parked) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}
