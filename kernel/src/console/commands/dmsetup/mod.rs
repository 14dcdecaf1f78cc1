//! The `dmsetup` commands, on the device mapper's registry.
//!
//! Place: this file changes devices; `show` has the commands that only look.
//!
//! Rule: a table that is refused leaves everything as it was.

mod show;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{BlockDevice, SECTOR_SIZE, Sector};
use dm::{DmError, Done, MappedDevice, Mode, Slot, Suspend};
use dm_mirror::table::TARGET;
use shell::Dmsetup;
use shell::format::Amount;

use super::{Need, or_dash, print_lines};
use crate::console::session::Session;
use crate::console::stack::{self, Clash};
use crate::console::{Failure, Outcome, devices, plural};
use crate::kprintln;

/// Does what a `dmsetup` command says.
pub fn run(session: &mut Session<'_>, command: Dmsetup) -> Outcome {
    match command {
        Dmsetup::Create { name, table: Some(table) } => create(session, &name, &table),
        Dmsetup::Create { name, table: None } => create_without_table(session, &name),
        Dmsetup::Load { name, table } => load(session, &name, &table),
        Dmsetup::Clear { name } => clear(session, &name),
        Dmsetup::Remove { name } => remove(session, &name),
        Dmsetup::RemoveAll => remove_all(session),
        Dmsetup::Rename { name, new } => {
            session.dm.rename(&name, &new)?;
            kprintln!("{name} is called {new} now");
            Ok(())
        }
        Dmsetup::WipeTable { name } => wipe_table(session, &name),
        Dmsetup::Table { name, inactive, json } => {
            let slot = if inactive { Slot::Inactive } else { Slot::Active };
            show::lines(session, name, json, "arguments", |device| device.lines(slot))
        }
        Dmsetup::Status { name, json } => {
            show::lines(session, name, json, "status", MappedDevice::status_lines)
        }
        Dmsetup::Info { name, json } => show::info(session, name, json),
        Dmsetup::Deps { name } => show::deps(session, name),
        Dmsetup::List { tree, json } => show::list(session, tree, json),
        Dmsetup::Targets => {
            show::targets(session);
            Ok(())
        }
        Dmsetup::Suspend { name, flush } => suspend(session, &name, flush),
        Dmsetup::Resume { name } => resume(session, &name),
        Dmsetup::Message { name, sector, words } => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let answer = session.dm.get(&name)?.message(Sector(sector), &words)?;
            print_lines(&answer);
            Ok(())
        }
        Dmsetup::Wait { name, seen } => wait(session, &name, seen),
    }
}

/// Makes a device from a table, lets it run, and says so.
pub fn create(session: &mut Session<'_>, name: &str, table: &str) -> Outcome {
    let device = make(session, name, table)?;
    let bytes = device.capacity().0.saturating_mul(SECTOR_SIZE as u64);
    kprintln!("{name}: {} ({} sectors), running", Amount(bytes), device.capacity());
    Ok(())
}

/// Makes a device from a table and lets it run; a table that is refused leaves nothing.
pub fn make(
    session: &mut Session<'_>,
    name: &str,
    table: &str,
) -> Result<Arc<MappedDevice>, Failure> {
    let device = session.dm.create(name)?;
    let loaded = session.dm.load(name, table).map_err(|error| refused(error, table));
    let safe = loaded.and_then(|()| check_legs(session, name));
    let runs = safe.and_then(|()| session.settle(|done| device.resume(done)));
    if let Err(failure) = runs {
        let dm = session.dm;
        session.settle(|done| dm.remove(name, done))?;
        return Err(failure);
    }
    Ok(device)
}

/// Refuses a table that was loaded, if it has a mirror where another device has its data: the
/// mirror may write there by itself.
pub fn check_legs(session: &Session<'_>, name: &str) -> Outcome {
    let loaded = session.dm.get(name)?.lines(Slot::Inactive)?;
    match stack::clash(session.dm, name) {
        Some(Clash { below, user }) if loaded.iter().any(|line| line.target == TARGET) => {
            Err(Failure::new(format!("`{user}` uses the same place of `{below}`")).and(&format!(
                "take another device, or first: {}",
                stack::removal(session.dm, &user)
            )))
        }
        _ => Ok(()),
    }
}

/// A refusal, with the place it speaks of marked.
fn refused(error: DmError, table: &str) -> Failure {
    let text = format!("the table is refused: {error}");
    let DmError::Table(place) = error else { return Failure::new(text) };
    let mut failure = Failure::new(text);
    if let Some(line) = table.lines().nth(place.line - 1) {
        failure.add(&format!("  {line}"));
        failure.add(&format!("  {:>1$}", '^', place.column));
    }
    failure
}

fn create_without_table(session: &mut Session<'_>, name: &str) -> Outcome {
    session.dm.create(name)?;
    kprintln!("{name}: no table yet; `dmsetup load {name}` gives it one, a resume makes it run");
    Ok(())
}

/// Gives a device a table for its next resume.
fn load(session: &mut Session<'_>, name: &str, table: &str) -> Outcome {
    let device = session.dm.get(name)?;
    let before = device.table(Slot::Inactive).ok();
    session.dm.load(name, table).map_err(|error| refused(error, table))?;
    if let Err(failure) = check_legs(session, name) {
        match before {
            Some(before) => session.dm.load(name, &before)?,
            None => device.clear()?,
        }
        return Err(failure);
    }
    kprintln!("{name}: loaded; `dmsetup resume {name}` makes it the active table");
    Ok(())
}

fn clear(session: &mut Session<'_>, name: &str) -> Outcome {
    session.dm.get(name)?.clear().map_err(|error| match error {
        DmError::NoTable => Failure::new(format!("`{name}` has no loaded table to drop"))
            .and("the active table stays as long as the device is there"),
        error => error.into(),
    })?;
    kprintln!("{name}: the loaded table is dropped");
    Ok(())
}

/// Lets all requests end, then swaps the table for one that fails the next ones.
fn wipe_table(session: &mut Session<'_>, name: &str) -> Outcome {
    let device = session.dm.get(name)?;
    let capacity = device.capacity();
    if capacity.0 == 0 {
        return Err(Failure::new(format!("`{name}` has no active table")));
    }
    // What can be refused comes first.
    session.dm.load(name, &format!("0 {capacity} error"))?;
    if let Err(failure) = session.settle(|done: Done| device.suspend(Suspend::NoFlush, done)) {
        device.clear()?;
        return Err(failure);
    }
    session.settle(|done: Done| device.resume(done))?;
    kprintln!("{name}: every request fails from now on; what it lay on is free");
    Ok(())
}

fn remove(session: &mut Session<'_>, name: &str) -> Outcome {
    let dm = session.dm;
    dm.get(name)?;
    Need::Ends.check(dm, name)?;
    if let [user, ..] = &stack::users(dm, name)[..] {
        return Err(Failure::new(format!("`{name}` is part of `{user}`"))
            .and(&format!("first: {}", stack::removal(dm, user))));
    }
    session.settle(|done| dm.remove(name, done))
}

/// Removes the devices from the top down; those that are in use stay.
fn remove_all(session: &mut Session<'_>) -> Outcome {
    let mut stay = Vec::new();
    for name in stack::from_the_top(session.dm) {
        match remove(session, &name) {
            Ok(()) => kprintln!("{name}: removed"),
            Err(failure) => stay.push((name, failure)),
        }
    }
    let Some((name, why)) = stay.first() else { return Ok(()) };
    let stay = plural(stay.len() as u64, "device");
    Err(Failure::new(format!("not removed: {stay}; `{name}` first of all: {why}")))
}

fn suspend(session: &mut Session<'_>, name: &str, flush: bool) -> Outcome {
    let device = session.dm.get(name)?;
    if flush {
        check_flush(session, name)?;
    }
    let how = if flush { Suspend::Flush } else { Suspend::NoFlush };
    session.settle(|done: Done| device.suspend(how, done))?;
    kprintln!("{name}: suspended; requests wait until `dmsetup resume {name}`");
    Ok(())
}

/// Refuses to flush what lies on a suspended device.
fn check_flush(session: &Session<'_>, name: &str) -> Outcome {
    stack::asleep_below(session.dm, name).map_or(Ok(()), |asleep| {
        let what = format!("`{name}` lies on `{asleep}`, which is suspended: the flush would wait");
        Err(Failure::new(what).and(&format!(
            "`dmsetup resume {asleep}` first, or `dmsetup suspend --noflush {name}`"
        )))
    })
}

fn resume(session: &mut Session<'_>, name: &str) -> Outcome {
    let device = session.dm.get(name)?;
    let info = device.info();
    if info.mode == Mode::Running && info.inactive {
        // It is suspended first, with a flush, to take its new table.
        check_flush(session, name)?;
    }
    session.settle(|done: Done| device.resume(done))?;
    kprintln!("{name}: running");
    Ok(())
}

/// Waits until the event counter differs from `seen`, or from what it is now.
fn wait(session: &mut Session<'_>, name: &str, seen: Option<u64>) -> Outcome {
    let device = session.dm.get(name)?;
    let seen = seen.unwrap_or_else(|| device.info().events);
    session.wait_until(|| device.info().events != seen)?;
    let info = device.info();
    kprintln!("{name}: event number {}, {}", info.events, devices::mode_name(info.mode));
    Ok(())
}
