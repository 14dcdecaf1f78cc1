//! What the firmware's ACPI tables say about the machine: its interrupt controllers,
//! a timer of known speed, and where PCI configuration space is.
//!
//! Read once, by `arch::init`. Only fixed tables are read; there is no AML interpreter.

use core::ptr::NonNull;

use acpi::fadt::Fadt;
use acpi::madt::{InterruptSourceOverrideEntry, Madt, MadtEntry};
use acpi::mcfg::Mcfg;
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};

use crate::mm;

/// What the rest of `arch` and the PCI driver need to know.
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    /// Physical address of the local APICs.
    pub local_apic: u64,
    /// Physical address of the I/O APIC that serves the ISA lines.
    pub io_apic: u64,
    /// The global system interrupt that is the I/O APIC's input 0.
    pub io_apic_first_gsi: u32,
    /// How each of the sixteen ISA lines reaches the I/O APIC.
    pub isa_lines: [IsaLine; 16],
    /// I/O port of the ACPI power management timer.
    pub pm_timer: u16,
    /// PCI configuration space, where there is PCI Express.
    pub ecam: Option<Ecam>,
}

/// One ISA interrupt line; `None` means as usual for the bus.
#[derive(Clone, Copy, Debug)]
pub struct IsaLine {
    pub gsi: u32,
    pub level: Option<bool>,
    pub active_low: Option<bool>,
}

/// Memory-mapped configuration space of PCI segment 0: 1 MiB for each bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ecam {
    /// Physical address of bus 0, even if bus 0 is not in the range.
    pub base: u64,
    pub first_bus: u8,
    pub last_bus: u8,
}

/// Reads the tables from the root pointer at physical address `rsdp`.
///
/// # Panics
/// If there is no I/O APIC or no power management timer: every PC has both.
pub fn read(rsdp: u64) -> Platform {
    // SAFETY: the address comes from the firmware by way of the boot loader.
    let tables = unsafe { AcpiTables::from_rsdp(DirectMap, rsdp as usize) }
        .unwrap_or_else(|e| panic!("ACPI tables: {e:?}"));
    let mut platform = Platform {
        local_apic: 0,
        io_apic: 0,
        io_apic_first_gsi: 0,
        isa_lines: core::array::from_fn(|irq| IsaLine {
            gsi: irq as u32,
            level: None,
            active_low: None,
        }),
        pm_timer: pm_timer(&tables),
        ecam: ecam(&tables),
    };
    read_madt(&tables, &mut platform);
    platform
}

fn read_madt(tables: &AcpiTables<DirectMap>, platform: &mut Platform) {
    let madt =
        tables.find_table::<Madt>().unwrap_or_else(|e| panic!("ACPI interrupt table: {e:?}"));
    platform.local_apic = madt.get().local_apic_address.into();
    for entry in madt.get().entries() {
        match entry {
            MadtEntry::LocalApicAddressOverride(o) => platform.local_apic = o.local_apic_address,
            // Several may exist; the one that starts lowest serves the ISA lines.
            MadtEntry::IoApic(io)
                if platform.io_apic == 0
                    || io.global_system_interrupt_base < platform.io_apic_first_gsi =>
            {
                platform.io_apic = io.io_apic_address.into();
                platform.io_apic_first_gsi = io.global_system_interrupt_base;
            }
            MadtEntry::InterruptSourceOverride(o) => {
                if let Some(line) = platform.isa_lines.get_mut(usize::from(o.irq)) {
                    *line = overridden(o);
                }
            }
            _ => {}
        }
    }
    assert!(platform.io_apic != 0, "the firmware names no I/O APIC");
}

/// Flags: ACPI 6.5, table 5.25 (MPS INTI flags): 1 and 3 are the two choices, 0 is
/// "as usual for the bus".
fn overridden(entry: &InterruptSourceOverrideEntry) -> IsaLine {
    let choice = |bits: u16| match bits & 3 {
        1 => Some(false),
        3 => Some(true),
        _ => None,
    };
    let flags = entry.flags;
    IsaLine {
        gsi: entry.global_system_interrupt,
        level: choice(flags >> 2),
        active_low: choice(flags),
    }
}

fn pm_timer(tables: &AcpiTables<DirectMap>) -> u16 {
    let fadt = tables.find_table::<Fadt>().unwrap_or_else(|e| panic!("ACPI fixed table: {e:?}"));
    let register = fadt.pm_timer_block().ok().flatten().expect("a power management timer");
    u16::try_from(register.address).expect("the power management timer is an I/O port")
}

fn ecam(tables: &AcpiTables<DirectMap>) -> Option<Ecam> {
    let mcfg = tables.find_table::<Mcfg>().ok()?;
    let entry = mcfg.get().entries().iter().find(|entry| entry.pci_segment_group == 0).copied()?;
    Some(Ecam {
        base: entry.base_address,
        first_bus: entry.bus_number_start,
        last_bus: entry.bus_number_end,
    })
}

/// Finds tables in the direct mapping, which covers all memory that the firmware reports.
#[derive(Clone)]
struct DirectMap;

impl AcpiHandler for DirectMap {
    unsafe fn map_physical_region<T>(
        &self,
        physical_address: usize,
        size: usize,
    ) -> PhysicalMapping<Self, T> {
        let address = mm::direct_map(physical_address as u64, size);
        let start = NonNull::new(address as *mut T).expect("the direct mapping is not at 0");
        // SAFETY: the range is mapped, for good, and the firmware's tables do not change.
        unsafe { PhysicalMapping::new(physical_address, start, size, size, self.clone()) }
    }

    fn unmap_physical_region<T>(_: &PhysicalMapping<Self, T>) {}
}
