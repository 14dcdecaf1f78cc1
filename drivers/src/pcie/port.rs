//! A port with a hot-plug slot below it: its registers.
//!
//! Place: found by the kernel, driven by [`Slot`](super::Slot).
//!
//! Rule: Slot Control and Slot Status share a word and are written one at a time. A write of
//! Slot Control is a command to the slot (6.7.3.2). Writing a one clears a bit of Slot Status,
//! and only bits that were seen are cleared: QEMU clears nothing if asked to clear others too.

use alloc::vec::Vec;

use bitflags::bitflags;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction, HeaderType};

use crate::pci::{Function, HalfWords, Pci, PciFault};

const CAPABILITY_PCIE: u8 = 0x10;
/// In the capabilities register (7.5.3.2), the upper half of the capability's first word.
const SLOT_IMPLEMENTED: u16 = 1 << 8;
const VECTOR_SHIFT: u16 = 9;

// Offsets in the capability (7.5.3).
const LINK: u8 = 0x10;
const SLOT: u8 = 0x18;
/// Words of the capability up to Slot Control and Slot Status.
const WORDS: usize = 7;

/// Link Capabilities: the port reports whether its link is up.
const REPORTS_LINK: u32 = 1 << 20;
/// Link Status, in the upper half of its word: the link is up.
const LINK_UP: u32 = 1 << (16 + 13);
/// The secondary bus, in the word of a bridge's bus numbers.
const BUS_NUMBERS: u8 = 0x18;

// Slot Capabilities (7.5.3.9).
const POWER_CONTROLLER: u32 = 1 << 1;
const HOT_PLUG: u32 = 1 << 6;
const NO_COMPLETED: u32 = 1 << 18;
const NUMBER_SHIFT: u32 = 19;

bitflags! {
    /// Slot Status (7.5.3.11).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Status: u16 {
        /// The attention button was pressed.
        const PRESSED = 1 << 0;
        /// The power failed.
        const POWER_FAULT = 1 << 1;
        /// A device was put in, or taken out.
        const CHANGED = 1 << 3;
        /// The last command was carried out.
        const COMPLETED = 1 << 4;
        /// A device is in the slot.
        const PRESENT = 1 << 6;
        /// The link came up, or went down.
        const LINK_CHANGED = 1 << 8;
    }
}

bitflags! {
    /// Slot Control (7.5.3.10).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Control: u16 {
        /// Interrupt when the button is pressed, ...
        const HEAR_PRESSED = 1 << 0;
        /// ... when the power fails, ...
        const HEAR_POWER_FAULT = 1 << 1;
        /// ... when a device comes or goes, ...
        const HEAR_CHANGED = 1 << 3;
        /// ... when the link comes or goes.
        const HEAR_LINK = 1 << 12;
        /// Interrupt at all.
        const INTERRUPT = 1 << 5;
        /// The attention lamp: off.
        const ATTENTION_OFF = 0b11 << 6;
        /// The power lamp: on, ...
        const LAMP_ON = 0b01 << 8;
        /// ... blinking, ...
        const LAMP_BLINKS = 0b10 << 8;
        /// ... off.
        const LAMP_OFF = 0b11 << 8;
        /// The power is off.
        const POWER_OFF = 1 << 10;
    }
}

/// What is cleared when it was seen.
const EVENTS: Status = Status::PRESSED
    .union(Status::POWER_FAULT)
    .union(Status::CHANGED)
    .union(Status::COMPLETED)
    .union(Status::LINK_CHANGED);

/// A port above a slot that takes and gives devices while the machine runs.
#[derive(Clone, Debug)]
pub struct Port {
    /// Where the port is.
    pub at: DeviceFunction,
    /// The number that is written beside the slot.
    pub number: u16,
    /// The bus behind the port.
    pub bus: u8,
    /// The MSI-X vector for events of the slot.
    pub vector: u8,
    /// Where its capability begins. It is long enough to hold the slot's registers.
    capability: u8,
    reports_link: bool,
    /// It says when a command was carried out.
    pub(super) completes: bool,
    /// It can switch the slot's power.
    pub(super) switches_power: bool,
}

/// The ports with hot-plug slots among `functions`, with the errors of those that cannot
/// be used.
pub fn ports<C: ConfigurationAccess>(
    pci: &Pci<C>,
    functions: &[Function],
) -> Vec<Result<Port, (DeviceFunction, PciFault)>> {
    let bridges = functions.iter().filter(|it| it.info.header_type == HeaderType::PciPciBridge);
    bridges
        .filter_map(|bridge| match Port::new(pci, bridge.at) {
            Ok(port) => port.map(Ok),
            Err(fault) => Some(Err((bridge.at, fault))),
        })
        .collect()
}

impl Port {
    /// The port at `at`, unless that bridge has no hot-plug slot or firmware gave it no bus.
    fn new<C: ConfigurationAccess>(
        pci: &Pci<C>,
        at: DeviceFunction,
    ) -> Result<Option<Port>, PciFault> {
        let express = pci.capabilities(at)?.into_iter().find(|it| it.id() == CAPABILITY_PCIE);
        let Some(express) = express.filter(|it| it.header() & SLOT_IMPLEMENTED != 0) else {
            return Ok(None);
        };
        let [.., link, _, slot, _] = pci.words::<WORDS>(&express)?;
        let bus = pci.read(at, BUS_NUMBERS).to_le_bytes()[1];
        Ok((slot & HOT_PLUG != 0 && bus != 0).then(|| Port {
            at,
            number: (slot >> NUMBER_SHIFT) as u16,
            bus,
            vector: (express.header() >> VECTOR_SHIFT & 0x1f) as u8,
            capability: express.offset(),
            reports_link: link & REPORTS_LINK != 0,
            completes: slot & NO_COMPLETED == 0,
            switches_power: slot & POWER_CONTROLLER != 0,
        }))
    }

    /// Where a device in the slot answers.
    pub fn device(&self) -> DeviceFunction {
        DeviceFunction { bus: self.bus, device: 0, function: 0 }
    }

    /// Whether a device in the slot answers.
    pub fn answers<C: ConfigurationAccess>(&self, pci: &Pci<C>) -> bool {
        pci.answers(self.device())
    }

    /// Whether the link is up, as far as the port says.
    pub(super) fn link_up<C: ConfigurationAccess>(&self, pci: &Pci<C>) -> bool {
        !self.reports_link || pci.read(self.at, self.capability + LINK) & LINK_UP != 0
    }

    /// Slot Control and Slot Status.
    pub(super) fn registers<C: ConfigurationAccess>(&self, pci: &Pci<C>) -> (Control, Status) {
        let word = pci.read(self.at, self.capability + SLOT);
        (Control::from_bits_retain(word as u16), Status::from_bits_retain((word >> 16) as u16))
    }

    /// Commands the slot.
    pub(super) fn command<C: HalfWords>(&self, pci: &mut Pci<C>, control: Control) {
        pci.write_half(self.at, self.capability + SLOT, control.bits());
    }

    /// Clears the events among what was seen.
    pub(super) fn clear<C: HalfWords>(&self, pci: &mut Pci<C>, seen: Status) {
        let clear = seen.intersection(EVENTS).bits();
        pci.write_half(self.at, self.capability + SLOT + 2, clear);
    }

    /// Switches the power off without telling anybody, like a hand that pulls the device. For
    /// tests.
    pub fn pull<C: HalfWords>(&self, pci: &mut Pci<C>) {
        let (control, _) = self.registers(pci);
        self.command(pci, control | Control::POWER_OFF);
    }
}
