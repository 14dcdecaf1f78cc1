//! `cargo xtask sim`: the mirror's simulation, from one replayed run to a night of
//! new ones, or every crash of short stories.
//!
//! The tests are dm-mirror's (`tests/random.rs`, `lives.rs`, `crashes.rs`). This verb builds
//! them optimised, with assertions on, and gives them seeds. Each is a process of its own, as
//! many at once as the machine has cores (`jobs`). Rules: the first failure ends everything,
//! and the last line printed is the command to repeat it. Ctrl-C ends everything too, and
//! prints what was done so far.

mod jobs;

use std::path::{self, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Result, bail, ensure};
use clap::Args;

use jobs::{Ending, Env, Job, Report, Test};

/// How many requests a test makes in a round of new seeds.
const OPS_PER_ROUND: u64 = 1_000_000;

/// Which runs are made.
#[derive(Args)]
pub(crate) struct Options {
    /// Seed of the first run; alone, that run only [default: by the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// How many requests each test makes, in runs of some hundred or less [default: 1000000]
    #[arg(long, value_name = "N")]
    ops: Option<u64>,

    /// Begin tests with new seeds for so long
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,

    /// Instead, take every crash of short stories, and the crashes of each recovery
    #[arg(long, conflicts_with_all = ["seed", "ops", "minutes"])]
    exhaustive: bool,

    /// Instead, make one run again, from the line that a test printed; FILTER names the test
    #[arg(
        long,
        value_name = "LINE",
        requires = "filter",
        conflicts_with_all = ["seed", "ops", "minutes", "exhaustive"]
    )]
    replay: Option<String>,

    /// Write the pictures of that run to a folder: for Perfetto, and an SVG
    #[arg(long, value_name = "DIR", requires = "replay")]
    trace: Option<PathBuf>,

    /// Only tests whose file and name, as in `lives::anything_over_two_legs`, contain this
    filter: Option<String>,
}

impl Options {
    /// The files that have the tests.
    fn targets(&self) -> &'static [&'static str] {
        let crash = self.replay.as_ref().is_some_and(|line| line.trim().starts_with("crash="));
        match (self.exhaustive, crash) {
            (true, _) => &["crashes", "exhaustive"],
            (false, true) => &["crashes"],
            (false, false) => &["random", "lives"],
        }
    }

    /// How many requests a test makes; 0 if the options do not say.
    fn ops(&self) -> u64 {
        let alone = self.seed.is_some() && self.minutes.is_none();
        match self.ops {
            _ if self.exhaustive || self.replay.is_some() => 0,
            Some(ops) => ops,
            None if alone => 1,
            None => OPS_PER_ROUND,
        }
    }

    /// The environment of the tests, round by round.
    fn rounds(&self) -> impl Iterator<Item = Env> + Send + use<> {
        let by_clock = || UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
        let (first, ops) = (self.seed.unwrap_or_else(by_clock), self.ops());
        let mut alone: Option<Env> = match &self.replay {
            Some(line) => Some(vec![("SIM_REPLAY", line.clone())]),
            None if self.exhaustive => Some(vec![("SIM_EXHAUSTIVE", "1".into())]),
            None => None,
        };
        if let (Some(told), Some(folder)) = (&mut alone, &self.trace) {
            let folder = path::absolute(folder).unwrap_or_else(|_| folder.clone());
            told.push(("SIM_TRACE", folder.display().to_string()));
        }
        (0..).map(move |round: u64| match &alone {
            Some(told) => told.clone(),
            None => {
                // A run has at least one request, so no seed comes twice.
                let seed = first.wrapping_add(round.wrapping_mul(ops));
                vec![("SIM_SEED", seed.to_string()), ("SIM_OPS", ops.to_string())]
            }
        })
    }
}

/// Runs what is asked for, until it is done, a test fails, or a person has seen enough.
pub(crate) fn main(options: &Options) -> Result<()> {
    let tests = jobs::build(options.targets(), options.filter.as_deref().unwrap_or(""))?;
    ensure!(!tests.is_empty(), "no test in {} has such a name", options.targets().join(" and "));
    let (begun, ops, mut done) = (Instant::now(), options.ops(), 0);
    let limit = Duration::from_secs(60 * options.minutes.unwrap_or(0));
    let round = tests.len();
    let job = |(test, env): (Test, Env)| Job { test, env };
    let each = move |env: Env| tests.clone().into_iter().map(move |test| (test, env.clone()));
    let jobs = options.rounds().flat_map(each).map(job).enumerate();
    let jobs = jobs.take_while(move |(nth, _)| *nth < round || begun.elapsed() < limit);
    let ending = jobs::run(jobs.map(|(_, job)| job), |job, Report { output, took }| {
        done += ops;
        println!("{job}: {}", rate(ops, took));
        jobs::own_words(&output).for_each(|line| println!("  {line}"));
    })?;
    let total = rate(done, begun.elapsed());
    match ending {
        Ending::Done => println!("sim: {total}"),
        Ending::Interrupted => println!("sim: interrupted after {total}"),
        Ending::Failed(job, report) => {
            report.output.iter().for_each(|line| println!("{line}"));
            println!("sim: {total}");
            bail!("a promise is broken; the same again: {}", job.again(&report.output));
        }
    }
    Ok(())
}

/// How much was done, and how fast.
fn rate(requests: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match requests {
        0 | 1 => format!("{seconds:.1} s"),
        _ => format!(
            "{requests} requests in {seconds:.1} s, {:.0}/s",
            requests as f64 / seconds.max(0.001)
        ),
    }
}
