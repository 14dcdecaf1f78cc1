//! The `dmsetup` commands that only look.
//!
//! Place: part of `dmsetup`. `--json` prints the same for programs; a device that has
//! no such table has `null` in its place.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{BlockDevice, SECTOR_SIZE};
use dm::{DmError, Info, Line, MappedDevice, Slot};
use shell::format::{Align, Amount, Table};
use shell::json::{Value, json, text};
use shell::tree;

use super::{or_dash, print_lines};
use crate::console::session::Session;
use crate::console::{Failure, Outcome, devices, stack};
use crate::kprintln;

/// A mapped device and its name.
type Named = (Arc<str>, Arc<MappedDevice>);

/// The mapped device `name`, or all of them.
fn named(session: &Session<'_>, name: Option<String>) -> Result<Vec<Named>, Failure> {
    let with_device = |name: Arc<str>| {
        let device = session.dm.get(&name)?;
        Ok((name, device))
    };
    match name {
        Some(name) => Ok([with_device(name.into())?].into()),
        None => stack::mapped(session.dm).iter().map(|it| with_device(it.name())).collect(),
    }
}

/// The same for people, who are told if there is none.
fn named_aloud(session: &Session<'_>, name: Option<String>) -> Result<Vec<Named>, Failure> {
    let named = named(session, name)?;
    if named.is_empty() {
        kprintln!("there is no mapped device; `help dmsetup create` shows how to make one");
    }
    Ok(named)
}

/// Prints the lines of the device `name`, or of all, each line then after the name.
/// `words` is what JSON calls that which follows the target's name.
pub(super) fn lines(
    session: &Session<'_>,
    name: Option<String>,
    json: bool,
    words: &str,
    lines: impl Fn(&MappedDevice) -> Result<Vec<Line>, DmError>,
) -> Outcome {
    if json {
        let device = |(name, device): &Named| {
            let entries = lines(device).ok().map(|lines| entries(&lines, words));
            json!({ "name": **name, "entries": entries })
        };
        let devices: Vec<Value> = named(session, name)?.iter().map(device).collect();
        return print_json(json!({ "devices": devices }));
    }
    let one = name.is_some();
    for (name, device) in named_aloud(session, name)? {
        match lines(&device) {
            Ok(lines) if one => lines.iter().for_each(|line| kprintln!("{line}")),
            Ok(lines) => lines.iter().for_each(|line| kprintln!("{name}: {line}")),
            Err(error) if one => return Err(error.into()),
            Err(error) => kprintln!("{name}: {error}"),
        }
    }
    Ok(())
}

/// The lines of a table or of its status, as objects.
fn entries(lines: &[Line], words: &str) -> Vec<Value> {
    let entry = |line: &Line| {
        let (start, length) = (line.extent.start().0, line.extent.count().0);
        json!({ "start": start, "length": length, "target": line.target, words: line.words })
    };
    lines.iter().map(entry).collect()
}

fn print_json(value: Value) -> Outcome {
    print_lines(&text(&value));
    Ok(())
}

/// What `info` knows of a device.
struct Facts {
    name: Arc<str>,
    device: Arc<MappedDevice>,
    info: Info,
    open: usize,
    targets: usize,
    over: Vec<Arc<str>>,
    users: Vec<Arc<str>>,
}

impl Facts {
    fn of(session: &Session<'_>, (name, device): Named) -> Facts {
        let listed = session.dm.list();
        let open = listed.iter().find(|it| it.device.name() == name).map_or(0, |it| it.open);
        let targets = device.lines(Slot::Active).map_or(0, |lines| lines.len());
        let over = device.deps(Slot::Active).unwrap_or_default();
        let users = stack::users(session.dm, &name);
        Facts { info: device.info(), name, device, open, targets, over, users }
    }

    fn tables(&self) -> &'static str {
        match (self.info.active, self.info.inactive) {
            (true, true) => "active, inactive",
            (true, false) => "active",
            (false, true) => "inactive",
            (false, false) => "none",
        }
    }

    fn row(self) -> [String; 7] {
        [
            self.name.to_string(),
            devices::mode_name(self.info.mode).into(),
            self.tables().into(),
            self.targets.to_string(),
            self.open.to_string(),
            self.info.events.to_string(),
            or_dash(self.over.join(" ")),
        ]
    }

    /// Line by line, in dmsetup's order.
    fn print(&self) {
        let sectors = self.device.capacity();
        let size = Amount(sectors.0.saturating_mul(SECTOR_SIZE as u64));
        let read_only = if self.device.limits().read_only { "yes" } else { "no" };
        let Info { mode, in_flight, held, events, .. } = self.info;
        for (what, value) in [
            ("Name", self.name.to_string()),
            ("State", devices::mode_name(mode).into()),
            ("Size", format!("{size} ({sectors} sectors)")),
            ("Read only", read_only.into()),
            ("Tables present", self.tables().into()),
            ("Open count", self.open.to_string()),
            ("Event number", events.to_string()),
            ("Number of targets", self.targets.to_string()),
            ("Requests", format!("{in_flight} in flight, {held} held")),
            ("Lies on", or_dash(self.over.join(" "))),
            ("Used by", or_dash(self.users.join(" "))),
        ] {
            kprintln!("{:<18} {value}", format!("{what}:"));
        }
    }

    fn json(&self) -> Value {
        let limits = self.device.limits();
        let names = |names: &[Arc<str>]| names.iter().map(|it| it.to_string()).collect::<Vec<_>>();
        json!({
            "name": *self.name,
            "state": devices::mode_name(self.info.mode),
            "sectors": self.device.capacity().0,
            "block_bytes": limits.block_size,
            "read_only": limits.read_only,
            "active_table": self.info.active,
            "inactive_table": self.info.inactive,
            "open": self.open,
            "events": self.info.events,
            "targets": self.targets,
            "in_flight": self.info.in_flight,
            "held": self.info.held,
            "over": names(&self.over),
            "used_by": names(&self.users),
        })
    }
}

/// One device in full, or a row for each.
pub(super) fn info(session: &Session<'_>, name: Option<String>, json: bool) -> Outcome {
    use Align::{Left, Right};
    let one = name.is_some();
    let named = if json { named(session, name)? } else { named_aloud(session, name)? };
    let facts = named.into_iter().map(|named| Facts::of(session, named));
    if json {
        let devices: Vec<Value> = facts.map(|facts| facts.json()).collect();
        return print_json(json!({ "devices": devices }));
    }
    if one {
        facts.for_each(|facts| facts.print());
        return Ok(());
    }
    let mut table = Table::new([
        ("NAME", Left),
        ("STATE", Left),
        ("TABLES", Left),
        ("TARGETS", Right),
        ("OPEN", Right),
        ("EVENTS", Right),
        ("OVER", Left),
    ]);
    let mut rows = facts.map(Facts::row).peekable();
    if rows.peek().is_some() {
        rows.for_each(|row| table.row(row));
        print_lines(&table.to_string());
    }
    Ok(())
}

/// What devices lie on.
pub(super) fn deps(session: &Session<'_>, name: Option<String>) -> Outcome {
    for (name, device) in named_aloud(session, name)? {
        match device.deps(Slot::Active) {
            Ok(over) if over.is_empty() => kprintln!("{name}: lies on nothing"),
            Ok(over) => kprintln!("{name}: {}", over.join(" ")),
            Err(_) => kprintln!("{name}: no active table"),
        }
    }
    Ok(())
}

/// The names of all devices, or what is stacked on what.
pub(super) fn list(session: &Session<'_>, tree: bool, json: bool) -> Outcome {
    if json {
        let names: Vec<String> =
            named(session, None)?.iter().map(|(name, _)| name.to_string()).collect();
        return print_json(json!({ "devices": names }));
    }
    let named = named_aloud(session, None)?;
    if !tree {
        named.iter().for_each(|(name, _)| kprintln!("{name}"));
        return Ok(());
    }
    let on_top = named.iter().filter(|(name, _)| stack::users(session.dm, name).is_empty());
    let roots: Vec<Arc<str>> = on_top.map(|(name, _)| name.clone()).collect();
    let label = |name: &Arc<str>| match session.dm.get(name) {
        Ok(device) => format!("{name} ({})", devices::mode_name(device.info().mode)),
        Err(_) => name.to_string(),
    };
    print_lines(&tree::draw(&roots, &|name| below(session, name), &label));
    Ok(())
}

/// What the tables of `name`, both of them, use; a disk has none.
fn below(session: &Session<'_>, name: &str) -> Vec<Arc<str>> {
    let Ok(device) = session.dm.get(name) else { return Vec::new() };
    let mut below = device.deps(Slot::Active).unwrap_or_default();
    for loaded in device.deps(Slot::Inactive).unwrap_or_default() {
        if !below.contains(&loaded) {
            below.push(loaded);
        }
    }
    below
}

/// The kinds of target and the words that they take.
pub(super) fn targets(session: &Session<'_>) {
    for kind in session.dm.types() {
        let (major, minor, patch) = kind.version();
        let mut usage = kind.usage().lines();
        let version = format!("v{major}.{minor}.{patch}");
        let first = format!("{:<8} {version:<8}{}", kind.name(), usage.next().unwrap_or(""));
        kprintln!("{}", first.trim_end());
        usage.for_each(|line| kprintln!("{:17}{line}", ""));
    }
}
