//! Interrupts by message (MSI-X; PCI Local Bus 3.0, 6.8.2).
//!
//! Place: part of [`Pci`]; called for a function that is idle.
//!
//! Rule: a message goes into a table that lies within a BAR, and is masked until it is whole.

use virtio_drivers::Hal;
use virtio_drivers::transport::pci::bus::{Command, ConfigurationAccess, DeviceFunction};
use volatile::map_field;

use super::{Capability, Message, MsixEntry, Pci, PciFault};

const CAPABILITY_MSIX: u8 = 0x11;

/// In the message control (6.8.2.3), as part of its word.
const ENABLE: u32 = 1 << 31;
const MASK_ALL: u32 = 1 << 30;
/// In the message control: the last vector's number.
const LAST_VECTOR: u16 = 0x7ff;

impl<C: ConfigurationAccess> Pci<C> {
    /// How many MSI-X vectors the function has; 0 if it has no MSI-X.
    pub fn msix_vectors(&self, at: DeviceFunction) -> Result<usize, PciFault> {
        Ok(self.msix(at)?.map_or(0, |msix| vectors(&msix)))
    }

    /// Makes vector i of the function send `messages[i]`, and turns its INTx off.
    pub fn set_msix<H: Hal>(
        &mut self,
        at: DeviceFunction,
        messages: &[Message],
    ) -> Result<(), PciFault> {
        let msix = self.msix(at)?.filter(|msix| vectors(msix) >= messages.len());
        let Some(msix) = msix else { return Err(PciFault::TooFewVectors) };
        let [control, table] = self.words(&msix)?;
        let (bar, offset) = ((table & 7) as u8, u64::from(table & !7));
        let bars = self.claim(at)?;
        let control = control | ENABLE;
        self.write(at, msix.offset(), control | MASK_ALL);
        self.enable(at, Command::INTERRUPT_DISABLE);
        for (i, message) in (0..).zip(messages) {
            let start = offset + i * size_of::<MsixEntry>() as u64;
            let mut entry = Self::registers::<H, MsixEntry>(&bars, bar, start)?;
            let entry = entry.as_mut_ptr();
            map_field!(entry.masked).write(1);
            map_field!(entry.address_low).write(message.address as u32);
            map_field!(entry.address_high).write((message.address >> 32) as u32);
            map_field!(entry.data).write(message.data);
            map_field!(entry.masked).write(0);
        }
        self.write(at, msix.offset(), control & !MASK_ALL);
        Ok(())
    }

    fn msix(&self, at: DeviceFunction) -> Result<Option<Capability>, PciFault> {
        Ok(self.capabilities(at)?.into_iter().find(|it| it.id() == CAPABILITY_MSIX))
    }
}

fn vectors(msix: &Capability) -> usize {
    usize::from(msix.header() & LAST_VECTOR) + 1
}
