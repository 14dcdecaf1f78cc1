//! A user who never rests, and the work that such a user must not starve.
//!
//! Place: part of a [`World`]. [`Scenario::restless`](crate::Scenario) says for how many steps
//! the user goes on. Then the run comes to rest like any other.
//!
//! Rules:
//!
//! - A client that can ask does so at once. A leg ends a flush only when another write has
//!   begun since the flush came, unless nothing else can happen. So there is always more to
//!   record than the flush covers.
//! - Legs and delayed work are served fairly: all that wait are equally likely, and none waits
//!   for more than [`PATIENCE`] steps.
//! - *Every task makes progress*: in each [`STARVED_AFTER`] steps without a fault and without
//!   an act of the person, less is left of it than ever before, or it has ended.
//! - After a while the user keeps to the first three quarters of the device: the rest may
//!   become clean.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use bio::{BufCmd, Sectors};

use crate::slot::RequestId;
use crate::subject::{Life, Subject, Task};
use crate::violation::Violation;
use crate::world::World;

/// A task that makes no progress in this many steps is starved.
pub const STARVED_AFTER: u64 = 6_000;

/// A request that has waited for this many steps is next, even a flush.
const PATIENCE: u64 = 100;

/// The number of steps between two looks.
const LOOK_EVERY: u64 = 16;

/// After this many steps the user keeps to a part of the device.
const WHOLE_FOR: u64 = 400;

/// Whose turn it is.
pub(crate) enum Turn {
    /// It is the turn of this request of this leg.
    Leg(usize, usize),
    /// It is the turn of the first delayed work.
    Work,
}

/// The progress of a task.
#[derive(Clone, Copy)]
struct Doing {
    /// The least that was ever left of it, ...
    left: u64,
    /// ... and the step at which it was first that little.
    since: u64,
}

/// A user who never rests.
#[derive(Default)]
pub(crate) struct Restless {
    /// The flushes that waited when the last write began.
    ripe: Vec<(usize, RequestId)>,
    /// The requests that wait, and since which step.
    waits: BTreeMap<(usize, RequestId), u64>,
    /// When delayed work was done last.
    worked: u64,
    /// What the device is doing.
    doing: BTreeMap<String, Doing>,
}

impl World<'_> {
    /// Whether the user goes on.
    pub(crate) fn is_restless(&self) -> bool {
        self.steps < self.scenario.restless
    }

    /// How much of the device the user asks for.
    pub(crate) fn in_use(&self) -> Sectors {
        let all = self.scenario.sectors;
        let part = self.scenario.restless > 0 && self.steps > WHOLE_FOR;
        if part { Sectors(all.0 / 4 * 3) } else { all }
    }

    /// A write has begun: now there is more to record than the waiting flushes cover.
    pub(crate) fn ripen(&mut self) {
        if self.scenario.restless == 0 {
            return;
        }
        self.restless.ripe.clear();
        for (leg, disk) in self.legs.iter().enumerate() {
            let pending = (0..disk.queued()).filter_map(|index| disk.pending(index));
            let flushes = pending.filter(|it| it.cmd == BufCmd::Flush);
            self.restless.ripe.extend(flushes.map(|it| (leg, it.id)));
        }
    }

    /// What has waited too long: a request of a leg, or one of the `worked` pieces of work that
    /// may be done.
    pub(crate) fn overdue(&mut self, worked: usize) -> Option<Turn> {
        let Restless { waits, worked: last, .. } = &mut self.restless;
        let now = self.steps;
        let mut first = None;
        let mut seen = BTreeMap::new();
        for (leg, disk) in self.legs.iter().enumerate() {
            for index in 0..disk.queued() {
                let Some(pending) = disk.pending(index) else { continue };
                let since = waits.get(&(leg, pending.id)).copied().unwrap_or(now);
                seen.insert((leg, pending.id), since);
                if now - since > PATIENCE && first.is_none() {
                    first = Some(Turn::Leg(leg, index));
                }
            }
        }
        *waits = seen;
        if worked > 0 && now.saturating_sub(*last) > PATIENCE {
            first = Some(Turn::Work);
        }
        first
    }

    /// Delayed work is done.
    pub(crate) fn worked(&mut self) {
        self.restless.worked = self.steps;
    }

    /// The requests of legs that may end now, each with its leg.
    pub(crate) fn may_end(&self, nothing_else: bool) -> Vec<(usize, usize)> {
        let all = self.legs.iter().enumerate().flat_map(|(leg, disk)| {
            (0..disk.queued()).filter_map(move |index| Some((leg, index, disk.pending(index)?)))
        });
        let all: Vec<_> = all.collect();
        let ripe = |it: &&(usize, usize, crate::slot::Pending)| {
            it.2.cmd != BufCmd::Flush || self.restless.ripe.contains(&(it.0, it.2.id))
        };
        let place = |it: &(usize, usize, crate::slot::Pending)| (it.0, it.1);
        let may: Vec<_> = all.iter().filter(ripe).map(place).collect();
        match may.is_empty() && nothing_else {
            true => all.iter().map(place).collect(),
            false => may,
        }
    }

    /// A fault or an act came between: tasks may begin anew.
    pub(crate) fn excuse(&mut self) {
        self.restless.doing.clear();
    }

    /// Finds a task that is starved.
    pub(crate) fn look_for_starved(&mut self, subject: &dyn Subject) {
        if !self.is_restless() || !self.steps.is_multiple_of(LOOK_EVERY) {
            return;
        }
        let now = self.steps;
        let runs = subject.life() == Life::Running;
        let tasks = if runs { subject.tasks(self.in_use()) } else { Vec::new() };
        self.restless.doing.retain(|name, _| tasks.iter().any(|task| task.name == *name));
        for Task { name, left } in tasks {
            let new = Doing { left, since: now };
            let doing = self.restless.doing.entry(name.clone()).or_insert(new);
            if left < doing.left {
                *doing = new;
            }
            if now - doing.since > STARVED_AFTER {
                self.broken.get_or_insert(Violation::Starved(name));
            }
        }
    }
}
