//! Calls that something else comes into the middle of: a disk that is asked about itself does
//! something to the device above.

use std::sync::{Arc, Mutex};

use bio::{Bio, BlockDevice, Limits, Sectors};
use dm::{Dm, DmError, Slot};

use crate::bench::{disk, dm, remove, resume, running};

/// What is done when the disk is asked the next time.
type Hook = Mutex<Option<Box<dyn FnOnce() + Send>>>;

/// A disk that meddles.
#[derive(Default)]
struct Meddler {
    when_asked_for_size: Hook,
    when_asked_for_resets: Hook,
}

fn run(hook: &Hook) {
    let meddle = hook.lock().unwrap().take();
    meddle.into_iter().for_each(|meddle| meddle());
}

impl BlockDevice for Meddler {
    fn capacity(&self) -> Sectors {
        run(&self.when_asked_for_size);
        Sectors(64)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, bio: Bio) {
        bio.biodone(Ok(()));
    }
    fn resets(&self) -> u64 {
        run(&self.when_asked_for_resets);
        0
    }
}

fn with_meddler() -> (Arc<Dm>, Arc<Meddler>) {
    let (dm, meddler) = (Arc::new(dm()), Arc::<Meddler>::default());
    dm.add_disk("meddler", meddler.clone()).unwrap();
    (dm, meddler)
}

#[test]
fn no_table_is_loaded_into_a_device_that_was_removed_meanwhile() {
    let (dm, meddler) = with_meddler();
    let device = dm.create("d").unwrap();
    let meanwhile = dm.clone();
    *meddler.when_asked_for_size.lock().unwrap() =
        Some(Box::new(move || assert_eq!(remove(&meanwhile, "d").now(), Ok(()))));
    let loaded = dm.load("d", "0 8 linear meddler 0");
    assert!(matches!(loaded, Err(DmError::Removed)), "{loaded:?}");
    assert_eq!(device.table(Slot::Inactive), Err(DmError::NoTable));
    assert!(dm.list().iter().all(|listed| listed.open == 0), "the table is gone");
}

/// Its resets were not added up: those of the table before were.
#[test]
fn no_table_becomes_active_that_was_loaded_while_another_one_was_looked_at() {
    let (dm, meddler) = with_meddler();
    disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 8 zero");
    assert_eq!(crate::bench::suspend(&device, dm::Suspend::NoFlush).now(), Ok(()));
    dm.load("d", "0 8 linear meddler 0").unwrap();
    let meanwhile = dm.clone();
    *meddler.when_asked_for_resets.lock().unwrap() =
        Some(Box::new(move || meanwhile.load("d", "0 8 linear a 0").unwrap()));
    assert_eq!(resume(&device).now(), Err(DmError::Changing));
    assert_eq!(device.table(Slot::Active).unwrap(), "0 8 zero\n");
    assert_eq!(resume(&device).now(), Ok(()));
    assert_eq!(device.table(Slot::Active).unwrap(), "0 8 linear a 0\n");
}
