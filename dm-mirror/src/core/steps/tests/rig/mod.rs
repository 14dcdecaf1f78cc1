//! A mirror's core, told one thing at a time. What it wants done next is the answer:
//!
//! ```text
//! let mut mirror = Rig::plain(2);
//! assert_eq!(mirror.write(0, 8), [Data(0), Data(1)]);
//! assert_eq!(mirror.ok(Data(0)), []);
//! assert_eq!(mirror.ok(Data(1)), [Done(1)]);
//! ```
//!
//! Place: the tests of each step; `begin` has the mirrors to begin with. A mirror has eight
//! regions of eight sectors.
//!
//! Rules:
//!
//! - What is asked stays open until [`ok`](Rig::ok) or [`fails`](Rig::fails) reports it; of
//!   several that are alike, the first. A disk keeps the records of which that was said, as a
//!   real one does: durable once it was flushed.
//! - Users' requests have the numbers 1, 2, ... in the order in which they came.
//! - A person who suspends the mirror has heard of the end of every request before.
//! - Alarms and news are no answers: [`goes_off`](Rig::goes_off), [`is_set`](Rig::is_set) and
//!   [`heard`](Rig::heard) have them.

mod begin;

use alloc::vec::Vec;
use core::time::Duration;

use bio::{BufCmd, ErrorKind, Extent, IoError, IoResult, Sector, Sectors};
use uuid::Uuid;

use crate::core::event::{Action, Alarm, Answer, Event, Message, Of, Report, Step, Unit};
use crate::core::parts::found::Found;
use crate::core::parts::leg::{Failure, LegSet, LegState};
use crate::core::parts::news::News;
use crate::core::parts::region::Regions;
use crate::core::parts::requests::Req;
use crate::core::tests::model::{Disk, facts};
use crate::core::{Core, Follow, Life};
use crate::format::{MemberState, Region};

/// More events than any of these tests has.
const EVENTS_MAX: u32 = 2_000;

/// What the core wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// A leg is read for whoever asked ...
    Read(usize),
    /// ... or for itself.
    Look(usize),
    /// A leg is written, or discards.
    Data(usize),
    /// A page of a leg's map is written.
    Page(usize),
    /// A leg's superblock is.
    Super(usize),
    /// A superblock's place is wiped.
    Wipe(usize),
    Flush(usize),
    /// What a leg holds is read.
    Search(usize),
    /// What this leg gave is what is written.
    Take(usize),
    /// What legs gave is compared with what this one did, ...
    Compare(usize),
    /// ... or with what was written to them.
    Verify,
    /// The read of this number is read block by block.
    ByBlock(usize),
    /// The request of this number has ended.
    Done(usize),
    Fails(usize, ErrorKind),
    /// Whoever suspended the mirror may go on.
    Quiet,
}

/// What is behind something that is to be reported.
enum Open {
    Step(Req),
    /// It covers so many records.
    Flush(usize),
    Write(Extent, Unit),
    Search(bool),
    Compare(Req),
    Verify(Req),
}

pub(crate) struct Rig {
    pub(crate) core: Core,
    pub(crate) disks: Vec<Disk>,
    pub(crate) now: Duration,
    dice: u64,
    open: Vec<(Does, Open)>,
    alarms: Vec<(Alarm, Duration)>,
    heard: Vec<News>,
    /// Users' requests, the first is number 1.
    asked: Vec<Req>,
    /// What the last event led to.
    does: Vec<Does>,
    events: u32,
}

/// What happens.
impl Rig {
    pub(crate) fn read(&mut self, start: u64, count: u64) -> Vec<Does> {
        self.asks(BufCmd::Read, start, count)
    }

    pub(crate) fn write(&mut self, start: u64, count: u64) -> Vec<Does> {
        self.asks(BufCmd::Write { fua: false }, start, count)
    }

    /// A write with FUA.
    pub(crate) fn force(&mut self, start: u64, count: u64) -> Vec<Does> {
        self.asks(BufCmd::Write { fua: true }, start, count)
    }

    pub(crate) fn flush(&mut self) -> Vec<Does> {
        self.asks(BufCmd::Flush, 0, 0)
    }

    /// The user asks for something.
    pub(crate) fn asks(&mut self, cmd: BufCmd, start: u64, count: u64) -> Vec<Does> {
        let req = self.core.next_request();
        self.asked.push(req);
        let extent = Extent::new(Sector(start), Sectors(count));
        self.meets(Event::Asked { req, cmd, extent })
    }

    /// Something that was asked succeeds. Comparing finds nothing.
    pub(crate) fn ok(&mut self, what: Does) -> Vec<Does> {
        match what {
            Does::Compare(_) => self.differ(&[], &[]),
            Does::Verify => self.hold_it(&[0, 1, 2, 3]),
            what => self.ends(what, Ok(()), true),
        }
    }

    /// Something that was asked fails.
    pub(crate) fn fails(&mut self, what: Does, kind: ErrorKind) -> Vec<Does> {
        self.ends(what, Err(IoError { kind, resid: 0 }), true)
    }

    /// Something that was asked fails, and the device keeps the memory.
    pub(crate) fn keeps(&mut self, what: Does, kind: ErrorKind) -> Vec<Does> {
        self.ends(what, Err(IoError { kind, resid: 0 }), false)
    }

    /// A leg loses its cache; its next report counts that.
    pub(crate) fn loses_cache(&mut self, leg: usize) {
        self.disks[leg].loses();
    }

    /// These legs differ from the source in these sectors of the chunk that is compared.
    pub(crate) fn differ(&mut self, sectors: &[usize], legs: &[usize]) -> Vec<Does> {
        let req = self.takes_open(|open| match open {
            Open::Compare(req) => Some(*req),
            _ => None,
        });
        let legs = |at| if sectors.contains(&at) { set(legs) } else { LegSet::EMPTY };
        let (_, extent) = self.core.request(req);
        let differ = (0..extent.count().0 as usize).map(legs).collect();
        self.meets(Event::Compared { req, differ })
    }

    /// Of those that were rewritten, these legs hold what was written.
    pub(crate) fn hold_it(&mut self, legs: &[usize]) -> Vec<Does> {
        let req = self.takes_open(|open| match open {
            Open::Verify(req) => Some(*req),
            _ => None,
        });
        self.meets(Event::Verified { req, same: set(legs) })
    }

    /// The hands read a request block by block.
    pub(crate) fn is_taken_apart(&mut self, number: usize) -> Vec<Does> {
        let (_, extent) = self.core.request(self.asked[number - 1]);
        let mut did = Vec::new();
        for nth in 0..extent.count().0 {
            let req = self.core.next_request();
            let extent = Extent::new(extent.start() + Sectors(nth), Sectors(1));
            did.extend(self.meets(Event::Block { req, extent }));
        }
        did
    }

    /// An alarm goes off that was set.
    pub(crate) fn goes_off(&mut self, alarm: Alarm) -> Vec<Does> {
        let at = self.alarms.iter().position(|(it, _)| *it == alarm);
        self.alarms.remove(at.unwrap_or_else(|| panic!("no {alarm:?} in {:?}", self.alarms)));
        self.meets(Event::Alarm(alarm))
    }

    pub(crate) fn resume(&mut self) -> Vec<Does> {
        self.meets(Event::Resume(facts(&self.disks)))
    }

    pub(crate) fn suspend(&mut self) -> Vec<Does> {
        self.meets(Event::Suspend)
    }

    /// A person says something.
    pub(crate) fn says(&mut self, message: Message) -> Answer {
        let (core, dice, facts) = (&mut self.core, &mut self.dice, facts(&self.disks));
        let answer = core.told(self.now, &mut || throw(dice), message, facts);
        self.takes_actions();
        answer
    }

    /// A leg goes out for this reason.
    pub(crate) fn drops(&mut self, leg: usize, why: Failure) -> Vec<Does> {
        self.core.fail_leg(leg, why);
        self.follows()
    }

    /// The core asks all its parts what follows.
    pub(crate) fn follows(&mut self) -> Vec<Does> {
        let (core, dice) = (&mut self.core, &mut self.dice);
        core.follow(Follow::Perhaps, &mut || throw(dice));
        self.takes_actions();
        self.does()
    }

    /// These succeed, one after the other.
    pub(crate) fn all_ok(&mut self, these: &[Does]) {
        these.iter().for_each(|what| _ = self.ok(*what));
    }

    /// All that was asked is done, until nothing more is asked. Gives what was done.
    pub(crate) fn settles(&mut self) -> Vec<Does> {
        let mut did = Vec::new();
        while let Some((what, _)) = self.open.first() {
            did.extend(self.ok(*what));
        }
        did
    }

    /// A search finds members on these legs alone.
    pub(crate) fn finds_only(&mut self, legs: &[usize]) -> Vec<Does> {
        let mut did = Vec::new();
        while let Some(what) = self.first_of_a_search() {
            did = match what {
                Does::Search(leg) if !legs.contains(&leg) => self.fails(what, ErrorKind::Gone),
                what => self.ok(what),
            };
        }
        did
    }

    /// What a search has open.
    fn first_of_a_search(&self) -> Option<Does> {
        let searching = matches!(self.core.life, Life::Searching(_));
        self.waits().first().copied().filter(|_| searching)
    }

    /// As [`settles`](Rig::settles), and background work does its steps.
    pub(crate) fn rests(&mut self) -> Vec<Does> {
        let mut did = Vec::new();
        while !self.open.is_empty() || self.next_step().is_some() {
            did.extend(self.goes_on());
        }
        did
    }

    /// The first thing that was asked is done, or background work does a step.
    pub(crate) fn goes_on(&mut self) -> Vec<Does> {
        match self.open.first() {
            Some((what, _)) => self.ok(*what),
            None => self.goes_off(self.next_step().expect("nothing is left to be done")),
        }
    }

    /// An alarm that waits for nothing.
    fn next_step(&self) -> Option<Alarm> {
        self.alarms.iter().find(|(_, delay)| delay.is_zero()).map(|(alarm, _)| *alarm)
    }

    /// Something comes into the core.
    pub(crate) fn meets(&mut self, event: Event) -> Vec<Does> {
        self.events += 1;
        assert!(self.events < EVENTS_MAX, "it never comes to rest: {:?}", self.waits());
        let dice = &mut self.dice;
        self.core.step(self.now, &mut || throw(dice), event);
        self.takes_actions();
        self.does()
    }
}

/// What came of it.
impl Rig {
    /// What the last event led to.
    pub(crate) fn does(&self) -> Vec<Does> {
        self.does.clone()
    }

    /// What is open.
    pub(crate) fn waits(&self) -> Vec<Does> {
        self.open.iter().map(|(what, _)| *what).collect()
    }

    /// After how long an alarm is to go off, if it is set.
    pub(crate) fn is_set(&self, alarm: Alarm) -> Option<Duration> {
        self.alarms.iter().find(|(it, _)| *it == alarm).map(|(_, delay)| *delay)
    }

    /// Whether a person was told this.
    pub(crate) fn heard(&self, news: &News) -> bool {
        self.heard.contains(news)
    }

    /// What has come of a write whose legs have all reported, and that is parked.
    pub(crate) fn outcome(&mut self, number: usize) -> IoResult {
        let req = self.asked[number - 1];
        assert!(self.core.is_parked(req));
        self.core.requests.group(req).result
    }

    pub(crate) fn state(&self, leg: usize) -> LegState {
        self.core.legs[leg].state()
    }

    pub(crate) fn is_in_sync(&self, leg: usize) -> bool {
        self.state(leg) == LegState::InSync
    }

    /// Why a leg is out, if it is.
    pub(crate) fn why_out(&self, leg: usize) -> Option<Failure> {
        match self.state(leg) {
            LegState::Failed(why) => Some(why),
            LegState::InSync | LegState::Rebuilding | LegState::Returning => None,
        }
    }

    pub(crate) fn regions(&mut self) -> &mut Regions {
        self.core.regions.as_mut().expect("it has found its members")
    }

    /// Whether a leg missed something in a region, by what the mirror knows.
    pub(crate) fn missed(&mut self, leg: usize, region: u32) -> bool {
        self.regions().missed(leg, Region(region))
    }

    /// Whether a leg's own map durably calls a region DIRTY.
    pub(crate) fn dirty_on(&self, leg: usize, region: u32) -> bool {
        self.disks[leg].is_dirty(Region(region))
    }

    /// What the member is called that a leg's disk holds.
    pub(crate) fn member(&self, leg: usize) -> Uuid {
        self.disks[leg].superblock.own().uuid
    }

    /// What a leg's own superblock durably says of a member.
    pub(crate) fn says_of(&self, leg: usize, member: usize) -> MemberState {
        self.disks[leg].says(member)
    }
}

impl Rig {
    fn ends(&mut self, what: Does, result: IoResult, memory: bool) -> Vec<Does> {
        let at = self.open.iter().position(|(it, _)| *it == what);
        let at = at.unwrap_or_else(|| panic!("{what:?} is not open: {:?}", self.waits()));
        let (what, open) = self.open.remove(at);
        let (leg, of) = match (what, &open) {
            (Does::Read(leg) | Does::Look(leg) | Does::Data(leg), Open::Step(req)) => {
                (leg, Of::Request(*req))
            }
            (Does::Page(leg), _) => (leg, Of::Page),
            (Does::Super(leg), _) => (leg, Of::Superblock),
            (Does::Wipe(leg), _) => (leg, Of::Wipe),
            (Does::Flush(leg), _) => (leg, Of::Flush),
            (Does::Search(leg), Open::Search(durable)) => {
                let found = match result {
                    Ok(()) if *durable => self.disks[leg].found(),
                    _ => Found::Absent,
                };
                let facts = facts(&self.disks);
                return self.meets(Event::Searched { leg, found, facts });
            }
            (what, _) => unreachable!("no leg reports {what:?}"),
        };
        let disk = &mut self.disks[leg];
        match open {
            Open::Write(place, unit) if result.is_ok() => disk.wrote(place, unit),
            Open::Flush(covers) if result.is_ok() => disk.flushed(covers),
            _ => {}
        }
        let report = Report { result, resets: disk.resets, memory };
        self.meets(Event::Reported { leg, of, report })
    }

    /// The request of something that the hands do is no longer open.
    fn takes_open(&mut self, is_it: impl Fn(&Open) -> Option<Req>) -> Req {
        let mut open = self.open.iter().enumerate();
        let found = open.find_map(|(at, (_, open))| Some((at, is_it(open)?)));
        let (at, req) = found.unwrap_or_else(|| panic!("it is not open: {:?}", self.waits()));
        self.open.remove(at);
        req
    }

    /// Takes what the core wants done.
    pub(crate) fn takes_actions(&mut self) {
        self.does.clear();
        while let Some(action) = self.core.next() {
            self.takes(action);
        }
    }

    fn takes(&mut self, action: Action) {
        let does = match action {
            Action::Issue { req, leg, step } => {
                let does = match step {
                    Step::Read => Does::Read(leg),
                    Step::Look => Does::Look(leg),
                };
                self.opens(does, Open::Step(req))
            }
            Action::Data { req, legs } => {
                for leg in legs.iter() {
                    let does = self.opens(Does::Data(leg), Open::Step(req));
                    self.does.push(does);
                }
                return;
            }
            Action::Flush { leg } => {
                let covers = self.disks[leg].to_flush();
                self.opens(Does::Flush(leg), Open::Flush(covers))
            }
            Action::Write { leg, place, unit } => {
                let does = match unit {
                    Unit::Page(_) => Does::Page(leg),
                    Unit::Superblock(_) => Does::Super(leg),
                    Unit::Wiped => Does::Wipe(leg),
                };
                self.opens(does, Open::Write(place, unit))
            }
            Action::Search { leg, durable } => self.opens(Does::Search(leg), Open::Search(durable)),
            Action::Take { from, .. } => Does::Take(from),
            Action::Compare { req, source } => {
                self.opens(Does::Compare(source), Open::Compare(req))
            }
            Action::Verify { req } => self.opens(Does::Verify, Open::Verify(req)),
            Action::ByBlock { req } => Does::ByBlock(self.number(req).expect("a user's read")),
            Action::Complete { req, result } => match (self.number(req), result) {
                (Some(number), Ok(())) => Does::Done(number),
                (Some(number), Err(error)) => Does::Fails(number, error.kind),
                // A block of a read.
                (None, _) => return,
            },
            Action::Drop { .. } => return,
            Action::Set(alarm, delay) => return self.alarms.push((alarm, delay)),
            Action::Tell(news) => return self.heard.push(*news),
            Action::Quiet => Does::Quiet,
        };
        self.does.push(does);
    }

    fn opens(&mut self, does: Does, open: Open) -> Does {
        self.open.push((does, open));
        does
    }

    fn number(&self, req: Req) -> Option<usize> {
        self.asked.iter().position(|it| *it == req).map(|at| at + 1)
    }
}

/// These legs.
pub(crate) fn set(legs: &[usize]) -> LegSet {
    legs.iter().copied().collect()
}

/// The next number of the core's dice.
fn throw(dice: &mut u64) -> u64 {
    *dice += 1;
    dice.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
