//! What can be wrong in what a function says about itself.

use core::fmt;

/// What is wrong with a function's configuration space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciFault {
    /// The list of capabilities runs in a circle.
    EndlessCapabilities,
    /// The list of capabilities leads to this offset, where none can be.
    StrayCapability(u8),
    /// The capability at this offset is shorter than its kind.
    CutShort(u8),
    /// There is no memory BAR of this number, or it has no address.
    NoBar(u8),
    /// Registers lie outside their BAR, or are misaligned.
    OutsideBar(u8),
    /// There are fewer interrupt vectors than needed.
    TooFewVectors,
    /// The BAR of this number has no known kind, its size is no power of two, or its address is
    /// no multiple of its size.
    BadBar(u8),
    /// The BAR of this number lies over memory, an interrupt controller or another BAR.
    Overlaps(u8),
    /// The bridge above has no room left for a BAR of this number.
    NoRoom(u8),
}

impl fmt::Display for PciFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PciFault::EndlessCapabilities => f.write_str("has an endless list of capabilities"),
            PciFault::StrayCapability(offset) => {
                write!(f, "has a list of capabilities that leads to {offset:#04x}")
            }
            PciFault::CutShort(offset) => {
                write!(f, "has a capability at {offset:#04x} that is cut short")
            }
            PciFault::NoBar(bar) => write!(f, "has no memory BAR {bar}, or no address for it"),
            PciFault::OutsideBar(bar) => write!(f, "has registers outside of BAR {bar}"),
            PciFault::TooFewVectors => f.write_str("has too few interrupt vectors"),
            PciFault::BadBar(bar) => write!(f, "has a BAR {bar} that makes no sense"),
            PciFault::Overlaps(bar) => {
                write!(f, "has BAR {bar} where something else has its address")
            }
            PciFault::NoRoom(bar) => write!(f, "finds no room below its bridge for BAR {bar}"),
        }
    }
}
