//! The mirror over disks of software: every order, as on a host, by the same explorer.
//!
//! The test is that the same code does the same here, with other compiler settings, another
//! allocator and the kernel's own lock watch.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bio::{Bio, BlockDevice, Limits, Sectors};
use dm::{Args, Context, DeviceRef, Devices, Env, Events, Target, TargetType, Work};
use dm_mirror::MirrorType;
use log::LevelFilter;
use sim::{Clock, Explored, Fault, Faults, Load, Op, Scenario, Subject, World, explore};

use super::Test;
use super::rig::extent;
use crate::check;
use crate::task::MaySleep;

pub const TESTS: &[Test] = &[
    Test { name: "sim::every_order_of_three_requests_with_a_fault", run: every_order },
    Test { name: "sim::a_resync_at_any_moment", run: a_resync_at_any_moment },
    Test { name: "sim::many_requests_by_chance_with_all_faults", run: by_chance },
];

/// The world's clock as a target's environment.
struct Simulated(Arc<Clock>);

impl Env for Simulated {
    fn now(&self) -> Duration {
        self.0.now()
    }
    fn run_after(&self, delay: Duration, work: Arc<dyn Work>) {
        self.0.after(delay, move || work.run());
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
}

struct Legs(Vec<DeviceRef>);

impl Devices for Legs {
    fn open(&self, name: &str) -> Option<DeviceRef> {
        self.0.iter().find(|device| *device.name() == *name).cloned()
    }
}

/// A mirror target as a device of its own.
struct Mirror {
    target: Arc<dyn Target>,
    length: Sectors,
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
        let letters = status.split(' ').rev().nth(2).expect("a status has letters");
        letters.as_bytes()[leg] == b'A'
    }
}

/// Builds mirrors whose legs are in sync at the start (`nosync`), or whose first leg is copied
/// to the others (`sync`).
fn mirror(
    sync: &'static str,
) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    move |world, legs| {
        let names: String = (0..legs.len()).map(|leg| format!(" leg{leg} 0")).collect();
        let line = format!("core 2 8 {sync} {}{names}", legs.len());
        let length = legs[0].capacity();
        let named = |(leg, disk)| DeviceRef::new(&format!("leg{leg}"), disk);
        let devices = Legs(legs.into_iter().enumerate().map(named).collect());
        let context = Context {
            length,
            devices: &devices,
            env: Arc::new(Simulated(world.clock().clone())),
            events: Arc::new(Events::default()),
        };
        let target = MirrorType.create(&mut Args::new(&line), &context).expect("a right table");
        target.resume();
        Box::new(Mirror { target, length })
    }
}

/// Explores with the log off, since mirrors log every leg that fails. Fails if something was
/// found, or nothing was tried.
fn clean(explore: impl FnOnce() -> Explored, complete: bool) -> Result<(), String> {
    let level = log::max_level();
    log::set_max_level(LevelFilter::Off);
    let explored = explore();
    log::set_max_level(level);
    if let Some(report) = explored.found {
        return Err(report.to_string());
    }
    check!(explored.steps > explored.runs && explored.runs > 1, "{} runs", explored.runs);
    check!(explored.complete == complete, "{} runs were not all", explored.runs);
    Ok(())
}

fn every_order(_: &MaySleep) -> Result<(), String> {
    let ops = [Op::Write(extent(0, 2)), Op::Write(extent(1, 2)), Op::Read(extent(0, 3))];
    let load = Load::all_at_once(ops);
    let scenario =
        Scenario { ask_first: true, faults: Faults::media(1), ..Scenario::new(2, 3, load) };
    clean(|| explore::exhaustive(&scenario, &mut mirror("nosync"), u64::MAX), true)
}

/// How many of the orders of a resync beside two requests are tried here.
const RESYNCS: u64 = 2000;

fn a_resync_at_any_moment(_: &MaySleep) -> Result<(), String> {
    let load = Load::all_at_once([Op::Write(extent(1, 2)), Op::Read(extent(0, 3))]);
    let scenario =
        Scenario { differing: true, faults: Faults::media(1), ..Scenario::new(2, 3, load) };
    // The host's tests try them all.
    clean(|| explore::exhaustive(&scenario, &mut mirror("sync"), RESYNCS), false)
}

fn by_chance(_: &MaySleep) -> Result<(), String> {
    let load = Load::Random { clients: 6, ops: 200, extent_max: Sectors(8) };
    let faults = Faults { budget: 3, one_in: 100, kinds: Fault::ALL.into() };
    let scenario = Scenario { early_effects: true, faults, ..Scenario::new(3, 24, load) };
    clean(|| explore::seeded(&scenario, &mut mirror("nosync"), 0..20), false)
}
