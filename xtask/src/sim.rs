//! `cargo xtask sim`: the mirror's random simulation, from one replayed run to a
//! night of new ones. The tests are dm-mirror's (`tests/random.rs`); this gives
//! them seeds.

use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Result, ensure};
use clap::Args;

use crate::workspace;

/// How many requests a test makes in a round of new seeds.
const OPS_PER_ROUND: u64 = 50_000;

/// Which runs are made.
#[derive(Args)]
pub(crate) struct Options {
    /// Seed of the first run; alone, that run only [default: by the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// How many requests each test makes, in runs of some hundred
    #[arg(long, value_name = "N")]
    ops: Option<u64>,

    /// Go on with new seeds for so long
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,

    /// Only tests whose name contains this
    filter: Option<String>,
}

/// Makes round after round until one finds something or the time is up.
pub(crate) fn main(options: &Options) -> Result<()> {
    let replay = options.seed.is_some() && options.minutes.is_none();
    let ops = options.ops.unwrap_or(if replay { 1 } else { OPS_PER_ROUND });
    let by_clock = || UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
    let mut seed = options.seed.unwrap_or_else(by_clock);
    let limit = Duration::from_secs(60 * options.minutes.unwrap_or(0));
    let start = Instant::now();
    loop {
        round(seed, ops, options.filter.as_deref())?;
        if start.elapsed() >= limit {
            return Ok(());
        }
        // A run has at least one request, so no seed comes twice.
        seed += ops;
    }
}

/// Each test makes `ops` requests, its first run with `seed`.
fn round(seed: u64, ops: u64, filter: Option<&str>) -> Result<()> {
    println!("sim: seed {seed}, {ops} requests a test");
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--quiet", "--package", "dm-mirror", "--test", "random", "--"]);
    cargo.args(["--nocapture"]).args(filter);
    cargo.env("SIM_SEED", seed.to_string()).env("SIM_OPS", ops.to_string());
    let held = cargo.status()?.success();
    ensure!(held, "a promise is broken; the same again: cargo xtask sim --seed {seed} --ops {ops}");
    Ok(())
}
