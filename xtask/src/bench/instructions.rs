//! `cargo xtask bench --instructions`: what a request costs the guest's CPU, counted.
//!
//! Place: one boot of its own, under `qemu::counting`. `subjects`, `matrix` and `talk` are
//! those of the other benchmark; `layers` says which part of the kernel an instruction is of.
//!
//! Rule: a figure is the least of all rounds of a boot, and the spread is told. It is that of
//! the rounds: two boots may differ by more (`qemu::counting` says why).

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::layers::Layers;
use super::matrix::Cell;
use super::results::{Sample, Setting, Spread};
use super::subjects::{self, Kind, Subject};
use super::table::markdown;
use super::talk::Talk;
use crate::qemu::counting::Count;

/// The loads: whether they write, whether they go to places by chance, the length of a request.
const LOADS: [(bool, bool, u64); 3] =
    [(false, true, 4 << 10), (true, true, 4 << 10), (true, false, 1 << 20)];

/// Those at which it is told where instructions go, and what else a request costs.
const TOLD_LOADS: &[(bool, bool, u64)] = LOADS.split_at(2).0;

/// Requests in flight.
const DEPTHS: [u64; 3] = [1, 8, 32];

/// The depth of that.
const DEPTH: u64 = 8;

/// What else a request costs, by the guest's own counts: names, and places in its JSON.
const TOLD: [(&str, &str); 3] = [
    ("kicks", "/disks/kicks"),
    ("interrupts", "/disks/interrupts"),
    ("allocations", "/allocations"),
];

/// Requests of a load, and of the one before it that is not counted.
const REQUESTS: u64 = 2048;
const WARM: u64 = 512;

/// The devices, all of them on disks that do nothing.
const KINDS: [Kind; 3] = [Kind::Plain, Kind::Linear, Kind::Core];

/// One load on one device, in all rounds.
pub(super) struct Row {
    subject: &'static Subject,
    cell: Cell,
    samples: Vec<Sample>,
    counts: Vec<Count>,
}

/// What was counted.
pub(super) struct Counted {
    rows: Vec<Row>,
}

/// A count for each request.
fn each(count: u64) -> f64 {
    count as f64 / REQUESTS as f64
}

/// A line of a table.
fn line(name: &str, figures: impl IntoIterator<Item = String>) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(figures).collect()
}

/// A load at a depth.
fn cell((writes, random, bytes): (bool, bool, u64), depth: u64) -> Cell {
    Cell { writes, random, bytes, depth, first_touch: false }
}

impl Row {
    /// Instructions for each request.
    fn instructions(&self) -> Spread {
        let each = self.counts.iter().map(|count| each(count.instructions));
        Spread::of(each).expect("a row has a count")
    }

    /// Those, and how much more the most was.
    fn spread(&self) -> String {
        let Spread { least, most, .. } = self.instructions();
        format!("{least:.0} (+{:.1} %)", (most / least - 1.0) * 100.0)
    }

    /// A figure of the guest's own for each request, at this place of its JSON.
    fn told(&self, pointer: &str) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(|sample| sample.each(pointer)))
    }

    /// The round with the fewest instructions.
    fn best(&self) -> &Count {
        self.counts.iter().min_by_key(|count| count.instructions).expect("a row has a count")
    }
}

/// Has the guest run all loads. What was counted is known at its end: see [`Counted::new`].
pub(super) fn run(talk: &mut Talk, rounds: u32) -> Result<Vec<(&'static Subject, Cell, Sample)>> {
    let subjects = || {
        let of_kind = |kind| subjects::ALL.iter().find(move |it| it.kind == kind);
        KINDS.into_iter().filter_map(of_kind)
    };
    for line in subjects().flat_map(Subject::made_by) {
        talk.ask(&line)?;
    }
    let mut samples = Vec::new();
    for load in LOADS {
        for cell in DEPTHS.map(|depth| cell(load, depth)) {
            eprintln!("xtask: {cell}");
            for subject in subjects() {
                // The first requests meet memory that nobody had used.
                samples.push((subject, cell.clone(), talk.measure(&cell.command(subject, WARM))?));
                for _ in 0..rounds {
                    let sample = talk.measure(&cell.command(subject, REQUESTS))?;
                    samples.push((subject, cell.clone(), sample));
                }
            }
        }
    }
    Ok(samples)
}

impl Counted {
    /// Puts together what the guest answered and what the plugin counted meanwhile.
    ///
    /// # Errors
    /// They are not of the same loads.
    pub(super) fn new(
        samples: Vec<(&'static Subject, Cell, Sample)>,
        counts: Vec<Count>,
    ) -> Result<Self> {
        ensure!(
            samples.len() == counts.len(),
            "{} loads were run, and {} counted",
            samples.len(),
            counts.len()
        );
        let mut rows: Vec<Row> = Vec::new();
        for ((subject, cell, sample), count) in samples.into_iter().zip(counts) {
            if sample.requests() != REQUESTS as f64 {
                continue;
            }
            ensure!(count.instructions > 0, "nothing was counted of {}: {cell}", subject.name);
            let same = |row: &&mut Row| row.subject.device == subject.device && row.cell == cell;
            let (samples, counts) = (vec![sample], vec![count]);
            match rows.iter_mut().find(same) {
                Some(row) => {
                    row.samples.extend(samples);
                    row.counts.extend(counts);
                }
                None => rows.push(Row { subject, cell, samples, counts }),
            }
        }
        Ok(Self { rows })
    }

    fn row(&self, kind: Kind, cell: &Cell) -> Option<&Row> {
        self.rows.iter().find(|row| row.subject.kind == kind && row.cell == *cell)
    }

    /// Tables, line by line.
    pub(super) fn text(&self, setting: &Setting, layers: &Layers) -> Vec<String> {
        let Setting { qemu, profile, rounds, .. } = setting;
        let mut lines = vec![format!(
            "{qemu}, profile {profile}, disks that do nothing; the least of {rounds} rounds; in \
             brackets how much more the most was"
        )];
        for cells in LOADS.map(|load| DEPTHS.map(|depth| cell(load, depth))) {
            lines.extend([String::new(), format!("{}:", cells[0].what()), String::new()]);
            lines.extend(markdown(&self.by_depth(&cells)));
        }
        lines.push(String::new());
        lines.extend(markdown(&self.others(layers)));
        lines.push(String::new());
        lines.extend(markdown(&self.by_layer(layers)));
        lines
    }

    /// Instructions a request by depth, and what a mirror adds to its disks'.
    fn by_depth(&self, cells: &[Cell]) -> Vec<Vec<String>> {
        let depths = cells.iter().map(|cell| format!("{} in flight", cell.depth));
        let mut table = vec![line("instructions a request", depths)];
        for kind in KINDS {
            let rows = cells.iter().map(|cell| self.row(kind, cell));
            let name = rows.clone().flatten().next().map_or("", |row| row.subject.name);
            table.push(line(name, rows.map(|row| row.map(Row::spread).unwrap_or_default())));
        }
        let (legs, name) = match cells[0].writes {
            true => (2.0, "mirror core less two of the raw disk"),
            false => (1.0, "mirror core less the raw disk"),
        };
        let own = cells.iter().map(|cell| {
            let of = |kind| self.row(kind, cell).map(|row| row.instructions().least);
            let own = of(Kind::Core).zip(of(Kind::Plain)).map(|(core, raw)| core - legs * raw);
            own.map(|own| format!("{own:.0}")).unwrap_or_default()
        });
        table.push(line(name, own));
        table
    }

    /// The rows of which more is told, each with its name.
    fn told(&self, kinds: &[Kind]) -> Vec<(String, &Row)> {
        let mut told = Vec::new();
        for cell in TOLD_LOADS.iter().map(|load| cell(*load, DEPTH)) {
            for row in kinds.iter().filter_map(|kind| self.row(*kind, &cell)) {
                let operation = if cell.writes { "write" } else { "read" };
                told.push((format!("{operation}, {}", row.subject.name), row));
            }
        }
        told
    }

    /// What else a request costs, at one depth.
    fn others(&self, layers: &Layers) -> Vec<Vec<String>> {
        let head = TOLD.map(|(name, _)| name.to_owned()).into_iter().chain(["locks".to_owned()]);
        let mut table = vec![line(&format!("each of {DEPTH} in flight, 4 KiB"), head)];
        for (name, row) in self.told(&KINDS) {
            let told = TOLD.map(|(_, pointer)| row.told(pointer).map(|it| it.least));
            let locks = layers.locks(&row.best().times).map(each);
            let figures = told.into_iter().chain([locks]);
            let figure = |it: Option<f64>| it.map(|it| format!("{it:.2}")).unwrap_or_default();
            table.push(line(&name, figures.map(figure)));
        }
        table
    }

    /// Which part of the kernel executes how many instructions of a request, at one depth.
    fn by_layer(&self, layers: &Layers) -> Vec<Vec<String>> {
        let told = self.told(&[Kind::Plain, Kind::Core]);
        let shares: Vec<_> = told.iter().map(|(_, row)| layers.shares(&row.best().times)).collect();
        let head = format!("instructions, {DEPTH} in flight, 4 KiB");
        let mut table = vec![line(&head, told.into_iter().map(|(name, _)| name))];
        for layer in layers.names() {
            let times = shares.iter().map(|shares| shares.get(layer).copied().unwrap_or(0));
            table.push(line(layer, times.map(|times| format!("{:.0}", each(times)))));
        }
        table
    }

    /// For programs.
    pub(super) fn json(&self, setting: &Setting, layers: &Layers) -> String {
        let rows: Vec<Value> = self.rows.iter().map(|row| row.json(layers)).collect();
        let value = json!({
            "qemu": setting.qemu,
            "profile": setting.profile,
            "rounds": setting.rounds,
            "requests": REQUESTS,
            "rows": rows,
        });
        format!("{value:#}\n")
    }

    /// Every address that was executed.
    pub(super) fn addresses(&self) -> impl Iterator<Item = u64> {
        let counts = self.rows.iter().flat_map(|row| &row.counts);
        counts.flat_map(|count| count.times.iter().map(|(address, _)| *address))
    }
}

impl Row {
    fn json(&self, layers: &Layers) -> Value {
        let mut value = json!({
            "subject": self.subject.name,
            "operation": if self.cell.writes { "write" } else { "read" },
            "request_bytes": self.cell.bytes,
            "depth": self.cell.depth,
            "each_request": {
                "instructions": self.instructions().json(),
                "locks": layers.locks(&self.best().times).map(each),
            },
            "instructions_by_layer": layers.shares(&self.best().times),
        });
        for (name, pointer) in TOLD {
            value["each_request"][name] = self.told(pointer).map_or(Value::Null, Spread::json);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::sample;
    use super::super::subjects::{Backing, plain};
    use super::*;

    /// A load that was run, with so many requests.
    fn load(kind: Kind, writes: bool, requests: u64) -> (&'static Subject, Cell, Sample) {
        let subject = subjects::ALL.iter().find(|it| it.kind == kind).unwrap();
        (subject, cell((writes, true, 4 << 10), DEPTH), sample(requests, requests))
    }

    /// What was counted of a load with so many instructions a request.
    fn count(instructions: u64) -> Count {
        let times = vec![(0x10, instructions * REQUESTS)];
        Count { instructions: instructions * REQUESTS, times }
    }

    fn setting() -> Setting {
        let (qemu, profile) = ("QEMU".into(), "release".into());
        Setting { qemu, accelerator: "tcg", profile, rounds: 2 }
    }

    fn counted() -> Counted {
        let rounds =
            |kind| [load(kind, true, WARM), load(kind, true, REQUESTS), load(kind, true, REQUESTS)];
        let samples = [rounds(Kind::Plain), rounds(Kind::Core)].concat();
        let counts = [9999, 1010, 1000, 9999, 3000, 3003].map(count).into();
        Counted::new(samples, counts).unwrap()
    }

    #[test]
    fn the_least_counts_and_the_first_requests_do_not() {
        let counted = counted();
        let table = counted.by_depth(&DEPTHS.map(|depth| cell(LOADS[1], depth)));
        assert_eq!(table[1][1..], ["", "1000 (+1.0 %)", ""]);
        assert_eq!(table[3][..3], ["mirror core", "", "3000 (+0.1 %)"]);
        assert_eq!(table[4][..3], ["mirror core less two of the raw disk", "", "1000"]);
    }

    #[test]
    fn tables_and_json_have_the_same_figures() {
        let counted = counted();
        let layers = Layers::new(std::iter::empty(), &std::env::current_exe().unwrap()).unwrap();
        let lines = counted.text(&setting(), &layers);
        assert!(lines.iter().any(|line| line.starts_with("| write, mirror core ")));
        let json: Value = serde_json::from_str(&counted.json(&setting(), &layers)).unwrap();
        let row = &json["rows"][0];
        assert_eq!(row["subject"], plain(Backing::Null).name);
        assert_eq!(row["each_request"]["instructions"]["least"], 1000.0);
        assert_eq!(row["each_request"]["kicks"]["most"], 1.0);
        let sum: u64 = row["instructions_by_layer"]
            .as_object()
            .unwrap()
            .values()
            .map(|times| times.as_u64().unwrap())
            .sum();
        assert_eq!(sum, 1000 * REQUESTS);
    }

    #[test]
    fn loads_and_counts_that_do_not_belong_together_are_refused() {
        let refused = |counts: Vec<Count>| {
            let loads = vec![load(Kind::Core, false, REQUESTS)];
            Counted::new(loads, counts).err().unwrap().to_string()
        };
        assert_eq!(refused(Vec::new()), "1 loads were run, and 0 counted");
        assert!(refused(vec![count(0)]).starts_with("nothing was counted of mirror core"));
    }
}
