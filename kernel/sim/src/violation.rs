//! What a device can do wrong, and the message about it.
//!
//! Place: found by the oracle ([`History`](crate::History)) and by the
//! [`World`](crate::World); ends a run, and stands at the head of its report.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bio::{ErrorKind, Sector};

use crate::cache::Content;
use crate::stamp::{OpId, Stamp};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Nothing more can happen, and these requests have not ended.
    Hang(Vec<OpId>),
    /// The run does not come to rest within its limit of steps.
    Restless,
    /// A request ended a second time.
    EndedTwice(OpId),
    /// A read succeeded without bringing its memory back.
    MemoryLost(OpId),
    /// A read returned a sector that no write wrote: parts of several, or
    /// bytes out of nowhere.
    Torn(OpId, Sector),
    /// A read returned data that belong elsewhere, or memory that it never filled.
    Foreign(OpId, Sector, Stamp),
    /// A read returned what the sector could not hold at any moment of the read.
    Unexplained {
        /// The read.
        op: OpId,
        /// The sector.
        sector: Sector,
        /// What it returned.
        seen: Stamp,
        /// What it might have returned.
        possible: Vec<Stamp>,
    },
    /// A flush succeeded although a write that was acknowledged before it began is lost, and
    /// the user was not told.
    Denied {
        /// The flush.
        op: OpId,
        /// The sector.
        sector: Sector,
        /// What it lost.
        lost: Stamp,
    },
    /// A request failed although a leg that was in sync from the start has not
    /// failed anything since.
    NeedlessError(OpId, ErrorKind),
    /// The device runs from legs of which the last life left none in sync.
    StaleStart,
    /// The device does not start, although all legs are there and well. With what it says.
    NoStart(String),
    /// The device was asked to stop, did not, and nothing more happens.
    NoStop,
    /// Something that a person was told is not true.
    NotKept(String),
    /// The device is suspended, and has a request on a leg.
    NotStill(usize, String),
    /// This task makes no progress beside a user who never rests.
    Starved(String),
    /// At rest, legs that are in sync hold different sectors.
    LegsDiffer(Sector, Vec<(usize, Content)>),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Hang(ops) => write!(f, "requests {ops:?} never end"),
            Violation::Restless => f.write_str("the run does not come to rest"),
            Violation::EndedTwice(op) => write!(f, "request {op} ended twice"),
            Violation::MemoryLost(op) => write!(f, "read {op} succeeded without its memory"),
            Violation::Torn(op, sector) => {
                write!(f, "read {op} returned a torn sector {sector}")
            }
            Violation::Foreign(op, sector, stamp) => {
                write!(f, "read {op} returned {stamp} as sector {sector}")
            }
            Violation::Unexplained { op, sector, seen, possible } => {
                write!(f, "read {op} returned {seen} as sector {sector}, which can only hold")?;
                possible.iter().enumerate().try_for_each(|(nth, stamp)| {
                    write!(f, "{} {stamp}", if nth == 0 { "" } else { " or" })
                })
            }
            Violation::Denied { op, sector, lost } => {
                write!(f, "flush {op} succeeded, though sector {sector} has lost {lost}")
            }
            Violation::NeedlessError(op, kind) => {
                write!(f, "request {op} failed ({kind}) although a leg never failed")
            }
            Violation::StaleStart => {
                f.write_str("the device runs, but no leg it believes was in sync at the end")
            }
            Violation::NoStart(why) => {
                write!(f, "the device does not start, though no leg is missing: {why}")
            }
            Violation::NoStop => f.write_str("the device never stops"),
            Violation::NotKept(word) => write!(f, "`{word}` was answered, and is not so"),
            Violation::NotStill(leg, request) => {
                write!(f, "the device is suspended, and leg {leg} is asked for {request}")
            }
            Violation::Starved(what) => write!(f, "{what} gets no further beside a busy user"),
            Violation::LegsDiffer(sector, contents) => {
                write!(f, "at rest sector {sector} differs:")?;
                contents.iter().try_for_each(|(leg, content)| write!(f, " leg {leg}: {content};"))
            }
        }
    }
}
