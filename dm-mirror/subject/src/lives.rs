//! Runs of the mirror that keeps records, through many lives: faults, crashes with a cut of
//! its own for each leg, clean stops, legs that are left out, come back, or lose their caches.
//!
//! Place: `dm-mirror/tests/lives.rs` makes them by chance; a run that breaks a promise is
//! named by the test and a line, and can be shown from these two alone.

use bio::{Limits, Sectors};
use sim::{Fault, Faults, Load, Scenario};

use super::recorded::{DATA_START, REGION, Recorded, Window};

/// The size of most mirrors: three regions.
const SECTORS: u64 = 24;

/// Requests of most runs.
const OPS_PER_RUN: u64 = 60;

/// What a person does in a run, whatever life the mirror is in.
const ACTS: u32 = 12;

/// A run over thousands of regions costs as much as so many over a few.
const LARGE: u64 = 10;

/// A user who never rests has sixteen regions: there is always one that is clean.
const RESTLESS_SECTORS: u64 = 16 * REGION;

/// Long enough for several things to be begun, and to end.
const RESTLESS_STEPS: u64 = 30_000;

/// About as many requests as a user who never rests makes in a run.
const RESTLESS_OPS_PER_RUN: u64 = 3_000;

/// Runs of one kind.
#[derive(Clone, Debug)]
pub struct Lives {
    /// What may happen.
    pub scenario: Scenario,
    /// To which mirrors.
    pub mirror: Recorded,
    /// What a run counts for, in requests.
    pub ops: u64,
}

impl Lives {
    fn over(scenario: Scenario) -> Lives {
        let mirror = Recorded { shuffled: true, ..Recorded::new(SECTORS) };
        Lives { scenario, mirror, ops: OPS_PER_RUN }
    }

    /// The runs that the test of this name makes; `None` if there is no such test.
    pub fn named(test: &str) -> Option<Lives> {
        Some(match test {
            "crashes_alone_over_two_legs" => Lives::over(Scenario {
                faults: Faults::none(),
                stops: 0,
                absences: 0,
                returns: 0,
                ..anything(2)
            }),
            "crashes_and_absences_over_two_legs" => {
                Lives::over(Scenario { faults: Faults::none(), returns: 0, ..anything(2) })
            }
            "anything_over_one_leg" => Lives::over(anything(1)),
            "anything_over_two_legs" => Lives::over(anything(2)),
            "anything_over_three_legs" => Lives::over(anything(3)),
            "anything_over_two_legs_with_a_map_of_two_pages" => {
                let window = Window::two_pages(SECTORS);
                let scenario = Scenario { leg_sectors: window.disk(), ..anything(2) };
                large(scenario, window)
            }
            "records_that_go_bad_over_two_legs" => Lives::over(rotting(2, Window::whole(SECTORS))),
            "records_that_go_bad_over_three_legs" => {
                Lives::over(rotting(3, Window::whole(SECTORS)))
            }
            "records_that_go_bad_over_two_legs_with_a_map_of_two_pages" => {
                let window = Window::two_pages(SECTORS);
                large(rotting(2, window), window)
            }
            "exchanged_disks_over_two_legs" => exchanged(2),
            "exchanged_disks_over_three_legs" => exchanged(3),
            "a_user_who_never_rests_starves_nobody_over_two_legs" => restless(2),
            "a_user_who_never_rests_starves_nobody_over_three_legs" => restless(3),
            "a_pace_is_kept_over_two_legs" => {
                // A chunk of a region takes 40 ms beside clients, and 4 at best.
                let Lives { scenario, mirror, ops } = Lives::over(anything(2));
                let mirror = Recorded { all_named: true, rate: "100,1000", ..mirror };
                Lives { scenario, mirror, ops }
            }
            _ => return None,
        })
    }
}

/// Everything that can go wrong.
fn anything(legs: usize) -> Scenario {
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

/// A mirror whose map has two pages, on legs that lie behind an offset. Clients use what is
/// around the border between the pages.
fn large(scenario: Scenario, window: Window) -> Lives {
    let mirror = Recorded { shuffled: true, ..Recorded::seen(window) };
    Lives { scenario, mirror, ops: LARGE * OPS_PER_RUN }
}

/// Of one record of one leg, one copy goes bad before a start.
fn rotting(legs: usize, window: Window) -> Scenario {
    Scenario { rot: 2, records: window.records(), leg_sectors: window.disk(), ..anything(legs) }
}

/// A blank disk comes in the place of a leg that was out.
fn exchanged(legs: usize) -> Lives {
    let Lives { scenario, mirror, ops } = Lives::over(anything(legs));
    let scenario = Scenario { exchanges: 2, ..scenario };
    Lives { scenario, mirror: Recorded { all_named: true, ..mirror }, ops }
}

/// The user has a request ready at all times: whatever else was begun must end.
fn restless(legs: usize) -> Lives {
    let load = Load::Random { clients: 3, ops: 0, extent_max: Sectors(1) };
    let scenario = Scenario {
        leg_sectors: Sectors(RESTLESS_SECTORS + DATA_START),
        limits: Limits { discard: true, ..Limits::default() },
        faults: Faults { budget: 2, one_in: 4_000, kinds: Fault::ALL.into() },
        acts: ACTS,
        recalls: true,
        returns: 2,
        restless: RESTLESS_STEPS,
        steps_max: 4 * RESTLESS_STEPS,
        ..Scenario::new(legs, RESTLESS_SECTORS, load)
    };
    let mirror = Recorded { shuffled: true, ..Recorded::new(RESTLESS_SECTORS) };
    Lives { scenario, mirror, ops: RESTLESS_OPS_PER_RUN }
}
