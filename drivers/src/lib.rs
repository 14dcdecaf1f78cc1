//! PCI, hot plug, MSI-X and virtio-blk: the code between a [`bio::Bio`] and a disk.
//!
//! Place: above `bio` and the `virtio-drivers` crate, below the kernel. The kernel finds disks
//! with [`pci`], makes a [`VirtioBlk`](virtio::blk::VirtioBlk) of each, and calls it from an
//! interrupt thread and from a callout. Nothing here knows threads, clocks or interrupt
//! controllers.
//!
//! What the drivers need from a kernel:
//!
//! - `virtio_drivers::Hal`: memory that a device can reach, mapped registers;
//! - `virtio_drivers`' `ConfigurationAccess`: PCI configuration space, for hot plug
//!   with [`pci::HalfWords`];
//! - the physical addresses that are taken already: a device that claims one is not believed
//!   ([`pci::Pci::new`]);
//! - an address and data for each interrupt ([`pci::Message`]), and a call of
//!   [`interrupt`](virtio::blk::VirtioBlk::interrupt) in a thread when it comes;
//! - a call of [`glance`](virtio::blk::VirtioBlk::glance) every
//!   [`GLANCE_MS`](virtio::blk::GLANCE_MS), and of
//!   [`tick`](virtio::blk::VirtioBlk::tick) every [`TICK_MS`](virtio::blk::TICK_MS).
//!
//! ```no_run
//! use core::ops::RangeInclusive;
//!
//! use drivers::pci::Pci;
//! use drivers::virtio::blk::{Interrupt, Options, VirtioBlk};
//! use drivers::virtio::transport::{Interrupts, VirtioPci};
//! use drivers::virtio::SetupError;
//! use virtio_drivers::Hal;
//! use virtio_drivers::transport::DeviceType;
//! use virtio_drivers::transport::pci::bus::ConfigurationAccess;
//! use virtio_drivers::transport::pci::virtio_device_type;
//!
//! type Disk<H, C> = VirtioBlk<H, VirtioPci<C>>;
//!
//! /// The first disk on the machine, interrupting by its line. No registers may lie in
//! /// `memory`.
//! fn first_disk<H: Hal, C: ConfigurationAccess + Send>(
//!     config: C,
//!     memory: Vec<RangeInclusive<u64>>,
//! ) -> Result<Option<Disk<H, C>>, SetupError> {
//!     let mut pci = Pci::new(config, memory);
//!     let functions = pci.scan();
//!     let is_disk = |info| virtio_device_type(info) == Some(DeviceType::Block);
//!     let Some(found) = functions.iter().find(|found| is_disk(&found.info)) else {
//!         return Ok(None);
//!     };
//!     let device = VirtioPci::new::<H>(&mut pci, found.at, Interrupts::Line)?;
//!     VirtioBlk::new("vbd0".into(), device, Options::default()).map(Some)
//! }
//!
//! /// Called in a thread whenever the line was raised.
//! fn serve<H: Hal, C: ConfigurationAccess + Send>(disk: &Disk<H, C>) {
//!     disk.interrupt(Interrupt::Line);
//! }
//! ```
//!
//! Unsafe code is confined to `pci` (mapped registers), `virtio/ring/shared` (memory that
//! driver and device both see) and `virtio/ring/loan` (memory lent to a device).
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "hostile"))]
extern crate std;

#[cfg(any(test, feature = "hostile"))]
pub mod hostile;
#[allow(unsafe_code)]
pub mod pci;
pub mod pcie;
pub mod virtio;
