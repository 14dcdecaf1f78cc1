//! A device around a device that loses kicks, to show that a driver copes with the loss.
//!
//! Place: put between a driver and its transport by tests. Everything but kicks passes through.

use virtio_drivers::PhysAddr;
use virtio_drivers::transport::pci::bus::DeviceFunction;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Device, Failure};

/// A device that does not hear the kicks that `loses` picks.
pub struct Lossy<D> {
    inner: D,
    loses: fn() -> bool,
}

impl<D: Device> Lossy<D> {
    /// Puts itself before `inner`.
    pub fn new(inner: D, loses: fn() -> bool) -> Lossy<D> {
        Lossy { inner, loses }
    }
}

impl<D: Device> Device for Lossy<D> {
    fn at(&self) -> DeviceFunction {
        self.inner.at()
    }

    fn health(&self) -> Result<(), Failure> {
        self.inner.health()
    }
}

impl<D: Device> Transport for Lossy<D> {
    fn notify(&mut self, queue: u16) {
        if !(self.loses)() {
            self.inner.notify(queue);
        }
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

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        self.inner.queue_set(queue, size, descriptors, driver_area, device_area);
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

    fn read_config_space<T: FromBytes + IntoBytes>(
        &self,
        offset: usize,
    ) -> virtio_drivers::Result<T> {
        self.inner.read_config_space(offset)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        offset: usize,
        value: T,
    ) -> virtio_drivers::Result<()> {
        self.inner.write_config_space(offset, value)
    }
}
