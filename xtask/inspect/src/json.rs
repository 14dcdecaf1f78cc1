//! The report for a program. Regions are `[first, last]`, both inclusive.

use dm_mirror::assemble::{Missed, Plan, Refusal, Role, Verdict};
use dm_mirror::format::{Bad, Member, MemberEntry, Superblock};
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::map::{Map, Regions};
use crate::report::{self, Report};

/// The whole report; with `map`, regions are listed and not only counted.
pub(crate) fn of(report: &Report, map: bool) -> Value {
    let disks: Vec<Value> = report.disks.iter().map(|it| disk(it, map)).collect();
    let left_out = report.left_out.iter().map(|disk| report.path(*disk).display().to_string());
    let left_out: Vec<String> = left_out.collect();
    json!({ "disks": disks, "left_out": left_out, "verdict": verdict(report, map) })
}

fn disk(disk: &Disk, map: bool) -> Value {
    let member = disk.member.as_ref().ok();
    let newest = member.map(|member| member.slot);
    let slots = disk.slots.iter().enumerate().map(|(slot, found)| match found {
        Ok(superblock) => json!({ "seq": superblock.seq, "newest": newest == Some(slot) }),
        Err(bad) => json!({ "bad": bad.to_string() }),
    });
    json!({
        "path": disk.path.display().to_string(),
        "sectors": disk.capacity.0,
        "slots": slots.collect::<Vec<_>>(),
        "bad": disk.member.as_ref().err().map(Bad::to_string),
        "holds_all_data": member.map(|member| disk.holds_all_data(member)),
        "in_doubt": member.map(Member::in_doubt),
        "superblock": member.map(|member| superblock(&member.superblock)),
        "map": member.map(|member| regions_of(member, map)),
    })
}

fn superblock(it: &Superblock) -> Value {
    let member = |entry: &Option<MemberEntry>| {
        entry.as_ref().map(|MemberEntry { uuid, state, base, seen }| {
            json!({
                "uuid": uuid.to_string(),
                "state": report::state(*state),
                "base": (!base.is_nil()).then(|| base.to_string()),
                "seen": seen,
            })
        })
    };
    json!({
        "seq": it.seq,
        "set": it.set.to_string(),
        "name": it.name,
        "slot": it.slot,
        "generation": it.generation.to_string(),
        "minted": { "by": it.minted.by, "session": it.minted.session },
        "history": it.history.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "version": it.version,
        "session": it.session,
        "clean": it.clean,
        "incarnation": it.incarnation,
        "region": it.geometry.region.0,
        "data_start": it.geometry.data_start.0,
        "length": it.geometry.length.0,
        "members": it.members.iter().map(member).collect::<Vec<_>>(),
    })
}

fn regions_of(member: &Member, list: bool) -> Value {
    let map = Map::of(member);
    json!({
        "regions": map.regions,
        "pages": map.pages(),
        "bad_pages": map.bad_pages,
        "alone": map.alone,
        "dirty": regions(&map.dirty, list),
        "missed": map.missed.iter().map(|it| regions(it, list)).collect::<Vec<_>>(),
    })
}

fn regions(regions: &Regions, list: bool) -> Value {
    let mut value = json!({ "count": regions.count() });
    if list {
        let ranges = regions.ranges.iter().map(|range| json!([range.start(), range.end()]));
        value["ranges"] = ranges.collect();
    }
    value
}

fn missed(missed: &Missed, list: bool) -> Value {
    match report::missed_regions(missed) {
        None => json!("everything"),
        Some(missed) => regions(&missed, list),
    }
}

fn verdict(report: &Report, list: bool) -> Value {
    match &report.verdict {
        Ok(Verdict::Start(it)) => json!({ "decision": "start", "plan": plan(report, it, list) }),
        Ok(Verdict::Hold { plan: it, missing }) => {
            let missing: Vec<u8> = missing.iter().map(|member| member.number()).collect();
            json!({ "decision": "hold", "missing": missing, "plan": plan(report, it, list) })
        }
        Ok(Verdict::Refuse(refusal)) => {
            let mut value = json!({ "decision": "refuse", "why": report.refusal(refusal) });
            if let Refusal::SplitBrain { sides, conflict } = refusal {
                let paths = |side: &Vec<usize>| -> Vec<String> {
                    side.iter().map(|disk| report.path(*disk).display().to_string()).collect()
                };
                value["sides"] = sides.iter().map(paths).collect();
                value["conflict"] = missed(conflict, list);
            }
            value
        }
        Err(why) => json!({ "decision": "refuse", "why": report.undecided(why) }),
    }
}

fn plan(report: &Report, plan: &Plan, list: bool) -> Value {
    let slot = |it: &Role| {
        let (role, disk) = report::role(it);
        let disk = disk.map(|disk| report.path(disk).display().to_string());
        let mut value = json!({ "role": role, "disk": disk });
        match it {
            Role::Return { missed: it, .. } => value["missed"] = missed(it, list),
            Role::KeptOut { why, .. } => value["why"] = json!(why),
            Role::Empty | Role::Absent | Role::Missing | Role::InSync { .. } => {}
        }
        value
    };
    json!({
        "slots": plan.roles.iter().map(slot).collect::<Vec<_>>(),
        "given_up": plan.adopt.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
