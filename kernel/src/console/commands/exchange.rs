//! `mirror add`, `mirror replace`, `mirror forget NAME LEG`: other disks for a mirror.
//!
//! Place: a mirror finds its disks in its table, so a new one comes by another table and
//! a message. What lies on it is looked at before.
//!
//! Rules:
//!
//! - A disk that is not blank where the mirror's records will be is refused unless a
//!   person insists; so is one that another device uses, whoever insists.
//! - If the mirror does not start with the new table, or does not take the disk, it goes
//!   on with the old one.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{BlockDevice, Sector};
use dm::{DeviceRef, Devices, MappedDevice, Slot};
use dm_mirror::format::DATA_ALIGN;
use dm_mirror::report::{LegReport, Report, Standing};
use dm_mirror::{LEGS_MAX, MirrorTarget};

use super::mirror::{Place, life, only_mirror};
use super::{assemble, label, mirror};
use crate::console::session::Session;
use crate::console::{Failure, Outcome, devices, members};
use crate::{events, kprintln};

/// Takes a leg back that is out; with a `disk`, that one is to be the leg.
pub fn add(
    session: &mut Session<'_>,
    name: &str,
    leg: usize,
    disk: Option<&str>,
    force: bool,
) -> Outcome {
    let message = ["add", &leg.to_string(), "force"];
    let message = &message[..if force { 3 } else { 2 }];
    let (device, place) = only_mirror(session.dm, name, message)?;
    check_remembers(name, &place)?;
    let Some(disk) = disk else {
        check_has_disk(name, &device, &place, leg)?;
        tell(session, name, &device, &place, message)?;
        return added(name, leg);
    };
    check_alone(name, &place)?;
    let legs = place.table.legs().len();
    if leg > legs || leg >= LEGS_MAX {
        return Err(no_leg(name, leg, legs));
    }
    check_runs(name, &device)?;
    let report = mirror::report(&device, &place).ok_or_else(|| mirror::no_mirror(name))?;
    check_not_replaced(name, &report, leg)?;
    if let Some(it) = report.legs.get(leg)
        && !is_out(&device, &place, leg)
    {
        let failure = Failure::new(format!("leg {leg} of `{name}` is not out"));
        return Err(match it.standing {
            Standing::Coming => failure.and(&by_failing(name, leg, disk)),
            _ if can_grow(&report) => {
                failure.and(&format!("to exchange its disk: `mirror replace {name} {leg} {disk}`"))
            }
            _ => exchange_hint(failure, name, &report, leg, disk),
        });
    }
    put(session, name, &place, leg, disk, force)?;
    tell_or_go_back(session, name, &device, &place, message)?;
    added(name, leg)
}

/// Refuses a leg that is not there, and says how it gets a disk.
fn check_has_disk(name: &str, device: &MappedDevice, place: &Place, leg: usize) -> Outcome {
    let report = mirror::report(device, place);
    let bare = |it: &LegReport| &*it.device == "-";
    if !report.is_some_and(|it| it.legs.get(leg).is_some_and(bare)) {
        return Ok(());
    }
    Err(Failure::new(format!("leg {leg} of `{name}` has no disk"))
        .and(&format!("to give it one: `mirror add {name} {leg} DISK`"))
        .and("a member that is back: `mirror assemble`"))
}

fn added(name: &str, leg: usize) -> Outcome {
    kprintln!("{name}: leg {leg} is given what it missed; `mirror wait {name}` waits for the end");
    Ok(())
}

/// Has a disk take the place of a leg that serves.
pub fn replace(
    session: &mut Session<'_>,
    name: &str,
    leg: usize,
    disk: &str,
    force: bool,
) -> Outcome {
    let (device, place) = only_mirror(session.dm, name, &["replace"])?;
    check_remembers(name, &place)?;
    check_alone(name, &place)?;
    let legs = place.table.legs();
    if leg >= legs.len() {
        return Err(Failure::new(format!("`{name}` has no leg {leg}"))
            .and(&format!("`mirror status {name}` lists them")));
    }
    check_runs(name, &device)?;
    let report = mirror::report(&device, &place).ok_or_else(|| mirror::no_mirror(name))?;
    if let Some(old) = report.replacing {
        return Err(Failure::new(format!("leg {old} of `{name}` is being replaced"))
            .and(&format!("`mirror wait {name}` waits for the end of that")));
    }
    if is_out(&device, &place, leg) {
        return add(session, name, leg, Some(disk), force);
    }
    if report.legs.get(leg).is_some_and(|it| it.standing == Standing::Coming) {
        return Err(Failure::new(format!("leg {leg} of `{name}` is not in sync yet"))
            .and(&by_failing(name, leg, disk)));
    }
    let free = (0..legs.len()).find(|leg| is_free(&device, &place, *leg));
    let new = free.unwrap_or(legs.len());
    if new >= LEGS_MAX {
        let failure =
            Failure::new(format!("`{name}` has {LEGS_MAX} members, and room for no more"))
                .and("a leg that serves is replaced beside a new one, which needs a free slot");
        return Err(exchange_hint(failure, name, &report, leg, disk));
    }
    let old = legs[leg].name();
    put(session, name, &place, new, disk, force)?;
    let message = ["replace", &leg.to_string(), &new.to_string(), "force"];
    let message = &message[..if force { 4 } else { 3 }];
    tell_or_go_back(session, name, &device, &place, message)?;
    kprintln!("{name}: `{disk}` is rebuilt as leg {new}; then leg {leg} (`{old}`) leaves");
    kprintln!(
        "`mirror wait {name}` waits for the end; `mirror forget {name} {leg}` then frees `{old}`"
    );
    Ok(())
}

/// Strikes a leg that is out from the members, and takes its disk out of the table.
pub fn forget(session: &mut Session<'_>, name: &str, leg: usize) -> Outcome {
    let leg_word = leg.to_string();
    let message = ["forget", &*leg_word];
    let (device, place) = only_mirror(session.dm, name, &message)?;
    check_remembers(name, &place)?;
    check_alone(name, &place)?;
    if !is_free(&device, &place, leg) {
        device.message(place.start, &message)?;
        kprintln!("{name}: leg {leg} is no longer a member");
    }
    if let Some(disk) = place.table.device(leg) {
        assemble::swap(session, name, &device, &place.table.without_leg(leg))?;
        kprintln!("{name}: `{disk}` is free; `mirror forget {disk} --force` wipes its superblocks");
    }
    assemble::explain(session.dm, name)
}

/// The refusal of a leg that is not there, nor the next one.
fn no_leg(name: &str, leg: usize, legs: usize) -> Failure {
    let failure = Failure::new(format!("`{name}` has no leg {leg}"));
    if legs < LEGS_MAX {
        return failure.and(&format!("the next one is {legs}"));
    }
    failure.and(&format!("{LEGS_MAX} are the most; one that is out can get another disk"))
}

/// Whether a new leg has room beside those that there are.
fn can_grow(report: &Report) -> bool {
    let free = |leg: &LegReport| leg.standing == Standing::NoMember;
    report.legs.len() < LEGS_MAX || report.legs.iter().any(free)
}

/// How a leg gets another disk that cannot stay meanwhile.
fn by_failing(name: &str, leg: usize, disk: &str) -> String {
    format!("`mirror fail {name} {leg}`, then `mirror add {name} {leg} {disk}`")
}

/// The same, of one that serves: unless it is the last one that does.
fn exchange_hint(failure: Failure, name: &str, report: &Report, leg: usize, disk: &str) -> Failure {
    let serves = |(at, it): &(usize, &LegReport)| *at != leg && it.standing == Standing::InSync;
    if report.legs.iter().enumerate().any(|it| serves(&it)) {
        let how = by_failing(name, leg, disk);
        return failure.and(&format!("{how}: meanwhile the data are on one disk less"));
    }
    failure.and(&format!("no other leg is in sync: `mirror wait {name}` first"))
}

/// Refuses a leg that is to leave for another one, or is that one's: what becomes of both
/// was said already.
pub fn check_not_replaced(name: &str, report: &Report, leg: usize) -> Outcome {
    match report.replacing {
        Some(old) if old == leg => {
            Err(Failure::new(format!("leg {old} of `{name}` is being replaced"))
                .and(&format!("`mirror wait {name}` waits for the end of that")))
        }
        _ => Ok(()),
    }
}

/// Refuses a mirror that does not run: no leg comes or goes.
fn check_runs(name: &str, device: &MappedDevice) -> Outcome {
    if life(device) == mirror::Life::Running {
        return Ok(());
    }
    Err(Failure::new(format!("`{name}` does not run: {}", mirror::health(device)))
        .and(&format!("`mirror status {name}` says what to do")))
}

/// Refuses a device with more than one mirror, whose table is a person's own.
pub fn check_alone(name: &str, place: &Place) -> Outcome {
    if place.alone {
        return Ok(());
    }
    Err(Failure::new(format!("`{name}` is more than one mirror: its table is your own"))
        .and(&format!("`dmsetup load {name}`, `dmsetup resume {name}`, `dmsetup message`")))
}

/// Refuses a mirror that keeps no records.
pub fn check_remembers(name: &str, place: &Place) -> Outcome {
    if place.table.remembers() {
        return Ok(());
    }
    Err(Failure::new(format!("`{name}` does not record what a leg missed"))
        .and(&format!("`dmsetup remove {name}`, then create it with `sync`, a good leg first")))
}

/// What a leg is to the mirror.
fn standing(device: &MappedDevice, place: &Place, leg: usize) -> Option<Standing> {
    let view = device.look_at(place.start, MirrorTarget::view)?;
    view.legs().get(leg).map(|it| it.standing)
}

/// Whether a leg is out, or no member.
fn is_out(device: &MappedDevice, place: &Place, leg: usize) -> bool {
    matches!(standing(device, place, leg), Some(Standing::Out | Standing::NoMember))
}

/// Whether a leg is no member.
fn is_free(device: &MappedDevice, place: &Place, leg: usize) -> bool {
    standing(device, place, leg) == Some(Standing::NoMember)
}

/// Lets the mirror go on with a table that has the disk as the leg, if it holds nothing.
fn put(
    session: &mut Session<'_>,
    name: &str,
    place: &Place,
    leg: usize,
    disk: &str,
    force: bool,
) -> Outcome {
    let new = devices::open_for_writing(session.dm, disk)?;
    check_size(session, name, &new)?;
    if force {
        // Else what it was a member of would be looked for.
        label::wipe(session, &new)?;
    } else {
        label::refuse_occupied(session, &new, Sector(DATA_ALIGN.0.min(new.capacity().0)))?;
    }
    drop(new);
    let device = session.dm.get(name)?;
    assemble::swap(session, name, &device, &place.table.with_leg(leg, disk))?;
    if life(&device) != mirror::Life::Running {
        let why = mirror::health(&device);
        assemble::swap(session, name, &device, &place.table)?;
        return Err(Failure::new(format!("`{name}` does not start with `{disk}`: {why}"))
            .and(&format!("`{name}` goes on without")));
    }
    Ok(())
}

/// Refuses a disk on which the data of the mirror `name` would not fit.
fn check_size(session: &mut Session<'_>, name: &str, disk: &DeviceRef) -> Outcome {
    let device = session.dm.get(name)?;
    let (block, most) = (disk.limits().block_size, device.limits().block_size);
    if block > most {
        return Err(Failure::new(format!(
            "`{}` has blocks of {block} bytes; users of `{name}` rely on {most}",
            disk.name()
        ))
        .and("nothing was changed; name another disk"));
    }
    let below = device.deps(Slot::Active)?;
    let legs: Vec<DeviceRef> = below.iter().filter_map(|leg| session.dm.open(leg)).collect();
    let slots = members::read_slots(session, &legs)?;
    let geometry = |slots| members::superblock(slots).ok().map(|it| it.geometry);
    let Some(geometry) = slots.iter().flatten().find_map(geometry) else { return Ok(()) };
    let (needs, has) = (geometry.data_end(), disk.capacity());
    if needs.0 <= has.0 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{}` is too small: a member of `{name}` needs {needs} sectors, it has {has}",
        disk.name()
    ))
    .and("nothing was changed"))
}

/// Waits until a leg that is out has given back what it was doing.
fn given_back(
    session: &mut Session<'_>,
    device: &MappedDevice,
    place: &Place,
    leg: usize,
) -> Outcome {
    let owes = || {
        let report = mirror::report(device, place);
        report.and_then(|it| Some(it.legs.get(leg)?.owes)).unwrap_or(false)
    };
    session.wait_until(|| !owes())
}

/// Tells the mirror about a leg that is out, and waits until that has been looked at. A
/// leg that went out just now still owes something; that is waited for first.
pub fn tell(
    session: &mut Session<'_>,
    name: &str,
    device: &Arc<MappedDevice>,
    place: &Place,
    message: &[&str],
) -> Outcome {
    let leg = message.iter().filter_map(|word| word.parse().ok()).next_back().unwrap_or(0);
    given_back(session, device, place, leg)?;
    let before = events::since(0).last().map_or(0, |last| last.number + 1);
    device.message(place.start, message)?;
    // Other events may come, as that of the exclusion; and a leg may be out again at once.
    let told = |what: &str| {
        let what = format!("leg {leg} {what}");
        let mut news = events::since(before).into_iter();
        news.any(|entry| entry.device == name && entry.what.starts_with(&what))
    };
    let taken = || !is_out(device, place, leg) || told("is taken back");
    session.wait_until(|| taken() || told("stays out: "))?;
    if taken() {
        return Ok(());
    }
    let report = device.message(place.start, &["show"])?;
    let why = report.lines().find_map(|line| line.split_once("; stays out: "));
    let why = why.map_or("the log says why", |(_, why)| why);
    // The mirror speaks of its message; here is a command for it.
    let command = format!("`mirror add {name} {leg} --force`");
    let why = why.replace(&format!("`add {leg} force`"), &command);
    Err(Failure::new(format!("leg {leg} of `{name}` stays out: {why}"))
        .and(&format!("`mirror status {name}` shows its state, `disks` that of its disk")))
}

/// The same; if the leg stays out, the mirror goes on with the table it had.
fn tell_or_go_back(
    session: &mut Session<'_>,
    name: &str,
    device: &Arc<MappedDevice>,
    place: &Place,
    message: &[&str],
) -> Outcome {
    let told = tell(session, name, device, place, message);
    if told.is_err() {
        assemble::swap(session, name, device, &place.table)?;
    }
    told
}
