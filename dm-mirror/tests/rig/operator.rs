//! What a person does to a recorded mirror's disks: fails or exchanges one, plugs in more;
//! and time that passes as it should.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bio::{ErrorKind, Extent, Limits, SECTOR_SIZE, Sector, Sectors};
use sim::{Landed, Outcome, SimDisk};

use super::recorded::{Ask, DATA, Recorded, Survives};
use super::{LENGTH, Rig};

impl Recorded {
    /// A mirror of two legs, whose leg 0 is the last in sync; it has 1 in sector 0,
    /// which no flush covers.
    pub fn last_leg() -> Recorded {
        let mut rig = Recorded::new(2);
        rig.message("fail 1").unwrap();
        rig.settle();
        rig.put(0, 1, 1);
        rig
    }

    /// A leg goes out by itself: it was gone when it was to flush. The other legs do
    /// what they are asked.
    pub fn lose(&mut self, leg: usize) {
        let flush = self.flush();
        self.until(|rig| rig.asks(leg).contains(&Ask::Flush));
        self.end_ask(leg, Ask::Flush, Outcome::Fail(ErrorKind::Gone, Landed::None));
        self.settle();
        assert_eq!(self.end(flush), Some(Ok(())));
    }

    /// A leg loses its power for a moment, and what its cache held.
    pub fn blink(&self, leg: usize) {
        self.disks[leg].lose_cache(&mut *Survives::Durable.chooser());
    }

    /// The oldest flush on a leg fails, and what it was to write is dropped: asked for
    /// again it succeeds, as a host's kernel does it ("fsyncgate").
    pub fn drop_flush(&self, leg: usize) {
        self.disks[leg].drop_cache(&mut *Survives::Durable.chooser());
        self.fail_ask(leg, Ask::Flush);
    }

    /// Another disk is in the place of this leg's: of a mirror it has nothing, but
    /// it has data.
    pub fn exchange(&self, leg: usize) {
        let size = |count: u64| count as usize * SECTOR_SIZE;
        self.disks[leg].preset(Sector(0), &vec![0; size(DATA)]);
        self.disks[leg].preset(Sector(DATA), &vec![0xee; size(LENGTH)]);
    }

    /// What lies in a place of a leg, as it would be read.
    pub fn bytes(&self, leg: usize, place: Extent) -> Vec<u8> {
        let mut bytes = vec![0; place.count().bytes()];
        for (sector, at) in bytes.chunks_mut(SECTOR_SIZE).zip(place.start().0..) {
            self.disks[leg].contents(Sector(at)).fill(sector);
        }
        bytes
    }

    /// The power fails, and everything is durable; the next table names the legs in this
    /// order, those that are `there` of them.
    pub fn crash_in_order(mut self, order: &[usize], there: &[bool], features: &str) -> Recorded {
        self.disks = order.iter().map(|leg| self.disks[*leg].clone()).collect();
        self.crash_and_start(&vec![Survives::All; order.len()], there, features)
    }

    /// A clean stop, and a start with another disk of this size in a leg's place.
    pub fn stop_and_start_with(mut self, leg: usize, size: Sectors) -> Recorded {
        assert!(self.stop());
        self.disks[leg] = SimDisk::new(size, Limits::default());
        self.start_again("")
    }

    /// A clean stop, and a start with a table that names one more leg, a blank disk.
    pub fn stop_and_widen(mut self) -> Recorded {
        assert!(self.stop());
        let blank = SimDisk::new(Sectors(DATA + LENGTH), Limits::default());
        self.disks.push(blank);
        self.start_again("")
    }

    /// A clean stop, and a start with these features.
    pub fn stop_and_start_as(self, features: &str) -> Recorded {
        assert!(self.stop());
        self.start_again(features)
    }

    fn start_again(self, features: &str) -> Recorded {
        let (disks, dice) = (self.disks.clone(), self.later.dice.load(Ordering::Relaxed));
        drop(self);
        let there = vec![true; disks.len()];
        Recorded::over(disks, &there, features, dice)
    }

    /// The mirror, which is stopped, goes on by another table: its legs are these disks
    /// of today's, by their legs now. Legs have the new numbers from then on.
    pub fn with_legs(mut self, legs: &[Option<usize>], features: &str) -> Recorded {
        let devices: Vec<_> = self.disks.iter().map(|disk| disk.clone() as _).collect();
        let name = |leg: &Option<usize>| match leg {
            Some(disk) => format!(" vbd{disk} 0"),
            None => " - 0".into(),
        };
        let names: String = legs.iter().map(name).collect();
        let args = format!("internal 0 {}{names}{features}", legs.len());
        let (later, events) = (self.later.clone(), self.events.clone());
        let target = super::create(&args, &devices, LENGTH, later, events).unwrap();
        super::at_once(&*target);
        target.take_over(std::slice::from_ref(&self.target));
        target.resume();
        let absent = (0..self.disks.len()).filter(|disk| !legs.contains(&Some(*disk)));
        let mut absent: Vec<usize> = absent.collect();
        let order: Vec<usize> =
            legs.iter().map(|leg| leg.unwrap_or_else(|| absent.remove(0))).collect();
        self.disks = order.iter().map(|disk| self.disks[*disk].clone()).collect();
        self.target = target;
        self
    }

    /// The mirror, which is stopped, goes on as one without records over the same disks.
    pub fn with_core(self, args: &str) -> Rig {
        let devices: Vec<_> = self.disks.iter().map(|disk| disk.clone() as _).collect();
        let (later, events) = (self.later.clone(), self.events.clone());
        let target = super::create(args, &devices, LENGTH, later, events).unwrap();
        super::at_once(&*target);
        target.take_over(std::slice::from_ref(&self.target));
        target.resume();
        let Recorded(rig) = self;
        Rig { target, ..rig }
    }

    /// The time on the mirror's clock.
    pub fn now(&self) -> Duration {
        self.later.time()
    }

    /// How much work waits for its time.
    pub fn put_off(&self) -> usize {
        self.later.len()
    }

    /// Time passes to when the next thing is due that was put off; false if
    /// there is none before `end`, and then it is `end`.
    pub fn tick_until(&self, end: Duration) -> bool {
        self.settle();
        self.later.next_before(end)
    }

    /// So much time passes, and legs do at once what they are asked.
    pub fn wait(&self, time: Duration) {
        let end = self.now() + time;
        while self.tick_until(end) {}
        self.settle();
    }

    /// The disk of a leg.
    pub fn disk(&self, leg: usize) -> Arc<SimDisk> {
        self.disks[leg].clone()
    }

    /// So much memory may be taken at once from now on; `None` is no limit.
    pub fn give_room(&self, bytes: Option<usize>) {
        *self.later.room.lock().unwrap() = bytes;
    }

    /// What the mirror has told for the log since this was asked last.
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut self.later.notes.lock().unwrap())
    }
}
