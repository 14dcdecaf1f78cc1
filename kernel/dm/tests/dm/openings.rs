//! How long a device is open: as long as a target on it lives, and no longer.

use std::sync::{Arc, Mutex};

use bio::{Bio, BioDone, BlockDevice, Buf, BufDone, ErrorKind, IoError, IoResult, Limits};
use dm::{
    ArgError, Args, Context, DeviceHandle, DeviceRef, Devices, Dm, Target, TargetType, UNLIMITED,
};

use crate::bench::{complete_all, disk, dm, extent, memory, remove, running};

/// A target whose core is shared with its requests, as a mirror's is.
struct CoreType;

struct CoreTarget {
    device: DeviceRef,
    core: Arc<Core>,
}

struct Core(DeviceHandle);

impl TargetType for CoreType {
    fn name(&self) -> &'static str {
        "core"
    }

    fn version(&self) -> (u16, u16, u16) {
        (1, 0, 0)
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        let device = args.device(context)?;
        let core = Arc::new(Core(device.handle()));
        Ok(Arc::new(CoreTarget { device, core }))
    }
}

impl Target for CoreTarget {
    fn strategy(&self, bio: Bio) {
        let start = bio.extent().start();
        self.core.0.strategy(bio.push_bio(start, self.core.clone(), 0));
    }

    fn status(&self) -> String {
        String::new()
    }

    fn table(&self) -> String {
        self.device.name().to_string()
    }

    fn devices(&self) -> Vec<DeviceRef> {
        vec![self.device.clone()]
    }

    fn limits(&self) -> Limits {
        UNLIMITED
    }
}

impl BioDone for Core {
    /// The core lives until this returns.
    fn bio_done(self: Arc<Self>, bio: Bio, _info: u64, result: IoResult) {
        bio.biodone(result);
    }
}

/// Keeps how its request ended.
#[derive(Default)]
struct Last(Mutex<Option<IoResult>>);

impl BufDone for Last {
    fn buf_done(self: Arc<Self>, _buf: Buf, _info: u64, result: IoResult) {
        *self.0.lock().unwrap() = Some(result);
    }
}

fn read(device: &dyn BlockDevice, last: &Arc<Last>) {
    device.strategy(Bio::new(Buf::read(extent(0, 1), memory(1)), last.clone(), 0));
}

/// `low` on the disk `a`, and `d`, a target with a core, on `low`.
fn stacked() -> (Arc<Dm>, Arc<sim::SimDisk>) {
    let dm = Arc::new(dm());
    dm.add_type(Arc::new(CoreType)).unwrap();
    let a = disk(&dm, "a", 64);
    running(&dm, "low", "0 64 linear a 0");
    running(&dm, "d", "0 64 core low");
    (dm, a)
}

#[test]
fn a_core_that_outlives_its_target_keeps_no_device_open() {
    let (dm, a) = stacked();
    read(&*dm.get("d").unwrap(), &Arc::default());
    let lowest = Arc::new(Mutex::new(None));
    let (below, slot) = (dm.clone(), lowest.clone());
    let done = move |result| {
        assert_eq!(result, Ok(()));
        *slot.lock().unwrap() = Some(remove(&below, "low"));
    };
    dm.remove("d", Box::new(done));
    complete_all(&[&a]);
    let lowest = lowest.lock().unwrap().take().expect("`d` is removed");
    assert_eq!(lowest.now(), Ok(()), "`low` was closed when `d` was gone");
}

#[test]
fn a_target_keeps_its_device_open_without_requests() {
    let (dm, _a) = stacked();
    assert!(remove(&dm, "low").now().is_err());
    assert_eq!(remove(&dm, "d").now(), Ok(()));
    assert_eq!(remove(&dm, "low").now(), Ok(()));
}

#[test]
fn a_handle_outlives_its_device_whose_requests_fail_then() {
    let (dm, a) = stacked();
    let handle = dm.open("d").unwrap().handle();
    assert_eq!((&*handle.name(), handle.capacity().0), ("d", 64));
    assert_eq!(remove(&dm, "d").now(), Ok(()), "a handle opens nothing");
    let last = Arc::new(Last::default());
    read(&*handle, &last);
    let gone = IoError { kind: ErrorKind::Gone, resid: 512 };
    assert_eq!(*last.0.lock().unwrap(), Some(Err(gone)));
    assert_eq!(a.queued(), 0);
}
