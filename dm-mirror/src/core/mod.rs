//! The core: what a mirror decides.
//!
//! Place: the hands (`io/`) bring it [`Event`]s one at a time, and do the [`Action`]s that it
//! gives. It holds no bio and no lock, and issues nothing: time, chance and the answers of
//! devices are arguments. So a run can be replayed from its events.
//!
//! It is made of parts (`parts/`), which own their state and know only each other, and of
//! steps (`steps/`), which say what an event means for several parts.
//!
//! Rules:
//!
//! - **What follows is asked for, not remembered.** After an event, [`Core::settle`] asks each
//!   part in turn whether there is something to do now, until none has. A step changes what it
//!   has to, and calls nothing "because of that". Only the plain way of a request, which says
//!   [`Follow::Nothing`], skips the questions; the feature `proof` checks that.
//! - At least one leg is in sync at all times: the last one is never failed, its errors
//!   go up.
//! - The plain way of a request is inlined, and what it seldom comes to is a function of its
//!   own (`cold`). Instructions are counted (docs/performance.md).
//! - Whoever holds a [`Ticket`] gives it back exactly once, in the step that decides the
//!   outcome.

pub(crate) mod event;
pub(crate) mod parts;
mod steps;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use bio::{BufCmd, Extent, Sector, Sectors};

use event::{Action, Alarm, Answer, Event, Facts, Message};
use parts::ahead::Runs;
use parts::cleaner::{Cleaner, Suspension};
use parts::errors::Threshold;
use parts::flushes::{FLUSHES_FOR, OwnFlush};
use parts::found::Search;
use parts::leg::{Failure, LEGS_MAX, LegSet, LegState};
use parts::legs::Legs;
use parts::loss::Loss;
use parts::membership::Membership;
use parts::news::{News, Untold};
use parts::not_started::{Consent, InDoubt, NotStarted};
use parts::pace::{Pace, Rate};
use parts::policy::ReadPolicy;
use parts::range::{RangeLock, Ticket};
use parts::region::Regions;
use parts::replacement::Replacement;
use parts::requests::{REQUESTS_EXPECTED, Req, Request, Requests};
use parts::resync::Resync;
use parts::retry::Retry;
use parts::scrub::Scrub;
use parts::taken_out::TakenOut;
use parts::waiter::Waiter;
use parts::wipe::Wipe;

/// Where the mirror keeps what it knows of its regions and legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// In memory.
    Core {
        /// The size of a region.
        region: Sectors,
        /// The legs are the same at the start.
        nosync: bool,
    },
    /// On every member.
    Internal,
}

/// What does not change while a mirror exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) legs: usize,
    pub(crate) length: Sectors,
    pub(crate) log: Log,
    pub(crate) start_degraded: bool,
    pub(crate) error_threshold: Threshold,
    /// The smallest unit of transfer.
    pub(crate) block: Sectors,
}

/// What a table says at first, and a person may change.
pub(crate) struct Wishes {
    pub(crate) read_policy: ReadPolicy,
    /// Legs that are read only if no other can answer.
    pub(crate) write_mostly: LegSet,
    pub(crate) sync_rate: Rate,
}

/// Where a mirror is between its start and its end.
#[derive(Debug)]
pub(crate) enum Life {
    /// It was not resumed yet, or a suspension came before its members were found. These
    /// requests wait.
    New(Vec<Req>),
    /// It is finding its members.
    Searching(Vec<Req>),
    /// The session's first superblocks are on their way.
    Opening(Vec<Req>),
    /// It serves requests.
    Running,
    /// It waits for a member or a person, who is told why; requests fail.
    Held(Box<NotStarted>),
    /// What it found cannot be started; requests fail.
    Refused(Box<NotStarted>),
}

/// Whether something may follow from an event beside ranges that became free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Follow {
    /// Nothing can: all parts are as they were, but for requests and ranges.
    Nothing,
    /// All parts are to be asked.
    Perhaps,
}

impl Follow {
    fn or(self, other: Follow) -> Follow {
        if self == Follow::Nothing { other } else { Follow::Perhaps }
    }
}

/// Throws 64 random bits.
pub(crate) type Dice<'a> = &'a mut dyn FnMut() -> u64;

/// A promotion on its way, with the range of the whole mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promotion {
    /// The legs are being flushed.
    Flushing(Ticket),
    /// Superblocks come to call them in sync.
    Recording(Ticket),
}

/// A mirror's state, and what it decides.
pub(crate) struct Core {
    pub(crate) setup: Setup,
    pub(crate) life: Life,
    /// What a person said about the start that has not succeeded yet.
    pub(crate) consent: Consent,
    /// What starts may have left on members that are not there.
    in_doubt: InDoubt,
    pub(crate) suspension: Suspension,
    search: Option<Search>,
    /// What was known last of the legs' devices.
    facts: Box<Facts>,
    /// Legs that hold an unknown member: they could not be read when the session began, and
    /// several members were missing.
    unknown: LegSet,
    /// Members that a person took out while no superblock durably says so yet. If this session
    /// ends before one does, the next one begins without them.
    pub(crate) by_hand: TakenOut,
    /// Legs that are being read or wiped, to be taken back ...
    looking: LegSet,
    /// ... whatever lies on them, ...
    forced: LegSet,
    /// ... and those of them that a person failed meanwhile.
    called_off: LegSet,
    /// Legs that are to be taken back, and will be looked at when the mirror runs.
    put_off: LegSet,
    /// Legs whose superblocks are being wiped: since when, and which place is next.
    wiping: [Option<Wipe>; LEGS_MAX],
    retry: Retry,
    pub(crate) legs: Legs,
    requests: Requests,
    ranges: RangeLock<Waiter>,
    pub(crate) read_policy: ReadPolicy,
    pub(crate) write_mostly: LegSet,
    /// The leg that was read last.
    last_read: usize,
    /// `None` until the mirror has found its members.
    pub(crate) regions: Option<Regions>,
    /// `None` where nothing is recorded.
    pub(crate) membership: Option<Membership>,
    own_flushes: [Option<OwnFlush>; FLUSHES_FOR],
    resync: Resync,
    pub(crate) scrub: Scrub,
    pub(crate) pace: Pace,
    cleaner: Cleaner,
    /// Where its users write straight on.
    runs: Runs,
    promotion: Option<Promotion>,
    replacement: Option<Replacement>,
    pub(crate) loss: Loss,
    untold: Untold,
    /// When the event came that is being met.
    now: Duration,
    /// What is to be done, in order.
    actions: VecDeque<Action>,
}

impl Core {
    /// How much memory a mirror takes beside its regions, in bytes: its tables of requests,
    /// and as much again for everything else.
    pub(crate) fn bytes() -> usize {
        let action = mem::size_of::<Action>();
        2 * REQUESTS_EXPECTED * (Requests::BYTES + RangeLock::<Waiter>::BYTES + action)
    }

    /// A mirror that does nothing until it is resumed. `resets` says how often each leg's
    /// device has lost its cache; `regions` are those of a mirror without records.
    pub(crate) fn new(
        setup: Setup,
        wishes: Wishes,
        regions: Option<Regions>,
        resets: &[u64],
    ) -> Core {
        let Wishes { read_policy, write_mostly, sync_rate } = wishes;
        let first = |leg| match (setup.log, leg) {
            (Log::Internal, _) => LegState::Failed(Failure::Absent),
            (Log::Core { nosync: true, .. }, _) | (_, 0) => LegState::InSync,
            (Log::Core { .. }, _) => LegState::Rebuilding,
        };
        let first = |(leg, resets): (usize, &u64)| (first(leg), *resets);
        let mut core = Core {
            setup,
            life: Life::New(Vec::new()),
            consent: Consent::default(),
            in_doubt: InDoubt::default(),
            suspension: Suspension::default(),
            search: None,
            facts: Box::default(),
            unknown: LegSet::EMPTY,
            by_hand: TakenOut::default(),
            looking: LegSet::EMPTY,
            forced: LegSet::EMPTY,
            called_off: LegSet::EMPTY,
            put_off: LegSet::EMPTY,
            wiping: [None; LEGS_MAX],
            retry: Retry::default(),
            legs: Legs::new(resets.iter().enumerate().map(first)),
            requests: Requests::new(),
            ranges: RangeLock::new(),
            read_policy,
            write_mostly,
            last_read: setup.legs - 1,
            regions: None,
            membership: None,
            own_flushes: [None; FLUSHES_FOR],
            resync: Resync::default(),
            scrub: Scrub::default(),
            pace: Pace::new(sync_rate),
            cleaner: Cleaner::default(),
            runs: Runs::default(),
            promotion: None,
            replacement: None,
            loss: Loss::default(),
            untold: Untold::default(),
            now: Duration::ZERO,
            actions: VecDeque::with_capacity(REQUESTS_EXPECTED),
        };
        if let Some(mut regions) = regions {
            for leg in core.legs.rebuilding().iter() {
                regions.all().for_each(|region| regions.miss(leg, region));
            }
            core.regions = Some(regions);
            core.life = Life::Running;
        }
        core
    }

    /// The name that the next request gets.
    pub(crate) fn next_request(&self) -> Req {
        self.requests.next()
    }

    /// Meets an event at a moment: decides what it means, and all that follows from it.
    /// [`next`](Core::next) then gives what is to be done. `dice` throws 64 random bits.
    ///
    /// Its callers know which event they bring: there `meet` comes to one of its arms.
    #[inline(always)]
    pub(crate) fn step(&mut self, now: Duration, dice: Dice<'_>, event: Event) {
        self.now = now;
        let resync = matches!(event, Event::Alarm(Alarm::Resync | Alarm::Nap(_)));
        let follow = self.meet(event, dice);
        if follow == Follow::Perhaps && !resync {
            self.resync.rested = false;
        }
        self.follow(follow, dice);
    }

    /// The same for what a person says. Returns the answer.
    pub(crate) fn told(
        &mut self,
        now: Duration,
        dice: Dice<'_>,
        message: Message,
        facts: Box<Facts>,
    ) -> Answer {
        self.now = now;
        let answer = self.hear(message, facts);
        self.resync.rested = false;
        self.follow(Follow::Perhaps, dice);
        answer
    }

    /// What a request asks, and where.
    pub(crate) fn request(&self, req: Req) -> (BufCmd, Extent) {
        let Request { cmd, extent, .. } = self.requests[req];
        (cmd, extent)
    }

    /// All requests, free places too.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (Req, &Request)> {
        self.requests.iter()
    }

    /// Whether a group waits until superblocks durably say which legs are out.
    pub(crate) fn is_parked(&self, req: Req) -> bool {
        self.membership.as_ref().is_some_and(|it| it.parked.contains(&req))
    }

    /// Whether a superblock is on its way to this leg.
    pub(crate) fn awaits_superblock(&self, leg: usize) -> bool {
        self.membership.as_ref().is_some_and(|it| it.awaits(leg))
    }

    /// Whether the superblocks on their way are the copies that nobody waits for.
    pub(crate) fn writes_second_copies(&self) -> bool {
        self.membership.as_ref().is_some_and(Membership::is_second)
    }

    /// What each leg is to the mirror.
    pub(crate) fn leg_states(&self) -> impl Iterator<Item = LegState> {
        (0..self.setup.legs).map(|leg| self.legs[leg].state())
    }

    /// Where on each leg the mirror's first sector lies.
    pub(crate) fn data_start(&self) -> Sector {
        self.regions.as_ref().map_or(Sector(0), |it| it.geometry().data_start)
    }

    /// The next thing to be done, until there is none.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Action> {
        let action = self.actions.pop_front()?;
        if let Action::Complete { req, .. } | Action::Drop { req } = action {
            self.requests.remove(req);
        }
        Some(action)
    }

    /// The same, if there is one thing alone.
    #[inline(always)]
    pub(crate) fn next_if_only(&mut self) -> Option<Action> {
        if self.actions.len() == 1 { self.next() } else { None }
    }

    pub(crate) fn has_next(&self) -> bool {
        !self.actions.is_empty()
    }

    /// What is to be done, in order.
    pub(crate) fn actions(&self) -> &VecDeque<Action> {
        &self.actions
    }

    #[inline(always)]
    fn meet(&mut self, event: Event, dice: Dice<'_>) -> Follow {
        match event {
            Event::Asked { req, cmd, extent } => return self.asked(req, cmd, extent),
            Event::Block { req, extent } => return self.block_asked(req, extent),
            Event::Joined { req, result } => return self.joined(req, result),
            Event::Reported { leg, of, report } => return self.reported(leg, of, report, dice),
            Event::Compared { req, differ } => self.compared(req, &differ),
            Event::Verified { req, same } => self.verified(req, same),
            Event::Searches { leg } => self.searches(leg),
            Event::Searched { leg, found, facts } => self.searched(leg, found, facts),
            Event::Alarm(alarm) => self.alarm(alarm),
            Event::Resume(facts) => self.resume(facts),
            Event::Suspend => self.suspend(),
            Event::TornDown => self.tear_down(),
        }
        Follow::Perhaps
    }

    /// What follows from an event.
    #[inline]
    fn follow(&mut self, follow: Follow, dice: Dice<'_>) {
        let granted = self.grant();
        if follow.or(granted) == Follow::Perhaps {
            self.settle(dice);
        } else if cfg!(feature = "proof") {
            assert!(!self.settle_once(dice), "something followed that was not asked for");
        }
    }

    /// Asks each part what follows, until nothing does.
    fn settle(&mut self, dice: Dice<'_>) {
        while self.settle_once(dice) {}
    }

    /// Asks each part once. Facts come before what is derived from them, ends of requests
    /// before new work, and ranges last. Returns whether anything followed.
    fn settle_once(&mut self, dice: Dice<'_>) -> bool {
        let followed = [
            self.mint(dice),
            self.second_round(),
            self.became_durable(),
            self.take_back(),
            self.begin_wipes(),
            self.record_superblocks(),
            self.record_maps(),
            self.check_stop(),
            self.wake_resync(),
            self.wake_scrub(),
            self.wake_cleaner(),
            self.look_at_those_put_off(),
            self.grant() == Follow::Perhaps,
        ];
        followed.contains(&true)
    }

    /// Has something done.
    #[inline]
    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Tells a person something.
    fn tell(&mut self, news: News) {
        self.act(Action::Tell(Box::new(news)));
    }

    /// The legs in sync; never none while the mirror runs.
    pub(crate) fn in_sync(&self) -> LegSet {
        self.legs.in_sync()
    }

    /// The legs that take writes.
    fn writable(&self) -> LegSet {
        self.legs.writable()
    }

    /// The legs whose state is so.
    pub(crate) fn legs_that(&self, is: impl Fn(LegState) -> bool) -> LegSet {
        self.legs.that(is)
    }

    /// What a person calls a leg: by its number in the table, and its device.
    fn call(&self, leg: usize) -> alloc::string::String {
        alloc::format!("leg {leg} ({})", self.facts[leg].name)
    }

    /// Whether it serves requests.
    fn runs(&self) -> bool {
        matches!(self.life, Life::Running)
    }

    /// What is known of a start that came to nothing, while the mirror is held or refused.
    pub(crate) fn not_started(&self) -> Option<&NotStarted> {
        match &self.life {
            Life::Held(it) | Life::Refused(it) => Some(it),
            Life::New(_) | Life::Searching(_) | Life::Opening(_) | Life::Running => None,
        }
    }

    /// Whether it fails requests.
    pub(crate) fn refuses(&self) -> bool {
        match self.life {
            Life::Held(_) | Life::Refused(_) => true,
            Life::New(_) => self.suspension.suspended,
            Life::Searching(_) | Life::Opening(_) | Life::Running => false,
        }
    }

    /// Requests that wait for the start.
    fn take_waiting(&mut self) -> Vec<Req> {
        match &mut self.life {
            Life::New(waiting) | Life::Searching(waiting) | Life::Opening(waiting) => {
                mem::take(waiting)
            }
            Life::Running | Life::Held(_) | Life::Refused(_) => Vec::new(),
        }
    }
}
