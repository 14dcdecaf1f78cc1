//! The mirror that keeps records on its legs, as a subject of the simulator.
//!
//! The first start finds disks that were just labelled; each later one finds
//! what the disks kept, with the legs that the world left out named `-`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bio::{Bio, BlockDevice, Limits, Sector, Sectors};
use dm::{Args, Context, DeviceRef, Events, Target, TargetType};
use dm_mirror::MirrorType;
use dm_mirror::label::{self, Device, Ids, LabelOptions, Phase};
use sim::{Life, Subject, World};

use super::{Legs, Simulated, at_once};

/// Where the data of each leg begins: right behind the metadata of one page.
pub const DATA_START: u64 = 32;

/// The size of a region.
pub const REGION: u64 = 8;

/// A mirror target as a device of its own.
struct Mirror {
    target: Arc<dyn Target>,
    length: Sectors,
    stopped: Arc<AtomicBool>,
}

impl BlockDevice for Mirror {
    fn capacity(&self) -> Sectors {
        self.length
    }
    fn limits(&self) -> Limits {
        self.target.limits()
    }
    fn strategy(&self, bio: Bio) {
        self.target.strategy(bio);
    }
}

impl Subject for Mirror {
    fn device(&self) -> &dyn BlockDevice {
        self
    }
    fn in_sync(&self, leg: usize) -> bool {
        let status = self.target.status();
        let is_letters = |word: &&str| word.bytes().all(|byte| b"ASD".contains(&byte));
        let letters = status.split(' ').rev().find(is_letters).expect("a status has letters");
        letters.as_bytes()[leg] == b'A'
    }
    fn is_whole(&self, leg: usize) -> bool {
        let report = self.target.message(&["show"]).expect("a report");
        let line = report.lines().nth(2 + leg).expect("a line for each leg");
        line.ends_with("whole, being recorded as in sync")
    }
    fn data_start(&self, _leg: usize) -> Sector {
        Sector(DATA_START)
    }
    fn is_record(&self, _leg: usize, sector: Sector) -> bool {
        sector < Sector(16)
    }
    fn life(&self) -> Life {
        match self.target.status().rsplit(' ').next() {
            Some("starting") => Life::Starting,
            Some("held") => Life::Held,
            Some("refused") => Life::Refused,
            _ => Life::Running,
        }
    }
    fn why(&self) -> String {
        self.target.message(&["show"]).expect("a report")
    }
    fn start_degraded(&self) {
        self.target.message(&["start_degraded"]).expect("it is held");
    }
    fn returned(&self, leg: usize) {
        // Refused where the leg is not out, or owes requests.
        let _ = self.target.message(&["add", &leg.to_string()]);
    }
    fn stop(&self) -> bool {
        let stopped = self.stopped.clone();
        self.target.suspend(Box::new(move || stopped.store(true, Ordering::Relaxed)));
        true
    }
    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Builds mirrors of `length` sectors over what the legs hold.
pub fn recorded(
    length: u64,
) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    over(length, false)
}

/// The same with tables that name legs which are not there, so that they, or other
/// disks, can be added once they are.
pub fn recorded_with_all_named(
    length: u64,
) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    over(length, true)
}

fn over(
    length: u64,
    all: bool,
) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    move |world, legs| {
        if world.boots() == 0 {
            put_label(world, length);
        }
        let count = legs.len();
        let hidden = |leg| world.absent(leg) && !all;
        let name = |leg| if hidden(leg) { " - 0".into() } else { format!(" vbd{leg} 0") };
        let names: String = (0..count).map(name).collect();
        let line = format!("internal 0 {count}{names}");
        let named = |(leg, disk)| DeviceRef::new(&format!("vbd{leg}"), disk);
        let devices = Legs(legs.into_iter().enumerate().map(named).collect());
        let context = Context {
            length: Sectors(length),
            devices: &devices,
            env: Arc::new(Simulated(world.clock().clone())),
            events: Arc::new(Events::default()),
        };
        let target = MirrorType.create(&mut Args::new(&line), &context).expect("a right table");
        at_once(&*target);
        target.resume();
        Box::new(Mirror { target, length: Sectors(length), stopped: Arc::default() })
    }
}

/// Labels the disks, which all hold the same data.
fn put_label(world: &World<'_>, length: u64) {
    let capacity = Sectors(DATA_START + length);
    let devices = vec![Device { capacity, block_size: 512 }; world.legs().len()];
    let mut next = 0;
    let random = || {
        next += 1;
        next
    };
    let ids = Ids::new(devices.len(), random);
    let options = LabelOptions {
        region: Some(Sectors(REGION)),
        data_start: Some(Sector(DATA_START)),
        clean: true,
        ..LabelOptions::new("m")
    };
    let label = label::plan(&options, &ids, &devices).expect("disks that are large enough");
    for (leg, disk) in world.legs().iter().enumerate() {
        for phase in Phase::ALL {
            for (place, unit) in label.writes(leg, phase) {
                disk.preset(place.start(), &unit[..]);
            }
        }
    }
}
