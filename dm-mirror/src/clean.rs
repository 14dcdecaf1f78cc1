//! Lazy cleaning: regions in which nothing happens any more become clean.
//!
//! Place: woken by the first write to a clean region; runs by the environment's
//! worker while regions are DIRTY. Also the way to a clean stop.
//!
//! Rules:
//!
//! - R5, which `region.rs` keeps: a region becomes clean only if every leg that
//!   has it was flushed after the last write to it. The user's flushes count, so
//!   that a mirror whose user flushes is cleaned almost for nothing.
//! - Nothing becomes clean while an exclusion is not durable: the record that
//!   hides the region would survive, and the leg be believed.
//! - Records of clean regions are never waited for, but by a clean stop.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use dm::{Severity, Work};

use crate::counts::Cause;
use crate::flush::{FlushFor, FlushGroup};
use crate::format::Region;
use crate::journal::Journal;
use crate::leg::LegSet;
use crate::mirror::{Mirror, State};
use crate::region::page_of;

/// How long nothing happens in a region before it is looked at.
const CLEAN_DELAY: Duration = Duration::from_millis(500);

/// The cleaner's part of the mirror's state.
#[derive(Default)]
pub(crate) struct Cleaner {
    /// It will run.
    awake: bool,
    /// A flush of its own is on its way.
    flushing: bool,
    /// Pages of the map to be recorded when it runs next.
    pages: BTreeSet<u32>,
    stop: Option<Stop>,
}

/// A clean stop on its way.
struct Stop {
    done: Box<dyn FnOnce() + Send>,
    stage: Stage,
}

/// What a stop waits for; in each stage also for whatever else is in flight, on legs
/// that are out too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Maps become as clean as they can be.
    Maps,
    /// Superblocks come to say that it was a clean stop.
    Closing,
    /// Superblocks cannot say so.
    GivenUp,
}

impl Cleaner {
    /// There is something to look after; whether it must be scheduled for that.
    pub(crate) fn wake(&mut self) -> bool {
        !mem::replace(&mut self.awake, true)
    }

    /// The superblocks cannot say that a stop which is on its way was a clean one.
    pub(crate) fn give_up_stop(&mut self) {
        if let Some(stop) = &mut self.stop {
            stop.stage = Stage::GivenUp;
        }
    }

    /// Whether a stop is on its way.
    pub(crate) fn stops(&self) -> bool {
        self.stop.is_some()
    }

    /// What is to be recorded of a region changed, without a hurry.
    pub(crate) fn changed(&mut self, region: Region) {
        self.pages.insert(page_of(region));
    }
}

/// The cleaner's work.
struct Clean(Arc<Mirror>);

impl Work for Clean {
    fn run(self: Arc<Self>) {
        self.0.look_for_idle_regions();
    }
}

impl Mirror {
    /// Has the cleaner look, later.
    pub(crate) fn schedule_cleaner(self: &Arc<Self>) {
        self.env.run_after(CLEAN_DELAY, Arc::new(Clean(self.clone())));
    }

    /// The same if there is something to look after, and it sleeps. A resync says so: what
    /// is settled with nothing to copy, as one leg is all there is, woke nobody.
    pub(crate) fn wake_cleaner(self: &Arc<Self>) {
        let wake = {
            let mut state = self.state.lock();
            state.has_to_clean() && state.cleaner.wake()
        };
        if wake {
            self.schedule_cleaner();
        }
    }

    fn look_for_idle_regions(self: &Arc<Self>) {
        let (to_flush, clean) = {
            let mut state = self.state.lock();
            let flushed = state.flushed();
            let busy = state.pending() || state.cleaner.flushing || state.resync.suspended;
            let State { regions, cleaner, .. } = &mut *state;
            let Some(regions) = regions else { return };
            let idle = regions.idle_legs_to_flush(&flushed, false);
            let flush = idle.any && !busy && !idle.to_flush.is_empty();
            cleaner.flushing |= flush;
            (if flush { idle.to_flush } else { LegSet::EMPTY }, !busy)
        };
        if !to_flush.is_empty() {
            FlushGroup::start(self, FlushFor::Cleaning, to_flush, Cause::Clean);
        } else if clean {
            self.clean_now();
        }
        self.stand_twice();
        let more = {
            let mut state = self.state.lock();
            let more = state.has_to_clean();
            state.cleaner.awake = more && !state.resync.suspended;
            state.cleaner.awake
        };
        if more {
            self.schedule_cleaner();
        }
    }

    /// Has each page of the maps stand twice.
    fn stand_twice(self: &Arc<Self>) {
        let legs = {
            let mut state = self.state.lock();
            let writable = state.writable();
            let twice = |leg: &usize| {
                let journal = state.legs[*leg].journal.as_mut();
                let journal = journal.filter(|journal| journal.has_alone());
                journal.map(Journal::stand_twice).is_some()
            };
            writable.iter().filter(twice).collect::<LegSet>()
        };
        legs.iter().for_each(|leg| self.record(leg));
    }

    /// Makes clean what may be, and has it recorded.
    pub(crate) fn clean_now(self: &Arc<Self>) {
        let legs = {
            let mut state = self.state.lock();
            if state.pending() { LegSet::EMPTY } else { state.clean() }
        };
        legs.iter().for_each(|leg| self.record(leg));
    }

    /// The cleaner's own flush has ended.
    pub(crate) fn cleaner_flushed(self: &Arc<Self>) {
        self.state.lock().cleaner.flushing = false;
        self.clean_now();
        self.check_stop();
    }

    /// Leaves everything clean that can be, calls `done`. No request is in
    /// flight, nor a copy.
    pub(crate) fn stop(self: &Arc<Self>, done: Box<dyn FnOnce() + Send>) {
        let to_flush = {
            let mut state = self.state.lock();
            state.cleaner.stop = Some(Stop { done, stage: Stage::Maps });
            let flushed = state.flushed();
            let regions = state.regions.as_mut();
            regions.map_or(LegSet::EMPTY, |it| it.idle_legs_to_flush(&flushed, true).to_flush)
        };
        if to_flush.is_empty() {
            return self.stop_flushed();
        }
        FlushGroup::start(self, FlushFor::Stop, to_flush, Cause::Clean);
    }

    /// Everything is flushed: the maps may say so.
    pub(crate) fn stop_flushed(self: &Arc<Self>) {
        self.clean_now();
        self.stand_twice();
        self.check_stop();
    }

    /// Takes a clean stop further, if one is on its way.
    pub(crate) fn check_stop(self: &Arc<Self>) {
        let step = self.state.lock().next_of_stop();
        match step {
            StopStep::Wait => return,
            StopStep::Close => {}
            StopStep::Over(stop) => return self.stopped(stop),
        }
        self.commit();
    }

    fn stopped(&self, Stop { done, stage }: Stop) {
        match stage {
            Stage::Maps | Stage::Closing => {
                self.note(Severity::Info, format_args!("stopped cleanly"));
            }
            Stage::GivenUp => {
                let what = format_args!("stopped; that it was a clean stop cannot be recorded");
                self.note(Severity::Warning, what);
            }
        }
        done();
    }
}

/// What a stop does next.
enum StopStep {
    /// Nothing yet, or there is no stop.
    Wait,
    /// Superblocks are to say that it was a clean stop.
    Close,
    /// It is over.
    Over(Stop),
}

impl State {
    fn next_of_stop(&mut self) -> StopStep {
        let legs = self.writable();
        let quiet = |leg: usize| self.legs[leg].journal.as_ref().is_none_or(Journal::is_quiet);
        let maps_quiet = legs.iter().all(quiet);
        let told = legs.or(self.marked());
        let in_flight = self.cleaner.flushing || !self.nothing_in_flight();
        let State { membership, cleaner, .. } = self;
        let Some(stop) = &mut cleaner.stop else { return StopStep::Wait };
        let over = match (stop.stage, membership) {
            (Stage::Maps, Some(membership)) => {
                if !maps_quiet {
                    return StopStep::Wait;
                }
                stop.stage = Stage::Closing;
                membership.change_twice(|wanted| wanted.clean = true);
                return StopStep::Close;
            }
            (Stage::Closing, Some(membership)) => {
                !membership.is_half_done() && told.iter().all(|leg| membership.holds(leg))
            }
            // Nothing is recorded, or no session runs.
            (Stage::Maps | Stage::Closing, None) | (Stage::GivenUp, _) => true,
        };
        let given_up = stop.stage == Stage::GivenUp;
        let stop = cleaner.stop.take_if(|_| over && !in_flight);
        // From here on nothing may follow from what has just ended.
        self.still |= given_up || stop.is_some();
        stop.map_or(StopStep::Wait, StopStep::Over)
    }

    /// Whether the cleaner has something to look after: a region that may become clean, a
    /// page that stands in one slot only.
    fn has_to_clean(&self) -> bool {
        let active = self.regions.as_ref().is_some_and(|it| it.has_active());
        let alone = |leg: usize| self.legs[leg].journal.as_ref().is_some_and(Journal::has_alone);
        active || self.writable().iter().any(alone)
    }

    /// Makes clean what may be; gives the legs whose maps have changes to record.
    fn clean(&mut self) -> LegSet {
        let (flushed, writable) = (self.flushed(), self.writable());
        let State { regions, legs, cleaner, .. } = self;
        let Some(regions) = regions else { return LegSet::EMPTY };
        let mut pages: Vec<u32> = regions.clean(&flushed);
        pages.extend(mem::take(&mut cleaner.pages));
        if pages.is_empty() {
            return LegSet::EMPTY;
        }
        for leg in writable.iter() {
            if let Some(journal) = &mut legs[leg].journal {
                journal.change(pages.iter().copied());
            }
        }
        writable
    }
}
