//! A check or a repair of the whole mirror, and what it has found.
//!
//! Place: part of the scrub; `steps/check.rs` has the rules.

use alloc::format;
use alloc::string::String;
use core::fmt;

use arrayvec::ArrayVec;
use bio::{Extent, Sector, Sectors};

use super::leg::LegSet;

/// How much is copied or compared at once.
pub(crate) const COPY_CHUNK: Sectors = Sectors(256);

/// How many findings are listed.
const FINDINGS_MAX: usize = 32;

/// A check or a repair, on its way or over.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) repairs: bool,
    /// The legs that are compared.
    pub(crate) legs: LegSet,
    pub(crate) length: Sectors,
    /// The first sector that was not looked at.
    pub(crate) next: Sector,
    /// Up to here, chunks are single blocks, since some leg cannot read a larger one.
    pub(crate) by_block_to: Sector,
    differing: Sectors,
    unreadable: Sectors,
    repaired: Sectors,
    findings: ArrayVec<Finding, FINDINGS_MAX>,
    /// A person wants it to end.
    pub(crate) stop: bool,
    pub(crate) end: Option<End>,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Stopped,
    Suspended,
    LegOut(usize),
}

/// Consecutive sectors in which the same is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Finding {
    extent: Extent,
    wrong: Wrong,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The legs that hold something else than the one that is read first.
    pub(crate) differ: LegSet,
    /// Those that cannot read it.
    pub(crate) unreadable: LegSet,
    /// The map says that legs may differ here.
    pub(crate) expected: bool,
}

impl Check {
    pub(crate) fn new(repairs: bool, legs: LegSet, length: Sectors) -> Check {
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
    pub(crate) fn is_all_well(&self) -> bool {
        self.differing + self.unreadable == Sectors::ZERO
    }

    /// The legs to be read for the next chunk, if all of them are in sync still.
    pub(crate) fn legs_of(&self, in_sync: LegSet) -> LegSet {
        if self.legs.without(in_sync).is_empty() { self.legs } else { LegSet::EMPTY }
    }

    pub(crate) fn next_chunk(&self, block: Sectors) -> Extent {
        let chunk = if self.next < self.by_block_to { block } else { COPY_CHUNK };
        let rest = Sector(self.length.0) - self.next;
        Extent::new(self.next, rest.min(chunk))
    }

    /// Something is wrong with a sector.
    pub(crate) fn found(&mut self, at: Sector, wrong: Wrong) {
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

    pub(crate) fn name(&self) -> &'static str {
        if self.repairs { "repair" } else { "check" }
    }

    /// While it runs, what Linux's raid target says of a check: action, how far it is, how
    /// much is wrong.
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
