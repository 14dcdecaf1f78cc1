//! Everything that a loss of power may leave of one disk.
//!
//! Place: [`crashes`](crate::crashes) takes the product of these over the legs.
//!
//! The unit is a write, not a sector. Each write that landed or is in flight, and is not
//! durable, survives whole, or not at all, or torn in the middle of the sectors that it can
//! change: only the first half, or only the second. If several surviving writes meet in a
//! sector, the one that landed last wins, since nothing older is written back after it. Writes
//! that cannot change anything are left out, and equal images count once.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::Sector;

use crate::cache::{Cache, Content, WriteId};
use crate::digest::digest_of;
use crate::disk::SimDisk;
use crate::slot::{self, Late, Slot};

/// The most combinations of writes that are tried for one disk at one moment.
pub const LEG_IMAGES_MAX: u64 = 4096;

/// What a crash may leave of a disk.
#[derive(Default)]
pub(crate) struct Images {
    /// Each image, once. The first is the medium as it is.
    pub(crate) all: Vec<Image>,
    /// How many combinations were not tried.
    pub(crate) capped: u64,
}

/// One image that a crash may leave of a disk, by its differences from the medium.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) changes: Vec<(Sector, Content)>,
    pub(crate) digest: u128,
}

/// What one write puts into one sector, and its position among the writes there.
struct Part {
    sector: usize,
    position: usize,
    content: Content,
}

/// A write that may survive: its first half, and its second.
struct Unit([Vec<Part>; 2]);

impl SimDisk {
    /// All that a loss of power may leave of it now.
    pub(crate) fn images(&self) -> Images {
        self.look(|cache, slots, late| {
            let units = units(cache, slots, late);
            combine(cache, &units)
        })
    }

    /// The disk that a start finds after a crash left this image.
    pub(crate) fn left(&self, image: &Image) -> Arc<SimDisk> {
        self.look(|cache, _, _| {
            let mut contents = cache.contents();
            for (sector, content) in &image.changes {
                contents[sector.0 as usize] = content.clone();
            }
            SimDisk::holding(contents, bio::BlockDevice::limits(self))
        })
    }
}

fn units(cache: &Cache, slots: &[Slot], late: &[Late]) -> Vec<Unit> {
    let mut writes: Vec<(WriteId, Part)> = Vec::new();
    cache.each_cached(|write, sector, position, content| {
        writes.push((write, Part { sector, position, content: content.clone() }));
    });
    for (id, sector, content) in slot::in_flight(slots, late) {
        // Later than the writes that have landed, and than those issued before.
        let position = usize::MAX / 2 + id.0 as usize;
        writes.push((id.0, Part { sector, position, content }));
    }
    writes.sort_by_key(|(write, part)| (*write, part.sector));
    let mut units = Vec::new();
    for same in writes.chunk_by(|a, b| a.0 == b.0) {
        let matters = |part: &&Part| {
            let mut others = writes.iter().filter(|(_, other)| other.sector == part.sector);
            let medium = cache.medium(Sector(part.sector as u64));
            others.any(|(_, other)| other.content != *medium)
        };
        let parts: Vec<&Part> = same.iter().map(|(_, part)| part).filter(matters).collect();
        let mut halves = [Vec::new(), Vec::new()];
        for (nth, part) in parts.iter().enumerate() {
            let Part { sector, position, ref content } = **part;
            let half = usize::from(nth >= parts.len().div_ceil(2));
            halves[half].push(Part { sector, position, content: content.clone() });
        }
        if halves.iter().any(|half| !half.is_empty()) {
            units.push(Unit(halves));
        }
    }
    units
}

fn combine(cache: &Cache, units: &[Unit]) -> Images {
    let base = cache.digest();
    let ways = |unit: &Unit| if unit.0.iter().all(|half| !half.is_empty()) { 4 } else { 2 };
    let combinations = units.iter().map(ways).try_fold(1u64, u64::checked_mul);
    let combinations = combinations.unwrap_or(u64::MAX);
    let tried = combinations.min(LEG_IMAGES_MAX);
    let mut images = Images { all: Vec::new(), capped: combinations - tried };
    let mut seen = BTreeSet::new();
    for number in 0..tried {
        let mut left = number;
        let mut parts: Vec<&Part> = Vec::new();
        for unit in units {
            let (way, of) = (left % ways(unit), ways(unit));
            left /= of;
            // Bits say which halves survive; with one half only it is all or nothing.
            let bits = if of == 2 { way * 3 } else { way };
            let halves = unit.0.iter().enumerate().filter(|(half, _)| bits >> half & 1 == 1);
            halves.for_each(|(_, half)| parts.extend(half));
        }
        let image = image(cache, base, parts);
        if seen.insert(image.digest) {
            images.all.push(image);
        }
    }
    images
}

fn image(cache: &Cache, base: u128, mut parts: Vec<&Part>) -> Image {
    parts.sort_by_key(|part| (part.sector, part.position));
    let mut image = Image { changes: Vec::new(), digest: base };
    for same in parts.chunk_by(|a, b| a.sector == b.sector) {
        let newest = same[same.len() - 1];
        let sector = Sector(newest.sector as u64);
        let medium = cache.medium(sector);
        if newest.content != *medium {
            image.digest = image.digest.wrapping_sub(digest_of((sector.0, medium)));
            image.digest = image.digest.wrapping_add(digest_of((sector.0, &newest.content)));
            image.changes.push((sector, newest.content.clone()));
        }
    }
    image
}
