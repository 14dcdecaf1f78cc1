//! A run that stands still between its steps.
//!
//! Place: `answer.rs` makes one from a path for each question. It does what
//! [`sim::explore`] does, and stops where it is told.

use std::sync::Arc;

use bio::BlockDevice;
use sim::{Step, Violation, World};
use subject::Mapped;
use subject::lives::Lives;

use crate::path::Follow;

/// A run in progress.
pub(crate) struct Run<'a> {
    pub(crate) world: World<'a>,
    pub(crate) lives: &'a Lives,
    mapped: Option<Mapped>,
    /// How many questions were asked by the beginning of each step.
    pub(crate) marks: Vec<usize>,
    /// How many lines of the account there were by the end of each step.
    pub(crate) lines: Vec<usize>,
    pub(crate) account: Vec<String>,
    pub(crate) end: Option<End>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is left that has to happen, and every promise was kept.
    Rest,
    /// This one was not.
    Broken(Violation),
}

impl<'a> Run<'a> {
    pub(crate) fn new(lives: &'a Lives) -> Run<'a> {
        let mut run = Run {
            world: World::new(&lives.scenario),
            lives,
            mapped: None,
            marks: Vec::new(),
            lines: Vec::new(),
            account: Vec::new(),
            end: None,
        };
        run.world.history().keep_journal();
        run.start();
        run
    }

    /// The device under test.
    pub(crate) fn mapped(&self) -> &Mapped {
        self.mapped.as_ref().expect("it was started")
    }

    /// What the next step chooses from.
    pub(crate) fn events(&mut self) -> Vec<sim::Event> {
        let mapped = self.mapped.as_ref().expect("it was started");
        self.world.events(mapped)
    }

    fn start(&mut self) {
        let legs = self.world.legs().iter().map(|leg| leg.clone() as Arc<dyn BlockDevice>);
        let mapped = self.lives.mirror.start(&self.world, legs.collect());
        self.world.started(&mapped);
        self.mapped = Some(mapped);
    }

    /// Makes a step, if the run is not over.
    pub(crate) fn step(&mut self, chooser: &mut Follow<'_>) {
        if self.end.is_some() {
            return;
        }
        self.marks.push(chooser.asked.len());
        chooser.begin();
        let mapped = self.mapped.take().expect("it was started");
        let step = self.world.step(&mapped, chooser);
        match step {
            Step::Event => self.mapped = Some(mapped),
            Step::Crash | Step::Stopped | Step::PowerCycle => {
                match step {
                    Step::Crash => self.world.crash(&mapped, chooser),
                    Step::Stopped => self.world.restart(&mapped, chooser),
                    _ => self.world.power_cycle(&mapped, chooser),
                }
                drop(mapped);
                self.start();
            }
            Step::Rest => {
                let end = self.world.close(&mapped).map_or(End::Rest, End::Broken);
                self.end = Some(end);
                self.mapped = Some(mapped);
            }
        }
        if self.end.is_none() {
            self.end = self.world.verdict().map(End::Broken);
        }
        self.account.extend(self.world.history().take_journal());
        self.world.history().keep_journal();
        self.lines.push(self.account.len());
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.world.end();
    }
}

#[cfg(test)]
mod tests {
    use sim::{Random, explore};

    use super::*;
    use crate::path::Then;

    /// A seed makes the same run here as in a test.
    #[test]
    fn runs_are_the_simulators() {
        for (test, seed) in [("anything_over_two_legs", 3), ("exchanged_disks_over_two_legs", 4)] {
            let lives = Lives::named(test).expect("a test");
            let explored =
                explore::seeded(&lives.scenario, &mut lives.mirror.build(), seed..seed + 1);
            let mut follow = Follow::new(&[], Then::Seeded(Random::new(seed)));
            let mut run = Run::new(&lives);
            while run.end.is_none() {
                run.step(&mut follow);
            }
            assert_eq!(run.end, Some(End::Rest));
            assert_eq!(run.world.steps(), explored.steps);
        }
    }
}
