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
    /// It is to be taken out. Every new request fails at once; the requests that it holds end
    /// as usual.
    Leaving,
    /// It no longer works: every request fails at once. The requests that it held then have
    /// ended, without the memory that it was lent.
    Barred(Failure),
}

impl State {
    /// The error with which the requests at a barred disk end.
    pub(super) fn error(self) -> Option<ErrorKind> {
        match self {
            State::Ready | State::Leaving => None,
            State::Barred(Failure::Timeout(_)) => Some(ErrorKind::Timeout),
            State::Barred(Failure::Gone) => Some(ErrorKind::Gone),
            State::Barred(Failure::Fault(_)) => Some(ErrorKind::Media),
        }
    }

    /// The error of requests that the disk does not get. It is never a time-out: that would
    /// mean that the disk may still do the request.
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
    /// Its serial number. Empty if the disk has none, or has not said it yet
    /// ([`has_identified`]).
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
    /// Requests that the device holds, including those given up.
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
    /// Flushes that a user issued; those that make a write FUA are not counted.
    pub flushes: u64,
    /// Discards.
    pub discards: u64,
    /// Bios that ended with an error of the device.
    pub errors: u64,
    /// Requests handed to the device; a bio may take several.
    pub requests: u64,
    /// Times that the device was kicked.
    pub kicks: u64,
    /// Times that it interrupted.
    pub interrupts: u64,
    /// Kicks that it asked for too late for the driver to see at once. If the machine keeps
    /// memory barriers, there are next to none.
    pub late_kicks: u64,
    /// How often it was kicked once more, because nothing had moved from one glance to the
    /// next. Each time a kick was lost, or the device was late.
    pub repeated_kicks: u64,
    /// How often a glance found answers that had waited for an interrupt since the glance
    /// before.
    pub unheard_interrupts: u64,
}
