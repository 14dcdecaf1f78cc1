//! The kernel: boots, finds its disks, mirrors them.
//!
//! This file is the composition root: it brings the parts up in order and decides, by the
//! command line, what this boot is for. `mode=console` (the default; its words are in
//! `console`), `mode=selftest [filter=TEXT]`, `mode=soak seconds=N`, `mode=crash how=WAY`, or
//! `mode=poweroff`, which ends the run at the ready line. In any mode `log=LEVEL` says how much
//! is logged.

#![no_std]
#![no_main]
// Nothing is exported from a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub)]

extern crate alloc;

mod arch;
mod cmdline;
mod console;
mod disks;
mod events;
mod kprint;
mod mm;
mod panic;
mod selftest;
mod task;
mod trace;

use alloc::boxed::Box;
use alloc::sync::Arc;

use bootloader_api::config::Mapping;
use bootloader_api::{BootInfo, BootloaderConfig};
use dm::Dm;
use log::LevelFilter;

use crate::arch::exit::{Verdict, exit};
use crate::arch::{clock, ioapic, lapic};
use crate::cmdline::Cmdline;
use crate::task::{KernelEnv, MaySleep, Priority};

/// What the kernel asks of the boot loader. `mm` describes the address space.
const BOOT_CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.kernel_stack_size = 256 * 1024;
    config.mappings.physical_memory = Some(Mapping::FixedAddress(mm::DIRECT_MAP));
    config.mappings.kernel_base = Mapping::FixedAddress(mm::KERNEL_BASE);
    config.mappings.dynamic_range_start = Some(mm::BOOT_WINDOW);
    config
};

bootloader_api::entry_point!(kernel_main, config = &BOOT_CONFIG);

fn kernel_main(boot: &'static mut BootInfo) -> ! {
    panic::set_kernel_base(boot.kernel_image_offset);
    arch::init_early();
    kprint::init(LevelFilter::Info);
    mm::init(boot);
    let rsdp = boot.rsdp_addr.into_option().expect("the firmware has ACPI tables");
    arch::init(rsdp);
    task::init();
    arch::enable_interrupts();
    task::spawn("main", Priority::Kernel, main).expect("a first thread");
    task::idle()
}

/// The first thread: everything from here on may sleep.
fn main(may_sleep: &MaySleep) {
    let cmdline = Cmdline::from_machine();
    if let Some(level) = cmdline.get("log").and_then(|level| level.parse().ok()) {
        log::set_max_level(level);
    }
    banner();
    let slots = disks::init(&cmdline);
    let dm = storage();
    if let Some(slots) = slots {
        slots.look_after(dm);
    }
    let mode = cmdline.get("mode").unwrap_or("console");
    if mode == "console" {
        return console::start(dm, &cmdline);
    }
    kprintln!("dmirror: ready");
    exit(match mode {
        "selftest" => selftest::run(may_sleep, cmdline.get("filter").unwrap_or_default()),
        "crash" => {
            selftest::crash(cmdline.get("how").unwrap_or("panic"));
            Verdict::Failed
        }
        "soak" => {
            let seconds = cmdline.get("seconds").and_then(|text| text.parse().ok());
            selftest::soak(may_sleep, seconds.unwrap_or_default())
        }
        "poweroff" => Verdict::Success,
        _ => {
            kprintln!("main: there is no mode {mode:?}");
            Verdict::Failed
        }
    })
}

/// The device mapper, which knows the disks and the mirror.
fn storage() -> &'static Dm {
    let dm = Box::leak(Box::new(Dm::new(Arc::new(KernelEnv))));
    dm.add_type(Arc::new(trace::mirror_type())).expect("no other target is called mirror");
    for disk in disks::all() {
        dm.add_disk(disk.name(), disk.device()).expect("each disk has a name of its own");
    }
    dm
}

/// Prints a line about each part of the machine that was found.
fn banner() {
    let memory = mm::frames::stats();
    kprintln!("dmirror kernel {}", env!("CARGO_PKG_VERSION"));
    log::info!(
        "memory: {} MiB, heap {} MiB",
        (memory.total * mm::PAGE_SIZE) >> 20,
        mm::heap::stats().capacity >> 20
    );
    log::info!("clock: time stamp counter at {} MHz", clock::tsc_hz() / 1_000_000);
    log::info!(
        "interrupts: local APIC {}, I/O APIC with {} inputs",
        lapic::get().id(),
        ioapic::inputs()
    );
    match arch::platform().ecam {
        Some(ecam) => log::info!(
            "pci: configuration space at {:#x}, buses {} to {}",
            ecam.base,
            ecam.first_bus,
            ecam.last_bus
        ),
        None => log::warn!("pci: no memory-mapped configuration space"),
    }
}
