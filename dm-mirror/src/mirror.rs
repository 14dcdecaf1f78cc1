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
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use arrayvec::ArrayVec;
use bio::sync::{Lock, Rank};
use bio::{Bio, BufCmd, ErrorKind, Extent, IoError, IoResult, Sector, Sectors};
use dm::{Context, Env, Events};

use crate::cache_loss::Loss;
use crate::clean::Cleaner;
use crate::config::{Config, Log, ReadPolicy};
use crate::counts::{Cause, Counts};
use crate::errors::{Errors, Threshold};
use crate::journal::Journal;
use crate::leg::{Failure, LEGS_MAX, Leg, LegSet, LegState};
use crate::leg_flush::Flushes;
use crate::membership::Membership;
use crate::news::News;
use crate::not_started::{Consent, NotStarted};
use crate::pace::Pace;
use crate::range::{Mode, RangeLock, Ticket};
use crate::read::Reader;
use crate::region::{Flushed, Moment, Regions};
use crate::replace::Replacement;
use crate::resync::Resync;
use crate::retry::Retry;
use crate::scrub::{Job, Scrub};
use crate::write::{Group, Origin, WriteGroup};

/// A mirror: what does not change, and the state that does.
pub(crate) struct Mirror {
    pub(crate) legs: ArrayVec<Leg, LEGS_MAX>,
    pub(crate) length: Sectors,
    pub(crate) log: Log,
    pub(crate) start_degraded: bool,
    pub(crate) error_threshold: Threshold,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) events: Arc<Events>,
    /// Where on each leg the data begins, by the members that were found last.
    data_start: AtomicU64,
    pub(crate) state: Lock<State>,
}

/// What the mirror's lock protects.
pub(crate) struct State {
    pub(crate) life: Life,
    /// What a person said about the start that has not succeeded yet.
    pub(crate) consent: Consent,
    /// The members are being read, for a start.
    pub(crate) probing: bool,
    /// Legs of which it is not known which member they hold: they could not be read when
    /// the session began, and several members were missing.
    pub(crate) unknown: LegSet,
    /// Legs that a person took out, which no superblock durably says yet: if this session
    /// ends before, the next one begins without them.
    pub(crate) by_hand: LegSet,
    /// Legs that are being read or wiped, to be taken back ...
    pub(crate) looking: LegSet,
    /// ... whatever lies on them, ...
    pub(crate) forced: LegSet,
    /// ... and those of them that a person failed meanwhile.
    pub(crate) called_off: LegSet,
    /// Legs that are to be taken back, and will be looked at when the mirror runs.
    pub(crate) put_off: LegSet,
    /// No record is written: whoever suspended the mirror was told that nothing comes, or
    /// nobody uses it any more. A request ends that, and so does a resume.
    pub(crate) still: bool,
    pub(crate) retry: Retry,
    pub(crate) legs: ArrayVec<LegRecord, LEGS_MAX>,
    pub(crate) ranges: RangeLock<Waiter>,
    /// A thread is starting granted waiters; it will see those of others too.
    granting: bool,
    pub(crate) read_policy: ReadPolicy,
    /// Legs that are read only if no other can answer.
    pub(crate) write_mostly: LegSet,
    /// The leg that round robin read last.
    pub(crate) last_read: usize,
    /// `None` until the mirror has found its members.
    pub(crate) regions: Option<Regions>,
    /// `None` where nothing is recorded.
    pub(crate) membership: Option<Membership>,
    pub(crate) resync: Resync,
    pub(crate) scrub: Scrub,
    pub(crate) pace: Pace,
    pub(crate) cleaner: Cleaner,
    /// The range of the whole mirror, while superblocks promote a leg.
    pub(crate) promotion: Option<Ticket>,
    pub(crate) replacement: Option<Replacement>,
    pub(crate) loss: Loss,
    pub(crate) news: News,
}

/// Whether the mirror serves requests.
pub(crate) enum Life {
    /// It is finding its members; requests wait.
    Starting(Vec<Bio>),
    /// It serves them.
    Running,
    /// It waits for a member or a person, who is told why; requests fail.
    Held(Box<NotStarted>),
    /// What it found cannot be started; requests fail.
    Refused(Box<NotStarted>),
}

/// What is believed and counted of a leg.
pub(crate) struct LegRecord {
    pub(crate) state: LegState,
    pub(crate) reads_pending: u32,
    pub(crate) counts: Counts,
    /// Errors of its medium.
    pub(crate) errors: Errors,
    pub(crate) flushes: Flushes,
    /// Requests that the leg was asked for, of whatever kind.
    pub(crate) outstanding: u32,
    /// When the last flush that succeeded was issued.
    pub(crate) flushed: Moment,
    /// The slot into which the last superblock failed to go: it may be what is read there,
    /// and be lost with the cache.
    pub(crate) superblock_in_doubt: Option<usize>,
    /// How many of its records the start that is on its way found torn or damaged.
    pub(crate) damaged: u64,
    /// Its map, if it has one.
    pub(crate) journal: Option<Journal>,
    /// How often the device had lost its cache when that was last looked at.
    pub(crate) resets: u64,
    /// When it was last seen to have lost it.
    pub(crate) lost: Moment,
    /// Why it was not taken back when a person asked for that last.
    pub(crate) stays_out: Option<String>,
}

/// Who waits for a range.
pub(crate) enum Waiter {
    /// A request of the mirror's user.
    Request(Bio),
    /// The resync, with the next extent to copy.
    Copy(Extent),
    /// The promotion of these legs.
    Promote(LegSet),
    /// The scrub, with what it is to look at.
    Scrub(Job),
}

/// A group that all its legs have reported to.
pub(crate) struct Ended {
    pub(crate) ticket: Option<Ticket>,
    pub(crate) origin: Origin,
    pub(crate) began: Moment,
    pub(crate) result: IoResult,
}

impl Mirror {
    /// A mirror as `config` describes it; it issues nothing until it is resumed.
    pub(crate) fn new(config: Config, context: &Context<'_>) -> Arc<Mirror> {
        let count = config.legs.len();
        let first = |leg| match (config.log, leg) {
            (Log::Internal, _) => LegState::Failed(Failure::Absent),
            (Log::Core { nosync: true, .. }, _) | (_, 0) => LegState::InSync,
            (Log::Core { .. }, _) => LegState::Rebuilding,
        };
        let records = config.legs.iter().enumerate();
        let record = |(leg, it): (usize, &Leg)| LegRecord::new(first(leg), it.resets());
        let mut state = State {
            life: Life::Starting(Vec::new()),
            consent: Consent::default(),
            probing: false,
            unknown: LegSet::EMPTY,
            by_hand: LegSet::EMPTY,
            looking: LegSet::EMPTY,
            forced: LegSet::EMPTY,
            called_off: LegSet::EMPTY,
            put_off: LegSet::EMPTY,
            still: false,
            retry: Retry::default(),
            legs: records.map(record).collect(),
            ranges: RangeLock::new(),
            granting: false,
            read_policy: config.read_policy,
            write_mostly: config.write_mostly,
            last_read: count - 1,
            regions: None,
            membership: None,
            resync: Resync::default(),
            scrub: Scrub::default(),
            pace: Pace::new(config.sync_rate),
            cleaner: Cleaner::default(),
            promotion: None,
            replacement: None,
            loss: Loss::default(),
            news: News::default(),
        };
        if let Some(mut regions) = config.regions {
            for leg in state.legs_that(|state| state == LegState::Rebuilding).iter() {
                regions.all().for_each(|region| regions.miss(leg, region));
            }
            state.regions = Some(regions);
            state.life = Life::Running;
        }
        Arc::new(Mirror {
            legs: config.legs,
            length: context.length,
            log: config.log,
            start_degraded: config.start_degraded,
            error_threshold: config.error_threshold,
            env: context.env.clone(),
            events: context.events.clone(),
            data_start: AtomicU64::new(0),
            state: Lock::new(Rank::TARGET, state),
        })
    }

    /// Starts, or tries again if that was not possible, or goes on after
    /// [`suspend`](Mirror::suspend).
    pub(crate) fn resume(self: &Arc<Self>) {
        let (first, wake) = {
            let mut state = self.state.lock();
            (state.resync.suspended, state.still) = (false, false);
            let State { membership, regions, cleaner, life, .. } = &mut *state;
            if let Some(membership) = membership {
                membership.change_twice(|wanted| wanted.clean = false);
            }
            let active = regions.as_ref().is_some_and(|regions| regions.has_active());
            (!matches!(life, Life::Running), active && cleaner.wake())
        };
        if first {
            return self.start_session();
        }
        if wake {
            self.schedule_cleaner();
        }
        self.commit();
        self.take_back();
        self.look_at_those_put_off();
        self.resume_resync();
        self.resume_scrub();
    }

    /// Takes over a request (`dmirror_strategy`).
    pub(crate) fn strategy(self: &Arc<Self>, bio: Bio) {
        let life = {
            let mut state = self.state.lock();
            state.still = false;
            state.pace.asked();
            match &mut state.life {
                Life::Running => Ok(bio),
                Life::Starting(waiting) => return waiting.push(bio),
                Life::Held(_) | Life::Refused(_) => Err(bio),
            }
        };
        let bio = match life {
            Ok(bio) => bio,
            Err(bio) => return bio.fail(ErrorKind::Gone),
        };
        let mode = match bio.cmd() {
            BufCmd::Read => return self.enter_read(bio),
            BufCmd::Write { .. } => Mode::Exclusive,
            BufCmd::FreeBlks if self.limits().discard => Mode::Exclusive,
            BufCmd::FreeBlks => return bio.fail(ErrorKind::Unsupported),
            BufCmd::Flush => return WriteGroup::start(self, Group::user(None, bio)),
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
            Waiter::Request(bio) if bio.cmd() == BufCmd::Read => {
                self.read(Reader::User(ticket), bio)
            }
            Waiter::Request(bio) => WriteGroup::start(self, Group::user(Some(ticket), bio)),
            Waiter::Copy(extent) => self.copy(ticket, extent),
            Waiter::Promote(legs) => self.promote(ticket, legs),
            Waiter::Scrub(job) => self.examine(ticket, job),
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

    /// What a person calls a leg: by its number in the table, and its device.
    pub(crate) fn call(&self, leg: usize) -> String {
        format!("leg {leg} ({})", self.legs[leg].name())
    }

    /// Where on a leg's device-part the mirror's sector is.
    pub(crate) fn data_place(&self, sector: Sector) -> Sector {
        Sector(self.data_start.load(Ordering::Relaxed)) + (sector - Sector(0))
    }

    /// The members that were found begin their data here. Called while no request is on
    /// its way to them; the mirror's lock orders it before those that follow.
    pub(crate) fn set_data_start(&self, start: Sector) {
        self.data_start.store(start.0, Ordering::Relaxed);
    }

    /// Takes a leg out, unless it is the last one in sync. Returns what it is then.
    pub(crate) fn fail_leg(self: &Arc<Self>, leg: usize, why: Failure) -> LegState {
        let (failed, state) = {
            let mut state = self.state.lock();
            (state.fail(leg, why), state.legs[leg].state)
        };
        if failed {
            self.went_out(leg, why);
        }
        state
    }

    /// A leg is out: a person hears of it, and superblocks must say so.
    pub(crate) fn went_out(self: &Arc<Self>, leg: usize, why: Failure) {
        self.announce(leg, why);
        self.leg_went_out();
    }

    /// A leg went out: superblocks must say so, and what waited for it to be made
    /// equal waits no more.
    pub(crate) fn leg_went_out(self: &Arc<Self>) {
        self.commit();
        self.resume_resync();
    }
}

/// What it means for a leg that a step of a write failed on it.
pub(crate) fn failure(step: BufCmd, error: IoError) -> Failure {
    match step {
        BufCmd::Flush => Failure::Flush(error.kind),
        _ => Failure::Write(error.kind),
    }
}

impl LegRecord {
    fn new(state: LegState, resets: u64) -> LegRecord {
        LegRecord {
            state,
            reads_pending: 0,
            counts: Counts::default(),
            errors: Errors::default(),
            flushes: Flushes::default(),
            outstanding: 0,
            flushed: Moment::default(),
            superblock_in_doubt: None,
            damaged: 0,
            journal: None,
            resets,
            lost: Moment::default(),
            stays_out: None,
        }
    }

    /// The leg is asked for something but a flush: to be told before the request is
    /// passed on.
    pub(crate) fn issued(&mut self, cmd: BufCmd, cause: Cause) {
        self.outstanding += 1;
        self.counts.issued(cmd, cause);
    }

    /// A flush that was issued at `when` has succeeded.
    pub(crate) fn flushed_since(&mut self, when: Moment) {
        self.flushed = self.flushed.max(when);
    }

    /// A session begins with the leg, or it is taken back: what its cache lost before
    /// is known to be missing.
    pub(crate) fn begins(&mut self, resets: u64) {
        (self.resets, self.lost, self.flushed) = (resets, Moment::default(), Moment::default());
    }

    /// A person takes the leg back: its errors count anew, too.
    pub(crate) fn forgive(&mut self, resets: u64) {
        self.begins(resets);
        self.errors = Errors::default();
    }
}

impl State {
    /// The legs in sync; never none while the mirror runs.
    pub(crate) fn in_sync(&self) -> LegSet {
        self.legs_that(|state| matches!(state, LegState::InSync))
    }

    /// The legs that take writes.
    pub(crate) fn writable(&self) -> LegSet {
        self.legs_that(|state| matches!(state, LegState::InSync | LegState::Rebuilding))
    }

    /// The legs whose state is so.
    pub(crate) fn legs_that(&self, is: impl Fn(LegState) -> bool) -> LegSet {
        (0..self.legs.len()).filter(|&leg| is(self.legs[leg].state)).collect()
    }

    /// When which leg was flushed.
    pub(crate) fn flushed(&self) -> Flushed {
        let when = |leg: usize| self.legs.get(leg).map_or(Moment::default(), |it| it.flushed);
        Flushed {
            in_sync: self.in_sync(),
            rebuilding: self.legs_that(|state| state == LegState::Rebuilding),
            all: self.legs_that(|_| true),
            when: core::array::from_fn(when),
        }
    }

    /// Takes a leg out and says whether that is news; not the last in sync.
    pub(crate) fn fail(&mut self, leg: usize, why: Failure) -> bool {
        let last = self.in_sync().iter().eq([leg]);
        match self.legs[leg].state {
            LegState::Failed(_) => return false,
            LegState::InSync if last => return false,
            LegState::InSync | LegState::Rebuilding | LegState::Returning => {}
        }
        self.legs[leg].state = LegState::Failed(why);
        self.resync.forget(leg, |_| true);
        self.replaces_no_more(leg);
        let by = self.in_sync().iter().next().expect("the last one is never failed");
        if let Some(regions) = &mut self.regions {
            regions.exclude(leg);
            let (member, by) = (regions.member(leg), regions.member(by));
            if let Some(membership) = &mut self.membership {
                membership.exclude(leg, member, by, why.recorded_as());
                self.news.excluded(leg);
                if !membership.has(member) {
                    self.legs[leg].state = LegState::Failed(Failure::NoMember);
                }
            }
        }
        true
    }
}
