//! The mirror that keeps records, through many lives by chance: faults, crashes
//! with a cut of its own for each leg, clean stops, legs that are left out, come
//! back, or lose their caches. What each test may meet is in `subject::lives`.
//!
//! `SIM_OPS=<number>` sets how many requests each test makes; `SIM_SEED=<number>`
//! the seed of the first run; `SIM_REPLAY=<line>` makes one run again.

use sim::{Explored, explore};
use subject::lives::Lives;
use subject::{clean, number};

const OPS: u64 = 30_000;

/// Makes the runs of the test of this name.
#[track_caller]
fn soak(test: &str) {
    let Lives { scenario, mirror, ops } = Lives::named(test).expect("runs of this name");
    let factory = &mut mirror.build();
    let explored = match std::env::var("SIM_REPLAY") {
        Ok(line) => explore::replay(&scenario, factory, &line).expect("a line of a report"),
        Err(_) => {
            let first = number("SIM_SEED").unwrap_or(0);
            let runs = number("SIM_OPS").unwrap_or(OPS).div_ceil(ops);
            explore::seeded(&scenario, factory, first..first + runs)
        }
    };
    let Explored { runs, steps, .. } = clean(explored);
    println!("{runs} runs, {steps} steps");
}

#[test]
fn crashes_alone_over_two_legs() {
    soak("crashes_alone_over_two_legs");
}

#[test]
fn crashes_and_absences_over_two_legs() {
    soak("crashes_and_absences_over_two_legs");
}

#[test]
fn anything_over_one_leg() {
    soak("anything_over_one_leg");
}

#[test]
fn anything_over_two_legs() {
    soak("anything_over_two_legs");
}

#[test]
fn anything_over_three_legs() {
    soak("anything_over_three_legs");
}

#[test]
fn anything_over_two_legs_with_a_map_of_two_pages() {
    soak("anything_over_two_legs_with_a_map_of_two_pages");
}

#[test]
fn records_that_go_bad_over_two_legs() {
    soak("records_that_go_bad_over_two_legs");
}

#[test]
fn records_that_go_bad_over_three_legs() {
    soak("records_that_go_bad_over_three_legs");
}

#[test]
fn records_that_go_bad_over_two_legs_with_a_map_of_two_pages() {
    soak("records_that_go_bad_over_two_legs_with_a_map_of_two_pages");
}

#[test]
fn exchanged_disks_over_two_legs() {
    soak("exchanged_disks_over_two_legs");
}

#[test]
fn exchanged_disks_over_three_legs() {
    soak("exchanged_disks_over_three_legs");
}

#[test]
fn a_user_who_never_rests_starves_nobody_over_two_legs() {
    soak("a_user_who_never_rests_starves_nobody_over_two_legs");
}

#[test]
fn a_user_who_never_rests_starves_nobody_over_three_legs() {
    soak("a_user_who_never_rests_starves_nobody_over_three_legs");
}

#[test]
fn a_pace_is_kept_over_two_legs() {
    soak("a_pace_is_kept_over_two_legs");
}

/// Runs that once stopped a simulation, by their seeds.
#[test]
fn runs_that_stopped_a_simulation_do_not_any_more() {
    let stopped = [
        ("a_pace_is_kept_over_two_legs", 102_150_526),
        ("records_that_go_bad_over_two_legs", 102_262_078),
        ("anything_over_two_legs", 103_874_580),
        ("records_that_go_bad_over_two_legs", 103_946_201),
        ("anything_over_two_legs", 104_852_000),
    ];
    for (test, seed) in stopped {
        let Lives { scenario, mirror, .. } = Lives::named(test).expect("runs of this name");
        clean(explore::seeded(&scenario, &mut mirror.build(), seed..seed + 1));
    }
}
