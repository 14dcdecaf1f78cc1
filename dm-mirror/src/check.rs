//! Check and repair of the whole mirror: do the legs hold the same?
//!
//! Place: a person starts it (messages `check` and `repair`, `idle` ends it);
//! `scrub.rs` takes it through, chunk by chunk, and `status.rs` shows it.
//!
//! Rules:
//!
//! - All legs in sync at the start are read, each for itself. Where one cannot read
//!   a chunk, its blocks are read one by one.
//! - A check writes nothing. A repair rewrites what differs, or cannot be read, from
//!   the leg that reads go to first; but not where regions are unsettled, which the
//!   resync makes equal.
//! - It ends early, and says so, if a leg of it goes out or the mirror is suspended.
//! - What is found wrong is counted, and so much of it listed; also whether legs were
//!   expected to differ there, because the map says that something was on its way.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use arrayvec::ArrayVec;
use bio::{Extent, SECTOR_SIZE, Sector, Sectors};
use dm::Severity;

use crate::config::ReadPolicy;
use crate::leg::LegSet;
use crate::leg_reads::Answers;
use crate::mirror::{Life, Mirror, State};
use crate::range::Mode;
use crate::region::Regions;
use crate::resync::COPY_CHUNK;
use crate::scrub::{Job, Scrub, Task, readable};

/// How many findings are listed.
const FINDINGS_MAX: usize = 32;

/// A check or a repair, on its way or over.
pub(crate) struct Check {
    repairs: bool,
    /// The legs that are compared.
    legs: LegSet,
    length: Sectors,
    /// The first sector that was not looked at.
    next: Sector,
    /// Up to here, chunks are single blocks, since some leg cannot read a larger one.
    by_block_to: Sector,
    differing: Sectors,
    unreadable: Sectors,
    repaired: Sectors,
    findings: ArrayVec<Finding, FINDINGS_MAX>,
    /// A person wants it to end.
    stop: bool,
    end: Option<End>,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Stopped,
    Suspended,
    LegOut(usize),
}

/// Sectors in a row with which the same is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Finding {
    extent: Extent,
    wrong: Wrong,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wrong {
    /// The legs that hold something else than the one that is read first.
    differ: LegSet,
    /// Those that cannot read it.
    unreadable: LegSet,
    /// The map says that legs may differ here.
    expected: bool,
}

impl Check {
    fn new(repairs: bool, legs: LegSet, length: Sectors) -> Check {
        Check {
            repairs,
            legs,
            length,
            next: Sector(0),
            by_block_to: Sector(0),
            differing: Sectors::ZERO,
            unreadable: Sectors::ZERO,
            repaired: Sectors::ZERO,
            findings: ArrayVec::new(),
            stop: false,
            end: None,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.end.is_none()
    }

    /// Nothing was found, as far as it came.
    fn is_all_well(&self) -> bool {
        self.differing + self.unreadable == Sectors::ZERO
    }

    /// The legs to be read for the next chunk, if all of them are in sync still.
    pub(crate) fn legs_of(&self, in_sync: LegSet) -> LegSet {
        if self.legs.without(in_sync).is_empty() { self.legs } else { LegSet::EMPTY }
    }

    fn next_chunk(&self, block: Sectors) -> Extent {
        let chunk = if self.next < self.by_block_to { block } else { COPY_CHUNK };
        let rest = Sector(self.length.0) - self.next;
        Extent::new(self.next, rest.min(chunk))
    }

    /// Something is wrong with a sector.
    fn found(&mut self, at: Sector, wrong: Wrong) {
        self.differing = self.differing + Sectors(u64::from(!wrong.differ.is_empty()));
        self.unreadable = self.unreadable + Sectors(u64::from(!wrong.unreadable.is_empty()));
        let one = Extent::new(at, Sectors(1));
        match self.findings.last_mut() {
            Some(last) if last.wrong == wrong && last.extent.end() == at => {
                last.extent = last.extent.hull(one);
            }
            // What finds no place is counted all the same.
            _ => drop(self.findings.try_push(Finding { extent: one, wrong })),
        }
    }

    /// Sectors in which something was wrong were rewritten and read again.
    pub(crate) fn repaired(&mut self, count: Sectors) {
        self.repaired = self.repaired + count;
    }

    fn name(&self) -> &'static str {
        if self.repairs { "repair" } else { "check" }
    }

    /// While it runs, what Linux's raid target says of it: action, how far, how much
    /// is wrong.
    pub(crate) fn status(&self) -> Option<String> {
        let Check { next, length, differing, unreadable, .. } = self;
        let wrong = *differing + *unreadable;
        self.is_running().then(|| format!("{} {next}/{length} {wrong}", self.name()))
    }
}

impl fmt::Display for Check {
    /// What came of it in a line, then a line for each finding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Check { next, length, differing, unreadable, repaired, .. } = self;
        write!(f, "{}: ", self.name())?;
        match self.end {
            None => write!(f, "{next} of {length} sectors")?,
            Some(End::Done) => write!(f, "all {length} sectors")?,
            Some(End::Stopped) => write!(f, "stopped by hand at sector {next}")?,
            Some(End::Suspended) => write!(f, "ended at sector {next} by a suspension")?,
            Some(End::LegOut(leg)) => write!(f, "ended at sector {next}, leg {leg} is out")?,
        }
        write!(f, "; {differing} differ, {unreadable} cannot be read")?;
        if self.repairs {
            write!(f, "; {repaired} repaired")?;
        }
        for Finding { extent, wrong } in &self.findings {
            write!(f, "\n  {extent}:")?;
            wrong.differ.iter().try_for_each(|leg| write!(f, " leg {leg} differs"))?;
            wrong.unreadable.iter().try_for_each(|leg| write!(f, " leg {leg} cannot be read"))?;
            f.write_str(if wrong.expected { " (may be: dirty)" } else { "" })?;
        }
        if self.findings.is_full() {
            f.write_str("\n  no more are listed")?;
        }
        Ok(())
    }
}

impl Mirror {
    /// Starts a check, which `repairs` or only looks.
    pub(crate) fn start_check(&self, repairs: bool) -> Result<(), String> {
        let mut state = self.state.lock();
        let legs = state.in_sync();
        if !matches!(state.life, Life::Running) || state.resync.suspended {
            return Err("the mirror does not run".into());
        }
        if let Some(check) = state.scrub.check.as_ref().filter(|it| it.is_running()) {
            return Err(format!("a {} runs already; `idle` ends it", check.name()));
        }
        if legs.iter().count() < 2 {
            return Err("one leg alone is in sync: there is nothing to compare it with".into());
        }
        state.scrub.check = Some(Check::new(repairs, legs, self.length));
        Ok(())
    }

    /// A person wants the check that runs to end.
    pub(crate) fn stop_check(&self) -> Result<(), String> {
        let mut state = self.state.lock();
        let running = state.scrub.check.as_mut().filter(|it| it.is_running());
        running.map(|check| check.stop = true).ok_or_else(|| "no check runs".into())
    }

    /// Tells what came of a check.
    pub(crate) fn check_ended(self: &Arc<Self>) {
        let told = |check: &Check| (format!("{check}"), check.is_all_well());
        let (text, good) = self.state.lock().scrub.check.as_ref().map(told).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        log::info!("mirror: {line}");
        let severity = if good { Severity::Info } else { Severity::Warning };
        self.raise(severity, format_args!("{line}"));
    }
}

impl Scrub {
    /// The next chunk to be compared.
    pub(crate) fn next_check(&self, block: Sectors) -> Option<Job> {
        let check = self.check.as_ref().filter(|it| it.is_running())?;
        let mode = if check.repairs { Mode::Exclusive } else { Mode::Shared };
        Some(Job { extent: check.next_chunk(block), mode, task: Task::Check })
    }
}

impl State {
    /// The leg of these of which the others get what they hold differently.
    pub(crate) fn source_of(&self, legs: LegSet) -> Option<usize> {
        let legs = self.rather_read(legs);
        match self.read_policy {
            ReadPolicy::Prefer(leg) if legs.contains(leg) => Some(leg),
            _ => legs.iter().next(),
        }
    }
}

impl State {
    /// Ends the check that runs, if it is time. Whether it was.
    pub(crate) fn end_check(&mut self) -> bool {
        let (in_sync, suspended) = (self.in_sync(), self.resync.suspended);
        let Some(check) = self.scrub.check.as_mut().filter(|it| it.is_running()) else {
            return false;
        };
        let out = check.legs.without(in_sync).iter().next();
        check.end = match out {
            _ if check.next == Sector(check.length.0) => Some(End::Done),
            _ if suspended => Some(End::Suspended),
            _ if check.stop => Some(End::Stopped),
            Some(leg) => Some(End::LegOut(leg)),
            None => None,
        };
        !check.is_running()
    }

    /// Notes what is wrong with a chunk that all legs were read for. Gives the legs
    /// to be rewritten from the source, if any, and the number of sectors for which.
    pub(crate) fn judge_chunk(
        &mut self,
        extent: Extent,
        answers: &Answers,
        source: Option<usize>,
        whole: bool,
    ) -> Option<(usize, LegSet, Sectors)> {
        let (in_sync, unsettled) = (self.in_sync(), self.is_unsettled(extent));
        let State { scrub, regions, .. } = self;
        let check = scrub.check.as_mut()?;
        if !check.legs.without(in_sync).is_empty() {
            return None;
        }
        let unreadable = check.legs.without(readable(answers));
        if whole && !unreadable.is_empty() {
            check.by_block_to = extent.end();
            return None;
        }
        check.next = extent.end();
        let (mut targets, mut count) = (LegSet::EMPTY, Sectors::ZERO);
        for nth in 0..extent.count().0 {
            let at = extent.start() + Sectors(nth);
            let differ = differing(answers, source, nth as usize);
            if differ.or(unreadable).is_empty() {
                continue;
            }
            let expected = regions.as_ref().is_some_and(|it| may_differ(it, at, check.legs));
            check.found(at, Wrong { differ, unreadable, expected });
            targets = targets.or(differ).or(unreadable);
            count = count + Sectors(1);
        }
        let repair = check.repairs && !unsettled && !targets.is_empty();
        source.filter(|_| repair).map(|source| (source, targets, count))
    }
}

/// The legs whose sector number `nth` is another than the source's.
fn differing(answers: &Answers, source: Option<usize>, nth: usize) -> LegSet {
    let sector = |of: usize| {
        let answer = answers.iter().find(|(leg, _)| *leg == of);
        let data = answer.and_then(|(_, data)| data.as_ref().ok())?;
        data.chunks_exact(SECTOR_SIZE).nth(nth)
    };
    let Some(right) = source.and_then(sector) else { return LegSet::EMPTY };
    let differs = |leg: &usize| sector(*leg).is_some_and(|it| it != right);
    answers.iter().map(|(leg, _)| *leg).filter(differs).collect()
}

/// Whether the map says that these legs may differ in a sector.
fn may_differ(regions: &Regions, at: Sector, legs: LegSet) -> bool {
    let mut touched = regions.geometry().touched(Extent::new(at, Sectors(1)));
    touched.any(|region| {
        regions.is_dirty(region) || legs.iter().any(|leg| regions.missed(leg, region))
    })
}
