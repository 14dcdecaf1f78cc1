//! `cargo xtask bench --peer DIR`: Linux's mirrors beside ours, on the same QEMU.
//!
//! Place: DIR has a rig that boots a Linux with fio: a program `run`, which leaves its figures
//! as JSON. It is not part of the project. Boots of it and of our kernel alternate, each with
//! the same loads on disks that do nothing.
//!
//! Rules:
//!
//! - Both have one virtual CPU under TCG, and virtio-blk disks with one queue each.
//! - A ratio is to the raw disk of the same kernel in the same boot: what fio costs more than
//!   our `bench` is in both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::matrix::Cell;
use super::results::{Setting, Spread};
use super::subjects::{self, Kind};
use super::table::markdown;
use super::talk::Talk;
use crate::provision;
use crate::qemu::Machine;
use crate::workspace;

/// Devices of Linux: the rig's names and ours. The first of either kernel is its raw disk.
const LINUX: [(&str, &str); 3] =
    [("raw", "Linux: raw disk"), ("md_build", "Linux: md raid1"), ("dm_core", "Linux: dm-mirror")];

/// Devices of ours.
const OURS: [(Kind, &str); 2] = [(Kind::Plain, "raw disk"), (Kind::Core, "mirror core")];

/// Which of the devices is md, which our mirror.
const MD: &str = LINUX[1].1;
const MIRROR: &str = OURS[1].1;

/// Requests in flight.
const DEPTHS: [u64; 3] = [1, 8, 32];

/// The program of a rig.
pub(super) struct Rig {
    python: PathBuf,
    run: PathBuf,
}

/// What was measured: for each load and device a figure of each round.
pub(super) struct Beside {
    rows: Vec<Row>,
}

struct Row {
    device: &'static str,
    /// Its kernel's raw disk.
    raw: &'static str,
    cell: Cell,
    /// Requests a second, by round.
    iops: Vec<f64>,
}

impl Rig {
    /// The rig in `folder`.
    ///
    /// # Errors
    /// It has no program `run`, or this machine has no Python.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let run = folder.join("run");
        ensure!(
            run.is_file(),
            "--peer {}: there is no program `run` in it; docs/performance.md says what a rig is",
            folder.display()
        );
        let python = provision::find_program("python3");
        Ok(Self {
            python: python.context("--peer: the rig needs python3, which is not here")?,
            run,
        })
    }

    /// Boots Linux once and has it run all loads; the requests a second of each device.
    fn boot(&self, folder: &Path) -> Result<Vec<(&'static str, Cell, f64)>> {
        let figures = folder.join("linux.json");
        let cells = cells();
        let jobs: Vec<String> = cells.iter().map(job).collect();
        let mut run = Command::new(&self.python);
        run.arg(&self.run).arg("--work").arg(folder).arg("--json").arg(&figures);
        run.args(["--disk", "null-co", "--rounds", "1", "--runtime", "1", "--max-steal", "1"]);
        run.args(["--configs", &LINUX.map(|(config, _)| config).join(",")]);
        run.args(["--jobs", &jobs.join(",")]);
        let ended = run.output().with_context(|| format!("start {}", workspace::shown(&run)))?;
        let complaint = String::from_utf8_lossy(&ended.stderr);
        ensure!(
            ended.status.success(),
            "{} failed: {}: {}",
            workspace::shown(&run),
            ended.status,
            complaint.trim()
        );
        let text = fs::read_to_string(&figures)
            .with_context(|| format!("the rig wrote no {}", figures.display()))?;
        linux(&serde_json::from_str(&text)?, &cells)
    }
}

/// All loads.
fn cells() -> Vec<Cell> {
    let cell =
        |writes, depth| Cell { writes, random: true, bytes: 4 << 10, depth, first_touch: false };
    [false, true].into_iter().flat_map(|writes| DEPTHS.map(|depth| cell(writes, depth))).collect()
}

/// What the rig calls a load.
fn job(cell: &Cell) -> String {
    let operation = if cell.writes { "write" } else { "read" };
    format!("rand{operation}-{}k-q{}", cell.bytes >> 10, cell.depth)
}

/// The requests a second in the rig's figures.
fn linux(figures: &Value, cells: &[Cell]) -> Result<Vec<(&'static str, Cell, f64)>> {
    let mut found = Vec::new();
    for (config, device) in LINUX {
        for cell in cells {
            let job = job(cell);
            let mut rows = figures["rows"].as_array().into_iter().flatten();
            let row = rows.find(|row| row["config"] == config && row["job"] == job);
            let iops = row.and_then(|row| row["iops"].as_f64()).filter(|iops| *iops > 0.0);
            let iops = iops.with_context(|| format!("the rig has no figure of {config}, {job}"))?;
            found.push((device, cell.clone(), iops));
        }
    }
    Ok(found)
}

/// Boots our kernel once and has it run all loads.
fn ours(machine: &Machine<'_>) -> Result<Vec<(&'static str, Cell, f64)>> {
    let mut talk = Talk::boot(machine)?;
    let mut found = Vec::new();
    for (kind, device) in OURS {
        let subject = subjects::ALL.iter().find(|it| it.kind == kind).expect("there is one");
        for line in subject.made_by() {
            talk.ask(&line)?;
        }
        for cell in cells() {
            let estimate = talk.measure(&cell.command(subject, super::ESTIMATE))?;
            let sample = talk.measure(&cell.command(subject, super::requests(&estimate)))?;
            found.push((device, cell, sample.iops()));
        }
    }
    talk.end()?;
    Ok(found)
}

/// Alternates boots of both; the order turns round each time.
pub(super) fn measure(rig: &Rig, machine: &Machine<'_>, rounds: u32) -> Result<Beside> {
    let folder = workspace::make(workspace::runs().join("peer"))?;
    let mut beside = Beside { rows: Vec::new() };
    for round in 0..rounds {
        for is_linux in [round % 2 == 0, round % 2 == 1] {
            let who = if is_linux { "Linux" } else { "ours" };
            eprintln!("xtask: round {} of {rounds}: {who}", round + 1);
            let found = if is_linux { rig.boot(&folder)? } else { ours(machine)? };
            found.into_iter().for_each(|(device, cell, iops)| beside.add(device, cell, iops));
        }
    }
    Ok(beside)
}

impl Beside {
    fn add(&mut self, device: &'static str, cell: Cell, iops: f64) {
        let is_linux = LINUX.iter().any(|(_, it)| *it == device);
        let raw = if is_linux { LINUX[0].1 } else { OURS[0].1 };
        match self.rows.iter_mut().find(|row| row.device == device && row.cell == cell) {
            Some(row) => row.iops.push(iops),
            None => self.rows.push(Row { device, raw, cell, iops: vec![iops] }),
        }
    }

    fn row(&self, device: &str, cell: &Cell) -> Option<&Row> {
        self.rows.iter().find(|row| row.device == device && row.cell == *cell)
    }

    /// A device's requests a second as a part of another's, round by round.
    fn ratio(&self, device: &str, to: &str, cell: &Cell) -> Option<Spread> {
        let (row, to) = (self.row(device, cell)?, self.row(to, cell)?);
        Spread::of(row.iops.iter().zip(&to.iops).map(|(iops, to)| iops / to))
    }

    /// Tables, line by line.
    pub(super) fn text(&self, setting: &Setting) -> Vec<String> {
        let Setting { qemu, accelerator, profile, rounds } = setting;
        let mut lines = vec![format!(
            "{qemu}, {accelerator}, profile {profile}, disks that do nothing; medians of {rounds} \
             boots of each; in brackets the part of what the raw disk does in the same boot"
        )];
        for writes in [false, true] {
            let cells: Vec<Cell> = cells().into_iter().filter(|it| it.writes == writes).collect();
            lines.extend([String::new(), format!("{}:", cells[0].what()), String::new()]);
            lines.extend(markdown(&self.table(&cells)));
        }
        lines
    }

    fn table(&self, cells: &[Cell]) -> Vec<Vec<String>> {
        let line = |name: &str, figures: Vec<String>| [vec![name.to_owned()], figures].concat();
        let depths = cells.iter().map(|cell| format!("{} in flight", cell.depth));
        let mut table = vec![line("requests a second", depths.collect())];
        for device in LINUX.map(|(_, it)| it).into_iter().chain(OURS.map(|(_, it)| it)) {
            let figures = cells.iter().map(|cell| self.figure(device, cell).unwrap_or_default());
            table.push(line(device, figures.collect()));
        }
        let times = cells.iter().map(|cell| {
            let ratio = self.ratio(MIRROR, MD, cell);
            let times =
                |it: Spread| format!("{:.1} times ({:.1} to {:.1})", it.median, it.least, it.most);
            ratio.map(times).unwrap_or_default()
        });
        table.push(line(&format!("{MIRROR} beside md"), times.collect()));
        table
    }

    fn figure(&self, device: &str, cell: &Cell) -> Option<String> {
        let row = self.row(device, cell)?;
        let iops = format!("{:.0}", Spread::of(row.iops.iter().copied())?.median);
        match self.ratio(device, row.raw, cell).filter(|_| device != row.raw) {
            Some(ratio) => Some(format!("{iops} ({:.0} %)", ratio.median * 100.0)),
            None => Some(iops),
        }
    }

    /// For programs.
    pub(super) fn json(&self, setting: &Setting) -> String {
        let rows = self.rows.iter().map(|row| {
            json!({
                "device": row.device,
                "operation": if row.cell.writes { "write" } else { "read" },
                "request_bytes": row.cell.bytes,
                "depth": row.cell.depth,
                "iops": Spread::of(row.iops.iter().copied()).map(Spread::json),
                "ratio_to_raw": self.ratio(row.device, row.raw, &row.cell).map(Spread::json),
            })
        });
        let value = json!({
            "qemu": setting.qemu,
            "accelerator": setting.accelerator,
            "profile": setting.profile,
            "rounds": setting.rounds,
            "rows": rows.collect::<Vec<_>>(),
        });
        format!("{value:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures as the rig writes them, of all devices but those that `lacks` names.
    fn figures(lacks: &str) -> Value {
        let jobs: Vec<String> = cells().iter().map(job).collect();
        let row = |config: &str, job: &String, iops: f64| json!({"config": config, "job": job, "iops": iops});
        let mut rows = vec![json!({"config": "linux", "job": "boot", "seconds": 4.1})];
        for (config, iops) in [("raw", 1000.0), ("md_build", 500.0), ("dm_core", 250.0)] {
            let of = jobs.iter().filter(|job| *job != lacks);
            rows.extend(of.map(|job| row(config, job, iops)));
        }
        json!({ "rows": rows })
    }

    #[test]
    fn loads_have_the_rigs_names() {
        let jobs: Vec<String> = cells().iter().map(job).collect();
        assert_eq!((&*jobs[0], &*jobs[5]), ("randread-4k-q1", "randwrite-4k-q32"));
    }

    #[test]
    fn each_kernels_devices_stand_beside_its_own_raw_disk() {
        let mut beside = Beside { rows: Vec::new() };
        let of_linux = linux(&figures(""), &cells()).unwrap();
        of_linux.into_iter().for_each(|(device, cell, iops)| beside.add(device, cell, iops));
        for cell in cells() {
            beside.add(OURS[0].1, cell.clone(), 3000.0);
            beside.add(MIRROR, cell, 1500.0);
        }
        let table = beside.table(&cells()[..3]);
        let columns: Vec<[&str; 2]> = table[1..].iter().map(|it| [&*it[0], &*it[1]]).collect();
        let expected = [
            ["Linux: raw disk", "1000"],
            ["Linux: md raid1", "500 (50 %)"],
            ["Linux: dm-mirror", "250 (25 %)"],
            ["raw disk", "3000"],
            ["mirror core", "1500 (50 %)"],
            ["mirror core beside md", "3.0 times (3.0 to 3.0)"],
        ];
        assert_eq!(columns, expected);
    }

    #[test]
    fn a_figure_that_the_rig_lacks_is_named() {
        let why = linux(&figures("randwrite-4k-q8"), &cells()).unwrap_err().to_string();
        assert_eq!(why, "the rig has no figure of raw, randwrite-4k-q8");
    }

    #[test]
    fn a_folder_without_a_rig_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let why = Rig::open(folder.path()).err().unwrap().to_string();
        assert!(why.contains("there is no program `run` in it"), "{why}");
    }
}
