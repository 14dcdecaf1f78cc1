//! What comes into the core, and what it wants done.
//!
//! Place: the hands (`io/`) turn bios, time and words into an [`Event`], and do what each
//! [`Action`] says. A run is replayed from its events alone.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bio::{BufCmd, Extent, IoResult, Sector, Sectors};

use super::parts::found::Found;
use super::parts::leg::{LEGS_MAX, LegSet};
use super::parts::news::News;
use super::parts::pace::Rate;
use super::parts::policy::ReadPolicy;
use super::parts::requests::Req;
use crate::format::{MapPage, Superblock};

/// Something happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A user's request came.
    Asked { req: Req, cmd: BufCmd, extent: Extent },
    /// A block of a read came that is taken apart.
    Block { req: Req, extent: Extent },
    /// All blocks of a read have ended.
    Joined { req: Req, result: IoResult },
    /// A leg has given back what it was asked.
    Reported { leg: usize, of: Of, report: Report },
    /// The legs that hold something else than the source, for each sector of a chunk.
    Compared { req: Req, differ: Vec<LegSet> },
    /// The legs that hold what was written to them.
    Verified { req: Req, same: LegSet },
    /// Somebody who reads what a leg holds is going to read it.
    Searches { leg: usize },
    /// What a leg holds.
    Searched { leg: usize, found: Found, facts: Box<Facts> },
    /// An alarm that was set goes off.
    Alarm(Alarm),
    /// The mirror is resumed.
    Resume(Box<Facts>),
    /// It is to become quiet.
    Suspend,
    /// Nobody uses it any more.
    TornDown,
}

/// What a leg was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// A step of a request.
    Request(Req),
    /// A flush.
    Flush,
    /// A page of its map.
    Page,
    /// Its superblock.
    Superblock,
    /// To have a superblock's place wiped.
    Wipe,
    /// To be read, by somebody who wants to know what it holds.
    Search,
}

/// How that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) result: IoResult,
    /// How often the leg's device had lost its cache by then.
    pub(crate) resets: u64,
    /// The device has not kept the request's memory.
    pub(crate) memory: bool,
}

/// What is known of a leg's device.
#[derive(Clone, Debug, Default)]
pub(crate) struct LegFacts {
    /// The table names one.
    pub(crate) there: bool,
    /// What it is called.
    pub(crate) name: String,
    /// Where on it the leg begins.
    pub(crate) offset: Sector,
    pub(crate) capacity: Sectors,
    /// Its block size, in bytes.
    pub(crate) block: u32,
    /// How often it has lost its cache.
    pub(crate) resets: u64,
}

/// What is known of all legs' devices.
pub(crate) type Facts = [LegFacts; LEGS_MAX];

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Fail(usize),
    Add { leg: usize, force: bool },
    Forget(usize),
    Replace { old: usize, new: usize, force: bool },
    StartDegraded,
    Keep(usize),
    Check { repairs: bool },
    Idle,
    SyncRate(Rate),
    ReadPolicy(ReadPolicy),
    WriteMostly { leg: usize, on: bool },
}

/// What is answered, or why it is refused.
pub(crate) type Answer = Result<String, String>;

/// Something that is to be done later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// The next step of the resync.
    Resync,
    /// The end of this pause of the resync.
    Nap(u64),
    /// The next step of the scrub.
    ScrubStep,
    /// The scrub goes on.
    Scrub,
    /// The cleaner looks.
    Clean,
    /// What failed is tried again.
    Retry,
}

/// Something to be done, in this order.
#[derive(Debug)]
pub(crate) enum Action {
    /// Have a leg read for a request.
    Issue { req: Req, leg: usize, step: Step },
    /// Have legs write or discard what a request says: the transactions of a group that begin
    /// at once.
    Data { req: Req, legs: LegSet },
    /// Have a leg flushed.
    Flush { leg: usize },
    /// Write a record to a leg.
    Write { leg: usize, place: Extent, unit: Unit },
    /// Read what a leg holds. If its flush failed, what it shows may not be durable.
    Search { leg: usize, durable: bool },
    /// End a user's request.
    Complete { req: Req, result: IoResult },
    /// A request of the mirror's own has ended.
    Drop { req: Req },
    /// Read a user's request block by block.
    ByBlock { req: Req },
    /// What this leg gave is what a request writes.
    Take { req: Req, from: usize },
    /// Compare what legs gave with what the source did.
    Compare { req: Req, source: usize },
    /// Compare what legs gave with what was written.
    Verify { req: Req },
    /// Let an alarm go off after a while.
    Set(Alarm, Duration),
    /// Tell what happened.
    Tell(Box<News>),
    /// Whoever suspended the mirror may go on.
    Quiet,
}

/// Whom a leg is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// For whoever asked.
    Read,
    /// For itself.
    Look,
}

/// A record.
#[derive(Debug)]
pub(crate) enum Unit {
    Page(Box<MapPage>),
    Superblock(Box<Superblock>),
    /// No record.
    Wiped,
}
