//! The mirror that keeps records on its legs, as a subject of the simulator.
//!
//! The first start finds disks that were just labelled; each later one finds
//! what the disks kept, with the legs that the world left out named `-`. Now and
//! then a person takes back what is out, and has the legs compared.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bio::{BlockDevice, Sector, Sectors};
use dm::{Args, Context, DeviceRef, Events, Target, TargetType};
use dm_mirror::label::{self, Device, Ids, LabelOptions, Phase};
use dm_mirror::{LEGS_MAX, MirrorType};
use sim::{Life, Subject, World};

use super::{Legs, MirrorDevice, Simulated, print_errors};

/// Where the data of each leg begins: right behind the metadata of one page.
pub const DATA_START: u64 = 32;

/// The size of a region.
pub const REGION: u64 = 8;

/// A mirror that keeps records.
struct Mirror {
    device: MirrorDevice,
    stopped: Arc<AtomicBool>,
    events: Arc<Events>,
    /// What the status said when there had been so many events.
    seen: Mutex<Option<(u64, Seen)>>,
}

/// What a status says.
#[derive(Clone, Copy)]
struct Seen {
    life: Life,
    /// A letter for each leg.
    letters: [u8; LEGS_MAX],
}

impl Seen {
    fn of(status: &str) -> Seen {
        let life = match status.rsplit(' ').next() {
            Some("starting") => Life::Starting,
            Some("held") => Life::Held,
            Some("refused") => Life::Refused,
            _ => Life::Running,
        };
        let is_letters = |word: &&str| word.bytes().all(|byte| b"ASD".contains(&byte));
        let word = status.split(' ').rev().find(is_letters).expect("a status has letters");
        let mut letters = [0; LEGS_MAX];
        letters[..word.len()].copy_from_slice(word.as_bytes());
        Seen { life, letters }
    }
}

impl Mirror {
    /// The status, which is asked for many times at each step. Once a mirror has
    /// come to a start or not, it raises an event when anything here changes.
    fn seen(&self) -> Seen {
        let events = self.events.count();
        let mut last = self.seen.lock().expect("nobody panics with it");
        if let Some((when, seen)) = *last
            && when == events
            && seen.life != Life::Starting
        {
            return seen;
        }
        let seen = Seen::of(&self.device.target.status());
        *last = Some((events, seen));
        seen
    }
}

impl Subject for Mirror {
    fn device(&self) -> &dyn BlockDevice {
        &self.device
    }
    fn decides_at_once(&self) -> bool {
        true
    }
    fn in_sync(&self, leg: usize) -> bool {
        self.seen().letters[leg] == b'A'
    }
    fn is_whole(&self, leg: usize) -> bool {
        if self.seen().letters[leg] != b'S' {
            return false;
        }
        let report = self.device.target.message(&["show"]).expect("a report");
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
        self.seen().life
    }
    fn why(&self) -> String {
        self.device.target.message(&["show"]).expect("a report")
    }
    fn start_degraded(&self) {
        self.device.target.message(&["start_degraded"]).expect("it is held");
        *self.seen.lock().expect("nobody panics with it") = None;
    }
    fn returned(&self, leg: usize) {
        // Refused where the leg is not out, or owes requests.
        let _ = self.device.target.message(&["add", &leg.to_string()]);
    }
    fn stop(&self) -> bool {
        let stopped = self.stopped.clone();
        self.device.target.suspend(Box::new(move || stopped.store(true, Ordering::Relaxed)));
        true
    }
    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Which mirrors are built over what the legs hold.
pub struct Recorded {
    /// In sectors.
    pub length: u64,
    /// Tables name legs that are not there, so that they, or other disks, can be
    /// added once they are.
    pub all_named: bool,
    /// The pace of what is copied.
    pub rate: &'static str,
    /// Now and then a person has a look.
    pub cared_for: bool,
}

impl Recorded {
    /// Mirrors of `length` sectors, and nothing special.
    pub fn new(length: u64) -> Recorded {
        Recorded { length, all_named: false, rate: "none,none", cared_for: false }
    }

    /// Builds one at each start.
    pub fn build(self) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
        print_errors();
        move |world, legs| self.start(world, legs)
    }

    fn start(&self, world: &World<'_>, legs: Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
        let Recorded { length, all_named, rate, cared_for } = *self;
        if world.boots() == 0 {
            put_label(world, length);
        }
        let count = legs.len();
        let hidden = |leg| world.absent(leg) && !all_named;
        let name = |leg| if hidden(leg) { " - 0".into() } else { format!(" vbd{leg} 0") };
        let names: String = (0..count).map(name).collect();
        let line = format!("internal 0 {count}{names}");
        let named = |(leg, disk)| DeviceRef::new(&format!("vbd{leg}"), disk);
        let devices = Legs(legs.into_iter().enumerate().map(named).collect());
        let events = Arc::new(Events::default());
        let context = Context {
            length: Sectors(length),
            devices: &devices,
            env: Arc::new(Simulated(world.clock().clone())),
            events: events.clone(),
        };
        let target = MirrorType.create(&mut Args::new(&line), &context).expect("a right table");
        target.message(&["sync_rate", rate]).expect("a right rate");
        target.resume();
        if cared_for {
            look_after(world, &target);
        }
        let device = MirrorDevice { target, length: Sectors(length) };
        let (stopped, seen) = (Arc::default(), Mutex::default());
        Box::new(Mirror { device, stopped, events, seen })
    }
}

/// What a person does with each mirror, if time passes.
const CARE: [&str; 4] = ["check", "add", "repair", "check"];

/// How much time passes between that.
const CARE_DELAY: Duration = Duration::from_millis(300);

fn look_after(world: &World<'_>, target: &Arc<dyn Target>) {
    let legs = world.legs().len();
    for (word, nth) in CARE.into_iter().zip(1..) {
        let target = target.clone();
        world.clock().after(CARE_DELAY * nth, move || {
            assert_nothing_unexpected(&*target);
            // Refused where it makes no sense.
            match word {
                "add" => (0..legs).for_each(|leg| drop(target.message(&["add", &leg.to_string()]))),
                word => drop(target.message(&[word])),
            }
        });
    }
}

/// Legs in sync differ only where the map says that they may.
fn assert_nothing_unexpected(target: &dyn Target) {
    let report = target.message(&["show"]).expect("a report");
    let mut findings = report.lines().filter(|line| line.ends_with(" differs"));
    assert_eq!(findings.next(), None, "{report}");
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
