//! By chance: two devices, one on the other, under requests that complete in any
//! order, are suspended, resumed, given other tables and removed in between.
//!
//! Whatever happens, each request ends once; a table is alive as long as a disk has
//! a request that went through it; and what was written is read.

use std::cell::RefCell;
use std::sync::Arc;

use bio::{Buf, ErrorKind, IoResult};
use dm::{Dm, DmError, Suspend};
use sim::{Clock, Outcome, Random, SimDisk};

use crate::bench::{
    Ended, Originator, complete, disk, dm_with_clock, extent, memory, pattern, remove, resume,
    running, suspend,
};

const SEEDS: u64 = 300;
const STEPS: usize = 400;
/// Sectors of each device.
const LENGTH: u64 = 32;

/// Tables of the lower device, all of which put a sector in the same place.
const LOWER: &[&str] = &[
    "0 32 striped 2 4 a 0 b 0",
    "0 32 striped 2 4 a 0 b 0",
    "0 4 linear a 0\n4 4 linear b 0\n8 24 striped 2 4 a 4 b 4",
];

/// The same for the upper one.
const UPPER: &[&str] = &[
    "0 32 linear low 0",
    "0 32 delay low 0 7 low 0 13",
    "0 5 linear low 0\n5 27 delay low 5 3",
    "0 32 flakey low 0 100000 1",
];

struct Load {
    seed: u64,
    random: RefCell<Random>,
    dm: Dm,
    clock: Arc<Clock>,
    disks: [Arc<SimDisk>; 2],
    originator: Originator,
    issued: u64,
    ended: Vec<(u64, IoResult)>,
    /// Suspensions, resumes and removals begun.
    changes: Vec<Ended>,
}

impl Load {
    fn new(seed: u64) -> Load {
        let (dm, clock) = dm_with_clock();
        let disks = ["a", "b"].map(|name| disk(&dm, name, 16));
        running(&dm, "low", LOWER[0]);
        running(&dm, "up", UPPER[0]);
        let originator = Originator::new(&dm, "up");
        let random = RefCell::new(Random::new(seed));
        let (ended, changes) = (Vec::new(), Vec::new());
        Load { seed, random, dm, clock, disks, originator, issued: 0, ended, changes }
    }

    fn below(&self, n: u64) -> u64 {
        self.random.borrow_mut().below(n)
    }

    fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// One thing happens.
    fn step(&mut self) {
        let name = self.pick(&["low", "up"]);
        let device = self.dm.get(name).expect("the device exists");
        match self.below(20) {
            0..6 => self.issue(),
            6..14 => _ = self.complete(),
            14..16 => _ = self.work(),
            16 => {
                let tables = if name == "low" { LOWER } else { UPPER };
                self.dm.load(name, self.pick(tables)).unwrap();
            }
            17 => {
                let how = self.pick(&[Suspend::Flush, Suspend::NoFlush]);
                self.changes.push(suspend(&device, how));
            }
            _ => self.changes.push(resume(&device)),
        }
        self.look();
    }

    fn issue(&mut self) {
        self.issued += 1;
        let start = self.below(LENGTH);
        let count = 1 + self.below(LENGTH - start);
        let buf = match self.below(8) {
            0 => Buf::flush(),
            1..4 => Buf::read(extent(start, count), memory(count)),
            _ => Buf::write(extent(start, count), pattern(start, count)),
        };
        self.originator.issue(buf, self.issued);
    }

    /// A request of a disk ends; whether one waited.
    fn complete(&self) -> bool {
        let all = self.disks.iter().map(|disk| (disk, disk.queued()));
        let waiting: Vec<_> = all.filter(|(_, queued)| *queued > 0).collect();
        if waiting.is_empty() {
            return false;
        }
        let (disk, queued) = self.pick(&waiting);
        let request = disk.pending(self.below(queued as u64) as usize).unwrap();
        disk.complete(request.id, Outcome::Ok);
        true
    }

    /// Time passes; whether somebody waited for it.
    fn work(&self) -> bool {
        let work = self.clock.work();
        if work.due + work.later > 0 {
            self.clock.run(0);
        }
        work.due + work.later > 0
    }

    /// A table is not gone while a disk has a request of it.
    fn look(&mut self) {
        self.ended.extend(self.originator.ends());
        let listed = self.dm.list();
        for (name, disk) in ["a", "b"].iter().zip(&self.disks) {
            let listed = listed.iter().find(|listed| *listed.device.name() == **name).unwrap();
            let kept = disk.queued() == 0 || listed.open > 0;
            assert!(kept, "seed {}: `{name}` has requests and is closed", self.seed);
        }
    }

    fn drain(&mut self) {
        while self.complete() || self.work() {
            self.look();
        }
        self.look();
    }

    /// All that was asked for has ended; what else was going on is no failure.
    fn check_changes(&self) {
        for change in &self.changes {
            let fine = matches!(change.now(), Ok(()) | Err(DmError::Changing));
            assert!(fine, "seed {}: {:?}", self.seed, change.now());
        }
    }

    /// Lets both devices run, the lower one first, with the tables that they have loaded.
    fn settle(&mut self) {
        // What is on its way to be suspended is resumed by a later round.
        for name in ["low", "up"].repeat(3) {
            self.changes.push(resume(&self.dm.get(name).unwrap()));
            self.drain();
        }
        self.check_changes();
    }

    fn check_ends(&self) {
        let mut tags: Vec<u64> = self.ended.iter().map(|(tag, _)| *tag).collect();
        tags.sort_unstable();
        let issued: Vec<u64> = (1..=self.issued).collect();
        assert_eq!(tags, issued, "seed {}: each ends once", self.seed);
    }
}

#[test]
fn each_request_ends_once_whatever_is_done_to_its_devices() {
    for seed in 0..SEEDS {
        let mut load = Load::new(seed);
        (0..STEPS).for_each(|_| load.step());
        load.settle();
        load.check_ends();
        let failed = load.ended.iter().filter(|(_, result)| result.is_err()).count();
        assert_eq!(failed, 0, "seed {seed}");
        for name in ["low", "up"] {
            let info = load.dm.get(name).unwrap().info();
            assert_eq!((info.in_flight, info.held), (0, 0), "seed {seed}: {name}");
        }
        load.originator.issue(Buf::write(extent(0, LENGTH), pattern(0, LENGTH)), 0);
        load.drain();
        load.originator.read(0, LENGTH);
        while load.complete() || load.work() {}
        let (buf, result) = load.originator.end();
        assert_eq!(result, Ok(()), "seed {seed}");
        assert_eq!(buf.into_read().unwrap(), pattern(0, LENGTH), "seed {seed}");
    }
}

#[test]
fn each_request_ends_once_when_its_device_is_removed() {
    let mut held = 0;
    for seed in 0..SEEDS {
        let mut load = Load::new(seed);
        (0..STEPS / 4).for_each(|_| load.step());
        assert!(matches!(remove(&load.dm, "low").now(), Err(DmError::Open(..))), "seed {seed}");
        assert!(matches!(remove(&load.dm, "up").now(), Err(DmError::Open(..))), "seed {seed}");
        let Load { originator, dm, disks, clock, issued, ended, .. } = load;
        let ends = originator.close();
        let go_on = || {
            let waits = disks.iter().find(|disk| disk.queued() > 0);
            let work = clock.work();
            match waits {
                Some(disk) => complete(disk, Outcome::Ok),
                None if work.due + work.later > 0 => clock.run(0),
                None => return false,
            }
            true
        };
        // A device between suspended and running is not removed before that has ended,
        // which may need the one below.
        let mut removals = Vec::new();
        let ended_well = |removal: &Ended| removal.is_there() && removal.now() == Ok(());
        while !removals.iter().any(ended_well) {
            assert!(removals.len() < 4, "seed {seed}: it is not removed");
            resume(&dm.get("low").unwrap());
            removals.push(remove(&dm, "up"));
            while go_on() {}
        }
        let ends = ends();
        assert_eq!((ended.len() + ends.len()) as u64, issued, "seed {seed}: each ends once");
        let gone = |end: &IoResult| end.is_err_and(|error| error.kind == ErrorKind::Gone);
        assert!(ends.iter().all(|end| end.is_ok() || gone(end)), "seed {seed}: {ends:?}");
        held += ends.iter().filter(|end| gone(end)).count();
        assert_eq!(remove(&dm, "low").now(), Ok(()), "seed {seed}: nothing keeps it open");
        assert!(dm.list().iter().all(|listed| listed.open == 0), "seed {seed}");
    }
    assert!(held > 0, "no removal met a request that was held");
}
