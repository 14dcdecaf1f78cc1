//! What a person does to a device, in any life: sends messages, suspends and resumes it, loads
//! another table, removes it and creates it anew.
//!
//! Place: part of a [`World`]. The chooser picks acts, as many as
//! [`Scenario::acts`](crate::Scenario) says. The [`Subject`] carries them out, or refuses.
//!
//! Rules:
//!
//! - The person may ask for anything at any time, but loses no data on purpose. They take a
//!   leg out only while another one holds everything, and let a held device start only as
//!   `lives.rs` allows.
//! - *An answer is kept.* If the device said that a leg is out, the leg is out until the person
//!   takes it back. Three cases have conditions. After a crash the answer is kept only if
//!   something was acknowledged since. After the device's removal it is kept unless faults
//!   twice kept it from being recorded. After another start it is kept if
//!   [`Scenario::recalls`](crate::Scenario) says so.
//! - *A suspended device is still*: it has no request on any leg from the moment at which it
//!   says that it is suspended until the resume.
//! - A device that is removed fails the requests that wait for a resume; these are no needless
//!   errors. The device that is created then knows of no loss before it.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use crate::chooser::Chooser;
use crate::lives::{Books, Stage, Stop};
use crate::mishaps::Spared;
use crate::rot::Case;
use crate::stamp::OpId;
use crate::subject::{Life, Subject, Word};
use crate::violation::Violation;
use crate::world::World;

/// By chance, a person does something at one step in this many while the device runs.
pub const ACT_ONE_IN: u32 = 32;

/// The same beside a user who never rests. It is rare, so that tasks can end.
pub(crate) const ACT_BESIDE_RESTLESS_ONE_IN: u32 = 1_000;

/// The same while the device starts, stops, or is held.
pub const ACT_BESIDES_ONE_IN: u32 = 6;

/// How many faults may keep a device that is removed from recording what a person said: it
/// tries twice.
const FAULTS_EXCUSED: u32 = 2;

/// How many ways to [tune](Word::Tune) a device there are.
pub const TUNES: usize = 5;

/// Where a device is on its way to a suspension or a removal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pause {
    #[default]
    No,
    /// It was asked to be suspended.
    Asked,
    /// It is suspended.
    Still,
    /// It was asked to be removed.
    Removing,
}

/// What is known of the person's acts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acts {
    pub(crate) pause: Pause,
    /// For each leg that the person took out: how much was acknowledged then.
    out: Vec<Option<u64>>,
    /// Those of them that no record knew of at the last look.
    unrecorded: Vec<bool>,
    /// Legs that are to leave once another leg has their place. Another table goes on with
    /// that.
    pub(crate) leaving: Vec<bool>,
    /// A table is loaded, which the next resume uses.
    loaded: bool,
    /// The record that goes bad before the device is made anew.
    rot: Option<Case>,
    /// How many faults were left when the device was asked to go.
    faults: u32,
    /// A disk was silent during the removal: a silent disk fails every request.
    silent: bool,
    /// Requests that were open when the device was removed.
    pub(crate) excused: Vec<OpId>,
}

impl Acts {
    pub(crate) fn new(legs: usize) -> Acts {
        Acts {
            out: vec![None; legs],
            unrecorded: vec![false; legs],
            leaving: vec![false; legs],
            ..Acts::default()
        }
    }

    /// A person starts the device from the present legs, whatever was said of them before.
    pub(crate) fn start_from_what_is_there(&mut self) {
        self.out.fill(None);
    }

    /// The device is gone. If it never `ran` it could record nothing; otherwise it may have
    /// `failed` to.
    fn forget_unrecorded(&mut self, ran: bool, failed: bool) {
        for (out, unrecorded) in self.out.iter_mut().zip(&self.unrecorded) {
            *out = out.filter(|_| ran && !(failed && *unrecorded));
        }
        self.unrecorded.fill(false);
    }

    /// The leg is taken back, or is another disk.
    pub(crate) fn forgive(&mut self, leg: usize) {
        self.out[leg] = None;
    }
}

impl World<'_> {
    /// Whether a person does something now.
    pub(crate) fn is_acted_on(&self, life: Life, chooser: &mut dyn Chooser) -> bool {
        let runs = life == Life::Running && self.acts.pause == Pause::No;
        let one_in = match runs {
            true if self.is_restless() => ACT_BESIDE_RESTLESS_ONE_IN,
            true => ACT_ONE_IN,
            false => ACT_BESIDES_ONE_IN,
        };
        let may = self.left.acts > 0 && self.stage.stop == Stop::No;
        may && chooser.rarely(one_in, "a person acts")
    }

    /// A person does something.
    pub(crate) fn act(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        self.left.acts -= 1;
        self.excuse();
        match (self.acts.pause, chooser.choose(12, "what a person does")) {
            (Pause::No, 8) => self.load(subject, chooser),
            (Pause::No, 9 | 10) => self.suspend(subject, chooser),
            (Pause::Still, 6 | 7) => self.load(subject, chooser),
            (Pause::Still, 8..=10) => self.resume(subject, chooser),
            (Pause::No | Pause::Still, 11) => self.remove(subject, chooser),
            _ => self.say(subject, chooser),
        }
    }

    fn say(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        let Some(word) = self.choose_word(subject, chooser) else { return };
        let acknowledged = self.history.acknowledged();
        let answer = subject.say(word);
        self.history.note(|| match &answer {
            Ok(text) => format!("a person says `{word}`: {}", text.lines().next().unwrap_or("")),
            Err(why) => format!("a person says `{word}`, and is refused: {why}"),
        });
        if answer.is_err() {
            return;
        }
        match word {
            Word::Fail(leg) => {
                self.acts.out[leg] = Some(acknowledged);
                self.believed[leg] = false;
                // The other legs may say so durably, whether this start succeeds or not.
                self.books.standing[leg] &= self.stage.ran;
            }
            Word::Forget(leg) => self.believed[leg] = false,
            Word::Add(leg, _) => self.acts.forgive(leg),
            Word::Replace(old, new) => {
                self.acts.forgive(new);
                self.acts.leaving[old] = true;
                self.believed[old] = false;
            }
            Word::StartDegraded => {
                self.stage.told = true;
                self.acts.start_from_what_is_there();
            }
            Word::Look | Word::Tune(_) | Word::Keep(_) => {}
            Word::Check | Word::Repair | Word::Idle => {}
        }
    }

    /// What the person says. They say nothing that loses data.
    fn choose_word(&self, subject: &dyn Subject, chooser: &mut dyn Chooser) -> Option<Word> {
        let legs = self.legs.len();
        let kind = chooser.choose(14, "what is said");
        let leg = chooser.choose(legs, "of which leg");
        Some(match kind {
            0 => Word::Look,
            1 => Word::Tune(chooser.choose(TUNES, "how")),
            2 | 3 => {
                let known = (0..legs).any(|leg| subject.in_sync(leg));
                let may = !known || self.spared(leg, subject) == Spared::Nothing;
                return may.then_some(Word::Fail(leg));
            }
            4 | 5 => Word::Add(leg, false),
            6 => Word::Add(leg, true),
            7 => Word::Forget(leg),
            8 => Word::Replace(leg, chooser.choose(legs, "by which leg")),
            9 => {
                let held = matches!(subject.life(), Life::Held | Life::Refused);
                return (!held || self.may_start(subject)).then_some(Word::StartDegraded);
            }
            10 => Word::Keep(leg),
            11 => Word::Check,
            12 => Word::Repair,
            _ => Word::Idle,
        })
    }

    fn suspend(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        let flush = chooser.choose(2, "without a flush") == 0;
        if subject.suspend(flush) {
            self.history.note(|| format!("a person suspends it{}", without(flush)));
            self.begin_to_count_faults();
            self.acts.pause = Pause::Asked;
        }
    }

    /// Another table, with the legs in another order, is to be used from the next
    /// resume on.
    fn load(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        let order = self.choose_order(chooser);
        if subject.load(&order) {
            self.acts.loaded = true;
            self.history.note(|| format!("a person loads a table with the legs {order:?}"));
        }
    }

    fn choose_order(&self, chooser: &mut dyn Chooser) -> Vec<usize> {
        let mut left: Vec<usize> = (0..self.legs.len()).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            order.push(left.remove(chooser.choose(left.len(), "which leg is next")));
        }
        order
    }

    /// A device that is suspended goes on.
    pub(crate) fn resume(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        let books = self.closed_books(subject);
        self.acts.pause = Pause::No;
        if mem::take(&mut self.acts.loaded) {
            self.go_bad(subject, chooser);
        }
        let another = subject.resume();
        self.history.note(|| {
            let what = if another { ", by another table" } else { "" };
            format!("a person resumes it{what}")
        });
        if another {
            self.begin_anew(books);
        }
    }

    fn remove(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        self.acts.excused = self.history.open_ops();
        if self.acts.pause == Pause::No {
            self.begin_to_count_faults();
        }
        if subject.remove() {
            self.history.note(|| "a person removes it".into());
            self.acts.pause = Pause::Removing;
            self.acts.rot = self.choose_rot(chooser);
        }
    }

    /// The device is to become quiet, or to be removed: from now on faults may keep it from
    /// recording what was said.
    fn begin_to_count_faults(&mut self) {
        self.acts.faults = self.left.faults;
        self.acts.silent = false;
    }

    /// Another mirror is made over the same legs, which keep their power.
    fn begin_anew(&mut self, books: Books) {
        self.books = books;
        let Stage { back, lost_early, .. } = self.stage;
        self.stage = Stage::anew(self.history.promised(), back);
        self.stage.lost_early = lost_early;
        self.forget_rot();
        self.believed.fill(false);
        self.lost.fill(false);
        self.behind.fill(false);
        self.lives += 1;
        if !self.scenario.recalls {
            self.acts.out.fill(None);
        }
    }

    /// The machine goes down: answers that are not known to be recorded may be forgotten.
    pub(crate) fn forget_acts(&mut self) {
        let acknowledged = self.history.acknowledged();
        let recalls = self.scenario.recalls;
        for out in &mut self.acts.out {
            *out = out.filter(|since| recalls && *since < acknowledged);
        }
        self.acts.leaving.fill(false);
        (self.acts.pause, self.acts.loaded) = (Pause::No, false);
        (self.acts.rot, self.acts.excused) = (None, Vec::new());
    }

    /// Looks how far a suspension or a removal has come, and whether answers are kept.
    pub(crate) fn look_at_acts(&mut self, subject: &dyn Subject) {
        let gone = self.acts.pause == Pause::Removing && subject.removed();
        if self.acts.pause != Pause::No && !gone {
            for leg in 0..self.legs.len() {
                self.acts.unrecorded[leg] = subject.only_remembers(leg);
            }
        }
        if matches!(self.acts.pause, Pause::Asked | Pause::Removing) {
            self.look_for_silence();
        }
        match self.acts.pause {
            Pause::Asked if subject.suspended() => {
                self.history.note(|| "it is suspended".into());
                self.acts.pause = Pause::Still;
            }
            Pause::Removing if gone => {
                let books = self.closed_books(subject);
                self.look_whether_still();
                self.acts.pause = Pause::No;
                let faults = self.acts.faults - self.left.faults;
                let failed = self.acts.silent || faults >= FAULTS_EXCUSED;
                self.acts.forget_unrecorded(self.stage.ran, failed);
                self.acts.leaving.fill(false);
                if let Some(case) = self.acts.rot.take() {
                    self.take_rot(subject, case);
                }
                subject.make();
                self.history.part();
                self.history.note(|| "it is gone, and made anew".into());
                self.begin_anew(books);
            }
            _ => {}
        }
        if self.acts.pause == Pause::Still {
            self.look_whether_still();
        }
        let is_in = |leg: &usize| self.acts.out[*leg].is_some() && self.is_in(*leg, subject);
        if let Some(leg) = (0..self.legs.len()).find(is_in) {
            let word = Word::Fail(leg).to_string();
            self.broken.get_or_insert(Violation::NotKept(word));
        }
    }

    /// Looks whether a disk is silent, even at the step in which the device fails for that.
    fn look_for_silence(&mut self) {
        self.acts.silent |= self.legs.iter().any(|leg| leg.overdue() > 0);
    }

    /// Checks that a suspended device has no request in flight.
    fn look_whether_still(&mut self) {
        for leg in 0..self.legs.len() {
            if let Some(pending) = self.legs[leg].pending(0) {
                self.broken.get_or_insert_with(|| Violation::NotStill(leg, pending.to_string()));
            }
        }
    }
}

fn without(flush: bool) -> &'static str {
    if flush { "" } else { " without a flush" }
}
