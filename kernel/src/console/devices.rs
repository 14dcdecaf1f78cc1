//! Finds devices by name, and refuses uses that cannot work or would do harm.
//!
//! Place: every command that names a device comes here first.
//!
//! Rules:
//!
//! - No request goes to a device that is suspended, or lies on one that is: it would wait for a
//!   `dmsetup resume`, which the waiting console could not give.
//! - A device that another device uses is not written to, not even through a third: the other
//!   device would not know. An example: after a write to one leg of a mirror the legs differ,
//!   and the mirror answers now with the old data, now with the new.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bio::{Extent, SECTOR_SIZE, Sector, Sectors};
use dm::{DeviceRef, Devices, Dm, Mode};
use shell::Size;
use shell::format::Amount;

use super::Failure;
use super::commands::mirrors;
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
        let mut failure = Failure::new(format!(
            "`{name}` is part of `{user}`, which would not learn of the write"
        ))
        .and(&format!("write to `{user}`"));
        if dm.get(user).is_ok_and(|device| !mirrors(&device).is_empty()) {
            failure = failure.and(&format!("to see a leg fail: `mirror fail {user} LEG`"));
        }
        return Err(failure.and(&format!("to take it apart: {}", stack::removal(dm, user))));
    }
    match stack::clash(dm, name) {
        None => Ok(device),
        Some(Clash { below, user }) => Err(Failure::new(format!(
            "`{name}` lies on `{below}` where `{user}` does too, which would not learn of the write"
        ))
        .and(&format!("write to `{user}`, or remove it first: {}", stack::removal(dm, &user)))),
    }
}

/// Refuses a device that is suspended, or lies on one that is.
pub fn check_awake(dm: &Dm, name: &str) -> Result<(), Failure> {
    stack::asleep(dm, name).map_or(Ok(()), |name| Err(asleep(&name)))
}

/// The refusal of a request that would meet this suspended device.
pub fn asleep(name: &str) -> Failure {
    Failure::new(format!("`{name}` is suspended: the request would wait"))
        .and(&format!("`dmsetup resume {name}` lets it go on"))
}

/// Opens each of these devices, which may be read. A device that is named twice is refused: it
/// would be taken for its own copy.
pub fn open_each(dm: &Dm, names: &[String]) -> Result<Vec<DeviceRef>, Failure> {
    check_each_once(names)?;
    names.iter().map(|name| open(dm, name)).collect()
}

/// Refuses a device that is named twice.
pub fn check_each_once(names: &[String]) -> Result<(), Failure> {
    let twice = |(index, name): &(usize, &String)| names[..*index].contains(name);
    match names.iter().enumerate().find(twice) {
        None => Ok(()),
        Some((_, name)) => Err(Failure::new(format!("`{name}` is named twice"))
            .and("nothing was changed; name each device once")),
    }
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
