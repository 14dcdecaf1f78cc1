//! `cargo xtask soak`: the power of a mirror is cut again and again, and each time the
//! host judges what its disks hold.
//!
//! The disks are xtask's own (`disk`, served to QEMU by `serve`). Their caches are really lost,
//! independently of each other; `power` cuts the power between two of their requests. The guest
//! prints each request that it makes (`torture`). From that, `ledger` knows what a sector may
//! hold, and `judge` checks. `life` is one boot, `mirror` the boots of the same disks. `replay`
//! (`cargo xtask replay`) keeps a `record` of one boot, and judges cuts at each point of it
//! without another.
//!
//! Rule: a request that the guest did not print does not count, nor does its word that all is
//! well. The verdict rests on the images.

mod disk;
mod judge;
mod ledger;
mod life;
mod mirror;
mod power;
mod record;
pub(crate) mod replay;
mod serve;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use clap::Args;
use fastrand::Rng;

use crate::inspect::Program;
use crate::qemu::accel::Choice;
use crate::qemu::{Disk, Machine};
use crate::scratch::Scratch;
use crate::{build, provision, workspace};
use mirror::{Mirror, REGIONS, Round};

/// How many rounds a mirror has before new disks are taken.
const ROUNDS_OF_MIRROR: u32 = 10;

/// The seed of the rounds in the tests: a cut under load, one in the recovery from it, and
/// the death of a leg before a third.
const TEST_SEED: u64 = 74_147;

/// How the power is cut.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    build: build::Options,

    /// How many boots
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) rounds: u32,

    /// What chance begins with [default: by the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// What executes the guest's code
    #[arg(long, value_enum, default_value = "auto")]
    accel: Choice,
}

impl Options {
    /// The few rounds that are part of the tests, always with the same seed.
    pub(crate) fn for_tests(build: build::Options, accel: Choice) -> Self {
        Self { build, rounds: 2, seed: Some(TEST_SEED), accel }
    }
}

/// Runs the rounds, a line for each; the last line is the verdict.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    Ok(match run(options, &mut |line| println!("{line}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("soak: FAILED: {why:#}");
            ExitCode::FAILURE
        }
    })
}

/// The same; `line` gets each line.
pub(crate) fn run(options: &Options, line: &mut dyn FnMut(&str)) -> Result<()> {
    let tools = provision::tools()?;
    let kernel = build::image(&options.build)?;
    let accel = options.accel.resolve(&tools, &kernel)?;
    let logs = workspace::make(workspace::runs().join("soak"))?;
    let folder = Scratch::below(&logs)?;
    let seed = options.seed.unwrap_or_else(|| UNIX_EPOCH.elapsed().map_or(0, |it| it.as_secs()));
    let machine = |disks: Vec<Disk>| Machine {
        tools: &tools,
        accel,
        image: &kernel.image,
        cmdline: "mode=console session=script".into(),
        disks,
        logs: folder.path().to_owned(),
    };
    let replay = format!("cargo xtask soak --rounds {} --seed {seed}", options.rounds);
    line(&format!("soak: {replay}"));
    let told = rounds(options.rounds, seed, folder.path(), &machine, line);
    let told = told.with_context(|| format!("{replay} (a seed replays the plan, not the times)"));
    if told.is_err() {
        let kept = logs.join("failed");
        folder.keep_as(&kept)?;
        line(&format!("soak: images and console are kept in {}", kept.display()));
    }
    told
}

fn rounds<'m>(
    count: u32,
    seed: u64,
    folder: &Path,
    machine: &dyn Fn(Vec<Disk>) -> Machine<'m>,
    line: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut sum = Sum::default();
    let inspect = Rc::new(Program::build()?);
    let mut mirror = None;
    for number in 0..count {
        // Each round has its own random numbers, so that one more draw does not change all
        // rounds.
        let mut chance = Rng::with_seed(seed.wrapping_mul(1 << 20).wrapping_add(number.into()));
        if number % ROUNDS_OF_MIRROR == 0 {
            mirror = Some(Mirror::new(folder, &inspect, &mut chance));
        }
        let mirror = mirror.as_mut().expect("the first round makes one");
        let round = mirror.round(&mut chance, machine);
        let round = round.with_context(|| format!("round {number}"))?;
        line(&format!("round {number:>3}: {}", told(&round)));
        sum.add(&round);
    }
    sum.told().iter().for_each(|it| line(it));
    line(&format!("soak: ok: {count} rounds, no promise broken"));
    Ok(())
}

/// A round in a line.
fn told(round: &Round) -> String {
    let Round { is_first, legs, left_out, report, found } = round;
    let mut told = format!("{legs} {}legs", if *is_first { "new " } else { "" });
    if let Some(leg) = left_out {
        told += &format!(", leg {leg} left out");
    }
    if let Some(copied) = report.copied {
        told += &format!(", {copied} copies of regions");
    }
    if let Some(leg) = report.died {
        told += &format!(", leg {leg} died");
    }
    let how = if report.stopped { "" } else { "cut " };
    told += &format!("; {how}{}: {} writes lost", report.ended, report.lost);
    told += &format!("; {} of {REGIONS} regions dirty", found.dirty);
    if found.missed > 0 {
        told += &format!(", {} missed", found.missed);
    }
    told + &format!(", {} differ", found.differing)
}

/// The sums of all rounds.
#[derive(Default)]
struct Sum {
    ends: BTreeMap<&'static str, u32>,
    left_out: u32,
    died: u32,
    lost: usize,
    recoveries: u64,
    copied: u64,
}

impl Sum {
    fn add(&mut self, round: &Round) {
        *self.ends.entry(round.report.ended).or_default() += 1;
        self.left_out += u32::from(round.left_out.is_some());
        self.died += u32::from(round.report.died.is_some());
        self.lost += round.report.lost;
        if let (Some(copied), false) = (round.report.copied, round.is_first) {
            self.recoveries += 1;
            self.copied += copied;
        }
    }

    fn told(&self) -> [String; 3] {
        let ends: Vec<String> =
            self.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
        let Self { left_out, died, lost, recoveries, copied, .. } = self;
        let average = copied / (*recoveries).max(1);
        [
            format!("ends: {}", ends.join(", ")),
            format!(
                "a leg was left out {left_out} times, died {died} times; {lost} writes were lost with caches"
            ),
            format!(
                "{recoveries} recoveries were waited for, with {average} copies on average ({REGIONS} regions)"
            ),
        ]
    }
}
