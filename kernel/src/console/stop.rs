//! The end of a session: what was acknowledged becomes durable, and mirrors stop.
//!
//! Place: `poweroff`, and the end of a script, come here.
//!
//! Rules:
//!
//! - Devices are suspended from the top down, so that a mirror records that it was
//!   stopped while its disks still take writes. A disk that none of them flushes is
//!   flushed by itself.
//! - What is suspended, or lies on what is, would wait for ever: it is named, and what it
//!   lies on is flushed in its place.
//! - A disk that has left cannot be flushed, and is named: nobody is to wait for it, or
//!   to call the end of the session a failure for it. A mirror knows itself what became
//!   of its legs.

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

/// Suspends all mapped devices, and flushes the disks that this leaves out.
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
    // A mirror that is held has nothing to flush, and would call that an error.
    let flush = life(&device) == Life::Running && left.is_none();
    let how = if flush { Suspend::Flush } else { Suspend::NoFlush };
    if let Err(failure) = session.settle(|done| device.suspend(how, done)) {
        session.report(&failure);
    }
}

/// Whether a disk is out of its slot, or on its way.
fn has_left(disk: &str) -> bool {
    let state = disks::find(disk).map(|disk| disk.status().state);
    matches!(state, Some(State::Leaving | State::Barred(Gone)))
}

/// A disk that has left, of those that a device without a mirror in it lies on directly.
fn left_below(session: &Session<'_>, device: &MappedDevice) -> Option<Arc<str>> {
    if !commands::mirrors(device).is_empty() {
        return None;
    }
    let below = device.deps(Slot::Active).unwrap_or_default().into_iter();
    below.filter(|name| session.dm.get(name).is_err()).find(|name| has_left(name))
}
