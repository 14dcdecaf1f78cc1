//! Read repair: blocks that a leg could not read are rewritten there.
//!
//! Place: `read.rs` says what a leg could not read and another one could, after it
//! has answered; `scrub.rs` takes it from here.
//!
//! Rules:
//!
//! - Nobody waits for a repair: the user's read was answered.
//! - Only so many wait. One that finds no place is dropped; the next read finds the
//!   bad block again.
//! - The whole of what the read asked for is rewritten, in chunks, and only on legs
//!   that failed it.

use alloc::sync::Arc;
use core::time::Duration;

use bio::{Extent, Sectors};

use crate::leg::LegSet;
use crate::mirror::Mirror;
use crate::range::Mode;
use crate::scrub::{Job, Scrub, Task};

/// How many repairs wait at most.
pub(crate) const REPAIRS_MAX: usize = 16;

/// How long a repair waits: whoever reads has the disks first.
const REPAIR_DELAY: Duration = Duration::from_millis(100);

/// What these legs could not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repair {
    extent: Extent,
    legs: LegSet,
}

impl Mirror {
    /// Has `extent` rewritten on `legs`, which could not read it.
    pub(crate) fn want_repair(self: &Arc<Self>, extent: Extent, legs: LegSet) {
        let wanted = {
            let mut state = self.state.lock();
            !state.resync.suspended && state.scrub.want(Repair { extent, legs })
        };
        if wanted {
            self.resume_scrub_after(REPAIR_DELAY);
        }
    }
}

impl Scrub {
    /// Whether there was a place for it.
    fn want(&mut self, repair: Repair) -> bool {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use bio::Sector;

    fn repair(start: u64, count: u64) -> Repair {
        let legs = LegSet::from_bits(1);
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

    use arrayvec::ArrayVec;
}
