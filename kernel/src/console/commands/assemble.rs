//! `mirror assemble`, and the same at boot: mirrors from the members that are there.
//!
//! Rules:
//!
//! - Whom to believe, and whether to start, the mirror decides itself; here is only found
//!   out which disks it is made of.
//! - A mirror that runs is not lost to a disk that comes back: if it does not start with
//!   it, it goes on without.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use dm::{DeviceRef, Devices, Dm, MappedDevice, Slot, Suspend};
use dm_mirror::format::Bad;

use super::{dmsetup, mirror};
use crate::console::members::{self, Member, Set};
use crate::console::session::Session;
use crate::console::{Failure, Outcome, devices, stack};
use crate::kprintln;

/// What came of an assembly.
#[derive(Default)]
pub struct Assembled {
    /// The mapped devices that were made, or that a member was given back to.
    pub mirrors: Vec<String>,
    /// Some device holds something of a mirror.
    pub labelled: bool,
    /// Why mirrors could not be assembled.
    pub failures: Vec<Failure>,
}

/// Assembles what is there and not in use; of `disks` only, if it names some.
pub fn run(session: &mut Session<'_>, disks: &[String]) -> Outcome {
    let named: Result<Vec<DeviceRef>, Failure> =
        disks.iter().map(|disk| devices::open(session.dm, disk)).collect();
    let named = named?;
    let mut found = assemble(session, if disks.is_empty() { None } else { Some(named) })?;
    let last = found.failures.pop();
    found.failures.iter().for_each(|failure| session.report(failure));
    match last {
        Some(last) => Err(last),
        None if !found.labelled => {
            kprintln!("no disk is a member of a mirror; `help mirror label` shows how to make one");
            Ok(())
        }
        None => {
            if found.mirrors.is_empty() {
                kprintln!("every member that can be used is in use; `mirror status` shows them");
            }
            Ok(())
        }
    }
}

/// Assembles what is there and not in use, of these devices or of all disks.
pub fn assemble(
    session: &mut Session<'_>,
    named: Option<Vec<DeviceRef>>,
) -> Result<Assembled, Failure> {
    let asked = named.is_some();
    let mut devices = named.unwrap_or_else(|| members::disks(session.dm));
    // Of mirrors that are assembled too, so that their members get back to them.
    let in_use = session.dm.list().into_iter().map(|listed| listed.device).filter(|device| {
        let name = device.name();
        let listed = devices.iter().any(|other| other.name() == name);
        !listed && members::owner(session.dm, &name).is_some()
    });
    let in_use: Vec<DeviceRef> = in_use.collect();
    devices.extend(in_use);
    let mut found = Assembled::default();
    let mut all = Vec::new();
    let slots = members::read_slots(session, &devices)?;
    for (device, slots) in devices.into_iter().zip(slots) {
        let name = device.name();
        let superblock = match slots {
            Ok(slots) => members::superblock(&slots),
            Err(bio::ErrorKind::Invalid) => continue,
            Err(kind) => {
                kprintln!("{name}: not looked at for a mirror's member: {kind}");
                continue;
            }
        };
        match superblock {
            Ok(superblock) => all.push(Member { device, superblock }),
            Err(Bad::Blank | Bad::Magic) if asked => kprintln!("{name}: a member of no mirror"),
            Err(Bad::Blank | Bad::Magic) => {}
            Err(bad) => {
                found.labelled = true;
                kprintln!("{name}: left alone, as its superblocks are bad: {bad}");
                kprintln!("{name}: `mirror forget {name}` frees it for something else");
            }
        }
    }
    found.labelled |= !all.is_empty();
    for set in Set::sort(all) {
        let name = set.newest().name.clone();
        match assemble_set(session, set) {
            Ok(mirror) => found.mirrors.extend(mirror),
            Err(mut failure) => {
                failure.add(&format!("so the mirror `{name}` was not assembled"));
                found.failures.push(failure);
            }
        }
    }
    Ok(found)
}

/// Assembles one mirror, or gives its members back to it. `None` if all that can be used
/// is in use.
fn assemble_set(session: &mut Session<'_>, set: Set) -> Result<Option<String>, Failure> {
    let dm = session.dm;
    let (name, length) = (set.newest().name.clone(), set.newest().geometry.length);
    let places = set.places()?;
    let in_place = |member: &Member| {
        let same = |it: &&&Member| it.device.name() == member.device.name();
        places.iter().flatten().any(|it| same(&it))
    };
    for member in set.members.iter().filter(|member| !in_place(member)) {
        let disk = member.device.name();
        kprintln!("{disk}: left alone, as another disk has its place in `{name}`");
    }
    let places: Vec<Option<String>> =
        places.iter().map(|it| it.and_then(|it| usable(dm, it))).collect();
    if places.iter().all(Option::is_none) {
        return Ok(None);
    }
    let owner = set.members.iter().find_map(|it| members::owner(dm, &it.device.name()));
    drop(set);
    match owner {
        Some(owner) => give_back(session, &owner, &places).map(Some),
        None => make(session, &name, length.0, &places).map(Some),
    }
}

/// The name of a member's device, if it can be taken.
fn usable(dm: &Dm, member: &Member) -> Option<String> {
    let name = member.device.name();
    if member.device.limits().read_only {
        kprintln!("{name}: left alone, as it is read-only and a member must take writes");
        return None;
    }
    let (needs, has) = (member.superblock.geometry.data_end().0, member.device.capacity().0);
    if has < needs {
        kprintln!("{name}: left alone, as a member needs {needs} sectors, and it has only {has}");
        return None;
    }
    match &stack::users(dm, &name)[..] {
        [] => Some(name.to_string()),
        [user, ..] => {
            if members::owner(dm, &name).is_none() {
                kprintln!("{name}: left alone, as `{user}` uses it");
            }
            None
        }
    }
}

/// Makes the mapped device, under the mirror's name or one like it.
fn make(
    session: &mut Session<'_>,
    name: &str,
    length: u64,
    places: &[Option<String>],
) -> Result<String, Failure> {
    let leg = |place: &Option<String>| format!("{} 0", place.as_deref().unwrap_or("-"));
    let legs: Vec<String> = places.iter().map(leg).collect();
    let table = format!("0 {length} mirror internal 0 {} {}", legs.len(), legs.join(" "));
    let name = free_name(session.dm, name);
    mirror::start(session, &name, &table)?;
    explain(session.dm, &name)?;
    Ok(name)
}

/// `name`, or `name-2`, ... if that is taken; what no device can be called is replaced.
fn free_name(dm: &Dm, name: &str) -> String {
    let graphic = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let name: String = name.chars().map(graphic).collect();
    let mut free = name.clone();
    let mut number = 1;
    while dm.open(&free).is_some() {
        number += 1;
        free = format!("{name}-{number}");
    }
    free
}

/// Gives a mirror that is assembled its members back.
fn give_back(
    session: &mut Session<'_>,
    name: &str,
    places: &[Option<String>],
) -> Result<String, Failure> {
    let device = session.dm.get(name)?;
    let before = device.table(Slot::Active)?;
    let after = with_members(name, &before, places)?;
    let ran = mirror::life(&device) == mirror::Life::Running;
    swap(session, name, &device, &after)?;
    if ran && mirror::life(&device) != mirror::Life::Running {
        let why = mirror::health(&device);
        swap(session, name, &device, &before)?;
        explain(session.dm, name)?;
        return Err(Failure::new(format!("`{name}` does not start with it: {why}"))
            .and(&format!("`{name}` goes on without. To start with both and choose:"))
            .and(&format!(
                "`dmsetup remove {name}`, `mirror assemble`, `mirror keep {name} LEG`"
            )));
    }
    explain(session.dm, name)?;
    Ok(name.into())
}

/// The table with devices in places that have none.
fn with_members(name: &str, table: &str, places: &[Option<String>]) -> Result<String, Failure> {
    let mut words: Vec<&str> = table.trim().split(' ').collect();
    let legs = words.get(5).and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
    let by_hand = |disk: &str| {
        Failure::new(format!("the table of `{name}` has no free place for `{disk}`"))
            .and(&format!("`dmsetup remove {name}`, then `mirror assemble`"))
    };
    for (slot, disk) in places.iter().enumerate() {
        let Some(disk) = disk else { continue };
        if table.lines().count() != 1 {
            return Err(by_hand(disk));
        }
        let word = |leg: usize| 6 + 2 * leg;
        let free = |&leg: &usize| words.get(word(leg)) == Some(&"-");
        let leg = Some(slot).filter(free).or_else(|| (0..legs).find(free));
        let leg = leg.ok_or_else(|| by_hand(disk))?;
        words[word(leg)] = disk;
    }
    Ok(words.join(" "))
}

/// Lets a device go on with another table.
pub fn swap(
    session: &mut Session<'_>,
    name: &str,
    device: &Arc<MappedDevice>,
    table: &str,
) -> Outcome {
    session.dm.load(name, table)?;
    if let Err(failure) = dmsetup::check_legs(session, name, table) {
        device.clear()?;
        return Err(failure);
    }
    // One that is held would fail the flush.
    let runs = mirror::life(device) == mirror::Life::Running;
    let how = if runs { Suspend::Flush } else { Suspend::NoFlush };
    session.settle(|done| device.suspend(how, done))?;
    session.settle(|done| device.resume(done))?;
    mirror::await_start(session, device)
}

/// Says in a line how a mirror does, and what to do if it does not run.
pub fn explain(dm: &Dm, name: &str) -> Outcome {
    let device = dm.get(name)?;
    let table = device.table(Slot::Active)?;
    let words: Vec<&str> = table.trim().split(' ').collect();
    let legs = words.get(5).and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
    let legs: Vec<&str> = words.iter().skip(6).step_by(2).take(legs).copied().collect();
    let health = mirror::health(&device);
    kprintln!("{name}: {}: {health}", legs.join(", "));
    advise(name, &device, &health);
    Ok(())
}

/// Says what to do about a mirror that does not run.
pub fn advise(name: &str, device: &MappedDevice, health: &str) {
    match mirror::life(device) {
        mirror::Life::Held => {
            kprintln!("{name}: a member that comes back: `mirror assemble`");
            kprintln!("{name}: to start without: `mirror start-degraded {name}`");
        }
        mirror::Life::Refused if health.contains("ran apart") => {
            kprintln!(
                "{name}: to keep one leg's half and lose the others': `mirror keep {name} LEG`"
            );
        }
        mirror::Life::Refused | mirror::Life::Starting | mirror::Life::Running => {}
    }
}
