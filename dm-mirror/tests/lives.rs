//! The mirror that keeps records, through many lives by chance: faults, crashes
//! with a cut of its own for each leg, clean stops, legs that are left out, come
//! back, or lose their caches.
//!
//! `SIM_OPS=<number>` sets how many requests each test makes; `SIM_SEED=<number>`
//! the seed of the first run; `SIM_REPLAY=<line>` makes one run again.

mod subject;

use bio::{Limits, Sectors};
use sim::{Explored, Factory, Fault, Faults, Load, Scenario, explore};
use subject::recorded::{DATA_START, REGION, Recorded, Window};
use subject::{clean, number};

const SECTORS: u64 = 24;
const OPS_PER_RUN: u64 = 60;
const OPS: u64 = 30_000;

/// What a person does in a run, whatever life the mirror is in.
const ACTS: u32 = 12;

fn scenario(legs: usize) -> Scenario {
    let load = Load::Random { clients: 3, ops: OPS_PER_RUN, extent_max: Sectors(10) };
    Scenario {
        leg_sectors: Sectors(SECTORS + DATA_START),
        limits: Limits { discard: true, ..Limits::default() },
        early_effects: true,
        faults: Faults { budget: 3, one_in: 40, kinds: Fault::ALL.into() },
        hurries: 20,
        crashes: 3,
        warm: 1,
        stops: 1,
        absences: 2,
        returns: 2,
        acts: ACTS,
        recalls: true,
        steps_max: 20_000,
        ..Scenario::new(legs, SECTORS, load)
    }
}

fn mirror() -> Recorded {
    Recorded { shuffled: true, ..Recorded::new(SECTORS) }
}

#[track_caller]
fn soak(scenario: &Scenario) {
    soak_over(scenario, &mut mirror().build(), OPS_PER_RUN);
}

#[track_caller]
fn soak_over(scenario: &Scenario, factory: &mut Factory<'_>, ops: u64) {
    let explored = match std::env::var("SIM_REPLAY") {
        Ok(line) => explore::replay(scenario, factory, &line).expect("a line of a report"),
        Err(_) => {
            let first = number("SIM_SEED").unwrap_or(0);
            let runs = number("SIM_OPS").unwrap_or(OPS).div_ceil(ops);
            explore::seeded(scenario, factory, first..first + runs)
        }
    };
    let Explored { runs, steps, .. } = clean(explored);
    println!("{runs} runs, {steps} steps");
}

#[test]
fn crashes_alone_over_two_legs() {
    soak(&Scenario { faults: Faults::none(), stops: 0, absences: 0, returns: 0, ..scenario(2) });
}

#[test]
fn crashes_and_absences_over_two_legs() {
    soak(&Scenario { faults: Faults::none(), returns: 0, ..scenario(2) });
}

#[test]
fn anything_over_one_leg() {
    soak(&scenario(1));
}

#[test]
fn anything_over_two_legs() {
    soak(&scenario(2));
}

#[test]
fn anything_over_three_legs() {
    soak(&scenario(3));
}

/// A run over thousands of regions costs as much as so many over a few.
const LARGE: u64 = 10;

/// A mirror whose map has two pages, on legs that lie behind an offset. Clients use what is
/// around the border between the pages.
#[test]
fn anything_over_two_legs_with_a_map_of_two_pages() {
    let window = Window::two_pages(SECTORS);
    let scenario = Scenario { leg_sectors: window.disk(), ..scenario(2) };
    let mirror = Recorded { shuffled: true, ..Recorded::seen(window) };
    soak_over(&scenario, &mut mirror.build(), LARGE * OPS_PER_RUN);
}

/// Of one record of one leg, one copy goes bad before a start.
fn rotting(legs: usize, window: Window) -> Scenario {
    Scenario { rot: 2, records: window.records(), leg_sectors: window.disk(), ..scenario(legs) }
}

#[test]
fn records_that_go_bad_over_two_legs() {
    soak(&rotting(2, Window::whole(SECTORS)));
}

#[test]
fn records_that_go_bad_over_three_legs() {
    soak(&rotting(3, Window::whole(SECTORS)));
}

#[test]
fn records_that_go_bad_over_two_legs_with_a_map_of_two_pages() {
    let window = Window::two_pages(SECTORS);
    let mirror = Recorded { shuffled: true, ..Recorded::seen(window) };
    soak_over(&rotting(2, window), &mut mirror.build(), LARGE * OPS_PER_RUN);
}

/// A blank disk comes in the place of a leg that was out.
#[test]
fn exchanged_disks_over_two_legs() {
    let scenario = Scenario { exchanges: 2, ..scenario(2) };
    soak_over(&scenario, &mut Recorded { all_named: true, ..mirror() }.build(), OPS_PER_RUN);
}

#[test]
fn exchanged_disks_over_three_legs() {
    let scenario = Scenario { exchanges: 2, ..scenario(3) };
    soak_over(&scenario, &mut Recorded { all_named: true, ..mirror() }.build(), OPS_PER_RUN);
}

/// The user has a request ready at all times: whatever else was begun must end.
fn restless(legs: usize) -> Scenario {
    let load = Load::Random { clients: 3, ops: 0, extent_max: Sectors(1) };
    Scenario {
        leg_sectors: Sectors(RESTLESS_SECTORS + DATA_START),
        limits: Limits { discard: true, ..Limits::default() },
        faults: Faults { budget: 2, one_in: 4_000, kinds: Fault::ALL.into() },
        acts: ACTS,
        recalls: true,
        returns: 2,
        restless: RESTLESS_STEPS,
        steps_max: 4 * RESTLESS_STEPS,
        ..Scenario::new(legs, RESTLESS_SECTORS, load)
    }
}

/// Sixteen regions: there is always one that is clean.
const RESTLESS_SECTORS: u64 = 16 * REGION;

/// Long enough for several things to be begun, and to end.
const RESTLESS_STEPS: u64 = 30_000;

fn never_rests(legs: usize) {
    let mirror = Recorded { shuffled: true, ..Recorded::new(RESTLESS_SECTORS) };
    soak_over(&restless(legs), &mut mirror.build(), RESTLESS_OPS_PER_RUN);
}

/// About as many requests as a user who never rests makes in a run.
const RESTLESS_OPS_PER_RUN: u64 = 3_000;

#[test]
fn a_user_who_never_rests_starves_nobody_over_two_legs() {
    never_rests(2);
}

#[test]
fn a_user_who_never_rests_starves_nobody_over_three_legs() {
    never_rests(3);
}

/// A chunk of a region takes 40 ms beside clients, and 4 at best.
#[test]
fn a_pace_is_kept_over_two_legs() {
    soak_over(
        &scenario(2),
        &mut Recorded { all_named: true, rate: "100,1000", ..mirror() }.build(),
        OPS_PER_RUN,
    );
}
