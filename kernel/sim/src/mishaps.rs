//! What goes wrong with a request, as the chooser decides.
//!
//! Place: part of a [`World`], which asks when a request is about to complete.
//!
//! Rules:
//!
//! - A leg fails for good only while another holds all acknowledged writes. If a leg lost some
//!   silently, nothing happens to the other until the device notices. No mirror survives both
//!   faults, so the oracle would blame it wrongly.
//! - The last leg that holds them may lose its cache. The history is told, since the device has
//!   to tell its user.

use alloc::format;
use alloc::vec::Vec;
use core::mem;

use bio::{BufCmd, ErrorKind};

use crate::chooser::{Chooser, Replay};
use crate::disk::{Outcome, Presence};
use crate::scenario::{Fault, Faults};
use crate::slot::{Landed, Pending};
use crate::subject::{Life, Subject};
use crate::world::World;

impl World<'_> {
    /// How a request ends.
    pub(crate) fn choose_outcome(
        &mut self,
        leg: usize,
        request: Pending,
        subject: &dyn Subject,
        chooser: &mut dyn Chooser,
    ) -> Outcome {
        if self.legs[leg].presence() != Presence::Ready {
            return Outcome::Ok;
        }
        let flush = request.cmd == BufCmd::Flush;
        if flush && mem::take(&mut self.drops[leg]) {
            return self.drop_flush(leg, subject, chooser);
        }
        if self.left.faults == 0 || self.is_second_record(&request) {
            return Outcome::Ok;
        }
        let writes = matches!(request.cmd, BufCmd::Write { .. });
        let spared = self.spared(leg, subject);
        let fits = |fault: &Fault| match fault {
            Fault::MediaLanded | Fault::MediaPartly => writes && spared < Spared::AnyFault,
            Fault::Media | Fault::Timeout | Fault::Blip => spared < Spared::AnyFault,
            Fault::Drop => flush && spared < Spared::AnyFault,
            Fault::Gone => spared < Spared::Leaving,
        };
        let Faults { one_in, kinds, .. } = &self.scenario.faults;
        let possible = kinds.iter().copied().filter(fits);
        if possible.clone().next().is_none() || !chooser.rarely(*one_in, "fault") {
            return Outcome::Ok;
        }
        self.left.faults -= 1;
        self.excuse();
        let nth = chooser.choose(possible.clone().count(), "which fault");
        let fault = possible.clone().nth(nth).expect("one of those counted");
        self.hit(fault, leg, request, subject, chooser)
    }

    fn hit(
        &mut self,
        fault: Fault,
        leg: usize,
        request: Pending,
        subject: &dyn Subject,
        chooser: &mut dyn Chooser,
    ) -> Outcome {
        // A device that sees a failed flush takes the cache for lost.
        self.stage.lost_early |= !self.stage.ran && request.cmd == BufCmd::Flush;
        match fault {
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
                self.lost[leg] = true;
                self.legs[leg].set_presence(Presence::Gone);
                Outcome::Fail(ErrorKind::Gone, Landed::None)
            }
            Fault::Blip => {
                self.blip(leg, subject, chooser);
                Outcome::Ok
            }
            Fault::Drop => self.drop_flush(leg, subject, chooser),
        }
    }

    /// A flush fails, and the data that it should have made durable are dropped.
    fn drop_flush(
        &mut self,
        leg: usize,
        subject: &dyn Subject,
        chooser: &mut dyn Chooser,
    ) -> Outcome {
        if self.spared(leg, subject) == Spared::AnyFault {
            return Outcome::Ok;
        }
        self.history.note(|| format!("leg {leg} drops what it was to flush"));
        self.legs[leg].drop_cache(chooser);
        self.stage.lost_early |= !self.stage.ran;
        if self.is_last(leg, subject) {
            self.history.lose();
        }
        Outcome::Fail(ErrorKind::Media, Landed::None)
    }

    /// A leg fails, and loses its `cache` or not. Not if it is the last that holds everything.
    pub(crate) fn fail(&mut self, leg: usize, cache: bool, subject: &dyn Subject) {
        let there = self.legs[leg].presence() == Presence::Ready;
        if there && self.spared(leg, subject) == Spared::Nothing {
            self.history.note(|| format!("leg {leg} goes"));
            if cache {
                self.legs[leg].lose_cache(&mut Replay::new(Vec::new()));
                self.lost[leg] = true;
            }
            self.legs[leg].set_presence(Presence::Gone);
        }
    }

    /// A leg loses its cache silently.
    pub(crate) fn blip(&mut self, leg: usize, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        if self.legs[leg].presence() != Presence::Ready {
            return;
        }
        if self.spared(leg, subject) == Spared::AnyFault {
            return;
        }
        self.history.note(|| format!("leg {leg} loses its cache without a word"));
        self.legs[leg].lose_cache(chooser);
        self.stage.lost_early |= !self.stage.ran;
        // The last leg stays, and what is lost there is on no other leg.
        self.lost[leg] = (0..self.legs.len()).any(|other| other != leg && subject.in_sync(other));
        if self.is_last(leg, subject) {
            self.history.lose();
        }
    }

    /// Whether no other leg holds what this one may hold. If so, what this leg loses is lost.
    fn is_last(&self, leg: usize, subject: &dyn Subject) -> bool {
        let holds = |other: usize| {
            let disk = &self.legs[other];
            let stays = subject.decides_at_once() || disk.failures() == 0;
            let there = disk.presence() == Presence::Ready && stays;
            there && !self.lost[other] && subject.in_sync(other)
        };
        let in_sync = subject.in_sync(leg) || subject.life() != Life::Running;
        in_sync && !(0..self.legs.len()).any(|other| other != leg && holds(other))
    }

    /// What must not happen to this leg now.
    pub(crate) fn spared(&self, leg: usize, subject: &dyn Subject) -> Spared {
        let silent =
            self.scenario.returns + self.scenario.acts > 0 || self.scenario.loses_silently();
        if !silent {
            return Spared::Nothing;
        }
        let whole = |other: usize| {
            let disk = &self.legs[other];
            let works = disk.presence() == Presence::Ready && disk.failures() == 0;
            works && !self.lost[other] && subject.in_sync(other)
        };
        match (0..self.legs.len()).any(|other| other != leg && whole(other)) {
            true => Spared::Nothing,
            false if self.lost.contains(&true) => Spared::AnyFault,
            false => Spared::Leaving,
        }
    }
}

/// Which faults a leg is spared, from few to many.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spared {
    Nothing,
    /// It must not fail: there is no other.
    Leaving,
    AnyFault,
}
