//! Two overlapping writes and two reads, in every order, with every fault.
//!
//! `SIM_RUNS=<number>` sets how many runs a test makes at most; what is there
//! beyond the default takes hours. A violation prints its account and its path.

mod subject;

use bio::{Extent, Sector, Sectors};
use sim::{Explored, Fault, Faults, Load, Op, Scenario, explore};
use subject::{clean, mirror, number};

/// Runs a test makes at most, unless told otherwise.
const RUNS_MAX: u64 = 1_000_000;

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

fn ops() -> [Op; 4] {
    [
        Op::Write(extent(0, 2)),
        Op::Write(extent(1, 2)),
        Op::Read(extent(0, 3)),
        Op::Read(extent(1, 1)),
    ]
}

/// The orders in which four requests can be made.
fn orders() -> Vec<[usize; 4]> {
    let all = (0..256).map(|n| [n >> 6, n >> 4 & 3, n >> 2 & 3, n & 3]);
    all.filter(|order| (0..4).all(|op| order.contains(&op))).collect()
}

fn explore(name: &str, sync: &'static str, scenario: &Scenario) -> Explored {
    let runs = match number("SIM_RUNS") {
        Some(0) => u64::MAX,
        runs => runs.unwrap_or(RUNS_MAX),
    };
    let explored = clean(explore::exhaustive(scenario, &mut mirror(sync), runs));
    let all = if explored.complete { "all" } else { "the first" };
    println!("{name}: {all} {} runs, {} steps", explored.runs, explored.steps);
    explored
}

/// Every completion order, with up to two faults, whichever request came first.
fn every_completion(legs: usize) {
    assert_eq!(orders().len(), 24);
    for order in orders() {
        let load = Load::all_at_once(order.map(|op| ops()[op]));
        let scenario =
            Scenario { ask_first: true, faults: Faults::media(2), ..Scenario::new(legs, 3, load) };
        let explored = explore(&format!("{legs} legs, {order:?}"), "nosync", &scenario);
        assert!(explored.complete);
    }
}

#[test]
fn every_order_of_completion_with_two_faults_over_two_legs() {
    every_completion(2);
}

#[test]
fn every_order_of_completion_with_two_faults_over_three_legs() {
    every_completion(3);
}

fn any_time(legs: usize, faults: u32) {
    let faults = number("SIM_FAULTS").map_or(faults, |faults| faults as u32);
    let load = Load::all_at_once(ops());
    let scenario = Scenario { faults: Faults::media(faults), ..Scenario::new(legs, 3, load) };
    explore(&format!("any time, {legs} legs, {faults} faults"), "nosync", &scenario);
}

#[test]
fn requests_that_come_at_any_time_with_a_fault_over_two_legs() {
    any_time(2, 1);
}

#[test]
fn requests_that_come_at_any_time_over_three_legs() {
    any_time(3, 0);
}

#[test]
fn a_read_follows_each_of_two_writes_while_a_leg_times_out_or_goes() {
    let [a, b, c, d] = ops();
    let scenario = Scenario {
        faults: Faults {
            budget: 1,
            one_in: 1,
            kinds: vec![Fault::MediaPartly, Fault::Timeout, Fault::Gone],
        },
        ..Scenario::new(2, 3, Load::Script(vec![vec![a, c], vec![b, d]]))
    };
    explore("two clients", "nosync", &scenario);
}

#[test]
fn a_write_and_a_read_at_any_moment_of_a_resync() {
    let load = Load::all_at_once([Op::Write(extent(1, 2)), Op::Read(extent(0, 3))]);
    let scenario =
        Scenario { differing: true, faults: Faults::media(2), ..Scenario::new(2, 3, load) };
    explore("resync", "sync", &scenario);
}

#[test]
fn a_forced_write_survives_a_crash_at_any_moment() {
    let load = Load::Script(vec![vec![Op::WriteFua(extent(0, 1)), Op::Read(extent(0, 1))]]);
    let scenario = Scenario { crashes: 1, ..Scenario::new(2, 1, load) };
    explore("crash", "nosync", &scenario);
}
