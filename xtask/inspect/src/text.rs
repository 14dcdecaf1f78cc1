//! The report for a person.

use std::fmt;

use dm_mirror::assemble::{Plan, Role, Verdict};
use dm_mirror::format::{Bad, MEMBERS_MAX, Member, MemberEntry, SLOTS, Superblock};

use crate::disk::Disk;
use crate::map::{Map, Regions};
use crate::report::{self, Report, counted, list};

/// Displays as the report; `map` lists the regions too.
pub(crate) struct Text<'a> {
    pub(crate) report: &'a Report,
    pub(crate) map: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for disk in &self.report.disks {
            self.disk(f, disk)?;
            writeln!(f)?;
        }
        self.verdict(f)
    }
}

/// A line of a disk's account.
fn line(f: &mut fmt::Formatter<'_>, what: &str, says: impl fmt::Display) -> fmt::Result {
    writeln!(f, "  {what:<14}{says}")
}

impl Text<'_> {
    fn disk(&self, f: &mut fmt::Formatter<'_>, disk: &Disk) -> fmt::Result {
        let path = disk.path.display();
        match &disk.member {
            Ok(Member { superblock: it, .. }) => {
                writeln!(f, "{path}: member {} of the mirror `{}`", it.slot, it.name)?;
            }
            Err(bad) => writeln!(f, "{path}: no member: {bad}")?,
        }
        let newest = disk.member.as_ref().ok().map(|member| member.slot);
        for slot in 0..SLOTS {
            let what = format!("superblock {}", ['A', 'B'][slot]);
            match &disk.slots[slot] {
                Ok(it) if newest == Some(slot) => line(f, &what, format!("seq {}, newest", it.seq)),
                Ok(it) => line(f, &what, format!("seq {}", it.seq)),
                Err(Bad::Blank) => line(f, &what, "blank"),
                Err(bad) => line(f, &what, format!("bad: {bad}")),
            }?;
        }
        let Ok(member) = &disk.member else { return Ok(()) };
        superblock(f, &member.superblock)?;
        if !disk.holds_all_data(member) {
            let capacity = disk.capacity;
            line(f, "too short", format!("it has {capacity} sectors, the data ends beyond"))?;
        }
        self.regions(f, &Map::of(member))
    }

    fn regions(&self, f: &mut fmt::Formatter<'_>, map: &Map) -> fmt::Result {
        let regions = counted(map.regions as usize, "region");
        line(f, "map", format!("{regions} in {}", counted(map.pages(), "page")))?;
        self.marked(f, "dirty", &map.dirty)?;
        for (slot, missed) in map.missed.iter().enumerate() {
            if missed.count() > 0 {
                self.marked(f, &format!("missed by {slot}"), missed)?;
            }
        }
        if map.alone > 0 {
            line(f, "  alone", counted(map.alone, "page"))?;
        }
        if !map.bad_pages.is_empty() {
            line(f, "bad pages", list(&map.bad_pages))?;
            self.marked(f, "unknown", &map.unknown)?;
        }
        Ok(())
    }

    fn marked(&self, f: &mut fmt::Formatter<'_>, what: &str, regions: &Regions) -> fmt::Result {
        let what = format!("  {what}");
        match regions.count() {
            0 => line(f, &what, 0),
            count if self.map => line(f, &what, format!("{count}: {regions}")),
            count => line(f, &what, count),
        }
    }

    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for disk in &self.report.left_out {
            let path = self.report.path(*disk).display();
            writeln!(f, "{path} is left out: another disk has its place.")?;
        }
        match &self.report.verdict {
            Ok(Verdict::Start(plan)) => {
                writeln!(f, "Together they start:")?;
                self.plan(f, plan)
            }
            Ok(Verdict::Hold { plan, missing }) => {
                writeln!(
                    f,
                    "Together they wait for slot {}, which may have what no disk here has. If a \
                     person says to start without:",
                    list(missing)
                )?;
                self.plan(f, plan)
            }
            Ok(Verdict::Refuse(refusal)) => {
                writeln!(f, "Nothing starts: {}.", self.report.refusal(refusal))
            }
            Err(why) => writeln!(f, "Nothing starts: {}.", self.report.undecided(why)),
        }
    }

    fn plan(&self, f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
        for (slot, role) in plan.roles.iter().enumerate() {
            let (name, disk) = report::role(role);
            let disk = disk.map(|disk| format!("{} is ", self.report.path(disk).display()));
            let disk = disk.unwrap_or_default();
            write!(f, "  slot {slot}: {disk}")?;
            match role {
                Role::Return { missed, .. } => {
                    write!(f, "{name}: it is given {}", report::missed(missed))?;
                    if let Some(regions) = report::missed_regions(missed).filter(|_| self.map) {
                        write!(f, " ({regions})")?;
                    }
                    writeln!(f)?;
                }
                Role::KeptOut { why, .. } => writeln!(f, "{name}: {why}")?,
                Role::Absent => writeln!(f, "{name}, and not needed")?,
                Role::Empty | Role::Missing | Role::InSync { .. } => writeln!(f, "{name}")?,
            }
        }
        if !plan.adopt.is_empty() {
            writeln!(f, "  given up: what was written in generation {}", list(&plan.adopt))?;
        }
        Ok(())
    }
}

fn superblock(f: &mut fmt::Formatter<'_>, it: &Superblock) -> fmt::Result {
    let geometry = it.geometry;
    let stopped = if it.clean { "stopped cleanly" } else { "not stopped cleanly" };
    line(f, "set", it.set)?;
    line(
        f,
        "generation",
        format!(
            "{}, minted by slot {} in session {}",
            it.generation, it.minted.by, it.minted.session
        ),
    )?;
    for generation in &it.history {
        line(f, "  before", generation)?;
    }
    line(f, "config", format!("version {}, session {}, {stopped}", it.version, it.session))?;
    line(
        f,
        "data",
        format!(
            "{} sectors from sector {} on, in regions of {}",
            geometry.length, geometry.data_start, geometry.region
        ),
    )?;
    let entries = (0..MEMBERS_MAX).filter_map(|slot| Some((slot, it.members[slot].as_ref()?)));
    for (slot, MemberEntry { uuid, state, base, seen }) in entries {
        let state = report::state(*state);
        let base = if base.is_nil() { String::new() } else { format!(", base {base}") };
        line(f, &format!("member {slot}"), format!("{uuid} {state}, seen {seen}{base}"))?;
    }
    Ok(())
}
