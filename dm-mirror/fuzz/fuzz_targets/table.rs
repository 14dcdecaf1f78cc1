//! No text is a table that the device mapper falls over, and one that it takes it prints so
//! that it takes it again.
#![no_main]
#![forbid(unsafe_code)]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bio::{Bio, BlockDevice, Limits, Sectors};
use dm::{Dm, DmError, Env, Slot, Work};
use dm_mirror::MirrorType;
use libfuzzer_sys::fuzz_target;

/// What one table may take at most, in bytes.
const ROOM: usize = 8 * 1024 * 1024;

struct Small;

impl Env for Small {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, _: Arc<dyn Work>) {}
    fn random(&self) -> u64 {
        4
    }
    fn has_room(&self, bytes: usize) -> bool {
        bytes <= ROOM
    }
}

/// A disk of any size that holds nothing.
struct Disk(u64, u32);

impl BlockDevice for Disk {
    fn capacity(&self) -> Sectors {
        Sectors(self.0)
    }
    fn limits(&self) -> Limits {
        Limits { block_size: self.1, ..Limits::default() }
    }
    fn strategy(&self, bio: Bio) {
        bio.biodone(Ok(()));
    }
}

static WORLD: LazyLock<Dm> = LazyLock::new(|| {
    let dm = Dm::new(Arc::new(Small));
    dm.add_type(Arc::new(MirrorType)).expect("a new type");
    for (name, sectors, block) in [("a", 64, 512), ("b", 1 << 40, 512), ("c", 64, 4096)] {
        dm.add_disk(name, Arc::new(Disk(sectors, block))).expect("a new disk");
    }
    dm.create("d").expect("a new device");
    dm
});

fuzz_target!(|text: &str| {
    let dm = &*WORLD;
    match dm.load("d", text) {
        Ok(()) => {
            let device = dm.get("d").expect("it exists");
            let printed = device.table(Slot::Inactive).expect("it was loaded");
            dm.load("d", &printed).expect("what is printed is a table");
            device.clear().expect("it was loaded");
        }
        Err(DmError::Table(error)) => assert!(error.line >= 1 && error.column >= 1),
        Err(error) => panic!("{error}"),
    }
});
