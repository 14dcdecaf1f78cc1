//! A session: the protocol, cut off by a crash between any two steps.
//!
//! Names and order of steps follow the rules R1 to R15; data is written whole
//! regions at a time and one request after the other, which is enough for what
//! assembly has to know.

use dm_mirror::assemble::{Missed, Plan, Role};
use dm_mirror::format::{Marks, MemberId, MemberState, Superblock};
use uuid::Uuid;

use super::disk::REGIONS;
use super::world::World;

/// The machine is gone.
struct Crash;

type Alive<T = ()> = Result<T, Crash>;

/// About so many steps lie between two crashes, and two losses of a leg.
const STEPS: u32 = 150;

/// So many superblocks: a commit that reaches some members only is what matters.
const SUPERBLOCKS: u32 = 8;

struct Session<'w> {
    world: &'w mut World,
    /// What is to be committed next, or was.
    record: Superblock,
    in_sync: Vec<usize>,
    rebuilding: Vec<usize>,
    /// Legs whose next superblock names another incarnation of the map.
    blank: Vec<usize>,
    /// Legs that answered nothing, whose exclusion is not durable.
    failed: Vec<usize>,
    /// The generation that each member durably had when it was written last.
    durable: Vec<Uuid>,
    /// The map in memory.
    marks: [Marks; REGIONS],
    needsync: [bool; REGIONS],
    /// All legs were flushed since the last write there.
    flushed: [bool; REGIONS],
}

/// Runs the mirror as planned, with what is not there excluded, to its crash.
pub(super) fn run(world: &mut World, part: &[usize], plan: Plan) {
    let mut session = Session::new(world, &plan);
    let _: Alive = session.start(part, &plan).and_then(|()| {
        loop {
            session.act()?;
        }
    });
}

impl<'w> Session<'w> {
    fn new(world: &'w mut World, plan: &Plan) -> Session<'w> {
        let slots = 0..world.disks.len();
        let in_sync: Vec<usize> =
            slots.filter(|slot| matches!(plan.roles[*slot], Role::InSync { .. })).collect();
        let durable = world.disks.iter().map(|disk| disk.generation()).collect();
        let known = in_sync
            .iter()
            .fold(Marks::empty(), |marks, slot| marks | Marks::missed(MemberId::new(*slot)));
        let merged = |region| {
            let all = in_sync.iter().map(|slot| world.disks[*slot].marks(region));
            all.fold(Marks::empty(), |marks, more| marks | more).difference(known)
        };
        let marks: [Marks; REGIONS] = std::array::from_fn(merged);
        Session {
            needsync: marks.map(|marks| marks.contains(Marks::DIRTY)),
            marks,
            flushed: [false; REGIONS],
            record: plan.newest.clone(),
            blank: vec![],
            failed: vec![],
            rebuilding: vec![],
            durable,
            in_sync,
            world,
        }
    }

    /// Something may end here.
    fn step(&mut self) -> Alive {
        if self.world.chooser.rarely(STEPS, "crash") { Err(Crash) } else { Ok(()) }
    }

    /// Whether a leg does what it is asked; the last one in sync always does.
    fn answers(&mut self, leg: usize) -> Alive<bool> {
        self.step()?;
        let others = self.in_sync.iter().filter(|it| **it != leg && !self.failed.contains(it));
        let last = others.count() == 0;
        if !last && !self.failed.contains(&leg) && self.world.chooser.rarely(STEPS, "leg lost") {
            self.world.log.push(format!("{leg} is lost"));
            self.failed.push(leg);
        }
        Ok(!self.failed.contains(&leg))
    }

    /// Legs that take writes, in any order.
    fn writable(&mut self) -> Vec<usize> {
        let legs = [&self.in_sync[..], &self.rebuilding].concat();
        self.shuffled(legs)
    }

    fn shuffled(&mut self, mut legs: Vec<usize>) -> Vec<usize> {
        for n in (1..legs.len()).rev() {
            legs.swap(n, self.world.chooser.choose(n + 1, "order"));
        }
        legs
    }

    /// R15, R10: what returns is marked in the maps of those in sync before a record
    /// names it, and in their records before its own. Of one that is given
    /// everything, the map counts for nothing from then on.
    fn start(&mut self, part: &[usize], plan: &Plan) -> Alive {
        let mut returning = vec![];
        for (slot, role) in plan.roles.iter().enumerate() {
            let Role::Return { missed, .. } = role else { continue };
            returning.push((slot, *missed == Missed::Everything));
            for region in 0..REGIONS {
                if needs(missed, region) {
                    self.marks[region] |= Marks::missed(MemberId::new(slot));
                }
            }
        }
        let missed = returning.iter().map(|(slot, _)| Marks::missed(MemberId::new(*slot)));
        let missed = missed.fold(Marks::empty(), |marks, more| marks | more);
        for leg in self.in_sync.clone() {
            self.step()?;
            let disk = &mut self.world.disks[leg];
            for region in 0..REGIONS {
                disk.record(region, disk.marks(region) | self.marks[region] & missed);
            }
        }
        self.begin_record(part, plan);
        self.commit()?;
        for (slot, blank) in returning {
            self.blank.extend(blank.then_some(slot));
            self.commit_on(slot)?;
            self.rebuilding.push(slot);
        }
        self.exclude()
    }

    /// The first record of the session.
    fn begin_record(&mut self, part: &[usize], plan: &Plan) {
        let mut without = false;
        for (slot, role) in plan.roles.iter().enumerate() {
            let Some(entry) = &mut self.record.members[slot] else { continue };
            if part.contains(&slot) {
                entry.seen = entry.seen.max(self.world.disks[slot].superblock().seq);
            }
            without |= entry.state == MemberState::InSync && !self.in_sync.contains(&slot);
            match role {
                Role::Missing => {
                    (entry.state, entry.base) = (MemberState::Out, self.record.generation);
                }
                Role::Return { .. } => entry.state = MemberState::Rebuilding,
                _ => {}
            }
        }
        self.record.session += 1;
        self.record.version += 1;
        if without || !plan.adopt.is_empty() {
            self.mint(&plan.adopt);
        }
    }

    fn mint(&mut self, adopt: &[Uuid]) {
        let (new, old) = (self.world.mint(), self.record.generation);
        self.world.truth.minted(new, old, adopt.to_vec());
        for generation in adopt.iter().copied().chain([old]) {
            let history = &mut self.record.history;
            history.truncate(history.capacity() - 1);
            history.insert(0, generation);
        }
        self.record.generation = new;
        self.world.log.push(format!("{new:?} follows {old:?}, against {adopt:?}"));
    }

    /// Writes the record on every member in sync, or excludes it.
    fn commit(&mut self) -> Alive {
        for leg in self.shuffled(self.in_sync.clone()) {
            self.commit_on(leg)?;
        }
        self.exclude()
    }

    /// The superblock of one member. Its number is larger than any that was seen
    /// of it, or a snapshot would stay one.
    fn commit_on(&mut self, leg: usize) -> Alive {
        if self.failed.contains(&leg) {
            return Ok(());
        }
        let entry = self.record.members[leg].as_mut().expect("a member");
        let disk = &mut self.world.disks[leg];
        let seq = entry.seen.max(disk.superblock().seq) + 1;
        let told = Superblock { seq, slot: leg as u8, ..self.record.clone() };
        if self.world.chooser.rarely(SUPERBLOCKS, "crash before a superblock") {
            return Err(Crash);
        }
        let disk = &mut self.world.disks[leg];
        (disk.member.superblock, disk.restored) = (told, false);
        if self.blank.contains(&leg) {
            disk.forget_map();
            self.blank.retain(|it| *it != leg);
        }
        if self.answers(leg)? {
            self.record.members[leg].as_mut().expect("a member").seen = seq;
            self.durable[leg] = self.record.generation;
        }
        Ok(())
    }

    fn write_map(&mut self, leg: usize) -> Alive {
        if self.answers(leg)? {
            for region in 0..REGIONS {
                self.world.disks[leg].record(region, self.marks[region]);
            }
        }
        Ok(())
    }

    /// R4, R10: makes every exclusion durable on all survivors.
    fn exclude(&mut self) -> Alive {
        while !self.failed.is_empty() {
            for leg in std::mem::take(&mut self.failed) {
                self.in_sync.retain(|it| *it != leg);
                self.rebuilding.retain(|it| *it != leg);
                let entry = self.record.members[leg].as_mut().expect("a member");
                (entry.state, entry.base) = (MemberState::Out, self.durable[leg]);
            }
            self.mint(&[]);
            self.record.version += 1;
            for leg in self.shuffled(self.in_sync.clone()) {
                self.commit_on(leg)?;
            }
            for leg in self.rebuilding.clone() {
                self.commit_on(leg)?;
            }
        }
        Ok(())
    }

    fn act(&mut self) -> Alive {
        let region = self.world.chooser.choose(REGIONS, "region");
        match self.world.chooser.choose(8, "what next") {
            0 | 1 => self.write(region)?,
            2 => self.flush()?,
            3 => self.clean(region)?,
            4 => self.resync(region)?,
            5 | 6 => self.copy(region)?,
            _ => self.promote()?,
        }
        self.exclude()
    }

    /// R1: the own intent of a leg first. What is in flight at a crash is on any
    /// legs.
    fn write(&mut self, region: usize) -> Alive {
        let value = self.world.value();
        self.world.log.push(format!("write {value} to {region}"));
        self.world.truth.may_hold(self.record.generation, region, value);
        self.marks[region] |= Marks::DIRTY;
        self.flushed[region] = false;
        for leg in self.writable() {
            self.put(leg, region, value)?;
        }
        self.exclude()?;
        self.world.truth.acknowledged(self.record.generation);
        Ok(())
    }

    fn put(&mut self, leg: usize, region: usize, value: u64) -> Alive {
        if self.answers(leg)? {
            // The other regions of the page are recorded too, or are of another one.
            if self.world.disks[leg].is_blank() || self.world.chooser.rarely(2, "one page") {
                self.write_map(leg)?;
            }
            let World { disks, chooser, .. } = self.world;
            disks[leg].record(region, self.marks[region]);
            if chooser.rarely(STEPS, "crash after the intent") {
                return Err(Crash);
            }
            disks[leg].write(region, value, &mut **chooser);
        }
        Ok(())
    }

    /// R4: acknowledged when every failure is durably known.
    fn flush(&mut self) -> Alive {
        for leg in self.writable() {
            if self.answers(leg)? {
                self.world.disks[leg].flush();
            }
        }
        self.exclude()?;
        for region in 0..REGIONS {
            if !self.needsync[region] {
                self.settle(region);
            }
        }
        self.flushed = [true; REGIONS];
        Ok(())
    }

    fn settle(&mut self, region: usize) {
        let value = self.world.disks[self.in_sync[0]].read(region);
        let same = |leg: &usize| self.world.disks[*leg].read(region) == value;
        assert!(self.in_sync.iter().all(same), "the walk itself lets legs differ");
        self.world.truth.settled(self.record.generation, region, value);
    }

    /// R5: with the marks of all who are not in sync, in the same record.
    fn clean(&mut self, region: usize) -> Alive {
        let dirty = self.marks[region].contains(Marks::DIRTY);
        if !dirty || !self.flushed[region] || self.needsync[region] {
            return Ok(());
        }
        let others = (0..self.world.disks.len())
            .filter(|slot| !self.in_sync.contains(slot) && !self.rebuilding.contains(slot));
        let missed =
            others.fold(Marks::empty(), |marks, slot| marks | Marks::missed(MemberId::new(slot)));
        self.marks[region] = self.marks[region].difference(Marks::DIRTY) | missed;
        for leg in self.writable() {
            if self.answers(leg)? {
                self.world.disks[leg].record(region, self.marks[region]);
            }
        }
        Ok(())
    }

    /// R6, R7: from any leg in sync to the others, before anything is answered.
    fn resync(&mut self, region: usize) -> Alive {
        if !self.needsync[region] {
            return Ok(());
        }
        let source = self.in_sync[self.world.chooser.choose(self.in_sync.len(), "source")];
        let value = self.world.disks[source].read(region);
        for leg in self.shuffled(self.in_sync.clone()) {
            if leg != source {
                self.put(leg, region, value)?;
            }
        }
        for leg in self.in_sync.clone() {
            if self.answers(leg)? {
                self.world.disks[leg].flush();
            }
        }
        self.exclude()?;
        self.needsync[region] = false;
        self.settle(region);
        Ok(())
    }

    /// A copy is a write to the rebuilding leg, and it is what a clean record is
    /// about too.
    fn copy(&mut self, region: usize) -> Alive {
        let missing =
            |slot: &&usize| self.marks[region].contains(Marks::missed(MemberId::new(**slot)));
        let Some(&leg) = self.rebuilding.iter().find(missing) else { return Ok(()) };
        if self.needsync[region] {
            return Ok(());
        }
        let value = self.world.disks[self.in_sync[0]].read(region);
        self.marks[region] |= Marks::DIRTY;
        self.flushed[region] = false;
        self.put(leg, region, value)?;
        if self.answers(leg)? {
            self.world.disks[leg].flush();
            self.marks[region].remove(Marks::missed(MemberId::new(leg)));
        }
        Ok(())
    }

    /// R15: with a map that says of the others what it is to say, and no map that says of
    /// it that it missed something. Durable on every
    /// member in sync first, on the target after them, and on
    /// others that are being rebuilt: they are of the present generation.
    fn promote(&mut self) -> Alive {
        let missing =
            |slot| self.marks.iter().any(|it| it.contains(Marks::missed(MemberId::new(slot))));
        let Some(&leg) = self.rebuilding.iter().find(|it| !missing(**it)) else { return Ok(()) };
        for it in self.in_sync.clone().into_iter().chain([leg]) {
            if self.answers(it)? {
                self.write_map(it)?;
            }
        }
        self.exclude()?;
        if !self.rebuilding.contains(&leg) || !self.answers(leg)? {
            return Ok(());
        }
        self.world.disks[leg].flush();
        let entry = self.record.members[leg].as_mut().expect("a member");
        (entry.state, entry.base) = (MemberState::InSync, Uuid::nil());
        self.record.version += 1;
        self.mint(&[]);
        self.commit()?;
        if !self.rebuilding.contains(&leg) {
            return Ok(());
        }
        for leg in self.rebuilding.clone() {
            self.commit_on(leg)?;
        }
        if !self.failed.contains(&leg) {
            self.rebuilding.retain(|it| *it != leg);
            self.in_sync.push(leg);
            self.world.seen.promoted += 1;
        }
        Ok(())
    }
}

fn needs(missed: &Missed, region: usize) -> bool {
    match missed {
        Missed::Everything => true,
        Missed::Regions(regions) => regions.iter().any(|it| it.0 as usize == region),
    }
}
