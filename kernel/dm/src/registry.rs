//! The device mapper: all devices and target types, by name.
//!
//! Place: a system has one [`Dm`]. Its composition root adds disks and target
//! types; its console creates, loads, renames and removes mapped devices.
//!
//! Rules:
//!
//! - A name belongs to one device, disk or mapped; `name.rs` says what can be one.
//! - A load that the stack does not allow is refused; `stack.rs` says why.
//! - There are at most [`DEVICES_MAX`] devices.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::BlockDevice;
use bio::sync::{Lock, Rank};

use crate::bounds::{DEVICE_ROOM, DEVICES_MAX};
use crate::device::MappedDevice;
use crate::device::suspend::{Done, End};
use crate::devices::{DeviceRef, Devices};
use crate::env::Env;
use crate::error::DmError;
use crate::events::Events;
use crate::name::check_name;
use crate::parse::{Scope, parse};
use crate::stack;
use crate::target::TargetType;
use crate::targets;

/// The devices and target types of a system.
pub struct Dm {
    env: Arc<dyn Env>,
    registry: Lock<Registry>,
}

struct Registry {
    types: Vec<Arc<dyn TargetType>>,
    devices: Vec<Known>,
}

/// A device that the registry knows; a mapped device also under its own type.
struct Known {
    device: DeviceRef,
    mapped: Option<Arc<MappedDevice>>,
}

/// A device of the registry.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The device, open.
    pub device: DeviceRef,
    /// How often it is open elsewhere.
    pub open: usize,
    /// Whether it is a mapped device.
    pub mapped: bool,
}

impl Dm {
    /// A device mapper that knows the targets of this crate, and no device.
    /// `env` is for the targets.
    pub fn new(env: Arc<dyn Env>) -> Dm {
        let registry = Registry { types: targets::all(), devices: Vec::new() };
        Dm { env, registry: Lock::new(Rank::DM_REGISTRY, registry) }
    }

    /// Adds a target type. Refused if its name is taken.
    pub fn add_type(&self, kind: Arc<dyn TargetType>) -> Result<(), DmError> {
        let name = kind.name();
        let mut registry = self.registry.lock();
        if registry.types.iter().any(|known| known.name() == name) {
            return Err(DmError::Exists(name.into()));
        }
        registry.types.push(kind);
        Ok(())
    }

    /// The target types, in the order in which they were added.
    pub fn types(&self) -> Vec<Arc<dyn TargetType>> {
        self.registry.lock().types.clone()
    }

    /// Adds a disk. Refused if the name is taken or not allowed, or if there are
    /// [`DEVICES_MAX`] devices.
    pub fn add_disk(&self, name: &str, disk: Arc<dyn BlockDevice>) -> Result<(), DmError> {
        self.add(Known { device: DeviceRef::new(good(name)?, disk), mapped: None })
    }

    /// Adds a mapped device without a table. Refused if the name is taken or not allowed, if
    /// there are [`DEVICES_MAX`] devices, or if memory is short.
    pub fn create(&self, name: &str) -> Result<Arc<MappedDevice>, DmError> {
        if !self.env.has_room(DEVICE_ROOM) {
            return Err(DmError::NoRoom);
        }
        let device = MappedDevice::new(Events::logged(self.env.clone(), name), self.env.probe());
        let known = DeviceRef::mapped(good(name)?, device.clone());
        self.add(Known { device: known, mapped: Some(device.clone()) })?;
        Ok(device)
    }

    fn add(&self, known: Known) -> Result<(), DmError> {
        let mut registry = self.registry.lock();
        registry.check_free(&known.device.name())?;
        if registry.devices.len() == DEVICES_MAX {
            return Err(DmError::TooMany);
        }
        registry.devices.try_reserve(1).map_err(|_| DmError::NoRoom)?;
        registry.devices.push(known);
        Ok(())
    }

    /// The mapped device called `name`. This does not open it: it may be
    /// removed meanwhile, after which it refuses everything.
    pub fn get(&self, name: &str) -> Result<Arc<MappedDevice>, DmError> {
        let registry = self.registry.lock();
        registry.mapped(name).map(|(_, device)| device.clone())
    }

    /// All devices, disks and mapped, in the order in which they were added.
    pub fn list(&self) -> Vec<Listed> {
        let registry = self.registry.lock();
        let listed = |Known { device, mapped }: &Known| Listed {
            device: device.clone(),
            open: device.count() - 2,
            mapped: mapped.is_some(),
        };
        registry.devices.iter().map(listed).collect()
    }

    /// Makes a table of `text` the inactive table of `name`, in place of one
    /// that was loaded before. [`MappedDevice::resume`] makes it the active one.
    ///
    /// Refused as a whole, with line, column and reason, if anything is wrong.
    pub fn load(&self, name: &str, text: &str) -> Result<(), DmError> {
        let device = self.get(name)?;
        let scope =
            Scope { types: &self.types(), devices: self, env: &self.env, events: device.events() };
        let counts = Arc::downgrade(&device);
        let table = Arc::new(parse(text, &scope, counts)?);
        let replaced = {
            let registry = self.registry.lock();
            stack::check(registry.all(), &*device, &table)?;
            device.load(table.clone())
        };
        // The replaced table is dropped while no lock is held.
        replaced.map(drop)
    }

    /// Gives the mapped device `old` the name `new`; it may be open.
    pub fn rename(&self, old: &str, new: &str) -> Result<(), DmError> {
        let new = good(new)?;
        let registry = self.registry.lock();
        let (index, device) = registry.mapped(old)?;
        registry.check_free(new)?;
        device.events().rename(new);
        registry.devices[index].device.rename(new);
        Ok(())
    }

    /// Removes the mapped device `name`, unless it is open. Its requests in flight complete,
    /// held ones fail with [`ErrorKind::Gone`](bio::ErrorKind::Gone), its targets end; then
    /// `done` is called. Nothing is flushed.
    pub fn remove(&self, name: &str, done: Done) {
        let end = {
            let mut registry = self.registry.lock();
            registry.take(name)
        };
        match end {
            Ok(end) => end.run(done),
            Err(error) => done(Err(error)),
        }
    }
}

impl Devices for Dm {
    fn open(&self, name: &str) -> Option<DeviceRef> {
        let registry = self.registry.lock();
        registry.all().find(|device| *device.name() == *name).cloned()
    }
}

/// The name, if a device can be called so.
fn good(name: &str) -> Result<&str, DmError> {
    check_name(name).map_err(|why| DmError::BadName(name.to_string(), why))?;
    Ok(name)
}

impl Registry {
    fn all(&self) -> impl Iterator<Item = &DeviceRef> + Clone {
        self.devices.iter().map(|known| &known.device)
    }

    fn check_free(&self, name: &str) -> Result<(), DmError> {
        if self.all().any(|device| *device.name() == *name) {
            return Err(DmError::Exists(name.into()));
        }
        Ok(())
    }

    /// The mapped device called `name`, and its index.
    fn mapped(&self, name: &str) -> Result<(usize, &Arc<MappedDevice>), DmError> {
        let mut named =
            self.devices.iter().enumerate().filter(|(_, known)| *known.device.name() == *name);
        named
            .find_map(|(index, known)| Some((index, known.mapped.as_ref()?)))
            .ok_or_else(|| DmError::NotFound(name.into()))
    }

    /// Takes out a mapped device that is not open, and ends it.
    fn take(&mut self, name: &str) -> Result<End, DmError> {
        let (index, device) = self.mapped(name)?;
        let open = self.devices[index].device.count() - 1;
        if open > 0 {
            return Err(DmError::Open(name.into(), open));
        }
        let end = device.end()?;
        self.devices.remove(index);
        Ok(end)
    }
}
