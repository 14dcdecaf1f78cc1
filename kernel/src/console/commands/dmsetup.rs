//! The `dmsetup` commands, on the device mapper's registry.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{BlockDevice, SECTOR_SIZE, Sector};
use dm::{DmError, Done, MappedDevice, Mode, Slot, Suspend};
use shell::Dmsetup;
use shell::format::{Align, Amount, Table};

use super::{or_dash, print_lines};
use crate::console::session::Session;
use crate::console::stack::{self, Clash};
use crate::console::{Failure, Outcome, devices};
use crate::kprintln;

/// Does what a `dmsetup` command says.
pub fn run(session: &mut Session<'_>, command: Dmsetup) -> Outcome {
    match command {
        Dmsetup::Create { name, table } => create(session, &name, &table),
        Dmsetup::Remove { name } => remove(session, &name),
        Dmsetup::Table { name } => each_line(session, name, |device| device.table(Slot::Active)),
        Dmsetup::Status { name } => each_line(session, name, MappedDevice::status),
        Dmsetup::Info { name } => info(session, name),
        Dmsetup::List => {
            named(session, None)?.iter().for_each(|(name, _)| kprintln!("{name}"));
            Ok(())
        }
        Dmsetup::Targets => {
            targets(session);
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
    let safe = loaded.and_then(|()| check_legs(session, name, table));
    let runs = safe.and_then(|()| session.settle(|done| device.resume(done)));
    if let Err(failure) = runs {
        let dm = session.dm;
        session.settle(|done| dm.remove(name, done))?;
        return Err(failure);
    }
    Ok(device)
}

/// Refuses a mirror where another device has its data: it may write there by itself.
pub fn check_legs(session: &Session<'_>, name: &str, table: &str) -> Outcome {
    let is_mirror = |line: &str| line.split_whitespace().nth(2) == Some("mirror");
    match stack::clash(session.dm, name) {
        Some(Clash { below, user }) if table.lines().any(is_mirror) => {
            Err(Failure::new(format!("`{user}` uses the same place of `{below}`"))
                .and(&format!("take another device, or `dmsetup remove {user}` first")))
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

fn remove(session: &mut Session<'_>, name: &str) -> Outcome {
    session.dm.get(name)?;
    let users = stack::users(session.dm, name);
    if let [user, ..] = &users[..] {
        return Err(Failure::new(format!("`{name}` is part of `{user}`"))
            .and(&format!("`dmsetup remove {user}` first")));
    }
    let dm = session.dm;
    session.settle(|done| dm.remove(name, done))
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

/// A mapped device and its name.
type Named = (Arc<str>, Arc<MappedDevice>);

/// The mapped device `name`, or all of them; says so if there is none.
fn named(session: &Session<'_>, name: Option<String>) -> Result<Vec<Named>, Failure> {
    let with_device = |name: Arc<str>| {
        let device = session.dm.get(&name)?;
        Ok((name, device))
    };
    match name {
        Some(name) => Ok([with_device(name.into())?].into()),
        None => {
            let all = stack::mapped(session.dm);
            if all.is_empty() {
                kprintln!("there is no mapped device; `help dmsetup create` shows how to make one");
            }
            all.iter().map(|device| with_device(device.name())).collect()
        }
    }
}

/// Prints the lines of the device `name`, or of all, each line then after the name.
fn each_line(
    session: &Session<'_>,
    name: Option<String>,
    lines: impl Fn(&MappedDevice) -> Result<String, DmError>,
) -> Outcome {
    let one = name.is_some();
    for (name, device) in named(session, name)? {
        match lines(&device) {
            Ok(lines) if one => print_lines(&lines),
            Ok(lines) => lines.lines().for_each(|line| kprintln!("{name}: {line}")),
            Err(error) if one => return Err(error.into()),
            Err(error) => kprintln!("{name}: {error}"),
        }
    }
    Ok(())
}

fn targets(session: &Session<'_>) {
    for kind in session.dm.types() {
        let (major, minor, patch) = kind.version();
        kprintln!("{:<10} v{major}.{minor}.{patch}", kind.name());
    }
}

fn info(session: &Session<'_>, name: Option<String>) -> Outcome {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("NAME", Left),
        ("STATE", Left),
        ("TABLES", Left),
        ("IN FLIGHT", Right),
        ("HELD", Right),
        ("EVENTS", Right),
        ("OVER", Left),
        ("USED BY", Left),
    ]);
    let devices = named(session, name)?;
    if devices.is_empty() {
        return Ok(());
    }
    for (name, device) in devices {
        let info = device.info();
        let tables = match (info.active, info.inactive) {
            (true, true) => "active, loaded",
            (true, false) => "active",
            (false, true) => "loaded",
            (false, false) => "none",
        };
        table.row([
            name.as_ref().into(),
            devices::mode_name(info.mode).into(),
            tables.into(),
            info.in_flight.to_string(),
            info.held.to_string(),
            info.events.to_string(),
            or_dash(device.deps(Slot::Active).unwrap_or_default().join(" ")),
            or_dash(stack::users(session.dm, &name).join(" ")),
        ]);
    }
    print_lines(&table.to_string());
    Ok(())
}
