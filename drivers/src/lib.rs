//! PCI, MSI-X and virtio-blk: what stands between a [`bio::Bio`] and a disk.
//!
//! Place: above `bio` and the `virtio-drivers` crate, below the kernel, which
//! finds disks with [`pci`], makes a [`VirtioBlk`](virtio::blk::VirtioBlk) of
//! each, and calls it from an interrupt thread and from a callout. Nothing here
//! knows threads, clocks or interrupt controllers.
//!
//! What the drivers ask of a kernel:
//!
//! - `virtio_drivers::Hal`: memory that a device can reach, mapped registers;
//! - `virtio_drivers`' `ConfigurationAccess`: PCI configuration space;
//! - an address and data for each interrupt ([`pci::Message`]), and a call of
//!   [`interrupt`](virtio::blk::VirtioBlk::interrupt) in a thread when it comes;
//! - a call of [`tick`](virtio::blk::VirtioBlk::tick) every [`TICK_MS`](virtio::blk::TICK_MS).
//!
//! Unsafe code is confined to `pci` (mapped registers), `virtio/ring/shared` (what
//! driver and device both see) and `virtio/ring/loan` (memory lent to a device).
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[allow(unsafe_code)]
pub mod pci;
pub mod virtio;
