//! A table: which target serves which sectors, and the way of a request to it.
//!
//! Place: made by the [parser](crate::parse), used by the
//! [mapped device](crate::MappedDevice) that it was made for.
//!
//! Rules:
//!
//! - Entries lie in order, without gap or overlap, from sector 0.
//! - Every request passed down carries a frame of the table. The frame keeps the table alive
//!   until the request has completed, and then tells the device.
//! - A request within one entry is passed on without an allocation.

use alloc::boxed::Box;
use alloc::collections::TryReserveError;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use bio::{
    Bio, BioDone, Buf, BufCmd, BufDone, ErrorKind, Extent, IoResult, Limits, Piece, SECTOR_SIZE,
    Sector, Sectors, split,
};

use crate::devices::{DeviceHandle, Mapped};
use crate::entry::{Entry, Place};
use crate::env::{Moment, Probe};
use crate::events::Events;
use crate::flush::FlushPlan;
use crate::limits::stack;
use crate::line::Line;
use crate::part::Part;
use crate::target::Target;

/// Who counts the requests of a table: the device that it was loaded into.
pub(crate) trait Counts: Send + Sync {
    /// A request has completed, and its completion returned.
    fn completed(&self);
}

/// A table, bound to the device it was loaded into.
pub(crate) struct Table {
    entries: Box<[Entry]>,
    limits: Limits,
    /// The devices that its targets hold open, each once, with the place that names it first.
    below: Vec<(Place, DeviceHandle)>,
    /// The way of a flush.
    flush: FlushPlan,
    device: Weak<dyn Counts>,
    /// Is told when requests end, and of which device.
    probe: Option<(Probe, Arc<Events>)>,
}

impl Table {
    /// A table of these entries. Fails if memory is short. Panics if there is no entry, or if
    /// they do not lie in order without gap.
    pub(crate) fn new(
        entries: Vec<Entry>,
        device: Weak<dyn Counts>,
        probe: Option<(Probe, Arc<Events>)>,
    ) -> Result<Table, TryReserveError> {
        let end = entries.iter().fold(Sector(0), |start, entry| {
            assert_eq!(entry.extent.start(), start, "entries lie without gap or overlap");
            entry.extent.end()
        });
        assert_ne!(end, Sector(0), "a table has an entry");
        let limits = stack(entries.iter().map(|entry| entry.limits));
        let below = each_once(&entries)?;
        let flush = FlushPlan::new(&entries)?;
        Ok(Table { entries: entries.into(), limits, below, flush, device, probe })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn capacity(&self) -> Sectors {
        let end = self.entries.last().expect("a table has an entry").extent.end();
        end - Sector(0)
    }

    /// All devices that its targets use, each once, with the place of the entry that names it
    /// first.
    pub(crate) fn below(&self) -> &[(Place, DeviceHandle)] {
        &self.below
    }

    /// The way of a flush.
    pub(crate) fn flush_plan(&self) -> &FlushPlan {
        &self.flush
    }

    /// The mapped devices that it lies on.
    pub(crate) fn lower(&self) -> impl Iterator<Item = Arc<dyn Mapped>> {
        self.below.iter().filter_map(|(_, device)| device.as_mapped().cloned())
    }

    /// How often its devices lost their caches, in total.
    pub(crate) fn resets(&self) -> u64 {
        self.below.iter().fold(0, |sum, (_, device)| sum.wrapping_add(device.resets()))
    }

    /// The entry that `sector` belongs to.
    pub(crate) fn find(&self, sector: Sector) -> Option<&Entry> {
        self.entries_of(Extent::try_new(sector, Sectors(1))?).first()
    }

    /// The entries that have a part in `extent`.
    fn entries_of(&self, extent: Extent) -> &[Entry] {
        let first = self.entries.partition_point(|entry| entry.extent.end() <= extent.start());
        let end = self.entries.partition_point(|entry| entry.extent.start() < extent.end());
        &self.entries[first..end]
    }

    /// Takes over a request that its device has counted.
    pub(crate) fn strategy(self: &Arc<Self>, bio: Bio) {
        let extent = bio.extent();
        if let Err(kind) = self.check(bio.cmd(), extent) {
            return bio.push_bio(extent.start(), self.clone(), 0).fail(kind);
        }
        if bio.cmd() == BufCmd::Flush {
            return self.flush.issue(bio.push_bio(extent.start(), self.clone(), 0));
        }
        let entries = self.entries_of(extent);
        if let [entry] = entries {
            let start = entry.offset(extent.start());
            return entry.target.strategy(bio.push_bio(start, self.clone(), 0));
        }
        let bio = bio.push_bio(extent.start(), self.clone(), 0);
        split(bio, &pieces(entries, extent));
    }

    /// Whether the request is one that this table can serve.
    fn check(&self, cmd: BufCmd, extent: Extent) -> Result<(), ErrorKind> {
        let block = u64::from(self.limits.block_size) / SECTOR_SIZE as u64;
        let aligned =
            extent.start().0.is_multiple_of(block) && extent.count().0.is_multiple_of(block);
        if cmd == BufCmd::Flush {
            Ok(())
        } else if extent.is_empty() || !aligned || !extent.fits(self.capacity()) {
            Err(ErrorKind::Invalid)
        } else if cmd.modifies() && self.limits.read_only {
            Err(ErrorKind::ReadOnly)
        } else if cmd == BufCmd::FreeBlks && !self.limits.discard {
            Err(ErrorKind::Unsupported)
        } else {
            Ok(())
        }
    }

    /// Its lines, with what `words` says of each target.
    pub(crate) fn lines(&self, words: impl Fn(&dyn Target) -> String) -> Vec<Line> {
        let line = |Entry { extent, kind, target, .. }: &Entry| Line {
            extent: *extent,
            target: kind.name(),
            words: words(&**target),
        };
        self.entries.iter().map(line).collect()
    }

    /// The parts of devices that its targets use, by the order of its entries.
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.entries.iter().flat_map(|entry| entry.target.parts(entry.extent.count())).collect()
    }

    /// Flushes all devices that the table lies on, and tells `done`. The mapped device does not
    /// count this flush as a request.
    pub(crate) fn flush(&self, done: Arc<dyn BufDone>) {
        self.flush.issue(Bio::new(Buf::flush(), done, 0));
    }
}

/// The lower layers are done with the request. It completes upward first, and only then may the
/// device count it off, and the table be dropped.
impl BioDone for Table {
    fn bio_done(self: Arc<Self>, bio: Bio, _info: u64, result: IoResult) {
        if let Some((probe, events)) = &self.probe {
            let result = result.map_err(|error| error.kind);
            probe(&|| events.device(), Moment::Ended(bio.cmd(), bio.extent(), result));
        }
        bio.biodone(result);
        let device = self.device.clone();
        drop(self);
        if let Some(device) = device.upgrade() {
            device.completed();
        }
    }
}

/// The pieces of `extent`, one for each of `entries`, which all have a part in it.
fn pieces(entries: &[Entry], extent: Extent) -> Vec<Piece<'_>> {
    let pieces = entries.iter().filter_map(|entry| {
        let part = entry.extent.intersection(extent)?;
        Some(Piece { count: part.count(), device: entry, start: entry.offset(part.start()) })
    });
    pieces.collect()
}

/// The devices of the targets, each once, in the order in which they are named.
fn each_once(entries: &[Entry]) -> Result<Vec<(Place, DeviceHandle)>, TryReserveError> {
    let mut all: Vec<(usize, Place, DeviceHandle)> = Vec::new();
    for entry in entries {
        let devices = entry.target.devices();
        all.try_reserve(devices.len())?;
        for device in devices {
            all.push((all.len(), entry.place, device.handle()));
        }
    }
    // Entries of one device side by side, the first of them in front; then in order again.
    all.sort_unstable_by_key(|(nth, _, device)| (device.key(), *nth));
    all.dedup_by(|later, first| later.2.is(&first.2));
    all.sort_unstable_by_key(|(nth, ..)| *nth);
    let mut below = Vec::new();
    below.try_reserve_exact(all.len())?;
    below.extend(all.into_iter().map(|(_, place, device)| (place, device)));
    Ok(below)
}
