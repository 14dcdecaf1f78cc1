//! The mirror that keeps records on its legs, as a subject of the simulator.
//!
//! The first start finds disks that were just labelled; each later one finds
//! what the disks kept, with the legs that the world left out named `-`.
//!
//! Most worlds are as small as can be: one page of the map, legs that are whole disks. A
//! [`Window`] has clients use some sectors of a large mirror, on legs that lie behind an
//! offset, at no greater cost.

use std::sync::Arc;

use bio::{BlockDevice, Extent, Sector, Sectors};
use dm::{Dm, TargetType};
use dm_mirror::MirrorType;
use dm_mirror::format::{REGIONS_PER_PAGE, SLOTS, UNIT_SECTORS};
use dm_mirror::label::{self, Device, Ids, LabelOptions, Phase};
use sim::{Subject, World};

use super::mapped::{Mapped, Settings};
use super::{Simulated, pictures, print_errors};

/// Where the data of each leg begins: right behind the metadata of one page.
pub const DATA_START: u64 = 32;

/// What clients see of a mirror, and where the mirror's part of each disk is.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The mirror's sector that is the clients' first.
    pub first: u64,
    /// The size of the mirror.
    pub length: u64,
    /// Where on each disk its leg begins.
    pub offset: u64,
    /// Where on each leg the data begins.
    pub data_start: u64,
}

impl Window {
    /// All of a mirror, on legs that are whole disks.
    pub const fn whole(length: u64) -> Window {
        Window { first: 0, length, offset: 0, data_start: DATA_START }
    }

    /// The end of a mirror whose map has two pages. The clients' second region is the
    /// first one of the second page.
    pub const fn two_pages(sectors: u64) -> Window {
        let first = REGION * (REGIONS_PER_PAGE as u64 - 1);
        Window { first, length: first + sectors, offset: 8, data_start: 48 }
    }

    /// Where on each disk the records lie: of the superblock both copies, and of each page.
    pub fn records(self) -> Vec<Extent> {
        let unit = UNIT_SECTORS.0;
        let pages = self.length.div_ceil(REGION).div_ceil(REGIONS_PER_PAGE as u64);
        let places = (0..SLOTS as u64 * (1 + pages)).map(|nth| Sector(self.offset + nth * unit));
        places.map(|start| Extent::new(start, UNIT_SECTORS)).collect()
    }

    /// The size of each disk.
    pub const fn disk(self) -> Sectors {
        Sectors(self.offset + self.data_start + self.length)
    }
}

/// The size of a region.
pub const REGION: u64 = 8;

/// Which mirrors are built over what the legs hold.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// What clients see of them.
    pub window: Window,
    /// Tables name legs that are not there, so that they, or other disks, can be
    /// added once they are.
    pub all_named: bool,
    /// The pace of what is copied.
    pub rate: &'static str,
    /// Starts name the legs in any order.
    pub shuffled: bool,
}

impl Recorded {
    /// Mirrors of `length` sectors, and nothing special.
    pub fn new(length: u64) -> Recorded {
        Recorded::seen(Window::whole(length))
    }

    /// Mirrors of which clients see this much.
    pub fn seen(window: Window) -> Recorded {
        Recorded { window, all_named: false, rate: "none,none", shuffled: false }
    }

    /// Builds one at each start.
    pub fn build(self) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
        print_errors();
        move |world, legs| Box::new(self.start_as(pictures::mirror_type(world), world, legs))
    }

    /// Builds the mirror of a start.
    pub fn start(&self, world: &World<'_>, legs: Vec<Arc<dyn BlockDevice>>) -> Mapped {
        self.start_as(Arc::new(MirrorType), world, legs)
    }

    fn start_as(
        &self,
        kind: Arc<dyn TargetType>,
        world: &World<'_>,
        legs: Vec<Arc<dyn BlockDevice>>,
    ) -> Mapped {
        let Recorded { window, all_named, rate, .. } = *self;
        if world.boots() == 0 {
            put_label(world, window);
        }
        let count = legs.len();
        let dm = Arc::new(Dm::new(Arc::new(Simulated(world.clock().clone()))));
        dm.add_type(kind).expect("the first of its name");
        for (leg, disk) in legs.into_iter().enumerate() {
            dm.add_disk(&format!("vbd{leg}"), disk).expect("a free name");
        }
        let hidden = (0..count).map(|leg| world.absent(leg) && !all_named).collect();
        let order = if self.shuffled { shuffled(world, count) } else { (0..count).collect() };
        Mapped::start(dm, Settings { window, rate, hidden }, order)
    }
}

/// The legs in an order that the run so far decides.
fn shuffled(world: &World<'_>, count: usize) -> Vec<usize> {
    let mut random = sim::Random::new(world.steps());
    let mut left: Vec<usize> = (0..count).collect();
    (0..count).map(|_| left.remove(random.below(left.len() as u64) as usize)).collect()
}

/// Labels the disks, which all hold the same data.
fn put_label(world: &World<'_>, window: Window) {
    let capacity = Sectors(window.data_start + window.length);
    let devices = vec![Device { capacity, block_size: 512 }; world.legs().len()];
    let mut next = 0;
    let random = || {
        next += 1;
        next
    };
    let ids = Ids::new(devices.len(), random);
    let options = LabelOptions {
        region: Some(Sectors(REGION)),
        data_start: Some(Sector(window.data_start)),
        clean: true,
        ..LabelOptions::new("m")
    };
    let label = label::plan(&options, &ids, &devices).expect("disks that are large enough");
    for (leg, disk) in world.legs().iter().enumerate() {
        for phase in Phase::ALL {
            for (place, unit) in label.writes(leg, phase) {
                disk.preset(place.start() + Sectors(window.offset), &unit[..]);
            }
        }
    }
}
