//! The promises that a run is checked for, while it goes on and at its end.
//!
//! Place: part of a [`World`]. The [`History`](crate::History) judges the answers to the
//! clients. This file judges what only the disks can show.

use alloc::vec::Vec;

use bio::{Sector, Sectors};

use crate::chooser::Replay;
use crate::history::Op;
use crate::subject::Subject;
use crate::violation::Violation;
use crate::world::{Left, Step, World};

impl World<'_> {
    /// The first promise that is broken by now, if any.
    pub fn verdict(&self) -> Option<Violation> {
        let (violation, error) = self.history.news();
        let needless = || {
            let (op, kind) = error?;
            if self.acts.excused.contains(&op) || self.was_rotten() {
                return None;
            }
            // A start may have lost acknowledged writes, on the only leg that it could believe
            // then. A flush has to tell of that, whichever other legs are there now.
            if self.stage.lost_early && self.history.is_flush(op) {
                return None;
            }
            // This leg could have done the request, whatever else failed.
            let needless = (0..self.legs.len()).any(|leg| self.believed[leg] && self.is_well(leg));
            needless.then_some(Violation::NeedlessError(op, kind))
        };
        let restless = || (self.steps > self.scenario.steps_max).then_some(Violation::Restless);
        violation.or_else(|| self.broken.clone()).or_else(needless).or_else(restless)
    }

    /// Ends a run at rest: reads everything once for each leg, without further faults, and
    /// compares the legs.
    pub fn close(&mut self, subject: &dyn Subject) -> Option<Violation> {
        self.left = Left::default();
        let mut violation = self.broken.clone().or_else(|| self.hang());
        for _ in 0..self.legs.len() {
            violation = violation.or_else(|| self.read_everything(subject));
        }
        violation.or_else(|| self.compare(subject))
    }

    fn read_everything(&mut self, subject: &dyn Subject) -> Option<Violation> {
        let (_, bio) = self.history.begin(Op::Read(self.everything()));
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
    pub(crate) fn hang(&self) -> Option<Violation> {
        (self.history.open() > 0).then(|| Violation::Hang(self.history.open_ops()))
    }

    /// At rest the legs in sync are equal, except a leg that lost its cache when nobody had a
    /// reason to notice yet.
    pub(crate) fn compare(&self, subject: &dyn Subject) -> Option<Violation> {
        let legs = (0..self.legs.len()).filter(|&leg| subject.in_sync(leg) && !self.lost[leg]);
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
