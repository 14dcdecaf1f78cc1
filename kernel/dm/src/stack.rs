//! What lies on what, and whether a table may be put into the stack.
//!
//! Place: [`Dm::load`](crate::Dm::load) asks before a device gets a table. The registry is
//! locked meanwhile. So no device comes or goes, and no device met here is dropped.
//!
//! Rules:
//!
//! - No mapped device contains itself, at most [`DEPTH_MAX`] are stacked, and no flush
//!   becomes more than [`FLUSHES_MAX`].
//! - Each device is looked at once in a walk, however many ways lead to it. So a walk costs
//!   the sum of the tables, not their product.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::ptr;

use crate::bounds::{DEPTH_MAX, FLUSHES_MAX};
use crate::devices::{DeviceHandle, DeviceRef, Mapped};
use crate::entry::Place;
use crate::error::TableError;
use crate::table::Table;

/// Refuses a table for `device` if the stack does not allow it; `all` are the devices of the
/// registry.
pub(crate) fn check<'a>(
    all: impl Iterator<Item = &'a DeviceRef> + Clone,
    device: &dyn Mapped,
    table: &Table,
) -> Result<(), TableError> {
    let mut before = Heights { device, known: BTreeMap::new() };
    let mapped = all.clone().filter_map(|device| device.as_mapped());
    let above = mapped.filter_map(|upper| before.of(&**upper).above).max().unwrap_or(0);
    for (place, lower) in table.below() {
        let Some(mapped) = lower.as_mapped() else { continue };
        let name = lower.name();
        let height = before.of(&**mapped);
        if height.above.is_some() {
            return refuse(
                *place,
                format_args!(
                    "`{name}` is, or contains, the device that this table is for; \
                     use another device"
                ),
            );
        }
        let depth = above + 1 + height.depth;
        if depth > DEPTH_MAX {
            return refuse(
                *place,
                format_args!(
                    "over `{name}` {depth} mapped devices would be stacked, and the limit \
                     is {DEPTH_MAX}; use a device lower in the stack"
                ),
            );
        }
    }
    check_flushes(all, device, table)
}

fn refuse((line, column): Place, reason: core::fmt::Arguments<'_>) -> Result<(), TableError> {
    Err(TableError { line, column, reason: format!("{reason}") })
}

/// How a device stands in the stack.
#[derive(Clone, Copy)]
struct Height {
    /// How many mapped devices are stacked in it, itself included.
    depth: usize,
    /// The longest way down to the device that gets a table, in steps; `None` if it does not
    /// lie on that device.
    above: Option<usize>,
}

/// The heights of the devices that were asked for so far.
struct Heights<'a> {
    device: &'a dyn Mapped,
    known: BTreeMap<usize, Height>,
}

impl Heights<'_> {
    fn of(&mut self, upper: &dyn Mapped) -> Height {
        if let Some(&known) = self.known.get(&key(upper)) {
            return known;
        }
        let below: Vec<Height> = upper.lower().iter().map(|next| self.of(&**next)).collect();
        let above = below.iter().filter_map(|it| it.above).max().map(|steps| steps + 1);
        let height = Height {
            depth: 1 + below.iter().map(|it| it.depth).max().unwrap_or(0),
            above: if key(upper) == key(self.device) { Some(0) } else { above },
        };
        self.known.insert(key(upper), height);
        height
    }
}

fn key(device: &dyn Mapped) -> usize {
    ptr::from_ref(device).addr()
}

/// Refuses a table if a flush of some device would become too many flushes.
fn check_flushes<'a>(
    all: impl Iterator<Item = &'a DeviceRef>,
    device: &dyn Mapped,
    table: &Table,
) -> Result<(), TableError> {
    let mut flushes = Flushes { known: BTreeMap::new() };
    let mut sum = 0usize;
    for (place, flushed) in table.flush_plan().to() {
        sum = sum.saturating_add(flushes.of(flushed.as_ref()));
        if sum > FLUSHES_MAX {
            return refuse(
                *place,
                format_args!(
                    "a flush of this table would become more than {FLUSHES_MAX} at the devices \
                     below; use fewer entries, or a device lower in the stack"
                ),
            );
        }
    }
    // For the devices above, the device counts with its new table or its active one, whichever
    // turns a flush into more.
    let mut flushes =
        Flushes { known: BTreeMap::from([(key(device), flushes.active(device).max(sum))]) };
    for upper in all {
        if flushes.of(Some(upper)) > FLUSHES_MAX {
            let name = upper.name();
            return refuse(
                (1, 1),
                format_args!(
                    "with this table a flush of `{name}`, which lies on it, would become more \
                     than {FLUSHES_MAX} at the devices below; use fewer entries"
                ),
            );
        }
    }
    Ok(())
}

/// How many flushes at the bottom a flush of a device becomes, for the devices asked for so
/// far.
struct Flushes {
    known: BTreeMap<usize, usize>,
}

impl Flushes {
    /// The number for a device; for `None`, an entry that passes its flush on to no device.
    fn of(&mut self, device: Option<&DeviceHandle>) -> usize {
        let Some(mapped) = device.and_then(|device| device.as_mapped()) else { return 1 };
        if let Some(&known) = self.known.get(&key(&**mapped)) {
            return known;
        }
        // Both tables count, since the inactive one may be active the next moment.
        let [active, inactive] = mapped.flushed().map(|flushed| self.sum(&flushed));
        let most = active.max(inactive);
        self.known.insert(key(&**mapped), most);
        most
    }

    /// The number for a mapped device with its active table.
    fn active(&mut self, device: &dyn Mapped) -> usize {
        let [active, _] = device.flushed();
        self.sum(&active)
    }

    fn sum(&mut self, flushed: &[Option<DeviceHandle>]) -> usize {
        flushed.iter().fold(0, |sum, device| sum.saturating_add(self.of(device.as_ref())))
    }
}
