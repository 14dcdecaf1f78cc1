//! Devices on devices, both ways: mirrors over linear parts of disks, and a striped
//! device over the mirrors; suspended, swapped and broken at each level under load.

mod rig;

use std::sync::{Arc, Mutex};

use bio::{Bio, BlockDevice, Buf, BufDone, ErrorKind, Extent, IoResult, Limits, Sectors};
use bytes::BytesMut;
use dm::{Dm, DmError, Suspend};
use dm_mirror::MirrorType;
use rig::{Later, extent};
use sim::{Landed, Outcome, Random, SimDisk};

/// All devices and their tables, the lower ones first: two parts of each disk, a mirror
/// of the first parts and one of the second, and chunks of 4 sectors over both.
const DEVICES: [(&str, &str); 7] = [
    ("a0", "0 32 linear d0 0"),
    ("a1", "0 32 linear d1 0"),
    ("b0", "0 32 linear d0 32"),
    ("b1", "0 20 linear d1 32\n20 12 linear d1 52"),
    ("ma", "0 32 mirror core 2 8 nosync 2 a0 0 a1 0"),
    ("mb", "0 32 mirror core 2 8 nosync 2 b0 0 b1 0"),
    ("top", "0 64 striped 2 4 ma 0 mb 0"),
];
const LENGTH: u64 = 64;

/// What ended: its tag, how, and what a read returned.
type End = (u64, IoResult, Option<BytesMut>);

#[derive(Default)]
struct Ends(Mutex<Vec<End>>);

impl BufDone for Ends {
    fn buf_done(self: Arc<Self>, buf: Buf, tag: u64, result: IoResult) {
        self.0.lock().unwrap().push((tag, result, buf.into_read()));
    }
}

struct Stack {
    dm: Dm,
    later: Arc<Later>,
    disks: Vec<Arc<SimDisk>>,
    ends: Arc<Ends>,
    issued: u64,
    random: Random,
    /// What was written to each sector last.
    holds: [u8; LENGTH as usize],
}

/// Suspended, resumed, or busy with that already.
fn fine(result: Result<(), DmError>) {
    assert!(matches!(result, Ok(()) | Err(DmError::Changing)), "{result:?}");
}

impl Stack {
    fn new(seed: u64) -> Stack {
        rig::watch_locks();
        let later = Arc::new(Later::default());
        let dm = Dm::new(later.clone());
        dm.add_type(Arc::new(MirrorType)).unwrap();
        let disks: Vec<_> =
            (0..2).map(|_| SimDisk::new(Sectors(LENGTH), Limits::default())).collect();
        for (index, disk) in disks.iter().enumerate() {
            dm.add_disk(&format!("d{index}"), disk.clone()).unwrap();
        }
        for (name, table) in DEVICES {
            let device = dm.create(name).unwrap();
            dm.load(name, table).unwrap();
            device.resume(Box::new(fine));
        }
        let (ends, random) = (Arc::default(), Random::new(seed));
        Stack { dm, later, disks, ends, issued: 0, random, holds: [0; LENGTH as usize] }
    }

    fn issue(&mut self, buf: Buf) {
        self.issued += 1;
        let bio = Bio::new(buf, self.ends.clone(), self.issued);
        self.dm.get("top").unwrap().strategy(bio);
    }

    fn write(&mut self, at: Extent, value: u8) {
        self.holds[at.start().0 as usize..at.end().0 as usize].fill(value);
        self.issue(Buf::write(at, vec![value; at.count().bytes()].into()));
    }

    /// A request of a disk ends, or work is done; whether there was one.
    fn step(&mut self) -> bool {
        let waiting: Vec<_> = self.disks.iter().filter(|disk| disk.queued() > 0).collect();
        if waiting.is_empty() || self.random.below(8) == 0 {
            return self.later.one() || !waiting.is_empty();
        }
        let disk = waiting[self.random.below(waiting.len() as u64) as usize];
        let index = self.random.below(disk.queued() as u64) as usize;
        disk.complete(disk.pending(index).unwrap().id, Outcome::Ok);
        true
    }

    fn drain(&mut self) {
        while self.step() {}
    }

    /// Something is done to one of the devices.
    fn change(&mut self) {
        let (name, table) = DEVICES[self.random.below(DEVICES.len() as u64) as usize];
        let device = self.dm.get(name).unwrap();
        match self.random.below(4) {
            0 => device.suspend(Suspend::Flush, Box::new(fine)),
            1 => device.suspend(Suspend::NoFlush, Box::new(fine)),
            2 => self.dm.load(name, table).unwrap(),
            _ => device.resume(Box::new(fine)),
        }
    }

    /// Lets all devices run; one whose suspension needs those below takes several rounds.
    fn settle(&mut self) {
        for (name, _) in DEVICES.repeat(4) {
            self.dm.get(name).unwrap().resume(Box::new(fine));
            self.drain();
        }
        for (name, _) in DEVICES {
            let info = self.dm.get(name).unwrap().info();
            assert_eq!((info.in_flight, info.held), (0, 0), "{name}");
        }
    }

    /// What ended since the last look; each request has.
    fn all_ends(&mut self) -> Vec<End> {
        let mut ends = std::mem::take(&mut *self.ends.0.lock().unwrap());
        ends.sort_by_key(|(tag, ..)| *tag);
        let tags: Vec<u64> = ends.iter().map(|(tag, ..)| *tag).collect();
        assert_eq!(tags, (1..=self.issued).collect::<Vec<_>>(), "each ends once");
        self.issued = 0;
        ends
    }

    /// What the whole of `name` holds, one byte for each sector.
    fn contents(&mut self, name: &str) -> Vec<u8> {
        let device = self.dm.get(name).unwrap();
        let whole = Extent::new(bio::Sector(0), device.capacity());
        let buf = Buf::read(whole, BytesMut::zeroed(whole.count().bytes()));
        self.issued = 1;
        device.strategy(Bio::new(buf, self.ends.clone(), 1));
        self.drain();
        let (_, result, memory) = self.all_ends().remove(0);
        assert_eq!(result, Ok(()), "{name}");
        let sectors = memory.unwrap();
        sectors.chunks(512).map(|sector| sector[0]).collect()
    }
}

#[test]
fn nothing_is_lost_when_any_level_is_suspended_and_swapped_under_load() {
    for seed in 0..60 {
        let mut stack = Stack::new(seed);
        stack.drain();
        for round in 1..=40u8 {
            // Writes of a round do not meet, and a mirror keeps the order of those that do.
            for part in 0..4 {
                let start = part * 16 + stack.random.below(8);
                let count = 1 + stack.random.below(8);
                stack.write(extent(start, count), round);
            }
            if stack.random.below(3) == 0 {
                stack.issue(Buf::flush());
            }
            for _ in 0..stack.random.below(30) {
                stack.step();
                if stack.random.below(5) == 0 {
                    stack.change();
                }
            }
        }
        stack.settle();
        let failed = stack.all_ends().iter().filter(|(_, result, _)| result.is_err()).count();
        assert_eq!(failed, 0, "seed {seed}");
        let expected = stack.holds.to_vec();
        assert_eq!(stack.contents("top"), expected, "seed {seed}");
        for (one, other) in [("a0", "a1"), ("b0", "b1")] {
            assert_eq!(stack.contents(one), stack.contents(other), "seed {seed}: the legs agree");
        }
    }
}

#[test]
fn a_disk_that_dies_below_is_a_leg_of_each_mirror_and_no_stripe() {
    let mut stack = Stack::new(1);
    stack.write(extent(0, LENGTH), 7);
    stack.disks[1].set_presence(sim::Presence::Gone);
    stack.drain();
    assert!(stack.all_ends().iter().all(|(_, result, _)| result.is_ok()));
    for mirror in ["ma", "mb"] {
        let status = stack.dm.get(mirror).unwrap().status().unwrap();
        assert!(status.contains(" AD "), "{mirror}: {status}");
    }
    let status = stack.dm.get("top").unwrap().status().unwrap();
    assert_eq!(status, "0 64 striped 2 ma mb 1 AA\n");
    assert_eq!(stack.contents("top"), [7; LENGTH as usize]);
}

#[test]
fn what_both_disks_fail_is_the_stripes_failure() {
    let mut stack = Stack::new(1);
    stack.issue(Buf::read(extent(4, 4), BytesMut::zeroed(4 * 512)));
    while let Some((disk, id)) =
        stack.disks.iter().find_map(|disk| Some((disk, disk.pending(0)?.id)))
    {
        disk.complete(id, Outcome::Fail(ErrorKind::Media, Landed::None));
    }
    stack.drain();
    let (_, result, _) = stack.all_ends().remove(0);
    assert_eq!(result.unwrap_err().kind, ErrorKind::Media);
    let status = stack.dm.get("top").unwrap().status().unwrap();
    assert_eq!(status, "0 64 striped 2 ma mb 1 AD\n", "{status}");
}

#[test]
fn a_stack_is_taken_apart_from_the_top() {
    let mut stack = Stack::new(1);
    stack.write(extent(0, LENGTH), 3);
    for (name, _) in &DEVICES[..6] {
        let refused = |result| assert!(matches!(result, Err(DmError::Open(..))), "{result:?}");
        stack.dm.remove(name, Box::new(refused));
    }
    for (name, _) in DEVICES.iter().rev() {
        stack.dm.remove(name, Box::new(fine));
        stack.drain();
    }
    assert!(stack.all_ends().iter().all(|(_, result, _)| result.is_ok()));
    assert_eq!(stack.dm.list().len(), 2, "the disks are left");
    assert!(stack.dm.list().iter().all(|listed| listed.open == 0));
}
