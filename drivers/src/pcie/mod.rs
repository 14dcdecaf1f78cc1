//! PCI Express: slots whose devices come and go while the machine runs.
//!
//! Place: the kernel finds the [`Port`]s above such slots, makes a [`Slot`] of each and gives
//! it a [`turn`](Slot::turn) whenever its port interrupts or its time has come. `port` knows
//! the registers, `slot` decides what is done and when, `room` places BARs, `naming` decides
//! which disk a device is.
//!
//! All sections are those of the PCI Express base specification 4.0.

mod naming;
mod port;
mod room;
mod slot;
#[cfg(test)]
#[allow(unsafe_code)]
mod tests;

pub use naming::{Due, Introduced};
pub use port::{Port, ports};
pub use room::place;
pub use slot::{News, Next, Severed, Slot, Stage, Tenant};
