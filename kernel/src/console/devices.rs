//! Finds devices by name, and refuses what cannot work or would do harm.
//!
//! Place: every command that names a device comes here first.
//!
//! Rules:
//!
//! - Nothing is asked of a device that is suspended, or lies on one: it would wait for a
//!   `dmsetup resume` that the waiting console could not give.
//! - What another device uses is not written to, also not through a third: the other one
//!   would not know. A mirror's legs would come to differ, and it would answer now this
//!   and now that.

use alloc::format;

use bio::{Extent, SECTOR_SIZE, Sector, Sectors};
use dm::{DeviceRef, Devices, Dm, Mode};
use shell::Size;
use shell::format::Amount;

use super::Failure;
use super::stack::{self, Clash};

/// Opens the device called `name`, which may be read.
pub fn open(dm: &Dm, name: &str) -> Result<DeviceRef, Failure> {
    let Some(device) = dm.open(name) else {
        return Err(Failure::new(format!("there is no device `{name}`"))
            .and("`disks` lists disks and mapped devices"));
    };
    check_awake(dm, name)?;
    if device.capacity() == Sectors::ZERO {
        let why = if dm.get(name).is_ok() { "has no table, hence" } else { "is a disk with" };
        return Err(Failure::new(format!("`{name}` {why} no sectors")));
    }
    Ok(device)
}

/// Opens the device called `name`, which may be written.
pub fn open_for_writing(dm: &Dm, name: &str) -> Result<DeviceRef, Failure> {
    let device = open(dm, name)?;
    if device.limits().read_only {
        return Err(Failure::new(format!("`{name}` is read-only")));
    }
    if let [user, ..] = &stack::users(dm, name)[..] {
        return Err(Failure::new(format!(
            "`{name}` is part of `{user}`, which would not learn of the write"
        ))
        .and(&format!(
            "write to `{user}`; to see a leg fail: `mirror fail {user} LEG`; \
             to take it apart: `dmsetup remove {user}`"
        )));
    }
    match stack::clash(dm, name) {
        None => Ok(device),
        Some(Clash { below, user }) => Err(Failure::new(format!(
            "`{name}` lies on `{below}` where `{user}` does too, which would not learn of the write"
        ))
        .and(&format!("write to `{user}`, or remove it first: `dmsetup remove {user}`"))),
    }
}

/// Refuses a device that is suspended, or lies on one that is.
fn check_awake(dm: &Dm, name: &str) -> Result<(), Failure> {
    stack::asleep(dm, name).map_or(Ok(()), |asleep| {
        Err(Failure::new(format!("`{asleep}` is suspended: the request would wait"))
            .and(&format!("`dmsetup resume {asleep}` lets it go on")))
    })
}

/// The part of `device` from `offset` on that is `length` long.
pub fn extent(device: &DeviceRef, offset: Size, length: Size) -> Result<Extent, Failure> {
    let (name, capacity) = (device.name(), device.capacity());
    let block = u64::from(device.limits().block_size);
    for (what, size) in [("offset", offset), ("length", length)] {
        if !size.bytes().is_multiple_of(block) {
            let below = size.bytes() - size.bytes() % block;
            return Err(Failure::new(format!(
                "`{name}` has blocks of {block} bytes; the {what} {} is no multiple of that",
                size.bytes()
            ))
            .and(&format!("use {below} or {}", below + block)));
        }
    }
    let extent = Extent::try_new(Sector(offset.sectors()), Sectors(length.sectors()));
    extent.filter(|extent| extent.fits(capacity)).ok_or_else(|| {
        Failure::new(format!(
            "`{name}` ends at {} ({capacity}s); {}s from {}s on go beyond that",
            Amount(capacity.0.saturating_mul(SECTOR_SIZE as u64)),
            length.sectors(),
            offset.sectors()
        ))
    })
}

/// All of `device` from `offset` on.
pub fn rest(device: &DeviceRef, offset: Size) -> Result<Extent, Failure> {
    let end = device.capacity();
    match end.0.checked_sub(offset.sectors()).filter(|&left| left > 0) {
        Some(left) => {
            let length = Size::from_sectors(left).expect("a device is smaller than 2^64 bytes");
            extent(device, offset, length)
        }
        None => Err(Failure::new(format!(
            "`{}` has {end} sectors; nothing is left from sector {} on",
            device.name(),
            offset.sectors()
        ))),
    }
}

/// What a mapped device does with requests, in a word.
pub fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Running => "running",
        Mode::Suspending => "suspending",
        Mode::Suspended => "suspended",
        Mode::Resuming => "resuming",
        Mode::Removed => "removed",
    }
}
