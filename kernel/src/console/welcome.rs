//! What a session begins with: the mirror that the command line asks for, what there is,
//! and what to try.
//!
//! Rule: a mirror that keeps its state in memory only starts by copying its first leg to
//! the others, so it is not made by itself of disks that may hold two different things.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bio::{Extent, Sector, Sectors};
use dm::{DeviceRef, Dm, Listed};

use super::commands;
use super::session::Session;
use super::stream::Reader;
use super::{Failure, Outcome, plural};
use crate::kprintln;

/// The name of the mirror that is made by itself.
const MIRROR: &str = "m0";

/// How much of two disks is looked at before one is copied to the other: 1 MiB holds the
/// partition table and the superblock of whatever may be there.
const LOOKED_AT: Sectors = Sectors(2048);

/// What a mirror that is made by itself does with its legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legs {
    /// It copies the first to the second.
    Copy,
    /// It takes them to be the same.
    Trust,
}

/// Makes a mirror, if one is wanted. Then says what there is.
pub fn welcome(session: &mut Session<'_>, mirror: Option<Legs>) {
    let disks = session.dm.list().iter().filter(|listed| !listed.mapped).count();
    kprintln!("{}; `disks` lists them", plural(disks as u64, "disk"));
    if let Some(legs) = mirror
        && let Err(failure) = make_mirror(session, legs)
    {
        // Not a command that failed: a script's verdict does not depend on it.
        kprintln!("no mirror was made: {failure}");
    }
    kprintln!("`help` lists the commands; Tab completes");
}

/// Makes a mirror of the first two disks that can be one, shows it, and suggests commands.
fn make_mirror(session: &mut Session<'_>, legs: Legs) -> Outcome {
    let [a, b] = pair(session.dm)?;
    if legs == Legs::Copy {
        check_copy(session, &a, &b)?;
    }
    let table = table(a.capacity(), legs, &a.name(), &b.name());
    drop([a, b]);
    commands::create(session, MIRROR, &table)?;
    commands::report_mirrors(session.dm)?;
    kprintln!("try:  fill {MIRROR} 0 16M random=7");
    kprintln!("      mirror fail {MIRROR} 1");
    kprintln!("      verify {MIRROR} 0 16M random=7");
    Ok(())
}

fn table(length: Sectors, legs: Legs, first: &str, second: &str) -> String {
    let sync = match legs {
        Legs::Copy => "sync",
        Legs::Trust => "nosync",
    };
    format!("0 {length} mirror core 2 1024 {sync} 2 {first} 0 {second} 0")
}

/// The first two disks that are writable and of equal size.
fn pair(dm: &Dm) -> Result<[DeviceRef; 2], Failure> {
    let usable = |listed: &Listed| !listed.mapped && !listed.device.limits().read_only;
    let disks = dm.list().into_iter().filter(usable).map(|listed| listed.device);
    let disks: Vec<DeviceRef> = disks.collect();
    let pairs = disks
        .iter()
        .enumerate()
        .flat_map(|(index, a)| disks[index + 1..].iter().map(move |b| [a, b]));
    let mut equal = pairs.filter(|[a, b]| a.capacity() == b.capacity());
    equal.next().map(|pair| pair.map(DeviceRef::clone)).ok_or_else(|| {
        Failure::new("it takes two writable disks of equal size".into())
            .and("`help dmsetup create` shows how to make one of parts")
    })
}

/// Refuses to copy `a` over `b` where `b` has something else.
fn check_copy(session: &mut Session<'_>, a: &DeviceRef, b: &DeviceRef) -> Outcome {
    let extent = Extent::new(Sector(0), LOOKED_AT.min(a.capacity()));
    let mut loses = false;
    session.job(Sectors::ZERO, |job| {
        let [mut on_a, mut on_b] = [a, b].map(|disk| Reader::new(disk, extent));
        while let (Some((_, a)), Some((_, b))) = (on_a.next(job)?, on_b.next(job)?) {
            loses |= a != b && b.iter().any(|&byte| byte != 0);
        }
        Ok(())
    })?;
    if !loses {
        return Ok(());
    }
    let (length, a, b) = (a.capacity(), a.name(), b.name());
    let keep = |first: &str, second: &str| {
        let table = table(length, Legs::Copy, first, second);
        format!("to keep what `{first}` holds: dmsetup create {MIRROR} --table \"{table}\"")
    };
    Err(Failure::new(format!("`{b}` holds data, and other data than `{a}`"))
        .and(&keep(&a, &b))
        .and(&keep(&b, &a)))
}
