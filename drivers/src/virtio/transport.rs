//! A virtio device on PCI, with the interrupts that virtio-drivers' `PciTransport` lacks.
//!
//! Place: made by the kernel for a function it found, consumed by a driver. It wraps
//! `PciTransport` and passes everything on to it that is not mentioned here. It adds:
//!
//! - MSI-X: vector [`CONFIG_VECTOR`] for changes of the configuration,
//!   [`QUEUE_VECTOR`] for queue 0; or INTx, where [`Transport::ack_interrupt`]
//!   tells what happened.
//! - A doorbell for queue 0 that costs one register access instead of three.
//! - [`Device::health`].
//! - No reset on drop: the reset of `PciTransport` waits for ever when the device is gone.
//!
//! Rule: `PciTransport` never sees the function's own configuration space. It sees a copy
//! (`Checked`) of what was found there, with registers only where they may lie.

use core::mem::ManuallyDrop;

use virtio_drivers::transport::pci::bus::{Command, ConfigurationAccess, DeviceFunction};
use virtio_drivers::transport::pci::{
    PciTransport, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_PCI_CAP_ISR_CFG,
    VIRTIO_PCI_CAP_NOTIFY_CFG, VirtioPciError,
};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{Hal, PhysAddr, Result};
use volatile::{VolatileRef, map_field};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Device, DeviceFault, Failure, SetupError};
use crate::pci::{
    Bars, CAPABILITY_VENDOR, Checked, Message, Pci, PciFault, Presence, Region, VirtioCommon,
};

/// The MSI-X vector of configuration changes.
pub const CONFIG_VECTOR: u16 = 0;
/// The MSI-X vector of queue 0.
pub const QUEUE_VECTOR: u16 = 1;
/// How many MSI-X vectors a device needs.
pub const VECTORS: usize = 2;
/// What a device reads back for a vector it has no room for (virtio 1.2, 4.1.5.1.2).
const NO_VECTOR: u16 = 0xffff;

/// Bytes of `virtio_pci_common_cfg` (virtio 1.2, 4.1.4.3) that are used.
const COMMON_BYTES: u32 = 56;
/// The most bytes of the device's own configuration that are used.
const DEVICE_BYTES_MAX: u32 = 4096;

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
    /// Takes over the device at `at` and sets up its interrupts. The device stays idle.
    pub fn new<H: Hal>(
        pci: &mut Pci<C>,
        at: DeviceFunction,
        interrupts: Interrupts,
    ) -> core::result::Result<VirtioPci<C>, SetupError> {
        let device = VirtioPci::found::<H>(pci, at, interrupts);
        if device.is_err() {
            pci.disable(at);
        }
        device
    }

    fn found<H: Hal>(
        pci: &mut Pci<C>,
        at: DeviceFunction,
        interrupts: Interrupts,
    ) -> core::result::Result<VirtioPci<C>, SetupError> {
        let id = pci.read(at, 0);
        let bars = pci.claim(at)?;
        let regions = Regions::find(pci, at, &bars)?;
        pci.enable(at, Command::empty());
        let common = regions.common;
        let mut common =
            Pci::<C>::registers::<H, VirtioCommon>(&bars, common.bar, common.offset.into())?;
        let registers = common.as_mut_ptr();
        map_field!(registers.queue_select).write(0);
        let index = map_field!(registers.queue_notify_off).read();
        let doorbell = regions.doorbell(index)?;
        let checked = regions.checked(id, &bars, doorbell);
        let doorbell = Pci::<C>::registers::<H, u16>(&bars, doorbell.bar, doorbell.offset.into())?;
        let inner = Pci::<C>::virtio_transport::<H>(checked, at).map_err(SetupError::Registers)?;
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

    /// Assigns the vectors. Needed after each reset, before `queue` runs.
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

/// Where a virtio function has its registers (virtio 1.2, 4.1.4). The first capability of each
/// kind counts.
struct Regions {
    common: Region,
    notify: Region,
    /// Bytes between the doorbells of two offsets.
    multiplier: u32,
    isr: Region,
    device: Region,
}

impl Regions {
    fn find<C: ConfigurationAccess>(
        pci: &Pci<C>,
        at: DeviceFunction,
        bars: &Bars,
    ) -> core::result::Result<Regions, SetupError> {
        let mut found = [None; 4];
        let mut multiplier = 0;
        for capability in pci.capabilities(at)? {
            let [length, kind] = capability.header().to_le_bytes();
            let place = usize::from(kind).checked_sub(1).and_then(|it| found.get_mut(it));
            let Some(place @ None) = place.filter(|_| capability.id() == CAPABILITY_VENDOR) else {
                continue;
            };
            let notifies = kind == VIRTIO_PCI_CAP_NOTIFY_CFG;
            if length < if notifies { 20 } else { 16 } {
                return Err(PciFault::CutShort(capability.offset()).into());
            }
            let [_, bar, offset, length] = pci.words(&capability)?;
            if notifies {
                [.., multiplier] = pci.words::<5>(&capability)?;
            }
            *place = Some(Region { bar: bar as u8, offset, length });
        }
        let [common, notify, isr, device] = found;
        let missing = |what| move || SetupError::Registers(what);
        let common = common.ok_or(SetupError::Legacy)?;
        let notify = notify.ok_or_else(missing(VirtioPciError::MissingNotifyConfig))?;
        let isr = isr.ok_or_else(missing(VirtioPciError::MissingIsrConfig))?;
        let device = device.ok_or(SetupError::BadConfig("it has none"))?;
        Ok(Regions {
            common: common.within(bars, COMMON_BYTES, COMMON_BYTES)?,
            notify: notify.within(bars, 2, u32::MAX)?,
            multiplier,
            isr: isr.within(bars, 1, 1)?,
            device: device.within(bars, 0, DEVICE_BYTES_MAX)?,
        })
    }

    /// The doorbell of the queue whose notification offset is `index`.
    fn doorbell(&self, index: u16) -> core::result::Result<Region, PciFault> {
        let Region { bar, offset, length } = self.notify;
        let outside = PciFault::OutsideBar(bar);
        let into = u32::from(index).checked_mul(self.multiplier).ok_or(outside)?;
        if u64::from(into) + 2 > length.into() {
            return Err(outside);
        }
        // Within the region, whose end has an address.
        Ok(Region { bar, offset: offset + into, length: 2 })
    }

    /// The configuration space that `virtio-drivers` sees, with one doorbell.
    fn checked(&self, id: u32, bars: &Bars, doorbell: Region) -> Checked {
        let regions = [
            (VIRTIO_PCI_CAP_COMMON_CFG, self.common, 0),
            (VIRTIO_PCI_CAP_NOTIFY_CFG, doorbell, 0),
            (VIRTIO_PCI_CAP_ISR_CFG, self.isr, 0),
            (VIRTIO_PCI_CAP_DEVICE_CFG, self.device, 0),
        ];
        Checked::new(id, bars, &regions)
    }
}

impl<C: ConfigurationAccess + Send> Device for VirtioPci<C> {
    fn at(&self) -> DeviceFunction {
        self.presence.at()
    }

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
    /// Only queue 0 has a doorbell here.
    fn notify(&mut self, queue: u16) {
        assert_eq!(queue, 0, "a queue without a doorbell");
        self.doorbell.as_mut_ptr().write(queue);
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
