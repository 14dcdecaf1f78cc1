//! `mirror status`: health, legs, progress and cost at one glance, how long legs take, or all
//! of that as JSON.
//!
//! Place: the mirror's `Report` and `Times` have the figures; this file makes tables of them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{SECTOR_SIZE, Sector, Sectors};
use dm::MappedDevice;
use dm_mirror::report::{Copying, Health, LegReport, Map, Report, Standing, Times};
use dm_mirror::{LEGS_MAX, MirrorTarget};
use shell::color::{Paint, Tone};
use shell::format::{Align, Amount, Elapsed, Table};
use shell::json::{self, Value, json};

use super::{assemble, latency, mirror, or_dash, print_lines};
use crate::console::session::{self, Session};
use crate::console::{Outcome, stack};
use crate::kprintln;

/// What to show of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Its state.
    State,
    /// How long its legs take.
    Latency,
    /// Both, for a program.
    Json,
}

/// Shows the mirrors of a device, or all.
pub fn show(session: &Session<'_>, name: Option<&str>, what: Shows) -> Outcome {
    let devices = match name {
        Some(name) => [session.dm.get(name)?].into(),
        None => with_mirrors(session),
    };
    if let (Some(name), true) = (name, devices.iter().all(|it| reports(it).is_empty())) {
        return Err(mirror::no_mirror(name));
    }
    if what != Shows::State {
        session::room(2 * Times::bytes(LEGS_MAX))?;
    }
    let named = devices.iter().map(|device| (name_of(session, device), device));
    if what == Shows::Json {
        let all = named.flat_map(|(name, device)| {
            reports(device).into_iter().filter_map(move |(start, report)| {
                let times = device.look_at(start, MirrorTarget::times)?;
                Some(to_json(&name, start, &report, &times))
            })
        });
        print_lines(&json::text(&Value::Array(all.collect())));
        return Ok(());
    }
    if devices.is_empty() {
        kprintln!("there is no mirror; `help mirror label` shows how to make one");
    }
    for (index, (name, device)) in named.enumerate() {
        if index > 0 {
            kprintln!();
        }
        match what {
            Shows::Latency => explain_latency(session.paint, &name, device),
            Shows::State | Shows::Json => explain(session.paint, &name, device),
        }
    }
    Ok(())
}

/// Shows the mirrors of a device that has mirrors.
pub fn explain(paint: Paint, name: &str, device: &Arc<MappedDevice>) {
    each_mirror(paint, name, device, |_, report| print_lines(&text(paint, report)));
    assemble::advise(name, device);
}

/// Shows how long the legs of a device's mirrors take.
fn explain_latency(paint: Paint, name: &str, device: &Arc<MappedDevice>) {
    each_mirror(paint, name, device, |start, report| {
        if let Some(times) = device.look_at(start, MirrorTarget::times) {
            print_lines(&latency::legs(report, &times));
        }
    });
}

/// Says the health of each mirror of a device, then `more` of each.
fn each_mirror(
    paint: Paint,
    name: &str,
    device: &Arc<MappedDevice>,
    more: impl Fn(Sector, &Report),
) {
    let reports = reports(device);
    let alone = reports.len() == 1;
    for (start, report) in &reports {
        if alone {
            kprintln!("{name}: {}", health(paint, report));
        } else {
            kprintln!("{name}, at sector {start}: {}", health(paint, report));
        }
        more(*start, report);
    }
}

/// The mapped devices with a mirror.
fn with_mirrors(session: &Session<'_>) -> Vec<Arc<MappedDevice>> {
    let mapped = stack::mapped(session.dm).into_iter();
    let devices = mapped.filter_map(|device| session.dm.get(&device.name()).ok());
    devices.filter(|device| !reports(device).is_empty()).collect()
}

fn name_of(session: &Session<'_>, device: &Arc<MappedDevice>) -> Arc<str> {
    let mut mapped = stack::mapped(session.dm).into_iter().map(|device| device.name());
    let is_it = |name: &Arc<str>| session.dm.get(name).is_ok_and(|it| Arc::ptr_eq(&it, device));
    mapped.find(is_it).unwrap_or_default()
}

/// The mirrors of a device, with their first sectors.
fn reports(device: &MappedDevice) -> Vec<(Sector, Report)> {
    let places = mirror::mirrors(device).into_iter();
    let report = |start| device.look_at(start, MirrorTarget::report);
    places.filter_map(|place| Some((place.start, report(place.start)?))).collect()
}

/// The health in words, the first word in its colour.
fn health(paint: Paint, report: &Report) -> String {
    let tone = match report.health {
        Health::Healthy => Tone::Good,
        Health::Starting | Health::Resyncing | Health::Rebuilding => Tone::Doubtful,
        Health::Degraded | Health::Held | Health::Refused => Tone::Bad,
    };
    let summary = mirror::in_words(&report.summary);
    match summary.split_once(':') {
        Some((word, rest)) => format!("{}:{rest}", paint.paint(tone, word)),
        None => paint.paint(tone, &summary),
    }
}

/// All but the first line.
fn text(paint: Paint, report: &Report) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if let Some(Map { regions, dirty, unsettled, session, generation }) = &report.map {
        line(format!(
            "regions: {regions} of {}; {dirty} dirty, {unsettled} to be resynced; \
             session {session}, generation {generation}",
            amount(report.region.unwrap_or_default())
        ));
    }
    line(format!(
        "reads go by {}; background work copies at {} KiB/s",
        report.read_policy, report.sync_rate
    ));
    if let Some(copying) = &report.copying {
        line(progress(copying));
    }
    line(legs(paint, report).trim_end().into());
    if report.map.is_some() {
        line(costs(report).trim_end().into());
    }
    report.records_repaired().into_iter().for_each(&mut line);
    report.check.iter().for_each(|check| line(check.clone()));
    text
}

/// How far a resync or a rebuild is.
fn progress(copying: &Copying) -> String {
    let Copying { done, done_sectors, all, all_sectors, speed, left } = *copying;
    let percent = u64::from(done) * 100 / u64::from(all.max(1));
    let (done, all) = (amount(done_sectors), amount(all_sectors));
    let mut text = format!("copying: {percent}%  {done} of {all}");
    if let (Some(speed), Some(left)) = (speed, left) {
        text.push_str(&format!("  {}/s  {} left", Amount(speed << 10), Elapsed(left)));
    }
    text
}

fn legs(paint: Paint, report: &Report) -> String {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("LEG", Right),
        ("DEVICE", Left),
        ("READS", Right),
        ("WRITES", Right),
        ("FLUSHES", Right),
        ("READ ERR", Right),
        ("WRITE ERR", Right),
        ("REPAIRED", Right),
        ("MISSED", Right),
        ("STATE", Left),
    ]);
    for (index, leg) in report.legs.iter().enumerate() {
        let missed = if leg.missed > 0 { amount(leg.missed_sectors) } else { String::new() };
        table.row([
            index.to_string(),
            leg.device.to_string(),
            leg.reads.to_string(),
            leg.writes.to_string(),
            leg.flushes.to_string(),
            leg.read_errors.to_string(),
            leg.write_errors.to_string(),
            leg.repaired.to_string(),
            or_dash(missed),
            state(paint, leg),
        ]);
    }
    table.to_string()
}

fn state(paint: Paint, leg: &LegReport) -> String {
    let mostly = if leg.write_mostly { ", write-mostly" } else { "" };
    let text = format!("{}{mostly}", leg.state);
    match leg.standing {
        Standing::InSync => paint.paint(Tone::Good, &text),
        Standing::Coming => paint.paint(Tone::Doubtful, &text),
        Standing::Out => paint.paint(Tone::Bad, &text),
        Standing::NoMember => text,
    }
}

/// Writes and flushes of each leg, by what they were for.
fn costs(report: &Report) -> String {
    use Align::Right;
    let mut table = Table::new([
        ("WRITES/FLUSHES  LEG", Right),
        ("USER", Right),
        ("COPY", Right),
        ("INTENT", Right),
        ("CLEAN", Right),
        ("SUPERBLOCK", Right),
        ("SECOND COPY", Right),
    ]);
    for (index, leg) in report.legs.iter().enumerate() {
        let mut costs = leg.costs.iter().map(|cost| format!("{}/{}", cost.writes, cost.flushes));
        let mut next = || costs.next().unwrap_or_default();
        table.row([index.to_string(), next(), next(), next(), next(), next(), next()]);
    }
    table.to_string()
}

fn amount(sectors: Sectors) -> String {
    Amount(sectors.0.saturating_mul(SECTOR_SIZE as u64)).to_string()
}

/// The same for programs; sizes in sectors of 512 bytes, times in nanoseconds.
fn to_json(name: &str, start: Sector, report: &Report, times: &Times) -> Value {
    let legs = report.legs.iter().enumerate().map(|(index, leg)| leg_json(index, leg, times));
    let health = format!("{:?}", report.health).to_lowercase();
    json!({
        "name": name,
        "start": start.0,
        "health": health,
        "summary": report.summary,
        "region_sectors": report.region.map(|region| region.0),
        "read_policy": report.read_policy,
        "sync_rate_kib": report.sync_rate,
        "legs": legs.collect::<Vec<_>>(),
        "copying": report.copying.map(|it| json!({
            "regions_done": it.done,
            "regions": it.all,
            "sectors_done": it.done_sectors.0,
            "sectors": it.all_sectors.0,
            "kib_per_second": it.speed,
            "seconds_left": it.left.map(|left| left.as_secs()),
        })),
        "map": report.map.as_ref().map(|it| json!({
            "regions": it.regions,
            "dirty": it.dirty,
            "to_be_resynced": it.unsettled,
            "session": it.session,
            "generation": it.generation,
        })),
        "check": report.check,
    })
}

fn leg_json(index: usize, leg: &LegReport, times: &Times) -> Value {
    let standing = match leg.standing {
        Standing::InSync => "in_sync",
        Standing::Coming => "rebuilding",
        Standing::Out => "out",
        Standing::NoMember => "no_member",
    };
    let mut costs = json!({});
    for cost in &leg.costs {
        costs[cost.cause] = json!({ "writes": cost.writes, "flushes": cost.flushes });
    }
    json!({
        "leg": index,
        "device": &*leg.device,
        "standing": standing,
        "state": leg.state,
        "write_mostly": leg.write_mostly,
        "reads": leg.reads,
        "writes": leg.writes,
        "flushes": leg.flushes,
        "metadata_writes": leg.metadata,
        "read_errors": leg.read_errors,
        "write_errors": leg.write_errors,
        "repaired": leg.repaired,
        "records_repaired": leg.records_repaired,
        "missed_regions": leg.missed,
        "missed_sectors": leg.missed_sectors.0,
        "by_cause": costs,
        "latency_ns": latency::leg_json(times, index),
    })
}
