//! `cargo xtask test`: all suites, one after the other or in two lanes, and one closing line.
//!
//! A suite is a name, a lane and a function that counts. In one lane, the suites that boot
//! machines run one after the other; in the other, those that boot none: a guest has one
//! processor, and compilers can use the others. Rules: a suite that cannot run counts as one
//! failure and does not stop the others. If the machine lacks something optional, a suite that
//! needs it is skipped, and says why. A suite's output is kept in a log, and shown only if the
//! suite failed. At the end come the names of all tests that failed. The last line is `N
//! passed, N failed`, and is the verdict.

mod cargo;
mod console;
mod counting;
mod faults;
mod fuzz;
mod kernel;
mod lab;
mod labs;
mod page;
mod plug;
mod report;
mod run;
pub(crate) mod tally;

use std::error::Error;
use std::fmt;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use crate::qemu::accel::Choice;
use crate::{build, demo, mutants, provision, soak, tidy, workspace};
use report::{Board, Report};
use tally::Tally;

/// What is tested, and how.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    build: build::Options,

    /// Only this suite; repeatable
    #[arg(long = "suite", value_name = "NAME", value_parser = names())]
    suites: Vec<String>,

    /// Only what takes a few minutes and boots nothing: fmt, tidy, and host without its long
    /// simulations
    #[arg(long, conflicts_with = "suites")]
    quick: bool,

    /// Only tests whose name contains this, in the suites host, kernel, run and faults
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// What executes the guests' code
    #[arg(long, value_enum, default_value = "tcg")]
    accel: Choice,

    /// One suite after the other, not those that boot machines beside those that do not
    #[arg(long)]
    in_turn: bool,

    /// How long a run of cargo may say nothing: a slow one is waited for, a stuck one not
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    limit: u64,
}

impl Options {
    fn silence(&self) -> Duration {
        Duration::from_secs(self.limit)
    }
}

/// What a suite needs, which decides its lane.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Cargo, for most of its time.
    Host,
    /// A machine that boots.
    Guest,
}

/// Why an optional suite was not run: this machine lacks something that it uses.
#[derive(Debug)]
struct Skipped(String);

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Skipped {}

/// The function of a suite.
type Body = fn(&Options, &mut Report) -> Result<Tally>;

/// A suite: its name, its lane and what it does.
type Suite = (&'static str, Lane, Body);

/// All suites, in each lane the quick ones first.
const SUITES: &[Suite] = &[
    ("fmt", Lane::Host, cargo::fmt),
    ("tidy", Lane::Host, tidy),
    ("clippy", Lane::Host, cargo::clippy),
    ("host", Lane::Host, cargo::host),
    ("doc", Lane::Host, cargo::doc),
    ("page", Lane::Host, page::tests),
    ("mutants", Lane::Host, mutants),
    ("labs", Lane::Host, labs::tried),
    ("kernel", Lane::Guest, kernel::selftest),
    ("crash", Lane::Guest, kernel::crash),
    ("console", Lane::Guest, console::script),
    ("counting", Lane::Guest, counting::promises),
    ("fuzz", Lane::Guest, fuzz::lines),
    ("run", Lane::Guest, run::promises),
    ("plug", Lane::Guest, plug::plug),
    ("faults", Lane::Guest, faults::cases),
    ("demo", Lane::Guest, demo),
    ("soak", Lane::Guest, soak),
    ("replay", Lane::Guest, replay),
];

/// The suites that `--quick` runs.
const QUICK: &[&str] = &["fmt", "tidy", "host"];

/// The suites that know single tests by name.
const FILTERED: &[&str] = &["host", "kernel", "run", "faults"];

fn names() -> Vec<&'static str> {
    SUITES.iter().map(|(name, ..)| *name).collect()
}

/// Runs the suites asked for, or all.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    // Some of xtask's own tests use the tools too, but no quick one.
    if !options.quick {
        provision::tools()?;
    }
    let asked_for = |name: &str| match (options.suites.as_slice(), &options.filter) {
        _ if options.quick => QUICK.contains(&name),
        ([], None) => true,
        ([], Some(_)) => FILTERED.contains(&name),
        (suites, _) => suites.iter().any(|it| it == name),
    };
    let suites: Vec<&Suite> = SUITES.iter().filter(|(name, ..)| asked_for(name)).collect();
    let (total, failures) = run_all(&suites, options)?;
    failures.iter().for_each(|line| println!("{line}"));
    println!("{total}");
    ensure!(total != Tally::default(), "nothing was tested");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The rules that no compiler checks, each a test.
fn tidy(_: &Options, report: &mut Report) -> Result<Tally> {
    let mut tally = Tally::default();
    for (rule, complaints) in tidy::check()? {
        report.line(&format!("tidy: {rule}"));
        complaints.iter().for_each(|complaint| report.line(&complaint.to_string()));
        tally += Tally::of(complaints.is_empty());
    }
    Ok(tally)
}

/// Breaks a few of the mirror's rules: each must fail a test.
fn mutants(_: &Options, report: &mut Report) -> Result<Tally> {
    mutants::sample(&mut |line| report.line(line))
}

/// The demo, told to the log.
fn demo(options: &Options, report: &mut Report) -> Result<Tally> {
    let options = demo::Options::for_tests(options.build.clone(), options.accel);
    let summary = demo::tell(&options, &mut |line| report.line(line))?;
    report.line(&summary);
    Ok(Tally::of(true))
}

/// A few rounds of the soak, each a test.
fn soak(options: &Options, report: &mut Report) -> Result<Tally> {
    let options = soak::Options::for_tests(options.build.clone(), options.accel);
    soak::run(&options, &mut |line| report.line(line))?;
    Ok(Tally { passed: options.rounds, ..Tally::default() })
}

/// Recorded boots that are cut at every flush, each a test.
fn replay(options: &Options, report: &mut Report) -> Result<Tally> {
    let mut tally = Tally::default();
    for story in soak::replay::Options::for_tests(options.build.clone(), options.accel) {
        soak::replay::run(&story, &mut |line| report.line(line))?;
        tally += Tally::of(true);
    }
    Ok(tally)
}

/// A suite that ran nothing proved nothing, and is an error, unless a filter matches none of
/// its tests.
fn counted(tally: Tally, filtered: bool) -> Result<Tally> {
    ensure!(filtered || tally.passed + tally.failed > 0, "no test ran");
    Ok(tally)
}

/// The result of a lane, and the lines that say which tests failed.
type Ended = (Tally, Vec<String>);

/// Runs `suites`. The lanes run side by side, unless there is one core, or a person wants them
/// in turn.
fn run_all(suites: &[&Suite], options: &Options) -> Result<Ended> {
    let board = Board::default();
    let alone = thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    if options.in_turn || alone {
        return run_lane(suites, &board, options);
    }
    let [hosts, guests] = [Lane::Host, Lane::Guest]
        .map(|it| suites.iter().copied().filter(|(_, lane, _)| *lane == it).collect::<Vec<_>>());
    thread::scope(|scope| {
        let guests = scope.spawn(|| run_lane(&guests, &board, options));
        let (mut tally, mut failures) = run_lane(&hosts, &board, options)?;
        let (more, others) = guests.join().expect("the lane does not panic")?;
        tally += more;
        failures.extend(others);
        Ok((tally, failures))
    })
}

/// Runs `suites`, one after the other.
fn run_lane(suites: &[&Suite], board: &Board, options: &Options) -> Result<Ended> {
    let (mut total, mut failures) = Ended::default();
    for (name, _, body) in suites {
        let (tally, failed) = run(name, *body, board, options)?;
        total += tally;
        failures.extend(failed.into_iter().map(|line| format!("suite {name}: {line}")));
    }
    Ok((total, failures))
}

fn run(name: &str, body: Body, board: &Board, options: &Options) -> Result<Ended> {
    let folder = workspace::make(workspace::runs().join(name))?;
    let mut report = Report::start(name, board, &folder)?;
    let start = Instant::now();
    let ended = body(options, &mut report);
    let tally = ended.and_then(|tally| counted(tally, options.filter.is_some()));
    let tally = tally.unwrap_or_else(|why| {
        if let Some(Skipped(why)) = why.downcast_ref() {
            report.aside(|| eprintln!("suite {name} is skipped: {why}"));
            return Tally { skipped: 1, ..Tally::default() };
        }
        report.line(&format!("test of {name} ... FAILED: {why:#}"));
        Tally::of(false)
    });
    Ok((tally, report.end(tally, start.elapsed())))
}

#[cfg(test)]
mod tests {
    use super::{Tally, counted};

    #[test]
    fn a_suite_that_counted_nothing_is_not_well() {
        let skipped = Tally { skipped: 3, ..Tally::default() };
        assert!(counted(Tally::default(), false).is_err() && counted(skipped, false).is_err());
        assert!(counted(Tally::default(), true).is_ok() && counted(Tally::of(true), false).is_ok());
        assert_eq!(counted(Tally::of(false), false).unwrap(), Tally::of(false));
    }
}
