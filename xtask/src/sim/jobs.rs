//! Tests as processes, as many at once as the machine has cores.
//!
//! Place: `cargo xtask sim` says which tests, and hears of each that ended well. Rules:
//! processes are under guards, so they end when xtask ends, for whatever reason.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::lines::{self, End};
use crate::workspace;

/// How long one test may take: a run that never ends is found by its own limit.
const JOB_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// The environment of a test.
pub(super) type Env = Vec<(&'static str, String)>;

/// A test of the mirror.
#[derive(Clone, Debug)]
pub(super) struct Test {
    program: PathBuf,
    /// The file that has it.
    file: String,
    name: String,
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.file, self.name)
    }
}

/// A test and its environment.
pub(super) struct Job {
    pub(super) test: Test,
    pub(super) env: Env,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.test)?;
        let seed = self.env.iter().find(|(key, _)| *key == "SIM_SEED");
        seed.map_or(Ok(()), |(_, seed)| write!(f, ", seed {seed}"))
    }
}

/// What a test printed, and how long it took.
pub(super) struct Report {
    pub(super) output: Vec<String>,
    pub(super) took: Duration,
}

/// How a series of jobs ended.
pub(super) enum Ending {
    /// All were done.
    Done,
    /// A person ended it.
    Interrupted,
    /// This one failed.
    Failed(Job, Report),
}

/// What the main thread is told.
enum Event {
    Ended(Job, Result<(End, Report)>),
    /// A worker has nothing more to do.
    Idle,
    Signal,
}

/// Builds the tests of `targets`; gives those whose file and name contain `filter`.
pub(super) fn build(targets: &[&str], filter: &str) -> Result<Vec<Test>> {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--release", "--package", "dm-mirror", "--no-run"]);
    cargo.args(targets.iter().flat_map(|target| ["--test", target]));
    cargo.arg("--message-format=json-render-diagnostics").stderr(std::process::Stdio::inherit());
    let built = cargo.output().context("cannot start cargo")?;
    ensure!(built.status.success(), "the tests cannot be built");
    let mut tests = Vec::new();
    for line in String::from_utf8(built.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        let Some(program) = message["executable"].as_str() else { continue };
        let list = Command::new(program).args(["--list", "--format", "terse"]).output()?;
        let file = message["target"]["name"].as_str().unwrap_or_default();
        for name in String::from_utf8(list.stdout)?.lines() {
            let Some(name) = name.strip_suffix(": test") else { continue };
            tests.push(Test { program: program.into(), file: file.into(), name: name.into() });
        }
    }
    tests.retain(|test| test.to_string().contains(filter));
    // If the filter is the full name of a test, only that test is meant.
    if tests.iter().any(|test| test.to_string() == filter) {
        tests.retain(|test| test.to_string() == filter);
    }
    Ok(tests)
}

/// Runs `jobs` until there are no more, one fails, or a signal comes; `well` hears
/// of those that ended well.
pub(super) fn run(
    jobs: impl Iterator<Item = Job> + Send + 'static,
    mut well: impl FnMut(&Job, Report),
) -> Result<Ending> {
    let (events, heard) = channel();
    let jobs = Arc::new(Mutex::new(jobs));
    let mut running = thread::available_parallelism().map_or(1, NonZero::get);
    for _ in 0..running {
        let (jobs, events) = (jobs.clone(), events.clone());
        thread::spawn(move || work(&jobs, &events));
    }
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || signals.forever().all(|_| events.send(Event::Signal).is_ok()));
    while running > 0 {
        match heard.recv()? {
            Event::Ended(job, report) => match report? {
                (End::Well, report) => well(&job, report),
                (End::Badly | End::Killed(_), report) => return Ok(Ending::Failed(job, report)),
            },
            Event::Idle => running -= 1,
            Event::Signal => return Ok(Ending::Interrupted),
        }
    }
    Ok(Ending::Done)
}

/// Does one job after the other, while somebody listens.
fn work(jobs: &Mutex<impl Iterator<Item = Job>>, events: &Sender<Event>) {
    let next = || jobs.lock().ok()?.next();
    while let Some(job) = next() {
        let report = job.run();
        if events.send(Event::Ended(job, report)).is_err() {
            return;
        }
    }
    let _ = events.send(Event::Idle);
}

impl Job {
    fn run(&self) -> Result<(End, Report)> {
        let mut command = Command::new(&self.test.program);
        command.args(["--exact", &self.test.name, "--nocapture"]);
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        let (begun, mut output) = (Instant::now(), Vec::new());
        let end = lines::run(&command, JOB_LIMIT, |line| output.push(line.to_owned()))?;
        Ok((end, Report { output, took: begun.elapsed() }))
    }

    /// The command that makes a failure again: the run itself if its line was
    /// printed, else all runs of the test.
    pub(super) fn again(&self, output: &[String]) -> String {
        let test = &self.test;
        if let Some(line) = output.iter().rev().find_map(|line| replay_line(line)) {
            return format!("cargo xtask sim --replay '{line}' {test}");
        }
        let told = |wanted| self.env.iter().find(|(key, _)| *key == wanted).map(|(_, it)| it);
        let options = match (told("SIM_SEED"), told("SIM_OPS"), told("SIM_REPLAY")) {
            (Some(seed), Some(ops), _) => format!("--seed {seed} --ops {ops}"),
            (_, _, Some(line)) => format!("--replay '{line}'"),
            _ => "--exhaustive".to_owned(),
        };
        format!("cargo xtask sim {options} {test}")
    }
}

/// The line that makes a run again, the shortest if there are two.
fn replay_line(line: &str) -> Option<&str> {
    let (_, lines) = line.split_once("replay: ")?;
    Some(lines.split_once(", or shorter: ").map_or(lines, |(_, shorter)| shorter).trim())
}

/// The lines that the test itself printed.
pub(super) fn own_words(output: &[String]) -> impl Iterator<Item = &str> {
    let noise = |line: &&str| {
        let by_harness = ["running ", "test "].iter().any(|start| line.starts_with(start));
        !line.is_empty() && !by_harness
    };
    output.iter().map(String::as_str).filter(noise)
}

#[cfg(test)]
mod tests {
    use super::{Job, Test, replay_line};

    #[test]
    fn a_failure_is_made_again_by_its_shortest_line() {
        assert_eq!(replay_line("replay: seed=7, or shorter: path=1.2"), Some("path=1.2"));
        assert_eq!(replay_line("replay: crash=w0+2/0/1.1.-"), Some("crash=w0+2/0/1.1.-"));
        assert_eq!(replay_line("leg 1 goes"), None);
    }

    #[test]
    fn a_failure_without_a_line_is_made_again_by_its_seed() {
        let (program, file) = ("lives-71".into(), "lives".into());
        let test = Test { program, file, name: "anything".into() };
        let env = vec![("SIM_SEED", "71".into()), ("SIM_OPS", "600".into())];
        let job = Job { test, env };
        let again = job.again(&["thread panicked".into()]);
        assert_eq!(again, "cargo xtask sim --seed 71 --ops 600 lives::anything");
        let again = job.again(&["replay: seed=75".into(), String::new()]);
        assert_eq!(again, "cargo xtask sim --replay 'seed=75' lives::anything");
    }
}
