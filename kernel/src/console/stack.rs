//! What lies on what: who would not learn of a write, and who sleeps below.
//!
//! Place: `devices` refuses by it, and so do the commands that flush or suspend.
//!
//! Rule: tables are read as text. In a line of any target that maps devices, a device's
//! name is followed by the sector where its part begins; the part is as long as the line
//! says, divided among the stripes if there are some. A name that no sector follows stands
//! for the whole device, and so does that of a mirror's member.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Extent, Sector, Sectors};
use dm::{DeviceRef, Dm, Mode, Slot};

/// All mapped devices.
pub fn mapped(dm: &Dm) -> Vec<DeviceRef> {
    let listed = dm.list().into_iter();
    listed.filter(|listed| listed.mapped).map(|listed| listed.device).collect()
}

/// The names of all mapped devices, each after those that lie on it.
pub fn from_the_top(dm: &Dm) -> Vec<Arc<str>> {
    let mut left: Vec<Arc<str>> = mapped(dm).iter().map(|device| device.name()).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let on_top = |name: &Arc<str>| users(dm, name).iter().all(|user| !left.contains(user));
        // Devices are stacked without circles, so one is on top.
        let next = left.iter().position(on_top).unwrap_or(0);
        order.push(left.remove(next));
    }
    order
}

/// The mapped devices whose tables use `name`.
pub fn users(dm: &Dm, name: &str) -> Vec<Arc<str>> {
    let uses = |user: &Arc<str>| {
        let Ok(user) = dm.get(user) else { return false };
        let mut below = [Slot::Active, Slot::Inactive].into_iter().flat_map(|slot| user.deps(slot));
        below.any(|names| names.iter().any(|below| **below == *name))
    };
    mapped(dm).iter().map(|device| device.name()).filter(uses).collect()
}

/// Whether the tables of `upper`, or of what it lies on, use `lower`.
pub fn lies_on(dm: &Dm, upper: &str, lower: &str) -> bool {
    let Ok(device) = dm.get(upper) else { return false };
    let mut below = [Slot::Active, Slot::Inactive].into_iter().flat_map(|slot| device.deps(slot));
    below.any(|names| names.iter().any(|name| **name == *lower || lies_on(dm, name, lower)))
}

/// The commands that remove `name`, and before it what lies on it.
pub fn removal(dm: &Dm, name: &str) -> String {
    let order = from_the_top(dm).into_iter();
    let order = order.filter(|it| **it == *name || lies_on(dm, it, name));
    let commands: Vec<String> = order.map(|it| format!("`dmsetup remove {it}`")).collect();
    commands.join(", then ")
}

/// Two that would not learn of each other's writes.
pub struct Clash {
    /// The device that both use in one place.
    pub below: Arc<str>,
    /// The other one that uses it.
    pub user: Arc<str>,
}

/// A device below `name` that another one uses in the same place. In devices further
/// down the whole of what lies on them counts, which refuses slightly too much.
pub fn clash(dm: &Dm, name: &str) -> Option<Clash> {
    let others: Vec<_> = mapped(dm).iter().map(|other| other.name()).collect();
    let others = || others.iter().filter(|other| ***other != *name);
    parts(dm, name).iter().find_map(|part| {
        let same_place = |other: &&Arc<str>| parts(dm, other).iter().any(|its| its.meets(part));
        let here = others().find(same_place);
        let here = here.map(|user| Clash { below: part.below.clone(), user: user.clone() });
        here.or_else(|| clash(dm, &part.below))
    })
}

/// The suspended device that a request to `name` would wait for: itself or one below.
pub fn asleep(dm: &Dm, name: &str) -> Option<Arc<str>> {
    let info = dm.get(name).ok()?.info();
    if info.active && info.mode != Mode::Running {
        Some(name.into())
    } else {
        asleep_below(dm, name)
    }
}

/// The same, `name` itself not counted.
pub fn asleep_below(dm: &Dm, name: &str) -> Option<Arc<str>> {
    let below = dm.get(name).ok()?.deps(Slot::Active).unwrap_or_default();
    below.iter().find_map(|below| asleep(dm, below))
}

/// Whether a flush of some device above `name` gets through to it.
pub fn flushed_from_above(dm: &Dm, name: &str) -> bool {
    let passes = |user: &DeviceRef| {
        let device = dm.get(&user.name());
        let below = device.and_then(|device| device.deps(Slot::Active)).unwrap_or_default();
        below.iter().any(|below| **below == *name) && asleep(dm, &user.name()).is_none()
    };
    mapped(dm).iter().any(passes)
}

/// A part of a device that a table uses.
struct Part {
    below: Arc<str>,
    extent: Extent,
}

impl Part {
    fn meets(&self, other: &Part) -> bool {
        self.below == other.below && self.extent.overlaps(other.extent)
    }
}

/// The parts that the tables of `name`, both of them, use; none if it is a disk.
fn parts(dm: &Dm, name: &str) -> Vec<Part> {
    let Ok(device) = dm.get(name) else { return Vec::new() };
    let mut parts = Vec::new();
    for slot in [Slot::Active, Slot::Inactive] {
        let (Ok(table), Ok(below)) = (device.table(slot), device.deps(slot)) else { continue };
        for line in table.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let sectors = |at: usize| words.get(at)?.parse().ok();
            // A member's metadata comes before its data, which ends the later.
            let member = words.get(2..4) == Some(&["mirror", "internal"]);
            for (at, word) in words.iter().enumerate().skip(first_device(&words)) {
                let Some(below) = below.iter().find(|below| ***below == **word) else { continue };
                let count = sectors(1).map(|count: u64| match words[2] {
                    "striped" => count / sectors(3).unwrap_or(1).max(1),
                    _ => count,
                });
                let place = sectors(at + 1).zip(count);
                let extent =
                    place.and_then(|(start, count)| Extent::try_new(Sector(start), Sectors(count)));
                let whole = Extent::new(Sector(0), Sectors(u64::MAX));
                let extent = extent.filter(|_| !member).unwrap_or(whole);
                parts.push(Part { below: below.clone(), extent });
            }
        }
    }
    parts
}

/// Before which word of a table's line no device can be named: not in its place, length
/// and target, nor in what a mirror has before the number of its legs.
fn first_device(words: &[&str]) -> usize {
    let log_arguments = || words.get(4)?.parse::<usize>().ok();
    match words.get(2) {
        Some(&"mirror") => log_arguments().map_or(3, |count| count.saturating_add(6)),
        _ => 3,
    }
}
