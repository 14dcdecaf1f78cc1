//! A mirror with a label on each leg, right by inspection, and bugs for it.
//!
//! A label says how many leaves the device has seen, and who is in sync. The
//! device starts from the label that has seen most; it copies the first leg in
//! sync to the others before it runs, since a crash may have left them
//! different; it is held while a leg that this label calls in sync is missing.
//! A leg that fails leaves: the labels of the others say so, durably, before
//! anything is acknowledged. A leg that left stays out. One request at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use bio::sync::{Lock, Rank};
use bio::{
    Bio, BlockDevice, Buf, BufCmd, BufDone, ErrorKind, Extent, IoError, IoResult, Limits,
    SECTOR_SIZE, Sector, Sectors,
};
use bytes::{Bytes, BytesMut};
use sim::{Life, Subject, World};

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Legs are not made equal at a start.
    NoCopy,
    /// What was copied is not flushed before the device runs.
    CopyCached,
    /// A write is acknowledged before the labels say who left.
    LabelLate,
    /// The labels that say who left are not durable.
    LabelCached,
    /// It starts without legs that the newest label calls in sync.
    NeverHeld,
    /// It is held although nobody is missing.
    AlwaysHeld,
    /// It fails a write, and no flush, when the last leg lost its cache.
    LossUntold,
    /// It does not notice that a leg lost its cache.
    BlipUnseen,
    /// A flush ends before the legs were flushed.
    EarlyFlush,
}

/// The sector past the data, where the label is.
fn label_at(length: Sectors) -> Extent {
    Extent::new(Sector(length.0), Sectors(1))
}

/// The bytes of a label: how many leaves it has seen, and who is in sync.
pub(crate) fn label(leaves: u8, in_sync: u8) -> Bytes {
    let mut bytes = vec![0; SECTOR_SIZE];
    bytes[..3].copy_from_slice(&[0xed, leaves, in_sync]);
    bytes.into()
}

/// Builds labelled mirrors of `length`; at the first start all legs are in sync.
pub(crate) fn labelled(
    length: u64,
    flaw: Option<Flaw>,
) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    let length = Sectors(length);
    move |world, legs| {
        let all = (1 << legs.len()) - 1;
        if world.boots() == 0 {
            let place = label_at(length).start();
            world.legs().iter().for_each(|leg| leg.preset(place, &label(0, all)));
        }
        let there = (0..legs.len()).filter(|&leg| !world.absent(leg)).collect();
        let seen = legs.iter().map(|leg| leg.resets()).collect();
        let state = State {
            life: Life::Starting,
            leaves: 0,
            in_sync: 0,
            owing: false,
            there,
            seen,
            waiting: VecDeque::new(),
            busy: true,
            stopping: false,
        };
        let mirror = Arc::new_cyclic(|me: &Weak<Mirror>| Mirror {
            me: me.clone(),
            legs,
            length,
            flaw,
            state: Lock::new(Rank::TARGET, state),
        });
        mirror.read_labels();
        Box::new(Labelled(mirror))
    }
}

pub(crate) struct Labelled(Arc<Mirror>);

struct Mirror {
    me: Weak<Mirror>,
    legs: Vec<Arc<dyn BlockDevice>>,
    length: Sectors,
    flaw: Option<Flaw>,
    state: Lock<State>,
}

struct State {
    life: Life,
    leaves: u8,
    in_sync: u8,
    /// Somebody left, and the labels do not say so yet.
    owing: bool,
    /// The legs that were there at the start, and call themselves in sync.
    there: Vec<usize>,
    /// How often each had been reset then.
    seen: Vec<u64>,
    waiting: VecDeque<Bio>,
    busy: bool,
    stopping: bool,
}

/// What some requests to the legs are for.
enum Job {
    Labels,
    CopyRead,
    CopyWrite,
    Read(Bio),
    Write(Bio),
    /// Labels are written, and then comes what was asked for.
    Leave(Then),
}

/// A request, and how it ends; a read without an end is tried again.
type Then = Option<(Bio, Option<IoResult>)>;

/// How a leg ended its part of a job.
type End = (usize, IoResult, Option<BytesMut>);

impl Subject for Labelled {
    fn device(&self) -> &dyn BlockDevice {
        &*self.0
    }
    fn in_sync(&self, leg: usize) -> bool {
        self.0.state.lock().in_sync >> leg & 1 == 1
    }
    fn life(&self) -> Life {
        self.0.state.lock().life
    }
    fn why(&self) -> String {
        let state = self.0.state.lock();
        format!("after {} leaves, {:#b} should be there", state.leaves, state.in_sync)
    }
    fn start_degraded(&self) {
        {
            let mut state = self.0.state.lock();
            if state.in_sync == 0 {
                return;
            }
            state.life = Life::Starting;
            let there = state.there.iter().fold(0, |bits, leg| bits | 1 << leg);
            state.in_sync &= there;
            state.leaves += 1;
        }
        self.0.write_labels(None);
    }
    fn stop(&self) -> bool {
        self.0.state.lock().stopping = true;
        true
    }
    fn stopped(&self) -> bool {
        let state = self.0.state.lock();
        state.stopping && !state.busy
    }
}

impl BlockDevice for Mirror {
    fn capacity(&self) -> Sectors {
        self.length
    }
    fn limits(&self) -> Limits {
        self.legs[0].limits()
    }
    fn strategy(&self, bio: Bio) {
        self.state.lock().waiting.push_back(bio);
        self.next();
    }
}

impl Mirror {
    fn me(&self) -> Arc<Mirror> {
        self.me.upgrade().expect("whoever calls holds the mirror")
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn in_sync(&self) -> Vec<usize> {
        let bits = self.state.lock().in_sync;
        (0..self.legs.len()).filter(|leg| bits >> leg & 1 == 1).collect()
    }

    /// Sends each leg its request; when all have ended comes [`Mirror::done`].
    fn send(&self, job: Job, to: Vec<(usize, Buf)>) {
        let state = Lock::new(Rank::WRITE_GROUP, (to.len(), Vec::new(), Some(job)));
        let group = Arc::new(Group { mirror: self.me(), state });
        for (leg, buf) in to {
            self.legs[leg].strategy(Bio::new(buf, group.clone(), leg as u64));
        }
    }

    fn done(&self, job: Job, ends: Vec<End>) {
        match job {
            Job::Labels => self.start(ends),
            Job::CopyRead => self.copy(ends),
            Job::CopyWrite => self.written(None, ends),
            Job::Read(bio) => self.answer(bio, ends),
            Job::Write(bio) => self.written(Some(bio), ends),
            Job::Leave(then) => self.left(then, ends),
        }
    }

    fn read_labels(&self) {
        let there = self.state.lock().there.clone();
        let blank = || BytesMut::zeroed(SECTOR_SIZE);
        let reads = there.into_iter().map(|leg| (leg, Buf::read(label_at(self.length), blank())));
        self.send(Job::Labels, reads.collect());
    }

    /// The labels are read: who may be believed?
    fn start(&self, ends: Vec<End>) {
        let labels = ends.into_iter().filter_map(|(leg, result, memory)| {
            let memory = memory.filter(|_| result.is_ok())?;
            Some((memory[1], memory[2], leg))
        });
        // What calls itself out is no evidence.
        let labels: Vec<_> = labels.filter(|(_, bits, leg)| bits >> leg & 1 == 1).collect();
        let mut state = self.state.lock();
        let Some(&(leaves, bits, _)) = labels.iter().max() else {
            state.life = Life::Held;
            return;
        };
        // A leave may have reached some labels only: the others get it too.
        state.there = labels.iter().map(|label| label.2).collect();
        let there = state.there.iter().fold(0, |there, leg| there | 1 << leg);
        let missing = bits & !there != 0;
        (state.leaves, state.in_sync) = (leaves, bits);
        if missing && !self.has(Flaw::NeverHeld) || self.has(Flaw::AlwaysHeld) {
            state.life = Life::Held;
            return;
        }
        state.in_sync &= there;
        drop(state);
        self.write_labels(None);
    }

    /// Makes the legs equal, and runs.
    fn recover(&self) {
        let in_sync = self.in_sync();
        if in_sync.len() < 2 || self.has(Flaw::NoCopy) {
            return self.run();
        }
        let everything = Extent::new(Sector(0), self.length);
        let read = Buf::read(everything, BytesMut::zeroed(self.length.bytes()));
        self.send(Job::CopyRead, vec![(in_sync[0], read)]);
    }

    fn copy(&self, mut ends: Vec<End>) {
        let (leg, result, memory) = ends.remove(0);
        let Some(memory) = memory.filter(|_| result.is_ok()) else {
            self.leave(&[leg]);
            return self.write_labels(None);
        };
        let (data, everything) = (memory.freeze(), Extent::new(Sector(0), self.length));
        let write = |leg| match self.has(Flaw::CopyCached) {
            true => (leg, Buf::write(everything, data.clone())),
            false => (leg, Buf::write_fua(everything, data.clone())),
        };
        // The source too, which then counts among those that have it.
        self.send(Job::CopyWrite, self.in_sync().into_iter().map(write).collect());
    }

    fn run(&self) {
        {
            let mut state = self.state.lock();
            (state.life, state.busy) = (Life::Running, false);
        }
        self.next();
    }

    fn next(&self) {
        let next = {
            let mut state = self.state.lock();
            let next = if state.busy { None } else { state.waiting.pop_front() };
            state.busy |= next.is_some();
            next
        };
        let Some(bio) = next else { return };
        match bio.cmd() {
            BufCmd::Read => self.read(bio, 0),
            BufCmd::Flush if self.has(Flaw::EarlyFlush) => self.finish(bio, Ok(())),
            _ => {
                let part = |leg| (leg, copy(&bio));
                let parts = self.in_sync().into_iter().map(part).collect();
                self.send(Job::Write(bio), parts);
            }
        }
    }

    fn finish(&self, bio: Bio, result: IoResult) {
        self.state.lock().busy = false;
        bio.biodone(result);
        self.next();
    }

    /// Reads from the first leg in sync from `from` on.
    fn read(&self, bio: Bio, from: usize) {
        let extent = bio.extent();
        let leg = self.in_sync().into_iter().find(|&leg| leg >= from);
        let Some(leg) = leg else {
            let resid = extent.count().bytes();
            return self.finish(bio, Err(IoError { kind: ErrorKind::Media, resid }));
        };
        let read = Buf::read(extent, BytesMut::zeroed(extent.count().bytes()));
        self.send(Job::Read(bio), vec![(leg, read)]);
    }

    fn answer(&self, mut bio: Bio, mut ends: Vec<End>) {
        let (leg, result, memory) = ends.remove(0);
        match memory.filter(|_| result.is_ok()) {
            _ if self.lost_its_cache(leg) && self.in_sync().len() > 1 => {
                self.leave(&[leg]);
                self.write_labels(Some((bio, None)));
            }
            Some(memory) => {
                bio.read_memory().expect("a read has its memory").copy_from_slice(&memory);
                self.finish(bio, Ok(()));
            }
            None => self.read(bio, leg + 1),
        }
    }

    fn lost_its_cache(&self, leg: usize) -> bool {
        let seen = self.state.lock().seen[leg];
        self.legs[leg].resets() != seen && !self.has(Flaw::BlipUnseen)
    }

    /// A write, a flush or a copy has ended on every leg.
    fn written(&self, bio: Option<Bio>, ends: Vec<End>) {
        let (mut failed, mut good) = (Vec::new(), false);
        for (leg, result, _) in ends {
            match result {
                Ok(()) if !self.lost_its_cache(leg) => good = true,
                _ => failed.push(leg),
            }
        }
        if !good {
            // The last to report stays; what it lost it lost, and the next flush tells.
            let last = failed.pop().expect("somebody failed");
            let tells = bio.as_ref().is_none_or(|bio| bio.cmd() == BufCmd::Flush);
            if tells || self.has(Flaw::LossUntold) {
                self.state.lock().seen[last] = self.legs[last].resets();
            }
            if tells {
                self.fail_flushes();
            }
        }
        let result = if good { Ok(()) } else { Err(IoError { kind: ErrorKind::Media, resid: 0 }) };
        self.leave(&failed);
        match bio {
            Some(bio) if !self.state.lock().owing => self.finish(bio, result),
            Some(bio) if self.has(Flaw::LabelLate) => {
                bio.biodone(result);
                self.write_labels(None);
            }
            Some(bio) => self.write_labels(Some((bio, Some(result)))),
            None if !good => self.state.lock().life = Life::Held,
            None if failed.is_empty() => self.run(),
            None => self.write_labels(None),
        }
    }

    /// Flushes that wait were asked for before anybody was told.
    fn fail_flushes(&self) {
        let flushes: VecDeque<Bio> = {
            let mut state = self.state.lock();
            let waiting = std::mem::take(&mut state.waiting).into_iter();
            let (flushes, rest) = waiting.partition(|bio: &Bio| bio.cmd() == BufCmd::Flush);
            state.waiting = rest;
            flushes
        };
        flushes.into_iter().for_each(|bio| bio.fail(ErrorKind::Media));
    }

    fn leave(&self, legs: &[usize]) {
        let mut state = self.state.lock();
        legs.iter().for_each(|leg| state.in_sync &= !(1 << leg));
        state.leaves += legs.len() as u8;
        state.owing |= !legs.is_empty();
    }

    fn write_labels(&self, then: Then) {
        let (leaves, bits) = {
            let state = self.state.lock();
            (state.leaves, state.in_sync)
        };
        let (at, bytes) = (label_at(self.length), label(leaves, bits));
        let write = |leg| match self.has(Flaw::LabelCached) {
            true => (leg, Buf::write(at, bytes.clone())),
            false => (leg, Buf::write_fua(at, bytes.clone())),
        };
        self.send(Job::Leave(then), self.in_sync().into_iter().map(write).collect());
    }

    /// The labels are written, or more legs leave.
    fn left(&self, then: Then, ends: Vec<End>) {
        let ok = |(leg, result, _): &End| result.is_ok() && !self.lost_its_cache(*leg);
        let failed: Vec<usize> = ends.iter().filter(|end| !ok(end)).map(|end| end.0).collect();
        if failed.is_empty() {
            self.state.lock().owing = false;
            match then {
                Some((bio, Some(result))) => self.finish(bio, result),
                Some((bio, None)) => self.read(bio, 0),
                None if self.state.lock().life == Life::Running => {
                    self.state.lock().busy = false;
                    self.next();
                }
                None => self.recover(),
            }
        } else if failed.len() < ends.len() {
            self.leave(&failed);
            self.write_labels(then);
        } else if let Some((bio, _)) = then {
            self.finish(bio, Err(IoError { kind: ErrorKind::Media, resid: 0 }));
        } else {
            self.state.lock().life = Life::Held;
        }
    }
}

/// What one leg is sent of a write, a discard or a flush.
fn copy(bio: &Bio) -> Buf {
    match (bio.cmd(), bio.write_data()) {
        (BufCmd::Write { fua: true }, Some(data)) => Buf::write_fua(bio.extent(), data.clone()),
        (BufCmd::FreeBlks, _) => Buf::freeblks(bio.extent()),
        (_, Some(data)) => Buf::write(bio.extent(), data.clone()),
        (_, None) => Buf::flush(),
    }
}

/// A job on its way.
struct Group {
    mirror: Arc<Mirror>,
    state: Lock<(usize, Vec<End>, Option<Job>)>,
}

impl BufDone for Group {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        let done = {
            let mut state = self.state.lock();
            state.0 -= 1;
            state.1.push((info as usize, result, buf.into_read()));
            let job = if state.0 == 0 { state.2.take() } else { None };
            job.map(|job| (job, std::mem::take(&mut state.1)))
        };
        if let Some((job, ends)) = done {
            self.mirror.done(job, ends);
        }
    }
}
