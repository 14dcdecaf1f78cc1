//! What a run consists of, before anything is chosen.
//!
//! Place: written by tests, read by a [`World`](crate::World).

use alloc::vec;
use alloc::vec::Vec;

use bio::{Extent, Limits, Sectors};

use crate::history::Op;

/// What the clients of a run ask for.
#[derive(Clone, Debug)]
pub enum Load {
    /// One list for each client.
    Script(Vec<Vec<Op>>),
    /// As it is chosen.
    Random {
        /// How many clients.
        clients: usize,
        /// How many requests in all.
        ops: u64,
        /// How many sectors a request covers at most.
        extent_max: Sectors,
    },
}

impl Load {
    /// Every request by a client of its own: all may overlap.
    pub fn all_at_once(ops: impl IntoIterator<Item = Op>) -> Load {
        Load::Script(ops.into_iter().map(|op| vec![op]).collect())
    }
}

/// What may go wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and did nothing.
    Media,
    /// A write fails, but did all it should.
    MediaLanded,
    /// A write fails and did some of it, sector by sector.
    MediaPartly,
    /// It is not answered in time; its memory stays with the disk.
    Timeout,
    /// The whole disk goes, with its cache.
    Gone,
    /// The disk loses its cache silently: the request ends as it should. Only
    /// [`resets`](bio::BlockDevice::resets) tells.
    Blip,
    /// A flush fails, and the disk drops what it was to make durable.
    Drop,
}

impl Fault {
    /// Each of them.
    pub const ALL: [Fault; 7] = [
        Fault::Media,
        Fault::MediaLanded,
        Fault::MediaPartly,
        Fault::Timeout,
        Fault::Gone,
        Fault::Blip,
        Fault::Drop,
    ];
}

/// How much may go wrong in a run.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Requests that may be hit.
    pub budget: u32,
    /// By chance, one in so many completions is hit.
    pub one_in: u32,
    /// By what.
    pub kinds: Vec<Fault>,
}

impl Faults {
    /// All goes well.
    pub fn none() -> Faults {
        Faults { budget: 0, one_in: 1, kinds: Vec::new() }
    }

    /// Up to `budget` requests fail, writes after doing all or nothing.
    pub fn media(budget: u32) -> Faults {
        Faults { budget, one_in: 16, kinds: [Fault::Media, Fault::MediaLanded].into() }
    }
}

/// What a run consists of, before anything is chosen.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// How many disks the device gets.
    pub legs: usize,
    /// The size of the device.
    pub sectors: Sectors,
    /// The size of each leg: the device's, and what the device needs beside.
    pub leg_sectors: Sectors,
    /// What the legs can do.
    pub limits: Limits,
    /// The legs hold different data at the start: leg 0 holds the device's.
    pub differing: bool,
    /// What the clients ask for.
    pub load: Load,
    /// A client that can ask does so, in their order, before anything else happens. Otherwise
    /// it asks when it is chosen to.
    pub ask_first: bool,
    /// What may go wrong.
    pub faults: Faults,
    /// Requests may take effect some time before they complete.
    pub early_effects: bool,
    /// How often work is done before its time.
    pub hurries: u32,
    /// How often the machine crashes and starts again.
    pub crashes: u32,
    /// How many of the crashes may leave the disks their power, and their caches.
    pub warm: u32,
    /// How often it is stopped cleanly and starts again.
    pub stops: u32,
    /// How often a leg is not plugged in when it starts again; never all.
    pub absences: u32,
    /// How often a leg that is not there comes back while the machine runs.
    pub returns: u32,
    /// How often another disk, a blank one, comes back in its place: only where the
    /// device has run without the leg since it started.
    pub exchanges: u32,
    /// How often a start finds a record of a leg unreadable or altered.
    pub rot: u32,
    /// Where on each leg the records lie, of which that may be one: both copies of the
    /// first, both of the next, and so on.
    pub records: Vec<Extent>,
    /// How often a person does something to the device, in whatever life.
    pub acts: u32,
    /// What a person said holds over another start, too.
    pub recalls: bool,
    /// For so many steps the user never rests: whoever can ask does, without end.
    pub restless: u64,
    /// A run of more steps never comes to rest.
    pub steps_max: u64,
}

impl Scenario {
    /// `load` on a device of `sectors` over `legs` equal disks; nothing goes wrong.
    pub fn new(legs: usize, sectors: u64, load: Load) -> Scenario {
        Scenario {
            legs,
            sectors: Sectors(sectors),
            leg_sectors: Sectors(sectors),
            limits: Limits::default(),
            differing: false,
            load,
            ask_first: false,
            faults: Faults::none(),
            early_effects: false,
            hurries: 0,
            crashes: 0,
            warm: 0,
            stops: 0,
            absences: 0,
            returns: 0,
            exchanges: 0,
            rot: 0,
            records: Vec::new(),
            acts: 0,
            recalls: false,
            restless: 0,
            steps_max: 100_000,
        }
    }

    /// Whether acknowledged writes may be lost that no flush covers.
    pub(crate) fn loses(&self) -> bool {
        self.restarts() || self.loses_silently()
    }

    /// Whether a leg may lose its cache and stay.
    pub(crate) fn loses_silently(&self) -> bool {
        let loses = |kind: &Fault| matches!(kind, Fault::Blip | Fault::Drop);
        self.faults.kinds.iter().any(loses)
    }

    /// Whether the device may be started again.
    pub(crate) fn restarts(&self) -> bool {
        self.crashes + self.stops + self.acts > 0
    }
}
