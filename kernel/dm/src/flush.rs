//! The way of a flush through a table: each device below gets one, however many entries lie on
//! it.
//!
//! Place: planned when a [table](crate::table) is made, followed by each of its flushes.
//!
//! Rule: if several targets only pass a flush on to a device ([`Target::passes_flush_to`]), the
//! first of them does so for all. A target that does more gets a flush of its own.

use alloc::collections::{BTreeSet, TryReserveError};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, BlockDevice, Limits, Piece, Sector, Sectors, split};

use crate::devices::{DeviceHandle, DeviceRef};
use crate::entry::{Entry, Place};
use crate::target::Target;

/// What becomes of a flush.
pub(crate) struct FlushPlan {
    parts: Vec<Part>,
    to: Vec<(Place, Option<DeviceHandle>)>,
}

/// A target that gets a flush: as a whole, or only for one of the devices that it passes
/// flushes to.
struct Part {
    target: Arc<dyn Target>,
    only: Option<usize>,
}

impl FlushPlan {
    /// The plan for these entries. Fails if memory is short.
    pub(crate) fn new(entries: &[Entry]) -> Result<FlushPlan, TryReserveError> {
        let mut plan = FlushPlan { parts: Vec::new(), to: Vec::new() };
        let mut done = BTreeSet::new();
        for Entry { target, place, .. } in entries {
            let Some(devices) = target.passes_flush_to() else {
                plan.add(target, *place, None, &target.devices())?;
                continue;
            };
            let new: Vec<bool> = devices.iter().map(|device| done.insert(device.key())).collect();
            if !devices.is_empty() && new.iter().all(|new| *new) {
                plan.add(target, *place, None, &devices)?;
                continue;
            }
            for nth in (0..devices.len()).filter(|&nth| new[nth]) {
                plan.add(target, *place, Some(nth), &devices[nth..=nth])?;
            }
        }
        Ok(plan)
    }

    fn add(
        &mut self,
        target: &Arc<dyn Target>,
        place: Place,
        only: Option<usize>,
        devices: &[DeviceRef],
    ) -> Result<(), TryReserveError> {
        self.to.try_reserve(devices.len().max(1))?;
        self.parts.try_reserve(1)?;
        self.to.extend(devices.iter().map(|device| (place, Some(device.handle()))));
        if devices.is_empty() {
            self.to.push((place, None));
        }
        self.parts.push(Part { target: target.clone(), only });
        Ok(())
    }

    /// The devices that a flush reaches, once for each time it does, with the place of the
    /// entry. `None` stands for an entry that answers by itself.
    pub(crate) fn to(&self) -> &[(Place, Option<DeviceHandle>)] {
        &self.to
    }

    /// Flushes by this plan.
    pub(crate) fn issue(&self, bio: Bio) {
        if let [part] = &self.parts[..] {
            return part.strategy(bio);
        }
        let piece = |part| Piece { count: Sectors::ZERO, device: part, start: Sector(0) };
        let pieces = self.parts.iter().map(|part| piece(part as &dyn BlockDevice));
        split(bio, &pieces.collect::<Vec<_>>());
    }
}

/// A part as the device that a piece of a flush goes to.
impl BlockDevice for Part {
    fn capacity(&self) -> Sectors {
        Sectors::ZERO
    }

    fn limits(&self) -> Limits {
        self.target.limits()
    }

    fn strategy(&self, bio: Bio) {
        match self.only {
            None => self.target.strategy(bio),
            Some(nth) => self.target.flush_only(bio, nth),
        }
    }
}
