//! What each command needs of the devices that it names. Checked before the command does
//! anything.
//!
//! Place: `commands::run` comes here first. Commands that find their devices themselves
//! (`mirror assemble`, `mirror start`, `dmsetup remove_all`) ask again for each.
//!
//! Rules:
//!
//! - Every command has its line in `needs`, so that a new command cannot forget it. The reason:
//!   a request to a suspended device waits for a `dmsetup resume`, which the waiting console
//!   could not give.
//! - What a person set stays set: a command that was not asked to resume a device, or to drop a
//!   loaded table, refuses to.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use dm::{Dm, Mode};
use shell::{Command, Dmsetup, Mirror};

use super::mirror;
use crate::console::{Failure, Outcome, devices, stack};

/// What is needed of a device that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It answers requests: neither it nor what it lies on is suspended.
    Answers,
    /// It can end: if it has requests to issue for that, the devices below it are not
    /// suspended.
    Ends,
    /// It can end, and a flush gets through.
    Flushes,
    /// It is not suspended; the devices below it may be.
    Awake,
    /// It runs, and its background work can end.
    Runs,
    /// As `Runs`; and an exchange of its table would lose no table that a person loaded.
    Exchange,
}

/// Refuses a command that would wait for a suspended device, or undo what a person set.
pub fn check(dm: &Dm, command: &Command) -> Outcome {
    needs(command).into_iter().try_for_each(|(name, need)| need.check(dm, name))
}

/// The devices that a command names, and what it needs of each.
fn needs(command: &Command) -> Vec<(&str, Need)> {
    match command {
        Command::Help { .. }
        | Command::Events { .. }
        | Command::Disks
        | Command::Slot(_)
        | Command::Trace(_)
        | Command::Threads
        | Command::Memory
        | Command::Interrupts
        | Command::Uptime
        | Command::Log { .. }
        | Command::Color { .. }
        | Command::Fuzz { .. }
        | Command::Panic
        | Command::Poweroff => Vec::new(),
        Command::Dmsetup(command) => needs_of_dmsetup(command),
        Command::Mirror(command) => needs_of_mirror(command),
        Command::Read { dev, .. }
        | Command::Write { dev, .. }
        | Command::Fill { dev, .. }
        | Command::Verify { dev, .. }
        | Command::Flush { dev }
        | Command::Discard { dev, .. }
        | Command::Torture { dev, .. }
        | Command::Bench { dev, .. } => vec![(dev, Need::Answers)],
        Command::Compare { left, right, .. } => {
            vec![(left, Need::Answers), (right, Need::Answers)]
        }
        Command::Copy { source, target, .. } => {
            vec![(source, Need::Answers), (target, Need::Answers)]
        }
    }
}

fn needs_of_dmsetup(command: &Dmsetup) -> Vec<(&str, Need)> {
    match command {
        // A command that makes, suspends, loads or resumes by name is the person's own word.
        Dmsetup::Create { .. }
        | Dmsetup::Load { .. }
        | Dmsetup::Clear { .. }
        | Dmsetup::RemoveAll
        | Dmsetup::Rename { .. }
        | Dmsetup::Table { .. }
        | Dmsetup::Status { .. }
        | Dmsetup::Info { .. }
        | Dmsetup::Deps { .. }
        | Dmsetup::List { .. }
        | Dmsetup::Wait { .. }
        | Dmsetup::Targets
        | Dmsetup::Resume { .. }
        | Dmsetup::Suspend { flush: true, .. }
        | Dmsetup::Message { .. } => Vec::new(),
        Dmsetup::Remove { name } | Dmsetup::Suspend { name, flush: false } => {
            vec![(name, Need::Ends)]
        }
        Dmsetup::WipeTable { name } => vec![(name, Need::Exchange)],
    }
}

fn needs_of_mirror(command: &Mirror) -> Vec<(&str, Need)> {
    match command {
        Mirror::Status { .. }
        | Mirror::Policy { .. }
        | Mirror::WriteMostly { .. }
        | Mirror::Rate { .. }
        | Mirror::Idle { .. }
        // They find their devices themselves.
        | Mirror::Start { .. } => Vec::new(),
        Mirror::Label { disks, .. } | Mirror::Assemble { disks } | Mirror::Examine { disks } => {
            disks.iter().map(|disk| (disk.as_str(), Need::Answers)).collect()
        }
        Mirror::Forget { device, leg: None, .. } => vec![(device, Need::Answers)],
        Mirror::Stop { name } => vec![(name, Need::Flushes)],
        // A person may fail a leg because it does not answer.
        Mirror::Fail { name, .. } => vec![(name, Need::Awake)],
        Mirror::Rebuild { name, .. }
        | Mirror::Wait { name }
        | Mirror::Add { name, disk: None, .. }
        | Mirror::Check { name, .. }
        | Mirror::Repair { name, .. }
        | Mirror::StartDegraded { name }
        | Mirror::Keep { name, .. } => vec![(name, Need::Runs)],
        Mirror::Add { name, disk: Some(disk), .. } | Mirror::Replace { name, disk, .. } => {
            vec![(name, Need::Exchange), (disk, Need::Answers)]
        }
        Mirror::Remove { name, .. } | Mirror::Forget { device: name, leg: Some(_), .. } => {
            vec![(name, Need::Exchange)]
        }
    }
}

impl Need {
    /// Refuses a device that exists and is not as needed.
    pub fn check(self, dm: &Dm, name: &str) -> Outcome {
        match self {
            Need::Answers => devices::check_awake(dm, name),
            Need::Ends if has_nothing_to_do(dm, name) => Ok(()),
            Need::Ends | Need::Flushes => check_below(dm, name),
            Need::Awake => check_running(dm, name),
            Need::Runs => check_running(dm, name).and_then(|()| check_below(dm, name)),
            Need::Exchange => {
                check_running(dm, name)?;
                check_below(dm, name)?;
                check_no_loaded_table(dm, name)
            }
        }
    }
}

/// Whether a device can end without a request to the devices below it. A mirror that runs has
/// records to write, and may be copying.
fn has_nothing_to_do(dm: &Dm, name: &str) -> bool {
    let Ok(device) = dm.get(name) else { return true };
    let info = device.info();
    info.mode != Mode::Running || (info.in_flight == 0 && mirror::mirrors(&device).is_empty())
}

fn check_running(dm: &Dm, name: &str) -> Outcome {
    let Ok(device) = dm.get(name) else { return Ok(()) };
    let info = device.info();
    if info.mode == Mode::Running || !info.active {
        return Ok(());
    }
    let mode = devices::mode_name(info.mode);
    let mut failure = Failure::new(format!("`{name}` is {mode}: `dmsetup resume {name}` first"));
    if info.inactive {
        failure = failure.and(&format!(
            "that makes the loaded table the active one; `dmsetup clear {name}` drops it before"
        ));
    }
    Err(failure)
}

fn check_below(dm: &Dm, name: &str) -> Outcome {
    stack::asleep_below(dm, name).map_or(Ok(()), |asleep| Err(devices::asleep(&asleep)))
}

fn check_no_loaded_table(dm: &Dm, name: &str) -> Outcome {
    let Ok(device) = dm.get(name) else { return Ok(()) };
    if !device.info().inactive {
        return Ok(());
    }
    Err(Failure::new(format!("`{name}` has a loaded table, which this would drop"))
        .and(&format!("`dmsetup resume {name}` makes it the active one"))
        .and(&format!("`dmsetup clear {name}` drops it")))
}
