//! `mirror start`, `stop`, `remove`, `rebuild`, `examine`: steps of a mirror's life that
//! consist of smaller steps.
//!
//! Rule: the step that can be refused comes first, so that a refusal changes nothing.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm::{DeviceRef, Devices, MappedDevice, Mode, Suspend};
use dm_mirror::format::{Bad, Superblock};
use dm_mirror::report::{Report, Standing};

use super::mirror::{self, Life, Place, life, only_mirror};
use super::{assemble, exchange};
use crate::console::session::Session;
use crate::console::{Failure, Outcome, devices, members, plural, stack};
use crate::kprintln;

/// Starts the mirror of this name from its member disks.
pub fn start(session: &mut Session<'_>, name: &str) -> Outcome {
    if let Ok(device) = session.dm.get(name) {
        if mirror::mirrors(&device).is_empty() {
            return Err(Failure::new(format!("`{name}` is another device's name"))
                .and("`mirror assemble` starts the mirror under a name like it"));
        }
        let what = format!("`{name}` is there: {}", mirror::health(&device));
        let next = match life(&device) {
            Life::Held => {
                format!("to start it without what is missing: `mirror start-degraded {name}`")
            }
            Life::Refused => format!("`mirror status {name}` says why; `mirror stop {name}` first"),
            Life::Starting | Life::Running => format!("`mirror status {name}` shows it"),
        };
        return Err(Failure::new(what).and(&next));
    }
    let disks = assemble::candidates(session.dm, None)?;
    let slots = members::read_slots(session, &disks)?;
    let found = disks.iter().zip(slots).filter_map(|(disk, slots)| {
        let superblock = members::superblock(&slots.ok()?).ok()?;
        Some((disk.name().to_string(), superblock.name))
    });
    let found: Vec<(String, String)> = found.collect();
    let named = found.iter().filter(|(_, of)| of == name);
    let named: Vec<String> = named.map(|(disk, _)| disk.clone()).collect();
    drop(disks);
    if !named.is_empty() {
        return assemble::run(session, &named);
    }
    let mut others: Vec<&str> = found.iter().map(|(_, of)| &**of).collect();
    others.sort_unstable();
    others.dedup();
    let failure = Failure::new(format!("no disk is a member of a mirror `{name}`"));
    Err(match &others[..] {
        [] => failure.and("`help mirror label` shows how to make one"),
        others => failure.and(&format!("there are members of: {}", others.join(", "))),
    })
}

/// Stops a mirror: its members record a clean stop, and its device is gone.
pub fn stop(session: &mut Session<'_>, name: &str) -> Outcome {
    let device = session.dm.get(name)?;
    if mirror::mirrors(&device).is_empty() {
        return Err(mirror::no_mirror(name));
    }
    if let [user, ..] = &stack::users(session.dm, name)[..] {
        return Err(Failure::new(format!("`{name}` is part of `{user}`"))
            .and(&format!("first: {}", stack::removal(session.dm, user))));
    }
    let runs = life(&device) == Life::Running;
    let again = again(session, &device)?;
    let how = if runs { Suspend::Flush } else { Suspend::NoFlush };
    session.settle(|done| device.suspend(how, done)).map_err(|failure| {
        if device.info().mode != Mode::Suspended {
            return failure;
        }
        failure.and(&format!("it is suspended now; to go on: `dmsetup resume {name}`")).and(
            &format!("to end it all the same, losing what is not durable: `dmsetup remove {name}`"),
        )
    })?;
    drop(device);
    let dm = session.dm;
    session.settle(|done| dm.remove(name, done))?;
    kprintln!("{name}: stopped{again}");
    Ok(())
}

/// The command that starts a stopped mirror again, if there is one. Its members know it by its
/// first name.
fn again(session: &mut Session<'_>, device: &MappedDevice) -> Result<String, Failure> {
    let mirrors = mirror::mirrors(device);
    let [place] = &mirrors[..] else { return Ok(String::new()) };
    if !place.alone {
        return Ok(String::new());
    }
    if !place.table.remembers() {
        return Ok("; it kept no records, so whoever creates it again says by `sync` or \
                   `nosync` whether its legs are the same"
            .into());
    }
    let by_members = "; `mirror assemble` looks for its members again";
    if life(device) != Life::Running {
        return Ok(by_members.into());
    }
    // Legs that are out may not answer.
    let legs = mirror::report(device, place).map(|report| report.legs).unwrap_or_default();
    let serves = legs.iter().filter(|leg| leg.standing == Standing::InSync);
    let legs: Vec<DeviceRef> = serves.filter_map(|leg| session.dm.open(&leg.device)).collect();
    let slots = members::read_slots(session, &legs)?;
    let superblock = slots.iter().flatten().find_map(|slots| members::superblock(slots).ok());
    let Some(label) = superblock.map(|it| it.name) else { return Ok(String::new()) };
    let is_word = dm::check_name(&label).is_ok();
    Ok(if is_word {
        format!("; `mirror start {label}` starts it again")
    } else {
        by_members.into()
    })
}

/// Takes a leg out for good.
pub fn remove(session: &mut Session<'_>, name: &str, leg: usize, force: bool) -> Outcome {
    let leg_word = leg.to_string();
    let (device, place) = only_mirror(session.dm, name, &["forget", &leg_word])?;
    exchange::check_remembers(name, &place)?;
    let report = report(&device, &place, name)?;
    exchange::check_not_replaced(name, &report, leg)?;
    let in_sync = |at: &usize| report.legs[*at].standing == Standing::InSync;
    let left = (0..report.legs.len()).filter(|at| *at != leg && in_sync(at)).count();
    let serves = report.legs.get(leg).is_some_and(|it| it.standing == Standing::InSync);
    if serves && left == 1 && !force {
        return Err(Failure::new(format!(
            "without leg {leg} the data of `{name}` are on one disk"
        ))
        .and(&format!("to exchange its disk: `mirror replace {name} {leg} DISK`"))
        .and(&format!("to do it all the same: `mirror remove {name} {leg} --force`")));
    }
    exchange::check_alone(name, &place)?;
    take_out(&device, &place, &report, leg)?;
    exchange::forget(session, name, leg)
}

/// Copies everything to a leg: it leaves the mirror and comes back as a new member.
pub fn rebuild(session: &mut Session<'_>, name: &str, leg: usize) -> Outcome {
    let leg_word = leg.to_string();
    let (device, place) = only_mirror(session.dm, name, &["add", &leg_word, "force"])?;
    exchange::check_remembers(name, &place)?;
    let report = report(&device, &place, name)?;
    if report.legs.get(leg).is_some_and(|it| &*it.device == "-") {
        return Err(Failure::new(format!("leg {leg} of `{name}` has no disk"))
            .and(&format!("`mirror add {name} {leg} DISK` gives it one")));
    }
    take_out(&device, &place, &report, leg)?;
    if report.legs.get(leg).is_some_and(|it| it.standing != Standing::NoMember) {
        device.message(place.start, &["forget", &leg_word])?;
    }
    exchange::tell(session, name, &device, &place, &["add", &leg_word, "force"])?;
    kprintln!("{name}: all is copied to leg {leg}; `mirror wait {name}` waits for the end");
    Ok(())
}

/// Fails a leg that is not out. The mirror refuses to lose its last one.
fn take_out(device: &MappedDevice, place: &Place, report: &Report, leg: usize) -> Outcome {
    let standing = report.legs.get(leg).map(|it| it.standing);
    if !matches!(standing, Some(Standing::Out | Standing::NoMember)) {
        device.message(place.start, &["fail", &leg.to_string()])?;
    }
    Ok(())
}

fn report(device: &MappedDevice, place: &Place, name: &str) -> Result<Report, Failure> {
    mirror::report(device, place).ok_or_else(|| mirror::no_mirror(name))
}

/// Tells a mirror something that it answers in a line.
pub fn tell(session: &Session<'_>, name: &str, message: &[&str]) -> Outcome {
    let (device, place) = only_mirror(session.dm, name, message)?;
    let answer = device.message(place.start, message)?;
    kprintln!("{name}: {answer}");
    Ok(())
}

/// Says which mirrors disks are members of, by their own records.
pub fn examine(session: &mut Session<'_>, disks: &[String]) -> Outcome {
    let named = devices::open_each(session.dm, disks)?;
    let devices = if disks.is_empty() { members::disks(session.dm) } else { named };
    let slots = members::read_slots(session, &devices)?;
    for (device, slots) in devices.iter().zip(slots) {
        let disk = device.name();
        match slots.map(|slots| members::superblock(&slots)) {
            Ok(Ok(superblock)) => explain(&disk, &superblock),
            Ok(Err(Bad::Blank | Bad::Magic)) => kprintln!("{disk}: a member of no mirror"),
            Ok(Err(bad)) => kprintln!("{disk}: its superblocks are bad: {bad}"),
            Err(kind) => kprintln!("{disk}: no superblock can be read: {kind}"),
        }
    }
    Ok(())
}

fn explain(disk: &str, superblock: &Superblock) {
    let Superblock { session, clean, members, generation, .. } = superblock;
    let stopped = if *clean { "stopped cleanly" } else { "not stopped cleanly" };
    let members = plural(members.iter().flatten().count() as u64, "member");
    let (generation, ..) = generation.as_fields();
    kprintln!("{disk}: {}", members::describe(superblock));
    kprintln!("  of {members}; session {session}, {stopped}; generation {generation:08x}");
}
