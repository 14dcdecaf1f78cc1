//! The tester tested: right devices pass, and each planted bug is found.

mod devices;

use bio::{Extent, Sector, Sectors};
use devices::{Bug, naive, passed};
use sim::{Explored, Fault, Faults, Load, Op, Scenario, Violation, explore};

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

/// Two overlapping writes and two reads, all at once.
fn four(legs: usize, faults: u32) -> Scenario {
    let ops = [
        Op::Write(extent(0, 2)),
        Op::Write(extent(1, 2)),
        Op::Read(extent(0, 3)),
        Op::Read(extent(1, 1)),
    ];
    Scenario { faults: Faults::media(faults), ..Scenario::new(legs, 3, Load::all_at_once(ops)) }
}

fn random(legs: usize, ops: u64) -> Scenario {
    let load = Load::Random { clients: 4, ops, extent_max: Sectors(4) };
    Scenario::new(legs, 8, load)
}

/// Asserts that nothing was found, and shows what was.
#[track_caller]
fn clean(explored: Explored) -> Explored {
    if let Some(report) = &explored.found {
        panic!("after {} runs: {report}", explored.runs);
    }
    explored
}

#[test]
fn one_disk_passes_in_every_order() {
    let explored = clean(explore::exhaustive(&four(1, 0), &mut passed, u64::MAX));
    assert!(explored.complete);
    println!("{} runs, {} steps", explored.runs, explored.steps);
}

#[test]
fn one_disk_that_fails_late_and_crashes_passes() {
    let mut scenario = random(1, 200);
    scenario.crashes = 3;
    scenario.early_effects = true;
    scenario.faults = Faults {
        budget: 10,
        one_in: 10,
        kinds: vec![Fault::Media, Fault::MediaLanded, Fault::MediaPartly, Fault::Timeout],
    };
    clean(explore::seeded(&scenario, &mut passed, 0..300));
}

#[test]
fn one_disk_that_discards_and_crashes_passes() {
    let mut scenario = random(1, 200);
    scenario.limits.discard = true;
    scenario.crashes = 3;
    scenario.early_effects = true;
    let kinds = vec![Fault::Media, Fault::Timeout];
    scenario.faults = Faults { budget: 10, one_in: 10, kinds };
    clean(explore::seeded(&scenario, &mut passed, 0..300));
}

#[test]
fn a_naive_mirror_passes_in_every_order() {
    for legs in [2, 3] {
        let explored = clean(explore::exhaustive(&four(legs, 1), &mut naive(None), 1_000_000));
        println!("{legs} legs: {} runs, {} steps", explored.runs, explored.steps);
    }
}

#[test]
fn a_naive_mirror_passes_by_chance() {
    let mut scenario = random(3, 200);
    scenario.early_effects = true;
    scenario.faults = Faults {
        budget: 4,
        one_in: 20,
        kinds: vec![
            Fault::Media,
            Fault::MediaLanded,
            Fault::MediaPartly,
            Fault::Timeout,
            Fault::Gone,
        ],
    };
    let explored = clean(explore::seeded(&scenario, &mut naive(None), 0..300));
    println!("{} runs, {} steps", explored.runs, explored.steps);
}

#[test]
fn a_naive_mirror_keeps_what_was_flushed_over_crashes() {
    let mut scenario = random(2, 200);
    scenario.crashes = 3;
    clean(explore::seeded(&scenario, &mut naive(None), 0..300));
}

/// What the exploration finds in a mirror with `bug`.
fn found(scenario: &Scenario, bug: Bug) -> Violation {
    let explored = explore::exhaustive(scenario, &mut naive(Some(bug)), u64::MAX);
    let report = explored.found.expect("the bug is not found");
    println!("{bug:?} found in run {}: {report}", explored.runs);
    for line in [&report.replay, &report.shortest] {
        let again = explore::replay(scenario, &mut naive(Some(bug)), line).unwrap();
        assert!(again.found.is_some(), "{line} does not replay it");
    }
    report.violation
}

#[test]
fn an_early_acknowledgement_is_found() {
    assert!(matches!(found(&four(2, 0), Bug::EarlyAck), Violation::Unexplained { .. }));
}

#[test]
fn a_failed_leg_that_is_still_read_is_found() {
    assert!(matches!(found(&four(2, 1), Bug::FailedLegStillRead), Violation::Unexplained { .. }));
}

#[test]
fn a_leg_that_is_skipped_is_found() {
    let load = Load::all_at_once([Op::Write(extent(0, 1))]);
    let violation = found(&Scenario::new(2, 1, load), Bug::LegSkipped);
    assert!(matches!(violation, Violation::Unexplained { .. }));
}

#[test]
fn a_missing_range_lock_is_found() {
    assert!(matches!(found(&four(2, 0), Bug::NoLock), Violation::Unexplained { .. }));
}

/// One client writes a sector, another reads it twice.
fn reads_beside_a_write(faults: u32) -> Scenario {
    let (write, read) = (Op::Write(extent(0, 1)), Op::Read(extent(0, 1)));
    let load = Load::Script(vec![vec![write], vec![read, read]]);
    Scenario { early_effects: true, faults: Faults::media(faults), ..Scenario::new(2, 1, load) }
}

/// A read in flight before the write started returns the new data from the
/// fast leg; the next one goes to the fixed leg, which is slow.
#[test]
fn one_fixed_leg_for_reads_during_a_write_is_not_enough() {
    let violation = found(&reads_beside_a_write(0), Bug::FixedLeg { after_reads: false });
    assert!(matches!(violation, Violation::Unexplained { .. }));
}

/// The fixed leg returns the new data and fails; then the write fails
/// everywhere, and the other leg returns the old.
#[test]
fn one_fixed_leg_is_not_enough_for_writes_that_wait_for_reads_either() {
    let bug = Bug::FixedLeg { after_reads: true };
    clean(explore::exhaustive(&reads_beside_a_write(0), &mut naive(Some(bug)), u64::MAX));
    assert!(matches!(found(&reads_beside_a_write(2), bug), Violation::Unexplained { .. }));
}

#[test]
fn a_read_that_is_not_tried_again_is_found() {
    assert!(matches!(found(&four(2, 1), Bug::NoRetry), Violation::NeedlessError(..)));
}

#[test]
fn a_request_that_never_ends_is_found() {
    assert!(matches!(found(&four(2, 1), Bug::Forgotten), Violation::Hang(_)));
}

#[test]
fn an_ignored_flush_is_found_by_a_crash() {
    let load = Load::Script(vec![vec![Op::Write(extent(0, 1)), Op::Flush, Op::Read(extent(0, 1))]]);
    let scenario = Scenario { crashes: 1, ..Scenario::new(2, 1, load) };
    assert!(matches!(found(&scenario, Bug::FlushIgnored), Violation::Unexplained { .. }));
}
