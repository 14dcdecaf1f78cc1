//! The CPU, and the chips that every PC has: traps, interrupts, clock, serial port.
//!
//! `main` calls `init_early`, then `mm::init`, then `init`. This folder and `mm` are the
//! rooms where `unsafe` may live; what they offer to the rest of the kernel is safe.

pub mod acpi;
pub mod addresses;
pub mod backtrace;
pub mod clock;
pub mod exceptions;
pub mod exit;
pub mod fw_cfg;
mod gdt;
pub mod interrupts;
pub mod ioapic;
pub mod irq_lock;
pub mod lapic;
pub mod mark;
pub mod pci;
pub mod probe;
pub mod serial;
pub mod traps;

pub use acpi::Platform;
pub use irq_lock::IrqLock;

use spin::Once;

static PLATFORM: Once<Platform> = Once::new();

/// The serial port and the traps: from here on a failure is seen. Needs no memory.
pub fn init_early() {
    serial::init();
    gdt::init();
    traps::init();
}

/// The interrupt controllers and the clock; after `mm::init`. Interrupts stay off until
/// the caller turns them on. `rsdp` is the physical address of ACPI's root pointer.
pub fn init(rsdp: u64) {
    let platform = PLATFORM.call_once(|| acpi::read(rsdp));
    lapic::init(platform.local_apic);
    ioapic::init(platform);
    clock::init(platform.pm_timer);
}

/// What the firmware said about the machine. Panics before `init`.
pub fn platform() -> &'static Platform {
    PLATFORM.get().expect("the machine is known after arch::init")
}

/// Turns interrupts on.
pub fn enable_interrupts() {
    x86_64::instructions::interrupts::enable();
}

/// Turns interrupts on and sleeps until one has been served. Called with them off, so
/// that a wake-up between the caller's last look and the sleep is not missed.
pub fn wait_for_interrupt() {
    x86_64::instructions::interrupts::enable_and_hlt();
}
