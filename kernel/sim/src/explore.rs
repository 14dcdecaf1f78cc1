//! Runs a scenario in every way, or in many ways by chance.
//!
//! Place: called by tests. A factory builds the device under test over the disks of each run.
//! [`exhaustive`] takes every decision in every way, [`seeded`] takes decisions by chance,
//! [`replay`] takes those of an earlier run.
//!
//! Rules: the factory builds the same device each time. After a crash ([`World::boots`]) it
//! starts the device again over what the disks kept, without the legs that are
//! [absent](World::absent).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::ops::Range;

use bio::BlockDevice;

use crate::chooser::{self, Chooser, Exhaustive, NoReplay, Replay, Seeded, Trace};
use crate::scenario::Scenario;
use crate::subject::Subject;
use crate::violation::Violation;
use crate::world::{Step, World};

/// Builds the device under test over the disks of a run.
pub type Factory<'f> = dyn FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> + 'f;

/// The most steps made to find the shortest run that fails.
pub const SHRINK_STEPS_MAX: u64 = 2_000_000;

/// What an exploration did, and what it found.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// How many runs there were.
    pub runs: u64,
    /// How many steps they had.
    pub steps: u64,
    /// Every possible run was made.
    pub complete: bool,
    /// The first broken promise; the exploration ends with it.
    pub found: Option<Report>,
}

/// A promise that was broken, and how to see it again.
#[derive(Clone, Debug)]
pub struct Report {
    /// The promise.
    pub violation: Violation,
    /// The line that makes the run again: see [`replay`].
    pub replay: String,
    /// A similar run, with as few decisions as could be found.
    pub shortest: String,
    /// What happens in the shortest run, line by line.
    pub account: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        self.account.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        write!(f, "replay: {}", self.replay)?;
        if self.shortest != self.replay {
            write!(f, ", or shorter: {}", self.shortest)?;
        }
        Ok(())
    }
}

/// Makes every run of the scenario, at most `runs_max`.
pub fn exhaustive(scenario: &Scenario, factory: &mut Factory<'_>, runs_max: u64) -> Explored {
    let mut all = Exhaustive::new();
    let mut explored = Explored::default();
    while explored.runs < runs_max && !explored.complete {
        explored.take(scenario, factory, &mut all);
        if explored.found.is_some() {
            break;
        }
        explored.complete = !all.advance();
    }
    explored
}

/// Makes the run of each seed.
pub fn seeded(scenario: &Scenario, factory: &mut Factory<'_>, seeds: Range<u64>) -> Explored {
    let mut explored = Explored::default();
    for seed in seeds {
        explored.take(scenario, factory, &mut Seeded::new(seed));
        if explored.found.is_some() {
            break;
        }
    }
    explored
}

/// Makes one run again, from the line that a [`Report`] gave.
pub fn replay(
    scenario: &Scenario,
    factory: &mut Factory<'_>,
    line: &str,
) -> Result<Explored, NoReplay> {
    let mut explored = Explored::default();
    explored.take(scenario, factory, &mut *chooser::replay(line)?);
    Ok(explored)
}

impl Explored {
    /// Makes one run.
    fn take(&mut self, scenario: &Scenario, factory: &mut Factory<'_>, chooser: &mut dyn Chooser) {
        let mut world = World::new(scenario);
        let violation = run(&mut world, factory, chooser);
        self.runs += 1;
        self.steps += world.steps();
        self.found = violation.map(|violation| report(scenario, factory, chooser, violation));
    }
}

/// One run from beginning to end.
fn run(
    world: &mut World<'_>,
    factory: &mut Factory<'_>,
    chooser: &mut dyn Chooser,
) -> Option<Violation> {
    let mut run = Unfinished { chooser, finished: false };
    let mut subject = start(world, factory);
    let violation = loop {
        match world.step(&*subject, run.chooser) {
            Step::Event => {}
            Step::Crash => {
                world.crash(&*subject, run.chooser);
                subject = start(world, factory);
            }
            Step::Stopped => {
                world.restart(&*subject, run.chooser);
                subject = start(world, factory);
            }
            Step::PowerCycle => {
                world.power_cycle(&*subject, run.chooser);
                subject = start(world, factory);
            }
            Step::Rest => break world.close(&*subject),
        }
        if let Some(violation) = world.verdict() {
            break Some(violation);
        }
    };
    run.finished = true;
    world.end();
    violation
}

pub(crate) fn start(world: &mut World<'_>, factory: &mut Factory<'_>) -> Box<dyn Subject> {
    let legs = world.legs().iter().map(|leg| leg.clone() as Arc<dyn BlockDevice>).collect();
    let subject = factory(world, legs);
    world.started(&*subject);
    subject
}

/// A run that a panic may end. Then the log says how to make it again.
struct Unfinished<'a> {
    chooser: &'a mut dyn Chooser,
    finished: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.finished {
            log::error!("a run ended in the middle; replay: {}", self.chooser.replay());
        }
    }
}

/// Finds a short run that fails in the same way, and tells it.
fn report(
    scenario: &Scenario,
    factory: &mut Factory<'_>,
    chooser: &dyn Chooser,
    violation: Violation,
) -> Report {
    let mut steps_left = SHRINK_STEPS_MAX;
    let fails = |path: &[u32]| {
        let mut replay = Replay::new(path.into());
        let mut world = World::new(scenario);
        let found = if steps_left == 0 { None } else { run(&mut world, factory, &mut replay) };
        // A step for the run itself, so that runs without steps are not free.
        steps_left = steps_left.saturating_sub(1 + world.steps());
        // If a run breaks another promise, it does not count: it would hide this one.
        let same = |it: &Violation| mem::discriminant(it) == mem::discriminant(&violation);
        found.filter(same).map(|_| path_of(replay.trace()))
    };
    let shortest = shrink(path_of(chooser.trace()), fails);
    let mut again = Replay::new(shortest);
    let mut world = World::new(scenario);
    world.history().keep_journal();
    let violation = run(&mut world, factory, &mut again).unwrap_or(violation);
    Report {
        violation,
        replay: chooser.replay(),
        shortest: again.replay(),
        account: world.history().take_journal(),
    }
}

fn path_of(trace: &Trace) -> Vec<u32> {
    trace.decisions().iter().map(|decision| decision.taken).collect()
}

/// Leaves decisions out of a path, and takes plainer ones, while the run still fails. `fails`
/// returns the path that a failing run really took.
fn shrink(mut path: Vec<u32>, mut fails: impl FnMut(&[u32]) -> Option<Vec<u32>>) -> Vec<u32> {
    let mut length = path.len();
    while length > 0 {
        let mut at = 0;
        let mut better = false;
        while at < path.len() {
            let end = (at + length).min(path.len());
            let without = [&path[..at], &path[end..]].concat();
            let mut plainer = path.clone();
            plainer[at..end].fill(0);
            let shorter = [without, plainer].into_iter().find_map(|candidate| {
                fails(&candidate).map(trimmed).filter(|taken| simpler(taken, &path))
            });
            match shorter {
                Some(shorter) => (path, better) = (shorter, true),
                None => at = end,
            }
        }
        if !better {
            length /= 2;
        }
    }
    path
}

/// Zeroes at the end say nothing.
fn trimmed(mut path: Vec<u32>) -> Vec<u32> {
    while path.pop_if(|last| *last == 0).is_some() {}
    path
}

/// Whether a path has fewer decisions, or as many and fewer that matter.
fn simpler(a: &[u32], b: &[u32]) -> bool {
    let weight = |path: &[u32]| (path.len(), path.iter().filter(|&&taken| taken != 0).count());
    weight(a) < weight(b)
}
