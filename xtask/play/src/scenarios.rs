//! The runs that a page can show: some made to be looked at, and those of the tests.

use bio::{Extent, Limits, Sector, Sectors};
use sim::{Fault, Faults, Load, Op, Scenario};
use subject::lives::Lives;
use subject::recorded::{DATA_START, REGION, Recorded};

use crate::state;

/// The size of the mirrors that are made to be looked at: two regions.
const SECTORS: u64 = 2 * REGION;

/// The tests whose runs can be shown.
const TESTS: [&str; 14] = [
    "anything_over_two_legs",
    "anything_over_three_legs",
    "anything_over_one_leg",
    "crashes_alone_over_two_legs",
    "crashes_and_absences_over_two_legs",
    "anything_over_two_legs_with_a_map_of_two_pages",
    "records_that_go_bad_over_two_legs",
    "records_that_go_bad_over_three_legs",
    "records_that_go_bad_over_two_legs_with_a_map_of_two_pages",
    "exchanged_disks_over_two_legs",
    "exchanged_disks_over_three_legs",
    "a_user_who_never_rests_starves_nobody_over_two_legs",
    "a_user_who_never_rests_starves_nobody_over_three_legs",
    "a_pace_is_kept_over_two_legs",
];

/// Runs made to be looked at: their name, their title, and what they are.
type Shown = (&'static str, &'static str, fn() -> Scenario);

/// Those made to be looked at.
const SHOWN: [Shown; 6] = [
    ("two-legs", "Two legs, two clients", || shown(2, mixed())),
    ("three-legs", "Three legs, two clients", || shown(3, mixed())),
    ("read", "One write, then reads", || shown(2, vec![vec![write(0), read(), read(), read()]])),
    ("write", "One write at a time", || {
        shown(2, vec![vec![write(0), read(), write(REGION), read()]])
    }),
    ("two-writes", "Two writes that overlap", || {
        shown(2, vec![vec![write(0), read()], vec![write(1), read()]])
    }),
    ("flush", "Writes, a flush, reads", || {
        shown(2, vec![vec![write(0), Op::Flush, write(0), read(), Op::Flush, read()]])
    }),
];

fn at(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

fn write(start: u64) -> Op {
    Op::Write(at(start, 2))
}

fn read() -> Op {
    Op::Read(at(0, 3))
}

/// What two clients ask for: both regions, all commands, some of it at the same place.
fn mixed() -> Vec<Vec<Op>> {
    let again = |ops: &[Op]| ops.repeat(3);
    vec![
        again(&[write(0), read(), write(REGION), Op::Flush]),
        again(&[Op::WriteFua(at(1, 2)), Op::Read(at(REGION, 2)), read(), write(REGION - 1)]),
    ]
}

/// Everything can go wrong, as often as a reader may want.
fn shown(legs: usize, ops: Vec<Vec<Op>>) -> Scenario {
    Scenario {
        leg_sectors: Sectors(SECTORS + DATA_START),
        limits: Limits { discard: true, ..Limits::default() },
        faults: Faults { budget: 6, one_in: 30, kinds: Fault::ALL.into() },
        hurries: 30,
        crashes: 4,
        warm: 1,
        stops: 2,
        absences: 3,
        returns: 4,
        steps_max: 5_000,
        ..Scenario::new(legs, SECTORS, Load::Script(ops))
    }
}

/// The runs of this name.
pub(crate) fn named(name: &str) -> Result<Lives, String> {
    let shown = SHOWN.iter().find(|(id, ..)| *id == name).map(|(.., make)| Lives {
        scenario: make(),
        mirror: Recorded { all_named: true, ..Recorded::new(SECTORS) },
        ops: 1,
    });
    let known = || TESTS.contains(&name).then(|| Lives::named(name)).flatten();
    shown.or_else(known).ok_or_else(|| format!("there are no runs `{name}`"))
}

/// All of them.
pub(crate) fn list() -> Vec<state::Scenario> {
    let shown = SHOWN.iter().map(|(id, title, _)| (*id, *title, None));
    let tests = TESTS.iter().map(|test| (*test, *test, Some(*test)));
    let listed = |(id, title, test): (&'static str, &'static str, Option<&'static str>)| {
        let Lives { scenario, .. } = named(id).expect("it is listed");
        let sectors = scenario.sectors.0;
        state::Scenario { id, title, legs: scenario.legs, sectors, region: REGION, test }
    };
    shown.chain(tests).map(listed).collect()
}
