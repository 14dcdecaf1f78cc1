//! The `mirror` commands: what the mirror target says and does by messages.
//!
//! Place: `label` and `assemble` make mirrors, and start them here.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Sector, Sectors};
use dm::{Dm, MappedDevice, Mode, Slot};
use dm_mirror::MirrorTarget;
use dm_mirror::assemble::{BY_KEEP, BY_START_DEGRADED};
use dm_mirror::report::{Question, Report};
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
    /// Its line of the table.
    pub line: String,
    /// The table has no other line.
    pub alone: bool,
}

impl Place {
    /// Whether it has records on its members.
    pub fn remembers(&self) -> bool {
        self.line.split(' ').nth(3) == Some("internal")
    }
}

/// The mirrors in the active table of a device.
pub fn mirrors(device: &MappedDevice) -> Vec<Place> {
    let table = device.table(Slot::Active).unwrap_or_default();
    let alone = table.lines().count() == 1;
    let mirror = |line: &str| {
        let mut words = line.split(' ');
        let start = words.next()?.parse().ok().map(Sector)?;
        (words.nth(1)? == "mirror").then(|| Place { start, line: line.into(), alone })
    };
    table.lines().filter_map(mirror).collect()
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

/// Whether a mirror serves its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It reads its members.
    Starting,
    /// It does.
    Running,
    /// A member is missing that was in sync.
    Held,
    /// It cannot start from what was found.
    Refused,
}

/// What the mirrors of a device do; the worst of several.
pub fn life(device: &MappedDevice) -> Life {
    let status = device.status().unwrap_or_default();
    let ends = |word: &str| status.lines().any(|line| line.ends_with(word));
    match () {
        () if ends(" starting") => Life::Starting,
        () if ends(" refused") => Life::Refused,
        () if ends(" held") => Life::Held,
        () => Life::Running,
    }
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

/// Makes a mirror's device and waits until it has read its members.
pub fn start(session: &mut Session<'_>, name: &str, table: &str) -> Outcome {
    let device = dmsetup::make(session, name, table)?;
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
    if mirror.remembers() {
        kprintln!("to take it back: `mirror add {name} {leg}`");
    } else {
        kprintln!("to rebuild it: {removal}, then create it with `sync`, a good leg first");
    }
    Ok(())
}

/// Starts a mirror that did not by itself.
fn start_by(session: &mut Session<'_>, name: &str, message: &[&str]) -> Outcome {
    let (device, mirror) = only_mirror(session.dm, name, message)?;
    device.message(mirror.start, message)?;
    await_start(session, &device)?;
    if life(&device) != Life::Running {
        return Err(Failure::new(format!("`{name}`: {}", health(&device))));
    }
    assemble::explain(session.dm, name)
}

/// How far a mirror is with what it has to copy.
pub struct Progress {
    done: u64,
    all: u64,
    /// One for each leg: alive, being synchronised, or dead.
    pub letters: String,
}

impl Progress {
    /// What is done, if all is `total`.
    fn part_of(&self, total: Sectors) -> Sectors {
        let done = u128::from(total.0) * u128::from(self.done) / u128::from(self.all.max(1));
        Sectors(u64::try_from(done).unwrap_or(total.0)).min(total)
    }

    /// Nothing is left to copy.
    fn is_over(&self) -> bool {
        self.done == self.all && !self.letters.contains('S')
    }
}

/// Of the first mirror in a device: `.. mirror <#legs> <leg>... <done>/<all> 1 <letters> ..`.
pub fn progress(device: &MappedDevice) -> Option<Progress> {
    let status = device.status().ok()?;
    let mut lines = status.lines().map(|line| line.split(' ').collect::<Vec<&str>>());
    let words = lines.find(|words| words.get(2) == Some(&"mirror"))?;
    let legs: usize = words.get(3)?.parse().ok()?;
    let (done, all) = words.get(4 + legs)?.split_once('/')?;
    let letters = (*words.get(6 + legs)?).into();
    Some(Progress { done: done.parse().ok()?, all: all.parse().ok()?, letters })
}

/// Waits until a mirror has nothing to copy.
fn wait(session: &mut Session<'_>, name: &str) -> Outcome {
    let (device, _) = only_mirror(session.dm, name, &["show"])?;
    await_start(session, &device)?;
    let total = bio::BlockDevice::capacity(&*device);
    let mut told = progress(&device).map_or(total, |it| it.part_of(total));
    session.job(total - told, |job| {
        loop {
            check_copies(name, &device)?;
            let Some(progress) = progress(&device) else { return Ok(()) };
            let now = progress.part_of(total);
            if now > told {
                job.advance(now - told);
                told = now;
            }
            if progress.is_over() {
                return Ok(());
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
