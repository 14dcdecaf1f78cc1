//! Resync: makes legs equal where they may differ, and gives a leg that is being
//! rebuilt what it missed.
//!
//! Place: begins as soon as there is something to copy, and is carried on by alarms, with one
//! chunk in flight. `promote.rs` follows when a leg lacks nothing any more.
//!
//! Rules:
//!
//! - A copy is a write: it is a group, holds the range of its chunk, has an intent on each
//!   leg that it goes to, and a leg that fails it is out.
//! - A region counts as copied only after a flush of all legs that is issued once its last
//!   chunk was written (R6). Then what is answered from the region is durable on every leg in
//!   sync.
//! - An unsettled region answers no read before that, and none while an
//!   exclusion is on its way to the superblocks (R7). A read that waits moves its
//!   regions to the front. Any leg in sync may be the source, since nothing was
//!   answered yet.
//! - The next chunk is started by an alarm, never from the end of the one before: users'
//!   requests come between them.

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use bio::{BufCmd, Extent, IoError, IoResult};

use crate::core::event::{Action, Alarm};
use crate::core::parts::check::COPY_CHUNK;
use crate::core::parts::counts::Cause;
use crate::core::parts::flushes::FlushFor;
use crate::core::parts::leg::{Failure, LegSet};
use crate::core::parts::range::{Mode, Ticket};
use crate::core::parts::region::Regions;
use crate::core::parts::requests::{Origin, Req};
use crate::core::parts::resync::Current;
use crate::core::parts::waiter::Waiter;
use crate::core::{Core, Follow};
use crate::format::Region;

/// How many regions are copied before a flush, while no read waits for one.
const REGIONS_PER_FLUSH: usize = 16;

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
    Rest,
}

impl Core {
    /// Has the resync look whether there is something to copy, if it does not already.
    pub(in crate::core) fn wake_resync(&mut self) -> bool {
        if self.suspension.suspended && !self.resync.napping {
            return false;
        }
        if mem::take(&mut self.resync.hurried) && self.resync.wake() {
            self.next_resync_step();
            return true;
        }
        let idle = !self.resync.running && !self.resync.rested && !self.resync.stuck;
        let wakes = idle && self.runs() && self.may_have_to_copy();
        if wakes {
            self.resync.running = true;
            self.next_resync_step();
        }
        wakes
    }

    /// Whether a step may find something: quick, and never wrongly false.
    fn may_have_to_copy(&self) -> bool {
        let unsettled = self.regions.as_ref().is_some_and(|it| it.unsettled_count() > 0);
        let rebuilding = || !self.legs.rebuilding().is_empty();
        unsettled || !self.resync.copied.is_empty() || rebuilding()
    }

    /// Has the next step taken.
    pub(super) fn next_resync_step(&mut self) {
        self.act(Action::Set(Alarm::Resync, Duration::ZERO));
    }

    /// A pause is over, unless it was ended before.
    pub(super) fn nap_over(&mut self, nap: u64) {
        if self.resync.naps == nap && self.resync.wake() {
            self.resync_step();
        }
    }

    pub(super) fn resync_step(&mut self) {
        match self.decide_step() {
            Step::Copy(extent) => {
                let _ = self.enter(extent, Mode::Exclusive, Waiter::Copy(extent));
            }
            Step::Flush(legs) => self.start_own_flush(FlushFor::Copied, legs, Cause::Copy),
            Step::Promote(legs) => _ = self.enter_whole(Waiter::Promote(legs)),
            Step::Nap(time, nap) => self.act(Action::Set(Alarm::Nap(nap), time)),
            Step::Rest => (self.resync.running, self.resync.rested) = (false, true),
        }
    }

    /// Copies `extent`, whose range is held, to the legs that want it.
    pub(super) fn copy(&mut self, ticket: Ticket, extent: Extent) -> Follow {
        let req = self.requests.add(BufCmd::Read, extent, Origin::Copy);
        self.requests[req].ticket = Some(ticket);
        self.read(req)
    }

    /// A chunk was read for the legs that want it, or could not be.
    pub(super) fn chunk_read(&mut self, req: Req, result: IoResult) {
        match result {
            Ok(()) => {
                let leg = self.resync.source;
                self.act(Action::Take { req, from: leg });
                self.requests[req].cmd = BufCmd::Write { fua: false };
                let _ = self.start_group(req);
            }
            Err(error) => {
                let extent = self.requests[req].extent;
                self.release_of(req);
                self.drop_request(req);
                self.chunk_unreadable(extent, error);
            }
        }
    }

    fn decide_step(&mut self) -> Step {
        let (block, now) = (self.setup.block, self.now);
        if self.suspension.suspended || !self.runs() {
            return Step::Rest;
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
                let reached = self.legs.all();
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
        if whole.is_empty() { Step::Rest } else { Step::Promote(whole) }
    }

    /// Whether some region that an extent touches is unsettled.
    pub(super) fn is_unsettled(&self, extent: Extent) -> bool {
        let unsettled = |regions: &Regions| regions.unsettled_in(extent).is_some();
        self.regions.as_ref().is_some_and(unsettled)
    }

    fn extent_of(&self, region: Region) -> Extent {
        self.regions.as_ref().expect("a region belongs to some").geometry().extent(region)
    }

    /// The leg that the first chunks of the region being copied were read from.
    pub(super) fn source_of_region(&self) -> Option<usize> {
        let Current { region, next, .. } = self.resync.current.as_ref()?;
        (*next > self.extent_of(*region).start()).then_some(self.resync.source)
    }

    /// The next region, in a circle, where something is to be copied. If the intent to write
    /// there has to be recorded, one record serves the regions that follow too.
    fn next_region(&mut self) -> Option<Region> {
        let regions = self.regions.as_ref()?;
        let rebuilding = self.legs.rebuilding();
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

    /// The legs that a region is to be copied to. If that is all legs in sync, the source is
    /// among them.
    fn targets(&self, region: Region) -> LegSet {
        let Some(regions) = &self.regions else { return LegSet::EMPTY };
        let rebuilding = self.legs.rebuilding();
        let missed = rebuilding.iter().filter(|&leg| regions.missed(leg, region)).collect();
        let in_sync = self.in_sync();
        match regions.is_unsettled(region) {
            true if in_sync.iter().count() > 1 || regions.is_doubtful(region) => in_sync.or(missed),
            _ => missed,
        }
    }

    /// The legs that a chunk just read goes to; the source too, if that is in doubt.
    pub(super) fn wanting(&self, extent: Extent) -> LegSet {
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

    /// The legs in `flushed` were flushed behind the regions that were copied. Returns the
    /// reads that may begin.
    fn regions_flushed(&mut self, flushed: LegSet) -> Vec<Req> {
        if self.pending() {
            // They are flushed again once the exclusion is durable.
            return Vec::new();
        }
        let in_sync = self.in_sync();
        let settled = in_sync.without(flushed).is_empty();
        let rebuilding = self.legs.rebuilding();
        let Core { regions, resync, cleaner, .. } = self;
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
        let waits = |(_, extent): &(Req, Extent)| regions.unsettled_in(*extent).is_some();
        let (wait, go): (Vec<_>, Vec<_>) =
            mem::take(&mut resync.readers).into_iter().partition(waits);
        resync.readers = wait;
        go.into_iter().map(|(req, _)| req).collect()
    }

    /// A chunk could be read from no leg in sync, so it is read block by block. A block that
    /// nobody can read stays as it is on legs in sync, and answers with an error. A leg being
    /// rebuilt would keep something else there, so it is out.
    fn chunk_unreadable(&mut self, extent: Extent, error: IoError) {
        if extent.count() > self.setup.block {
            if let Some(current) = &mut self.resync.current {
                current.by_block = true;
            }
        } else {
            let targets = self.wanting(extent);
            let rebuilding = self.legs.rebuilding();
            self.chunk_done(extent, targets.without(rebuilding));
            for leg in targets.and(rebuilding).iter() {
                self.fail_leg(leg, Failure::Source(error.kind));
            }
        }
        self.next_resync_step();
    }

    /// A chunk was written to the legs that wanted it, or they are out. If the last leg could
    /// not record what happened, it was not written, and is tried again later.
    pub(super) fn chunk_copied(&mut self, extent: Extent, reached: LegSet, result: IoResult) {
        match result {
            Ok(()) => {
                self.chunk_done(extent, reached);
                self.retry.succeeded();
            }
            Err(error) => return self.resync_stuck(error),
        }
        self.next_resync_step();
    }

    /// All legs were flushed behind the regions that were copied.
    pub(super) fn copies_flushed(&mut self, flushed: LegSet, error: Option<IoError>) {
        let go = self.regions_flushed(flushed);
        self.tell_settled();
        for req in go {
            let extent = self.requests[req].extent;
            let _ = self.enter_read(req, extent);
        }
        let first = self.in_sync().iter().next().expect("one leg is always in sync");
        match error {
            // Legs that failed are out by now, but the last one stays.
            Some(error) if !flushed.contains(first) => self.resync_stuck(error),
            _ => self.next_resync_step(),
        }
    }

    /// The resync cannot go on: reads that wait for it fail, and it tries again
    /// later.
    pub(super) fn resync_stuck(&mut self, error: IoError) {
        (self.resync.running, self.resync.stuck) = (false, true);
        self.fail_readers(error);
        self.try_again_later();
    }

    /// Reads that wait for unsettled regions fail: these cannot be settled now.
    pub(super) fn fail_readers(&mut self, error: IoError) {
        for (req, _) in mem::take(&mut self.resync.readers) {
            let _ = self.fail_request(req, error.kind);
        }
    }
}
