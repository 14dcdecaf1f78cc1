//! How far an enumeration goes, and what it did.

use alloc::vec::Vec;
use core::fmt;

use bio::Extent;

use crate::actions::Action;
use crate::explore::Report;

/// How far an enumeration goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Crashes in a row: 1, or 2 to crash each recovery too.
    pub crashes: u32,
    /// How many of the starts in a row may leave one leg out. After the device has been read,
    /// one more start finds the leg again.
    pub absences: u32,
    /// How many orders of events are tried for each story and each recovery: the oldest first,
    /// the newest first, and others by chance.
    pub schedules: u64,
    /// Each story is also played with one of its actions coming early: at each event between
    /// the beginning of the action before and rest.
    pub early: bool,
    /// Recoveries also happen under a client that reads everything as soon as
    /// the device runs, not only when it is at rest.
    pub eager: bool,
    /// What a client does after each recovery, when everything was read. Then everything is
    /// read again.
    pub then: Vec<Action>,
    /// The most images that are tried after one event.
    pub images_max: u64,
    /// Where on each leg the records lie, as in [`Scenario`](crate::Scenario). If there are
    /// any, each start after a crash is also made with one record of one leg gone bad, in
    /// several ways.
    pub records: Vec<Extent>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            crashes: 1,
            absences: 0,
            schedules: 1,
            early: false,
            eager: false,
            then: Vec::new(),
            images_max: 100_000,
            records: Vec::new(),
        }
    }
}

/// What an enumeration did, and what it found.
#[derive(Clone, Debug, Default)]
pub struct Enumerated {
    /// Stories.
    pub stories: u64,
    /// How often they were played: in several orders, with several actions coming early.
    pub plays: u64,
    /// Moments at which a crash could leave something new.
    pub points: u64,
    /// Images at all these moments.
    pub images: u64,
    /// Starts that were equal to an earlier one.
    pub folded: u64,
    /// Starts after a first crash.
    pub recoveries: u64,
    /// Starts after a crash of such a recovery.
    pub second_recoveries: u64,
    /// Starts with a record that went bad.
    pub rotten: u64,
    /// Those of them in which the device did not start, and said why.
    pub held: u64,
    /// Images that were not tried, since a limit was reached.
    pub capped: u64,
    /// The first broken promise; the enumeration ends with it.
    pub found: Option<Report>,
}

impl fmt::Display for Enumerated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Enumerated { stories, plays, points, images, folded, .. } = self;
        let Enumerated { recoveries, second_recoveries, .. } = self;
        write!(f, "{stories} stories played {plays} times; {images} images at {points} moments, ")?;
        write!(f, "{folded} starts folded, {recoveries} made, and {second_recoveries} after a ")?;
        f.write_str("second crash")?;
        match self.rotten {
            0 => Ok(()),
            rotten => write!(f, "; {rotten} with a bad record, {} of them held", self.held),
        }
    }
}
