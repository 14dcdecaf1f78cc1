//! A mirror at a glance, as data: for a console that makes tables or JSON of it.
//!
//! Place: `face/status.rs` makes it, all of it at one moment. Printed, it is the answer
//! to the message `show`.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bio::Sectors;

pub use crate::core::parts::not_started::Question;
pub use crate::io::times::{KINDS, Kind, Times};

/// How a mirror does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It reads its members.
    Starting,
    /// It waits for a member or a person; requests fail.
    Held,
    /// It cannot start from what it found; requests fail.
    Refused,
    /// All members are in sync.
    Healthy,
    /// They are, but for regions that were in doubt after a crash.
    Resyncing,
    /// A member is being given what it missed.
    Rebuilding,
    /// A member is out.
    Degraded,
}

/// What a leg is to its mirror, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds everything.
    InSync,
    /// It is on its way to that.
    Coming,
    /// It is out, or not there.
    Out,
    /// Its place is free.
    NoMember,
}

/// A mirror at a moment.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it does, ...
    pub health: Health,
    /// ... in words.
    pub summary: String,
    /// What a person may say for it to start.
    pub question: Option<Question>,
    /// Its legs, by their numbers.
    pub legs: Vec<LegReport>,
    /// The leg that is to leave once another one has taken its place, or that leaves.
    pub replacing: Option<usize>,
    /// What is still to be copied; `None` if nothing is.
    pub copying: Option<Copying>,
    /// The size of a region, once it is known.
    pub region: Option<Sectors>,
    /// What its map says; `None` where nothing is recorded.
    pub map: Option<Map>,
    /// The check that runs or ran last, in lines.
    pub check: Option<String>,
    /// Which leg is read.
    pub read_policy: String,
    /// Between which limits is copied, in KiB/s.
    pub sync_rate: String,
}

/// A leg at a moment; its counts begin when the mirror was made.
#[derive(Clone, Debug)]
pub struct LegReport {
    /// Its device; `-` if there is none.
    pub device: Arc<str>,
    /// What it is to the mirror, ...
    pub standing: Standing,
    /// ... in words.
    pub state: String,
    /// It is read only if no other leg can answer.
    pub write_mostly: bool,
    /// Reads.
    pub reads: u64,
    /// Writes and discards of data.
    pub writes: u64,
    /// Flushes.
    pub flushes: u64,
    /// Writes of records.
    pub metadata: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Writes, discards and flushes that failed.
    pub write_errors: u64,
    /// Chunks rewritten because of what was read.
    pub repaired: u64,
    /// Records that a start found torn or damaged, and writes anew.
    pub records_repaired: u64,
    /// Requests that it has.
    pub outstanding: u32,
    /// It is out, and still owes requests or metadata: it cannot come back before.
    pub owes: bool,
    /// Regions that it missed, ...
    pub missed: u32,
    /// ... and how many sectors they have.
    pub missed_sectors: Sectors,
    /// Writes and flushes by cause.
    pub costs: Vec<Cost>,
}

/// What a leg was asked for one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Why.
    pub cause: &'static str,
    /// Writes and discards.
    pub writes: u64,
    /// Flushes.
    pub flushes: u64,
}

/// A resync or a rebuild on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copying {
    /// Regions that every leg holds, ...
    pub done: u32,
    /// ... and how many sectors they have: the last region may be short.
    pub done_sectors: Sectors,
    /// Regions in all, ...
    pub all: u32,
    /// ... and sectors.
    pub all_sectors: Sectors,
    /// How fast, in KiB/s, if that is known.
    pub speed: Option<u64>,
    /// How long it will take at that speed.
    pub left: Option<Duration>,
}

/// What the map of a mirror says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Regions.
    pub regions: u32,
    /// Regions in which legs may differ after a crash.
    pub dirty: u32,
    /// Regions in which they may differ now.
    pub unsettled: u32,
    /// How often the mirror was started.
    pub session: u64,
    /// The generation, by the begin of its identity.
    pub generation: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary)?;
        writeln!(
            f,
            "LEG  DEVICE          READS   WRITES  FLUSHES  READ ERR WRITE ERR REPAIRED  META  STATE"
        )?;
        for (index, leg) in self.legs.iter().enumerate() {
            let LegReport { device, reads, writes, flushes, metadata, .. } = leg;
            let LegReport { read_errors, write_errors, repaired, state, .. } = leg;
            writeln!(
                f,
                "{index:>3}  {device:<12} {reads:>8} {writes:>8} {flushes:>8} {read_errors:>9} \
                 {write_errors:>9} {repaired:>8} {metadata:>5}  {state}"
            )?;
        }
        if let Some(Copying { done, all, speed, left, .. }) = &self.copying {
            write!(f, "copying: {done} of {all} regions done")?;
            if let (Some(speed), Some(left)) = (speed, left) {
                write!(f, ", {speed} KiB/s, {} s left", left.as_secs())?;
            }
            writeln!(f)?;
        }
        self.fmt_map(f)?;
        self.records_repaired().map_or(Ok(()), |line| writeln!(f, "{line}"))?;
        self.check.as_ref().map_or(Ok(()), |check| writeln!(f, "{check}"))
    }
}

impl Report {
    /// A line with the records that were torn or damaged, if any were.
    pub fn records_repaired(&self) -> Option<String> {
        let legs = self.legs.iter().enumerate().filter(|(_, leg)| leg.records_repaired > 0);
        let legs: Vec<String> =
            legs.map(|(index, leg)| format!("{} on leg {index}", leg.records_repaired)).collect();
        (!legs.is_empty()).then(|| format!("records repaired: {}", legs.join(", ")))
    }

    fn fmt_map(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(map), Some(region)) = (&self.map, self.region) else { return Ok(()) };
        let Map { regions, dirty, unsettled, session, .. } = map;
        writeln!(
            f,
            "regions: {regions} of {region} sectors; {dirty} dirty, {unsettled} to be resynced; \
             session {session}"
        )?;
        for (index, leg) in self.legs.iter().enumerate() {
            write!(f, "leg {index}: writes/flushes")?;
            for Cost { cause, writes, flushes } in &leg.costs {
                write!(f, " {cause} {writes}/{flushes}")?;
            }
            match leg.missed {
                0 => writeln!(f)?,
                missed => writeln!(f, "; missed {missed} regions")?,
            }
        }
        Ok(())
    }
}
