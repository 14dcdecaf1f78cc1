//! `cargo xtask replay`: one boot is recorded, and the power is cut at every point of it.
//!
//! The disks are the soak's. They record all changes, in one order over both legs, with the
//! guest's lines in between. Afterwards the power is cut before and after each flush, and at
//! some other changes. At a cut the disks are as they were at that point, each loses its cache
//! independently, and `judge` asks what a start would make of them. A boot takes seconds, a cut
//! milliseconds.
//!
//! Rule: at a cut the ledger knows the lines that were heard before it. The line of a request
//! may have been heard later than the request was issued, so all requests count as issued.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Args;
use fastrand::Rng;

use super::disk::Disk;
use super::judge::{Plan, stamped, value_of};
use super::ledger::Ledger;
use super::record::{Change, Entry, Record};
use super::serve::Served;
use crate::inspect::Program;
use crate::patience::{self, Watch};
use crate::qemu::accel::Choice;
use crate::qemu::{self, Guest, Machine};
use crate::verdict::Verdict;
use crate::{build, figures, provision, workspace};

/// Size of the mirror, in sectors, and of its regions: small, since each cut reads all of it.
const SECTORS: usize = 4 << 11;
const REGION_SECTORS: usize = 128;

const LEGS: usize = 2;

/// How long the guest may say nothing in each command, the boot included.
const LIMIT: Duration = patience::OF_A_GUEST;

/// How often the guest is asked whether its regions are clean.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Besides the flushes, one of this many changes is a place to cut.
const OTHERS: usize = 6;

/// How many cuts are made at each place.
const CUTS_AT_PLACE: usize = 1;

/// What chance begins with in the tests.
const TEST_SEED: u64 = 1;

/// What the guest does while it is recorded.
struct Story {
    name: &'static str,
    /// Leg 1 dies at the flush after this many. Then leg 0 is slow, so that an acknowledgement
    /// of the guest, if there is one, is heard before leg 1 is durably excluded.
    dies_after: Option<u64>,
    acts: &'static [Act],
}

/// How long a slow leg takes for each change.
const LAG: Duration = Duration::from_millis(2);

enum Act {
    /// This many requests of `torture`.
    Torture(u64),
    /// Another command.
    Ask(&'static str),
    /// The machine is stopped, and so the mirror.
    Stop,
}

const DEATH: &[Act] = &[Act::Torture(400), Act::Stop];

const STORIES: &[Story] = &[
    Story { name: "load-and-stop", dies_after: None, acts: &[Act::Torture(300), Act::Stop] },
    Story { name: "a-leg-dies-early", dies_after: Some(6), acts: DEATH },
    Story { name: "a-leg-dies", dies_after: Some(12), acts: DEATH },
    Story { name: "a-leg-dies-late", dies_after: Some(18), acts: DEATH },
    Story {
        name: "a-leg-returns",
        dies_after: None,
        acts: &[
            Act::Torture(80),
            Act::Ask("mirror fail m0 1"),
            Act::Torture(80),
            Act::Ask("mirror add m0 1"),
            Act::Torture(80),
            Act::Ask("mirror wait m0"),
            Act::Torture(80),
        ],
    },
];

/// What is recorded.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    build: build::Options,

    /// What chance begins with [default: by the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Only stories whose name contains this
    #[arg(long, value_name = "WORD")]
    filter: Option<String>,

    /// What executes the guest's code
    #[arg(long, value_enum, default_value = "auto")]
    accel: Choice,
}

impl Options {
    /// The stories that are part of the tests: one with a death of a leg is enough.
    pub(crate) fn for_tests(build: build::Options, accel: Choice) -> [Self; 2] {
        ["load", "returns"].map(|word| Self {
            build: build.clone(),
            seed: Some(TEST_SEED),
            filter: Some(word.to_owned()),
            accel,
        })
    }
}

/// Records the stories and judges their cuts, a line for each; the last line is the verdict.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    Ok(match run(options, &mut |line| println!("{line}")) {
        Ok(cuts) => {
            println!("replay: ok: {cuts} cuts, no promise broken");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("replay: FAILED: {why:#}");
            ExitCode::FAILURE
        }
    })
}

/// The same; returns how many cuts there were.
pub(crate) fn run(options: &Options, line: &mut dyn FnMut(&str)) -> Result<usize> {
    let named = |it: &&Story| options.filter.as_deref().is_none_or(|word| it.name.contains(word));
    let stories: Vec<_> = STORIES.iter().filter(named).collect();
    ensure!(!stories.is_empty(), "no story has such a name");
    let tools = provision::tools()?;
    let kernel = build::image(&options.build)?;
    let accel = options.accel.resolve(&tools, &kernel)?;
    let inspect = Program::build()?;
    let logs = workspace::make(workspace::runs().join("replay"))?;
    let seed = options.seed.unwrap_or_else(|| UNIX_EPOCH.elapsed().map_or(0, |it| it.as_secs()));
    line(&format!(
        "replay: cargo xtask replay --seed {seed} (a seed replays the plan, not the times)"
    ));
    let machine = |disks: Vec<qemu::Disk>| Machine {
        tools: &tools,
        accel,
        image: &kernel.image,
        cmdline: "mode=console session=script".into(),
        disks,
        logs: logs.clone(),
    };
    let mut all = 0;
    for (story, number) in stories.into_iter().zip(0..) {
        let mut chance = Rng::with_seed(seed.wrapping_add(number));
        let entries = record(story, chance.u64(..1 << 32), &machine);
        let entries = entries.with_context(|| format!("{}: recording", story.name))?;
        let found = judge(&entries, &logs, &inspect, &mut chance)
            .with_context(|| format!("{}: the images are in {}", story.name, logs.display()))?;
        line(&format!("{}: {}", story.name, found.told()));
        all += found.cuts;
    }
    Ok(all)
}

/// The first contents of each leg: old data of its own.
fn blank_legs() -> [Disk; LEGS] {
    [1, 2].map(|value| Disk::new(stamped(SECTORS, value)))
}

/// Boots, and lets the guest do what the story says.
fn record<'m>(
    story: &Story,
    seed: u64,
    machine: &dyn Fn(Vec<qemu::Disk>) -> Machine<'m>,
) -> Result<Vec<Entry>> {
    let record = Arc::new(Record::default());
    let legs = blank_legs().into_iter().enumerate();
    let lags = [story.dies_after.map_or(Duration::ZERO, |_| LAG), Duration::ZERO];
    let served = legs.map(|(leg, disk)| Served::start_recorded(disk, &record, leg, lags[leg]));
    let served = served.collect::<Result<Vec<_>>>()?;
    let mut guest = Guest::boot(&machine(served.iter().map(Served::disk).collect()), LIMIT)?;
    let told = tell(story, seed, &mut guest, &served, &record);
    // The servers end when QEMU is gone.
    guest.cut_power();
    for server in served {
        let (_, died) = server.end()?;
        ensure!(!died || story.dies_after.is_some(), "a disk died");
    }
    told?;
    Ok(Arc::into_inner(record).context("the servers have ended")?.end())
}

fn tell(
    story: &Story,
    seed: u64,
    guest: &mut Guest,
    served: &[Served],
    record: &Record,
) -> Result<()> {
    let mut ledger = Ledger::new(SECTORS, &[1, 2]);
    guest.until_prompt()?;
    let label = format!("mirror label m0 vbd0 vbd1 --region {REGION_SECTORS}s");
    for command in [&*label, "mirror wait m0"] {
        ask(guest, command, &mut ledger, record)?;
    }
    rest(guest)?;
    record.push(Entry::Settled);
    if let Some(flushes) = story.dies_after {
        served[1].dies_after_flushes(flushes);
    }
    for (act, number) in story.acts.iter().zip(seed..) {
        match act {
            Act::Torture(requests) => {
                let first = ledger.next();
                let torture =
                    format!("torture m0 0s {SECTORS}s {requests} {number} --first {first}");
                ask(guest, &torture, &mut ledger, record)?;
            }
            Act::Ask(command) => ask(guest, command, &mut ledger, record)?,
            Act::Stop => {
                guest.set_limit(Some(LIMIT));
                guest.send("poweroff");
                let verdict = guest.run(|_| ());
                ensure!(verdict == Verdict::Passed, "{verdict}\n{}", guest.last_words());
            }
        }
    }
    Ok(())
}

/// Waits until all regions are clean: then the first write to a region has to record that it is
/// not.
fn rest(guest: &mut Guest) -> Result<()> {
    let mut watch = Watch::of(LIMIT);
    loop {
        guest.set_limit(Some(LIMIT));
        guest.send("mirror status m0");
        let mut status = Vec::new();
        while let Some(line) = guest.next_line()? {
            status.push(line);
        }
        let dirty = figures::number_before(&status, " dirty,");
        if dirty == Some(0) {
            return Ok(());
        }
        ensure!(watch.sees(dirty), "idle, and not clean:\n{}", status.join("\n"));
        thread::sleep(LOOK_AGAIN);
    }
}

/// Sends a command, and keeps all lines until it ends.
fn ask(guest: &mut Guest, command: &str, ledger: &mut Ledger, record: &Record) -> Result<()> {
    guest.set_limit(Some(LIMIT));
    guest.send(command);
    while let Some(line) = guest.next_line()? {
        ledger.note(&line)?;
        record.push(Entry::Line(line));
    }
    ensure!(!guest.has_failed(), "`{command}` failed: {}", guest.last_words());
    Ok(())
}

/// The sums of a story's cuts.
#[derive(Default)]
struct Found {
    changes: usize,
    flushes: usize,
    cuts: usize,
    /// Cuts in which a leg lost a write, at least in part.
    lossy: usize,
    /// Cuts after which the legs differed.
    differing: usize,
    /// Cuts after which a leg was not in sync.
    alone: usize,
}

impl Found {
    fn told(&self) -> String {
        let Self { changes, flushes, cuts, lossy, differing, alone } = self;
        format!(
            "{changes} changes, {flushes} of them flushes; {cuts} cuts: {lossy} lost a write, \
             {differing} left legs that differ, {alone} a leg that is out"
        )
    }
}

/// Walks along the record, and judges its cuts.
fn judge(entries: &[Entry], folder: &Path, inspect: &Program, chance: &mut Rng) -> Result<Found> {
    let mut ledger = Ledger::new(SECTORS, &[1, 2]);
    let (mut disks, mut settled, mut found) = (blank_legs(), false, Found::default());
    for (index, entry) in entries.iter().enumerate() {
        match entry {
            Entry::Line(line) => ledger.note(line)?,
            Entry::Settled => {
                settle(&disks, &mut ledger)?;
                settled = true;
            }
            Entry::Leg(leg, change) => {
                let flush = matches!(change, Change::Flush);
                found.changes += 1;
                found.flushes += usize::from(flush);
                // Before a flush everything is cached that it makes durable, ...
                let mut cut = |disks: &[Disk; LEGS], found: &mut Found| {
                    let known = all_issued(&ledger, &entries[index..])?;
                    cut(disks, &known, folder, inspect, chance, found)
                        .with_context(|| format!("a cut at change {}", found.changes))
                };
                if settled && flush {
                    cut(&disks, &mut found)?;
                }
                change.clone().make(&mut disks[*leg]);
                // ... after it, only the writes of the other leg.
                if settled && (flush || found.changes % OTHERS == 0) {
                    cut(&disks, &mut found)?;
                }
            }
        }
    }
    ensure!(found.cuts > 0 && found.lossy > 0, "nothing was cut: {}", found.told());
    Ok(found)
}

/// Both legs must be equal now, and their contents are final.
fn settle(disks: &[Disk; LEGS], ledger: &mut Ledger) -> Result<()> {
    for sector in 0..SECTORS {
        let (a, b) = (value_of(disks[0].content(), sector)?, value_of(disks[1].content(), sector)?);
        ensure!(a == b, "settled, and in sector {sector} the legs have {a} and {b}");
        ledger.answered(sector, a)?;
    }
    Ok(())
}

/// The same ledger, with all requests in later lines as issued.
fn all_issued(ledger: &Ledger, later: &[Entry]) -> Result<Ledger> {
    let mut ledger = ledger.clone();
    for entry in later {
        if let Entry::Line(line) = entry
            && ["write ", "read ", "flush "].iter().any(|word| line.starts_with(word))
        {
            ledger.note(line)?;
        }
    }
    Ok(ledger)
}

/// Cuts the power of these disks, and judges what is left of them.
fn cut(
    disks: &[Disk; LEGS],
    ledger: &Ledger,
    folder: &Path,
    inspect: &Program,
    chance: &mut Rng,
    found: &mut Found,
) -> Result<()> {
    let images: Vec<PathBuf> = (0..LEGS).map(|leg| folder.join(format!("leg{leg}.img"))).collect();
    for _ in 0..CUTS_AT_PLACE {
        let mut disks = disks.clone();
        let lost: usize = disks.iter_mut().map(|disk| disk.lose_power(chance)).sum();
        for (disk, image) in disks.iter().zip(&images) {
            fs::write(image, disk.content()).with_context(|| image.display().to_string())?;
        }
        let plan = Plan::of(&images, inspect)?;
        let contents = disks.each_ref().map(Disk::content);
        let judged = plan.judge(&contents, ledger)?;
        found.cuts += 1;
        found.lossy += usize::from(lost > 0);
        found.differing += usize::from(judged.differing > 0);
        found.alone += usize::from(plan.in_sync().len() < LEGS);
    }
    Ok(())
}
