//! The parameters of a run, before anything is chosen.
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
    /// Requests that the chooser picks.
    Random {
        /// How many clients.
        clients: usize,
        /// How many requests in all.
        ops: u64,
        /// The most sectors of a request.
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
    /// It fails and has no effect.
    Media,
    /// A write fails, but takes full effect.
    MediaLanded,
    /// A write fails, and some of its sectors take effect.
    MediaPartly,
    /// It is not answered in time; its memory stays with the disk.
    Timeout,
    /// The whole disk fails, and its cache is lost.
    Gone,
    /// The disk loses its cache silently: the request ends as it should. Only
    /// [`resets`](bio::BlockDevice::resets) tells.
    Blip,
    /// A flush fails, and the disk drops the data that it should have made durable.
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

/// How many faults a run may have.
#[derive(Clone, Debug)]
pub struct Faults {
    /// How many requests may be hit.
    pub budget: u32,
    /// By chance, one in this many completions is hit.
    pub one_in: u32,
    /// The kinds of faults.
    pub kinds: Vec<Fault>,
}

impl Faults {
    /// No faults.
    pub fn none() -> Faults {
        Faults { budget: 0, one_in: 1, kinds: Vec::new() }
    }

    /// Up to `budget` requests fail, writes after doing all or nothing.
    pub fn media(budget: u32) -> Faults {
        Faults { budget, one_in: 16, kinds: [Fault::Media, Fault::MediaLanded].into() }
    }
}

/// The parameters of a run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// How many disks the device gets.
    pub legs: usize,
    /// The size of the device.
    pub sectors: Sectors,
    /// The size of each leg: that of the device, and what the device needs besides.
    pub leg_sectors: Sectors,
    /// What the legs can do.
    pub limits: Limits,
    /// The legs hold different data at the start: leg 0 holds the device's.
    pub differing: bool,
    /// What the clients ask for.
    pub load: Load,
    /// Clients that can ask do so, in their order, before anything else happens. Otherwise the
    /// chooser decides when a client asks.
    pub ask_first: bool,
    /// What may go wrong.
    pub faults: Faults,
    /// Requests may take effect some time before they complete.
    pub early_effects: bool,
    /// How often delayed work is done before its time.
    pub hurries: u32,
    /// How often the machine crashes and starts again.
    pub crashes: u32,
    /// How many of the crashes may leave the disks their power, and their caches.
    pub warm: u32,
    /// How often the machine is stopped cleanly and starts again.
    pub stops: u32,
    /// How often a leg is absent when the machine starts again; never all legs.
    pub absences: u32,
    /// How often an absent leg comes back while the machine runs.
    pub returns: u32,
    /// How often a blank disk comes back in its place. Only if the device has run without the
    /// leg since it started.
    pub exchanges: u32,
    /// How often a start finds a record of a leg unreadable or altered.
    pub rot: u32,
    /// Where on each leg the records lie that may go bad: both copies of the first, both of the
    /// next, and so on.
    pub records: Vec<Extent>,
    /// How often a person does something to the device, in any life.
    pub acts: u32,
    /// A person's orders hold over another start too.
    pub recalls: bool,
    /// For this many steps the user never rests: every client that can ask does, without end.
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
