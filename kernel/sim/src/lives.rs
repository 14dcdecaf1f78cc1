//! The lives of a device: from each start to the crash or the end.
//!
//! Place: part of a [`World`]. This file decides when the machine goes down, which legs a start
//! finds, what the person does when the device is held, and which legs may be believed.
//!
//! Rules:
//!
//! - A leg *has standing* if the last life that ran left it in sync, and no later life put it
//!   out on its way to run. The person tells a device to start only from a leg that has
//!   standing, and plugs all legs in rather than lose data.
//! - A leg *is stale* if writes were acknowledged while it was out, or a flush of writes that
//!   no flush covered before. No device may run from stale legs. A leg that was on its way out
//!   when the machine crashed has no standing, but is not stale: nothing that it missed was
//!   acknowledged. A leg that was whole is not stale either, if nothing was acknowledged since.
//!   The record that it is in sync may be on a leg even if writing it seemed to fail. Then the
//!   next start completes it.
//! - The person says nothing while the legs may disagree on who is in sync, since that would
//!   split the set. They may disagree if the machine went down while that was being recorded,
//!   and a leg that had failed to record it was still in. They may also disagree if a start put
//!   a leg out, or was asked for by a person, and the machine went down before it ended; or if
//!   such a start failed, and the device is held since.
//! - If all legs are there and nothing is wrong with them, a device runs. There is one
//!   exception. A leg may be a blank disk, put in before a life in which a leg failed, lost its
//!   cache, or was writing its record at the end. Then nobody knows what the last record said
//!   of the blank disk, so the device may be held. The person knows that the disk was blank,
//!   and starts the device.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use bio::Sector;

use crate::acts::Pause;
use crate::chooser::Chooser;
use crate::clock::Clock;
use crate::disk::{Presence, SimDisk};
use crate::subject::{Life, Subject};
use crate::violation::Violation;
use crate::world::{Step, World};

/// By chance, one in this many starts leaves a leg out.
pub const ABSENT_ONE_IN: u32 = 2;

/// By chance, one in this many legs that come back is another disk.
const EXCHANGED_ONE_IN: u32 = 2;

/// What is known of the present life of the device.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stage {
    /// It was seen running.
    pub(crate) ran: bool,
    /// The person has told it to start without the missing legs.
    pub(crate) told: bool,
    /// It put a leg out on its way to run.
    parted: bool,
    /// The legs that came back since the start, by bits.
    pub(crate) back: u64,
    /// How much was promised when the legs were last looked at.
    promised: u64,
    /// A leg lost data before the device was seen running.
    pub(crate) lost_early: bool,
    pub(crate) stop: Stop,
}

/// What is known of the legs from the lives before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Books {
    /// The legs that were in sync when the device ran last.
    pub(crate) standing: Vec<bool>,
    /// The legs that miss an acknowledged write.
    pub(crate) stale: Vec<bool>,
    /// The legs may disagree on who is in sync.
    pub(crate) unsettled: bool,
    /// The legs that a blank disk replaced, and that were not in sync since.
    pub(crate) blank: Vec<bool>,
    /// In the last life a leg failed or lost its cache, or the legs may disagree.
    pub(crate) shaken: bool,
}

impl Books {
    /// All legs are new.
    pub(crate) fn new(legs: usize) -> Books {
        Books {
            standing: vec![true; legs],
            stale: vec![false; legs],
            unsettled: false,
            blank: vec![false; legs],
            shaken: false,
        }
    }
}

/// How far a clean stop has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stop {
    #[default]
    No,
    /// The clients finish.
    Draining,
    /// The device was asked to become quiet.
    Asked,
}

impl Stage {
    /// Another life begins: how much was promised by now, and which legs came back.
    pub(crate) fn anew(promised: u64, back: u64) -> Stage {
        Stage { promised, back, ..Stage::default() }
    }
}

impl World<'_> {
    /// The device has started: to be told before the first step, and after
    /// each crash.
    pub fn started(&mut self, subject: &dyn Subject) {
        self.stage = Stage::anew(self.history.promised(), 0);
        self.believed.fill(false);
        self.lost.fill(false);
        self.drops.fill(false);
        self.behind.fill(false);
        self.look(subject);
    }

    /// Whether this leg was absent when the machine started, and still is.
    pub fn absent(&self, leg: usize) -> bool {
        self.absent[leg]
    }

    /// Whether this leg was in sync when the device last ran: any such leg must be good enough
    /// to start from.
    pub fn left_in_sync(&self, leg: usize) -> bool {
        self.books.standing[leg]
    }

    /// Looks at what the last event did to the device.
    pub(crate) fn look(&mut self, subject: &dyn Subject) {
        self.look_at_acts(subject);
        self.look_for_starved(subject);
        for leg in 0..self.lost.len() {
            self.lost[leg] = self.lost[leg] && subject.in_sync(leg);
            self.behind[leg] = self.behind[leg] && subject.in_sync(leg);
        }
        match subject.life() {
            Life::Running if !self.stage.ran => {
                self.stage.ran = true;
                let legs = 0..self.legs.len();
                let is_in: Vec<bool> = legs.map(|leg| self.is_in(leg, subject)).collect();
                self.out = is_in.iter().map(|is_in| !is_in).collect();
                let mut legs = is_in.iter().zip(&self.books.stale);
                let stale = legs.all(|(is_in, stale)| !is_in || *stale);
                if self.lives > 0 && stale && !self.is_rotten() {
                    self.broken.get_or_insert(Violation::StaleStart);
                }
                let stays = |(is_in, leaving): (bool, &bool)| is_in && !leaving;
                self.believed = is_in.into_iter().zip(&self.acts.leaving).map(stays).collect();
            }
            Life::Held | Life::Refused
                if !self.is_rotten() && self.all_are_well() && !self.may_wait_for_a_word() =>
            {
                self.broken.get_or_insert_with(|| Violation::NoStart(subject.why()));
            }
            _ => {}
        }
        self.stage.parted |= !self.stage.ran && self.parts(subject);
        if self.stage.ran {
            self.look_at_records();
            self.look_for_stale(subject);
            for leg in 0..self.legs.len() {
                let misses = |leg| !self.is_in(leg, subject) && !subject.is_whole(leg);
                self.books.stale[leg] = self.books.stale[leg] && misses(leg);
                self.books.blank[leg] = self.books.blank[leg] && !subject.in_sync(leg);
            }
        }
    }

    /// Whether a leg that had standing is out, and another leg is in.
    fn parts(&self, subject: &dyn Subject) -> bool {
        let mut legs = 0..self.legs.len();
        let out = |leg| self.books.standing[leg] && !subject.in_sync(leg);
        legs.clone().any(|leg| subject.in_sync(leg)) && legs.any(out)
    }

    /// Finds the legs that miss acknowledged writes, if there were any. A leg counts only if it
    /// was already out at the last call, so that the order is certain.
    fn look_for_stale(&mut self, subject: &dyn Subject) {
        let promised = self.history.promised();
        if !self.scenario.restarts() || promised == self.stage.promised {
            return;
        }
        self.stage.promised = promised;
        for leg in 0..self.legs.len() {
            self.books.stale[leg] |= self.out[leg];
            self.out[leg] = !self.is_in(leg, subject);
        }
    }

    /// Nothing more can happen: the device must not be between two states.
    pub(crate) fn rests(&mut self, subject: &dyn Subject) {
        if self.is_excused(subject) {
            return;
        }
        if subject.life() != Life::Running {
            self.broken.get_or_insert_with(|| Violation::NoStart(subject.why()));
        } else if self.stage.stop == Stop::Asked || self.acts.pause != Pause::No {
            self.broken.get_or_insert(Violation::NoStop);
        }
    }

    pub(crate) fn is_in(&self, leg: usize, subject: &dyn Subject) -> bool {
        !self.absent[leg] && subject.in_sync(leg)
    }

    fn is_there(&self, leg: usize) -> bool {
        self.legs[leg].presence() != Presence::Gone
    }

    /// Whether a device that is told to start with the present legs starts with this leg.
    fn counts(&self, leg: usize) -> bool {
        let there = self.is_there(leg) && self.stage.back >> leg & 1 == 0;
        there && self.legs[leg].failures() == 0 && !self.is_forgotten(leg)
    }

    /// Whether the leg was there, and did all requests, since the start.
    pub(crate) fn is_well(&self, leg: usize) -> bool {
        let disk = &self.legs[leg];
        self.is_there(leg) && disk.failures() == 0 && bio::BlockDevice::resets(&**disk) == 0
    }

    fn all_are_well(&self) -> bool {
        (0..self.legs.len()).all(|leg| self.is_well(leg))
    }

    /// Whether the device may be held for a member whose place a blank disk has taken,
    /// until a person says that it is gone.
    fn may_wait_for_a_word(&self) -> bool {
        self.books.shaken && self.books.blank.contains(&true) && !self.stage.told
    }

    /// Whether a person may let a held device start with the present legs.
    pub(crate) fn may_start(&self, subject: &dyn Subject) -> bool {
        let may = |leg| self.books.standing[leg] && self.counts(leg);
        let settled = !self.books.unsettled && !self.stage.parted;
        let known = settled || (self.may_wait_for_a_word() && self.all_are_well());
        let enough = known && (0..self.legs.len()).any(may);
        enough && subject.life() == Life::Held && !self.stage.told
    }

    /// The device does not start by itself, and a person comes to look.
    pub(crate) fn person(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) -> Step {
        if !self.may_start(subject) || chooser.choose(2, "plug all in") == 1 {
            return Step::PowerCycle;
        }
        self.history.note(|| "a person starts it degraded".into());
        self.stage.told = true;
        // A person who starts it from the present legs wants that, whatever was said of the
        // legs before.
        self.acts.start_from_what_is_there();
        subject.start_degraded();
        Step::Event
    }

    /// A blank disk may come back in place of a leg, if the leg was absent from the start and
    /// the device has run since: it is durable that nobody waits for it.
    pub(crate) fn exchange(
        &mut self,
        leg: usize,
        subject: &dyn Subject,
        chooser: &mut dyn Chooser,
    ) {
        let out = self.absent[leg] && self.stage.ran && !subject.in_sync(leg);
        if self.left.exchanges == 0 || !out || !chooser.rarely(EXCHANGED_ONE_IN, "exchanged") {
            return;
        }
        self.left.exchanges -= 1;
        self.acts.forgive(leg);
        self.history.note(|| format!("leg {leg} is another disk, a blank one"));
        let size = bio::BlockDevice::capacity(&*self.legs[leg]).bytes();
        self.legs[leg].preset(Sector(0), &vec![0; size]);
        self.books.blank[leg] = true;
    }

    /// A leg returns, if it was absent.
    pub(crate) fn give_back(&mut self, leg: usize, subject: &dyn Subject) {
        if self.is_there(leg) {
            return;
        }
        self.history.note(|| format!("leg {leg} is there again"));
        self.absent[leg] = false;
        self.acts.forgive(leg);
        self.stage.back |= 1 << leg;
        self.legs[leg].set_presence(Presence::Ready);
        subject.returned(leg);
    }

    /// Goes on with a clean stop. Returns whether the machine can be switched off.
    pub(crate) fn stop(&mut self, subject: &dyn Subject) -> bool {
        if self.stage.stop == Stop::Draining && self.history.open() == 0 {
            self.history.note(|| "the device is asked to stop".into());
            self.stage.stop = if subject.stop() { Stop::Asked } else { Stop::No };
        }
        self.stage.stop == Stop::Asked && subject.stopped()
    }

    /// Every disk loses its power and keeps what is chosen for it, or only the machine loses
    /// power. The next device finds what the disks kept, on the legs that are chosen to be
    /// there. `subject` is dead from here on.
    pub fn crash(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        self.history.note(|| "the machine crashes".into());
        self.left.crashes -= 1;
        let warm = self.left.warm > 0 && chooser.choose(2, "the disks keep their power") == 1;
        if warm {
            self.history.note(|| "its disks keep their power".into());
            self.left.warm -= 1;
        }
        self.start_anew(subject, |leg| if warm { leg.reset(chooser) } else { leg.crash(chooser) });
        self.leave_out(chooser);
        self.go_bad(subject, chooser);
    }

    /// The same after a clean stop.
    pub fn restart(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        self.history.note(|| "the device has stopped; the machine starts anew".into());
        self.start_anew(subject, |leg| leg.crash(chooser));
        self.leave_out(chooser);
        self.go_bad(subject, chooser);
    }

    /// The person switches off, plugs all legs in, and switches on. This does not count as a
    /// crash of the scenario.
    pub fn power_cycle(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        self.history.note(|| "a person plugs all legs in and starts anew".into());
        self.try_once_more();
        self.start_anew(subject, |leg| leg.crash(chooser));
        self.go_bad(subject, chooser);
    }

    /// Another life, with the disks that `next` makes of the present ones.
    fn start_anew(
        &mut self,
        subject: &dyn Subject,
        next: impl FnMut(&Arc<SimDisk>) -> Arc<SimDisk>,
    ) {
        self.books = self.closed_books(subject);
        self.boots += 1;
        self.lives += 1;
        self.forget_acts();
        self.excuse();
        self.forget_rot();
        self.absent.fill(false);
        let kept = self.legs.iter().map(next).collect();
        let dead = mem::replace(&mut self.legs, kept);
        self.history.crash();
        let clock = mem::replace(&mut self.clock, Clock::new(u64::from(self.boots)));
        switch_off(&dead, &clock);
    }

    /// What is known of the legs if this life ends now.
    pub(crate) fn closed_books(&self, subject: &dyn Subject) -> Books {
        let mut books = self.books.clone();
        let is_in = |leg: usize| self.is_in(leg, subject);
        let legs = 0..self.legs.len();
        // On its way to run the device may have put a leg out.
        let on_its_way = legs.clone().any(is_in);
        for leg in legs.clone() {
            if self.stage.ran {
                books.standing[leg] = is_in(leg);
            } else if on_its_way {
                books.standing[leg] &= is_in(leg);
            }
        }
        let record = |leg: usize| {
            let mut sectors = self.legs[leg].outstanding().into_iter();
            sectors.any(|sector| subject.is_record(leg, sector))
        };
        let Stage { ran, told, parted, .. } = self.stage;
        let before = !ran && (books.unsettled || told || parted);
        books.unsettled = before || legs.clone().any(|leg| self.behind[leg] || record(leg));
        let shaken = |leg: usize| self.is_there(leg) && !self.is_well(leg);
        let before = !ran && books.shaken;
        books.shaken = before || books.unsettled || legs.clone().any(shaken);
        books
    }

    /// Chooses legs that the start does not find. At least one is there.
    fn leave_out(&mut self, chooser: &mut dyn Chooser) {
        loop {
            let there = (0..self.legs.len()).filter(|&leg| !self.absent[leg]);
            let count = there.clone().count();
            let may = self.left.absences > 0 && count > 1;
            if !may || !chooser.rarely(ABSENT_ONE_IN, "a leg is absent") {
                return;
            }
            self.left.absences -= 1;
            let nth = chooser.choose(count, "which leg");
            let leg = there.clone().nth(nth).expect("one of those counted");
            self.unplug(leg);
        }
    }

    /// The start does not find this leg.
    pub(crate) fn unplug(&mut self, leg: usize) {
        self.history.note(|| format!("leg {leg} is absent"));
        self.absent[leg] = true;
        self.legs[leg].set_presence(Presence::Gone);
    }

    /// Ends the run at any point: requests in flight fail, and delayed work is dropped.
    pub fn end(&mut self) {
        self.history.crash();
        self.legs.iter().for_each(|leg| leg.set_presence(Presence::Gone));
        switch_off(&self.legs, &self.clock);
    }
}

/// Ends all that a dead device still holds. It may ask for work while its requests fail, so the
/// clock comes last.
fn switch_off(legs: &[Arc<SimDisk>], clock: &Clock) {
    legs.iter().for_each(|leg| leg.abandon());
    clock.stop();
}
