//! The tests that run inside the kernel, at boot with `mode=selftest`.
//!
//! A topic is a file with a `TESTS` list; `TOPICS` below names them all. A test returns
//! `Err(why)` when a promise is broken; a panic ends the run with a backtrace. `cargo xtask
//! test` reads the lines: `test NAME ... ok`, then `N passed, N failed`.
//! Rule: a test leaves the kernel as it found it, and asserts nothing about how long anything
//! takes.

mod arch;
mod bench;
mod bounds;
mod callout;
mod console;
mod crash;
mod dm;
mod drivers;
mod labelled;
mod mirror;
mod mm;
mod operator;
mod rig;
mod shortage;
mod sim;
mod soak;
mod task;
mod trace;

use alloc::string::String;
use core::time::Duration;

use crate::arch::clock;
use crate::arch::exit::Verdict;
use crate::arch::irq_lock::InterruptsOff;
use crate::task::MaySleep;
use crate::{kprint, kprintln};

pub use crash::crash;
pub use soak::soak;

/// One test.
pub struct Test {
    /// `topic::promise`.
    pub name: &'static str,
    /// Returns why the promise does not hold.
    pub run: fn(&MaySleep) -> Result<(), String>,
}

/// All topics, in the order they run.
const TOPICS: &[&[Test]] = &[
    arch::TESTS,
    mm::TESTS,
    task::TESTS,
    callout::TESTS,
    drivers::TESTS,
    dm::TESTS,
    mirror::TESTS,
    labelled::TESTS,
    shortage::TESTS,
    sim::TESTS,
    console::TESTS,
    bench::TESTS,
    operator::TESTS,
    bounds::TESTS,
    trace::TESTS,
];

/// Fails the test at hand unless the condition holds: `check!(a == b, "a is {a}")`.
#[macro_export]
macro_rules! check {
    ($condition:expr $(,)?) => {
        $crate::check!($condition, "{}", stringify!($condition))
    };
    ($condition:expr, $($arg:tt)+) => {
        if !$condition {
            return Err(alloc::format!("{}, line {}", format_args!($($arg)+), line!()));
        }
    };
}

/// No other thread gets the CPU while this lives. So none takes memory or gives it back while a
/// test counts.
fn alone() -> InterruptsOff {
    InterruptsOff::new()
}

/// A test that takes longer says so.
const SLOW: Duration = Duration::from_secs(5);

/// Runs the tests whose name contains `filter`, and says how they did.
pub fn run(may_sleep: &MaySleep, filter: &str) -> Verdict {
    let (mut passed, mut failed) = (0, 0);
    for test in TOPICS.iter().copied().flatten().filter(|test| test.name.contains(filter)) {
        kprint!("test {} ... ", test.name);
        let began = clock::now();
        let result = (test.run)(may_sleep);
        let took = Duration::from_nanos(clock::now() - began);
        match result {
            Ok(()) => {
                kprintln!("ok");
                passed += 1;
            }
            Err(why) => {
                kprintln!("FAILED ({why})");
                failed += 1;
            }
        }
        if took > SLOW {
            kprintln!("  it took {} s", took.as_secs());
        }
    }
    kprintln!("{passed} passed, {failed} failed");
    // A filter that matches no test must not look like success.
    if failed == 0 && passed > 0 { Verdict::Success } else { Verdict::Failed }
}
