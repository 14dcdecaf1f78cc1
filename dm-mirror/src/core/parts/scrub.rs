//! Where the scrub stands, and the repairs that wait.
//!
//! Place: part of the [`Core`](crate::core::Core); `steps/scrub.rs` has the rules.
//!
//! Rules for repairs:
//!
//! - At most [`REPAIRS_MAX`] wait, and one runs. A repair that finds the queue full is
//!   dropped: the next read of that block asks for it again.
//! - All that the read asked for is rewritten, in chunks, and only on legs that failed it.

use arrayvec::ArrayVec;
use bio::{Extent, Sectors};

use super::check::Check;
use super::leg::LegSet;
use super::range::Mode;

/// How many repairs wait at most.
pub(crate) const REPAIRS_MAX: usize = 16;

/// Where the scrub stands.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    /// A step is in flight, or the worker has been asked for one.
    pub(crate) running: bool,
    /// It is to go on after a while.
    pub(crate) alarmed: bool,
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

/// What these legs could not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repair {
    pub(crate) extent: Extent,
    pub(crate) legs: LegSet,
}

impl Scrub {
    pub(crate) fn has_work(&self) -> bool {
        !self.repairs.is_empty() || self.check.as_ref().is_some_and(Check::is_running)
    }

    /// Whether there was a place for it.
    pub(crate) fn want(&mut self, repair: Repair) -> bool {
        self.repairs.contains(&repair) || self.repairs.try_push(repair).is_ok()
    }

    /// The next chunk to be rewritten.
    pub(crate) fn next_repair(&mut self, chunk: Sectors) -> Option<Job> {
        let Repair { extent, legs } = self.repairs.pop_at(0)?;
        let first = Extent::new(extent.start(), extent.count().min(chunk));
        let rest = Extent::new(first.end(), extent.end() - first.end());
        if !rest.is_empty() {
            self.repairs.insert(0, Repair { extent: rest, legs });
        }
        Some(Job { extent: first, mode: Mode::Exclusive, task: Task::Repair(legs) })
    }

    /// The next chunk to be compared.
    pub(crate) fn next_check(&self, block: Sectors) -> Option<Job> {
        let check = self.check.as_ref().filter(|it| it.is_running())?;
        let mode = if check.repairs { Mode::Exclusive } else { Mode::Shared };
        Some(Job { extent: check.next_chunk(block), mode, task: Task::Check })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bio::Sector;

    fn repair(start: u64, count: u64) -> Repair {
        let legs = LegSet::first(1);
        Repair { extent: Extent::new(Sector(start), Sectors(count)), legs }
    }

    #[test]
    fn only_so_many_repairs_wait_each_once() {
        let mut scrub = Scrub::default();
        for start in 0..REPAIRS_MAX as u64 {
            assert!(scrub.want(repair(start, 1)) && scrub.want(repair(start, 1)));
        }
        assert!(!scrub.want(repair(99, 1)));
        assert_eq!(scrub.repairs.len(), REPAIRS_MAX);
    }

    #[test]
    fn a_repair_is_done_in_chunks() {
        let mut scrub = Scrub::default();
        scrub.want(repair(10, 20));
        scrub.want(repair(50, 1));
        let jobs = core::iter::from_fn(|| scrub.next_repair(Sectors(8)));
        let extents: ArrayVec<(u64, u64), 8> =
            jobs.map(|job| (job.extent.start().0, job.extent.count().0)).collect();
        assert_eq!(extents[..], [(10, 8), (18, 8), (26, 4), (50, 1)]);
    }
}
