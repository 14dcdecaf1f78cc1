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
use bio::{Bio, Buf, BufDone, Extent, IoResult, Sector, Sectors};
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
            Step::Flush(legs) => {
                CopyGroup::start(self, None, Extent::default(), legs, |_| Buf::flush());
            }
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
        let next = self.rebuilding().filter_map(|(_, next)| next).min();
        match next {
            Some(next) if !self.resync.suspended => match end(length) - next {
                Sectors::ZERO => Step::Flush(self.rebuilding_at(next)),
                left => Step::Copy(Extent::new(next, left.min(COPY_CHUNK))),
            },
            _ => {
                self.resync.running = false;
                Step::Rest(self.resync.on_quiet.take())
            }
        }
    }

    /// Each leg being rebuilt, and where it goes on.
    fn rebuilding(&self) -> impl Iterator<Item = (usize, Option<Sector>)> {
        self.legs.iter().enumerate().map(|(leg, record)| match record.state {
            LegState::Rebuilding { next } => (leg, Some(next)),
            LegState::InSync | LegState::Failed(_) => (leg, None),
        })
    }

    /// The legs whose next sector to copy is this one.
    fn rebuilding_at(&self, at: Sector) -> LegSet {
        self.rebuilding().filter(|&(_, next)| next == Some(at)).map(|(leg, _)| leg).collect()
    }
}

/// A chunk being read for the legs that need it.
struct ChunkRead {
    mirror: Arc<Mirror>,
    ticket: Ticket,
}

impl BufDone for ChunkRead {
    fn buf_done(self: Arc<Self>, buf: Buf, _info: u64, result: IoResult) {
        let ChunkRead { mirror, ticket } = &*self;
        let extent = buf.extent();
        let legs = mirror.state.lock().rebuilding_at(extent.start());
        match (result, buf.into_read()) {
            (Ok(()), Some(memory)) => {
                let data = memory.freeze();
                CopyGroup::start(mirror, Some(*ticket), extent, legs, |at| {
                    Buf::write(at, data.clone())
                });
            }
            (Err(error), _) => {
                legs.iter().for_each(|leg| mirror.fail_leg(leg, Failure::Source(error.kind)));
                CopyGroup::start(mirror, Some(*ticket), extent, LegSet::EMPTY, |_| Buf::flush());
            }
            (Ok(()), None) => unreachable!("a read that succeeded has its memory"),
        }
    }
}

/// A chunk being written, or the flush after the last one. As with a write
/// group, the last reference ends it.
struct CopyGroup {
    mirror: Arc<Mirror>,
    ticket: Option<Ticket>,
    extent: Extent,
    reached: Lock<LegSet>,
}

impl CopyGroup {
    /// Sends to each of `legs` what `buf` makes for its place on the leg.
    fn start(
        mirror: &Arc<Mirror>,
        ticket: Option<Ticket>,
        extent: Extent,
        legs: LegSet,
        buf: impl Fn(Extent) -> Buf,
    ) {
        let group = Arc::new(CopyGroup {
            mirror: mirror.clone(),
            ticket,
            extent,
            reached: Lock::new(Rank::WRITE_GROUP, LegSet::EMPTY),
        });
        for leg in legs.iter() {
            let at = mirror.legs[leg].place(extent);
            let bio = Bio::new(buf(at), group.clone(), leg as u64);
            mirror.legs[leg].device.strategy(bio);
        }
    }
}

impl BufDone for CopyGroup {
    fn buf_done(self: Arc<Self>, _buf: Buf, info: u64, result: IoResult) {
        let leg = info as usize;
        match result {
            Ok(()) => self.reached.lock().insert(leg),
            Err(error) => self.mirror.fail_leg(leg, Failure::Write(error.kind)),
        }
    }
}

impl Drop for CopyGroup {
    /// The chunk is on every leg that did not fail, or the flush is done.
    fn drop(&mut self) {
        let promoted = {
            let mut state = self.mirror.state.lock();
            let promoted = state.copied(*self.reached.get_mut(), self.extent, self.mirror.length);
            if let Some(ticket) = self.ticket {
                state.ranges.release(ticket);
            }
            promoted
        };
        for leg in promoted.iter() {
            log::info!("mirror: leg {leg} ({}) is in sync", self.mirror.legs[leg].name());
            self.mirror.raise_event();
        }
        self.mirror.grant();
        self.mirror.next_step();
    }
}

impl State {
    /// Notes that `legs` hold `extent`, or, if it is empty, that they were
    /// flushed after the last chunk. Returns those that are in sync by this.
    fn copied(&mut self, legs: LegSet, extent: Extent, length: Sectors) -> LegSet {
        let mut promoted = LegSet::EMPTY;
        for leg in legs.iter() {
            // A write that failed may have moved `next` back meanwhile.
            let record = &mut self.legs[leg];
            match record.state {
                LegState::Rebuilding { next } if extent.is_empty() && next == end(length) => {
                    record.state = LegState::InSync;
                    promoted.insert(leg);
                }
                LegState::Rebuilding { next } if next == extent.start() => {
                    record.state = LegState::Rebuilding { next: extent.end() };
                }
                _ => {}
            }
        }
        promoted
    }
}

fn end(length: Sectors) -> Sector {
    Sector(0) + length
}
