//! What a session begins with: the mirror that the command line asks for, what there is,
//! and what to try.
//!
//! Rule: a mirror that keeps its state in memory only starts by copying its first leg to
//! the others, so it is not made by itself of disks that may hold two different things.

use alloc::format;

use bio::{Buf, Extent, Sector, Sectors};
use bytes::BytesMut;
use dm::{DeviceRef, Dm, Listed};

use super::commands;
use super::session::Session;
use super::stream::io_failure;
use super::{Failure, Outcome, plural};
use crate::kprintln;

/// The name of the mirror that is made by itself.
const MIRROR: &str = "m0";

/// How much of two disks is looked at before one is copied to the other: 1 MiB holds the
/// partition table and the superblock of whatever may be there.
const LOOKED_AT: Sectors = Sectors(2048);

/// Makes the mirror, if one is wanted: `Some(true)` with a copy of the first disk to the
/// second, `Some(false)` without. Then says what there is.
pub fn welcome(session: &mut Session<'_>, mirror: Option<bool>) {
    let disks = session.dm.list().iter().filter(|listed| !listed.mapped).count();
    kprintln!("{}; `disks` lists them", plural(disks as u64, "disk"));
    if let Some(sync) = mirror {
        match make_mirror(session, sync) {
            Ok(()) => {}
            // Not a command that failed, so a script's verdict does not depend on it.
            Err(failure) => kprintln!("no mirror was made: {failure}"),
        }
    }
    kprintln!("`help` lists the commands; Tab completes");
}

/// Makes a mirror of the first two disks that can be one, shows it, and suggests commands.
fn make_mirror(session: &mut Session<'_>, sync: bool) -> Outcome {
    let [a, b] = pair(session.dm)?;
    if sync {
        check_copy(session, &a, &b)?;
    }
    let (word, length) = (if sync { "sync" } else { "nosync" }, a.capacity());
    let table = format!("0 {length} mirror core 2 1024 {word} 2 {} 0 {} 0", a.name(), b.name());
    drop([a, b]);
    commands::create(session, MIRROR, &table)?;
    commands::report_mirrors(session.dm)?;
    kprintln!("try:  fill {MIRROR} 0 16M random=7");
    kprintln!("      mirror fail {MIRROR} 1");
    kprintln!("      verify {MIRROR} 0 16M random=7");
    Ok(())
}

/// The first two disks that are writable and of equal size.
fn pair(dm: &Dm) -> Result<[DeviceRef; 2], Failure> {
    let usable = |listed: &Listed| !listed.mapped && !listed.device.limits().read_only;
    let disks = dm.list().into_iter().filter(usable).map(|listed| listed.device);
    let disks: alloc::vec::Vec<DeviceRef> = disks.collect();
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
fn check_copy(session: &mut Session<'_>, a: &DeviceRef, b: &DeviceRef) -> Result<(), Failure> {
    let [on_a, on_b] = [head(session, a)?, head(session, b)?];
    if on_a == on_b || on_b.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    let (a, b, length) = (a.name(), b.name(), a.capacity());
    Err(Failure::new(format!("`{b}` holds data, and other data than `{a}`"))
        .and(&format!("to keep `{a}`'s:  {}", create_line(length, &a, &b)))
        .and(&format!("to keep `{b}`'s:  {}", create_line(length, &b, &a))))
}

fn create_line(length: Sectors, source: &str, target: &str) -> alloc::string::String {
    format!(
        "dmsetup create {MIRROR} --table \"0 {length} mirror core 2 1024 sync 2 {source} 0 {target} 0\""
    )
}

/// What the beginning of a disk holds.
fn head(session: &mut Session<'_>, disk: &DeviceRef) -> Result<BytesMut, Failure> {
    let extent = Extent::new(Sector(0), LOOKED_AT.min(disk.capacity()));
    let mut held = None;
    session.job(Sectors::ZERO, |job| {
        let buf = Buf::read(extent, job.memory(extent.count()));
        let ticket = job.issue(disk, buf);
        let (buf, result) = job.wait(ticket)?;
        result.map_err(|error| io_failure(disk, buf.cmd(), extent, error))?;
        held = buf.into_read();
        Ok(())
    })?;
    Ok(held.expect("a read that succeeded has its memory"))
}
