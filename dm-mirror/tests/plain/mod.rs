//! What a mirror may make of its members, said as plainly as can be: a second opinion on
//! decisions, written from docs/format.md and docs/mirror.md.
//!
//! It does not decide. It says which decisions cannot be right, where every record is
//! whole: checksums are right, both copies are the same.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod bytes;

use bytes::{MARKS, Superblock, UNIT};
use dm_mirror::assemble::{Missed, Plan, Role, Verdict};
use dm_mirror::format::MEMBERS_MAX;

const IN_SYNC: u8 = 1;
const REBUILDING: u8 = 3;
const DIRTY: u8 = 1;

/// A member, by its records.
pub struct Plain {
    pub superblock: Superblock,
    /// The marks of each page, if it is not bad.
    pages: Vec<Option<Vec<u8>>>,
}

impl Plain {
    /// Reads a member from its metadata, of which all units are whole.
    pub fn read(metadata: &[u8]) -> Option<Plain> {
        let units: Vec<&[u8]> = metadata.chunks(UNIT).collect();
        let slots = units[..2].iter().filter_map(|unit| Superblock::read(unit));
        let superblock = slots.max_by_key(|it| it.seq)?;
        let page = |number: usize| {
            let slots = units.get(2 + 2 * number..4 + 2 * number).unwrap_or(&[]);
            let read = |unit: &&[u8]| bytes::page(unit, &superblock, number as u32);
            let newest = slots.iter().filter_map(read).max_by_key(|(seq, _)| *seq);
            newest.map(|(_, marks)| marks)
        };
        let pages = (0..units.len() / 2 - 1).map(page).collect();
        Some(Plain { superblock, pages })
    }

    fn id(&self) -> [u8; 16] {
        self.superblock.me().map_or([0; 16], |me| me.uuid)
    }

    fn state(&self) -> u8 {
        self.superblock.me().map_or(0, |me| me.state)
    }

    fn missed(&self) -> u8 {
        16 << self.superblock.own
    }

    fn entry_of(&self, other: &Plain) -> Option<bytes::Entry> {
        let entry = self.superblock.members[other.superblock.own]?;
        (entry.uuid == other.id()).then_some(entry)
    }

    /// Whether the other one's time led to this one's.
    fn remembers(&self, other: &Plain) -> bool {
        let time = other.superblock.generation;
        let base = self.entry_of(other).is_some_and(|entry| entry.base == time);
        base || self.superblock.history.contains(&time)
    }

    /// A page that is bad may have any mark.
    fn has_mark(&self, region: usize, marks: u8) -> bool {
        let page = self.pages.get(region / MARKS).and_then(Option::as_ref);
        page.is_none_or(|page| page[region % MARKS] & marks != 0)
    }

    /// A page that is bad accuses nobody.
    fn accuses(&self, it: &Plain) -> bool {
        let mut marks = self.pages.iter().flatten().flatten();
        self.entry_of(it).is_some() && marks.any(|marks| marks & it.missed() != 0)
    }

    fn has_any(&self, regions: usize, marks: u8) -> bool {
        (0..regions).any(|region| self.has_mark(region, marks))
    }
}

/// The roles of the devices, by a decision.
#[derive(Default)]
pub struct Roles {
    pub in_sync: Vec<usize>,
    pub returning: Vec<(usize, Option<Vec<usize>>)>,
}

impl Roles {
    pub fn of(plan: &Plan) -> Roles {
        let (mut in_sync, mut returning) = (Vec::new(), Vec::new());
        for role in &plan.roles[..MEMBERS_MAX] {
            match role {
                Role::InSync { device } => in_sync.push(*device),
                Role::Return { device, missed: Missed::Everything } => {
                    returning.push((*device, None));
                }
                Role::Return { device, missed: Missed::Regions(list) } => {
                    let list = list.iter().map(|region| region.0 as usize).collect();
                    returning.push((*device, Some(list)));
                }
                _ => {}
            }
        }
        Roles { in_sync, returning }
    }

    /// The devices that answer for a region by what they hold now.
    pub fn keeping(&self, region: usize) -> impl Iterator<Item = usize> {
        let keeps = move |given: &Option<Vec<usize>>| {
            given.as_ref().is_some_and(|given| !given.contains(&region))
        };
        let returning = self.returning.iter().filter(move |(_, given)| keeps(given));
        self.in_sync.iter().copied().chain(returning.map(|(device, _)| *device))
    }
}

/// Why a decision cannot be right, if it cannot. `found` are the devices in order, `regions`
/// how many the mirror has.
pub fn objection(
    found: &[Option<Plain>],
    verdict: &Verdict,
    regions: usize,
) -> Option<&'static str> {
    let (plan, starts) = match verdict {
        Verdict::Start(plan) => (plan, true),
        Verdict::Hold { plan, .. } => (plan, false),
        Verdict::Refuse(_) => return None,
    };
    let Roles { in_sync, returning } = Roles::of(plan);
    let members: Vec<&Plain> = found.iter().flatten().collect();
    let member = |device: usize| found[device].as_ref();
    let Some(all_in) = in_sync.iter().map(|it| member(*it)).collect::<Option<Vec<_>>>() else {
        return Some("a device that is no member is in sync");
    };
    if all_in.iter().any(|it| !it.superblock.has_room) {
        return Some("a member whose counters are near their end is in sync");
    }
    let evidence: Vec<&Plain> =
        { members.iter() }.copied().filter(|it| it.state() == IN_SYNC).collect();
    let put_back = |it: &Plain| {
        let saw = |by: &&Plain| by.entry_of(it).is_some_and(|at| at.seen > it.superblock.seq);
        evidence.iter().any(saw)
    };
    let uuid = plan.newest.own().uuid.into_bytes();
    let Some(newest) = members.iter().find(|it| it.id() == uuid) else {
        return Some("the newest record is nobody's");
    };
    if newest.state() != IN_SYNC || put_back(newest) {
        return Some("the newest record is no evidence");
    }
    // Whoever remembers another one's time came after it; unless its map shows that it wrote
    // nothing then, which is no matter.
    let ahead = |it: &&Plain| {
        let wrote = it.has_any(regions, DIRTY | newest.missed());
        it.remembers(newest) && !newest.remembers(it) && !put_back(it) && wrote
    };
    if evidence
        .iter()
        .any(|it| ahead(it) && it.superblock.generation != newest.superblock.generation)
    {
        return Some("another one is ahead of the newest record");
    }
    for it in &all_in {
        let same = it.superblock.generation == newest.superblock.generation;
        let before = newest.superblock.history.contains(&it.superblock.generation);
        let listed = newest.entry_of(it).is_some_and(|entry| entry.state == IN_SYNC);
        let fits = match it.state() {
            IN_SYNC => same || before,
            REBUILDING => before,
            _ => false,
        };
        if !(listed && fits) || put_back(it) {
            return Some("one is in sync that the newest record does not call so");
        }
        if all_in.len() > 1 && all_in.iter().any(|by| by.accuses(it)) {
            return Some("one is in sync that missed something");
        }
    }
    for (device, given) in &returning {
        let (Some(it), Some(given)) = (member(*device), given) else { continue };
        let by_others = |region| all_in.iter().any(|by| by.has_mark(region, DIRTY | it.missed()));
        let needs =
            |region: &usize| by_others(*region) || it.has_mark(*region, DIRTY | it.missed());
        if (0..regions).filter(needs).any(|region| !given.contains(&region)) {
            return Some("one that returns is not given all that it lacks");
        }
    }
    let there = |entry: &bytes::Entry| members.iter().any(|it| it.id() == entry.uuid);
    let mut waited_for = newest.superblock.members.iter().flatten();
    let missing = waited_for.any(|entry| entry.state == IN_SYNC && !there(entry));
    (starts && missing).then_some("nobody waits for a member that was in sync")
}
