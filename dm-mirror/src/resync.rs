//! Resync: makes legs equal where they may differ, and gives a leg that is being
//! rebuilt what it missed.
//!
//! Place: started by [`Target::resume`](dm::Target::resume) and by whatever gives
//! it work, then carried on by its own completions and the environment's worker;
//! one chunk in flight. `promote.rs` follows when a leg has missed nothing.
//!
//! Rules:
//!
//! - A copy is a write: a group with the range of its chunk, an intent on each
//!   leg that it goes to, the original's rules for legs that fail.
//! - A region counts as copied only after a flush of all legs issued once its
//!   last chunk was written (R6): what is answered from it must be durable on
//!   every leg in sync, what is promised of a rebuilt leg durable there.
//! - An unsettled region answers no read before that, and none while an
//!   exclusion is on its way to the superblocks (R7). A read that waits moves its
//!   regions to the front. Any leg in sync may be the source, since nothing was
//!   answered yet.
//! - The next chunk is started by the worker, never from the completion of the
//!   one before: a device that completes at once would grow the stack.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use bio::{Bio, Buf, BufDone, Extent, IoError, IoResult, Sector, Sectors};
use bytes::BytesMut;
use dm::Work;

use crate::counts::Cause;
use crate::flush::{FlushFor, FlushGroup};
use crate::format::Region;
use crate::leg::{Failure, LegSet, LegState};
use crate::mirror::{Life, Mirror, State, Waiter};
use crate::range::{Mode, Ticket};
use crate::read::Reader;
use crate::region::Regions;
use crate::write::{Group, WriteGroup};

/// How much is copied at once.
pub(crate) const COPY_CHUNK: Sectors = Sectors(256);

/// How many regions are copied before a flush, while no read waits for one.
const REGIONS_PER_FLUSH: usize = 16;

/// Where a resync stands; part of the mirror's state.
#[derive(Default)]
pub(crate) struct Resync {
    /// A step is in flight, or the worker has been asked for one.
    pub(crate) running: bool,
    /// No new step may begin.
    pub(crate) suspended: bool,
    /// To be called when nothing is in flight any more.
    pub(crate) on_quiet: Option<Box<dyn FnOnce() + Send>>,
    /// Reads that wait for unsettled regions.
    readers: Vec<Bio>,
    /// The region that is being copied.
    current: Option<Current>,
    /// Regions that are copied, and wait for the flush.
    copied: Vec<(Region, LegSet)>,
    /// Where the search for the next region goes on.
    cursor: u32,
    /// The leg that the last chunk was read from.
    pub(crate) source: usize,
    /// How often it paused for its pace, and whether it does now.
    naps: u64,
    napping: bool,
}

/// A region that is being copied.
struct Current {
    region: Region,
    /// The next sector to be copied.
    next: Sector,
    /// The legs that got every chunk so far, and did not go out since.
    reached: LegSet,
    /// Chunks are single blocks, since a larger one could be read nowhere.
    by_block: bool,
}

/// What came of a chunk.
pub(crate) struct Copied {
    pub(crate) extent: Extent,
    /// The legs that got it.
    pub(crate) reached: LegSet,
}

impl Copied {
    /// A chunk that reached no leg yet.
    pub(crate) fn of(extent: Extent) -> Copied {
        Copied { extent, reached: LegSet::EMPTY }
    }
}

/// What a resync does next.
enum Step {
    Copy(Extent),
    /// Flush these legs behind the regions that are copied.
    Flush(LegSet),
    /// Make these legs whole.
    Promote(LegSet),
    /// Look again after a while, unless woken: for the pace.
    Nap(Duration, u64),
    /// Nothing, or not now.
    Rest(Option<Box<dyn FnOnce() + Send>>),
}

impl Mirror {
    /// Starts a read, or has it wait until its regions are settled.
    pub(crate) fn enter_read(self: &Arc<Self>, bio: Bio) {
        let extent = bio.extent();
        let bio = {
            let mut state = self.state.lock();
            if state.is_unsettled(extent) {
                state.resync.readers.push(bio);
                None
            } else {
                Some(bio)
            }
        };
        match bio {
            Some(bio) => self.enter(extent, Mode::Shared, Waiter::Request(bio)),
            None => {
                // What it waits for may be the superblock of the last leg.
                self.commit();
                self.resume_resync();
            }
        }
    }

    /// Goes on with whatever there is to copy, unless suspended.
    pub(crate) fn resume_resync(self: &Arc<Self>) {
        let start = {
            let mut state = self.state.lock();
            let Resync { suspended, running, .. } = &mut state.resync;
            !*suspended && (!mem::replace(running, true) || state.resync.wake())
        };
        if start {
            self.next_step();
        }
    }

    /// Has the worker take the next step.
    pub(crate) fn next_step(self: &Arc<Self>) {
        self.env.run_after(Duration::ZERO, self.clone());
    }

    fn step(self: &Arc<Self>) {
        let block = self.block();
        let now = self.env.now();
        let step = self.state.lock().next_resync_step(block, now);
        for leg in 0..self.legs.len() {
            self.record(leg);
        }
        match step {
            Step::Copy(extent) => self.enter(extent, Mode::Exclusive, Waiter::Copy(extent)),
            Step::Flush(legs) => FlushGroup::start(self, FlushFor::Copied, legs, Cause::Copy),
            Step::Promote(legs) => {
                let whole = Extent::new(Sector(0), self.length);
                self.enter(whole, Mode::Exclusive, Waiter::Promote(legs));
            }
            Step::Nap(time, nap) => self.env.run_after(time, Arc::new(Nap(self.clone(), nap))),
            Step::Rest(Some(quiet)) => quiet(),
            Step::Rest(None) => {}
        }
    }

    /// Copies `extent`, whose range is held, to the legs that want it.
    pub(crate) fn copy(self: &Arc<Self>, ticket: Ticket, extent: Extent) {
        let memory = BytesMut::zeroed(extent.count().bytes());
        let done = Arc::new(ChunkRead { mirror: self.clone(), ticket });
        self.read(Reader::Resync, Bio::new(Buf::read(extent, memory), done, 0));
    }
}

impl Work for Mirror {
    fn run(self: Arc<Self>) {
        self.step();
    }
}

/// The end of a pause.
struct Nap(Arc<Mirror>, u64);

impl Work for Nap {
    fn run(self: Arc<Self>) {
        let woken = {
            let resync = &mut self.0.state.lock().resync;
            resync.naps != self.1 || !resync.wake()
        };
        if !woken {
            self.0.step();
        }
    }
}

impl Resync {
    /// Ends a pause. Whether there was one: then the next step is to be taken.
    pub(crate) fn wake(&mut self) -> bool {
        mem::take(&mut self.napping)
    }

    /// What was copied to a leg, of regions like this, counts for nothing.
    pub(crate) fn forget(&mut self, leg: usize, is_it: impl Fn(Region) -> bool) {
        let current = self.current.iter_mut().map(|it| (it.region, &mut it.reached));
        let copied = self.copied.iter_mut().map(|(region, reached)| (*region, reached));
        for (region, reached) in current.chain(copied) {
            if is_it(region) {
                reached.remove(leg);
            }
        }
    }

    fn is_copied(&self, region: Region) -> bool {
        self.copied.iter().any(|(copied, _)| *copied == region)
    }

    /// The first region that a read waits for.
    fn wanted(&self, regions: &Regions) -> Option<Region> {
        self.readers.iter().find_map(|bio| regions.unsettled_in(bio.extent()).next())
    }
}

impl State {
    fn next_resync_step(&mut self, block: Sectors, now: Duration) -> Step {
        if self.resync.suspended || !matches!(self.life, Life::Running) {
            return self.rest();
        }
        while self.resync.current.is_none() {
            let wanted = self.regions.as_ref().and_then(|regions| self.resync.wanted(regions));
            let flush_first = wanted.is_some_and(|region| self.resync.is_copied(region));
            if flush_first || self.resync.copied.len() >= REGIONS_PER_FLUSH {
                break;
            }
            let Some(region) = wanted.or_else(|| self.next_region()) else { break };
            if self.targets(region).is_empty() {
                self.resync.copied.push((region, LegSet::EMPTY));
            } else {
                let next = self.extent_of(region).start();
                let reached = (0..self.legs.len()).collect();
                self.resync.current = Some(Current { region, next, reached, by_block: false });
            }
        }
        if let Some(Current { region, next, by_block, .. }) = self.resync.current {
            let wait = self.pace.wait(now, !self.resync.readers.is_empty());
            if !wait.is_zero() {
                self.resync.naps += 1;
                self.resync.napping = true;
                return Step::Nap(wait, self.resync.naps);
            }
            let rest = self.extent_of(region).end() - next;
            let count = rest.min(if by_block { block } else { COPY_CHUNK });
            self.pace.took(now, count);
            return Step::Copy(Extent::new(next, count));
        }
        if !self.resync.copied.is_empty() && !self.pending() {
            return Step::Flush(self.writable());
        }
        let whole = self.next_promotion();
        if whole.is_empty() { self.rest() } else { Step::Promote(whole) }
    }

    /// Whether some region that an extent touches is unsettled.
    pub(crate) fn is_unsettled(&self, extent: Extent) -> bool {
        let unsettled = |regions: &Regions| regions.unsettled_in(extent).next().is_some();
        self.regions.as_ref().is_some_and(unsettled)
    }

    fn rest(&mut self) -> Step {
        self.resync.running = false;
        Step::Rest(self.take_quiet())
    }

    fn extent_of(&self, region: Region) -> Extent {
        self.regions.as_ref().expect("a region belongs to some").geometry().extent(region)
    }

    /// The leg that the first chunks of the region being copied were read from.
    pub(crate) fn source_of_region(&self) -> Option<usize> {
        let Current { region, next, .. } = self.resync.current.as_ref()?;
        (*next > self.extent_of(*region).start()).then_some(self.resync.source)
    }

    /// The next region, in a circle, where something is to be copied. The intent to
    /// write there, if it has to be recorded, is one for those that follow too.
    fn next_region(&mut self) -> Option<Region> {
        let regions = self.regions.as_ref()?;
        let rebuilding = self.legs_that(|state| state == LegState::Rebuilding);
        let missing = rebuilding.iter().any(|leg| regions.missing(leg) > 0);
        if regions.unsettled_count() == 0 && !missing {
            return None;
        }
        let count = regions.geometry().regions();
        let wants = |region: &Region| {
            let missed = || rebuilding.iter().any(|leg| regions.missed(leg, *region));
            (regions.is_unsettled(*region) || missed()) && !self.resync.is_copied(*region)
        };
        let cursor = self.resync.cursor.min(count);
        let mut wanted = (cursor..count).chain(0..cursor).map(Region).filter(wants);
        let found = wanted.next()?;
        let together: Vec<Region> = match regions.is_dirty(found) {
            true => Vec::new(),
            false => wanted.take(REGIONS_PER_FLUSH - 1).collect(),
        };
        self.resync.cursor = found.0 + 1;
        let regions = self.regions.as_mut()?;
        together.into_iter().for_each(|region| regions.intend(region));
        Some(found)
    }

    /// The legs that a region is to be copied to, the source among them where
    /// all legs in sync are.
    fn targets(&self, region: Region) -> LegSet {
        let Some(regions) = &self.regions else { return LegSet::EMPTY };
        let rebuilding = self.legs_that(|state| state == LegState::Rebuilding);
        let missed = rebuilding.iter().filter(|&leg| regions.missed(leg, region)).collect();
        let in_sync = self.in_sync();
        match regions.is_unsettled(region) {
            true if in_sync.iter().count() > 1 || regions.is_doubtful(region) => in_sync.or(missed),
            _ => missed,
        }
    }

    /// The legs that a chunk just read goes to; the source too, if that is in doubt.
    pub(crate) fn wanting(&self, extent: Extent) -> LegSet {
        let regions = self.regions.as_ref().expect("a chunk is of some region");
        let region = regions.geometry().touched(extent).next().expect("a chunk is not empty");
        let source = Some(self.resync.source).filter(|_| !regions.is_doubtful(region));
        self.targets(region).without(source.into_iter().collect())
    }

    /// A chunk of the region being copied has ended.
    fn chunk_done(&mut self, extent: Extent, reached: LegSet) {
        let end = self.resync.current.as_ref().map(|it| self.extent_of(it.region).end());
        let Some(current) = &mut self.resync.current else { return };
        current.reached = current.reached.and(reached);
        current.next = extent.end();
        if Some(current.next) == end {
            self.resync.copied.push((current.region, current.reached));
            self.resync.current = None;
        }
    }

    /// The legs in `flushed` were flushed behind the regions that were copied.
    /// Gives the reads that may begin.
    fn regions_flushed(&mut self, flushed: LegSet) -> Vec<Bio> {
        if self.pending() {
            // They are flushed again once the exclusion is durable.
            return Vec::new();
        }
        let in_sync = self.in_sync();
        let settled = in_sync.without(flushed).is_empty();
        let rebuilding = self.legs_that(|state| state == LegState::Rebuilding);
        let State { regions, resync, cleaner, .. } = self;
        let Some(regions) = regions else { return Vec::new() };
        for (region, reached) in mem::take(&mut resync.copied) {
            let doubtful = regions.is_doubtful(region) && !in_sync.without(reached).is_empty();
            if regions.is_unsettled(region) && (doubtful || !settled) {
                continue;
            }
            regions.settle(region);
            for leg in reached.and(rebuilding).and(flushed).iter() {
                regions.caught_up(leg, region);
            }
            cleaner.changed(region);
        }
        let waits = |bio: &Bio| regions.unsettled_in(bio.extent()).next().is_some();
        let (wait, go) = mem::take(&mut resync.readers).into_iter().partition(waits);
        resync.readers = wait;
        go
    }
}

/// A chunk being read for the legs that want it.
struct ChunkRead {
    mirror: Arc<Mirror>,
    ticket: Ticket,
}

impl BufDone for ChunkRead {
    fn buf_done(self: Arc<Self>, buf: Buf, _info: u64, result: IoResult) {
        let ChunkRead { mirror, ticket } = &*self;
        let extent = buf.extent();
        if let Err(error) = result {
            return mirror.chunk_unreadable(*ticket, extent, error);
        }
        let data = buf.into_read().expect("a read that succeeded has its memory").freeze();
        WriteGroup::start(mirror, Group::copy(*ticket, extent, data));
    }
}

impl Mirror {
    /// A chunk could be read from no leg in sync: block by block, then. A block
    /// that nobody can read stays as it is on legs in sync, where it answers with
    /// an error; a leg being rebuilt would be left with something else there, and
    /// is out.
    fn chunk_unreadable(self: &Arc<Self>, ticket: Ticket, extent: Extent, error: IoError) {
        let block = self.block();
        let targets = {
            let mut state = self.state.lock();
            state.ranges.release(ticket);
            if extent.count() > block {
                if let Some(current) = &mut state.resync.current {
                    current.by_block = true;
                }
                LegSet::EMPTY
            } else {
                let targets = state.wanting(extent);
                let rebuilding = state.legs_that(|state| state == LegState::Rebuilding);
                state.chunk_done(extent, targets.without(rebuilding));
                targets.and(rebuilding)
            }
        };
        self.grant();
        for leg in targets.iter() {
            self.fail_leg(leg, Failure::Source(error.kind));
        }
        self.next_step();
    }

    /// A chunk was written to the legs that wanted it, or they are out. If it
    /// was not, because the last leg cannot record what happened, it is tried
    /// again later.
    pub(crate) fn chunk_copied(self: &Arc<Self>, copied: Copied, result: IoResult) {
        match result {
            Ok(()) => {
                let mut state = self.state.lock();
                state.chunk_done(copied.extent, copied.reached);
                state.retry.succeeded();
            }
            Err(error) => return self.resync_stuck(error),
        }
        self.next_step();
    }

    /// All legs were flushed behind the regions that were copied.
    pub(crate) fn copies_flushed(self: &Arc<Self>, flushed: LegSet, error: Option<IoError>) {
        let go = self.state.lock().regions_flushed(flushed);
        self.announce_settled();
        self.wake_cleaner();
        for bio in go {
            self.enter_read(bio);
        }
        match error {
            // Legs that failed are out by now, but the last one stays.
            Some(error) if !flushed.contains(self.first_in_sync()) => self.resync_stuck(error),
            _ => self.next_step(),
        }
    }

    fn first_in_sync(&self) -> usize {
        self.state.lock().in_sync().iter().next().expect("one leg is always in sync")
    }

    /// The resync cannot go on: reads that wait for it fail, and it tries again
    /// later.
    pub(crate) fn resync_stuck(self: &Arc<Self>, error: IoError) {
        let quiet = {
            let mut state = self.state.lock();
            state.resync.running = false;
            state.take_quiet()
        };
        self.fail_readers(error);
        match quiet {
            Some(quiet) => quiet(),
            None => self.try_again_later(),
        }
    }

    /// Reads that wait for unsettled regions fail: these cannot be settled now.
    pub(crate) fn fail_readers(&self, error: IoError) {
        let readers = mem::take(&mut self.state.lock().resync.readers);
        readers.into_iter().for_each(|bio| bio.fail(error.kind));
    }
}
