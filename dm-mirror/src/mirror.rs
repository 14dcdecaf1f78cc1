//! The mirror itself: legs, their states, and the entry of every request.
//!
//! Place: [`MirrorTarget`](crate::MirrorTarget) calls [`Mirror::strategy`];
//! the read, write and resync paths call back here to have a leg failed or a
//! write settled.
//!
//! Rules:
//!
//! - `state` is locked for a decision, never across a call to a leg, a
//!   completion or an event.
//! - At least one leg is in sync at all times: the last one is never failed,
//!   its errors go up.
//! - Whoever holds a [`Ticket`] gives it back exactly once, in the step that
//!   decides what came of it, then completes, then calls [`Mirror::grant`].

use alloc::boxed::Box;
use alloc::sync::Arc;

use arrayvec::ArrayVec;
use bio::sync::{Lock, Rank};
use bio::{Bio, BufCmd, ErrorKind, Extent, IoError, IoResult, Sector, Sectors};
use dm::{Context, Env, Events};

use crate::config::{Config, ReadPolicy};
use crate::leg::{Failure, LEGS_MAX, Leg, LegSet, LegState};
use crate::range::{Mode, RangeLock, Ticket};
use crate::resync::Resync;
use crate::write::{LegErrors, WriteGroup};

/// A mirror: what does not change, and the state that does.
pub(crate) struct Mirror {
    pub(crate) legs: ArrayVec<Leg, LEGS_MAX>,
    pub(crate) length: Sectors,
    pub(crate) region: Sectors,
    pub(crate) nosync: bool,
    pub(crate) read_policy: ReadPolicy,
    pub(crate) env: Arc<dyn Env>,
    events: Arc<Events>,
    pub(crate) state: Lock<State>,
}

/// What the mirror's lock protects.
pub(crate) struct State {
    pub(crate) legs: ArrayVec<LegRecord, LEGS_MAX>,
    pub(crate) ranges: RangeLock<Waiter>,
    /// A thread is starting granted waiters; it will see those of others too.
    granting: bool,
    /// The leg that round robin read last.
    pub(crate) last_read: usize,
    pub(crate) resync: Resync,
}

/// What is believed and counted of a leg.
pub(crate) struct LegRecord {
    pub(crate) state: LegState,
    pub(crate) reads_pending: u32,
    pub(crate) counts: Counts,
}

/// What a leg was asked since the mirror was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) flushes: u64,
    pub(crate) read_errors: u64,
    pub(crate) write_errors: u64,
}

/// Who waits for a range.
pub(crate) enum Waiter {
    /// A request of the mirror's user.
    Request(Bio),
    /// The resync, with the next extent to copy.
    Copy(Extent),
}

impl Mirror {
    /// A mirror as `config` describes it; it issues nothing until it is resumed.
    pub(crate) fn new(config: Config, context: &Context<'_>) -> Arc<Mirror> {
        let start = |leg| match (config.nosync, leg) {
            (true, _) | (false, 0) => LegState::InSync,
            (false, _) => LegState::Rebuilding { next: Sector(0), again: None },
        };
        let legs = (0..config.legs.len())
            .map(|leg| LegRecord { state: start(leg), reads_pending: 0, counts: Counts::default() })
            .collect();
        let last_read = config.legs.len() - 1;
        Arc::new(Mirror {
            legs: config.legs,
            length: context.length,
            region: config.region,
            nosync: config.nosync,
            read_policy: config.read_policy,
            env: context.env.clone(),
            events: context.events.clone(),
            state: Lock::new(
                Rank::TARGET,
                State {
                    legs,
                    ranges: RangeLock::new(),
                    granting: false,
                    last_read,
                    resync: Resync::default(),
                },
            ),
        })
    }

    /// Takes over a request (`dmirror_strategy`).
    pub(crate) fn strategy(self: &Arc<Self>, bio: Bio) {
        let mode = match bio.cmd() {
            BufCmd::Read => Mode::Shared,
            BufCmd::Write { .. } => Mode::Exclusive,
            BufCmd::FreeBlks if self.limits().discard => Mode::Exclusive,
            BufCmd::FreeBlks => return bio.fail(ErrorKind::Unsupported),
            BufCmd::Flush => return WriteGroup::start(self, None, bio),
        };
        self.enter(bio.extent(), mode, Waiter::Request(bio));
    }

    /// Starts `waiter` once it has its range.
    pub(crate) fn enter(self: &Arc<Self>, extent: Extent, mode: Mode, waiter: Waiter) {
        let (ticket, granted) = self.state.lock().ranges.acquire(extent, mode, waiter);
        if let Some(waiter) = granted {
            self.start(ticket, waiter);
        }
    }

    fn start(self: &Arc<Self>, ticket: Ticket, waiter: Waiter) {
        match waiter {
            Waiter::Request(bio) if bio.cmd() == BufCmd::Read => self.read(Some(ticket), bio),
            Waiter::Request(bio) => WriteGroup::start(self, Some(ticket), bio),
            Waiter::Copy(extent) => self.copy(ticket, extent),
        }
    }

    /// Gives a range back. The caller calls [`grant`](Mirror::grant) once it
    /// has completed what the range was for.
    pub(crate) fn release(&self, ticket: Ticket) {
        self.state.lock().ranges.release(ticket);
    }

    /// Starts all whose range has become free. A leg may complete at once and
    /// release again: the outermost call goes on, so the stack stays shallow.
    pub(crate) fn grant(self: &Arc<Self>) {
        let mut mine = false;
        loop {
            let next = {
                let mut state = self.state.lock();
                if state.granting && !mine {
                    return;
                }
                let next = state.ranges.grant();
                state.granting = next.is_some();
                next
            };
            let Some((ticket, waiter)) = next else { return };
            mine = true;
            self.start(ticket, waiter);
        }
    }

    /// Takes a leg out, unless it is the last one in sync. Returns what it is then.
    pub(crate) fn fail_leg(&self, leg: usize, why: Failure) -> LegState {
        let (failed, state) = {
            let mut state = self.state.lock();
            (state.fail(leg, why), state.legs[leg].state)
        };
        if failed {
            self.announce(leg, why);
        }
        state
    }

    /// A write, flush or discard failed on a leg.
    pub(crate) fn write_failed(&self, leg: usize, step: BufCmd, error: IoError) {
        self.state.lock().legs[leg].counts.write_errors += 1;
        self.fail_leg(leg, failure(step, error));
    }

    fn announce(&self, leg: usize, why: Failure) {
        log::warn!("mirror: leg {leg} ({}) is out: {why}", self.legs[leg].name());
        self.events.raise();
    }

    /// Something else happened that a person should hear of.
    pub(crate) fn raise_event(&self) {
        self.events.raise();
    }

    /// Decides a write group whose legs have all reported, and gives its range
    /// back in the same moment, so that no read can see a leg in between.
    ///
    /// It succeeded if an in-sync leg has it. An in-sync leg that does not,
    /// beside one that does, is out: it may have been the last one when it
    /// reported. If none has it, what reached a leg being rebuilt must be
    /// copied again.
    pub(crate) fn settle(
        &self,
        ticket: Option<Ticket>,
        cmd: BufCmd,
        extent: Extent,
        reached: LegSet,
        failed: &LegErrors,
    ) -> IoResult {
        let mut out = LegErrors::new();
        let result = {
            let mut state = self.state.lock();
            let held = !state.in_sync().and(reached).is_empty();
            let result = match failed.first() {
                Some(&(_, error)) if !held => {
                    state.copy_again(extent);
                    Err(error)
                }
                _ => {
                    let news = |&&(leg, error): &&_| state.fail(leg, failure(cmd, error));
                    out.extend(failed.iter().filter(news).copied());
                    Ok(())
                }
            };
            if let Some(ticket) = ticket {
                state.ranges.release(ticket);
            }
            result
        };
        out.iter().for_each(|&(leg, error)| self.announce(leg, failure(cmd, error)));
        result
    }

    /// Stops background I/O; `done` is called when none is left.
    pub(crate) fn suspend(&self, done: Box<dyn FnOnce() + Send>) {
        let quiet = {
            let mut state = self.state.lock();
            assert!(state.resync.on_quiet.is_none(), "a target is suspended once at a time");
            state.resync.suspended = true;
            if state.resync.running {
                state.resync.on_quiet = Some(done);
                return;
            }
            done
        };
        quiet();
    }

    /// Nobody will use the mirror any more: background I/O ends with what is
    /// in flight.
    pub(crate) fn tear_down(&self) {
        self.state.lock().resync.suspended = true;
    }
}

/// What it means for a leg that a step of a write failed on it.
fn failure(step: BufCmd, error: IoError) -> Failure {
    match step {
        BufCmd::Flush => Failure::Flush(error.kind),
        _ => Failure::Write(error.kind),
    }
}

impl Counts {
    /// A leg is asked to do something.
    pub(crate) fn issued(&mut self, cmd: BufCmd) {
        match cmd {
            BufCmd::Read => self.reads += 1,
            BufCmd::Write { .. } | BufCmd::FreeBlks => self.writes += 1,
            BufCmd::Flush => self.flushes += 1,
        }
    }
}

impl State {
    /// The legs in sync; never none.
    pub(crate) fn in_sync(&self) -> LegSet {
        self.legs_that(|state| matches!(state, LegState::InSync))
    }

    /// The legs that take writes.
    pub(crate) fn writable(&self) -> LegSet {
        self.legs_that(|state| !matches!(state, LegState::Failed(_)))
    }

    /// The legs whose state is so.
    pub(crate) fn legs_that(&self, is: impl Fn(LegState) -> bool) -> LegSet {
        (0..self.legs.len()).filter(|&leg| is(self.legs[leg].state)).collect()
    }

    /// Takes a leg out and says whether that is news; not the last in sync.
    fn fail(&mut self, leg: usize, why: Failure) -> bool {
        let last = self.in_sync().iter().eq([leg]);
        match self.legs[leg].state {
            LegState::Failed(_) => false,
            LegState::InSync if last => false,
            LegState::InSync | LegState::Rebuilding { .. } => {
                self.legs[leg].state = LegState::Failed(why);
                true
            }
        }
    }

    /// Legs being rebuilt may have got something of `extent` that no in-sync
    /// leg has: what they had there counts for nothing.
    fn copy_again(&mut self, extent: Extent) {
        for leg in &mut self.legs {
            if let LegState::Rebuilding { next, again } = &mut leg.state
                && !extent.is_empty()
                && extent.start() < *next
            {
                *again = Some(again.map_or(extent, |more| more.hull(extent)));
            }
        }
    }
}
