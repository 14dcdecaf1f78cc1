//! Sectors that cannot be read until they are written: a bad medium, by hand.
//!
//! Place: more of a [`Recorded`] mirror, for the tests of repairs and checks.

use std::time::Duration;

use bio::{BufCmd, ErrorKind, Extent, Sector, Sectors};
use sim::{Landed, Outcome, Pending};

use super::Rig;
use super::recorded::{DATA, Recorded, Survives};

/// Bad sectors: the leg, and the sector of the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadSectors(pub Vec<(usize, u64)>);

impl BadSectors {
    fn touched(&self, leg: usize, extent: Extent) -> bool {
        self.0.iter().any(|&(of, at)| of == leg && touches(extent, at))
    }

    /// How a request on a leg ends; a write makes its sectors good.
    fn outcome(&mut self, leg: usize, request: &Pending) -> Outcome {
        match request.cmd {
            BufCmd::Read if self.touched(leg, request.extent) => {
                Outcome::Fail(ErrorKind::Media, Landed::None)
            }
            BufCmd::Write { .. } => {
                self.0.retain(|&(of, at)| of != leg || !touches(request.extent, at));
                Outcome::Ok
            }
            _ => Outcome::Ok,
        }
    }
}

fn touches(extent: Extent, at: u64) -> bool {
    extent.overlaps(Extent::new(Sector(DATA + at), Sectors(1)))
}

impl Rig {
    /// So many seconds go by.
    pub fn sleep(&self, seconds: u64) {
        *self.later.now.lock().unwrap() += Duration::from_secs(seconds);
    }

    /// How many chunks were rewritten on a leg, and read again.
    pub fn repaired(&self, leg: usize) -> u64 {
        let report = self.message("show").unwrap();
        let line = report.lines().nth(2 + leg).unwrap();
        line.split_whitespace().nth(7).unwrap().parse().unwrap()
    }

    /// What the report says of the check, and each of its findings.
    pub fn check(&self) -> Vec<String> {
        let report = self.message("show").unwrap();
        let is_check = |line: &&str| ["check: ", "repair: "].iter().any(|it| line.starts_with(it));
        report.lines().skip_while(|line| !is_check(line)).map(|line| line.trim().into()).collect()
    }
}

impl Recorded {
    /// A new mirror whose table ends in these features.
    pub fn with_features(legs: usize, features: &str) -> Recorded {
        let rig = Recorded::new(legs);
        let rig = rig.crash_and_start(&vec![Survives::All; legs], &vec![true; legs], features);
        rig.rest();
        rig
    }

    /// Serves all that legs are asked, and runs all work, the time for it come or
    /// not: until the mirror rests.
    pub fn serve(&self, bad: &mut BadSectors) {
        loop {
            let leg = (0..self.disks.len()).find(|&leg| self.disks[leg].queued() > 0);
            if let Some(leg) = leg {
                let request = self.disks[leg].pending(0).unwrap();
                let outcome = bad.outcome(leg, &request);
                self.disks[leg].complete(request.id, outcome);
            } else if !self.work() {
                return;
            }
        }
    }

    /// Reads a sector, which fails for its medium on the leg that is asked first:
    /// gives that leg. Another one answers.
    pub fn fail_read(&mut self, start: u64, count: u64) -> usize {
        let read = self.read(start, count);
        let first = (0..self.disks.len()).find(|&leg| self.disks[leg].queued() > 0).unwrap();
        self.fail(first, ErrorKind::Media);
        self.settle();
        assert_eq!(self.end(read), Some(Ok(())));
        first
    }
}
