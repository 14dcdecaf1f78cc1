//! Virtio devices (virtio 1.2): the queue, the PCI transport, the disk.
//!
//! Place: `ring` moves requests to any device and back. `transport` tells a PCI device about
//! the ring. `blk` makes a disk of the two. `lossy` plants a fault on purpose.

#[cfg(test)]
#[allow(unsafe_code)]
mod allocation_tests;
pub mod blk;
#[cfg(test)]
#[allow(unsafe_code)]
mod fake;
pub mod lossy;
pub mod ring;
pub mod transport;

use core::fmt;

use virtio_drivers::transport::Transport;
use virtio_drivers::transport::pci::VirtioPciError;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use self::ring::look::Fetched;
use crate::pci::PciFault;

/// What a driver asks of its device beyond `virtio_drivers`' [`Transport`].
pub trait Device: Transport + Send {
    /// Where on the buses it is.
    fn at(&self) -> DeviceFunction;

    /// Whether the device is there, and says that it works. Cheap enough to be asked every
    /// second; does not wait.
    fn health(&self) -> Result<(), Failure>;
}

/// Why a device is no longer used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It did not answer a request in time. It may still do so. It says that it had fetched the
    /// request, or that it never fetched it although it was kicked again and again.
    Timeout(Fetched),
    /// It is no longer on its bus.
    Gone,
    /// It breaks the rules of virtio.
    Fault(DeviceFault),
}

/// How a device broke the rules. From then on nothing that it says is believed, and it keeps
/// the memory that it was lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceFault {
    /// It used more requests than it was given.
    RanAhead {
        /// How many it says it used since it was last looked at.
        used: u16,
        /// How many it had.
        in_flight: u16,
    },
    /// It used a request that it did not have.
    UnknownRequest {
        /// The descriptor it names.
        id: u32,
    },
    /// It wrote more than it was lent.
    Overlong {
        /// Bytes it says it wrote.
        written: u32,
        /// Bytes it was lent for writing.
        lent: u32,
    },
    /// It says that it needs a reset.
    NeedsReset,
    /// It refuses to be assigned an interrupt vector.
    VectorRefused,
}

/// Why a device cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// It does not speak virtio 1.0.
    Legacy,
    /// It insists on a feature that the driver does not have, or lacks one that it offered.
    FeaturesRefused,
    /// It does not come out of reset.
    StuckInReset,
    /// It has no queue, or one too short to hold a request.
    QueueTooShort(u32),
    /// There is no memory for the queue.
    NoMemory,
    /// Its configuration space makes no sense; the text says where.
    BadConfig(&'static str),
    /// It failed while it was set up.
    Failed(Failure),
    /// It has no usable registers.
    Registers(VirtioPciError),
    /// Its configuration space has no usable entry.
    Pci(PciFault),
}

impl From<Failure> for SetupError {
    fn from(failure: Failure) -> SetupError {
        SetupError::Failed(failure)
    }
}

impl From<PciFault> for SetupError {
    fn from(fault: PciFault) -> SetupError {
        SetupError::Pci(fault)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Timeout(fetched) => f.write_str(match fetched {
                Fetched::Yes => "did not answer in time a request that it had fetched",
                Fetched::No => "did not answer in time: it never fetched the request",
                Fetched::Unknown => "did not answer in time",
            }),
            Failure::Gone => f.write_str("is gone"),
            Failure::Fault(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for DeviceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceFault::RanAhead { used, in_flight } => {
                write!(f, "answered {used} requests when it had {in_flight}")
            }
            DeviceFault::UnknownRequest { id } => {
                write!(f, "answered request {id}, which it does not have")
            }
            DeviceFault::Overlong { written, lent } => {
                write!(f, "claims to have written {written} bytes into {lent}")
            }
            DeviceFault::NeedsReset => f.write_str("asks for a reset"),
            DeviceFault::VectorRefused => f.write_str("refuses its interrupt vector"),
        }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::Legacy => f.write_str("speaks only legacy virtio"),
            SetupError::FeaturesRefused => f.write_str("does not accept our choice of features"),
            SetupError::StuckInReset => f.write_str("does not come out of reset"),
            SetupError::QueueTooShort(size) => {
                write!(f, "offers a queue of {size}, too short for a request")
            }
            SetupError::NoMemory => f.write_str("cannot be given memory for its queue"),
            SetupError::BadConfig(what) => write!(f, "has a nonsensical configuration: {what}"),
            SetupError::Failed(failure) => failure.fmt(f),
            SetupError::Registers(error) => write!(f, "has no usable registers: {error}"),
            SetupError::Pci(fault) => fault.fmt(f),
        }
    }
}
