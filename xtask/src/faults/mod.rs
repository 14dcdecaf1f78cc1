//! `cargo xtask faults`: disks of a mirror fail from outside, and the host judges.
//!
//! Each case boots the kernel with two disks and makes a mirror of them. It does something to
//! the disks that the guest knows nothing of (`rig`). Then it compares the guest's answers and
//! the images with the promise. `bench` has the means of a case; `cases` has the cases, a file
//! for each kind. To add a case, add it to the list in its file.
//!
//! Rule: a case asserts no time. The guest's watchdog ends a request that must not last; the
//! guest's limit ends a case that hangs all the same.

mod bench;
mod cases;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::build::{self, Kernel};
use crate::provision::{self, Tools};
use crate::qemu::accel::{Accel, Choice};
use crate::workspace;
use bench::Bench;

/// Which faults.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    build: build::Options,

    /// Only cases whose name contains this
    #[arg(long, value_name = "WORD")]
    filter: Option<String>,

    /// How long `no-barriers` and `lost-kicks` load their disks
    #[arg(long, value_name = "SECONDS", default_value_t = LOAD_SECONDS)]
    load_seconds: u64,

    /// List the cases
    #[arg(long)]
    list: bool,

    /// What executes the guest's code
    #[arg(long, value_enum, default_value = "auto")]
    accel: Choice,
}

/// How long disks are loaded as a part of the tests.
const LOAD_SECONDS: u64 = 10;

/// A fault, and the promise under it.
pub(crate) struct Case {
    /// Its name, also that of the test.
    pub(crate) name: &'static str,
    fault: &'static str,
    promise: &'static str,
    /// It is part of the test command.
    in_tests: bool,
    /// Returns what the guest saw; an error is a promise that was broken.
    run: fn(&mut Bench<'_>) -> Result<String>,
}

/// All that a boot needs besides its disks.
pub(crate) struct Lab {
    tools: Tools,
    kernel: Kernel,
    accel: Accel,
    /// How long disks are loaded, in seconds.
    load_seconds: u64,
    /// How they were built.
    build: build::Options,
    choice: Choice,
}

impl Lab {
    pub(crate) fn open(build: &build::Options, choice: Choice) -> Result<Self> {
        let tools = provision::tools()?;
        let kernel = build::image(build)?;
        let accel = choice.resolve(&tools, &kernel)?;
        let (load_seconds, build) = (LOAD_SECONDS, build.clone());
        Ok(Self { tools, kernel, accel, load_seconds, build, choice })
    }
}

/// The cases that are part of the test command.
pub(crate) fn for_tests() -> impl Iterator<Item = &'static Case> {
    cases::all().filter(|case| case.in_tests)
}

/// Runs a case in a folder of its own below `logs`. If a promise was broken, its images and its
/// console stay there. Returns what the guest saw.
pub(crate) fn run(case: &Case, lab: &Lab, logs: &Path) -> Result<String> {
    let folder = logs.join(case.name);
    let _ = fs::remove_dir_all(&folder);
    let folder = workspace::make(folder)?;
    let saw = Bench::new(lab, folder.clone()).and_then(|mut bench| (case.run)(&mut bench));
    if saw.is_ok() {
        fs::remove_dir_all(&folder).context("removing the images")?;
        return saw;
    }
    saw.with_context(|| format!("images and console are kept in {}", folder.display()))
}

/// Runs the cases, then prints the table of them; the last line is the verdict.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    let asked_for =
        |case: &&Case| options.filter.as_deref().is_none_or(|word| case.name.contains(word));
    let cases: Vec<&Case> = cases::all().filter(asked_for).collect();
    ensure!(!cases.is_empty(), "no case has such a name; `cargo xtask faults --list` lists them");
    if options.list {
        let rows = cases.iter().map(|case| [case.name, case.fault, case.promise].map(String::from));
        print_table(&["CASE", "FAULT", "PROMISED"], &rows.collect::<Vec<_>>());
        return Ok(ExitCode::SUCCESS);
    }
    let mut lab = Lab::open(&options.build, options.accel)?;
    lab.load_seconds = options.load_seconds;
    let logs = workspace::make(workspace::runs().join("faults"))?;
    let (mut rows, mut broken) = (Vec::new(), 0);
    for case in cases {
        println!("{}: {} ...", case.name, case.fault);
        let start = Instant::now();
        let result = run(case, &lab, &logs);
        let seconds = start.elapsed().as_secs_f32();
        let (saw, verdict) = match result {
            Ok(saw) => (saw, "kept"),
            Err(why) => {
                println!("{}: BROKEN: {why:#}", case.name);
                broken += 1;
                ("see above".into(), "BROKEN")
            }
        };
        println!("{}: {verdict}, in {seconds:.1} s", case.name);
        let row = [case.fault, &saw, case.promise, verdict].map(String::from);
        rows.push(row);
    }
    println!();
    print_table(&["FAULT", "THE GUEST SAW", "PROMISED", "VERDICT"], &rows);
    println!("faults: {} promises kept, {broken} broken", rows.len() - broken);
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The widest a column gets; a longer cell goes on in the next line.
const COLUMN_MAX: usize = 44;

fn print_table<const N: usize>(head: &[&str; N], rows: &[[String; N]]) {
    let head = head.map(|title| vec![title.to_owned()]);
    let rows = rows.iter().map(|row| row.each_ref().map(|cell| wrapped(cell)));
    let rows: Vec<[Vec<String>; N]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().flat_map(|row| &row[column]);
        cells.map(|line| line.chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in &rows {
        for line in 0..row.iter().map(Vec::len).max().unwrap_or_default() {
            let cells = row.iter().zip(widths).map(|(cell, width)| {
                let text = cell.get(line).map_or("", String::as_str);
                format!("{text:<width$}")
            });
            println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
}

/// The lines of a cell, none wider than a column, broken between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is one");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= COLUMN_MAX {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_case_has_a_name_of_its_own() {
        let names: BTreeSet<_> = cases::all().map(|case| case.name).collect();
        assert_eq!(names.len(), cases::all().count());
    }

    #[test]
    fn a_cell_is_broken_between_words() {
        let long = "word ".repeat(10) + &"x".repeat(COLUMN_MAX + 1);
        let lines = wrapped(&long);
        assert_eq!(lines[0].len(), 44);
        assert_eq!(lines[1], "word");
        assert_eq!(lines[2].len(), COLUMN_MAX + 1);
        assert_eq!(wrapped(""), [""]);
    }
}
