//! A story of the core alone: legs are asked, and chance reports. At each action:
//!
//! - no data goes to a leg whose durable map does not call the region DIRTY (R1);
//! - no write, FUA or FLUSH is acknowledged while a leg in sync durably lists one that is
//!   out (R4);
//! - every request ends, once.

extern crate std;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bio::{BufCmd, ErrorKind, Extent, IoError, IoResult, Sector, Sectors};
use sim::Random;

use super::model::{Disk, GEOMETRY, facts, labelled};
use crate::core::Core;
use crate::core::event::{Action, Alarm, Event, Message, Of, Report, Unit};
use crate::core::parts::leg::{LegSet, LegState};
use crate::core::parts::requests::Req;

/// How many requests a story has, and how many faults.
const REQUESTS: u32 = 24;
const FAULTS: u32 = 4;

/// How much of a story is shown if it breaks a promise.
const SHOWN: usize = 60;

/// More steps than any story takes.
pub(super) const STEPS_MAX: usize = 20_000;

/// The next number of the core's dice.
fn throw(dice: &mut u64) -> u64 {
    *dice += 1;
    dice.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// What is to be reported, or goes off.
pub(super) enum Open {
    /// A leg has a step of a request.
    Step(usize, Req),
    /// A leg has a flush, which covers so many records.
    Flush(usize, usize),
    Write(usize, Extent, Unit),
    Search(usize, bool),
    Compare(Req),
    Verify(Req),
    Alarm(Alarm),
}

/// A read that is taken apart: how many blocks are left, and what came of them.
pub(super) struct Parts {
    whole: Req,
    left: usize,
    result: IoResult,
    blocks: Vec<Req>,
}

pub(super) struct Story {
    pub(super) core: Core,
    random: Random,
    dice: u64,
    now: Duration,
    pub(super) disks: Vec<Disk>,
    pub(super) open: Vec<Open>,
    parts: Vec<Parts>,
    /// Users' requests that have not ended.
    pub(super) asked: Vec<(Req, BufCmd)>,
    pub(super) requests_left: u32,
    pub(super) faults_left: u32,
    pub(super) quiet: bool,
    /// The legs that were out before the step: one that goes out in a step may do so behind
    /// the end of a request.
    out_before: LegSet,
    /// How many events there were.
    pub(super) steps: u64,
    /// What happened, if somebody wants to read it: to write this down takes far longer than
    /// to do it.
    pub(super) log: Option<Vec<String>>,
}

impl Story {
    pub(super) fn new(seed: u64, legs: usize, log: Option<Vec<String>>) -> Story {
        let mut random = Random::new(seed);
        let mut dice = 1_u64 << 32;
        let clean = random.below(2) == 0;
        let (core, disks) = labelled(legs, clean, || throw(&mut dice));
        let mut story = Story {
            core,
            random,
            dice,
            now: Duration::ZERO,
            disks,
            open: Vec::new(),
            parts: Vec::new(),
            asked: Vec::new(),
            requests_left: REQUESTS,
            faults_left: FAULTS,
            quiet: false,
            out_before: LegSet::EMPTY,
            steps: 0,
            log,
        };
        story.meet(Event::Resume(facts(&story.disks)));
        story
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(line());
        }
    }

    fn leg(&mut self) -> usize {
        self.random.below(self.disks.len() as u64) as usize
    }

    pub(super) fn meet(&mut self, event: Event) {
        self.out_before = self.core.legs_that(|state| matches!(state, LegState::Failed(_)));
        self.note(|| format!("{event:?}"));
        self.steps += 1;
        let dice = &mut self.dice;
        let mut throw = || throw(dice);
        self.core.step(self.now, &mut throw, event);
        self.take_actions();
    }

    fn say(&mut self, message: Message) {
        self.out_before = self.core.legs_that(|state| matches!(state, LegState::Failed(_)));
        let facts = facts(&self.disks);
        let dice = &mut self.dice;
        let mut throw = || throw(dice);
        let answer = self.core.told(self.now, &mut throw, message, facts);
        self.note(|| format!("{message:?}: {answer:?}"));
        self.steps += 1;
        self.take_actions();
    }

    fn take_actions(&mut self) {
        while let Some(action) = self.core.next() {
            self.note(|| format!("  {action:?}"));
            self.take(action);
        }
    }

    fn take(&mut self, action: Action) {
        let opened = match action {
            Action::Issue { req, leg, .. } => Open::Step(leg, req),
            Action::Data { req, legs } => {
                for leg in legs.iter() {
                    self.intent_is_durable(req, leg);
                    self.open.push(Open::Step(leg, req));
                }
                return;
            }
            Action::Flush { leg } => Open::Flush(leg, self.disks[leg].to_flush()),
            Action::Write { leg, place, unit } => Open::Write(leg, place, unit),
            Action::Search { leg, durable } => Open::Search(leg, durable),
            Action::Complete { req, result } => return self.ended(req, result),
            Action::ByBlock { req } => return self.take_apart(req),
            Action::Compare { req, .. } => Open::Compare(req),
            Action::Verify { req } => Open::Verify(req),
            Action::Set(alarm, _) => Open::Alarm(alarm),
            Action::Quiet => {
                self.quiet = true;
                return;
            }
            Action::Drop { .. } | Action::Take { .. } | Action::Tell(_) => return,
        };
        self.open.push(opened);
    }

    /// R1.
    fn intent_is_durable(&self, req: Req, leg: usize) {
        let (cmd, extent) = self.core.request(req);
        if cmd.modifies() {
            let geometry = self.core.regions.as_ref().expect("it runs").geometry();
            for region in geometry.touched(extent) {
                assert!(self.disks[leg].is_dirty(region), "data before intent on leg {leg}");
            }
        }
    }

    /// A request ends: once, and R4.
    fn ended(&mut self, req: Req, result: IoResult) {
        if let Some(index) = self.parts.iter().position(|it| it.blocks.contains(&req)) {
            let parts = &mut self.parts[index];
            parts.blocks.retain(|it| *it != req);
            (parts.left, parts.result) = (parts.left - 1, parts.result.and(result));
            return;
        }
        let index = self.asked.iter().position(|(it, _)| *it == req).expect("it ends once");
        let (_, cmd) = self.asked.swap_remove(index);
        if cmd == BufCmd::Read || result.is_err() {
            return;
        }
        let in_sync = self.core.in_sync();
        for out in self.out_before.iter() {
            for leg in in_sync.iter() {
                let says = self.disks[leg].says(out);
                let listed = says == crate::format::MemberState::InSync;
                assert!(!listed, "acknowledged while leg {leg} lists leg {out}");
            }
        }
    }

    fn take_apart(&mut self, whole: Req) {
        let (_, extent) = self.core.request(whole);
        let count = extent.count().0;
        let result = Ok(());
        self.parts.push(Parts { whole, left: count as usize, result, blocks: Vec::new() });
        let index = self.parts.len() - 1;
        for nth in 0..count {
            let req = self.core.next_request();
            self.parts[index].blocks.push(req);
            let extent = Extent::new(extent.start() + Sectors(nth), Sectors(1));
            self.meet(Event::Block { req, extent });
        }
    }

    fn joins(&mut self) -> bool {
        let Some(index) = self.parts.iter().position(|it| it.left == 0) else { return false };
        let Parts { whole, result, .. } = self.parts.swap_remove(index);
        self.meet(Event::Joined { req: whole, result });
        true
    }

    fn ask(&mut self) {
        self.requests_left -= 1;
        let count = 1 + self.random.below(10);
        let extent =
            Extent::new(Sector(self.random.below(GEOMETRY.length.0 - count)), Sectors(count));
        let (cmd, extent) = match self.random.below(6) {
            0 => (BufCmd::Flush, Extent::default()),
            1 => (BufCmd::Write { fua: true }, extent),
            2 | 3 => (BufCmd::Read, extent),
            _ => (BufCmd::Write { fua: false }, extent),
        };
        let req = self.core.next_request();
        self.asked.push((req, cmd));
        self.meet(Event::Asked { req, cmd, extent });
    }

    /// Something happens. Whether there was anything.
    pub(super) fn happens(&mut self) -> bool {
        if self.joins() {
            return true;
        }
        let choices = self.open.len() + usize::from(self.requests_left > 0);
        if choices == 0 {
            return false;
        }
        if self.faults_left > 0 && self.random.below(200) == 0 {
            self.faults_left -= 1;
            let leg = self.leg();
            let new = self.leg();
            let force = self.random.below(2) == 0;
            let message = match self.random.below(11) {
                0..3 => Message::Add { leg, force: false },
                3 => Message::Add { leg, force: true },
                4 => Message::Check { repairs: force },
                5 => Message::Replace { old: leg, new, force },
                6 => Message::Idle,
                7 => Message::Forget(leg),
                _ => Message::Fail(leg),
            };
            self.say(message);
            return true;
        }
        let choice = self.random.below(choices as u64) as usize;
        if choice == self.open.len() {
            self.ask();
        } else {
            let open = self.open.swap_remove(choice);
            self.report(open);
        }
        true
    }

    /// How something ends on a leg; sometimes not well.
    fn fate(&mut self, leg: usize) -> IoResult {
        if self.faults_left == 0 || self.random.below(60) > 0 {
            return Ok(());
        }
        self.faults_left -= 1;
        match self.random.below(4) {
            0 => {
                self.disks[leg].loses();
                Ok(())
            }
            1 => Err(IoError { kind: ErrorKind::Gone, resid: 0 }),
            _ => Err(IoError { kind: ErrorKind::Media, resid: 0 }),
        }
    }

    fn report(&mut self, open: Open) {
        let (leg, of) = match &open {
            Open::Step(leg, req) => (*leg, Of::Request(*req)),
            Open::Flush(leg, _) => (*leg, Of::Flush),
            Open::Write(leg, _, Unit::Page(_)) => (*leg, Of::Page),
            Open::Write(leg, _, Unit::Superblock(_)) => (*leg, Of::Superblock),
            Open::Write(leg, _, Unit::Wiped) => (*leg, Of::Wipe),
            Open::Search(leg, durable) => {
                let absent = crate::core::parts::found::Found::Absent;
                let found = if *durable { self.disks[*leg].found() } else { absent };
                let facts = facts(&self.disks);
                return self.meet(Event::Searched { leg: *leg, found, facts });
            }
            Open::Compare(req) => {
                let (_, extent) = self.core.request(*req);
                let differ = (0..extent.count().0).map(|_| LegSet::EMPTY).collect();
                return self.meet(Event::Compared { req: *req, differ });
            }
            Open::Verify(req) => {
                let same = LegSet::first(self.disks.len());
                return self.meet(Event::Verified { req: *req, same });
            }
            Open::Alarm(alarm) => {
                self.now += Duration::from_millis(100);
                return self.meet(Event::Alarm(*alarm));
            }
        };
        let result = self.fate(leg);
        let disk = &mut self.disks[leg];
        if result.is_ok() {
            match open {
                Open::Write(_, place, unit) => disk.wrote(place, unit),
                Open::Flush(_, count) => disk.flushed(count),
                _ => {}
            }
        }
        let report = Report { result, resets: disk.resets, memory: true };
        self.meet(Event::Reported { leg, of, report });
    }

    /// The story is told to its end.
    pub(super) fn tell(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.requests_left == 0 && self.asked.is_empty() {
                return;
            }
            assert!(self.happens(), "requests never end: {:?}", self.asked);
        }
        panic!("it never ends: {:?}", self.asked);
    }
}

impl Drop for Story {
    /// A story that breaks a promise shows its end.
    fn drop(&mut self) {
        let log = self.log.take().unwrap_or_default();
        if std::thread::panicking() {
            let from = log.len().saturating_sub(SHOWN);
            log[from..]
                .iter()
                .for_each(|line| std::println!("{}", line.get(..200).unwrap_or(line)));
        }
    }
}
