//! What goes wrong with a request, by choice.
//!
//! Place: part of a [`World`], which asks as a request is about to complete.
//!
//! Rules:
//!
//! - A fault that loses acknowledged writes without a word hits a leg only while
//!   another holds them all; and until the device notices, nothing hits that
//!   other. No mirror survives both, and the oracle would blame it.
//! - The last leg that holds them may lose of its cache what is none of the
//!   device's data: what the device has noted there for itself.

use alloc::format;
use alloc::vec::Vec;

use bio::{BufCmd, ErrorKind};

use crate::chooser::{Chooser, Replay};
use crate::disk::{Outcome, Presence};
use crate::scenario::{Fault, Faults};
use crate::slot::{Landed, Pending};
use crate::subject::Subject;
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
        if self.left.faults == 0 || self.legs[leg].presence() != Presence::Ready {
            return Outcome::Ok;
        }
        let writes = matches!(request.cmd, BufCmd::Write { .. });
        let spared = self.spared(leg, subject);
        let fits = |fault: &Fault| match fault {
            Fault::MediaLanded | Fault::MediaPartly => writes && spared < Spared::AnyFault,
            Fault::Media | Fault::Timeout => spared < Spared::AnyFault,
            Fault::Gone => spared < Spared::Data,
            Fault::Blip => spared < Spared::AnyFault,
        };
        let Faults { one_in, kinds, .. } = &self.scenario.faults;
        let possible = kinds.iter().copied().filter(fits);
        if possible.clone().next().is_none() || !chooser.rarely(*one_in, "fault") {
            return Outcome::Ok;
        }
        self.left.faults -= 1;
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
        }
    }

    /// A leg goes, with its cache or without; unless it is the last that holds everything.
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

    /// A leg loses its cache without a word; the last that holds everything loses
    /// only what is none of the device's data.
    pub(crate) fn blip(&mut self, leg: usize, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        if self.legs[leg].presence() != Presence::Ready {
            return;
        }
        match self.spared(leg, subject) {
            Spared::Nothing => {
                self.history.note(|| format!("leg {leg} loses its cache without a word"));
                self.legs[leg].lose_cache(chooser);
                self.lost[leg] = true;
            }
            Spared::Data => {
                self.history.note(|| format!("leg {leg} loses its cache, but no data"));
                let start = subject.data_start(leg);
                let data = start..start + self.scenario.sectors;
                self.legs[leg].lose_cache_but(data, chooser);
            }
            Spared::AnyFault => {}
        }
    }

    /// What must not happen to this leg now.
    fn spared(&self, leg: usize, subject: &dyn Subject) -> Spared {
        let silent = self.scenario.returns > 0 || self.scenario.faults.kinds.contains(&Fault::Blip);
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
            false => Spared::Data,
        }
    }
}

/// What a leg is spared, from little to much.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Spared {
    Nothing,
    /// The loss of its data without a word.
    Data,
    AnyFault,
}
