//! The mirror over real disks: both hold the data, and one may fail.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use bio::{ErrorKind, Sector};
use dm::MappedDevice;

use super::Test;
use super::rig::{Rig, extent};
use crate::check;
use crate::task::{MaySleep, yield_now};

pub const TESTS: &[Test] = &[
    Test { name: "mirror::both_disks_hold_what_was_written", run: both_hold },
    Test { name: "mirror::a_leg_failed_by_hand_is_left_alone", run: failed_by_hand },
    Test { name: "mirror::the_last_leg_is_never_failed", run: the_last_leg },
    Test { name: "mirror::a_leg_dead_from_the_start_costs_nothing", run: dead_from_the_start },
    Test { name: "mirror::a_leg_that_dies_halfway_costs_nothing", run: dies_halfway },
    Test { name: "mirror::without_a_leg_that_works_errors_go_up", run: errors_go_up },
    Test { name: "mirror::a_resync_makes_the_legs_the_same", run: a_resync },
    Test { name: "mirror::a_suspended_resync_goes_on", run: a_suspended_resync },
];

/// The length of most mirrors here, in sectors: 8 MiB.
const LENGTH: u64 = 16384;

fn both_hold(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    rig.create("m", &format!("0 {LENGTH} mirror core 2 1024 nosync 2 vbd0 0 vbd1 64"))?;
    for (salt, at) in [(1, extent(0, 1)), (2, extent(1000, 512)), (3, extent(LENGTH - 8, 8))] {
        check!(rig.write("m", at, salt)? == Ok(()));
        check!(rig.holds("m", at, salt)?);
        let on_mirror = rig.read("m", at)?;
        check!(rig.read("vbd0", at)? == on_mirror);
        check!(rig.read("vbd1", at.at(at.start() + bio::Sectors(64)))? == on_mirror);
    }
    check!(rig.flush("m")? == Ok(()));
    Ok(())
}

fn failed_by_hand(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let device = rig.create("m", &format!("0 {LENGTH} mirror core 1 nosync 2 vbd0 0 vbd1 0"))?;
    let at = extent(128, 256);
    check!(rig.write("m", at, 1)? == Ok(()));
    device.message(Sector(0), &["fail", "0"]).map_err(|error| error.to_string())?;
    check!(rig.write("m", at, 2)? == Ok(()));
    for _ in 0..4 {
        check!(rig.holds("m", at, 2)?, "a read was answered by the leg that is out");
    }
    check!(rig.holds("vbd0", at, 1)?, "the leg that is out was written to");
    check!(rig.holds("vbd1", at, 2)?);
    check!(rig.flush("m")? == Ok(()));
    Ok(())
}

fn the_last_leg(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let device = rig.create("m", &format!("0 {LENGTH} mirror core 1 nosync 2 vbd0 0 vbd1 0"))?;
    let fail = |leg| device.message(Sector(0), &["fail", leg]);
    check!(fail("1").is_ok());
    check!(fail("0").is_err(), "the last leg was failed");
    check!(rig.write("m", extent(0, 8), 5)? == Ok(()));
    check!(rig.holds("m", extent(0, 8), 5)?);
    Ok(())
}

/// Each leg in turn is a device that fails every request.
fn dead_from_the_start(may_sleep: &MaySleep) -> Result<(), String> {
    for (legs, status) in [("dead 0 vbd0 0", " DA "), ("vbd0 0 dead 0", " AD ")] {
        let rig = Rig::new(may_sleep)?;
        rig.create("dead", &format!("0 {LENGTH} error"))?;
        let device = rig.create("m", &format!("0 {LENGTH} mirror core 1 nosync 2 {legs}"))?;
        let at = extent(300, 700);
        // Round robin asks the dead leg too.
        for _ in 0..2 {
            rig.read("m", at)?;
        }
        check!(rig.write("m", at, 6)? == Ok(()));
        let shown = device.status().map_err(|error| error.to_string())?;
        check!(shown.contains(status), "status {shown}");
        check!(rig.holds("m", at, 6)?);
        check!(rig.holds("vbd0", at, 6)?);
        check!(rig.flush("m")? == Ok(()));
    }
    Ok(())
}

fn dies_halfway(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let half = LENGTH / 2;
    rig.create("half", &format!("0 {half} linear vbd1 0\n{half} {half} error"))?;
    let table = format!("0 {LENGTH} mirror core 1 nosync 2 vbd0 0 half 0");
    let device = rig.create("m", &table)?;
    let chunks = || (0..LENGTH / 512).map(|chunk| extent(chunk * 512, 512));
    for at in chunks() {
        check!(rig.write("m", at, 7)? == Ok(()), "the write of {at}");
    }
    let shown = device.status().map_err(|error| error.to_string())?;
    check!(shown.contains(" AD "), "status {shown}");
    for at in chunks() {
        check!(rig.holds("m", at, 7)?, "the read of {at}");
    }
    Ok(())
}

fn errors_go_up(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    for name in ["dead", "gone"] {
        rig.create(name, &format!("0 {LENGTH} error"))?;
    }
    rig.create("m", &format!("0 {LENGTH} mirror core 1 nosync 2 dead 0 gone 0"))?;
    let result = rig.write("m", extent(0, 8), 8)?;
    check!(result.map_err(|error| error.kind) == Err(ErrorKind::Media), "{result:?}");
    check!(rig.read("m", extent(0, 8)).is_err());
    Ok(())
}

/// Writes `salt` to all of a disk's part, so that it has something to be overwritten.
fn paint(rig: &Rig<'_>, disk: &str, salt: u64) -> Result<(), String> {
    for start in (0..LENGTH).step_by(512) {
        check!(rig.write(disk, extent(start, 512), salt)? == Ok(()));
    }
    Ok(())
}

/// A mirror `m` of `vbd0` and `slow`. `slow` is `vbd1` with delayed writes: so a copy is in
/// flight for as long as a test needs to see it.
struct Slow<'r, 't> {
    rig: &'r Rig<'t>,
    mirror: Arc<MappedDevice>,
    leg: Arc<MappedDevice>,
}

impl<'r, 't> Slow<'r, 't> {
    fn new(rig: &'r Rig<'t>) -> Result<Slow<'r, 't>, String> {
        let leg = rig.create("slow", &format!("0 {LENGTH} delay vbd1 0 0 vbd1 0 20"))?;
        let table = format!("0 {LENGTH} mirror core 2 1024 sync 2 vbd0 0 slow 0");
        Ok(Slow { rig, mirror: rig.create("m", &table)?, leg })
    }

    fn status(&self) -> Result<String, String> {
        self.mirror.status().map_err(|error| error.to_string())
    }

    /// Whether a write to the slow leg is in flight.
    fn writes(&self) -> Result<bool, String> {
        let status = self.leg.status().map_err(|error| error.to_string())?;
        Ok(!status.ends_with(" 0 0 0\n"))
    }

    /// Waits until a chunk is being copied; nobody else writes. Fails if the resync is over.
    fn until_copying(&self) -> Result<(), String> {
        while !self.writes()? {
            check!(self.status()?.contains(" AS "), "the resync ended before: {}", self.status()?);
            yield_now();
        }
        Ok(())
    }

    /// Lets the resync end, and compares the legs.
    fn end(&self) -> Result<(), String> {
        self.rig.until_status(&self.mirror, " AA ")?;
        for start in (0..LENGTH).step_by(512) {
            let at = extent(start, 512);
            check!(self.rig.read("vbd0", at)? == self.rig.read("vbd1", at)?, "{at} differs");
        }
        Ok(())
    }
}

/// A resync, with writes before it, behind it and in its way.
fn a_resync(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    paint(&rig, "vbd0", 10)?;
    paint(&rig, "vbd1", 11)?;
    let slow = Slow::new(&rig)?;
    // From the end to the start, so that the resync comes from the other side.
    let places = || (0..9).map(|nth| extent(nth * 2000, 8));
    for at in places().rev() {
        slow.until_copying()?;
        check!(rig.holds("m", at, 10)?, "{at} was read from the leg that is being rebuilt");
        check!(rig.write("m", at, 12)? == Ok(()));
    }
    check!(slow.status()?.contains(" AS "), "it ended before the last write");
    slow.end()?;
    for at in places() {
        check!(rig.holds("m", at, 12)?, "the write of {at} is lost");
    }
    Ok(())
}

fn a_suspended_resync(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    paint(&rig, "vbd1", 13)?;
    let slow = Slow::new(&rig)?;
    let device = &slow.mirror;
    for _ in 0..5 {
        slow.until_copying()?;
        rig.settle(|done| device.suspend(dm::Suspend::Flush, done)).map_err(|e| e.to_string())?;
        check!(!slow.writes()?, "suspended, and a copy is in flight");
        let quiet = slow.status()?;
        // Reading the disk takes longer than a step of the resync would.
        rig.read("vbd1", extent(0, 512))?;
        check!(!slow.writes()? && slow.status()? == quiet, "it went on: {}", slow.status()?);
        rig.settle(|done| device.resume(done)).map_err(|error| error.to_string())?;
    }
    slow.until_copying()?;
    slow.end()
}
