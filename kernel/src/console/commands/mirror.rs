//! `mirror status`, `mirror fail`: what the mirror target says by messages.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::Sector;
use dm::{Dm, MappedDevice, Slot};
use shell::Mirror;

use super::print_lines;
use crate::console::session::Session;
use crate::console::{Failure, Outcome, stack};
use crate::kprintln;

/// Does what a `mirror` command says.
pub fn run(session: &mut Session<'_>, command: Mirror) -> Outcome {
    match command {
        Mirror::Status { name: Some(name) } => report_one(session.dm, &name),
        Mirror::Status { name: None } => report(session.dm),
        Mirror::Fail { name, leg } => fail(session.dm, &name, leg),
    }
}

/// A mirror in a mapped device's table.
struct Place {
    /// Its first sector.
    start: Sector,
    /// Its line of the table.
    line: String,
}

/// The mirrors in the active table of a device.
fn mirrors(device: &Arc<MappedDevice>) -> Vec<Place> {
    let table = device.table(Slot::Active).unwrap_or_default();
    let mirror = |line: &str| {
        let mut words = line.split(' ');
        let start = words.next()?.parse().ok().map(Sector)?;
        (words.nth(1)? == "mirror").then(|| Place { start, line: line.into() })
    };
    table.lines().filter_map(mirror).collect()
}

/// Explains all mirrors.
pub fn report(dm: &Dm) -> Outcome {
    let names: Vec<Arc<str>> = stack::mapped(dm).iter().map(|device| device.name()).collect();
    let with_mirror = |name: &Arc<str>| dm.get(name).is_ok_and(|it| !mirrors(&it).is_empty());
    let names: Vec<_> = names.into_iter().filter(with_mirror).collect();
    if names.is_empty() {
        kprintln!("there is no mirror; `help dmsetup create` shows how to make one");
    }
    names.iter().try_for_each(|name| report_one(dm, name))
}

fn report_one(dm: &Dm, name: &str) -> Outcome {
    let device = dm.get(name)?;
    let mirrors = mirrors(&device);
    if mirrors.is_empty() {
        return Err(no_mirror(name));
    }
    for mirror in mirrors {
        kprintln!("{name}: {}", mirror.line);
        print_lines(&device.message(mirror.start, &["show"])?);
    }
    Ok(())
}

fn fail(dm: &Dm, name: &str, leg: usize) -> Outcome {
    let device = dm.get(name)?;
    let mirrors = mirrors(&device);
    let mirror = match &mirrors[..] {
        [] => return Err(no_mirror(name)),
        [mirror] => mirror,
        _ => {
            return Err(Failure::new(format!("`{name}` has several mirrors"))
                .and(&format!("`dmsetup message {name} SECTOR fail {leg}` tells which")));
        }
    };
    let answer = device.message(mirror.start, &["fail", &format!("{leg}")])?;
    kprintln!("{name}: {answer}; nothing is read from it or written to it any more");
    kprintln!(
        "to rebuild it: `dmsetup remove {name}`, then create it with `sync`, a good leg first"
    );
    Ok(())
}

fn no_mirror(name: &str) -> Failure {
    Failure::new(format!("`{name}` has no mirror in its table"))
        .and(&format!("`dmsetup table {name}` shows what it has"))
}
