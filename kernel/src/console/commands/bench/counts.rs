//! The requests to the disks and mirrors below a device.
//!
//! Place: `bench` reads the counts before and after a load. Drivers and mirrors always count.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use dm::{Dm, MappedDevice};

use crate::console::commands::mirror::{self, Place};
use crate::console::stack;
use crate::disks::{self, Disk};

/// The disks and mirrors that a device's requests reach.
pub struct Below {
    disks: Vec<&'static Disk>,
    mirrors: Vec<(Arc<MappedDevice>, Place)>,
}

/// The requests that they got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that disks were given, flushes included.
    pub requests: u64,
    /// Flushes that disks were given.
    pub flushes: u64,
    /// Times that a disk was kicked.
    pub kicks: u64,
    /// Times that a disk interrupted.
    pub interrupts: u64,
    /// Writes and flushes of mirrors to their legs, by what they were for; `None` if there is no
    /// mirror.
    pub mirror: Option<BTreeMap<&'static str, Asked>>,
}

/// The requests that legs got for one cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Writes and discards.
    pub writes: u64,
    /// Flushes.
    pub flushes: u64,
}

/// Causes for which a mirror writes data; for all others it writes records.
const DATA: [&str; 2] = ["user", "copy"];

impl Below {
    /// The disks and mirrors below a device, the device itself included.
    pub fn of(dm: &Dm, name: &str) -> Below {
        let mut names = Vec::from_iter(stack::active_below(dm, name));
        names.push(name.into());
        let mut below = Below {
            disks: names.iter().filter_map(|it| disks::find(it)).collect(),
            mirrors: Vec::new(),
        };
        for device in names.iter().filter_map(|it| dm.get(it).ok()) {
            let places = mirror::mirrors(&device).into_iter();
            below.mirrors.extend(places.map(|place| (device.clone(), place)));
        }
        below
    }

    /// Their counts since they exist.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for of_disk in self.disks.iter().map(|disk| disk.status().counts) {
            counts.requests += of_disk.requests;
            counts.flushes += of_disk.flushes;
            counts.kicks += of_disk.kicks;
            counts.interrupts += of_disk.interrupts;
        }
        for (device, place) in &self.mirrors {
            let causes = counts.mirror.get_or_insert_default();
            let legs = mirror::report(device, place).into_iter().flat_map(|it| it.legs);
            for cost in legs.flat_map(|leg| leg.costs) {
                let asked = causes.entry(cost.cause).or_default();
                asked.writes += cost.writes;
                asked.flushes += cost.flushes;
            }
        }
        counts
    }
}

impl Counts {
    /// The requests since `before`. The counts of a leg that left meanwhile are gone.
    pub fn since(self, before: &Counts) -> Counts {
        let earlier = |cause: &str| {
            before.mirror.as_ref().and_then(|causes| causes.get(cause)).copied().unwrap_or_default()
        };
        let mirror = self.mirror.map(|mut causes| {
            for (cause, asked) in &mut causes {
                let before = earlier(cause);
                asked.writes = asked.writes.saturating_sub(before.writes);
                asked.flushes = asked.flushes.saturating_sub(before.flushes);
            }
            causes
        });
        Counts {
            requests: self.requests - before.requests,
            flushes: self.flushes - before.flushes,
            kicks: self.kicks - before.kicks,
            interrupts: self.interrupts - before.interrupts,
            mirror,
        }
    }

    /// Writes of records by mirrors; `None` if there is no mirror.
    pub fn metadata_writes(&self) -> Option<u64> {
        let records = |(cause, _): &(&&str, &Asked)| !DATA.contains(cause);
        let causes = self.mirror.as_ref()?.iter().filter(records);
        Some(causes.map(|(_, asked)| asked.writes).sum())
    }

    /// The requests of mirrors to their legs for one cause.
    pub fn of_cause(&self, cause: &str) -> Asked {
        self.mirror.as_ref().and_then(|causes| causes.get(cause)).copied().unwrap_or_default()
    }
}
