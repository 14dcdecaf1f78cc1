//! A virtio device on PCI, with the interrupts that virtio-drivers' `PciTransport` lacks.
//!
//! Place: made by the kernel for a function it found, consumed by a driver.
//! A wrapper: everything it does not mention goes to `PciTransport`. What it adds:
//!
//! - MSI-X: vector [`CONFIG_VECTOR`] for changes of the configuration,
//!   [`QUEUE_VECTOR`] for queue 0; or INTx, where [`Transport::ack_interrupt`]
//!   tells what happened.
//! - A doorbell for queue 0 that costs one register access instead of three.
//! - [`Device::health`].
//! - No reset on drop: `PciTransport`'s waits for ever when the device is gone.

use core::mem::ManuallyDrop;

use virtio_drivers::transport::pci::bus::{Command, ConfigurationAccess, DeviceFunction};
use virtio_drivers::transport::pci::{
    PciTransport, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_NOTIFY_CFG, VirtioPciError,
};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{Hal, PhysAddr, Result};
use volatile::{VolatileRef, map_field};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Device, DeviceFault, Failure, SetupError};
use crate::pci::{Message, Pci, Presence, VirtioCommon};

/// The MSI-X vector of configuration changes.
pub const CONFIG_VECTOR: u16 = 0;
/// The MSI-X vector of queue 0.
pub const QUEUE_VECTOR: u16 = 1;
/// How many MSI-X vectors a device needs.
pub const VECTORS: usize = 2;
/// What a device reads back for a vector it has no room for (virtio 1.2, 4.1.5.1.2).
const NO_VECTOR: u16 = 0xffff;

const CAPABILITY_VENDOR: u8 = 0x09;

/// How the device shall interrupt.
#[derive(Clone, Copy, Debug)]
pub enum Interrupts {
    /// By messages: one for configuration changes, one for the queue.
    Msix {
        /// Sent when the configuration changed.
        config: Message,
        /// Sent when queue 0 has answers.
        queue: Message,
    },
    /// By its INTx pin, for both.
    Line,
}

/// A virtio device on PCI.
pub struct VirtioPci<C: ConfigurationAccess> {
    inner: ManuallyDrop<PciTransport>,
    common: VolatileRef<'static, VirtioCommon>,
    doorbell: VolatileRef<'static, u16>,
    presence: Presence<C>,
    msix: bool,
    vector_refused: bool,
}

impl<C: ConfigurationAccess> VirtioPci<C> {
    /// Takes over the device at `at` and sets its interrupts up; it stays idle.
    pub fn new<H: Hal>(
        pci: &mut Pci<C>,
        at: DeviceFunction,
        interrupts: Interrupts,
    ) -> core::result::Result<VirtioPci<C>, SetupError> {
        pci.enable(at, Command::empty());
        let (bar, offset, _) =
            virtio_capability(pci, at, VIRTIO_PCI_CAP_COMMON_CFG)?.ok_or(SetupError::Legacy)?;
        let mut common = pci.registers::<H, VirtioCommon>(at, bar, offset.into())?;
        let (bar, offset, capability) = virtio_capability(pci, at, VIRTIO_PCI_CAP_NOTIFY_CFG)?
            .ok_or(SetupError::Registers(VirtioPciError::MissingNotifyConfig))?;
        let multiplier = pci.read(at, capability + 16);
        let registers = common.as_mut_ptr();
        map_field!(registers.queue_select).write(0);
        let index = map_field!(registers.queue_notify_off).read();
        let offset = u64::from(offset) + u64::from(index) * u64::from(multiplier);
        let doorbell = pci.registers::<H, u16>(at, bar, offset)?;
        let inner = pci.virtio_transport::<H>(at).map_err(SetupError::Registers)?;
        if let Interrupts::Msix { config, queue } = interrupts {
            pci.set_msix::<H>(at, &[config, queue])?;
        }
        Ok(VirtioPci {
            inner: ManuallyDrop::new(inner),
            common,
            doorbell,
            presence: pci.presence(at),
            msix: matches!(interrupts, Interrupts::Msix { .. }),
            vector_refused: false,
        })
    }

    /// Assigns the vectors, to be done after each reset, before `queue` runs.
    fn assign_vectors(&mut self, queue: u16) {
        let common = self.common.as_mut_ptr();
        let config = map_field!(common.msix_config);
        config.write(CONFIG_VECTOR);
        map_field!(common.queue_select).write(queue);
        let vector = map_field!(common.queue_msix_vector);
        vector.write(QUEUE_VECTOR);
        self.vector_refused = config.read() == NO_VECTOR || vector.read() == NO_VECTOR;
    }
}

/// BAR, offset in it, and place of the first virtio capability of type `wanted`
/// (virtio 1.2, 4.1.4).
fn virtio_capability<C: ConfigurationAccess>(
    pci: &Pci<C>,
    at: DeviceFunction,
    wanted: u8,
) -> core::result::Result<Option<(u8, u32, u8)>, SetupError> {
    let found = pci.capabilities(at)?.into_iter().find(|capability| {
        capability.id == CAPABILITY_VENDOR && capability.private_header.to_le_bytes()[1] == wanted
    });
    Ok(found.map(|capability| {
        let start = capability.offset;
        (pci.read(at, start + 4) as u8, pci.read(at, start + 8), start)
    }))
}

impl<C: ConfigurationAccess + Send> Device for VirtioPci<C> {
    fn health(&self) -> core::result::Result<(), Failure> {
        if !self.presence.is_present() {
            Err(Failure::Gone)
        } else if self.vector_refused {
            Err(Failure::Fault(DeviceFault::VectorRefused))
        } else if self.get_status().contains(DeviceStatus::DEVICE_NEEDS_RESET) {
            Err(Failure::Fault(DeviceFault::NeedsReset))
        } else {
            Ok(())
        }
    }
}

impl<C: ConfigurationAccess> Transport for VirtioPci<C> {
    fn notify(&mut self, queue: u16) {
        if queue == 0 {
            self.doorbell.as_mut_ptr().write(queue);
        } else {
            self.inner.notify(queue);
        }
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        if self.msix {
            self.assign_vectors(queue);
        }
        self.inner.queue_set(queue, size, descriptors, driver_area, device_area);
    }

    fn device_type(&self) -> DeviceType {
        self.inner.device_type()
    }

    fn read_device_features(&mut self) -> u64 {
        self.inner.read_device_features()
    }

    fn write_driver_features(&mut self, features: u64) {
        self.inner.write_driver_features(features);
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.inner.max_queue_size(queue)
    }

    fn get_status(&self) -> DeviceStatus {
        self.inner.get_status()
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.inner.set_status(status);
    }

    fn set_guest_page_size(&mut self, size: u32) {
        self.inner.set_guest_page_size(size);
    }

    fn requires_legacy_layout(&self) -> bool {
        self.inner.requires_legacy_layout()
    }

    fn queue_unset(&mut self, queue: u16) {
        self.inner.queue_unset(queue);
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.inner.queue_used(queue)
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        self.inner.ack_interrupt()
    }

    fn read_config_generation(&self) -> u32 {
        self.inner.read_config_generation()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        self.inner.read_config_space(offset)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        offset: usize,
        value: T,
    ) -> Result<()> {
        self.inner.write_config_space(offset, value)
    }
}

#[cfg(test)]
#[allow(unsafe_code)]
#[path = "transport_tests.rs"]
mod tests;
