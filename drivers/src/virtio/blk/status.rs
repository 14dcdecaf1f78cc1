//! What a disk shows of itself.

use arrayvec::ArrayString;
use bio::{ErrorKind, Limits, Sectors};

use super::super::Failure;
use super::config::Features;

/// Whether a disk takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Ready,
    /// It is to be taken out. Every new request fails at once; those that it holds end as
    /// usual.
    Leaving,
    /// It no longer works: every request fails at once. Requests that it held when it was
    /// barred have ended without the memory that it was lent.
    Barred(Failure),
}

impl State {
    /// What the requests that a barred disk holds end with.
    pub(super) fn error(self) -> Option<ErrorKind> {
        match self {
            State::Ready | State::Leaving => None,
            State::Barred(Failure::Timeout(_)) => Some(ErrorKind::Timeout),
            State::Barred(Failure::Gone) => Some(ErrorKind::Gone),
            State::Barred(Failure::Fault(_)) => Some(ErrorKind::Media),
        }
    }

    /// The error of requests that the disk does not get. It is not a time-out, which would say
    /// that the disk may still do what was asked.
    pub(super) fn refusal(self) -> Option<ErrorKind> {
        match self.error() {
            None if self == State::Leaving => Some(ErrorKind::Gone),
            Some(ErrorKind::Timeout) => Some(ErrorKind::Gone),
            kind => kind,
        }
    }
}

/// The serial number of a disk: at most 20 characters (virtio 1.2, 5.2.6).
pub type Serial = ArrayString<SERIAL_BYTES>;
pub(super) const SERIAL_BYTES: usize = 20;

/// A disk as the console shows it.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its serial number; empty until it has told it ([`has_identified`]), or if it has none.
    ///
    /// [`has_identified`]: super::VirtioBlk::has_identified
    pub serial: Serial,
    /// Its size.
    pub capacity: Sectors,
    /// What it can do.
    pub limits: Limits,
    /// What driver and device agreed on.
    pub features: Features,
    /// Whether it takes requests.
    pub state: State,
    /// Requests that the device holds, given up ones included.
    pub in_flight: usize,
    /// Bios that wait for a slot.
    pub waiting: usize,
    /// What happened so far.
    pub counts: Counts,
}

/// What happened on a disk since it was set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bios taken, by command.
    pub reads: u64,
    /// Writes, with and without FUA.
    pub writes: u64,
    /// Flushes that were asked for; those that make a write FUA are not counted.
    pub flushes: u64,
    /// Discards.
    pub discards: u64,
    /// Bios that ended with an error of the device's.
    pub errors: u64,
    /// Requests handed to the device; a bio may take several.
    pub requests: u64,
    /// Times that the device was told of requests.
    pub kicks: u64,
    /// Times that it interrupted.
    pub interrupts: u64,
    /// Those of the kicks that it asked for too late for the driver to see at once. If
    /// barriers are kept, there are next to none.
    pub late_kicks: u64,
    /// How often it was told once more, because nothing had moved from one glance to the next.
    /// Each time a kick was lost, or a device was late.
    pub repeated_kicks: u64,
    /// How often a glance found answers that had waited for their interrupt since the glance
    /// before.
    pub unheard_interrupts: u64,
}
