//! The device mapper over real disks, with requests in flight from other threads.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use bio::{Bio, Buf, ErrorKind, Extent};
use bytes::BytesMut;
use dm::{DeviceHandle, Mode, Suspend};

use super::Test;
use super::rig::{Rig, data, extent};
use crate::check;
use crate::task::{Completion, JoinHandle, MaySleep, Priority, biowait, spawn, yield_now};

pub const TESTS: &[Test] = &[
    Test { name: "dm::a_table_maps_sectors_to_disks", run: a_table_maps_sectors },
    Test { name: "dm::a_suspend_ends_all_and_loses_nothing", run: a_suspend_ends_all },
    Test { name: "dm::what_is_held_when_a_device_goes_is_gone", run: what_is_held_is_gone },
];

fn a_table_maps_sectors(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    rig.create("both", "0 1000 linear vbd0 2000\n1000 1000 linear vbd1 5000")?;
    let border = extent(990, 20);
    check!(rig.write("both", border, 1)? == Ok(()));
    check!(rig.holds("both", border, 1)?);
    let (whole, half) = (data(border, 1), 10 * 512);
    check!(rig.read("vbd0", extent(2990, 10))? == whole[..half], "the first disk's part");
    check!(rig.read("vbd1", extent(5000, 10))? == whole[half..], "the second disk's part");
    check!(rig.flush("both")? == Ok(()));
    Ok(())
}

/// A thread that writes and reads back a part of a device until it is told to stop.
struct Load {
    device: DeviceHandle,
    part: Extent,
    stop: AtomicBool,
    rounds: AtomicU64,
    failed: AtomicU64,
}

impl Load {
    fn start(device: DeviceHandle, part: Extent) -> Result<(Arc<Load>, JoinHandle), String> {
        let [rounds, failed] = [const { AtomicU64::new(0) }; 2];
        let load = Arc::new(Load { device, part, stop: AtomicBool::new(false), rounds, failed });
        let runs = load.clone();
        let thread = spawn("load", Priority::Kernel, move |may_sleep| runs.run(may_sleep));
        Ok((load, thread.map_err(|error| error.to_string())?))
    }

    fn run(&self, may_sleep: &MaySleep) {
        while !self.stop.load(Relaxed) {
            let salt = self.rounds.load(Relaxed);
            let written = Buf::write(self.part, data(self.part, salt).freeze());
            let wrote = biowait(may_sleep, &*self.device, written).1;
            let memory = BytesMut::zeroed(self.part.count().bytes());
            let (buf, read) = biowait(may_sleep, &*self.device, Buf::read(self.part, memory));
            let right = buf.into_read().is_some_and(|found| found == data(self.part, salt));
            if wrote.is_err() || read.is_err() || !right {
                self.failed.fetch_add(1, Relaxed);
            }
            self.rounds.fetch_add(1, Relaxed);
        }
    }
}

/// Suspends, changes tables and resumes, again and again, under the load of two threads.
fn a_suspend_ends_all(may_sleep: &MaySleep) -> Result<(), String> {
    const TABLE: &str = "0 4096 linear vbd0 8192\n4096 4096 linear vbd1 8192";
    let rig = Rig::new(may_sleep)?;
    let device = rig.create("m", TABLE)?;
    let handle = rig.open("m")?.handle();
    // The second one's requests are split at the border.
    let parts = [extent(64, 64), extent(4064, 64)];
    let loads = parts.map(|part| Load::start(handle.clone(), part));
    let loads = loads.into_iter().collect::<Result<Vec<_>, String>>()?;
    for round in 0..50 {
        let before = loads.iter().map(|(load, _)| load.rounds.load(Relaxed)).sum::<u64>();
        rig.settle(|done| device.suspend(Suspend::Flush, done)).map_err(|e| e.to_string())?;
        let info = device.info();
        check!(info.mode == Mode::Suspended, "{:?}", info.mode);
        check!(info.in_flight == 0, "{} in flight in round {round}", info.in_flight);
        rig.dm.load("m", TABLE).map_err(|error| error.to_string())?;
        rig.settle(|done| device.resume(done)).map_err(|error| error.to_string())?;
        let rounds = || loads.iter().map(|(load, _)| load.rounds.load(Relaxed)).sum::<u64>();
        while rounds() < before + 2 {
            yield_now();
        }
    }
    loads.iter().for_each(|(load, _)| load.stop.store(true, Relaxed));
    for (load, thread) in loads {
        thread.join(may_sleep);
        check!(load.failed.load(Relaxed) == 0, "{:?} rounds failed", load.failed);
    }
    Ok(())
}

fn what_is_held_is_gone(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let device = rig.create("m", "0 4096 linear vbd0 0")?;
    let handle = rig.open("m")?.handle();
    rig.settle(|done| device.suspend(Suspend::Flush, done)).map_err(|error| error.to_string())?;
    let ended = Arc::new(Completion::new("held"));
    let buf = Buf::read(extent(0, 8), BytesMut::zeroed(4096));
    handle.strategy(Bio::new(buf, ended.clone(), 0));
    check!(device.info().held == 1);
    rig.settle(|done| rig.dm.remove("m", done)).map_err(|error| error.to_string())?;
    let (_, result) = ended.wait(may_sleep);
    check!(result.map_err(|error| error.kind) == Err(ErrorKind::Gone), "{result:?}");
    Ok(())
}
