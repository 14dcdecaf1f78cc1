//! Scrub: looks at what each leg holds, rewrites what is wrong, reads it again.
//!
//! Place: `repair.rs` has what legs could not read, `check.rs` the walk over the
//! whole mirror; both are taken from here step by step, by the environment's
//! worker, one chunk in flight.
//!
//! Rules:
//!
//! - The chunk's range is held from the first read until what was rewritten was read
//!   again: no write is ever seen half done, and none is undone. Exclusively, unless
//!   it is only compared: then users may read it meanwhile.
//! - A rewrite is a write: a group, with an intent on each leg that it goes to (R1).
//! - Data are taken from a leg in sync, and rewritten on legs in sync, where no
//!   region is unsettled (R13). The resync has the rest.
//! - What was rewritten is read again. A leg that cannot, or gives something else,
//!   has one error more.
//! - A suspend waits for the chunk in flight; nothing more begins. Repairs go on
//!   after a resume, a check does not.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::mem;
use core::time::Duration;

use arrayvec::ArrayVec;
use bio::{ErrorKind, Extent, IoResult, Sectors};
use bytes::{Bytes, BytesMut};
use dm::{Severity, Work};

use crate::check::Check;
use crate::leg::LegSet;
use crate::leg_reads::{Answers, LegReads};
use crate::mirror::{Life, Mirror, State, Waiter};
use crate::range::{Mode, Ticket};
use crate::repair::{REPAIRS_MAX, Repair};
use crate::resync::COPY_CHUNK;
use crate::write::{Group, WriteGroup};

/// Where the scrub stands; part of the mirror's state.
#[derive(Default)]
pub(crate) struct Scrub {
    /// A step is in flight, or the worker has been asked for one.
    pub(crate) running: bool,
    /// It is to go on after a while.
    alarmed: bool,
    /// What is to be rewritten.
    pub(crate) repairs: ArrayVec<Repair, REPAIRS_MAX>,
    /// The check that runs, or the last one that did.
    pub(crate) check: Option<Check>,
}

/// What is to be done with one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) extent: Extent,
    pub(crate) mode: Mode,
    pub(crate) task: Task,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Rewrite it on these legs, which could not read it.
    Repair(LegSet),
    /// Compare it, as the check says.
    Check,
}

/// What comes after reads of legs for themselves.
pub(crate) enum Then {
    /// Judge what they hold.
    Judge(Ticket, Job),
    /// Compare it with what was written to them.
    Verify(Rewrite),
}

/// A chunk to be rewritten, or just rewritten.
pub(crate) struct Rewrite {
    /// Its range, held until it was read again.
    pub(crate) ticket: Ticket,
    pub(crate) extent: Extent,
    pub(crate) data: Bytes,
    /// The legs that are to have it; after the write, those that got it.
    pub(crate) targets: LegSet,
    /// How many sectors were found to be wrong, if a check found them.
    pub(crate) wrong: Sectors,
}

/// What the scrub does next.
enum Step {
    Look(Job),
    /// Look again after a while, for the pace.
    Pause(Duration),
    /// Nothing, or not now.
    Rest(Option<Box<dyn FnOnce() + Send>>),
}

/// Takes the next step.
struct NextStep(Arc<Mirror>);

impl Work for NextStep {
    fn run(self: Arc<Self>) {
        self.0.scrub_step();
    }
}

impl Scrub {
    fn has_work(&self) -> bool {
        !self.repairs.is_empty() || self.check.as_ref().is_some_and(Check::is_running)
    }
}

/// Goes on after a while.
struct Alarm(Arc<Mirror>);

impl Work for Alarm {
    fn run(self: Arc<Self>) {
        self.0.state.lock().scrub.alarmed = false;
        self.0.resume_scrub();
    }
}

impl Mirror {
    /// Goes on with whatever there is to look at, unless suspended.
    pub(crate) fn resume_scrub(self: &Arc<Self>) {
        let start = {
            let mut state = self.state.lock();
            let may = !state.resync.suspended && state.scrub.has_work();
            may && !mem::replace(&mut state.scrub.running, true)
        };
        if start {
            self.next_scrub_step();
        }
    }

    /// Goes on after a while, or earlier.
    pub(crate) fn resume_scrub_after(self: &Arc<Self>, delay: Duration) {
        let news = !mem::replace(&mut self.state.lock().scrub.alarmed, true);
        if news {
            self.env.run_after(delay, Arc::new(Alarm(self.clone())));
        }
    }

    /// A device that completes at once would grow the stack: the worker goes on.
    fn next_scrub_step(self: &Arc<Self>) {
        self.env.run_after(Duration::ZERO, Arc::new(NextStep(self.clone())));
    }

    fn scrub_step(self: &Arc<Self>) {
        let (block, now) = (self.block(), self.env.now());
        let (step, ended) = {
            let mut state = self.state.lock();
            let ended = state.end_check();
            (state.next_scrub_step(block, now), ended)
        };
        if ended {
            self.check_ended();
        }
        match step {
            Step::Look(job) => self.enter(job.extent, job.mode, Waiter::Scrub(job)),
            Step::Pause(wait) => self.resume_scrub_after(wait),
            Step::Rest(Some(quiet)) => quiet(),
            Step::Rest(None) => {}
        }
    }

    /// Looks at a chunk whose range is held.
    pub(crate) fn examine(self: &Arc<Self>, ticket: Ticket, job: Job) {
        let mut legs = self.state.lock().legs_to_read(job);
        if let Task::Repair(_) = job.task {
            legs = self.state.lock().source_of(legs).into_iter().collect();
        }
        if legs.is_empty() {
            return self.chunk_over(ticket);
        }
        LegReads::start(self, job.extent, legs, Then::Judge(ticket, job));
    }

    /// Legs were read, each for itself.
    pub(crate) fn legs_read(self: &Arc<Self>, then: Then, answers: Answers) {
        match then {
            Then::Judge(ticket, job) => self.judge(ticket, job, answers),
            Then::Verify(rewrite) => self.verify(&rewrite, &answers),
        }
    }

    fn judge(self: &Arc<Self>, ticket: Ticket, job: Job, answers: Answers) {
        let whole = job.extent.count() > self.block();
        for (leg, answer) in &answers {
            match answer {
                // Its blocks are read again, each for itself, and count then.
                Err(ErrorKind::Media) if whole && job.task == Task::Check => {}
                Err(kind) => self.read_failed(*leg, *kind),
                Ok(_) => {}
            }
        }
        let rewrite = {
            let source = self.state.lock().source_of(readable(&answers));
            match (job.task, source) {
                (Task::Repair(legs), Some(source)) => Some((source, legs, Sectors::ZERO)),
                (Task::Repair(_), None) => None,
                (Task::Check, source) => {
                    self.state.lock().judge_chunk(job.extent, &answers, source, whole)
                }
            }
        };
        let Some((source, targets, wrong)) = rewrite else { return self.chunk_over(ticket) };
        let data = take(answers, source).freeze();
        let rewrite = Rewrite { ticket, extent: job.extent, data, targets, wrong };
        WriteGroup::start(self, Group::repair(rewrite));
    }

    /// A chunk was written to its targets, or they are out; or the last leg cannot
    /// record what happened.
    pub(crate) fn rewritten(self: &Arc<Self>, rewrite: Rewrite, result: IoResult) {
        if result.is_err() || rewrite.targets.is_empty() {
            return self.chunk_over(rewrite.ticket);
        }
        let (extent, legs) = (rewrite.extent, rewrite.targets);
        LegReads::start(self, extent, legs, Then::Verify(rewrite));
    }

    /// What was rewritten was read again.
    fn verify(self: &Arc<Self>, rewrite: &Rewrite, answers: &Answers) {
        let mut good = LegSet::EMPTY;
        for (leg, answer) in answers {
            match answer {
                Ok(data) if *data == rewrite.data => good.insert(*leg),
                Ok(_) => {
                    log::warn!("mirror: leg {leg} does not hold what was written to it");
                    self.read_failed(*leg, ErrorKind::Media);
                }
                Err(kind) => self.read_failed(*leg, *kind),
            }
        }
        {
            let mut state = self.state.lock();
            good.iter().for_each(|leg| state.legs[leg].counts.repaired += 1);
            if good == rewrite.targets
                && let Some(check) = &mut state.scrub.check
            {
                check.repaired(rewrite.wrong);
            }
        }
        for leg in good.iter() {
            let (name, extent) = (self.legs[leg].name(), rewrite.extent);
            log::info!("mirror: leg {leg} ({name}) repaired: {extent}");
            self.note(Severity::Warning, format_args!("leg {leg} ({name}) repaired: {extent}"));
        }
        self.chunk_over(rewrite.ticket);
    }

    fn chunk_over(self: &Arc<Self>, ticket: Ticket) {
        self.release(ticket);
        self.grant();
        self.next_scrub_step();
    }
}

/// The legs that gave their data.
pub(crate) fn readable(answers: &Answers) -> LegSet {
    answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(leg, _)| *leg).collect()
}

/// The data of one that did.
fn take(answers: Answers, leg: usize) -> BytesMut {
    let data = answers.into_iter().find(|(of, _)| *of == leg);
    data.and_then(|(_, answer)| answer.ok()).expect("a source gave its data")
}

impl State {
    fn next_scrub_step(&mut self, block: Sectors, now: Duration) -> Step {
        let job = match self.resync.suspended || !matches!(self.life, Life::Running) {
            true => None,
            false => self.scrub.next_repair(COPY_CHUNK).or_else(|| self.scrub.next_check(block)),
        };
        let Some(job) = job else {
            self.scrub.running = false;
            return Step::Rest(self.take_quiet());
        };
        if job.task == Task::Check {
            let wait = self.pace.wait(now, false);
            if !wait.is_zero() {
                self.scrub.running = false;
                return Step::Pause(wait);
            }
            self.pace.took(now, job.extent.count());
        }
        Step::Look(job)
    }

    /// The legs that are to be read for a chunk, or of which one is: none if there is
    /// nothing to do.
    fn legs_to_read(&self, job: Job) -> LegSet {
        let in_sync = self.in_sync();
        match job.task {
            Task::Check => {
                self.scrub.check.as_ref().map_or(LegSet::EMPTY, |it| it.legs_of(in_sync))
            }
            Task::Repair(bad) if in_sync.and(bad).is_empty() || self.is_unsettled(job.extent) => {
                LegSet::EMPTY
            }
            Task::Repair(bad) => in_sync.without(bad),
        }
    }

    /// The legs that a chunk is rewritten on: those in sync still.
    pub(crate) fn to_be_rewritten(&self, rewrite: &Rewrite) -> LegSet {
        rewrite.targets.and(self.in_sync())
    }
}
