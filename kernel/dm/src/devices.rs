//! Devices that tables refer to by name.
//!
//! Place: targets get a [`DeviceRef`] for each device their arguments name and
//! keep it for as long as they use the device. The registry hands them out.
//!
//! Rule: whoever holds a `DeviceRef` has the device *open*. A mapped device
//! that is open is not removed.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use bio::BlockDevice;
use bio::sync::{Lock, Rank};

use crate::device::MappedDevice;

/// The rank of a device's name. Nothing is taken after it, so that a name can
/// be read whatever else is held.
const NAME: Rank = Rank(u8::MAX);

/// Finds devices by name.
pub trait Devices {
    /// Opens the device called `name`, if there is one.
    fn open(&self, name: &str) -> Option<DeviceRef>;
}

/// A block device, held open; use it like the [`BlockDevice`] it is.
#[derive(Clone)]
pub struct DeviceRef(Arc<Node>);

/// A device and the name it goes by.
struct Node {
    name: Lock<Arc<str>>,
    kind: Kind,
}

enum Kind {
    Disk(Arc<dyn BlockDevice>),
    Mapped(Arc<MappedDevice>),
}

impl DeviceRef {
    /// A disk under a name, open once.
    pub fn new(name: &str, disk: Arc<dyn BlockDevice>) -> DeviceRef {
        DeviceRef::of(name, Kind::Disk(disk))
    }

    /// A mapped device under a name, open once.
    pub(crate) fn mapped(name: &str, device: Arc<MappedDevice>) -> DeviceRef {
        DeviceRef::of(name, Kind::Mapped(device))
    }

    fn of(name: &str, kind: Kind) -> DeviceRef {
        DeviceRef(Arc::new(Node { name: Lock::new(NAME, name.into()), kind }))
    }

    /// What the device is called now; a mapped device may be renamed while open.
    pub fn name(&self) -> Arc<str> {
        self.0.name.lock().clone()
    }

    pub(crate) fn rename(&self, name: &str) {
        *self.0.name.lock() = name.into();
    }

    /// How often the device is open, this one included.
    pub(crate) fn count(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// The mapped device it is, unless it is a disk.
    pub(crate) fn as_mapped(&self) -> Option<&Arc<MappedDevice>> {
        match &self.0.kind {
            Kind::Disk(_) => None,
            Kind::Mapped(device) => Some(device),
        }
    }
}

impl Deref for DeviceRef {
    type Target = dyn BlockDevice;
    fn deref(&self) -> &Self::Target {
        match &self.0.kind {
            Kind::Disk(disk) => &**disk,
            Kind::Mapped(device) => &**device,
        }
    }
}

impl fmt::Debug for DeviceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceRef({})", self.name())
    }
}
