//! A recorded mirror over labelled disks: every leg has a superblock and a map,
//! and a test can look at what is durable there, pull the plug and start again.
//!
//! Place: a [`Rig`] with more to it, and its helpers hold here too, but for two:
//! [`Recorded::settle`] runs no work that wanted a delay (the cleaner), and
//! [`Recorded::pass`] lets time pass.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bio::{BlockDevice, BufCmd, ErrorKind, Limits, SECTOR_SIZE, Sector};
use dm::Events;
use dm_mirror::format::{
    Marks, Member, MemberId, MemberState, Region, SLOTS, Superblock, newest_of, superblock_place,
};
use dm_mirror::label::{Ids, uuid_from};
use sim::{Chooser, Landed, Outcome, Replay, SimDisk, Trace};

use super::{LENGTH, Later, Rig, at_once, create, labels, watch_locks};

/// Where the data begins on each leg: two superblock slots, one page of the map
/// in two slots.
pub const DATA: u64 = 32;

/// The size of a region: [`LENGTH`] has eight of them.
pub const REGION: u64 = 8;

/// More rounds than anything here takes: it has run into a circle.
const ROUNDS_MAX: usize = 20_000;

/// What a leg is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Super,
    Map,
    Data,
    Read,
    Flush,
}

/// What of a leg's cache survives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// What was flushed.
    Durable,
    /// Everything that it was ever given.
    All,
    /// Of every second sector what was flushed, of the others the newest.
    Torn,
}

struct Newest(Trace);

/// Says the last and the first in turn.
struct InTurn(Trace, bool);

impl Chooser for InTurn {
    fn choose(&mut self, n: usize, _what: &'static str) -> usize {
        self.1 = !self.1;
        if self.1 { n - 1 } else { 0 }
    }
    fn trace(&self) -> &Trace {
        &self.0
    }
}

impl Chooser for Newest {
    fn choose(&mut self, n: usize, _what: &'static str) -> usize {
        n - 1
    }
    fn trace(&self) -> &Trace {
        &self.0
    }
}

impl Survives {
    /// Decides so.
    pub fn chooser(self) -> Box<dyn Chooser> {
        match self {
            Survives::Durable => Box::new(Replay::new(Vec::new())),
            Survives::All => Box::new(Newest(Trace::default())),
            Survives::Torn => Box::new(InTurn(Trace::default(), false)),
        }
    }
}

/// A mirror that remembers.
pub struct Recorded(pub(super) Rig);

impl Deref for Recorded {
    type Target = Rig;
    fn deref(&self) -> &Rig {
        &self.0
    }
}

impl DerefMut for Recorded {
    fn deref_mut(&mut self) -> &mut Rig {
        &mut self.0
    }
}

impl Recorded {
    /// A new mirror of equal legs that has started.
    pub fn new(legs: usize) -> Recorded {
        Recorded::with_limits(legs, Limits::default())
    }

    /// The same over disks like this.
    pub fn with_limits(legs: usize, limits: Limits) -> Recorded {
        let rig = Recorded::made(labels::ids(legs), true, limits);
        rig.settle();
        assert_eq!(rig.letters(), "A".repeat(legs));
        rig
    }

    /// A mirror of 1 whose leg 1 is out, and missed a write of 2 to the regions 0
    /// and 4.
    pub fn leg_out(legs: usize) -> Recorded {
        let mut rig = Recorded::new(legs);
        rig.put(0, LENGTH, 1);
        rig.rest();
        rig.lose(1);
        rig.put(0, 1, 2);
        rig.put(32, 1, 2);
        rig.sync();
        rig
    }

    /// A new mirror that is about to start; unless `clean`, legs are to be made
    /// equal first.
    pub fn labelled(legs: usize, clean: bool) -> Recorded {
        Recorded::made(labels::ids(legs), clean, Limits::default())
    }

    /// The same, with identities that come of `dice`.
    pub fn labelled_as(dice: u64, legs: usize, clean: bool) -> Recorded {
        Recorded::made(labels::ids_of(dice, legs), clean, Limits::default())
    }

    fn made(ids: Ids, clean: bool, limits: Limits) -> Recorded {
        let (legs, disks) = (ids.members.len(), labels::disks(&ids, clean, limits));
        Recorded::over(disks, &vec![true; legs], "", 0)
    }

    /// The disk of a leg is labelled anew in its old place, as another member of
    /// the same set.
    pub fn label_anew(&self, leg: usize) {
        let mut ids = labels::ids(self.disks.len());
        ids.members[leg] = uuid_from(|| 1);
        labels::put(&self.disks[leg], leg, &ids, true);
    }

    /// All that is on a leg's medium.
    pub fn snapshot(&self, leg: usize) -> Vec<u8> {
        self.durable_bytes(leg, 0, DATA + LENGTH)
    }

    /// A leg's disk is again as it was.
    pub fn restore(&self, leg: usize, snapshot: &[u8]) {
        self.disks[leg].preset(Sector(0), snapshot);
    }

    /// A mirror over these disks, of which the table names those that are
    /// `there`, with a table that ends in `features`; about to start.
    pub fn over(disks: Vec<Arc<SimDisk>>, there: &[bool], features: &str, dice: u64) -> Recorded {
        let name = |leg| if there[leg] { format!(" vbd{leg} 0") } else { " - 0".into() };
        let names: String = (0..disks.len()).map(name).collect();
        Recorded::of_legs(disks, &names, features, dice)
    }

    /// A mirror over these disks, with a table that names these legs (each a space, a
    /// device, a space and an offset) and ends in `features`; about to start.
    pub fn of_legs(disks: Vec<Arc<SimDisk>>, legs: &str, features: &str, dice: u64) -> Recorded {
        let count = legs.split_whitespace().count() / 2;
        let args = format!("internal 0 {count}{legs}{features}");
        Recorded::by_table(disks, LENGTH, &args, dice)
    }

    /// A mirror of `length` sectors by the words of its table, about to start.
    pub fn by_table(disks: Vec<Arc<SimDisk>>, length: u64, args: &str, dice: u64) -> Recorded {
        watch_locks();
        let devices: Vec<_> =
            disks.iter().map(|disk| disk.clone() as Arc<dyn BlockDevice>).collect();
        let later = Arc::new(Later { dice: dice.into(), ..Later::default() });
        let events = Arc::new(Events::logged(later.clone(), "m"));
        let target = create(args, &devices, length, later.clone(), Arc::clone(&events)).unwrap();
        if !args.contains("sync_rate") {
            at_once(&*target);
        }
        target.resume();
        Recorded(Rig { disks, events, later, target, client: Arc::default(), tags: 0 })
    }

    /// Power is lost on every leg, and comes back; the mirror is about to start.
    pub fn crash(self, survives: &[Survives]) -> Recorded {
        let there = vec![true; self.disks.len()];
        self.crash_and_start(survives, &there, "")
    }

    /// The same, with the legs that are `there` afterwards, and other features.
    pub fn crash_and_start(
        self,
        survives: &[Survives],
        there: &[bool],
        features: &str,
    ) -> Recorded {
        let cut = |(disk, it): (&Arc<SimDisk>, &Survives)| disk.crash(&mut *it.chooser());
        let disks = self.disks.iter().zip(survives).map(cut).collect();
        self.start_over(disks, there, features)
    }

    /// The machine goes down and starts again, and the disks keep their power.
    pub fn reset(self) -> Recorded {
        let kept = |disk: &Arc<SimDisk>| disk.reset(&mut *Survives::All.chooser());
        let disks = self.disks.iter().map(kept).collect();
        let there = vec![true; self.disks.len()];
        self.start_over(disks, &there, "")
    }

    fn start_over(self, disks: Vec<Arc<SimDisk>>, there: &[bool], features: &str) -> Recorded {
        let dice = self.later.dice.load(Ordering::Relaxed);
        // The machine is off: nothing of it runs again, not even its destructors.
        mem::forget(self);
        Recorded::over(disks, there, features, dice)
    }

    /// Stops the mirror. Whether that came to an end.
    pub fn stop(&self) -> bool {
        let is_over = self.suspend();
        self.settle();
        is_over()
    }

    /// A clean stop and a start with the legs that are `there`.
    pub fn stop_and_start(self, there: &[bool]) -> Recorded {
        assert!(self.stop());
        self.made_anew(there)
    }

    /// Another mirror over the legs that are `there`, which knows nothing of this one.
    pub fn made_anew(self, there: &[bool]) -> Recorded {
        let (disks, dice) = (self.disks.clone(), self.later.dice.load(Ordering::Relaxed));
        drop(self);
        Recorded::over(disks, there, "", dice)
    }

    /// Completes everything with success, and runs all work that wants no delay.
    pub fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            if !self.step() {
                return;
            }
        }
        panic!("it never comes to rest:\n{}", self.message("show").unwrap());
    }

    /// The next thing happens, of those that [`settle`](Recorded::settle) has
    /// happen. Whether there was one.
    pub fn step(&self) -> bool {
        self.complete_one() || self.later.one_now()
    }

    /// So many steps, or as many as there are.
    pub fn steps(&self, count: usize) {
        for _ in 0..count {
            self.step();
        }
    }

    /// Steps until this holds.
    pub fn until(&self, what: impl Fn(&Recorded) -> bool) {
        while !what(self) {
            assert!(self.step(), "it never came:\n{}", self.message("show").unwrap());
        }
    }

    /// Completes nothing, but runs all work that wants no delay.
    pub fn work_now(&self) {
        while self.later.one_now() {}
    }

    /// Whether it serves requests.
    pub fn runs(&self) -> bool {
        let status = self.target.status();
        !["starting", "held", "refused"].iter().any(|word| status.ends_with(word))
    }

    /// The letters of the status, also where it does not run.
    pub fn states(&self) -> String {
        let legs = self.disks.len();
        self.target.status().split(' ').nth(legs + 3).unwrap().to_owned()
    }

    fn complete_one(&self) -> bool {
        let leg = (0..self.disks.len()).find(|&leg| self.disks[leg].queued() > 0);
        leg.map(|leg| self.ok(leg)).is_some()
    }

    /// As [`step`](Recorded::step), but requests of this kind wait on `held`.
    pub fn step_without(&self, held: usize, kind: Ask) -> bool {
        let may = |leg: usize| self.asks(leg).into_iter().find(|it| leg != held || *it != kind);
        match (0..self.disks.len()).find_map(|leg| Some((leg, may(leg)?))) {
            Some((leg, next)) => self.end_ask(leg, next, Outcome::Ok),
            None => return self.later.one_now(),
        }
        true
    }

    /// Time passes: whatever was put off until now runs once.
    pub fn pass(&self) {
        for _ in 0..self.later.len() {
            self.later.one();
        }
    }

    /// The cleaner looks once, so that each page stands twice.
    pub fn twice(&self) {
        self.pass();
        self.settle();
    }

    /// Time passes until nothing is left to be done.
    pub fn rest(&self) {
        for _ in 0..100 {
            self.settle();
            if self.later.len() == 0 {
                return;
            }
            self.pass();
        }
        panic!("it never rests:\n{}", self.message("show").unwrap());
    }

    /// Steps until this holds; time passes where nothing else happens.
    pub fn until_passed(&self, mut what: impl FnMut(&Recorded) -> bool) {
        for _ in 0..ROUNDS_MAX {
            if what(self) {
                return;
            }
            if !self.step() {
                self.pass();
            }
        }
        panic!("it never came:\n{}", self.message("show").unwrap());
    }

    /// Time passes so often, whether or not anything is left to be done.
    pub fn rest_for(&self, times: usize) {
        for _ in 0..times {
            self.settle();
            self.pass();
        }
        self.settle();
    }

    /// What a leg is asked for, oldest first.
    pub fn asks(&self, leg: usize) -> Vec<Ask> {
        let disk = &self.disks[leg];
        (0..disk.queued()).map(|index| ask(&disk.pending(index).unwrap())).collect()
    }

    /// Ends the oldest request of this kind that waits on a leg.
    pub fn end_ask(&self, leg: usize, kind: Ask, outcome: Outcome) {
        let disk = &self.disks[leg];
        let mut pending = (0..disk.queued()).map(|index| disk.pending(index).unwrap());
        let Some(it) = pending.find(|it| ask(it) == kind) else {
            panic!("no {kind:?} on leg {leg}: {:?}", self.asks(leg));
        };
        disk.complete(it.id, outcome);
    }

    /// Completes what waits on a leg, if it is exactly this.
    pub fn did(&self, leg: usize, kinds: &[Ask]) {
        assert_eq!(self.asks(leg), kinds, "leg {leg}");
        kinds.iter().for_each(|kind| self.end_ask(leg, *kind, Outcome::Ok));
    }

    /// The next request of this kind on a leg fails.
    pub fn fail_ask(&self, leg: usize, kind: Ask) {
        self.end_ask(leg, kind, Outcome::Fail(ErrorKind::Media, Landed::None));
    }

    /// Completes requests on this leg alone until it has none.
    pub fn settle_leg(&self, leg: usize) {
        while self.disks[leg].queued() > 0 {
            self.ok(leg);
        }
    }

    /// A write and all it takes, but no cleaning.
    pub fn put(&mut self, start: u64, count: u64, value: u8) {
        let tag = self.write(start, count, value);
        self.settle();
        assert_eq!(self.end(tag), Some(Ok(())));
    }

    pub fn get(&mut self, start: u64, count: u64) -> u8 {
        let tag = self.read(start, count);
        self.settle();
        self.value(tag)
    }

    pub fn sync(&mut self) {
        let tag = self.flush();
        self.settle();
        assert_eq!(self.end(tag), Some(Ok(())));
    }

    /// A flush that fails, though all legs do what they are asked.
    pub fn flush_fails(&mut self) {
        let flush = self.flush();
        self.settle();
        assert_eq!(self.error(flush), ErrorKind::Media);
    }

    fn durable_bytes(&self, leg: usize, start: u64, count: u64) -> Vec<u8> {
        let mut bytes = vec![0; count as usize * SECTOR_SIZE];
        for (sector, at) in bytes.chunks_mut(SECTOR_SIZE).zip(start..) {
            self.disks[leg].durable(Sector(at)).fill(sector);
        }
        bytes
    }

    /// The member that a crash would leave of a leg, if its cache is lost.
    pub fn member(&self, leg: usize) -> Member {
        let slot = |slot| {
            let place = superblock_place(slot);
            self.durable_bytes(leg, place.start().0, place.count().0)
        };
        let slots: [Vec<u8>; SLOTS] = std::array::from_fn(slot);
        let newest = newest_of([&slots[0], &slots[1]]).unwrap();
        let place = newest.superblock.geometry.map_place();
        let map = self.durable_bytes(leg, place.start().0, place.count().0);
        Member::from_bytes(newest, &map).unwrap()
    }

    /// A leg's durable superblock.
    pub fn superblock(&self, leg: usize) -> Superblock {
        self.member(leg).superblock
    }

    /// What a leg's durable superblock says of another.
    pub fn says(&self, leg: usize, of: usize) -> MemberState {
        self.superblock(leg).members[of].as_ref().unwrap().state
    }

    /// What a leg's durable map says of a region.
    pub fn marks(&self, leg: usize, region: u32) -> Marks {
        self.member(leg).marks(Region(region)).expect("a page that can be read")
    }

    pub fn dirty(&self, leg: usize, region: u32) -> bool {
        self.marks(leg, region).contains(Marks::DIRTY)
    }

    pub fn missed(&self, leg: usize, region: u32, by: usize) -> bool {
        self.marks(leg, region).contains(Marks::missed(MemberId::new(by)))
    }

    /// The first byte of a data sector, as a leg would read it.
    pub fn holds(&self, leg: usize, sector: u64) -> u8 {
        first(&self.disks[leg].contents(Sector(DATA + sector)))
    }

    /// The first byte of a data sector on a leg's medium.
    pub fn keeps(&self, leg: usize, sector: u64) -> u8 {
        first(&self.disks[leg].durable(Sector(DATA + sector)))
    }

    /// Whether two legs hold the same data.
    pub fn agree(&self, a: usize, b: usize) -> bool {
        let contents = |leg: usize, at| self.disks[leg].contents(Sector(DATA + at));
        (0..LENGTH).all(|at| contents(a, at) == contents(b, at))
    }
}

fn first(content: &sim::Content) -> u8 {
    let mut sector = [0; SECTOR_SIZE];
    content.fill(&mut sector);
    sector[0]
}

fn ask(pending: &sim::Pending) -> Ask {
    let start = pending.extent.start().0;
    match pending.cmd {
        BufCmd::Flush => Ask::Flush,
        BufCmd::Read => Ask::Read,
        _ if start < superblock_place(SLOTS).start().0 => Ask::Super,
        _ if start < DATA => Ask::Map,
        _ => Ask::Data,
    }
}
