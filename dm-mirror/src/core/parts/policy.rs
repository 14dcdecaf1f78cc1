//! Which leg in sync a read goes to first.
//!
//! Place: part of the [`Core`](crate::core::Core). The feature `read_policy` of a table
//! and the message of that name choose one; `steps/read.rs` asks it. A new policy has its
//! name, its words and its choice here and nowhere else.

use alloc::format;
use alloc::string::String;
use core::fmt;

use bio::Sector;

use super::leg::LegSet;
use super::legs::Legs;

/// Which leg in sync a read goes to first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReadPolicy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// The one with the fewest reads in flight.
    LeastPending,
    /// A read that begins where the last one of a leg ended goes to that leg; any other goes
    /// to the leg with the fewest reads in flight. So a stream keeps a disk's read-ahead, and
    /// several streams use all disks.
    Sequential,
    /// This one while it is in sync, else each in turn.
    Prefer(usize),
}

/// What a policy may look at.
pub(crate) struct Readers<'a> {
    /// The leg that was read last.
    pub(crate) last: usize,
    /// How many reads each leg has, and where its last one ended.
    pub(crate) legs: &'a Legs,
}

impl Readers<'_> {
    /// The leg with the fewest reads, the lowest of several.
    fn least_pending(&self, candidates: LegSet) -> Option<usize> {
        candidates.iter().min_by_key(|&leg| self.legs[leg].reads_pending)
    }
}

impl ReadPolicy {
    /// One of `candidates` for a read that begins at `start`, if there is any.
    #[inline]
    pub(crate) fn pick(
        self,
        candidates: LegSet,
        start: Sector,
        readers: &Readers<'_>,
    ) -> Option<usize> {
        match self {
            ReadPolicy::Prefer(leg) if candidates.contains(leg) => Some(leg),
            ReadPolicy::LeastPending => readers.least_pending(candidates),
            ReadPolicy::Sequential => {
                let goes_on = |&leg: &usize| readers.legs[leg].read_end == start;
                candidates.iter().find(goes_on).or_else(|| readers.least_pending(candidates))
            }
            ReadPolicy::RoundRobin | ReadPolicy::Prefer(_) => {
                candidates.above(readers.last).lowest().or(candidates.lowest())
            }
        }
    }

    /// The one of these legs that the others are rewritten from where they differ.
    pub(crate) fn source(self, legs: LegSet) -> Option<usize> {
        match self {
            ReadPolicy::Prefer(leg) if legs.contains(leg) => Some(leg),
            ReadPolicy::RoundRobin
            | ReadPolicy::LeastPending
            | ReadPolicy::Sequential
            | ReadPolicy::Prefer(_) => legs.lowest(),
        }
    }

    /// The policy of this name for so many legs, or why there is none.
    pub(crate) fn parse(text: &str, legs: usize) -> Result<ReadPolicy, String> {
        match text {
            "round_robin" => return Ok(ReadPolicy::RoundRobin),
            "least_pending" => return Ok(ReadPolicy::LeastPending),
            "sequential" => return Ok(ReadPolicy::Sequential),
            _ => {}
        }
        let leg = text.strip_prefix("prefer=").and_then(|leg| leg.parse::<usize>().ok());
        match leg {
            Some(leg) if leg < legs => Ok(ReadPolicy::Prefer(leg)),
            Some(leg) => Err(format!("there is no leg {leg}; legs are 0 to {}", legs - 1)),
            None => Err(format!(
                "there is no read policy `{text}`; use `round_robin`, `least_pending`, \
                 `sequential` or `prefer=<leg>`"
            )),
        }
    }
}

impl fmt::Display for ReadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadPolicy::RoundRobin => f.write_str("round_robin"),
            ReadPolicy::LeastPending => f.write_str("least_pending"),
            ReadPolicy::Sequential => f.write_str("sequential"),
            ReadPolicy::Prefer(leg) => write!(f, "prefer={leg}"),
        }
    }
}
