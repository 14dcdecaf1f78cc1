//! By chance: a right mirror passes, and each flaw is found.

use bio::{Limits, Sectors};
use sim::{Explored, Fault, Faults, Load, Scenario, Violation, explore};

use crate::labelled::{Flaw, labelled};

const SECTORS: u64 = 3;

/// A few clients on a small mirror, and all that can happen to its legs.
fn scenario(legs: usize) -> Scenario {
    let load = Load::Random { clients: 2, ops: 12, extent_max: Sectors(2) };
    let kinds = vec![Fault::Media, Fault::MediaPartly, Fault::Gone, Fault::Blip, Fault::Drop];
    Scenario {
        leg_sectors: Sectors(SECTORS + 1),
        limits: Limits { discard: true, ..Limits::default() },
        early_effects: true,
        faults: Faults { budget: 2, one_in: 12, kinds },
        crashes: 3,
        stops: 1,
        absences: 2,
        returns: 1,
        steps_max: 5000,
        ..Scenario::new(legs, SECTORS, load)
    }
}

fn explore(legs: usize, flaw: Option<Flaw>, seeds: u64) -> Explored {
    explore::seeded(&scenario(legs), &mut labelled(SECTORS, flaw), 0..seeds)
}

#[test]
fn a_labelled_mirror_passes() {
    for legs in [1, 2, 3] {
        let explored = explore(legs, None, 5_000);
        if let Some(report) = &explored.found {
            panic!("{legs} legs, after {} runs: {report}", explored.runs);
        }
        println!("{legs} legs: {} runs, {} steps", explored.runs, explored.steps);
    }
}

/// What is found in a mirror with this flaw.
fn found(legs: usize, flaw: Flaw) -> Violation {
    let explored = explore(legs, Some(flaw), 100_000);
    let report = explored.found.expect("the flaw is not found");
    println!("{flaw:?} found in run {}: {report}", explored.runs);
    let factory = &mut labelled(SECTORS, Some(flaw));
    let again = explore::replay(&scenario(legs), factory, &report.shortest).unwrap();
    assert!(again.found.is_some(), "{} does not replay it", report.shortest);
    report.violation
}

#[test]
fn a_start_without_the_legs_that_know_is_found() {
    let violation = found(2, Flaw::NeverHeld);
    assert!(matches!(violation, Violation::StaleStart), "{violation}");
}

#[test]
fn a_start_that_waits_for_nobody_is_found() {
    assert!(matches!(found(2, Flaw::AlwaysHeld), Violation::NoStart(_)));
}

#[test]
fn legs_that_stay_different_are_found() {
    found(2, Flaw::NoCopy);
}

#[test]
fn a_copy_left_in_the_cache_is_found() {
    found(2, Flaw::CopyCached);
}

#[test]
fn an_acknowledgement_before_the_labels_is_found() {
    found(2, Flaw::LabelLate);
}

#[test]
fn a_label_left_in_the_cache_is_found() {
    found(2, Flaw::LabelCached);
}

#[test]
fn a_cache_lost_without_a_word_is_found() {
    found(2, Flaw::BlipUnseen);
}

#[test]
fn a_loss_that_no_flush_tells_of_is_found() {
    let violation = found(1, Flaw::LossUntold);
    assert!(matches!(violation, Violation::Denied { .. }), "{violation}");
}
