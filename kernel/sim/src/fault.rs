//! A device that fails by a script, around one that works.
//!
//! Place: anywhere a device goes, even between the kernel's own disks and its mirror, for the
//! faults that a console or a selftest asks for.
//!
//! Rules: a request that the script fails never reaches the device below. The first rule that
//! matches a request decides.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::sync::{Lock, Rank};
use bio::{Bio, BlockDevice, BufCmd, ErrorKind, Extent, Limits, Sectors};

/// Which requests a rule of the script fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// Every one.
    All,
    /// Reads that touch the extent.
    Reads(Extent),
    /// Writes and discards that touch the extent. A write that succeeds does
    /// not heal it: see [`FaultDisk::forgive`].
    Writes(Extent),
    /// Flushes.
    Flushes,
    /// The one request with this number; the device counts from 0.
    Nth(u64),
    /// The requests from this number on.
    From(u64),
}

/// How many requests a device was asked, and how many the script failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads.
    pub reads: u64,
    /// Writes and discards.
    pub writes: u64,
    /// Flushes.
    pub flushes: u64,
    /// Requests of any kind that the script failed.
    pub failed: u64,
}

impl Counts {
    /// All requests.
    pub fn total(&self) -> u64 {
        self.reads + self.writes + self.flushes
    }
}

/// A device that works until the script says otherwise.
///
/// ```
/// use bio::{Bio, BlockDevice, Buf, BufDone, ErrorKind, IoResult, Limits, Sectors};
/// use sim::{FaultDisk, Hit, SimDisk};
/// use std::sync::Arc;
///
/// struct Fails;
/// impl BufDone for Fails {
///     fn buf_done(self: Arc<Self>, _: Buf, _: u64, result: IoResult) {
///         assert_eq!(result.unwrap_err().kind, ErrorKind::Media);
///     }
/// }
///
/// let disk = FaultDisk::new(SimDisk::new(Sectors(8), Limits::default()));
/// disk.fail(Hit::Flushes, ErrorKind::Media);
/// disk.strategy(Bio::new(Buf::flush(), Arc::new(Fails), 0));
/// assert_eq!(disk.counts().failed, 1);
/// ```
pub struct FaultDisk {
    below: Arc<dyn BlockDevice>,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    script: Vec<(Hit, ErrorKind)>,
    counts: Counts,
}

impl FaultDisk {
    /// `below`, with no fault yet.
    pub fn new(below: Arc<dyn BlockDevice>) -> Arc<FaultDisk> {
        Arc::new(FaultDisk { below, state: Lock::new(Rank::DRIVER, State::default()) })
    }

    /// Adds a rule: from now on, requests that it hits fail with `kind`.
    pub fn fail(&self, hit: Hit, kind: ErrorKind) {
        self.state.lock().script.push((hit, kind));
    }

    /// Removes all rules.
    pub fn forgive(&self) {
        self.state.lock().script.clear();
    }

    /// The requests so far.
    pub fn counts(&self) -> Counts {
        self.state.lock().counts
    }
}

impl BlockDevice for FaultDisk {
    fn capacity(&self) -> Sectors {
        self.below.capacity()
    }

    fn limits(&self) -> Limits {
        self.below.limits()
    }

    fn strategy(&self, bio: Bio) {
        let fault = self.state.lock().judge(&bio);
        match fault {
            Some(kind) => bio.fail(kind),
            None => self.below.strategy(bio),
        }
    }

    fn resets(&self) -> u64 {
        self.below.resets()
    }
}

impl State {
    /// Counts a request, and returns how it fails, if it does.
    fn judge(&mut self, bio: &Bio) -> Option<ErrorKind> {
        let (cmd, extent, number) = (bio.cmd(), bio.extent(), self.counts.total());
        let fault = self.script.iter().find(|(hit, _)| match *hit {
            Hit::All => true,
            Hit::Reads(bad) => cmd == BufCmd::Read && bad.overlaps(extent),
            Hit::Writes(bad) => cmd.modifies() && bad.overlaps(extent),
            Hit::Flushes => cmd == BufCmd::Flush,
            Hit::Nth(nth) => number == nth,
            Hit::From(first) => number >= first,
        });
        match cmd {
            BufCmd::Read => self.counts.reads += 1,
            BufCmd::Write { .. } | BufCmd::FreeBlks => self.counts.writes += 1,
            BufCmd::Flush => self.counts.flushes += 1,
        }
        self.counts.failed += u64::from(fault.is_some());
        fault.map(|&(_, kind)| kind)
    }
}
