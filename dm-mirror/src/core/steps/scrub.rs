//! Scrub: looks at what each leg holds, rewrites what is wrong, reads it again.
//!
//! Place: reads that failed on a leg leave a repair behind; `check.rs` walks over the whole
//! mirror. Both are carried on here, step by step, by alarms, with one chunk in flight.
//!
//! Rules:
//!
//! - The chunk's range is held from the first read until the rewritten data were read again.
//!   So no write is seen half done, and none is undone. A check holds it shared, so that users
//!   may read meanwhile; a rewrite holds it exclusively.
//! - A rewrite is a write: a group, with an intent on each leg that it goes to (R1).
//! - Data come from a leg in sync, and go to legs in sync, where no region is unsettled (R13).
//!   The resync does the rest.
//! - What was rewritten is read again. A leg that cannot read it, or gives something else, has
//!   one error more.
//! - Nobody waits for a repair: the user's read was answered.
//! - A suspend waits for the chunk in flight; nothing more begins. Repairs go on
//!   after a resume, a check does not.

use alloc::vec::Vec;
use core::time::Duration;

use bio::{BufCmd, ErrorKind, Extent, IoResult, Sectors};

use crate::core::event::{Action, Alarm, Report, Step};
use crate::core::parts::check::COPY_CHUNK;
use crate::core::parts::counts::Cause;
use crate::core::parts::leg::LegSet;
use crate::core::parts::news::News;
use crate::core::parts::range::Ticket;
use crate::core::parts::requests::{Chunk, Looks, Origin, Req, What};
use crate::core::parts::scrub::{Job, Repair, Task};
use crate::core::parts::waiter::Waiter;
use crate::core::{Core, Follow};

/// How long a repair waits: whoever reads has the disks first.
const REPAIR_DELAY: Duration = Duration::from_millis(100);

/// What the scrub does next.
enum Next {
    Look(Job),
    /// Look again after a while, for the pace.
    Pause(Duration),
    /// Nothing, or not now.
    Rest,
}

impl Core {
    /// Has the scrub go on, if there is something to look at and it does not already.
    pub(in crate::core) fn wake_scrub(&mut self) -> bool {
        let idle = !self.scrub.running && !self.scrub.alarmed && !self.suspension.suspended;
        let wakes = idle && self.runs() && self.scrub.has_work();
        if wakes {
            self.scrub.running = true;
            self.next_scrub_step();
        }
        wakes
    }

    /// Has `extent` rewritten on `legs`, which could not read it.
    pub(super) fn want_repair(&mut self, extent: Extent, legs: LegSet) {
        if !self.suspension.suspended && self.scrub.want(Repair { extent, legs }) {
            self.resume_scrub_after(REPAIR_DELAY);
        }
    }

    /// Goes on after a while.
    fn resume_scrub_after(&mut self, delay: Duration) {
        if !core::mem::replace(&mut self.scrub.alarmed, true) {
            self.act(Action::Set(Alarm::Scrub, delay));
        }
    }

    fn next_scrub_step(&mut self) {
        self.act(Action::Set(Alarm::ScrubStep, Duration::ZERO));
    }

    pub(super) fn scrub_step(&mut self) {
        self.end_check();
        match self.decide_scrub() {
            Next::Look(job) => _ = self.enter(job.extent, job.mode, Waiter::Scrub(job)),
            Next::Pause(wait) => {
                self.scrub.running = false;
                self.resume_scrub_after(wait);
            }
            Next::Rest => self.scrub.running = false,
        }
    }

    fn decide_scrub(&mut self) -> Next {
        let (block, now) = (self.setup.block, self.now);
        let job = match self.suspension.suspended || !self.runs() {
            true => None,
            false => self.scrub.next_repair(COPY_CHUNK).or_else(|| self.scrub.next_check(block)),
        };
        let Some(job) = job else { return Next::Rest };
        if job.task == Task::Check {
            let wait = self.pace.wait(now, false);
            if !wait.is_zero() {
                return Next::Pause(wait);
            }
            self.pace.took(now, job.extent.count());
        }
        Next::Look(job)
    }

    /// Looks at a chunk whose range is held.
    pub(super) fn examine(&mut self, ticket: Ticket, job: Job) -> Follow {
        let (targets, wrong) = (LegSet::EMPTY, Sectors::ZERO);
        let chunk = Chunk { job, targets, wrong, verifies: false };
        let req = self.requests.add(BufCmd::Read, job.extent, Origin::Scrub(chunk));
        self.requests[req].ticket = Some(ticket);
        let mut legs = self.legs_to_read(job);
        if let Task::Repair(_) = job.task {
            legs = self.source_of(legs).into_iter().collect();
        }
        if legs.is_empty() {
            self.chunk_over(req);
        } else {
            self.look(req, legs);
        }
        Follow::Perhaps
    }

    /// Reads a chunk on legs, each for itself.
    fn look(&mut self, req: Req, legs: LegSet) {
        self.requests[req].what = What::Looks(Looks::of(legs));
        for leg in legs.iter() {
            self.legs[leg].issued(BufCmd::Read, Cause::Copy);
            self.act(Action::Issue { req, leg, step: Step::Look });
        }
    }

    /// A leg was read for itself.
    pub(super) fn look_done(&mut self, req: Req, leg: usize, report: Report) {
        let _ = self.returned(leg, BufCmd::Read, report);
        // One that went out meanwhile may have lost what was acknowledged.
        let in_sync = self.in_sync().contains(leg);
        let What::Looks(looks) = &mut self.requests[req].what else {
            unreachable!("a leg was read for itself");
        };
        match report.result {
            Ok(()) if in_sync && report.memory => looks.readable.insert(leg),
            Ok(()) if in_sync => looks.failed.push((leg, ErrorKind::Aborted)),
            Ok(()) => looks.failed.push((leg, ErrorKind::Gone)),
            Err(error) => looks.failed.push((leg, error.kind)),
        }
        looks.left.remove(leg);
        if !looks.left.is_empty() {
            return;
        }
        looks.failed.sort_unstable_by_key(|(leg, _)| *leg);
        let looks = looks.clone();
        match self.requests[req].origin {
            Origin::Scrub(chunk) if chunk.verifies => {
                self.requests[req].what = What::Verified(looks);
                self.act(Action::Verify { req });
            }
            Origin::Scrub(chunk) => self.judge(req, chunk, looks),
            Origin::User | Origin::Block | Origin::Copy => {
                unreachable!("only the scrub reads legs for themselves")
            }
        }
    }

    /// All legs have given what they hold, or have not.
    fn judge(&mut self, req: Req, chunk: Chunk, looks: Looks) {
        let Job { extent, task, .. } = chunk.job;
        let whole = extent.count() > self.setup.block;
        for (leg, kind) in &looks.failed {
            // Its blocks are read again, each for itself, and count then.
            if !(*kind == ErrorKind::Media && whole && task == Task::Check) {
                self.read_failed(*leg, *kind);
            }
        }
        let source = self.source_of(looks.readable);
        match (task, source) {
            (Task::Repair(legs), Some(source)) => self.rewrite(req, source, legs, Sectors::ZERO),
            (Task::Repair(_), None) => self.chunk_over(req),
            (Task::Check, Some(source)) if self.is_comparable(extent, &looks) => {
                self.requests[req].what = What::Compared(looks, source);
                self.act(Action::Compare { req, source });
            }
            (Task::Check, _) => {
                self.judge_chunk(extent, &looks, source, &[]);
                self.chunk_over(req);
            }
        }
    }

    /// The hands have compared a chunk of a check with its source.
    pub(in crate::core) fn compared(&mut self, req: Req, differ: &[LegSet]) {
        let What::Compared(looks, source) = &self.requests[req].what else {
            unreachable!("it was to be compared");
        };
        let (looks, source, extent) = (looks.clone(), *source, self.requests[req].extent);
        let differ: Vec<LegSet> = differ.iter().map(|legs| legs.and(looks.readable)).collect();
        match self.judge_chunk(extent, &looks, Some(source), &differ) {
            Some((source, targets, wrong)) => self.rewrite(req, source, targets, wrong),
            None => self.chunk_over(req),
        }
    }

    /// Writes what `source` gave to the others.
    fn rewrite(&mut self, req: Req, source: usize, targets: LegSet, wrong: Sectors) {
        self.act(Action::Take { req, from: source });
        let request = &mut self.requests[req];
        request.cmd = BufCmd::Write { fua: false };
        if let Origin::Scrub(chunk) = &mut request.origin {
            (chunk.targets, chunk.wrong) = (targets, wrong);
        }
        let _ = self.start_group(req);
    }

    /// A chunk was written to its targets, or they are out; or the last leg cannot
    /// record what happened.
    pub(super) fn rewritten(&mut self, req: Req, chunk: Chunk, reached: LegSet, result: IoResult) {
        if result.is_err() || reached.is_empty() {
            return self.chunk_over(req);
        }
        let chunk = Chunk { targets: reached, verifies: true, ..chunk };
        self.requests[req].origin = Origin::Scrub(chunk);
        self.look(req, reached);
    }

    /// What was rewritten was read again, and compared.
    pub(in crate::core) fn verified(&mut self, req: Req, same: LegSet) {
        let (What::Verified(looks), Origin::Scrub(chunk)) =
            (&self.requests[req].what, self.requests[req].origin)
        else {
            unreachable!("it was to be compared");
        };
        let looks = looks.clone();
        let good = looks.readable.and(same);
        for leg in looks.readable.without(good).iter() {
            self.tell(News::DiffersFromWritten(leg));
            self.read_failed(leg, ErrorKind::Media);
        }
        for &(leg, kind) in &looks.failed {
            self.read_failed(leg, kind);
        }
        for leg in good.iter() {
            self.legs[leg].counts.repaired += 1;
            self.tell(News::Repaired(leg, chunk.job.extent));
        }
        if good == chunk.targets
            && let Some(check) = &mut self.scrub.check
        {
            check.repaired(chunk.wrong);
        }
        self.chunk_over(req);
    }

    fn chunk_over(&mut self, req: Req) {
        self.release_of(req);
        self.drop_request(req);
        self.next_scrub_step();
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
}
