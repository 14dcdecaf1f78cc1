//! A disk whose device leaves, and may come back.
//!
//! Place: called by the kernel as a slot of `pcie` tells it to. To those who use the
//! disk nothing changes but that requests fail while the device is away.
//!
//! Rules:
//!
//! - A device that is asked to leave ends what it holds; nothing new is given to it.
//! - What comes back is the same disk if it has the same serial number and can do the
//!   same. Nobody who uses the disk could know of any other change.
//! - What its cache held may be lost, so a return counts as a reset.
//! - Memory that the old device was lent and did not give back is never used again, and
//!   nor is its queue: some 44 KiB for each return.

use core::sync::atomic::Ordering;

use bio::BlockDevice;
use virtio_drivers::Hal;

use super::super::{Device, Failure};
use super::{Queue, State, VirtioBlk};

impl<H: Hal, D: Device> VirtioBlk<H, D> {
    /// Gives the device no more requests, for it is to be taken out. Returns how many it
    /// holds; to be asked again until there are none.
    pub fn leave(&self) -> usize {
        self.with_queue(Queue::leave);
        self.service();
        self.queue.lock().in_flight()
    }

    /// The device was taken out, or torn out: whatever it held ends.
    pub fn lost(&self) {
        self.with_queue(|queue| queue.bar(Failure::Gone));
        self.service();
    }

    /// Whether `other` is the same disk, by what it says of itself. A disk without a
    /// serial number is like no other.
    pub fn is_same(&self, other: &VirtioBlk<H, D>) -> bool {
        // One lock after the other: they have the same rank.
        let serial = self.queue.lock().serial;
        let theirs = other.queue.lock().serial;
        self.config == other.config && !serial.is_empty() && serial == theirs
    }

    /// Goes on with the device of `other`, which is the same disk come back. False if it
    /// is not, or if this one was not barred before; then nothing has changed.
    pub fn take_over(&self, mut other: VirtioBlk<H, D>) -> bool {
        if !self.is_same(&other) {
            return false;
        }
        let capacity = other.capacity();
        let newcomer = other.queue.get_mut();
        let mut queue = self.queue.lock();
        if !matches!(queue.state, State::Barred(_)) || !queue.is_idle() {
            return false;
        }
        newcomer.counts = queue.counts;
        self.capacity.store(capacity.0, Ordering::Relaxed);
        // Before any request can succeed on the new device.
        self.resets.fetch_add(1, Ordering::Release);
        core::mem::swap(&mut *queue, newcomer);
        drop(queue);
        // The old device's queue goes here, with no lock held.
        drop(other);
        true
    }
}
