//! The mirror as a subject of the simulator: its environment is the world's clock.
//!
//! Place: between [`sim`], which knows no mirror, and whoever runs one in it: the tests of
//! `dm-mirror`, and the page that shows a run.
//!
//! `SIM_REPLAY=<line>`, with the name of the test that printed the line, makes
//! that run again.
#![forbid(unsafe_code)]

pub mod lives;
mod mapped;
pub mod pictures;
pub mod recorded;

pub use mapped::Mapped;

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bio::{Bio, BlockDevice, Limits, Sectors};
use dm::{Args, Context, DeviceRef, Devices, Env, Events, Target, Work};
use dm_mirror::MirrorTarget;
use dm_mirror::report::Standing;
use lives::Lives;
use sim::{Clock, Explored, Scenario, Subject, World, explore};

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
        self.0.iter().find(|device| &*device.name() == name).cloned()
    }
}

/// A mirror target as a device of its own.
struct MirrorDevice {
    target: Arc<dyn Target>,
    length: Sectors,
}

impl BlockDevice for MirrorDevice {
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

/// A mirror that keeps its state in memory.
struct Mirror {
    device: MirrorDevice,
    legs: usize,
    /// The leg that the table names first; the others follow it in a circle.
    first: usize,
}

impl Subject for Mirror {
    fn device(&self) -> &dyn BlockDevice {
        &self.device
    }
    fn decides_at_once(&self) -> bool {
        true
    }
    fn in_sync(&self, leg: usize) -> bool {
        let target: &dyn Any = &*self.device.target;
        let target: &MirrorTarget = target.downcast_ref().expect("a mirror");
        let place = (leg + self.legs - self.first) % self.legs;
        target.view().legs()[place].standing == Standing::InSync
    }
}

thread_local! {
    static HUSHED: Cell<bool> = const { Cell::new(false) };
}

/// Prints errors: the line of a run that a panic has ended is logged as one.
struct Errors;

impl log::Log for Errors {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Error
    }
    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) && !HUSHED.get() {
            println!("{}", record.args());
        }
    }
    fn flush(&self) {}
}

/// Prints no errors meanwhile.
pub(crate) fn hush(hushed: bool) {
    HUSHED.set(hushed);
}

pub(crate) fn print_errors() {
    if log::set_logger(&Errors).is_ok() {
        log::set_max_level(log::LevelFilter::Error);
    }
}

/// Lets a resync go on beside the clients, so that they meet: it does not give way.
fn at_once(target: &dyn Target) {
    target.message(&["sync_rate", "none,none"]).expect("a right rate");
}

/// Builds mirrors whose legs are in sync at the start, or (`sync`) of which
/// the first is to be copied to the others.
///
/// Without metadata a mirror forgets which legs were in sync. After a crash the
/// test knows: it names the last of them first, to be copied to the others.
pub fn mirror(
    sync: &'static str,
) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    print_errors();
    move |world, legs| {
        let count = legs.len();
        let (first, sync) = match world.boots() {
            0 => (0, sync),
            _ => ((0..count).rfind(|&leg| world.left_in_sync(leg)).expect("one leg is"), "sync"),
        };
        let name = |place| format!(" vbd{} 0", (first + place) % count);
        let names: String = (0..count).map(name).collect();
        let line = format!("core 2 8 {sync} {count}{names}");
        let length = legs[0].capacity();
        let named = |(leg, disk)| DeviceRef::new(&format!("vbd{leg}"), disk);
        let devices = Legs(legs.into_iter().enumerate().map(named).collect());
        let context = Context {
            length,
            devices: &devices,
            env: Arc::new(Simulated(world.clock().clone())),
            events: Arc::new(Events::default()),
        };
        let kind = pictures::mirror_type(world);
        let target = kind.create(&mut Args::new(&line), &context).expect("a right table");
        at_once(&*target);
        target.resume();
        Box::new(Mirror { device: MirrorDevice { target, length }, legs: count, first })
    }
}

/// Asserts that nothing was found, and shows what was: in words, and in pictures.
#[track_caller]
pub fn clean(explored: Explored) -> Explored {
    if let Some(report) = &explored.found {
        let page = in_the_page(&report.shortest);
        panic!("after {} runs: {report}{page}{}", explored.runs, pictures::told());
    }
    pictures::tell();
    explored
}

/// How the page shows a run that this test found, if it knows the test's runs: a line.
fn in_the_page(run: &str) -> String {
    let thread = thread::current();
    let test = thread.name().filter(|test| Lives::named(test).is_some());
    test.map_or(String::new(), |test| format!("\nplay: cargo xtask play --at 's={test}&{run}'"))
}

/// Makes one run alone, if `SIM_REPLAY` has the line that a report gave.
pub fn replayed(scenario: &Scenario, sync: &'static str) -> Option<Explored> {
    let line = std::env::var("SIM_REPLAY").ok()?;
    let replayed = explore::replay(scenario, &mut mirror(sync), &line);
    Some(replayed.unwrap_or_else(|error| panic!("SIM_REPLAY={line}: {error}")))
}

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_a_known_test_opens_in_the_page() {
        let line = |test: &str| {
            let test = thread::Builder::new().name(test.into());
            test.spawn(|| in_the_page("seed=71")).expect("a thread").join().expect("a line")
        };
        let known = line("anything_over_two_legs");
        assert!(known.ends_with("play --at 's=anything_over_two_legs&seed=71'"), "{known}");
        assert_eq!(line("another_test"), "");
    }
}
