//! `cargo xtask bench`: what a mirror costs beside its disks, measured in one boot, or in one
//! more for disks that are slow.
//!
//! `subjects` are the devices, `matrix` says which loads each gets, `talk` has the guest's
//! console run them, `results` keeps what was measured; `table` and `plot` show it.
//! `instructions` counts in a boot of its own what a request costs the guest's CPU, and
//! `layers` says which part of the kernel has how much of that. `peer` measures Linux's
//! mirrors beside ours. `tried` sees for the tests whether counting works.
//!
//! Rules:
//!
//! - Ratios are of one boot and one round: the plain disk is measured beside each mirror
//!   again and again, and the order turns round each time.
//! - A figure is the median of the rounds, and its spread is told.
//! - Nothing passes or fails by a figure: they belong to the machine that they come from.

mod instructions;
mod layers;
mod matrix;
mod peer;
mod plot;
mod results;
mod subjects;
mod table;
mod talk;
mod tried;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::instructions::Counted;
use self::layers::Layers;
use self::matrix::{Cell, Matrix};
use self::peer::Rig;
use self::results::{Results, Sample, Setting};
use self::subjects::{Backing, Kind, Subject};
use self::talk::Talk;
pub(crate) use self::tried::counting;
use crate::build::Kernel;
use crate::provision::{self, Tools};
use crate::qemu::Machine;
use crate::qemu::accel::{self, Accel, Choice};
use crate::scratch::Scratch;
use crate::{build, qemu, workspace};

/// What is measured, and where the figures go.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    build: build::Options,

    /// What executes the guest's code
    #[arg(long, value_enum, default_value = "auto")]
    accel: Choice,

    /// Fewer loads and rounds: some minutes
    #[arg(long)]
    quick: bool,

    /// Count the guest's instructions for each request instead, by a plugin of QEMU's TCG
    ///
    /// Small requests to a disk, a linear device and a mirror, on disks that do nothing. Needs a
    /// C compiler and QEMU 7 or 8.
    #[arg(long, conflicts_with = "accel")]
    instructions: bool,

    /// Measure Linux's mirrors beside ours instead, by the rig in this folder
    ///
    /// A rig is a program `run` that boots a Linux under TCG; docs/performance.md says what it
    /// is asked.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["accel", "instructions"])]
    peer: Option<PathBuf>,

    /// How often each load is measured [default: 5, with --quick 3]
    #[arg(long, value_name = "COUNT")]
    rounds: Option<u32>,

    /// The figures as JSON go here too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The kernel's command line: a console for a script, and no mirror yet.
const CMDLINE: &str = "mode=console session=script mirror=none disk_timeout=600";

/// Measures, prints the tables, writes the figures and the plot.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    let rounds = options.rounds.unwrap_or(if options.quick { 3 } else { 5 });
    ensure!(rounds > 0, "--rounds 0 measures nothing");
    if options.instructions {
        return count(options, rounds);
    }
    if let Some(folder) = &options.peer {
        return beside(options, folder, rounds);
    }
    let tools = provision::tools()?;
    let kernel = build::image(&options.build)?;
    let accel = options.accel.resolve(&tools, &kernel)?;
    let folder = workspace::make(workspace::runs().join("bench"))?;
    let images = Scratch::below(&folder)?;
    let machine = Machine {
        tools: &tools,
        accel,
        image: &kernel.image,
        cmdline: CMDLINE.into(),
        disks: subjects::disks(images.path())?,
        logs: folder.clone(),
    };
    let mut results = Results::new(setting(options, &machine, rounds));
    let matrix = Matrix::new(options.quick);
    let mut talk = Talk::boot(&machine)?;
    measure(&mut talk, &[Backing::Null, Backing::File], &matrix, rounds, &mut results)?;
    talk.end()?;
    let limited = Machine { disks: subjects::limited_disks(), ..machine };
    let mut talk = Talk::boot(&limited)?;
    measure(&mut talk, &[Backing::Limited], &matrix, rounds, &mut results)?;
    talk.end()?;
    table::text(&results).iter().for_each(|line| println!("{line}"));
    told(&folder.join("bench.json"), &results.json())?;
    told(&folder.join("bench.svg"), &plot::svg(&results))?;
    options.json.iter().try_for_each(|file| write(file, &results.json()))?;
    Ok(ExitCode::SUCCESS)
}

/// Counts instructions, prints the tables, writes the figures.
fn count(options: &Options, rounds: u32) -> Result<ExitCode> {
    let tools = provision::tools()?;
    qemu::counting::prepare(&tools)?;
    let kernel = build::image(&options.build)?;
    let machine = on_null_disks(&tools, &kernel, Accel::TcgCounted, "instructions")?;
    let setting = setting(options, &machine, rounds);
    let mut talk = Talk::boot(&machine)?;
    let samples = instructions::run(&mut talk, rounds)?;
    talk.end()?;
    let counted = Counted::new(samples, qemu::counting::counts(&machine.logs)?)?;
    let layers = Layers::new(counted.addresses(), &kernel.elf)?;
    counted.text(&setting, &layers).iter().for_each(|line| println!("{line}"));
    let json = counted.json(&setting, &layers);
    told(&machine.logs.join("instructions.json"), &json)?;
    options.json.iter().try_for_each(|file| write(file, &json))?;
    Ok(ExitCode::SUCCESS)
}

/// Measures Linux's mirrors beside ours, prints the tables, writes the figures.
fn beside(options: &Options, folder: &Path, rounds: u32) -> Result<ExitCode> {
    let rig = Rig::open(folder)?;
    let tools = provision::tools()?;
    let kernel = build::image(&options.build)?;
    let machine = on_null_disks(&tools, &kernel, Accel::Tcg, "peer")?;
    let setting = setting(options, &machine, rounds);
    let beside = peer::measure(&rig, &machine, rounds)?;
    beside.text(&setting).iter().for_each(|line| println!("{line}"));
    let json = beside.json(&setting);
    told(&machine.logs.join("peer.json"), &json)?;
    options.json.iter().try_for_each(|file| write(file, &json))?;
    Ok(ExitCode::SUCCESS)
}

/// A machine whose disks do nothing; `logs` is the name of its folder.
fn on_null_disks<'a>(
    tools: &'a Tools,
    kernel: &'a Kernel,
    accel: Accel,
    logs: &str,
) -> Result<Machine<'a>> {
    let logs = workspace::make(workspace::runs().join(logs))?;
    let (image, cmdline, disks) = (&*kernel.image, CMDLINE.into(), subjects::null_disks());
    Ok(Machine { tools, accel, image, cmdline, disks, logs })
}

fn setting(options: &Options, machine: &Machine<'_>, rounds: u32) -> Setting {
    Setting {
        qemu: accel::qemu_version(machine.tools),
        accelerator: machine.accel.name(),
        profile: options.build.profile.clone(),
        rounds,
    }
}

/// Writes a file, and says where it is.
fn told(file: &Path, text: &str) -> Result<()> {
    write(file, text)?;
    println!("{}", file.display());
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// How long a load is to take; how many requests that are is estimated before.
const TAKES: Duration = Duration::from_millis(300);

/// The fewest and the most requests of a load that is measured, and those of the estimate.
const FEWEST: u64 = 100;
const MOST: u64 = 20_000;
const ESTIMATE: u64 = 200;

/// All loads on the subjects of these backings, which are in one guest.
fn measure(
    talk: &mut Talk,
    backings: &[Backing],
    matrix: &Matrix,
    rounds: u32,
    results: &mut Results,
) -> Result<()> {
    let subjects = || subjects::ALL.iter().filter(|it| backings.contains(&it.backing));
    for line in subjects().flat_map(Subject::made_by) {
        talk.ask(&line)?;
    }
    for (number, cell) in matrix.cells.iter().enumerate() {
        let takers: Vec<&'static Subject> = subjects().filter(|it| it.takes(cell)).collect();
        if !takers.is_empty() {
            eprintln!("xtask: {} of {}: {cell}", number + 1, matrix.cells.len());
            measure_cell(talk, &takers, cell, rounds, results)?;
        }
    }
    for subject in subjects().filter(|it| it.kind == Kind::Untouched) {
        for depth in matrix.depths_of_first_touch {
            eprintln!("xtask: first touch of regions, {depth} in flight");
            measure_first_touch(talk, subject, *depth, rounds, results)?;
        }
    }
    Ok(())
}

/// One load on these subjects, round by round.
fn measure_cell(
    talk: &mut Talk,
    subjects: &[&'static Subject],
    cell: &Cell,
    rounds: u32,
    results: &mut Results,
) -> Result<()> {
    let mut turns = Vec::new();
    for subject in subjects {
        let sample = turn(talk, subject, cell, ESTIMATE)?;
        turns.push((*subject, requests(&sample)));
    }
    for round in 0..rounds {
        for (subject, requests) in &turns {
            let sample = turn(talk, subject, cell, *requests)?;
            results.add(subject, cell.clone(), round, sample);
        }
        turns.reverse();
    }
    Ok(())
}

/// So many requests that they take as long as a load is to.
fn requests(estimate: &Sample) -> u64 {
    let count = estimate.iops() * TAKES.as_secs_f64();
    (count as u64).clamp(FEWEST, MOST)
}

/// One load on one subject, in the state that it is to be in.
fn turn(talk: &mut Talk, subject: &Subject, cell: &Cell, requests: u64) -> Result<Sample> {
    for line in subject.prepared_by(cell) {
        talk.ask(&line)?;
    }
    let sample = talk.measure(&cell.command(subject, requests))?;
    if subject.kind == Kind::Rebuilding {
        let device = subject.device;
        let status = talk.json(&format!("mirror status {device} --json"))?;
        ensure!(!status[0]["copying"].is_null(), "{device} was rebuilt before the load ended");
        // The next subject has the machine for itself.
        talk.ask(&format!("mirror wait {device}"))?;
    }
    Ok(sample)
}

/// Each request is the first one to its region; beside it a disk of the same kind.
fn measure_first_touch(
    talk: &mut Talk,
    subject: &'static Subject,
    depth: u64,
    rounds: u32,
    results: &mut Results,
) -> Result<()> {
    let plain = subjects::plain(subject.backing);
    let cell = Cell::first_touch(depth);
    for round in 0..rounds {
        talk.until_clean(subject.device)?;
        let mut turns = [plain, subject];
        if round % 2 == 1 {
            turns.reverse();
        }
        for subject in turns {
            let sample = talk.measure(&cell.command(subject, matrix::TOUCHED))?;
            results.add(subject, cell.clone(), round, sample);
        }
    }
    Ok(())
}
