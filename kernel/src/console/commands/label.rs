//! `mirror label`, `mirror forget`: make disks members of a mirror, and end that.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bio::{Buf, BufCmd, Extent, Sector, Sectors};
use bytes::Bytes;
use dm::{DeviceRef, Devices, DmError, Env};
use dm_mirror::format::{Bad, MemberState, SLOTS, UNIT, UNIT_SECTORS, is_name, superblock_place};
use dm_mirror::label::{self, Ids, Label, LabelError, LabelOptions, Occupied, Phase};
use dm_mirror::table::Table;
use shell::Size;
use shell::format::Amount;

use super::{Shows, assemble, mirror};
use crate::console::job::Job;
use crate::console::session::{Session, room};
use crate::console::stream::{Reader, io_failure};
use crate::console::{Failure, Outcome, devices, members, plural};
use crate::kprintln;
use crate::task::KernelEnv;

/// How many units are on their way to a disk at a time.
const WRITES_MAX: usize = 32;

/// Makes a mirror of disks, and starts it.
pub fn label(
    session: &mut Session<'_>,
    name: &str,
    disks: &[String],
    force: bool,
    region: Option<Size>,
) -> Outcome {
    let devices = candidates(session, name, disks)?;
    let region = region.map(|size| Sectors(size.sectors()));
    let options = LabelOptions { region, ..LabelOptions::new(name) };
    let label = plan(&options, &devices)?;
    if !force {
        check_blank(session, name, &devices, &label, region)?;
    }
    write_and_start(session, name, devices, &label)
}

/// The same with two disks that hold only zeroes, and so are equal.
pub fn label_blank(session: &mut Session<'_>, name: &str, devices: [DeviceRef; 2]) -> Outcome {
    let options = LabelOptions { clean: true, ..LabelOptions::new(name) };
    let label = plan(&options, &devices)?;
    write_and_start(session, name, devices.into(), &label)
}

fn write_and_start(
    session: &mut Session<'_>,
    name: &str,
    devices: Vec<DeviceRef>,
    label: &Label,
) -> Outcome {
    write(session, &devices, label)?;
    let geometry = label.geometry();
    let amount = |sectors: u64| Amount(sectors * bio::SECTOR_SIZE as u64);
    let names: Vec<String> = devices.iter().map(|it| it.name().to_string()).collect();
    kprintln!(
        "{name}: {} labelled: {} of data from {} on, in {} of {}",
        names.join(", "),
        amount(geometry.length.0),
        amount(geometry.data_start.0),
        plural(geometry.regions().into(), "region"),
        amount(geometry.region.0)
    );
    drop(devices);
    let table = Table::internal(names.iter().map(|name| Some(name.as_str())));
    mirror::start(session, name, geometry.length, &table)?;
    super::show_status(session, Some(name), Shows::State)?;
    let device = session.dm.get(name)?;
    if mirror::life(&device) == mirror::Life::Running {
        return Ok(());
    }
    Err(assemble::does_not_run(session.dm, name))
}

/// The devices of these names, if a mirror called `name` can be made of them.
fn candidates(
    session: &Session<'_>,
    name: &str,
    disks: &[String],
) -> Result<Vec<DeviceRef>, Failure> {
    if session.dm.open(name).is_some() {
        return Err(Failure::new(format!("there is a device `{name}` already"))
            .and("take another name; `disks` lists those that are taken"));
    }
    dm::check_name(name).map_err(|why| DmError::BadName(name.into(), why))?;
    if !is_name(name) {
        let why = LabelError::Name(name.into());
        return Err(Failure::new(why.to_string()));
    }
    devices::check_each_once(disks)?;
    disks.iter().map(|disk| devices::open_for_writing(session.dm, disk)).collect()
}

fn plan(options: &LabelOptions, devices: &[DeviceRef]) -> Result<Label, Failure> {
    let describe = |device: &DeviceRef| label::Device {
        capacity: device.capacity(),
        block_size: device.limits().block_size,
    };
    let described: Vec<label::Device> = devices.iter().map(describe).collect();
    if described.len() > dm_mirror::LEGS_MAX {
        return Err(Failure::new(LabelError::Members(described.len()).to_string()));
    }
    let ids = Ids::new(described.len(), || KernelEnv.random());
    label::plan(options, &ids, &described).map_err(|error| {
        let failure = Failure::new(error.to_string());
        match error {
            LabelError::TooSmall { device, .. } | LabelError::BlockSize { device, .. } => failure
                .and(&format!("device {device} is `{}`; name another", devices[device].name())),
            _ => failure,
        }
    })
}

/// Refuses devices that hold something where the mirror's records will be.
fn check_blank(
    session: &mut Session<'_>,
    name: &str,
    devices: &[DeviceRef],
    label: &Label,
    region: Option<Sectors>,
) -> Outcome {
    let end = label.geometry().data_start;
    let mut found = Vec::new();
    session.job(Sectors::ZERO, |job| {
        for device in devices {
            if let Some(what) = occupied(job, device, end)? {
                found.push((device.name(), what));
            }
        }
        Ok(())
    })?;
    let Some((first, rest)) = found.split_first() else { return Ok(()) };
    let line = |(disk, what): &(_, String)| format!("`{disk}` is not blank: {what}");
    let mut failure = Failure::new(line(first));
    rest.iter().for_each(|it| failure.add(&line(it)));
    if found.iter().any(|(_, what)| what.contains("member")) {
        failure = failure.and("`mirror assemble` puts a mirror together that has its members");
    }
    let disks: Vec<String> = devices.iter().map(|it| it.name().to_string()).collect();
    let region = region.map_or(String::new(), |region| format!(" --region {region}s"));
    Err(failure.and(&format!(
        "nothing was changed; to overwrite it: `mirror label {name} {}{region} --force`",
        disks.join(" ")
    )))
}

/// What lies before sector `end` of a device, if anything.
fn occupied(job: &mut Job<'_>, device: &DeviceRef, end: Sector) -> Result<Option<String>, Failure> {
    let mut reader = Reader::new(device, Extent::new(Sector(0), end - Sector(0)));
    let mut found = None;
    while let Some((chunk, data)) = reader.next(job)? {
        if chunk.start() == Sector(0) {
            let slots = core::array::from_fn(|slot| &data[slot * UNIT..][..UNIT]);
            found = match label::check_blank(slots) {
                Ok(()) => None,
                Err(Occupied::Other) => Some("other data lies there".into()),
                Err(occupied) => Some(occupied.to_string()),
            };
        }
        if found.is_none()
            && let Some(at) = data.iter().position(|&byte| byte != 0)
        {
            let at = chunk.start().0 * bio::SECTOR_SIZE as u64 + at as u64;
            found = Some(format!("there is data at {at:#x}"));
        }
        job.recycle(data);
    }
    Ok(found)
}

/// Writes the label phase by phase.
fn write(session: &mut Session<'_>, devices: &[DeviceRef], label: &Label) -> Outcome {
    let written = session.job(Sectors::ZERO, |job| {
        for phase in Phase::ALL {
            for (index, device) in devices.iter().enumerate() {
                write_units(job, device, label.writes(index, phase))?;
            }
            for device in devices {
                flush(job, device)?;
            }
        }
        Ok(())
    });
    written.map(drop).map_err(|failure| {
        failure.and("some disks may be labelled by half; label them again, with --force")
    })
}

/// Writes units, in any order.
fn write_units(
    job: &mut Job<'_>,
    device: &DeviceRef,
    mut writes: impl Iterator<Item = label::Write>,
) -> Outcome {
    loop {
        room(WRITES_MAX * UNIT)?;
        let batch: Vec<_> = writes
            .by_ref()
            .take(WRITES_MAX)
            .map(|(place, unit)| {
                (place, job.issue(device, Buf::write(place, Bytes::from(unit.to_vec()))))
            })
            .collect();
        if batch.is_empty() {
            return Ok(());
        }
        for (place, ticket) in batch {
            let (buf, result) = job.wait(ticket)?;
            result.map_err(|error| io_failure(device, buf.cmd(), place, error))?;
        }
    }
}

fn flush(job: &mut Job<'_>, device: &DeviceRef) -> Outcome {
    let ticket = job.issue(device, Buf::flush());
    let (buf, result) = job.wait(ticket)?;
    result.map_err(|error| io_failure(device, BufCmd::Flush, buf.extent(), error))
}

/// Zeroes the superblocks of a device.
pub fn wipe(session: &mut Session<'_>, device: &DeviceRef) -> Outcome {
    let zeroes = (0..SLOTS).map(|slot| (superblock_place(slot), [0; UNIT].into()));
    let wiped = session.job(Sectors::ZERO, |job| {
        write_units(job, device, zeroes)?;
        flush(job, device)
    });
    wiped.map(drop)
}

/// Refuses a device that holds something before sector `end`.
pub fn refuse_occupied(session: &mut Session<'_>, device: &DeviceRef, end: Sector) -> Outcome {
    let mut found = None;
    session.job(Sectors::ZERO, |job| {
        found = occupied(job, device, end)?;
        Ok(())
    })?;
    let Some(what) = found else { return Ok(()) };
    Err(Failure::new(format!("`{}` is not blank: {what}", device.name()))
        .and("nothing was changed; `--force` overwrites it"))
}

/// Makes a disk a member of no mirror: wipes its superblocks.
pub fn forget(session: &mut Session<'_>, disk: &str, force: bool) -> Outcome {
    let device = devices::open_for_writing(session.dm, disk)?;
    let devices = [device];
    let slots = members::read_slots(session, &devices)?.remove(0);
    let [device] = &devices;
    let slots = slots.map_err(|kind| {
        Failure::new(format!("`{disk}` holds no superblock that can be read: {kind}"))
    })?;
    let (what, precious) = match members::superblock(&slots) {
        Ok(it) => (members::describe(&it), it.own().state == MemberState::InSync),
        Err(Bad::Blank | Bad::Magic) => {
            return Err(Failure::new(format!("`{disk}` is a member of no mirror"))
                .and(&format!("nothing was changed; `mirror examine {disk}` says what it is")));
        }
        Err(Bad::Version(version)) => {
            (format!("a member of a mirror, of the unknown version {version}"), true)
        }
        Err(bad) => (format!("a member of a mirror; its superblocks are bad: {bad}"), false),
    };
    if precious && !force {
        return Err(Failure::new(format!("`{disk}` is {what}"))
            .and("it may have the only copy of what was written last; nothing was changed")
            .and(&format!("to forget it all the same: `mirror forget {disk} --force`")));
    }
    kprintln!("{disk}: {what}");
    wipe(session, device)?;
    let wiped = UNIT_SECTORS.bytes() * SLOTS;
    kprintln!("{disk}: its superblocks are wiped ({wiped} bytes); it is a member of no mirror now");
    Ok(())
}
