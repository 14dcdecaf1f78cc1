//! `mirror assemble`, and the same at boot: mirrors from the members that are there.
//!
//! Rules:
//!
//! - Whom to believe, and whether to start, the mirror decides itself; here is only found
//!   out which disks it is made of.
//! - A mirror that runs is not lost to a disk that comes back: if it does not start with
//!   it, it goes on without.
//! - A mirror may be a member of another one: what is complete is assembled first, and a
//!   mirror that runs then is looked at as any disk.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bio::{BlockDevice, Sectors};
use dm::{DeviceRef, Devices, Dm, MappedDevice, Mode, Suspend, check_name};
use dm_mirror::format::{Bad, Geometry, Newest, UNIT};
use dm_mirror::report::{Question, Report};
use dm_mirror::table::Table;

use super::mirror::{self, Place};
use super::{Need, dmsetup};
use crate::console::members::{self, Member, Set};
use crate::console::session::Session;
use crate::console::{Failure, Outcome, devices, stack};
use crate::kprintln;

/// What came of an assembly.
#[derive(Default)]
pub struct Assembled {
    /// The mapped devices that were made, or that a member was given back to.
    pub mirrors: Vec<String>,
    /// Those of them that do not run.
    pub idle: Vec<String>,
    /// Some device holds something of a mirror.
    pub labelled: bool,
    /// Why mirrors could not be assembled.
    pub failures: Vec<Failure>,
}

/// Assembles what is there and not in use; of `disks` only, if it names some. Fails if a
/// mirror does not run then, when all have been tried.
pub fn run(session: &mut Session<'_>, disks: &[String]) -> Outcome {
    let named = devices::open_each(session.dm, disks)?;
    let found = assemble(session, if disks.is_empty() { None } else { Some(named) })?;
    let Assembled { mirrors, idle, labelled, mut failures } = found;
    failures.extend(idle.iter().map(|name| does_not_run(session.dm, name)));
    let last = failures.pop();
    failures.iter().for_each(|failure| session.report(failure));
    match last {
        // One question can be answered, no more.
        Some(last) if failures.is_empty() => return Err(last),
        Some(last) => return Err(Failure::new(format!("{last}"))),
        None if !labelled => {
            kprintln!("no disk is a member of a mirror; `help mirror label` shows how to make one");
        }
        None if mirrors.is_empty() => {
            kprintln!("every member that can be used is in use; `mirror status` shows them");
            for listed in session.dm.list().iter().filter(|it| it.mapped) {
                let name = listed.device.name();
                advise(&name, &*session.dm.get(&name)?);
            }
        }
        None => {}
    }
    Ok(())
}

/// The refusal of a mirror that is there and serves nobody; what to do was told before.
pub fn does_not_run(dm: &Dm, name: &str) -> Failure {
    let health = dm.get(name).map(|device| mirror::health(&device)).unwrap_or_default();
    let failure = Failure::new(format!("`{name}` is there and does not run: {health}"));
    let asks = dm.get(name).is_ok_and(|device| mirror::question(&device).is_some());
    if asks { failure.asking() } else { failure }
}

/// Assembles what is there and not in use, of these devices or of all. A mirror that runs
/// then is looked at too, as it may be a member of another one: the lowest come first.
pub fn assemble(
    session: &mut Session<'_>,
    named: Option<Vec<DeviceRef>>,
) -> Result<Assembled, Failure> {
    let asked = named.is_some();
    let mut found = Assembled::default();
    let devices = candidates(session.dm, named)?;
    let mut there = look(session, devices, asked, &mut found)?;
    let mut done = Vec::new();
    loop {
        let sets = Set::sort(there.clone()).into_iter();
        let left: Vec<Set> =
            sets.filter(|set| !done.contains(&set.members[0].superblock.set)).collect();
        // One that lacks a member may find it on a mirror that is still to be assembled.
        let next = left.iter().position(Set::is_complete).unwrap_or(0);
        let Some(set) = left.into_iter().nth(next) else { break };
        done.push(set.members[0].superblock.set);
        let name = set.newest().name.clone();
        match assemble_set(session, set) {
            Ok(None) => {}
            Ok(Some(mirror)) => {
                for member in look_at_mirror(session, &mirror, &mut found)? {
                    if there.iter().any(|it| it.device.name() == member.device.name()) {
                        continue;
                    }
                    // Whoever was assembled without it gets it.
                    done.retain(|set| *set != member.superblock.set);
                    there.push(member);
                }
                if !found.mirrors.contains(&mirror) {
                    found.mirrors.push(mirror);
                }
            }
            Err(mut failure) => {
                failure.add(&format!("so the mirror `{name}` was not assembled"));
                found.failures.push(failure);
            }
        }
    }
    found.idle = found.mirrors.iter().filter(|name| !runs(session.dm, name)).cloned().collect();
    Ok(found)
}

fn runs(dm: &Dm, name: &str) -> bool {
    dm.get(name).is_ok_and(|device| mirror::life(&device) == mirror::Life::Running)
}

/// The devices that may be members: those that a person named, or all, but for mirrors
/// that answer nobody. Those in use as members come along, so that others of their mirrors
/// get back to them. Refused if one of them is suspended.
pub fn candidates(dm: &Dm, named: Option<Vec<DeviceRef>>) -> Result<Vec<DeviceRef>, Failure> {
    let asked = named.is_some();
    let mut devices = named.unwrap_or_default();
    for listed in dm.list() {
        let name = listed.device.name();
        let is_there = devices.iter().any(|other| other.name() == name);
        let in_use = || members::owner(dm, &name).is_some();
        if is_there || (asked && !in_use()) || (listed.mapped && !answers(dm, &name)) {
            continue;
        }
        if let Some(asleep) = stack::asleep(dm, &name) {
            let failure = devices::asleep(&asleep);
            return Err(if asked || in_use() {
                failure
            } else {
                failure.and("`mirror assemble DISK...` looks at the disks that it names alone")
            });
        }
        devices.push(listed.device);
    }
    Ok(devices)
}

/// Whether a mapped device has something to look at: not a mirror that does not run.
fn answers(dm: &Dm, name: &str) -> bool {
    let Ok(device) = dm.get(name) else { return false };
    device.info().active && (mirror::mirrors(&device).is_empty() || runs(dm, name))
}

/// Looks at a mirror that runs, which may be a member of another one.
fn look_at_mirror(
    session: &mut Session<'_>,
    name: &str,
    found: &mut Assembled,
) -> Result<Vec<Member>, Failure> {
    match session.dm.open(name) {
        Some(device) if runs(session.dm, name) => look(session, vec![device], false, found),
        _ => Ok(Vec::new()),
    }
}

/// Which of these are members. `asked`: a person named them, and is told of each.
fn look(
    session: &mut Session<'_>,
    devices: Vec<DeviceRef>,
    asked: bool,
    found: &mut Assembled,
) -> Result<Vec<Member>, Failure> {
    let mut all = Vec::new();
    let slots = members::read_slots(session, &devices)?;
    for (device, slots) in devices.into_iter().zip(slots) {
        let name = device.name();
        let newest = match slots {
            Ok(slots) => members::newest(&slots),
            Err(bio::ErrorKind::Invalid) => continue,
            Err(_) if !asked && session.dm.get(&name).is_ok() => continue,
            Err(kind) => {
                kprintln!("{name}: cannot be read, and may be a member: {kind}");
                continue;
            }
        };
        match newest {
            Ok(Newest { superblock, second, .. }) => {
                all.push(Member { device, superblock, second, map: Vec::new() });
            }
            Err(Bad::Blank | Bad::Magic) if asked => kprintln!("{name}: a member of no mirror"),
            Err(Bad::Blank | Bad::Magic) => {}
            Err(bad) => {
                found.labelled = true;
                kprintln!("{name}: left alone, as its superblocks are bad: {bad}");
                match bad {
                    Bad::Version(_) => kprintln!("{name}: use the program that wrote it"),
                    _ => kprintln!("{name}: `mirror forget {name}` frees it for something else"),
                }
            }
        }
    }
    found.labelled |= !all.is_empty();
    Ok(without_those_below(session.dm, all))
}

/// Members but for those on which another one lies that shows the same superblock: a disk
/// below a partition is no copy of it.
fn without_those_below(dm: &Dm, members: Vec<Member>) -> Vec<Member> {
    let shows = |member: &Member| (member.superblock.set, member.superblock.own().uuid);
    let is_below = |member: &Member| {
        let name = member.device.name();
        let over = |other: &&Member| {
            shows(other) == shows(member) && stack::lies_on(dm, &other.device.name(), &name)
        };
        members.iter().any(|other| over(&other))
    };
    let keep: Vec<bool> = members.iter().map(|member| !is_below(member)).collect();
    members.into_iter().zip(keep).filter_map(|(member, keep)| keep.then_some(member)).collect()
}

/// Assembles one mirror, or gives its members back to it. `None` if all that can be used
/// is in use.
fn assemble_set(session: &mut Session<'_>, mut set: Set) -> Result<Option<String>, Failure> {
    let dm = session.dm;
    let owner_of = |member: &Member| members::owner(dm, &member.device.name());
    let owner = set.members.iter().find_map(owner_of);
    let (name, length) = (set.newest().name.clone(), set.newest().geometry.length);
    let places = set.newest().members;
    let left_alone = |member: &Member| {
        let (disk, slot) = (member.device.name(), usize::from(member.superblock.slot));
        if places.get(slot).is_some_and(Option::is_some) {
            return kprintln!("{disk}: left alone, as another disk has its place in `{name}`");
        }
        kprintln!("{disk}: left alone, as `{name}` has forgotten it");
        kprintln!(
            "{disk}: to have it in `{name}` again: `mirror add {name} {slot} {disk} --force`"
        );
    };
    if owner.is_some() {
        // Who serves has its place; nobody contests it by being attached.
        let serves = |it: &&Member| owner_of(it).is_some();
        let taken: Vec<u8> =
            set.members.iter().filter(serves).map(|it| it.superblock.slot).collect();
        set.members.retain(|it| {
            let stays = owner_of(it).is_some() || !taken.contains(&it.superblock.slot);
            if !stays {
                left_alone(it);
            }
            stays
        });
    }
    set.look_closer(session)?;
    let (places, left_out) = set.places()?;
    left_out.into_iter().for_each(left_alone);
    // Those above a mirror that runs count on its blocks.
    let block_max =
        owner.as_deref().filter(|owner| runs(dm, owner)).and_then(|owner| dm.open(owner));
    let block_max = block_max.map_or(UNIT as u32, |device| device.limits().block_size);
    let places: Vec<Option<String>> =
        places.iter().map(|it| it.and_then(|it| usable(dm, it, block_max))).collect();
    if places.iter().all(Option::is_none) {
        return Ok(None);
    }
    drop(set);
    match owner {
        Some(owner) => give_back(session, &owner, &places).map(Some),
        None => make(session, &name, length, &places).map(Some),
    }
}

/// The name of a member's device, if it can be taken, for a mirror of blocks of up to
/// `block_max` bytes.
fn usable(dm: &Dm, member: &Member, block_max: u32) -> Option<String> {
    let name = member.device.name();
    let Geometry { data_start, length, .. } = member.superblock.geometry;
    let block = member.device.limits().block_size;
    let sectors = u64::from(block) / bio::SECTOR_SIZE as u64;
    let cut = [data_start.0, length.0].iter().any(|at| !at.is_multiple_of(sectors));
    if block > block_max || cut {
        kprintln!(
            "{name}: left alone, as its blocks of {block} bytes are too large: the mirror's data \
             do not fit them"
        );
        return None;
    }
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
    length: Sectors,
    places: &[Option<String>],
) -> Result<String, Failure> {
    let table = Table::internal(places.iter().map(Option::as_deref));
    let name = free_name(session.dm, name);
    mirror::start(session, &name, length, &table)?;
    explain(session.dm, &name)?;
    Ok(name)
}

/// `name`, or `name-2`, ... if that is taken; what no device can be called is replaced.
fn free_name(dm: &Dm, name: &str) -> String {
    // A letter before it makes a word of what is none.
    let plain = |c: char| {
        let good = check_name(&format!("m{c}")).is_ok();
        if good { c } else { '_' }
    };
    let mut name: String = name.chars().map(plain).collect();
    if check_name(&name).is_err() {
        name.insert(0, 'm');
    }
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
    Need::Exchange.check(session.dm, name)?;
    let place = mirror::mirrors(&device).pop().ok_or_else(|| mirror::no_mirror(name))?;
    let after = with_members(name, &place, places)?;
    let ran = mirror::life(&device) == mirror::Life::Running;
    swap(session, name, &device, &after)?;
    if ran && mirror::life(&device) != mirror::Life::Running {
        let (why, question) = (mirror::health(&device), mirror::question(&device));
        swap(session, name, &device, &place.table)?;
        explain(session.dm, name)?;
        let failure = Failure::new(format!("`{name}` does not start with it: {why}"))
            .and(&format!("`{name}` goes on without"));
        return Err(match question {
            Some(Question::Halves(_)) => failure.and(&format!(
                "to start with both and choose: `mirror stop {name}`, then `mirror assemble`"
            )),
            Some(Question::Degraded) | None => failure,
        });
    }
    explain(session.dm, name)?;
    Ok(name.into())
}

/// The mirror's table with devices for legs that have none.
fn with_members(name: &str, place: &Place, places: &[Option<String>]) -> Result<Table, Failure> {
    let mut table = place.table.clone();
    for (slot, disk) in places.iter().enumerate() {
        let Some(disk) = disk else { continue };
        let free = |&leg: &usize| table.legs().get(leg).is_some_and(|leg| leg.device.is_none());
        let leg = Some(slot).filter(free).or_else(|| (0..table.legs().len()).find(free));
        let leg = leg.filter(|_| place.alone).ok_or_else(|| {
            Failure::new(format!("the table of `{name}` has no free place for `{disk}`"))
                .and(&format!("`dmsetup remove {name}`, then `mirror assemble`"))
        })?;
        table = table.with_leg(leg, disk);
    }
    Ok(table)
}

/// Lets a mirror, which is all that its device has, go on with another table. The caller has
/// made sure that it runs, and that nobody has loaded one of their own ([`Need::Exchange`]).
pub fn swap(
    session: &mut Session<'_>,
    name: &str,
    device: &Arc<MappedDevice>,
    table: &Table,
) -> Outcome {
    Need::Exchange.check(session.dm, name)?;
    session.dm.load(name, &table.line(device.capacity()).to_string())?;
    if let Err(failure) = dmsetup::check_legs(session, name) {
        device.clear()?;
        return Err(failure);
    }
    // One that is held would fail the flush.
    let runs = mirror::life(device) == mirror::Life::Running;
    let how = if runs { Suspend::Flush } else { Suspend::NoFlush };
    if let Err(failure) = session.settle(|done| device.suspend(how, done)) {
        // Nobody is to find the table that was to be, nor a mirror at rest.
        device.clear()?;
        if device.info().mode == Mode::Suspended {
            session.settle(|done| device.resume(done))?;
            return Err(failure.and(&format!("`{name}` goes on as it was")));
        }
        return Err(failure.and(&format!("`dmsetup resume {name}` once it is suspended")));
    }
    session.settle(|done| device.resume(done))?;
    mirror::await_start(session, device)
}

/// Says in a line how a mirror does, and what to do if it does not run.
pub fn explain(dm: &Dm, name: &str) -> Outcome {
    let device = dm.get(name)?;
    let mirrors = mirror::mirrors(&device);
    let legs: Vec<&str> =
        mirrors.iter().flat_map(|it| it.table.legs()).map(|leg| leg.name()).collect();
    let health = mirror::health(&device);
    kprintln!("{name}: {}: {health}", legs.join(", "));
    advise(name, &device);
    Ok(())
}

/// Says what to do about a mirror that does not run.
pub fn advise(name: &str, device: &MappedDevice) {
    let life = mirror::life(device);
    if matches!(life, mirror::Life::Starting | mirror::Life::Running) {
        return;
    }
    if device.info().mode != Mode::Running {
        return kprintln!("{name}: it is suspended: `dmsetup resume {name}` first");
    }
    let mirrors = mirror::mirrors(device);
    let [place] = &mirrors[..] else {
        return kprintln!(
            "{name}: to start one of its mirrors: `dmsetup message {name} SECTOR start_degraded`, \
             or `keep LEG`"
        );
    };
    let Some(Report { legs, question, .. }) = mirror::report(device, place) else { return };
    match question {
        Some(Question::Degraded) => {
            kprintln!("{name}: once a missing member is back: `mirror assemble`");
            kprintln!("{name}: to start without: `mirror start-degraded {name}`");
        }
        Some(Question::Halves(halves)) => {
            kprintln!("{name}: one half can be kept, and what the others wrote apart is lost:");
            for leg in halves {
                let disk = &legs[leg].device;
                kprintln!("{name}: to keep what `{disk}` holds: `mirror keep {name} {leg}`");
            }
        }
        None => {
            let disks = legs.iter().map(|leg| &*leg.device).filter(|disk| *disk != "-");
            let disks: Vec<&str> = disks.collect();
            kprintln!("{name}: to see what its disks hold: `mirror examine {}`", disks.join(" "));
        }
    }
}
