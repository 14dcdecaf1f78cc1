//! Devices that tables refer to by name.
//!
//! Place: targets get a [`DeviceRef`] for each device their arguments name and
//! keep it for as long as they use the device.
//!
//! Rule: whoever holds a `DeviceRef` has the device *open*. A mapped device
//! that is open is not removed.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use bio::BlockDevice;
use bio::sync::{Lock, Rank};

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

/// A device and the name it goes by; each `DeviceRef` counts as one opening.
struct Node {
    name: Lock<Arc<str>>,
    device: Arc<dyn BlockDevice>,
}

impl DeviceRef {
    /// A device under a name, open once.
    pub fn new(name: &str, device: Arc<dyn BlockDevice>) -> DeviceRef {
        DeviceRef(Arc::new(Node { name: Lock::new(NAME, name.into()), device }))
    }

    /// What the device is called now; a mapped device may be renamed while open.
    pub fn name(&self) -> Arc<str> {
        self.0.name.lock().clone()
    }
}

impl Deref for DeviceRef {
    type Target = dyn BlockDevice;
    fn deref(&self) -> &Self::Target {
        &*self.0.device
    }
}

impl fmt::Debug for DeviceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceRef({})", self.name())
    }
}
