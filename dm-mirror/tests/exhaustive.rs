//! Two overlapping writes and two reads, in every order, with every fault.
//!
//! Each test makes every run there is. `SIM_FAULTS=<number>` sets how many faults
//! a run may have, and `SIM_RUNS=<number>` how many runs a test makes at most:
//! with more faults it takes hours.

use bio::{Extent, Sector, Sectors};
use sim::{Explored, Fault, Faults, Load, Op, Scenario, explore};
use subject::{clean, mirror, number, replayed};

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

/// The orders in which the four can come.
fn orders() -> impl Iterator<Item = [usize; 4]> {
    let all = (0..256).map(|n| [n >> 6, n >> 4 & 3, n >> 2 & 3, n & 3]);
    all.filter(|order| (0..4).all(|op| order.contains(&op)))
}

fn explore(name: &str, sync: &'static str, scenario: &Scenario) {
    let runs = number("SIM_RUNS").unwrap_or(u64::MAX);
    let explored = replayed(scenario, sync)
        .unwrap_or_else(|| explore::exhaustive(scenario, &mut mirror(sync), runs));
    let Explored { runs, steps, complete, .. } = clean(explored);
    println!("{name}: {} {runs} runs, {steps} steps", if complete { "all" } else { "the first" });
}

/// Every order of completion, of requests that came in this order.
fn every_completion(legs: usize, order: [usize; 4]) {
    let load = Load::all_at_once(order.map(|op| ops()[op]));
    let scenario = Scenario { ask_first: true, faults: media(2), ..Scenario::new(legs, 3, load) };
    explore(&format!("{legs} legs, {order:?}"), "nosync", &scenario);
}

#[test]
fn every_order_of_completion_with_two_faults_over_two_legs() {
    assert_eq!(orders().count(), 24);
    orders().for_each(|order| every_completion(2, order));
}

/// Which of the two reads comes first is left out: neither waits for the other.
#[test]
fn every_order_of_completion_with_two_faults_over_three_legs() {
    let place = |order: &[usize; 4], op| order.iter().position(|&other| other == op);
    orders()
        .filter(|order| place(order, 2) < place(order, 3))
        .for_each(|order| every_completion(3, order));
}

/// The faults of a test, unless told otherwise.
fn media(faults: u32) -> Faults {
    Faults::media(number("SIM_FAULTS").map_or(faults, |faults| faults as u32))
}

#[test]
fn requests_that_come_at_any_time_with_a_fault_over_two_legs() {
    let load = Load::all_at_once(ops());
    explore("any time", "nosync", &Scenario { faults: media(1), ..Scenario::new(2, 3, load) });
}

#[test]
fn a_read_follows_each_of_two_writes_with_a_fault_over_three_legs() {
    let [a, b, c, d] = ops();
    let load = Load::Script(vec![vec![a, c], vec![b, d]]);
    explore(
        "two clients, 3 legs",
        "nosync",
        &Scenario { faults: media(1), ..Scenario::new(3, 3, load) },
    );
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
    explore("two clients, 2 legs", "nosync", &scenario);
}

#[test]
fn a_write_and_a_read_at_any_moment_of_a_resync() {
    let load = Load::all_at_once([Op::Write(extent(1, 2)), Op::Read(extent(0, 3))]);
    let faults = if std::env::var_os("SIM_EXHAUSTIVE").is_some() { 2 } else { 1 };
    let scenario =
        Scenario { differing: true, faults: Faults::media(faults), ..Scenario::new(2, 3, load) };
    explore("resync", "sync", &scenario);
}

#[test]
fn a_forced_write_survives_a_crash_at_any_moment() {
    let load = Load::Script(vec![vec![Op::WriteFua(extent(0, 1)), Op::Read(extent(0, 1))]]);
    let scenario = Scenario { crashes: 1, ..Scenario::new(2, 1, load) };
    explore("crash", "nosync", &scenario);
}
