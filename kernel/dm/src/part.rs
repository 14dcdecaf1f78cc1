//! A part of a device, as a target uses it.
//!
//! Place: [`Target::parts`](crate::Target::parts) says which ones a target uses. Whoever
//! writes to a device itself asks first what others use of it
//! ([`MappedDevice::parts`](crate::MappedDevice::parts)).

use bio::{Extent, Sector, Sectors};

use crate::devices::DeviceHandle;

/// A part of a device.
#[derive(Clone, Debug)]
pub struct Part {
    /// The device.
    pub device: DeviceHandle,
    /// Its sectors.
    pub extent: Extent,
}

impl Part {
    /// `length` sectors of a device, from `start` on.
    pub fn new(device: &DeviceHandle, start: Sector, length: Sectors) -> Part {
        Part { device: device.clone(), extent: Extent::new(start, length) }
    }

    /// All of a device, however large it is or becomes.
    pub fn whole(device: &DeviceHandle) -> Part {
        Part::new(device, Sector(0), Sectors(u64::MAX))
    }
}
