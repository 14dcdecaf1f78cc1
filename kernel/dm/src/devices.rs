//! Devices that tables refer to by name.
//!
//! Place: targets get a [`DeviceRef`] for each device their arguments name.
//! The registry hands them out.
//!
//! Rules:
//!
//! - Holding a [`DeviceRef`] keeps the device *open*. An open mapped device cannot be removed.
//!   A target holds its `DeviceRef`s until it is dropped.
//! - State that requests in flight share with a target may outlive the target. Such state uses
//!   a [`DeviceHandle`], which opens nothing. So a device is closed when the target is gone,
//!   not when the last completion has returned.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use bio::BlockDevice;
use bio::sync::{Lock, Rank};

/// The rank of the lock on a device's name. It is the highest, so a name can be read while any
/// other lock is held.
const NAME: Rank = Rank(u8::MAX);

/// Finds devices by name.
pub trait Devices {
    /// Opens the device called `name`, if there is one.
    fn open(&self, name: &str) -> Option<DeviceRef>;
}

/// What a mapped device tells about its place in the stack.
pub(crate) trait Mapped: BlockDevice {
    /// The mapped devices that it lies on, or may lie on after the next resume.
    fn lower(&self) -> Vec<Arc<dyn Mapped>>;

    /// The devices that it passes a flush on to: now, and after the next resume. `None` stands
    /// for an entry that answers a flush by itself.
    fn flushed(&self) -> [Vec<Option<DeviceHandle>>; 2];
}

/// A block device, held open. Use it like a [`DeviceHandle`], and so like a [`BlockDevice`].
#[derive(Clone)]
pub struct DeviceRef {
    handle: DeviceHandle,
    /// One reference for each opening.
    openings: Arc<()>,
}

/// A block device, not held open. Use it like a [`BlockDevice`].
///
/// It keeps the device in memory. Once the device is removed, requests fail with
/// [`ErrorKind::Gone`](bio::ErrorKind::Gone).
#[derive(Clone)]
pub struct DeviceHandle(Arc<Node>);

/// A device and the name it goes by.
struct Node {
    name: Lock<Arc<str>>,
    kind: Kind,
}

enum Kind {
    Disk(Arc<dyn BlockDevice>),
    Mapped(Arc<dyn Mapped>),
}

impl DeviceRef {
    /// A disk under a name, open once.
    pub fn new(name: &str, disk: Arc<dyn BlockDevice>) -> DeviceRef {
        DeviceRef::of(name, Kind::Disk(disk))
    }

    /// A mapped device under a name, open once.
    pub(crate) fn mapped(name: &str, device: Arc<dyn Mapped>) -> DeviceRef {
        DeviceRef::of(name, Kind::Mapped(device))
    }

    fn of(name: &str, kind: Kind) -> DeviceRef {
        let node = Node { name: Lock::new(NAME, name.into()), kind };
        DeviceRef { handle: DeviceHandle(Arc::new(node)), openings: Arc::default() }
    }

    /// The device, for state that may outlive this opening.
    pub fn handle(&self) -> DeviceHandle {
        self.handle.clone()
    }

    /// How often the device is open, this one included.
    pub(crate) fn count(&self) -> usize {
        Arc::strong_count(&self.openings)
    }
}

impl DeviceHandle {
    /// What the device is called now; a mapped device may be renamed while open.
    pub fn name(&self) -> Arc<str> {
        self.0.name.lock().clone()
    }

    /// Whether both are the same device, whatever it is called.
    pub fn is(&self, other: &DeviceHandle) -> bool {
        self.key() == other.key()
    }

    /// A number that no other device has while this one exists.
    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(crate) fn rename(&self, name: &str) {
        *self.0.name.lock() = name.into();
    }

    /// The mapped device; `None` for a disk.
    pub(crate) fn as_mapped(&self) -> Option<&Arc<dyn Mapped>> {
        match &self.0.kind {
            Kind::Disk(_) => None,
            Kind::Mapped(device) => Some(device),
        }
    }
}

impl Deref for DeviceRef {
    type Target = DeviceHandle;
    fn deref(&self) -> &DeviceHandle {
        &self.handle
    }
}

impl Deref for DeviceHandle {
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

impl fmt::Debug for DeviceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceHandle({})", self.name())
    }
}
