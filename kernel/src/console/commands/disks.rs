//! `disks`: what there is to read and write.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bio::{SECTOR_SIZE, Sectors, WriteCache};
use dm::Slot;
use drivers::virtio::Failure;
use drivers::virtio::blk::{Counts, State, Status};
use shell::format::{Align, Amount, Table};

use super::{or_dash, print_lines};
use crate::console::session::Session;
use crate::console::{Outcome, devices, stack};
use crate::disks::{self, Disk, View};
use crate::kprintln;

/// Lists the disks, then the mapped devices.
pub fn list(session: &Session<'_>) -> Outcome {
    let disks = disks::all();
    if disks.is_empty() {
        kprintln!("there is no disk; `cargo xtask run --disk FILE` gives the machine one");
    } else {
        list_disks(session, &disks);
    }
    list_mapped(session)
}

fn list_disks(session: &Session<'_>, disks: &[&Disk]) {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("DISK", Left),
        ("SIZE", Right),
        ("BLOCK", Right),
        ("SERIAL", Left),
        ("CACHE", Left),
        ("IN FLIGHT", Right),
        ("ERRORS", Right),
        ("USED BY", Left),
        ("STATE", Left),
    ]);
    let all = || disks.iter().map(|disk| (disk.name(), disk.status()));
    for (name, status) in all() {
        table.row([
            name.into(),
            size(status.capacity),
            status.limits.block_size.to_string(),
            or_dash(status.serial.to_string()),
            cache(status.limits.write_cache).into(),
            (status.in_flight + status.waiting).to_string(),
            status.counts.errors.to_string(),
            or_dash(stack::users(session.dm, name).join(" ")),
            state(&status),
        ]);
    }
    print_lines(&table.to_string());
    let counted = |(name, status): (_, Status)| (name, status.counts);
    let barred =
        |it: &Status| matches!(it.state, State::Barred(failure) if failure != Failure::Gone);
    for (name, _) in all().filter(|(_, it)| barred(it)) {
        let inside = |slot: &View| slot.disks.split_whitespace().any(|disk| disk == name);
        if let Some(slot) = disks::view().into_iter().find(inside) {
            let number = slot.number;
            kprintln!(
                "{name}: once nothing is in flight, `slot reset {number}` makes it ready again"
            );
        }
    }
    for (name, Counts { late_kicks, repeated_kicks, unheard_interrupts, .. }) in all().map(counted)
    {
        if late_kicks + repeated_kicks + unheard_interrupts > 0 {
            kprintln!(
                "{name}: kicked late {late_kicks} times, and once more {repeated_kicks} times; \
                 answers were found without an interrupt {unheard_interrupts} times"
            );
        }
    }
    for (name, _) in all().filter(|(_, it)| it.limits.write_cache == WriteCache::Unknown) {
        kprintln!("{name} knows no FLUSH: nothing is promised about what it has cached");
    }
}

/// When a write is durable.
fn cache(cache: WriteCache) -> &'static str {
    match cache {
        WriteCache::Volatile => "volatile",
        WriteCache::WriteThrough => "write-through",
        WriteCache::Unknown => "unknown",
    }
}

fn state(status: &Status) -> String {
    match status.state {
        State::Ready if status.limits.read_only => "ready, read-only".into(),
        State::Ready => "ready".into(),
        State::Leaving => "leaves its slot".into(),
        State::Barred(failure) => format!("not used any more: it {failure}"),
    }
}

fn list_mapped(session: &Session<'_>) -> Outcome {
    use Align::{Left, Right};
    let devices = stack::mapped(session.dm);
    if devices.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([
        ("MAPPED", Left),
        ("SIZE", Right),
        ("BLOCK", Right),
        ("TARGETS", Left),
        ("OVER", Left),
        ("USED BY", Left),
        ("STATE", Left),
    ]);
    for device in devices {
        let (name, limits) = (device.name(), device.limits());
        let mapped = session.dm.get(&name)?;
        let lines = mapped.lines(Slot::Active).unwrap_or_default();
        let mut targets: Vec<&str> = lines.iter().map(|line| line.target).collect();
        targets.dedup();
        table.row([
            name.to_string(),
            size(device.capacity()),
            limits.block_size.to_string(),
            or_dash(targets.join(" ")),
            or_dash(mapped.deps(Slot::Active).unwrap_or_default().join(" ")),
            or_dash(stack::users(session.dm, &name).join(" ")),
            devices::mode_name(mapped.info().mode).into(),
        ]);
    }
    kprintln!();
    print_lines(&table.to_string());
    Ok(())
}

fn size(sectors: Sectors) -> String {
    Amount(sectors.0.saturating_mul(SECTOR_SIZE as u64)).to_string()
}
