//! What each message does in each life of a mirror, and that the mirror can go on
//! after it: be suspended, resumed, started anew and removed.
//!
//! Place: `lives.rs` has the lives and the ways into them; `table.rs` the answers.
#![allow(unreachable_pub, reason = "part of one test file")]

pub mod lives;
pub mod table;

use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};

use dm::Target;
use dm_mirror::format::MemberState;
use sim::{Outcome, Presence, RequestId, SimDisk};

use crate::rig::Tag;
use crate::rig::recorded::Recorded;
use lives::{Life, Lived};
use table::Answer;

/// Where the chance of the second start begins: no generation comes twice.
const OTHER_DICE: u64 = 1000;

/// More steps than anything here takes.
const STEPS_MAX: usize = 10_000;

/// A suspension: what waited on the legs when it was told to be over.
pub struct Suspension(Arc<Mutex<Option<Vec<String>>>>);

impl Suspension {
    /// Asks for it.
    pub fn begin(rig: &Recorded) -> Suspension {
        let (told, disks) = (Arc::new(Mutex::new(None)), rig.disks.clone());
        let tells = told.clone();
        rig.target.suspend(Box::new(move || {
            *tells.lock().unwrap() = Some(waiting(&disks));
        }));
        Suspension(told)
    }

    /// It is over, and was not so before the legs had done everything.
    #[track_caller]
    pub fn assert_over(&self) {
        let told = self.0.lock().unwrap().clone();
        let left = told.expect("the suspension never ends");
        assert!(left.is_empty(), "suspended, and on its way was still {left:?}");
    }
}

/// What waits on these legs.
fn waiting(disks: &[Arc<SimDisk>]) -> Vec<String> {
    let of = |(leg, disk): (usize, &Arc<SimDisk>)| {
        let all = (0..disk.queued()).map(|index| disk.pending(index).expect("one that waits"));
        all.map(|it| format!("leg {leg}: {it}")).collect::<Vec<_>>()
    };
    disks.iter().enumerate().flat_map(of).collect()
}

/// Says every message in this life; every cell that goes wrong is told.
pub fn every_message_in(life: Life) {
    assert_all(&[life], &[Way::GoesOn, Way::SuspendedAtOnce, Way::Removed]);
}

/// Says every message in every life, and has the mirror started anew.
pub fn every_message_and_another_start() {
    assert_all(&table::LIVES.map(|(_, life)| life), &[Way::StartedAnew]);
}

fn assert_all(lives: &[Life], ways: &[Way]) {
    let mut wrong = Vec::new();
    for (&life, message) in lives.iter().flat_map(|it| table::messages().map(move |m| (it, m))) {
        for (swapped, &way) in
            [false, true].into_iter().flat_map(|it| ways.iter().map(move |w| (it, w)))
        {
            wrong.extend(cell(life, message, swapped, way));
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} cells are wrong:\n{}", wrong.join("\n"));
}

/// What comes behind a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Everything comes to rest, then a suspension and a resume.
    GoesOn,
    /// A suspension comes at once, then a resume.
    SuspendedAtOnce,
    /// The mirror is suspended at once, and removed.
    Removed,
    /// As the first, and then the machine stops cleanly and starts with all legs.
    StartedAnew,
}

/// What is wrong with this cell of the table.
fn cell(life: Life, message: &'static str, swapped: bool, way: Way) -> Option<String> {
    let play = || {
        let Lived { rig, suspension } = life.reach(swapped);
        // What is broken would break again as it is dropped.
        let (begun, slow, fine) = (None, Vec::new(), false);
        let case = Case { life, message, way, rig, suspension, begun, slow, fine };
        ManuallyDrop::new(case).play();
    };
    let why = catch_unwind(AssertUnwindSafe(play)).err()?;
    let why = match (why.downcast_ref::<String>(), why.downcast_ref::<&str>()) {
        (Some(why), _) => why.clone(),
        (None, Some(why)) => (*why).into(),
        (None, None) => "it panics".into(),
    };
    let order = if swapped { ", legs swapped" } else { "" };
    Some(format!("`{message}` in {life:?}{order}, {way:?}: {why}"))
}

/// One message in one life.
struct Case {
    life: Life,
    message: &'static str,
    way: Way,
    rig: Recorded,
    suspension: Option<Suspension>,
    /// A write that was asked for before.
    begun: Option<Tag>,
    /// What waited on the leg that the table names last: it ends when nothing else is
    /// left to be done.
    slow: Vec<RequestId>,
    /// The message was answered, and not refused.
    fine: bool,
}

impl Case {
    fn play(&mut self) {
        let stays = matches!(self.way, Way::GoesOn | Way::StartedAnew);
        if self.life.serves() && stays {
            self.begun = Some(self.rig.write(8, 1, 9));
        }
        let disk = &self.rig.disks[1];
        self.slow = (0..disk.queued()).filter_map(|it| Some(disk.pending(it)?.id)).collect();
        let answer = self.rig.message(self.message);
        self.fine = answer.is_ok();
        if stays {
            self.settle();
            self.is_kept();
        }
        self.is_suspended();
        if self.way == Way::Removed {
            self.is_removed();
        } else {
            self.goes_on();
            self.is_kept();
        }
        if self.way == Way::StartedAnew {
            self.starts_anew();
        }
        let expected = table::answer(self.life, self.message);
        let fits = match expected {
            Answer::Done => answer.is_ok(),
            Answer::Refused => answer.is_err(),
            Answer::Either => true,
        };
        assert!(fits, "it should be {expected:?}, and the answer is {answer:?}");
    }

    /// Everything ends well, what is slow behind all else.
    fn settle(&mut self) {
        let slow = mem::take(&mut self.slow);
        for _ in 0..STEPS_MAX {
            self.rig.work_now();
            let waits = self.rig.disks.iter().find_map(|disk| {
                let mut all = (0..disk.queued()).filter_map(|index| disk.pending(index));
                Some((disk, all.find(|it| !slow.contains(&it.id))?.id))
            });
            let Some((disk, id)) = waits else { return self.rig.settle() };
            disk.complete(id, Outcome::Ok);
        }
        panic!("it never comes to rest");
    }

    /// What was answered holds, as far as that can be seen while it goes on.
    fn is_kept(&self) {
        let Case { rig, life, fine, .. } = self;
        let (status, states) = (rig.target.status(), rig.states());
        let starting = status.ends_with("starting");
        assert!(!starting || life.is_suspended(), "it starts for ever: {status}");
        if let (Some(leg), true) = (self.failed(), *fine) {
            assert_eq!(states.as_bytes()[leg], b'D', "leg {leg} was said to be out: {status}");
        }
        if self.message == "start_degraded" && *fine {
            let ends = ["internal", "held", "refused"].iter().any(|word| status.ends_with(word));
            assert!(ends, "{status}");
        }
    }

    /// The leg that the message takes out.
    fn failed(&self) -> Option<usize> {
        let leg = self.message.strip_prefix("fail ")?;
        Some(leg.parse().expect("a number"))
    }

    /// A suspension ends, and nothing is asked of a leg then.
    fn is_suspended(&mut self) {
        let ended = self.begun.map(|tag| self.rig.end(tag));
        assert_ne!(ended, Some(None), "a write that was asked for before never ends");
        let rig = &self.rig;
        let suspension = self.suspension.take().unwrap_or_else(|| Suspension::begin(rig));
        self.settle();
        suspension.assert_over();
        let rig = &self.rig;
        for _ in 0..3 {
            rig.pass();
            rig.work_now();
            let asked = waiting(&rig.disks);
            assert!(asked.is_empty(), "a suspended mirror asks for {asked:?}");
        }
    }

    /// Nothing is left of a mirror that was suspended, once the target is dropped.
    fn is_removed(&mut self) {
        let rig = &mut self.rig;
        let weak: Weak<dyn Target> = Arc::downgrade(&rig.target);
        rig.target = Recorded::new(2).target.clone();
        assert_eq!(weak.strong_count(), 0);
        rig.pass();
        rig.work_now();
        let asked = waiting(&rig.disks);
        assert!(asked.is_empty(), "a mirror that was removed asks for {asked:?}");
    }

    /// The mirror is resumed with all its legs there, and comes to where it should.
    fn goes_on(&mut self) {
        let gone = self.rig.disks.iter().filter(|disk| disk.presence() == Presence::Gone);
        gone.for_each(|disk| disk.set_presence(Presence::Ready));
        self.rig.target.resume();
        self.rig.rest();
        let report = self.rig.message("show").unwrap();
        // A person's word for a start is good for that start; a suspension ends it.
        let word = self.message.starts_with("keep") || self.message == "start_degraded";
        if self.way == Way::SuspendedAtOnce && self.fine && word {
            return;
        }
        // So it ends the search of a leg that was to be added, which is told.
        if self.way == Way::SuspendedAtOnce && report.contains("stays out: the mirror is") {
            return;
        }
        let expected = self.expected();
        assert_eq!(self.rig.states(), expected, "after a resume:\n{report}");
        assert_eq!(self.rig.runs(), expected != "DD", "after a resume:\n{report}");
        if expected != "DD" {
            assert_eq!(self.rig.get(0, 1), self.value());
        }
    }

    /// The letters that a mirror with all its legs there comes to.
    fn expected(&self) -> &'static str {
        use Life::{Degraded, Held, Refused, RefusedStopped};
        match (self.life, self.message) {
            (_, "fail 0") if self.fine => "DA",
            (_, "fail 1") if self.fine => "AD",
            // Started without leg 1; or by `keep`, and all legs are there then.
            (Held, "start_degraded") if self.fine && self.rig.states() != "AA" => "AD",
            (Degraded, "add 1" | "add 1 force") => "AA",
            (Degraded, "replace 0 1") => "DA",
            (Degraded, _) => "AD",
            (Refused, "keep 0" | "keep 1") => "AA",
            (Refused | RefusedStopped, _) => "DD",
            _ => "AA",
        }
    }

    /// A clean stop and a start over all legs: what a person said last, holds.
    fn starts_anew(&mut self) {
        let expected = self.expected();
        let value = self.value();
        let suspension = Suspension::begin(&self.rig);
        self.rig.settle();
        suspension.assert_over();
        self.rig = Recorded::over(self.rig.disks.clone(), &[true; 2], "", OTHER_DICE);
        self.rig.rest();
        let report = self.rig.message("show").unwrap();
        let out = self.failed().filter(|_| self.fine);
        let after = match (self.life, self.message) {
            _ if out.is_some() => expected,
            // Out by hand already, before the message.
            (Life::Degraded, "forget 1") => "AD",
            (Life::Degraded, "replace 0 1") => "DA",
            (Life::Degraded, "add 1" | "add 1 force") => "AA",
            (Life::Degraded, _) => "AD",
            (_, "start_degraded") if self.life == Life::Held => "AA",
            _ => expected,
        };
        assert_eq!(self.rig.states(), after, "after another start:\n{report}");
        if after != "DD" {
            assert_eq!(self.rig.get(0, 1), value);
        }
        if let Some(leg) = out {
            assert_ne!(self.rig.says(1 - leg, self.slot(leg)), MemberState::InSync);
        }
    }

    fn slot(&self, leg: usize) -> usize {
        usize::from(self.rig.superblock(leg).slot)
    }

    /// What the first sector holds.
    fn value(&self) -> u8 {
        use Life::{HeldAfterFailure, New, Opening, OpeningTwice, Probing};
        match (self.life, self.message) {
            (Probing | Opening | OpeningTwice | New | HeldAfterFailure, _) => 0,
            (Life::Refused, "keep 0") => 2,
            (Life::Refused, "keep 1") => 3,
            _ => 1,
        }
    }
}
