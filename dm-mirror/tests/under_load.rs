//! A mirror with records whose table is suspended, swapped and removed while
//! requests are in flight: each of them ends once, and none is lost.

mod rig;

use std::sync::{Arc, Mutex};

use bio::{Bio, BlockDevice, Buf, BufDone, ErrorKind, IoResult, Limits, SECTOR_SIZE, Sector};
use bytes::BytesMut;
use dm::{Dm, DmError, Suspend};
use dm_mirror::MirrorType;
use rig::recorded::{DATA, REGION};
use rig::{LENGTH, Later, extent, labels};
use sim::{Outcome, SimDisk};

const TABLE: &str = "0 64 mirror internal 0 2 d0 0 d1 0";

/// How requests ended, and what reads returned first.
#[derive(Default)]
struct Ends(Mutex<Vec<(u64, IoResult, Option<u8>)>>);

impl BufDone for Ends {
    fn buf_done(self: Arc<Self>, buf: Buf, tag: u64, result: IoResult) {
        let value = buf.into_read().map(|memory| memory[0]);
        self.0.lock().unwrap().push((tag, result, value));
    }
}

/// The mirror `m` over the disks `d0` and `d1`, and its user.
struct Stack {
    dm: Arc<Dm>,
    later: Arc<Later>,
    disks: Vec<Arc<SimDisk>>,
    ends: Arc<Ends>,
    tags: u64,
}

fn fine(result: Result<(), DmError>) {
    assert_eq!(result, Ok(()));
}

impl Stack {
    fn new() -> Stack {
        rig::watch_locks();
        let later = Arc::new(Later::default());
        let dm = Arc::new(Dm::new(later.clone()));
        dm.add_type(Arc::new(MirrorType)).unwrap();
        let disks = labels::disks(&labels::ids(2), true, Limits::default());
        for (index, disk) in disks.iter().enumerate() {
            dm.add_disk(&format!("d{index}"), disk.clone()).unwrap();
        }
        let device = dm.create("m").unwrap();
        dm.load("m", TABLE).unwrap();
        device.resume(Box::new(fine));
        Stack { dm, later, disks, ends: Arc::default(), tags: 0 }
    }

    /// Issues a request; tags count from 1.
    fn issue(&mut self, buf: Buf) {
        self.tags += 1;
        let bio = Bio::new(buf, self.ends.clone(), self.tags);
        match self.dm.get("m") {
            Ok(device) => device.strategy(bio),
            Err(_) => bio.fail(ErrorKind::Gone),
        }
    }

    /// A write to each region, a read of each, and a flush.
    fn load(&mut self, value: u8) {
        for region in 0..LENGTH / REGION {
            let bytes = vec![value; 2 * SECTOR_SIZE];
            self.issue(Buf::write(extent(region * REGION + 3, 2), bytes.into()));
            let memory = BytesMut::zeroed(SECTOR_SIZE);
            self.issue(Buf::read(extent(region * REGION + 3, 1), memory));
        }
        self.issue(Buf::flush());
    }

    /// The next thing happens; whether there was one.
    fn step(&self) -> bool {
        match self.disks.iter().find_map(|disk| Some((disk, disk.pending(0)?))) {
            Some((disk, request)) => disk.complete(request.id, Outcome::Ok),
            None => return self.later.one(),
        }
        true
    }

    fn drain(&self) {
        while self.step() {}
    }

    /// How each request ended: once, and all of them.
    fn results(&self) -> Vec<IoResult> {
        let mut ends = self.ends.0.lock().unwrap().clone();
        ends.sort_by_key(|(tag, ..)| *tag);
        let tags: Vec<u64> = ends.iter().map(|(tag, ..)| *tag).collect();
        assert_eq!(tags, (1..=self.tags).collect::<Vec<_>>());
        ends.into_iter().map(|(_, result, _)| result).collect()
    }

    /// Reads answered by what had been written by then, in order.
    fn answers(&self) -> Vec<u8> {
        let mut ends = self.ends.0.lock().unwrap().clone();
        ends.sort_by_key(|(tag, ..)| *tag);
        ends.into_iter().filter_map(|(_, _, value)| value).collect()
    }

    /// Both legs have this in every region.
    fn hold(&self, value: u8) -> bool {
        let mut sector = [0; SECTOR_SIZE];
        (0..LENGTH / REGION).all(|region| {
            self.disks.iter().all(|disk| {
                disk.contents(Sector(DATA + region * REGION + 3)).fill(&mut sector);
                sector == [value; SECTOR_SIZE]
            })
        })
    }
}

/// Changes the table after every number of steps of a load, with more load behind it.
fn under_load(change: impl Fn(&Stack)) {
    for steps in 0..120 {
        let mut stack = Stack::new();
        stack.drain();
        stack.load(1);
        (0..steps).for_each(|_| _ = stack.step());
        change(&stack);
        stack.load(2);
        stack.drain();
        stack.dm.get("m").unwrap().resume(Box::new(|_| ()));
        stack.drain();
        assert!(stack.results().iter().all(Result::is_ok), "after {steps}");
        let expected = [[1; 8], [2; 8]].concat();
        assert_eq!(stack.answers(), expected, "after {steps}");
        assert!(stack.hold(2), "after {steps}");
    }
}

#[test]
fn no_request_is_lost_when_a_mirror_is_suspended_and_resumed_under_load() {
    for how in [Suspend::Flush, Suspend::NoFlush] {
        under_load(|stack| stack.dm.get("m").unwrap().suspend(how, Box::new(fine)));
    }
}

/// The new mirror finds what the old one left: it was stopped cleanly.
#[test]
fn no_request_is_lost_when_a_mirror_is_swapped_for_another_under_load() {
    under_load(|stack| {
        stack.dm.load("m", TABLE).unwrap();
        stack.dm.get("m").unwrap().resume(Box::new(fine));
    });
}

#[test]
fn every_request_ends_when_a_mirror_is_removed_under_load() {
    for steps in 0..120 {
        let mut stack = Stack::new();
        stack.drain();
        stack.load(1);
        (0..steps).for_each(|_| _ = stack.step());
        stack.dm.remove("m", Box::new(fine));
        let before = stack.tags as usize;
        stack.load(2);
        stack.drain();
        let results = stack.results();
        assert!(results[..before].iter().all(Result::is_ok), "after {steps}");
        assert!(results[before..].iter().all(Result::is_err), "after {steps}");
        assert!(stack.hold(1), "after {steps}");
    }
}
