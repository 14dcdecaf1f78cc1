//! Resync: copies an in-sync leg to the legs that are being rebuilt.
//!
//! Place: started by [`Target::resume`](dm::Target::resume), then carried on by
//! its own completions and the environment's worker; one chunk in flight.
//!
//! Rules:
//!
//! - A chunk is copied with its range held exclusively, so that no write comes
//!   between the read and the write of a copy.
//! - A leg counts as in sync only after a flush issued once its last chunk was
//!   written: what was flushed on the mirror must be durable on every in-sync leg.
//! - The next chunk is started by the worker, never from the completion of the
//!   one before: a device that completes at once would grow the stack.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use bio::sync::{Lock, Rank};
use bio::{Bio, BioDone, Buf, BufDone, Extent, IoResult, Sector, Sectors};
use bytes::BytesMut;
use dm::Work;

use crate::leg::{Failure, LegSet, LegState};
use crate::mirror::{Mirror, State, Waiter};
use crate::range::{Mode, Ticket};

/// How much is copied at once.
pub(crate) const COPY_CHUNK: Sectors = Sectors(256);

/// Whether a resync runs; part of the mirror's state.
#[derive(Default)]
pub(crate) struct Resync {
    /// A chunk is in flight, or the worker has been asked for one.
    pub(crate) running: bool,
    /// No new chunk may begin.
    pub(crate) suspended: bool,
    /// To be called when nothing is in flight any more.
    pub(crate) on_quiet: Option<Box<dyn FnOnce() + Send>>,
}

/// What a resync does next.
enum Step {
    Copy(Extent),
    /// Everything is copied to these legs; flush them.
    Flush(LegSet),
    /// Nothing, or not now.
    Rest(Option<Box<dyn FnOnce() + Send>>),
}

impl Mirror {
    /// Begins to rebuild whatever leg needs it, or goes on after a suspend.
    pub(crate) fn resume_resync(self: &Arc<Self>) {
        let start = {
            let mut state = self.state.lock();
            state.resync.suspended = false;
            !core::mem::replace(&mut state.resync.running, true)
        };
        if start {
            self.next_step();
        }
    }

    /// Has the worker take the next step.
    fn next_step(self: &Arc<Self>) {
        self.env.run_after(Duration::ZERO, self.clone());
    }

    fn step(self: &Arc<Self>) {
        let step = self.state.lock().next_resync_step(self.length);
        match step {
            Step::Copy(extent) => self.enter(extent, Mode::Exclusive, Waiter::Copy(extent)),
            Step::Flush(legs) => CopyGroup::start(self, CopyStep::Flush, legs, Buf::flush),
            Step::Rest(Some(quiet)) => quiet(),
            Step::Rest(None) => {}
        }
    }

    /// Copies `extent`, whose range is held, to the legs that need it next.
    pub(crate) fn copy(self: &Arc<Self>, ticket: Ticket, extent: Extent) {
        let memory = BytesMut::zeroed(extent.count().bytes());
        let done = Arc::new(ChunkRead { mirror: self.clone(), ticket });
        self.read(None, Bio::new(Buf::read(extent, memory), done, 0));
    }
}

impl Work for Mirror {
    fn run(self: Arc<Self>) {
        self.step();
    }
}

impl State {
    fn next_resync_step(&mut self, length: Sectors) -> Step {
        let rebuilding = self.legs_that(LegState::is_rebuilding);
        if rebuilding.is_empty() || self.resync.suspended {
            self.resync.running = false;
            return Step::Rest(self.resync.on_quiet.take());
        }
        let wanted = |leg: usize| self.legs[leg].state.wants(length);
        let next = rebuilding.iter().filter_map(wanted).min_by_key(|extent| extent.start());
        match next {
            Some(extent) => Step::Copy(extent),
            None => Step::Flush(rebuilding),
        }
    }

    /// The legs that want `extent` next.
    fn wanting(&self, extent: Extent, length: Sectors) -> LegSet {
        self.legs_that(|state| state.wants(length) == Some(extent))
    }
}

impl LegState {
    fn is_rebuilding(self) -> bool {
        matches!(self, LegState::Rebuilding { .. })
    }

    /// What is to be copied to the leg next: everything in order, then what a
    /// failed write left. `None` if it needs nothing, or nothing but a flush.
    fn wants(self, length: Sectors) -> Option<Extent> {
        let LegState::Rebuilding { next, again } = self else { return None };
        let rest = Extent::new(next, end(length) - next);
        let wanted = if rest.is_empty() { again? } else { rest };
        Some(Extent::new(wanted.start(), wanted.count().min(COPY_CHUNK)))
    }

    /// The state of a leg that has got `extent`, which it wanted.
    fn got(self, extent: Extent) -> LegState {
        match self {
            LegState::Rebuilding { next, again } if next == extent.start() => {
                LegState::Rebuilding { next: extent.end(), again }
            }
            LegState::Rebuilding { next, again: Some(again) }
                if again.start() == extent.start() =>
            {
                let left = Extent::new(extent.end(), again.end() - extent.end());
                LegState::Rebuilding { next, again: Some(left).filter(|left| !left.is_empty()) }
            }
            // It failed, or a failed write moved what it wants.
            other => other,
        }
    }
}

fn end(length: Sectors) -> Sector {
    Sector(0) + length
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
        let legs = mirror.state.lock().wanting(extent, mirror.length);
        if let Err(error) = result {
            for leg in legs.iter() {
                mirror.fail_leg(leg, Failure::Source(error.kind));
            }
            mirror.release(*ticket);
            mirror.grant();
            return mirror.next_step();
        }
        let data = buf.into_read().expect("a read that succeeded has its memory").freeze();
        let step = CopyStep::Chunk(*ticket, extent);
        CopyGroup::start(mirror, step, legs, || Buf::write(extent, data.clone()));
    }
}

/// What a [`CopyGroup`] does.
#[derive(Clone, Copy)]
enum CopyStep {
    /// Writes a chunk, whose range it holds.
    Chunk(Ticket, Extent),
    /// Flushes, after the last chunk.
    Flush,
}

/// A step on its way to the legs that need it. As with a write group, the last
/// reference ends it.
struct CopyGroup {
    mirror: Arc<Mirror>,
    step: CopyStep,
    reached: Lock<LegSet>,
}

impl CopyGroup {
    /// Sends what `buf` makes to each of `legs`.
    fn start(mirror: &Arc<Mirror>, step: CopyStep, legs: LegSet, buf: impl Fn() -> Buf) {
        let reached = Lock::new(Rank::WRITE_GROUP, LegSet::EMPTY);
        let group = Arc::new(CopyGroup { mirror: mirror.clone(), step, reached });
        for leg in legs.iter() {
            let bio = Bio::new(buf(), group.clone(), leg as u64);
            mirror.state.lock().legs[leg].counts.issued(bio.cmd());
            mirror.legs[leg].issue(bio, group.clone(), 0);
        }
    }
}

impl BioDone for CopyGroup {
    fn bio_done(self: Arc<Self>, bio: Bio, _info: u64, result: IoResult) {
        bio.biodone(result);
    }
}

impl BufDone for CopyGroup {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        let leg = info as usize;
        match result {
            Ok(()) => self.reached.lock().insert(leg),
            Err(error) => self.mirror.write_failed(leg, buf.cmd(), error),
        }
    }
}

impl Drop for CopyGroup {
    /// Every leg has the chunk, or is flushed, or is out.
    fn drop(&mut self) {
        let (mirror, reached) = (&self.mirror, *self.reached.get_mut());
        match self.step {
            CopyStep::Chunk(ticket, extent) => mirror.chunk_copied(ticket, extent, reached),
            CopyStep::Flush => mirror.promote(reached),
        }
        mirror.next_step();
    }
}

impl Mirror {
    fn chunk_copied(self: &Arc<Self>, ticket: Ticket, extent: Extent, legs: LegSet) {
        {
            let mut state = self.state.lock();
            for leg in legs.iter() {
                state.legs[leg].state = state.legs[leg].state.got(extent);
            }
            state.ranges.release(ticket);
        }
        self.grant();
    }

    /// The legs were flushed after their last chunk: they are in sync, unless
    /// a write failed meanwhile and they want more.
    fn promote(&self, legs: LegSet) {
        let promoted: LegSet = {
            let mut state = self.state.lock();
            let complete = |&leg: &usize| {
                let state = state.legs[leg].state;
                state.is_rebuilding() && state.wants(self.length).is_none()
            };
            let promoted: LegSet = legs.iter().filter(complete).collect();
            promoted.iter().for_each(|leg| state.legs[leg].state = LegState::InSync);
            promoted
        };
        for leg in promoted.iter() {
            log::info!("mirror: leg {leg} ({}) is in sync", self.legs[leg].name());
            self.raise_event();
        }
    }
}
