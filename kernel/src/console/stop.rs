//! The end of a session: acknowledged writes become durable, and mirrors stop.
//!
//! Place: `poweroff`, and the end of a script, come here.
//!
//! Rules:
//!
//! - Devices are suspended from the top down, so that a mirror records its stop while its disks
//!   still take writes. A disk that no device flushes is flushed by itself.
//! - A flush of a device that is suspended, or lies on one that is, would wait for ever. Such a
//!   device is named, and the devices below it are flushed instead.
//! - A disk that has left cannot be flushed. It is named; nobody waits for it, and the session
//!   does not fail for it. A mirror knows itself which of its legs have left.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::Sectors;
use dm::{DeviceRef, MappedDevice, Mode, Slot, Suspend};
use drivers::virtio::Failure::Gone;
use drivers::virtio::blk::State;

use super::commands::{self, Life, life};
use super::session::Session;
use super::stack;
use crate::{disks, kprintln};

/// Suspends all mapped devices, and flushes the disks that this does not flush.
pub fn stop_all(session: &mut Session<'_>) {
    let dm = session.dm;
    let apart = |device: &DeviceRef| {
        device.capacity() != Sectors::ZERO && !stack::flushed_from_above(dm, &device.name())
    };
    let apart: Vec<DeviceRef> = super::members::disks(dm).into_iter().filter(apart).collect();
    for name in stack::from_the_top(dm) {
        stop(session, &name);
    }
    for disk in apart {
        if has_left(&disk.name()) {
            kprintln!("{}: not flushed, as it has left", disk.name());
            continue;
        }
        if let Err(failure) = commands::flush_quietly(session, &disk) {
            session.report(&failure);
        }
    }
}

fn stop(session: &mut Session<'_>, name: &str) {
    let Ok(device) = session.dm.get(name) else { return };
    if let Some(asleep) = stack::asleep(session.dm, name) {
        return kprintln!("{name}: not flushed, as `{asleep}` is suspended; what is below is");
    }
    if device.info().mode != Mode::Running {
        return;
    }
    let left = left_below(session, &device);
    if let Some(left) = &left {
        kprintln!("{name}: not flushed, as `{left}` has left");
    }
    // A mirror that is held has nothing to flush; its flush would fail.
    let flush = life(&device) == Life::Running && left.is_none();
    let how = if flush { Suspend::Flush } else { Suspend::NoFlush };
    if let Err(failure) = session.settle(|done| device.suspend(how, done)) {
        session.report(&failure);
    }
}

/// Whether a disk is out of its slot, or on its way out.
fn has_left(disk: &str) -> bool {
    let state = disks::find(disk).map(|disk| disk.status().state);
    matches!(state, Some(State::Leaving | State::Barred(Gone)))
}

/// A disk that has left, directly below a device that has no mirror.
fn left_below(session: &Session<'_>, device: &MappedDevice) -> Option<Arc<str>> {
    if !commands::mirrors(device).is_empty() {
        return None;
    }
    let below = device.deps(Slot::Active).unwrap_or_default().into_iter();
    below.filter(|name| session.dm.get(name).is_err()).find(|name| has_left(name))
}
