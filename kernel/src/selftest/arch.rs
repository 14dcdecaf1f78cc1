//! Traps, interrupts, clock, locks, boot parameters.

use alloc::string::String;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};
use x86_64::instructions::interrupts::are_enabled;

use super::Test;
use crate::arch::exceptions::Exception;
use crate::arch::interrupts::{self, Vector};
use crate::arch::ioapic::{self, Wiring};
use crate::arch::irq_lock::InterruptsOff;
use crate::arch::pci::ConfigSpace;
use crate::arch::probe::{Fault, provoke, pulse_isa_line_0};
use crate::arch::{self, IrqLock, backtrace, clock, lapic, wait_for_interrupt};
use crate::check;
use crate::cmdline::Cmdline;
use crate::task::MaySleep;

pub const TESTS: &[Test] = &[
    Test { name: "arch::faults_are_caught_by_kind", run: faults_are_caught_by_kind },
    Test { name: "arch::a_fault_leaves_no_trace", run: a_fault_leaves_no_trace },
    Test { name: "arch::locks_restore_the_interrupt_flag", run: locks_restore_the_flag },
    Test { name: "arch::ticks_go_on_and_the_clock_with_them", run: ticks_go_on },
    Test { name: "arch::interrupts_off_means_off", run: interrupts_off_means_off },
    Test { name: "arch::a_vector_rings_its_own_bell", run: a_vector_rings_its_own_bell },
    Test { name: "arch::vectors_are_unique_and_come_back", run: vectors_are_unique },
    Test { name: "arch::msi_names_this_cpu", run: msi_names_this_cpu },
    Test { name: "arch::a_wire_reaches_its_vector_unless_masked", run: a_wire_reaches_its_vector },
    Test { name: "arch::pci_has_a_host_bridge", run: pci_has_a_host_bridge },
    Test { name: "arch::backtrace_finds_its_way_out", run: backtrace_finds_its_way_out },
    Test { name: "arch::cmdline_words", run: cmdline_words },
];

fn faults_are_caught_by_kind(_: &MaySleep) -> Result<(), String> {
    for (fault, expected) in [
        (Fault::Divide, Exception::DIVIDE),
        (Fault::Breakpoint, Exception::BREAKPOINT),
        (Fault::InvalidOpcode, Exception::INVALID_OPCODE),
        (Fault::NonCanonical, Exception::GENERAL_PROTECTION),
        (Fault::NullRead, Exception::PAGE_FAULT),
        (Fault::CodeWrite, Exception::PAGE_FAULT),
    ] {
        let raised = provoke(fault);
        check!(raised == Some(expected), "{fault:?} raised {raised:?}, not {expected:?}");
    }
    Ok(())
}

fn a_fault_leaves_no_trace(_: &MaySleep) -> Result<(), String> {
    check!(are_enabled());
    for _ in 0..10_000 {
        check!(provoke(Fault::NullRead).is_some());
    }
    check!(are_enabled());
    Ok(())
}

fn locks_restore_the_flag(_: &MaySleep) -> Result<(), String> {
    let (outer, inner) = (IrqLock::new(1), IrqLock::new(2));
    check!(are_enabled());
    {
        let mut a = outer.lock();
        check!(!are_enabled());
        {
            let b = inner.lock();
            *a += *b;
            check!(outer.try_lock().is_none());
        }
        check!(!are_enabled(), "the inner guard turned interrupts on under the outer one");
    }
    check!(are_enabled());
    check!(*outer.lock() == 3);
    Ok(())
}

fn ticks_go_on(_: &MaySleep) -> Result<(), String> {
    let mut last = (clock::ticks(), clock::now());
    for _ in 0..3 {
        let before = last;
        while clock::ticks() == before.0 {
            let now = clock::now();
            check!(now >= last.1, "the clock went back from {} to {now}", last.1);
            last.1 = now;
        }
        check!(clock::now() > before.1, "a tick, but no time passed");
        last = (clock::ticks(), clock::now());
    }
    Ok(())
}

fn interrupts_off_means_off(_: &MaySleep) -> Result<(), String> {
    let ticks = {
        let _off = InterruptsOff::new();
        let (ticks, start) = (clock::ticks(), clock::now());
        // Long enough for several ticks to be due, by the clock and not by the tick.
        while clock::now() < start + 5_000_000 {}
        check!(clock::ticks() == ticks, "a tick came through");
        ticks
    };
    // The interrupt that was held back comes now. If it does not, this waits for the run's
    // deadline.
    while clock::ticks() == ticks {
        x86_64::instructions::interrupts::disable();
        wait_for_interrupt();
    }
    Ok(())
}

static RUNG: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

fn a_vector_rings_its_own_bell(_: &MaySleep) -> Result<(), String> {
    let ring = |which: usize| {
        RUNG[which].fetch_add(1, Relaxed);
    };
    let vectors = [Vector::allocate("test", ring, 0), Vector::allocate("test", ring, 1)];
    let [Some(first), Some(second)] = vectors else {
        return Err("no vectors left".into());
    };
    let rung = || (RUNG[0].load(Relaxed), RUNG[1].load(Relaxed));
    let usage = |of: &Vector| interrupts::usage().into_iter().find(|it| it.vector == of.number());
    let before = usage(&first);
    let start = rung();
    lapic::get().interrupt_self(&second);
    while rung() == start {}
    check!(rung() == (start.0, start.1 + 1), "rung {:?}", rung());
    lapic::get().interrupt_self(&first);
    while rung().0 == start.0 {}
    check!(rung() == (start.0 + 1, start.1 + 1), "rung {:?}", rung());
    let counted = usage(&first).map(|usage| (usage.owner, usage.count));
    check!(counted == before.map(|usage| (("test", 0), usage.count + 1)), "{counted:?}");
    Ok(())
}

fn vectors_are_unique(_: &MaySleep) -> Result<(), String> {
    let strays = interrupts::strays();
    let all: alloc::vec::Vec<_> = core::iter::from_fn(|| Vector::allocate("test", |_| {}, 0))
        .map(|v| (v.number(), v))
        .collect();
    check!(all.len() > 100, "only {} vectors", all.len());
    check!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "a vector was given out twice");
    let count = all.len();
    drop(all);
    let again: alloc::vec::Vec<_> =
        core::iter::from_fn(|| Vector::allocate("test", |_| {}, 0)).collect();
    check!(again.len() == count, "{} of {count} vectors came back", again.len());
    check!(interrupts::strays() == strays);
    Ok(())
}

fn msi_names_this_cpu(_: &MaySleep) -> Result<(), String> {
    let vector = Vector::allocate("test", |_| {}, 0).ok_or("no vector left")?;
    let message = vector.msi();
    check!(message.data() == u32::from(vector.number()));
    check!(message.address() == 0xfee0_0000 + (u64::from(lapic::get().id()) << 12));
    Ok(())
}

static WIRE: AtomicUsize = AtomicUsize::new(0);

fn a_wire_reaches_its_vector(_: &MaySleep) -> Result<(), String> {
    let ring = |_| {
        WIRE.fetch_add(1, Relaxed);
    };
    let vector = Vector::allocate("test", ring, 0).ok_or("no vector left")?;
    let start = WIRE.load(Relaxed);
    let wait = || {
        let due = clock::now() + 5_000_000;
        while clock::now() < due {}
    };
    // Nobody listens yet. Firmware has left the timer chip ticking, and this ends that.
    pulse_isa_line_0();
    wait();
    ioapic::connect(0, &vector, Wiring::Isa);
    pulse_isa_line_0();
    while WIRE.load(Relaxed) == start {}

    ioapic::mask(0);
    pulse_isa_line_0();
    wait();
    check!(WIRE.load(Relaxed) == start + 1, "an interrupt came through the mask");

    ioapic::unmask(0);
    pulse_isa_line_0();
    while WIRE.load(Relaxed) == start + 1 {}
    ioapic::mask(0);
    check!(WIRE.load(Relaxed) == start + 2);
    Ok(())
}

fn pci_has_a_host_bridge(_: &MaySleep) -> Result<(), String> {
    let ecam = arch::platform().ecam.ok_or("no memory-mapped configuration space")?;
    let config = ConfigSpace::new(ecam);
    let read = |device, function, offset| {
        config.read_word(DeviceFunction { bus: ecam.first_bus, device, function }, offset)
    };
    const HOST_BRIDGE: u32 = 0x0600;
    check!(read(0, 0, 8) >> 16 == HOST_BRIDGE, "class {:#x}", read(0, 0, 8) >> 16);
    check!(read(32, 0, 0) == !0, "a device number that does not exist");
    Ok(())
}

fn backtrace_finds_its_way_out(_: &MaySleep) -> Result<(), String> {
    let calls = backtrace::walk(None).count();
    // At least this function, the runner, main's function and the entry point, unless the
    // compiler inlined one of them.
    check!((2..64).contains(&calls), "{calls} calls");
    Ok(())
}

fn cmdline_words(_: &MaySleep) -> Result<(), String> {
    let line = Cmdline::parse("mode=selftest  filter=a=b quiet mode=poweroff\0rest=1");
    check!(line.get("mode") == Some("poweroff"), "the last one counts");
    check!(line.get("filter") == Some("a=b"));
    check!(line.get("quiet") == Some(""));
    check!(line.get("rest").is_none());
    check!(line.get("mod").is_none());
    check!(Cmdline::parse("").get("").is_none());
    Ok(())
}
