//! Sees what an event changed, from outside the core.
//!
//! Place: while the trace is on, the hands have the core meet its events here. What a request
//! or a leg was before is kept; what is different afterwards is told.
//!
//! Rule: all that one event leads to has one time. It is told in this order: the event; what
//! became of superblocks; legs; requests and their transactions; what is to be done.

use alloc::vec::Vec;
use core::time::Duration;

use bio::{ErrorKind, IoResult};

use super::record::{LegState, Name, Record, Super};
use super::sink::Trace;
use crate::core::event::{self, Action, Alarm, Event, Step, Unit};
use crate::core::parts::leg::LEGS_MAX;
use crate::core::parts::requests::Req;
use crate::core::{Core, Dice};
use crate::io::requests::{Phase, RequestView, Tx};

/// What a request was when it was looked at last.
#[derive(Clone, Copy)]
struct Seen {
    req: Req,
    phase: Phase,
    txs: [Option<Tx>; LEGS_MAX],
}

/// What is known of a mirror that is traced.
#[derive(Default)]
pub(crate) struct Watch {
    /// The tracing that this belongs to.
    session: u32,
    /// By places of requests.
    seen: Vec<Option<Seen>>,
    legs: [Option<LegState>; LEGS_MAX],
    supers: [Option<Super>; LEGS_MAX],
    /// The request that has just come.
    asked: Option<Req>,
    /// The leg that has just failed something.
    failed: Option<usize>,
}

/// Tells the sink of one event.
pub(crate) struct Teller<'a> {
    trace: &'a Trace,
    mirror: u32,
    at: Duration,
}

impl Teller<'_> {
    fn tell(&self, record: Record) {
        self.trace.sink.record(self.mirror, self.at, record);
    }
}

impl Trace {
    /// Who tells of the event that comes `at` this time to that mirror.
    pub(crate) fn teller(&self, mirror: u32, at: Duration) -> Teller<'_> {
        Teller { trace: self, mirror, at }
    }
}

impl Watch {
    /// The core meets an event, and what comes of it is told.
    #[cold]
    #[inline(never)]
    pub(crate) fn step(&mut self, to: &Teller<'_>, core: &mut Core, dice: Dice<'_>, event: Event) {
        let before = self.begin(to, core);
        self.heard(to, &event);
        core.step(to.at, dice, event);
        self.saw(to, core, before);
    }

    /// The same for what a person says, which `hear` brings to the core.
    pub(crate) fn told<T>(
        &mut self,
        to: &Teller<'_>,
        core: &mut Core,
        hear: impl FnOnce(&mut Core) -> T,
    ) -> T {
        let before = self.begin(to, core);
        to.tell(Record::Event("message"));
        let answer = hear(core);
        self.saw(to, core, before);
        answer
    }

    /// Before an event. Returns how many actions wait already.
    fn begin(&mut self, to: &Teller<'_>, core: &Core) -> usize {
        let session = to.trace.session();
        if self.session != session {
            // What was known before another tracing began says nothing now.
            *self = Watch { session, ..Watch::default() };
        }
        (self.asked, self.failed) = (None, None);
        core.actions().len()
    }

    fn heard(&mut self, to: &Teller<'_>, event: &Event) {
        match event {
            Event::Asked { req, cmd, extent } => {
                self.asked = Some(*req);
                to.tell(Record::Asked { req: (*req).into(), cmd: *cmd, extent: *extent });
            }
            Event::Reported { leg, of, report } => self.reported(to, *leg, *of, report.result),
            other => to.tell(Record::Event(event_word(other))),
        }
    }

    fn reported(&mut self, to: &Teller<'_>, leg: usize, of: event::Of, result: IoResult) {
        let error = result.err().map(|error| error.kind);
        to.tell(Record::Reported { leg: leg as u8, of: of.into(), error });
        self.failed = error.map(|_: ErrorKind| leg);
        if of == event::Of::Superblock {
            match (self.supers[leg], error) {
                (_, Some(_)) => self.put_super(to, leg, Super::Failed),
                (Some(Super::Second), None) => {}
                (_, None) => self.put_super(to, leg, Super::Flush),
            }
        }
    }

    /// The core has decided: what it wants done beside what waited `before`.
    fn saw(&mut self, to: &Teller<'_>, core: &Core, before: usize) {
        let actions = core.actions().iter().skip(before);
        self.supers_end(to, core, actions.clone());
        self.legs(to, core);
        self.requests(to, core);
        for action in actions {
            if let Action::Write { leg, unit: Unit::Superblock(_), .. } = *action {
                let again = core.writes_second_copies();
                self.put_super(to, leg, if again { Super::Second } else { Super::Write });
            }
            Record::of(action, |record| to.tell(record));
        }
    }

    fn put_super(&mut self, to: &Teller<'_>, leg: usize, state: Super) {
        to.tell(Record::Super { leg: leg as u8, state });
        let over = matches!(state, Super::Done | Super::Failed);
        self.supers[leg] = (!over).then_some(state);
    }

    /// The superblocks that nobody waits for any more, and those that are written a second
    /// time.
    fn supers_end<'a>(
        &mut self,
        to: &Teller<'_>,
        core: &Core,
        actions: impl Iterator<Item = &'a Action> + Clone,
    ) {
        for leg in 0..LEGS_MAX {
            let again = |action: &Action| {
                matches!(action, Action::Write { leg: it, unit: Unit::Superblock(_), .. }
                    if *it == leg)
            };
            if self.supers[leg].is_none() {
                continue;
            }
            if actions.clone().any(again) {
                to.tell(Record::Super { leg: leg as u8, state: Super::Done });
            } else if !core.awaits_superblock(leg) {
                self.put_super(to, leg, Super::Done);
            }
        }
    }

    fn legs(&mut self, to: &Teller<'_>, core: &Core) {
        for (leg, state) in core.leg_states().enumerate() {
            let state = LegState::from(state);
            if self.legs[leg].replace(state) != Some(state) {
                to.tell(Record::Leg { leg: leg as u8, state });
            }
        }
    }

    fn requests(&mut self, to: &Teller<'_>, core: &Core) {
        for (place, (req, request)) in core.requests().enumerate() {
            if self.seen.len() <= place {
                self.seen.push(None);
            }
            let before = self.seen[place].take();
            let view = RequestView::of(core, req, request);
            let same = before.filter(|before| view.is_some() && before.req == req);
            if let (Some(before), None) = (before, same) {
                self.ended(to, before);
            }
            let Some(view) = view else { continue };
            let old = same.unwrap_or_else(|| self.began(to, req, &view));
            let txs = changes(to, req, &view, old.txs);
            if old.phase != view.phase || same.is_none() {
                to.tell(Record::Stands { req: req.into(), phase: view.phase });
            }
            self.seen[place] = Some(Seen { req, phase: view.phase, txs });
        }
    }

    /// A request is seen for the first time.
    fn began(&self, to: &Teller<'_>, req: Req, view: &RequestView) -> Seen {
        let (name, cmd, extent) = (Name::from(req), view.cmd, view.extent);
        if view.own {
            to.tell(Record::Own { req: name, cmd, extent });
        } else if self.asked != Some(req) {
            to.tell(Record::Asked { req: name, cmd, extent });
        }
        Seen { req, phase: view.phase, txs: [None; LEGS_MAX] }
    }

    /// A request is no longer in hand. Of a group the last transaction ended with it. One whose
    /// leg was not asked for anything yet has failed.
    fn ended(&self, to: &Teller<'_>, Seen { req, phase, txs }: Seen) {
        let name = Name::from(req);
        for (leg, tx) in txs.into_iter().enumerate() {
            let tx = match tx {
                None | Some(Tx::Done | Tx::Failed) => continue,
                Some(Tx::Start | Tx::JournalFlush) => Tx::Failed,
                Some(Tx::DataWrite | Tx::DataFlush) if self.failed == Some(leg) => Tx::Failed,
                Some(Tx::DataWrite | Tx::DataFlush) => Tx::Done,
            };
            to.tell(Record::Tx { req: name, leg: leg as u8, tx });
        }
        if phase == Phase::Parked {
            to.tell(Record::Released { req: name });
        }
    }
}

/// Tells which transactions are in another state than before. A transaction begins in START,
/// and what it does next is decided in the same event.
fn changes(
    to: &Teller<'_>,
    req: Req,
    view: &RequestView,
    mut txs: [Option<Tx>; LEGS_MAX],
) -> [Option<Tx>; LEGS_MAX] {
    let put = |leg: usize, tx| to.tell(Record::Tx { req: req.into(), leg: leg as u8, tx });
    for &(leg, tx) in &view.txs {
        let before = txs[leg].replace(tx);
        if before.is_none() && tx != Tx::Start {
            put(leg, Tx::Start);
        }
        if before != Some(tx) {
            put(leg, tx);
        }
    }
    txs
}

impl Record {
    /// Gives what is to be told of an action.
    fn of(action: &Action, mut tell: impl FnMut(Record)) {
        tell(match action {
            Action::Issue { req, leg, step } => {
                let step = match step {
                    Step::Read => "read",
                    Step::Look => "look",
                };
                Record::Issue { req: (*req).into(), leg: *leg as u8, step }
            }
            Action::Data { req, legs } => {
                let data = |leg| Record::Issue { req: (*req).into(), leg: leg as u8, step: "data" };
                return legs.iter().for_each(|leg| tell(data(leg)));
            }
            Action::Flush { leg } => Record::Flush { leg: *leg as u8 },
            Action::Write { leg, place, unit } => {
                let unit = match unit {
                    Unit::Page(_) => "page",
                    Unit::Superblock(_) => "superblock",
                    Unit::Wiped => "wiped",
                };
                Record::Write { leg: *leg as u8, unit, place: *place }
            }
            Action::Complete { req, result } => {
                let error = result.err().map(|error| error.kind);
                Record::Complete { req: (*req).into(), error }
            }
            Action::Drop { req } => Record::Drop { req: (*req).into() },
            Action::Search { .. } => Record::Action("search"),
            Action::ByBlock { .. } => Record::Action("by-block"),
            Action::Take { .. } => Record::Action("take"),
            Action::Compare { .. } => Record::Action("compare"),
            Action::Verify { .. } => Record::Action("verify"),
            Action::Set(..) => Record::Action("set-alarm"),
            Action::Tell(_) => Record::Action("tell"),
            Action::Quiet => Record::Action("quiet"),
        })
    }
}

fn event_word(event: &Event) -> &'static str {
    match event {
        Event::Asked { .. } => "asked",
        Event::Reported { .. } => "reported",
        Event::Block { .. } => "block",
        Event::Joined { .. } => "joined",
        Event::Compared { .. } => "compared",
        Event::Verified { .. } => "verified",
        Event::Searches { .. } => "searches",
        Event::Searched { .. } => "searched",
        Event::Alarm(Alarm::Resync | Alarm::Nap(_)) => "alarm-resync",
        Event::Alarm(Alarm::ScrubStep | Alarm::Scrub) => "alarm-scrub",
        Event::Alarm(Alarm::Clean) => "alarm-clean",
        Event::Alarm(Alarm::Retry) => "alarm-retry",
        Event::Resume(_) => "resume",
        Event::Suspend => "suspend",
        Event::TornDown => "torn-down",
    }
}
