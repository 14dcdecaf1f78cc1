//! A run: disks, a clock, clients, and what happens next.
//!
//! Place: between the device under test, which it drives from below (the
//! disks) and from above (the clients), and the [`Chooser`], which it asks
//! what comes next. [`explore`](crate::explore) makes worlds and ends them.
//!
//! Rules:
//!
//! - One event at a time, each one a choice among all that can happen now.
//! - Faults are chosen only while the budget lasts.
//! - A delay is only a lower bound: work whose time is still to come may be
//!   done early as often as [`Scenario::hurries`] says; else it waits until
//!   nothing else can happen.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bio::{BlockDevice, BufCmd, ErrorKind, Extent, Sector, Sectors};

use crate::cache::Content;
use crate::chooser::{Chooser, Replay};
use crate::clients::Clients;
use crate::clock::{Clock, Work};
use crate::disk::{Held, Outcome, Presence, SimDisk};
use crate::history::{History, Op, Violation};
use crate::scenario::{Fault, Faults, Scenario};
use crate::slot::{Landed, Pending};
use crate::stamp::Stamp;

/// What is tested: a device over legs.
pub trait Subject {
    /// The device that the clients use.
    fn device(&self) -> &dyn BlockDevice;

    /// Whether the device believes this leg to hold what it should.
    fn in_sync(&self, leg: usize) -> bool;

    /// Where on this leg the device's first sector lies.
    fn data_start(&self, leg: usize) -> Sector {
        let _ = leg;
        Sector(0)
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One thing happened.
    Event,
    /// The machine is to crash: see [`World::crash`].
    Crash,
    /// Nothing is left that has to happen.
    Rest,
}

/// A run in progress.
pub struct World<'a> {
    scenario: &'a Scenario,
    legs: Vec<Arc<SimDisk>>,
    clock: Arc<Clock>,
    history: Arc<History>,
    clients: Clients<'a>,
    left: Left,
    /// What each leg holds; here only to keep the memory.
    held: Vec<Held>,
    /// The legs that were in sync when the device started.
    believed: Vec<bool>,
    /// The legs that were in sync when the machine crashed.
    left_in_sync: Vec<bool>,
    boots: u32,
    steps: u64,
}

/// By chance, the machine crashes at one step in so many.
pub const CRASH_ONE_IN: u32 = 64;

/// What may still be chosen to happen.
struct Left {
    faults: u32,
    hurries: u32,
    crashes: u32,
}

/// One thing that can happen now.
enum Event {
    /// A leg gets on with a request.
    Request(usize, usize),
    /// Work is done.
    Work(usize),
    /// A client asks for something.
    Ask(usize),
    /// A leg gets to the end of a request that timed out.
    Late(usize, usize),
}

impl<'a> World<'a> {
    /// The beginning of a run.
    pub fn new(scenario: &'a Scenario) -> World<'a> {
        let held = |leg, at| match scenario.differing {
            true => Stamp::first(leg, at),
            false => Stamp::BLANK,
        };
        let disk = |leg| {
            let sectors = (0..scenario.leg_sectors.0).map(Sector);
            let contents = sectors.map(|at| Content::Stamp(held(leg, at))).collect();
            SimDisk::holding(contents, scenario.limits)
        };
        let sectors = (0..scenario.sectors.0).map(Sector);
        World {
            scenario,
            legs: (0..scenario.legs).map(disk).collect(),
            clock: Clock::new(0),
            history: History::new(sectors.map(|at| held(0, at)), scenario.crashes > 0),
            clients: Clients::new(&scenario.load),
            left: Left {
                faults: scenario.faults.budget,
                hurries: scenario.hurries,
                crashes: scenario.crashes,
            },
            held: Vec::new(),
            believed: Vec::new(),
            left_in_sync: Vec::new(),
            boots: 0,
            steps: 0,
        }
    }

    /// The disks.
    pub fn legs(&self) -> &[Arc<SimDisk>] {
        &self.legs
    }

    /// Time, delayed work and chance for the device.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// What was asked and answered.
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// How often the machine crashed so far: 0 while the device is new.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// Whether this leg was in sync when the machine crashed last: any leg that
    /// was must do to start from. Panics before a crash.
    pub fn left_in_sync(&self, leg: usize) -> bool {
        self.left_in_sync[leg]
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The device has started: to be told before the first step, and after
    /// each crash.
    pub fn started(&mut self, subject: &dyn Subject) {
        self.believed = (0..self.legs.len()).map(|leg| subject.in_sync(leg)).collect();
    }

    /// Lets one thing happen.
    pub fn step(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) -> Step {
        if self.left.crashes > 0 && chooser.rarely(CRASH_ONE_IN, "crash") {
            return Step::Crash;
        }
        let Some(event) = self.choose_event(chooser) else { return Step::Rest };
        self.steps += 1;
        match event {
            Event::Request(leg, index) => self.get_on(leg, index, chooser),
            Event::Work(index) => {
                self.history.note(|| "delayed work is done".into());
                self.clock.run(index);
            }
            Event::Ask(client) => {
                let op = self.clients.next(client, self.scenario.sectors, chooser);
                let (id, bio) = self.history.begin(op);
                self.clients.asked(client, id);
                subject.device().strategy(bio);
            }
            Event::Late(leg, index) => {
                let late = self.legs[leg].late(index).expect("a late request");
                self.history.note(|| format!("leg {leg}: {late} takes effect, too late"));
                self.legs[leg].give_back_late(late.id);
            }
        }
        Step::Event
    }

    /// One of all the events that can happen now; none if the run is at rest.
    fn choose_event(&mut self, chooser: &mut dyn Chooser) -> Option<Event> {
        self.clients.look(&self.history);
        self.held.clear();
        self.held.extend(self.legs.iter().map(|leg| leg.held()));
        let requests: usize = self.held.iter().map(|held| held.waiting).sum();
        let late: usize = self.held.iter().map(|held| held.late).sum();
        let asking = self.clients.ready().len();
        let Work { due, later } = self.clock.work();
        if requests + due + asking == 0 {
            // Time passes only for somebody who waits.
            return (later > 0 && self.history.open() > 0).then_some(Event::Work(0));
        }
        if self.scenario.ask_first && asking > 0 {
            return Some(Event::Ask(self.clients.ready()[0]));
        }
        let hurry = usize::from(later > 0 && self.left.hurries > 0);
        let mut nth = chooser.choose(requests + due + asking + hurry + late, "event");
        let mut among = |count: usize| {
            let found = (nth < count).then_some(nth);
            nth = nth.saturating_sub(count);
            found
        };
        for (leg, held) in self.held.iter().enumerate() {
            if let Some(index) = among(held.waiting) {
                return Some(Event::Request(leg, index));
            }
        }
        if let Some(index) = among(due) {
            return Some(Event::Work(index));
        }
        if let Some(index) = among(asking) {
            return Some(Event::Ask(self.clients.ready()[index]));
        }
        if among(hurry).is_some() {
            self.left.hurries -= 1;
            return Some(Event::Work(due));
        }
        let late = |(leg, held): (usize, &Held)| among(held.late).map(|nth| Event::Late(leg, nth));
        self.held.iter().enumerate().find_map(late)
    }

    /// A leg gets on with a request: it completes, or takes effect only.
    fn get_on(&mut self, leg: usize, index: usize, chooser: &mut dyn Chooser) {
        let request = self.legs[leg].pending(index).expect("a waiting request");
        let early = self.scenario.early_effects && !request.performed;
        if early && chooser.choose(2, "takes effect only") == 1 {
            self.history.note(|| format!("leg {leg}: {request} takes effect"));
            return self.legs[leg].perform(request.id);
        }
        let outcome = self.choose_outcome(leg, request, chooser);
        self.history.note(|| format!("leg {leg}: {request} completes: {outcome:?}"));
        self.legs[leg].complete(request.id, outcome);
    }

    fn choose_outcome(
        &mut self,
        leg: usize,
        request: Pending,
        chooser: &mut dyn Chooser,
    ) -> Outcome {
        let Faults { one_in, kinds, .. } = &self.scenario.faults;
        let writes = matches!(request.cmd, BufCmd::Write { .. });
        let fits =
            |fault: &Fault| writes || !matches!(fault, Fault::MediaLanded | Fault::MediaPartly);
        let possible = kinds.iter().copied().filter(fits);
        let hit = self.left.faults > 0 && self.legs[leg].presence() == Presence::Ready;
        if !hit || possible.clone().next().is_none() || !chooser.rarely(*one_in, "fault") {
            return Outcome::Ok;
        }
        self.left.faults -= 1;
        let nth = chooser.choose(possible.clone().count(), "which fault");
        match possible.clone().nth(nth).expect("one of those counted") {
            Fault::Media => Outcome::Fail(ErrorKind::Media, Landed::None),
            Fault::MediaLanded => Outcome::Fail(ErrorKind::Media, Landed::All),
            Fault::MediaPartly => {
                let sectors = request.extent.count().0.min(64);
                let landed = (0..sectors).map(|at| (chooser.choose(2, "landed") as u64) << at);
                Outcome::Fail(ErrorKind::Media, Landed::Sectors(landed.sum()))
            }
            Fault::Timeout => Outcome::Timeout,
            Fault::Gone => {
                self.legs[leg].lose_cache(chooser);
                self.legs[leg].set_presence(Presence::Gone);
                Outcome::Fail(ErrorKind::Gone, Landed::None)
            }
        }
    }

    /// Every disk loses its power, each keeping what is chosen for it; the
    /// next device finds what they kept. `subject` is dead from here on.
    pub fn crash(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        self.left.crashes -= 1;
        self.left_in_sync = (0..self.legs.len()).map(|leg| subject.in_sync(leg)).collect();
        self.boots += 1;
        self.history.note(|| "the machine crashes".into());
        let kept = self.legs.iter().map(|leg| leg.crash(chooser)).collect();
        let dead = mem::replace(&mut self.legs, kept);
        self.history.crash();
        let clock = mem::replace(&mut self.clock, Clock::new(u64::from(self.boots)));
        switch_off(&dead, &clock);
    }

    /// Ends the run wherever it stands: what the device still has in flight
    /// fails, and what it has to do later is dropped.
    pub fn end(&mut self) {
        self.history.crash();
        self.legs.iter().for_each(|leg| leg.set_presence(Presence::Gone));
        switch_off(&self.legs, &self.clock);
    }

    /// The first promise that is broken by now, if any.
    pub fn verdict(&self) -> Option<Violation> {
        let (violation, error) = self.history.news();
        let needless = || {
            let (op, kind) = error?;
            // Whatever else failed, this leg could have done it.
            let able = |(leg, disk): (&bool, &Arc<SimDisk>)| *leg && disk.failures() == 0;
            let needless = self.believed.iter().zip(&self.legs).any(able);
            needless.then_some(Violation::NeedlessError(op, kind))
        };
        let restless = || (self.steps > self.scenario.steps_max).then_some(Violation::Restless);
        violation.or_else(needless).or_else(restless)
    }

    /// Ends a run at rest: reads everything once for each leg, while nothing
    /// fails any more, and compares the legs.
    pub fn close(&mut self, subject: &dyn Subject) -> Option<Violation> {
        self.left = Left { faults: 0, hurries: 0, crashes: 0 };
        let mut violation = self.hang();
        for _ in 0..self.legs.len() {
            violation = violation.or_else(|| self.read_everything(subject));
        }
        violation.or_else(|| self.compare(subject))
    }

    fn read_everything(&mut self, subject: &dyn Subject) -> Option<Violation> {
        let everything = Extent::new(Sector(0), self.scenario.sectors);
        let (_, bio) = self.history.begin(Op::Read(everything));
        subject.device().strategy(bio);
        let mut plain = Replay::new(Vec::new());
        while self.step(subject, &mut plain) != Step::Rest {
            if let Some(violation) = self.verdict() {
                return Some(violation);
            }
        }
        self.verdict().or_else(|| self.hang())
    }

    /// At rest every request has ended.
    fn hang(&self) -> Option<Violation> {
        (self.history.open() > 0).then(|| Violation::Hang(self.history.open_ops()))
    }

    /// At rest the legs in sync are equal.
    fn compare(&self, subject: &dyn Subject) -> Option<Violation> {
        let legs = (0..self.legs.len()).filter(|&leg| subject.in_sync(leg));
        let places: Vec<_> = legs.map(|leg| (leg, subject.data_start(leg))).collect();
        (0..self.scenario.sectors.0).map(Sectors).find_map(|at| {
            let holds = |&(leg, start): &(usize, Sector)| self.legs[leg].contents(start + at);
            let first = holds(places.first()?);
            let differs = places.iter().any(|place| holds(place) != first);
            let held = || places.iter().map(|place| (place.0, holds(place))).collect();
            differs.then(|| Violation::LegsDiffer(Sector(0) + at, held()))
        })
    }
}

/// Lets go of whatever a dead device holds. It may begin things while it
/// learns that it is dead, so the clock comes last.
fn switch_off(legs: &[Arc<SimDisk>], clock: &Clock) {
    legs.iter().for_each(|leg| leg.abandon());
    clock.stop();
}
