//! The look at a disk that has gone quiet: was a kick or an interrupt lost?
//!
//! Place: beside the queue, called by the kernel every [`GLANCE_MS`](super::GLANCE_MS). The
//! watchdog ([`VirtioBlk::tick`]) gives a device up. The glance repeats what was lost, so that
//! the watchdog need not.
//!
//! Rules:
//!
//! - Whatever stood still from one glance to the next is told or fetched once more: the device
//!   is kicked, or its answers are reaped. Work that began since is left alone, so a disk that
//!   works is not disturbed.
//! - If the device says that it has fetched everything, the driver waits. If it does not say,
//!   it is kicked at glances 1, 2, 4, 8, ... and each [`GLANCES_APART_MAX`] of the standstill,
//!   so that a slow device is not told too often.

use virtio_drivers::Hal;
use virtio_drivers::transport::InterruptStatus;

use super::super::ring::Overdue;
use super::super::{Device, Failure};
use super::VirtioBlk;
use super::queue::Queue;
use super::status::State;

/// The longest pause between two kicks of a device that stands still, in glances.
const GLANCES_APART_MAX: u64 = 128;

impl<H: Hal, D: Device> VirtioBlk<H, D> {
    /// Looks for a lost kick or interrupt. To be called every [`GLANCE_MS`](super::GLANCE_MS);
    /// never waits.
    pub fn glance(&self) {
        let reasons = {
            let mut queue = self.queue.lock();
            match queue.glance() {
                // If the line stayed raised, nobody would notice that it is raised again.
                true => queue.acknowledge() | InterruptStatus::QUEUE_INTERRUPT,
                false => InterruptStatus::empty(),
            }
        };
        self.act_on(reasons);
    }
}

impl<H: Hal, D: Device> Queue<H, D> {
    /// Kicks the device once more if it does not move. True if answers have waited for their
    /// interrupt since the last glance. Does nothing if the device was released.
    fn glance(&mut self) -> bool {
        if self.device.is_none() {
            return false;
        }
        let look = self.ring.look();
        let overdue = look.overdue(&self.looked);
        self.looked = look;
        match (overdue, self.state) {
            (None, _) | (_, State::Barred(Failure::Gone | Failure::Fault(_))) => {
                self.still = 0;
                false
            }
            (Some(Overdue::Interrupt), _) => {
                self.still = 0;
                self.counts.unheard_interrupts += 1;
                true
            }
            (Some(Overdue::Kick), _) => {
                self.still += 1;
                if self.still.is_power_of_two() || self.still.is_multiple_of(GLANCES_APART_MAX) {
                    self.counts.repeated_kicks += 1;
                    self.notify();
                }
                false
            }
        }
    }
}
