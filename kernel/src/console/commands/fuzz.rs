//! `fuzz`: runs lines made by chance.
//!
//! Place: a hidden command for `cargo xtask test --suite fuzz`, which compares the disks
//! before and after.
//!
//! Rules:
//!
//! - Only the named disk, and devices made on it meanwhile, may be changed. A line that changes
//!   something and names any other device is not run; nor is a line that ends the machine, or
//!   that changes devices without naming them.
//! - A line that lasts is ended as by Ctrl-C.
//! - Each refusal must be text that a person can read.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use shell::fuzz::Lines;
use shell::token::tokenize;
use shell::{Command, Dmsetup, Mirror, Slot, parse};

use crate::console::session::Session;
use crate::console::{Failure, Outcome, devices, stack};
use crate::kprintln;

/// How long a line may take before Ctrl-C is pressed.
const PATIENCE: Duration = Duration::from_millis(20);

/// Names that no device has at the start.
const MADE_UP: [&str; 3] = ["x1", "x2", "nothing"];

/// Runs `count` lines made from a seed. They may change `disk`.
pub fn run(session: &mut Session<'_>, disk: &str, count: u64, seed: u64) -> Outcome {
    drop(devices::open_for_writing(session.dm, disk)?);
    let names: Vec<String> =
        session.dm.list().iter().map(|listed| listed.device.name().to_string()).collect();
    let others: Vec<&str> = names.iter().map(|name| &**name).filter(|it| *it != disk).collect();
    let spoken: Vec<&str> =
        others.iter().copied().chain(MADE_UP).chain(core::iter::repeat_n(disk, 4)).collect();
    let mut lines = Lines::new(seed, &spoken);
    let (mut done, mut refused, mut left_out) = (0_u64, 0_u64, 0_u64);
    for number in 0..count {
        let line = lines.line();
        kprintln!("fuzz {number}: {}", line.escape_debug());
        if matches!(parse(&line), Ok(Some(command)) if !may_run(&command, &line, &others)) {
            left_out += 1;
            continue;
        }
        session.interrupt_after(Some(PATIENCE));
        let outcome = session.execute(&line);
        session.interrupt_after(None);
        match outcome {
            Ok(()) => done += 1,
            Err(failure) => {
                refused += 1;
                let text = failure.to_string();
                check_readable(number, &text)?;
                text.lines().for_each(|line| kprintln!("  refused: {line}"));
            }
        }
        session.go_on()?;
    }
    remove_made(session, &names);
    kprintln!("fuzz: {count} lines: {done} done, {refused} refused, {left_out} not run");
    Ok(())
}

/// Whether a command changes nothing, or nothing of `others`.
fn may_run(command: &Command, line: &str, others: &[&str]) -> bool {
    match command {
        Command::Poweroff | Command::Panic | Command::Fuzz { .. } | Command::Log { .. } => false,
        Command::Slot(slot) => *slot == Slot::List,
        Command::Help { .. }
        | Command::Events { .. }
        | Command::Disks
        | Command::Read { .. }
        | Command::Verify { .. }
        | Command::Compare { .. }
        | Command::Trace(_)
        | Command::Threads
        | Command::Memory
        | Command::Interrupts
        | Command::Uptime
        | Command::Color { .. } => true,
        Command::Dmsetup(
            Dmsetup::List { .. }
            | Dmsetup::Targets
            | Dmsetup::Deps { .. }
            | Dmsetup::Wait { .. }
            | Dmsetup::Info { .. }
            | Dmsetup::Table { .. }
            | Dmsetup::Status { .. },
        ) => true,
        Command::Mirror(Mirror::Status { .. } | Mirror::Examine { .. } | Mirror::Wait { .. }) => {
            true
        }
        _ => {
            let tokens = tokenize(line).unwrap_or_default();
            let words = || tokens.iter().flat_map(|token| token.text.split_whitespace());
            let named = words().filter(|word| !word.starts_with('-'));
            let names_some = named.count() > line_head(command);
            names_some && !words().any(|word| others.contains(&word))
        }
    }
}

/// How many words a command's own name has.
fn line_head(command: &Command) -> usize {
    if matches!(command, Command::Dmsetup(_) | Command::Mirror(_)) { 2 } else { 1 }
}

/// A refusal must say something, and hold no terminal commands.
fn check_readable(number: u64, text: &str) -> Outcome {
    let readable = text.chars().all(|c| c == '\n' || !c.is_control());
    if readable && !text.trim().is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("line {number} was refused in words that are none: {text:?}")))
}

/// Removes the devices that were not there before, from the top down.
fn remove_made(session: &mut Session<'_>, before: &[String]) {
    loop {
        let mapped = stack::mapped(session.dm);
        let made = mapped.iter().map(|device| device.name());
        let mut free = made
            .filter(|name| !before.iter().any(|it| **it == **name))
            .filter(|name| stack::users(session.dm, name).is_empty());
        let Some(name) = free.next() else { return };
        drop(free);
        drop(mapped);
        let dm = session.dm;
        if let Err(failure) = session.settle(|done| dm.remove(&name, done)) {
            return kprintln!("fuzz: `{name}` stays: {failure}");
        }
    }
}
