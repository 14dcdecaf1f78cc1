//! A run: disks, a clock, clients, and what happens next.
//!
//! Place: between the device under test and the [`Chooser`]. It asks the chooser what comes
//! next, and drives the device from below (the disks) and from above (the clients).
//! [`explore`](crate::explore) makes worlds and ends them.
//!
//! Rules:
//!
//! - One event at a time, each one a choice among all that can happen now.
//! - Faults are chosen only while the budget lasts.
//! - Order, not time, decides: work whose time is still to come may be done early, as often as
//!   [`Scenario::hurries`] says. Otherwise it waits until nothing else can happen.
//! - Clients ask only while the device is running.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use bio::Sector;

use crate::acts::{Acts, Pause};
use crate::cache::Content;
use crate::chooser::Chooser;
use crate::clients::Clients;
use crate::clock::{Clock, Work};
use crate::disk::{Held, Outcome, Presence, SimDisk};
use crate::history::History;
use crate::lives::{Books, Stage, Stop};
use crate::restless::{Restless, Turn};
use crate::rot::Rot;
use crate::scenario::Scenario;
use crate::stamp::Stamp;
use crate::subject::{Life, Subject};
use crate::violation::Violation;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One thing happened.
    Event,
    /// The machine is to crash: see [`World::crash`].
    Crash,
    /// The device has stopped: see [`World::restart`].
    Stopped,
    /// A person plugs all legs in: see [`World::power_cycle`].
    PowerCycle,
    /// Nothing is left that has to happen.
    Rest,
}

/// A run in progress.
pub struct World<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) legs: Vec<Arc<SimDisk>>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) history: Arc<History>,
    pub(crate) clients: Clients<'a>,
    pub(crate) left: Left,
    /// How many requests each leg holds; kept here only to reuse the memory.
    pub(crate) held: Vec<Held>,
    /// The legs that were in sync when the device was first seen running.
    pub(crate) believed: Vec<bool>,
    pub(crate) books: Books,
    /// The legs that were out at the last acknowledgement.
    pub(crate) out: Vec<bool>,
    /// The legs that are absent.
    pub(crate) absent: Vec<bool>,
    /// The legs that lost their caches without the device having noticed yet.
    pub(crate) lost: Vec<bool>,
    /// The legs whose next flush fails, and drops the data that it should make durable.
    pub(crate) drops: Vec<bool>,
    /// The legs that failed to write a record, and are not yet out for it.
    pub(crate) behind: Vec<bool>,
    pub(crate) stage: Stage,
    /// The first broken promise about starts and stops.
    pub(crate) broken: Option<Violation>,
    pub(crate) acts: Acts,
    pub(crate) restless: Restless,
    pub(crate) boots: u32,
    /// How often another device was made over the legs, by a start or a table.
    pub(crate) lives: u32,
    pub(crate) steps: u64,
    pub(crate) rot: Rot,
}

/// By chance, the machine crashes at one step in this many.
pub const CRASH_ONE_IN: u32 = 64;

/// By chance, the machine is switched off cleanly at one step in this many.
pub const STOP_ONE_IN: u32 = 64;

/// How often each mishap of the scenario may still be chosen.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each is what the scenario calls so")]
pub struct Left {
    pub faults: u32,
    pub hurries: u32,
    pub crashes: u32,
    pub warm: u32,
    pub absences: u32,
    pub returns: u32,
    pub exchanges: u32,
    pub rot: u32,
    pub stops: u32,
    pub acts: u32,
}

/// One thing that can happen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A leg goes on with a request: the leg, and the request's place in its queue.
    Request(usize, usize),
    /// Delayed work is done: its place among the work that is due.
    Work(usize),
    /// Delayed work is done before its time.
    Hurry(usize),
    /// A client asks for something.
    Ask(usize),
    /// A leg ends a request that timed out.
    Late(usize, usize),
    /// An absent leg returns.
    Return(usize),
    /// A person looks at a device that does not start.
    Person,
    /// A person resumes a suspended device.
    Resume,
}

/// How many events of each kind can happen now, besides the requests at legs.
struct Choices {
    due: usize,
    asking: usize,
    hurry: usize,
    gone: usize,
    comes: usize,
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
            history: History::new(sectors.map(|at| held(0, at)), scenario.loses()),
            clients: Clients::new(&scenario.load),
            left: Left {
                faults: scenario.faults.budget,
                hurries: scenario.hurries,
                crashes: scenario.crashes,
                warm: scenario.warm,
                absences: scenario.absences,
                returns: scenario.returns,
                exchanges: scenario.exchanges,
                rot: scenario.rot,
                stops: scenario.stops,
                acts: scenario.acts,
            },
            held: Vec::new(),
            believed: vec![false; scenario.legs],
            books: Books::new(scenario.legs),
            out: vec![false; scenario.legs],
            absent: vec![false; scenario.legs],
            lost: vec![false; scenario.legs],
            drops: vec![false; scenario.legs],
            behind: vec![false; scenario.legs],
            stage: Stage::default(),
            broken: None,
            acts: Acts::new(scenario.legs),
            restless: Restless::default(),
            boots: 0,
            lives: 0,
            steps: 0,
            rot: Rot::default(),
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

    /// What may still go wrong.
    pub fn left(&self) -> Left {
        self.left
    }

    /// What the next step chooses from, in the order of the answers: for a chooser that wants
    /// to know what each answer means. Empty if only time can pass, and beside a user who never
    /// rests.
    pub fn events(&mut self, subject: &dyn Subject) -> Vec<Event> {
        match self.choices(subject.life()) {
            Ok(choices) if !self.is_restless() => {
                (0..self.count(&choices)).map(|nth| self.nth(&choices, nth)).collect()
            }
            Ok(_) | Err(None) => Vec::new(),
            Err(Some(event)) => [event].into(),
        }
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Lets one thing happen.
    pub fn step(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) -> Step {
        if self.left.crashes > 0 && chooser.rarely(CRASH_ONE_IN, "crash") {
            return Step::Crash;
        }
        let life = subject.life();
        let may_stop = self.left.stops > 0
            && self.acts.pause == Pause::No
            && life == Life::Running
            && self.stage.stop == Stop::No;
        if may_stop && chooser.rarely(STOP_ONE_IN, "clean stop") {
            self.left.stops -= 1;
            self.stage.stop = Stop::Draining;
        }
        if self.stop(subject) {
            return Step::Stopped;
        }
        if self.is_acted_on(life, chooser) {
            self.steps += 1;
            self.act(subject, chooser);
            self.look(subject);
            return Step::Event;
        }
        let Some(event) = self.choose_event(life, chooser) else {
            self.rests(subject);
            return Step::Rest;
        };
        self.steps += 1;
        let step = self.take(event, subject, chooser);
        self.look(subject);
        step
    }

    fn take(&mut self, event: Event, subject: &dyn Subject, chooser: &mut dyn Chooser) -> Step {
        match event {
            Event::Request(leg, index) => self.get_on(leg, index, subject, chooser),
            Event::Work(index) => self.work(index),
            Event::Hurry(index) => {
                self.left.hurries -= 1;
                self.work(index);
            }
            Event::Ask(client) => {
                let discard = subject.device().limits().discard;
                let op = self.clients.next(client, self.in_use(), discard, chooser);
                let begun = op.map(|op| self.history.begin(op));
                self.clients.asked(client, begun.as_ref().map(|(id, _)| *id));
                if let Some((_, bio)) = begun {
                    self.ripen();
                    subject.device().strategy(bio);
                }
            }
            Event::Late(leg, index) => {
                let late = self.legs[leg].late(index).expect("a late request");
                self.history.note(|| format!("leg {leg}: {late} takes effect, too late"));
                self.legs[leg].give_back_late(late.id);
            }
            Event::Return(leg) => {
                self.left.returns -= 1;
                self.exchange(leg, subject, chooser);
                self.give_back(leg, subject);
            }
            Event::Person => return self.person(subject, chooser),
            Event::Resume => self.resume(subject, chooser),
        }
        Step::Event
    }

    /// One of all the events that can happen now; none if the run is at rest.
    fn choose_event(&mut self, life: Life, chooser: &mut dyn Chooser) -> Option<Event> {
        match self.choices(life) {
            Err(event) => event,
            Ok(Choices { due, comes, .. }) if self.is_restless() => {
                Some(self.fair_event(due, comes, chooser))
            }
            Ok(choices) => {
                let nth = chooser.choose(self.count(&choices), "event");
                Some(self.nth(&choices, nth))
            }
        }
    }

    /// What can happen now; or the only possible event, if there is no choice.
    fn choices(&mut self, life: Life) -> Result<Choices, Option<Event>> {
        self.clients.look(&self.history, self.is_restless());
        self.held.clear();
        self.held.extend(self.legs.iter().map(|leg| leg.held()));
        let early = self.scenario.acts > 0 && life == Life::Starting;
        let here = self.acts.pause != Pause::Removing && self.stage.stop == Stop::No;
        let asks = (life == Life::Running || early) && here;
        let asking = if asks { self.clients.ready().len() } else { 0 };
        let Work { due, later } = self.clock.work();
        if (self.scenario.ask_first || self.is_restless()) && asking > 0 {
            return Err(Some(Event::Ask(self.clients.ready()[0])));
        }
        let still = self.acts.pause != Pause::No || self.has_given_up();
        let comes = usize::from(life == Life::Held && !self.stage.told && !still);
        if self.waiting() + due + asking + comes == 0 {
            return Err(self.last_event(life, later));
        }
        let hurry = usize::from(later > 0 && self.left.hurries > 0);
        Ok(Choices { due, asking, hurry, gone: self.gone().count(), comes })
    }

    /// How many requests wait in the legs.
    fn waiting(&self) -> usize {
        self.held.iter().map(|held| held.waiting).sum()
    }

    fn count(&self, choices: &Choices) -> usize {
        let Choices { due, asking, hurry, gone, comes } = choices;
        let late: usize = self.held.iter().map(|held| held.late).sum();
        self.waiting() + due + asking + hurry + late + gone + comes
    }

    /// The event that this answer means.
    fn nth(&self, choices: &Choices, mut nth: usize) -> Event {
        let mut among = |count: usize| {
            let found = (nth < count).then_some(nth);
            nth = nth.saturating_sub(count);
            found
        };
        for (leg, held) in self.held.iter().enumerate() {
            if let Some(index) = among(held.waiting) {
                return Event::Request(leg, index);
            }
        }
        if let Some(index) = among(choices.due) {
            return Event::Work(index);
        }
        if let Some(index) = among(choices.asking) {
            return Event::Ask(self.clients.ready()[index]);
        }
        if among(choices.hurry).is_some() {
            return Event::Hurry(choices.due);
        }
        for (leg, held) in self.held.iter().enumerate() {
            if let Some(index) = among(held.late) {
                return Event::Late(leg, index);
            }
        }
        let back = among(choices.gone).and_then(|nth| self.gone().nth(nth));
        back.map_or(Event::Person, Event::Return)
    }

    fn work(&mut self, index: usize) {
        self.worked();
        self.history.note(|| "delayed work is done".into());
        self.clock.run(index);
    }

    /// The same beside a user who never rests and has no more to ask just now.
    fn fair_event(&mut self, due: usize, comes: usize, chooser: &mut dyn Chooser) -> Event {
        let worked = due + usize::from(self.clock.work().later > 0);
        match self.overdue(worked) {
            Some(Turn::Leg(leg, index)) => return Event::Request(leg, index),
            Some(Turn::Work) => return Event::Work(0),
            None => {}
        }
        let may_end = self.may_end(worked + comes == 0);
        let nth = chooser.choose(may_end.len() + worked + comes, "event");
        match may_end.get(nth) {
            Some(&(leg, index)) => Event::Request(leg, index),
            None if nth < may_end.len() + worked => Event::Work(nth - may_end.len()),
            None => Event::Person,
        }
    }

    /// What happens if nothing happens by itself. Time passes only if somebody waits for it.
    fn last_event(&self, life: Life, later: usize) -> Option<Event> {
        if self.acts.pause == Pause::Still {
            return Some(Event::Resume);
        }
        let stops = self.stage.stop == Stop::Asked || self.acts.pause != Pause::No;
        let comes = matches!(life, Life::Held | Life::Refused) && !stops && !self.has_given_up();
        let waits = self.history.open() > 0 || life == Life::Starting || stops;
        if later > 0 && waits {
            return Some(Event::Work(0));
        }
        comes.then_some(Event::Person)
    }

    /// The legs that may come back.
    fn gone(&self) -> impl Iterator<Item = usize> {
        let may = self.left.returns > 0;
        // If a leg comes back as another disk, it comes only when nobody waits for the old
        // disk.
        let early = |leg| self.left.exchanges > 0 && self.absent[leg] && !self.stage.ran;
        let gone = move |&leg: &usize| !early(leg) && self.legs[leg].presence() == Presence::Gone;
        (0..self.legs.len()).filter(move |_| may).filter(gone)
    }

    /// A leg goes on with a request: it completes, or only takes effect.
    fn get_on(
        &mut self,
        leg: usize,
        index: usize,
        subject: &dyn Subject,
        chooser: &mut dyn Chooser,
    ) {
        let request = self.legs[leg].pending(index).expect("a waiting request");
        let early = self.scenario.early_effects && !request.performed;
        if early && chooser.choose(2, "takes effect only") == 1 {
            self.history.note(|| format!("leg {leg}: {request} takes effect"));
            return self.legs[leg].perform(request.id);
        }
        let outcome = self.choose_outcome(leg, request, subject, chooser);
        self.history.note(|| format!("leg {leg}: {}", request.ends(outcome)));
        let fails = matches!(outcome, Outcome::Fail(..)) && request.cmd.modifies();
        self.behind[leg] |= fails && subject.is_record(leg, request.extent.start());
        self.legs[leg].complete(request.id, outcome);
    }
}
