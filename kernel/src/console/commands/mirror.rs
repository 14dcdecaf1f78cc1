//! The `mirror` commands: what the mirror target says and does by messages.
//!
//! Place: `label` and `assemble` make mirrors, and start them here.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Sector, Sectors};
use dm::{Dm, Line, MappedDevice, Mode, Slot};
use dm_mirror::MirrorTarget;
use dm_mirror::assemble::{BY_KEEP, BY_START_DEGRADED};
use dm_mirror::report::{Health, Question, Report};
use dm_mirror::table::Table;
use shell::Mirror;

use super::status::Shows;
use super::{assemble, check, dmsetup, exchange, label, lifecycle, status};
use crate::console::session::Session;
use crate::console::{Failure, Outcome, devices, stack};
use crate::kprintln;

/// Does what a `mirror` command says.
pub fn run(session: &mut Session<'_>, command: Mirror) -> Outcome {
    match command {
        Mirror::Label { name, disks, force, region } => {
            label::label(session, &name, &disks, force, region)
        }
        Mirror::Assemble { disks } => assemble::run(session, &disks),
        Mirror::Status { name, latency, json } => {
            let what = match (json, latency) {
                (true, _) => Shows::Json,
                (false, true) => Shows::Latency,
                (false, false) => Shows::State,
            };
            status::show(session, name.as_deref(), what)
        }
        Mirror::Start { name } => lifecycle::start(session, &name),
        Mirror::Stop { name } => lifecycle::stop(session, &name),
        Mirror::Remove { name, leg, force } => lifecycle::remove(session, &name, leg, force),
        Mirror::Rebuild { name, leg } => lifecycle::rebuild(session, &name, leg),
        Mirror::Policy { name, policy } => {
            lifecycle::tell(session, &name, &["read_policy", &policy])
        }
        Mirror::WriteMostly { name, leg, on } => {
            let switch = if on { "on" } else { "off" };
            lifecycle::tell(session, &name, &["write_mostly", &leg.to_string(), switch])
        }
        Mirror::Examine { disks } => lifecycle::examine(session, &disks),
        Mirror::Wait { name } => wait(session, &name),
        Mirror::Fail { name, leg } => fail(session.dm, &name, leg),
        Mirror::Add { name, leg, disk, force } => {
            exchange::add(session, &name, leg, disk.as_deref(), force)
        }
        Mirror::Replace { name, leg, disk, force } => {
            exchange::replace(session, &name, leg, &disk, force)
        }
        Mirror::Rate { name, rate } => lifecycle::tell(session, &name, &["sync_rate", &rate]),
        Mirror::Check { name, wait } => check::start(session, &name, "check", wait),
        Mirror::Repair { name, wait } => check::start(session, &name, "repair", wait),
        Mirror::Idle { name } => check::end(session.dm, &name),
        Mirror::StartDegraded { name } => start_by(session, &name, &["start_degraded"]),
        Mirror::Keep { name, leg } => start_by(session, &name, &["keep", &leg.to_string()]),
        Mirror::Forget { device, leg: Some(leg), .. } => exchange::forget(session, &device, leg),
        Mirror::Forget { device, leg: None, force } => label::forget(session, &device, force),
    }
}

/// A mirror in a mapped device's table.
pub struct Place {
    /// Its first sector.
    pub start: Sector,
    /// What the table says of it.
    pub table: Table,
    /// The table has no other line.
    pub alone: bool,
}

/// The mirrors in the active table of a device.
pub fn mirrors(device: &MappedDevice) -> Vec<Place> {
    let lines = device.lines(Slot::Active).unwrap_or_default();
    let mirror = |line: &Line| {
        let start = line.extent.start();
        let table = device.look_at(start, MirrorTarget::to_table)?;
        Some(Place { start, table, alone: lines.len() == 1 })
    };
    lines.iter().filter_map(mirror).collect()
}

/// The device `name` and the mirror in it; `message` is what it is to be told.
pub fn only_mirror(
    dm: &Dm,
    name: &str,
    message: &[&str],
) -> Result<(Arc<MappedDevice>, Place), Failure> {
    let device = dm.get(name)?;
    let mut mirrors = mirrors(&device);
    match (mirrors.pop(), mirrors.is_empty()) {
        (None, _) => Err(no_mirror(name)),
        (Some(mirror), true) => Ok((device, mirror)),
        (Some(_), false) => {
            let message = message.join(" ");
            Err(Failure::new(format!("`{name}` has several mirrors"))
                .and(&format!("`dmsetup message {name} SECTOR {message}` tells which")))
        }
    }
}

/// Whether a mirror serves its user; the worst comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    /// It does.
    Running,
    /// A member is missing that was in sync.
    Held,
    /// It cannot start from what was found.
    Refused,
    /// It reads its members.
    Starting,
}

/// What the mirrors of a device do; the worst of several.
pub fn life(device: &MappedDevice) -> Life {
    let life = |place: &Place| match device.look_at(place.start, MirrorTarget::view)?.health {
        Health::Starting => Some(Life::Starting),
        Health::Held => Some(Life::Held),
        Health::Refused => Some(Life::Refused),
        Health::Healthy | Health::Resyncing | Health::Rebuilding | Health::Degraded => None,
    };
    mirrors(device).iter().filter_map(life).max().unwrap_or(Life::Running)
}

/// The mirror at a place of a device, at a glance.
pub fn report(device: &MappedDevice, place: &Place) -> Option<Report> {
    device.look_at(place.start, MirrorTarget::report)
}

/// How the first mirror of a device does, in words.
pub fn health(device: &MappedDevice) -> String {
    let report = mirrors(device).first().and_then(|place| report(device, place));
    report.map(|report| in_words(&report.summary)).unwrap_or_default()
}

/// What a person may say for the first mirror of a device to start.
pub fn question(device: &MappedDevice) -> Option<Question> {
    report(device, mirrors(device).first()?)?.question
}

/// A mirror's summary for the console, which has commands of its own: what speaks of
/// messages is left out, as hints follow.
pub fn in_words(summary: &str) -> String {
    summary.replace(BY_START_DEGRADED, "").replace(BY_KEEP, "")
}

/// Makes a mirror's device of this length, and waits until it has read its members.
pub fn start(session: &mut Session<'_>, name: &str, length: Sectors, table: &Table) -> Outcome {
    let device = dmsetup::make(session, name, &table.line(length).to_string())?;
    await_start(session, &device)
}

/// Waits until the mirrors of a device have read their members. Their disks' watchdogs
/// bound that.
pub fn await_start(session: &mut Session<'_>, device: &MappedDevice) -> Outcome {
    session.wait_until(|| life(device) != Life::Starting)
}

fn fail(dm: &Dm, name: &str, leg: usize) -> Outcome {
    let message = ["fail", &leg.to_string()];
    let (device, mirror) = only_mirror(dm, name, &message)?;
    let answer = device.message(mirror.start, &message)?;
    kprintln!("{name}: {answer}; nothing is read from it or written to it any more");
    let removal = stack::removal(dm, name);
    if mirror.table.remembers() {
        kprintln!("to take it back: `mirror add {name} {leg}`");
    } else {
        kprintln!("to rebuild it: {removal}, then create it with `sync`, a good leg first");
    }
    Ok(())
}

/// Starts a mirror that did not by itself.
fn start_by(session: &mut Session<'_>, name: &str, message: &[&str]) -> Outcome {
    let (device, mirror) = only_mirror(session.dm, name, message)?;
    if let Err(why) = device.message(mirror.start, message) {
        assemble::advise(name, &device);
        return Err(why.into());
    }
    await_start(session, &device)?;
    if life(&device) != Life::Running {
        return Err(Failure::new(format!("`{name}`: {}", health(&device))));
    }
    assemble::explain(session.dm, name)
}

/// Waits until a mirror has nothing to copy.
fn wait(session: &mut Session<'_>, name: &str) -> Outcome {
    let (device, place) = only_mirror(session.dm, name, &["show"])?;
    await_start(session, &device)?;
    let left = || {
        let copying = report(&device, &place)?.copying?;
        Some(copying.all_sectors - copying.done_sectors)
    };
    let mut before = left().unwrap_or_default();
    session.job(before, |job| {
        loop {
            check_copies(name, &device)?;
            let Some(now) = left() else { return Ok(()) };
            if now < before {
                job.advance(before - now);
                before = now;
            }
            job.pause()?;
        }
    })?;
    kprintln!("{name}: {}", health(&device));
    Ok(())
}

/// Refuses a device in which nothing would be copied.
fn check_copies(name: &str, device: &MappedDevice) -> Outcome {
    let mode = device.info().mode;
    if mode != Mode::Running {
        let mode = devices::mode_name(mode);
        return Err(Failure::new(format!("`{name}` is {mode}: nothing is copied"))
            .and(&format!("`dmsetup resume {name}` lets it go on")));
    }
    match life(device) {
        Life::Starting | Life::Running => Ok(()),
        Life::Held | Life::Refused => Err(Failure::new(format!("`{name}`: {}", health(device)))),
    }
}

/// The refusal of a device that has no mirror.
pub fn no_mirror(name: &str) -> Failure {
    Failure::new(format!("`{name}` has no mirror in its table"))
        .and(&format!("`dmsetup table {name}` shows what it has"))
}
