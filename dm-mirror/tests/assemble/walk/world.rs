//! The disks, a person, and what happens between two sessions.

use std::ops::AddAssign;

use bio::{Sector, Sectors};
use dm_mirror::assemble::{Plan, Refusal, Role, Verdict, assemble};
use dm_mirror::format::{
    Geometry, MEMBERS_MAX, Member, MemberEntry, MemberState, Minted, Superblock,
};
use sim::Chooser;
use uuid::Uuid;

use super::disk::{Disk, REGIONS, Value};
use super::session;
use super::truth::Truth;

/// How the person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Person {
    /// Starts without a member only if that has nothing more.
    Careful,
    /// Starts whatever is there, and keeps any side.
    Reckless,
    /// Is careful, and restores disks from snapshots.
    Restores,
}

/// How often the walk came by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) started: u64,
    pub(super) started_without: u64,
    pub(super) held: u64,
    pub(super) refused: u64,
    pub(super) chosen: u64,
    pub(super) returned: u64,
    /// Members in sync of an earlier generation.
    pub(super) interrupted: u64,
    pub(super) promoted: u64,
    pub(super) restored: u64,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Seen) {
        self.started += other.started;
        self.started_without += other.started_without;
        self.held += other.held;
        self.refused += other.refused;
        self.chosen += other.chosen;
        self.returned += other.returned;
        self.interrupted += other.interrupted;
        self.promoted += other.promoted;
        self.restored += other.restored;
    }
}

pub(super) struct World {
    pub(super) disks: Vec<Disk>,
    pub(super) truth: Truth,
    pub(super) chooser: Box<dyn Chooser>,
    pub(super) person: Person,
    pub(super) seen: Seen,
    pub(super) log: Vec<String>,
    snapshots: Vec<Option<Disk>>,
    minted: u128,
    written: Value,
}

impl World {
    pub(super) fn new(members: usize, person: Person, chooser: Box<dyn Chooser>) -> World {
        let first = Uuid::from_u128(0x1000);
        let disks: Vec<Disk> =
            (0..members).map(|slot| Disk::new(superblock(slot, members, first))).collect();
        World {
            snapshots: vec![None; members],
            disks,
            truth: Truth::new(first),
            chooser,
            person,
            seen: Seen::default(),
            log: vec![],
            minted: 0,
            written: 0,
        }
    }

    /// A generation that never was.
    pub(super) fn mint(&mut self) -> Uuid {
        self.minted += 1;
        Uuid::from_u128(0x1000 + self.minted)
    }

    /// What no write left before.
    pub(super) fn value(&mut self) -> Value {
        self.written += 1;
        self.written
    }

    /// Judges every part of the members, and runs one of them until it crashes.
    pub(super) fn start(&mut self) -> Result<(), String> {
        for part in 1..1 << self.disks.len() {
            self.judge(&slots(part))?;
        }
        let part = slots(1 + self.chooser.choose((1 << self.disks.len()) - 1, "part"));
        let verdict = assemble(&self.members(&part), None);
        self.log.push(format!("{part:?}: {verdict}"));
        if let Some(plan) = self.decided(&part, verdict) {
            self.log.push(format!("start of {:?} with {plan}", plan.newest.generation));
            session::run(self, &part, plan);
        }
        for disk in &mut self.disks {
            disk.crash(&mut *self.chooser);
        }
        self.restore();
        Ok(())
    }

    pub(super) fn members(&self, part: &[usize]) -> Vec<Option<&Member>> {
        part.iter().map(|slot| Some(&self.disks[*slot].member)).collect()
    }

    /// What the person makes of a verdict.
    fn decided(&mut self, part: &[usize], verdict: Verdict) -> Option<Plan> {
        if !self.can_judge(part) {
            return None;
        }
        match verdict {
            Verdict::Start(plan) => {
                self.seen.started += 1;
                self.count(&plan);
                Some(plan)
            }
            Verdict::Hold { plan, .. } => {
                self.seen.held += 1;
                if self.person != Person::Reckless && !self.is_last(plan.newest.generation) {
                    return None;
                }
                self.seen.started_without += 1;
                self.count(&plan);
                Some(plan)
            }
            Verdict::Refuse(Refusal::SplitBrain { sides, .. }) => {
                self.seen.refused += 1;
                let chosen = &sides[self.chooser.choose(sides.len(), "keep")];
                let is_last = |device: usize| self.is_last(self.disks[part[device]].generation());
                let side = match self.person {
                    Person::Reckless => chosen,
                    _ => sides.iter().find(|side| is_last(side[0]))?,
                };
                let keep = *side.last().expect("a half has members");
                self.seen.chosen += 1;
                match assemble(&self.members(part), Some(keep)) {
                    Verdict::Start(plan) | Verdict::Hold { plan, .. } => Some(plan),
                    Verdict::Refuse(_) => None,
                }
            }
            Verdict::Refuse(_) => None,
        }
    }

    fn count(&mut self, plan: &Plan) {
        for (slot, role) in plan.roles.iter().enumerate() {
            match role {
                Role::InSync { .. } => {
                    let same = self.disks[slot].generation() == plan.newest.generation;
                    self.seen.interrupted += u64::from(!same);
                }
                Role::Return { .. } => self.seen.returned += 1,
                _ => {}
            }
        }
    }

    /// Takes snapshots, and puts them in the place of their disks where another
    /// member that is up to date can tell.
    fn restore(&mut self) {
        if self.person != Person::Restores {
            return;
        }
        let slot = self.chooser.choose(self.disks.len(), "whose snapshot");
        match &self.snapshots[slot] {
            None => self.snapshots[slot] = Some(self.disks[slot].clone()),
            Some(snapshot) if self.has_witness_up_to_date(slot, snapshot) => {
                self.disks[slot] = snapshot.clone();
                self.disks[slot].restored = true;
                self.snapshots[slot] = None;
                self.seen.restored += 1;
                self.log
                    .push(format!("{slot} is a snapshot of {:?}", self.disks[slot].generation()));
            }
            Some(_) => {}
        }
    }

    fn has_witness_up_to_date(&self, slot: usize, snapshot: &Disk) -> bool {
        let others = self.disks.iter().enumerate().filter(|(other, _)| *other != slot);
        { others }.any(|(_, it)| is_witness(it, slot, snapshot) && self.is_last(it.generation()))
    }

    /// Whether no disk has anything that is not in this generation's past.
    fn is_last(&self, generation: Uuid) -> bool {
        self.disks.iter().all(|it| self.truth.after(generation, it.generation()).is_some())
    }

    /// Whether the disks restored among these have one beside them that can tell.
    pub(super) fn can_judge(&self, part: &[usize]) -> bool {
        let told = |slot: usize| {
            let others = part.iter().filter(|other| **other != slot);
            { others }.any(|other| is_witness(&self.disks[*other], slot, &self.disks[slot]))
        };
        part.iter().all(|slot| !self.disks[*slot].restored || told(*slot))
    }
}

/// Whether a member in sync saw more of the slot than this disk shows.
fn is_witness(it: &Disk, slot: usize, shown: &Disk) -> bool {
    let in_sync = it.superblock().own().state == MemberState::InSync;
    let entry = it.superblock().members[slot].expect("all know all");
    !it.restored && in_sync && entry.seen > shown.superblock().seq
}

fn slots(part: usize) -> Vec<usize> {
    (0..MEMBERS_MAX).filter(|slot| part >> slot & 1 == 1).collect()
}

fn superblock(slot: usize, members: usize, generation: Uuid) -> Superblock {
    let entry = |slot: usize| MemberEntry {
        uuid: Uuid::from_u128(0x2000 + slot as u128),
        state: MemberState::InSync,
        base: Uuid::nil(),
        seen: 1,
    };
    Superblock {
        seq: 1,
        set: Uuid::from_u128(1),
        name: "walk".into(),
        slot: slot as u8,
        generation,
        minted: Minted { by: 0, session: 0 },
        history: Default::default(),
        version: 1,
        session: 1,
        clean: false,
        incarnation: 1,
        geometry: Geometry {
            region: Sectors(8),
            data_start: Sector(2048),
            length: Sectors(8 * REGIONS as u64),
        },
        members: std::array::from_fn(|slot| (slot < members).then(|| entry(slot))),
    }
}
