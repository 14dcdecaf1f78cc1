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
    Test { name: "dm::a_stack_of_mirrors_and_stripes_swaps_under_load", run: a_stack_swaps },
    Test { name: "dm::what_is_delayed_arrives_and_delays_no_suspension", run: what_is_delayed },
    Test { name: "dm::a_flakey_device_fails_writes_and_no_reads", run: a_flakey_device },
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

/// Changes something again and again under the load of two threads on `device`; the load goes
/// on in between. The second thread's requests are split at the device's sector 4096.
fn under_load(
    rig: &Rig<'_>,
    device: &str,
    may_sleep: &MaySleep,
    mut change: impl FnMut(usize) -> Result<(), String>,
) -> Result<(), String> {
    let handle = rig.open(device)?.handle();
    let parts = [extent(64, 64), extent(4064, 64)];
    let loads = parts.map(|part| Load::start(handle.clone(), part));
    let loads = loads.into_iter().collect::<Result<Vec<_>, String>>()?;
    let rounds = || loads.iter().map(|(load, _)| load.rounds.load(Relaxed)).sum::<u64>();
    let changed = (0..50).try_for_each(|round| {
        let before = rounds();
        change(round)?;
        while rounds() < before + 2 {
            yield_now();
        }
        Ok(())
    });
    loads.iter().for_each(|(load, _)| load.stop.store(true, Relaxed));
    for (load, thread) in loads {
        thread.join(may_sleep);
        check!(load.failed.load(Relaxed) == 0, "{:?} rounds failed", load.failed);
    }
    changed
}

fn a_suspend_ends_all(may_sleep: &MaySleep) -> Result<(), String> {
    const TABLE: &str = "0 4096 linear vbd0 8192\n4096 4096 linear vbd1 8192";
    let rig = Rig::new(may_sleep)?;
    let device = rig.create("m", TABLE)?;
    under_load(&rig, "m", may_sleep, |round| {
        rig.settle(|done| device.suspend(Suspend::Flush, done)).map_err(|e| e.to_string())?;
        let info = device.info();
        check!(info.mode == Mode::Suspended, "{:?}", info.mode);
        check!(info.in_flight == 0, "{} in flight in round {round}", info.in_flight);
        rig.dm.load("m", TABLE).map_err(|error| error.to_string())?;
        rig.settle(|done| device.resume(done)).map_err(|error| error.to_string())
    })
}

/// Stripes over mirrors over parts of disks. Each device gets a new table in its turn.
fn a_stack_swaps(may_sleep: &MaySleep) -> Result<(), String> {
    const STACK: &[(&str, &str)] = &[
        ("a0", "0 4096 linear vbd0 0"),
        ("a1", "0 4096 linear vbd1 0"),
        ("b0", "0 4096 linear vbd0 4096"),
        ("b1", "0 4096 linear vbd1 4096"),
        ("ma", "0 4096 mirror core 2 1024 nosync 2 a0 0 a1 0"),
        ("mb", "0 4096 mirror core 2 1024 nosync 2 b0 0 b1 0"),
        ("top", "0 8192 striped 2 16 ma 0 mb 0"),
    ];
    let rig = Rig::new(may_sleep)?;
    for (name, table) in STACK {
        rig.create(name, table)?;
    }
    under_load(&rig, "top", may_sleep, |round| {
        let (name, table) = STACK[round % STACK.len()];
        let device = rig.dm.get(name).map_err(|error| error.to_string())?;
        rig.dm.load(name, table).map_err(|error| error.to_string())?;
        rig.settle(|done| device.resume(done)).map_err(|error| error.to_string())
    })?;
    // Half of the written data are on each mirror; the other sectors were never equal.
    for (one, other) in [("a0", "a1"), ("b0", "b1")] {
        for part in [extent(32, 32), extent(2032, 32)] {
            check!(rig.read(one, part)? == rig.read(other, part)?, "the legs differ");
        }
    }
    for (name, _) in STACK.iter().rev() {
        rig.settle(|done| rig.dm.remove(name, done)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn what_is_delayed(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    rig.create("short", "0 4096 delay vbd0 0 3 vbd0 0 7")?;
    let part = extent(100, 50);
    check!(rig.write("short", part, 5)? == Ok(()));
    check!(rig.flush("short")? == Ok(()));
    check!(rig.holds("short", part, 5)?);
    // An hour: if it were waited for, this test would not end.
    let device = rig.create("long", "0 4096 delay vbd0 0 3600000")?;
    let ended = Arc::new(Completion::new("delayed"));
    let buf = Buf::read(part, BytesMut::zeroed(part.count().bytes()));
    rig.open("long")?.strategy(Bio::new(buf, ended.clone(), 0));
    let status = device.status().map_err(|error| error.to_string())?;
    check!(status == "0 4096 delay 1 0 0\n", "{status}");
    rig.settle(|done| device.suspend(Suspend::Flush, done)).map_err(|error| error.to_string())?;
    let (buf, result) = ended.wait(may_sleep);
    check!(result == Ok(()));
    check!(buf.into_read().is_some_and(|found| found == data(part, 5)));
    Ok(())
}

fn a_flakey_device(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let part = extent(8, 8);
    check!(rig.write("vbd0", part, 6)? == Ok(()));
    rig.create("bad", "0 4096 flakey vbd0 0 0 1 1 error_writes")?;
    let failed = rig.write("bad", part, 7)?.map_err(|error| error.kind);
    check!(failed == Err(ErrorKind::Media), "{failed:?}");
    check!(rig.holds("bad", part, 6)?, "reads are good, and nothing was written");
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
