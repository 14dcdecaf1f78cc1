//! A disk whose device leaves, and may come back.
//!
//! Place: called by the kernel as a slot of `pcie` tells it to. For users of the disk only one
//! thing changes: requests fail while the device is away.
//!
//! Rules:
//!
//! - A device that is asked to leave ends the requests that it holds, and gets no new ones.
//! - A device that comes back is the same disk if it has the same serial number and the same
//!   abilities. A user of the disk would notice no other change.
//! - The contents of its cache may be lost, so a return counts as a reset.
//! - A device that was released is no longer touched: another device may answer in its place,
//!   on the same interrupt line.
//! - Its queue (some 44 KiB), and lent memory that it did not give back, are freed only when it
//!   can no longer reach them: it was reset, or its slot has no power ([`Severed`]). Until then
//!   nobody uses that memory.

use core::sync::atomic::Ordering;

use bio::BlockDevice;
use virtio_drivers::Hal;

use super::super::{Device, Failure};
use super::{Queue, State, VirtioBlk, reset};
use crate::pcie::Severed;

impl<H: Hal, D: Device> VirtioBlk<H, D> {
    /// Gives the device no more requests, since it is to be taken out. Returns how many it
    /// holds. Call again until it holds none.
    pub fn leave(&self) -> usize {
        self.with_queue(Queue::leave);
        self.service();
        self.queue.lock().in_flight()
    }

    /// The device was taken out, or torn out. The requests that it held end, and it is
    /// released.
    pub fn lost(&self) {
        self.with_queue(|queue| {
            queue.bar(Failure::Gone);
            queue.device = None;
        });
        self.service();
    }

    /// Releases a device that stays where it is, so that it can be set up anew. If it holds no
    /// request, it is reset and its queue is freed. True if that went well.
    pub fn release(&self) -> bool {
        let freed = {
            let mut queue = self.queue.lock();
            queue.bar(Failure::Gone);
            let held = queue.in_flight();
            let freed =
                queue.device.take().is_some_and(|mut device| held == 0 && reset(&mut device));
            if freed {
                queue.ring.reclaim();
            }
            freed
        };
        self.service();
        freed
    }

    /// The slot of a lost device has no power: frees all memory that the device was lent. Does
    /// nothing if the device was in another slot, or was not released.
    pub fn severed(&self, proof: &Severed) {
        let mut queue = self.queue.lock();
        if proof.covers(queue.at) && queue.device.is_none() {
            queue.ring.reclaim();
        }
    }

    /// Whether `other` is the same disk, by what it says of itself. A disk without a serial
    /// number is never the same as another, nor is one that has not answered yet.
    pub fn is_same(&self, other: &VirtioBlk<H, D>) -> bool {
        // One lock after the other: they have the same rank.
        let serial = self.queue.lock().serial;
        let theirs = other.queue.lock().serial;
        let named = serial.is_some_and(|serial| !serial.is_empty());
        self.config == other.config && named && serial == theirs
    }

    /// Goes on with the device of `other`, which is the same disk come back. False if it is
    /// another disk, or if this one was not barred before. Then nothing has changed.
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
        // The old device's queue is dropped here, with no lock held.
        drop(other);
        true
    }
}
