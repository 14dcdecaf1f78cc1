//! The header of a function: where its words are.
//!
//! (PCI Local Bus 3.0, 6.1; PCI bridge 1.2, 3.2.)

/// Command in the lower half, status in the upper.
pub(crate) const COMMAND: u8 = 0x04;
/// Of a bridge: the bus above, the one behind, the last one behind that.
pub(super) const BUS_NUMBERS: u8 = 0x18;
/// The interrupt line, and the pin.
pub(super) const INTERRUPT: u8 = 0x3c;
