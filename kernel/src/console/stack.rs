//! Which device lies on which: who would not learn of a write, and which device below is
//! suspended.
//!
//! Place: `devices` and the commands that flush or suspend ask it what to refuse.
//!
//! Rules:
//!
//! - A target says which parts of devices it uses; a mirror uses all of a member.
//! - A walk looks at each device once, however many ways lead to it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::Extent;
use dm::{DeviceRef, Dm, Mode, Slot};

/// All mapped devices.
pub fn mapped(dm: &Dm) -> Vec<DeviceRef> {
    let listed = dm.list().into_iter();
    listed.filter(|listed| listed.mapped).map(|listed| listed.device).collect()
}

/// The names of all mapped devices, each after those that lie on it.
pub fn from_the_top(dm: &Dm) -> Vec<Arc<str>> {
    let mut left: Vec<(Arc<str>, BTreeSet<Arc<str>>)> =
        mapped(dm).iter().map(|device| (device.name(), uses(dm, &device.name()))).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let on_top = |name: &Arc<str>| left.iter().all(|(_, below)| !below.contains(name));
        // Devices are stacked without circles, so one is on top.
        let next = left.iter().position(|(name, _)| on_top(name)).unwrap_or(0);
        order.push(left.remove(next).0);
    }
    order
}

/// The devices that the two tables of `name` use.
fn uses(dm: &Dm, name: &str) -> BTreeSet<Arc<str>> {
    let Ok(device) = dm.get(name) else { return BTreeSet::new() };
    let slots = [Slot::Active, Slot::Inactive].into_iter();
    slots.flat_map(|slot| device.deps(slot)).flatten().collect()
}

/// The mapped devices whose tables use `name`.
pub fn users(dm: &Dm, name: &str) -> Vec<Arc<str>> {
    let names = mapped(dm).into_iter().map(|device| device.name());
    names.filter(|user| uses(dm, user).contains(name)).collect()
}

/// Whether the tables of `upper`, or those of the devices below it, use `lower`.
pub fn lies_on(dm: &Dm, upper: &str, lower: &str) -> bool {
    below(upper, |name| uses(dm, name)).contains(lower)
}

/// All devices below `name`, where each has `next` directly below it. Each is looked at once,
/// however many ways lead to it.
fn below(name: &str, next: impl Fn(&str) -> BTreeSet<Arc<str>>) -> BTreeSet<Arc<str>> {
    let (mut all, mut left) = (BTreeSet::new(), Vec::from_iter(next(name)));
    while let Some(name) = left.pop() {
        if !all.contains(&name) {
            left.extend(next(&name));
            all.insert(name);
        }
    }
    all
}

/// The commands that remove the devices on `name`, and then `name`.
pub fn removal(dm: &Dm, name: &str) -> String {
    let order = from_the_top(dm).into_iter();
    let order = order.filter(|it| **it == *name || lies_on(dm, it, name));
    let commands: Vec<String> = order.map(|it| format!("`dmsetup remove {it}`")).collect();
    commands.join(", then ")
}

/// Two devices that would not learn of each other's writes.
pub struct Clash {
    /// The device that both use in one place.
    pub below: Arc<str>,
    /// The other device that uses it.
    pub user: Arc<str>,
}

/// A device below `name` that another device uses in the same place. Of a device further down
/// all parts count, not only those below `name`: this refuses slightly too much.
pub fn clash(dm: &Dm, name: &str) -> Option<Clash> {
    let all: Vec<(Arc<str>, Parts)> =
        mapped(dm).iter().map(|device| (device.name(), parts(dm, &device.name()))).collect();
    let parts_of = |name: &str| all.iter().find(|(user, _)| **user == *name);
    let (mut seen, mut left) = (BTreeSet::new(), Vec::from([Arc::<str>::from(name)]));
    while let Some(name) = left.pop() {
        let Some((_, parts)) = parts_of(&name).filter(|_| seen.insert(name.clone())) else {
            continue;
        };
        for (below, places) in parts {
            let meets = |(user, its): &&(Arc<str>, Parts)| {
                *user != name && its.get(below).is_some_and(|its| overlap(places, its))
            };
            if let Some((user, _)) = all.iter().find(meets) {
                return Some(Clash { below: below.clone(), user: user.clone() });
            }
            left.push(below.clone());
        }
    }
    None
}

/// The suspended device that a request to `name` would wait for: itself or one below.
pub fn asleep(dm: &Dm, name: &str) -> Option<Arc<str>> {
    if sleeps(dm, name) { Some(name.into()) } else { asleep_below(dm, name) }
}

/// The same, without `name` itself.
pub fn asleep_below(dm: &Dm, name: &str) -> Option<Arc<str>> {
    active_below(dm, name).into_iter().find(|name| sleeps(dm, name))
}

/// The devices that a request to `name` may reach, without `name` itself.
pub fn active_below(dm: &Dm, name: &str) -> BTreeSet<Arc<str>> {
    let next = |name: &str| {
        let active = dm.get(name).and_then(|device| device.deps(Slot::Active));
        active.unwrap_or_default().into_iter().collect()
    };
    below(name, next)
}

fn sleeps(dm: &Dm, name: &str) -> bool {
    let info = dm.get(name).map(|device| device.info());
    info.is_ok_and(|info| info.active && info.mode != Mode::Running)
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

/// The parts of devices that tables use, by device: in order, with adjacent parts joined.
type Parts = BTreeMap<Arc<str>, Vec<Extent>>;

/// The parts that the two tables of `name` use; none if it is a disk.
fn parts(dm: &Dm, name: &str) -> Parts {
    let mut parts = Parts::new();
    let Ok(device) = dm.get(name) else { return parts };
    for slot in [Slot::Active, Slot::Inactive] {
        for part in device.parts(slot).unwrap_or_default() {
            parts.entry(part.device.name()).or_default().push(part.extent);
        }
    }
    parts.values_mut().for_each(join);
    parts
}

/// Sorts extents, and joins those that touch or overlap.
fn join(extents: &mut Vec<Extent>) {
    extents.sort_unstable_by_key(|extent| extent.start());
    extents.dedup_by(|next, last| {
        let touches = next.start() <= last.end();
        if touches {
            *last = Extent::new(last.start(), last.end().max(next.end()) - last.start());
        }
        touches
    });
}

/// Whether some of `these` overlaps some of `those`, both being [joined](join).
fn overlap(these: &[Extent], those: &[Extent]) -> bool {
    these.iter().any(|this| {
        let first = those.partition_point(|that| that.end() <= this.start());
        those.get(first).is_some_and(|that| that.overlaps(*this))
    })
}
