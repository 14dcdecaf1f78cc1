//! Many clients on a small mirror, by chance: faults, late answers, resync,
//! crashes.
//!
//! `SIM_OPS=<number>` sets how many requests each test makes, in runs of a few
//! hundred or less; `SIM_SEED=<number>` the seed of the first run, so that
//! `SIM_SEED=71 SIM_OPS=1` makes the run of seed 71 alone.

use bio::Sectors;
use sim::{Fault, Faults, Load, Scenario, explore};
use subject::{clean, mirror, number, replayed};

/// Requests that a test makes, unless told otherwise.
const OPS: u64 = 30_000;

/// What six clients ask of a mirror small enough that they meet often.
fn busy(legs: usize) -> Scenario {
    let load = Load::Random { clients: 6, ops: 500, extent_max: Sectors(8) };
    Scenario { early_effects: true, hurries: 50, ..Scenario::new(legs, 24, load) }
}

/// Everything that can go wrong with a disk, `budget` times.
fn anything(budget: u32) -> Faults {
    Faults { budget, one_in: 200, kinds: Fault::ALL.into() }
}

#[track_caller]
fn soak(name: &str, sync: &'static str, scenario: &Scenario) {
    let first = number("SIM_SEED").unwrap_or(0);
    let Load::Random { ops, .. } = scenario.load else { panic!("{name} has its requests") };
    let runs = number("SIM_OPS").unwrap_or(OPS).div_ceil(ops).max(1);
    let explored = replayed(scenario, sync)
        .unwrap_or_else(|| explore::seeded(scenario, &mut mirror(sync), first..first + runs));
    let explored = clean(explored);
    println!("{name}: {} runs, {} steps", explored.runs, explored.steps);
}

#[test]
fn two_legs_fail() {
    soak("two legs", "nosync", &Scenario { faults: anything(3), ..busy(2) });
}

#[test]
fn three_legs_fail() {
    soak("three legs", "nosync", &Scenario { faults: anything(4), ..busy(3) });
}

#[test]
fn four_legs_fail() {
    soak("four legs", "nosync", &Scenario { faults: anything(6), ..busy(4) });
}

#[test]
fn legs_fail_while_others_are_rebuilt() {
    let scenario = Scenario { differing: true, faults: anything(2), ..busy(3) };
    soak("rebuilding", "sync", &scenario);
}

/// More than a resync copies at once: requests come before, on and behind it.
#[test]
fn legs_fail_while_others_are_rebuilt_piece_by_piece() {
    let load = Load::Random { clients: 6, ops: 60, extent_max: Sectors(300) };
    let faults = Faults { one_in: 30, ..anything(2) };
    let scenario = Scenario { differing: true, faults, ..Scenario::new(3, 1000, load) };
    soak("piece by piece", "sync", &scenario);
}

/// Of what is in sync when the machine crashes, only the last leg is believed.
#[test]
fn what_was_flushed_survives_crashes_and_the_loss_of_all_legs_but_one() {
    let scenario = Scenario { crashes: 4, faults: anything(4), ..busy(3) };
    soak("crashes", "nosync", &scenario);
}

#[test]
fn what_was_flushed_survives_crashes_around_a_resync() {
    let faults = Faults { one_in: 100, ..anything(2) };
    soak("crashes in resync", "sync", &Scenario { differing: true, crashes: 4, faults, ..busy(2) });
}

/// Short runs end in the middle of everything: between the last copy, the
/// flush after it, and the moment at which the leg counts as in sync.
#[test]
fn what_was_flushed_survives_a_crash_at_the_end_of_a_resync() {
    let load = Load::Random { clients: 2, ops: 6, extent_max: Sectors(1) };
    let scenario = Scenario { differing: true, early_effects: true, ..Scenario::new(2, 1, load) };
    soak("short", "sync", &Scenario { crashes: 2, ..scenario });
}
