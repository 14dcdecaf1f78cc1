//! A device mapper of a test's own, over the machine's disks.
//!
//! Place: under the tests of `dm`, `mirror` and `console`, which overwrite `vbd0` and
//! `vbd1`, 64 MiB each. Devices of a rig are gone with it; the disks' contents stay.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use bio::{BlockDevice, Buf, Extent, IoResult, Sector, Sectors};
use bytes::BytesMut;
use dm::{DeviceRef, Devices, Dm, DmError, Done, MappedDevice};
use shell::Pattern;

use crate::disks;
use crate::task::{Completion, KernelEnv, MaySleep, biowait};
use crate::trace;

/// A device mapper, and the permission to wait for it.
pub struct Rig<'t> {
    pub dm: Dm,
    may_sleep: &'t MaySleep,
}

impl<'t> Rig<'t> {
    /// A device mapper that knows the disks and the mirror.
    pub fn new(may_sleep: &'t MaySleep) -> Result<Rig<'t>, String> {
        Rig::of(may_sleep, disks::all().iter().map(|disk| (disk.name(), disk.device())))
    }

    /// A device mapper that knows these disks and the mirror.
    pub fn of<'n>(
        may_sleep: &'t MaySleep,
        disks: impl IntoIterator<Item = (&'n str, Arc<dyn BlockDevice>)>,
    ) -> Result<Rig<'t>, String> {
        let dm = Dm::new(Arc::new(KernelEnv));
        dm.add_type(Arc::new(trace::mirror_type())).map_err(|error| error.to_string())?;
        for (name, disk) in disks {
            dm.add_disk(name, disk).map_err(|error| error.to_string())?;
        }
        Ok(Rig { dm, may_sleep })
    }

    /// Makes a device and lets it run.
    pub fn create(&self, name: &str, table: &str) -> Result<Arc<MappedDevice>, String> {
        let made = self.dm.create(name).and_then(|device| {
            self.dm.load(name, table)?;
            self.settle(|done| device.resume(done))?;
            Ok(device)
        });
        made.map_err(|error| format!("{name}: {error}"))
    }

    /// Begins an operation of the device mapper, and waits for its callback.
    pub fn settle(&self, begin: impl FnOnce(Done)) -> Result<(), DmError> {
        let ended = Arc::new(Completion::new("dmwait"));
        let tell = ended.clone();
        begin(Box::new(move |result| tell.complete(result)));
        ended.wait(self.may_sleep)
    }

    /// Waits until the status of `device` contains `text`; each change of a leg's state
    /// is an event.
    pub fn until_status(&self, device: &MappedDevice, text: &str) -> Result<(), String> {
        loop {
            let seen = device.events().count();
            if device.status().map_err(|error| error.to_string())?.contains(text) {
                return Ok(());
            }
            let event = Arc::new(Completion::new("event"));
            let tell = event.clone();
            device.events().wait(seen, Box::new(move || tell.complete(())));
            event.wait(self.may_sleep);
        }
    }

    /// The device or disk of that name.
    pub fn open(&self, name: &str) -> Result<DeviceRef, String> {
        self.dm.open(name).ok_or_else(|| format!("there is no device {name}"))
    }

    /// Writes the data of `salt` to a part of a device.
    pub fn write(&self, name: &str, at: Extent, salt: u64) -> Result<IoResult, String> {
        let buf = Buf::write(at, data(at, salt).freeze());
        Ok(biowait(self.may_sleep, &**self.open(name)?, buf).1)
    }

    /// Writes zeroes to a part of a device.
    pub fn wipe(&self, name: &str, at: Extent) -> Result<IoResult, String> {
        let buf = Buf::write(at, BytesMut::zeroed(at.count().bytes()).freeze());
        Ok(biowait(self.may_sleep, &**self.open(name)?, buf).1)
    }

    /// Makes a device durable.
    pub fn flush(&self, name: &str) -> Result<IoResult, String> {
        Ok(biowait(self.may_sleep, &**self.open(name)?, Buf::flush()).1)
    }

    /// The contents of a part of a device.
    pub fn read(&self, name: &str, at: Extent) -> Result<BytesMut, String> {
        let buf = Buf::read(at, BytesMut::zeroed(at.count().bytes()));
        let (buf, result) = biowait(self.may_sleep, &**self.open(name)?, buf);
        result.map_err(|error| format!("{name} {at}: {error}"))?;
        buf.into_read().ok_or_else(|| format!("{name} {at}: the memory is gone"))
    }

    /// Whether a part of a device holds the data of `salt`.
    pub fn holds(&self, name: &str, at: Extent, salt: u64) -> Result<bool, String> {
        Ok(self.read(name, at)? == data(at, salt))
    }
}

/// `count` sectors from `start` on.
pub fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

/// Bytes that depend on their place and on `salt`.
pub fn data(at: Extent, salt: u64) -> BytesMut {
    let mut data = BytesMut::zeroed(at.count().bytes());
    Pattern::Random(salt).fill(at.start().0 * bio::SECTOR_SIZE as u64, &mut data);
    data
}
