//! PCI, MSI-X and virtio-blk.
#![no_std]
