//! A walk through what can happen to a mirror between two starts.
//!
//! A small mirror really executes the protocol: writes with their intents,
//! flushes, exclusions, rebuilds, promotions, each cut off anywhere by a crash;
//! caches that are lost in part; starts with any part of the members; a person
//! who starts without the rest, and chooses where halves ran apart; disks restored
//! from snapshots. After every crash, each part of the members is assembled, in
//! every order, and what comes out is compared with what really happened
//! (`judge.rs`).
//!
//! `SIM_OPS=<number>` sets how many starts each test makes, in runs of a few
//! dozen; `SIM_SEED=<number>` the seed of the first run, so that `SIM_SEED=71
//! SIM_OPS=1` makes the run of seed 71 alone.

mod disk;
mod judge;
mod session;
mod truth;
mod world;

use sim::Seeded;
use world::{Person, Seen, World};

/// Starts that a test makes, unless told otherwise.
const STARTS: u64 = 30_000;

/// Starts in a run: more than the generations that a superblock remembers.
const STARTS_A_RUN: u64 = 50;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[track_caller]
fn walk(name: &str, members: usize, person: Person) -> Seen {
    let first = number("SIM_SEED").unwrap_or(0);
    let runs = number("SIM_OPS").unwrap_or(STARTS).div_ceil(STARTS_A_RUN).max(1);
    let mut seen = Seen::default();
    for seed in first..first + runs {
        let mut world = World::new(members, person, Box::new(Seeded::new(seed)));
        for _ in 0..STARTS_A_RUN {
            if let Err(violation) = world.start() {
                let log = world.log.join("\n  ");
                panic!(
                    "{violation}\n  {log}\nreplay: SIM_SEED={seed} SIM_OPS=1 cargo test -p \
                     dm-mirror --test assembly {name}"
                );
            }
        }
        seen += world.seen;
    }
    println!("{name}: {runs} runs, {seen:?}");
    seen
}

/// Whoever starts without a member knows that it has nothing more.
#[test]
fn two_members_never_split_where_no_stale_half_was_started() {
    let seen = walk("two_members_never", 2, Person::Careful);
    assert!(seen.started > 0 && seen.held > 0 && seen.returned > 0, "{seen:?}");
}

#[test]
fn three_members_never_split_where_no_stale_half_was_started() {
    let seen = walk("three_members_never", 3, Person::Careful);
    assert!(seen.interrupted > 0 && seen.started_without > 0, "{seen:?}");
}

#[test]
fn two_halves_are_never_merged_silently() {
    let seen = walk("two_halves", 2, Person::Reckless);
    assert!(seen.refused > 0 && seen.chosen > 0, "{seen:?}");
}

#[test]
fn parts_of_three_members_are_never_merged_silently() {
    let seen = walk("parts_of_three", 3, Person::Reckless);
    assert!(seen.refused > 0 && seen.chosen > 0 && seen.interrupted > 0, "{seen:?}");
}

#[test]
fn disks_restored_from_a_snapshot_are_never_believed() {
    let seen = walk("disks_restored", 3, Person::Restores);
    assert!(seen.restored > 0, "{seen:?}");
}
