//! What was measured: samples, and what is made of several.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::matrix::Cell;
use super::subjects::{self, Backing, Kind, Subject};

/// Where figures come from.
pub(super) struct Setting {
    /// QEMU's version, in its own words.
    pub(super) qemu: String,
    /// What executed the guest's code.
    pub(super) accelerator: &'static str,
    /// The kernel's cargo profile.
    pub(super) profile: String,
    /// Samples of each load.
    pub(super) rounds: u32,
}

/// One load on one subject once, as the guest's `bench --json` has it.
#[derive(Clone, Debug)]
pub(super) struct Sample(Value);

impl Sample {
    /// What the guest answered.
    ///
    /// # Errors
    /// It has no figures.
    pub(super) fn new(value: Value) -> Result<Self> {
        let sample = Self(value);
        ensure!(sample.requests() > 0.0 && sample.iops() > 0.0, "no request in {}", sample.0);
        Ok(sample)
    }

    fn number(&self, pointer: &str) -> Option<f64> {
        self.0.pointer(pointer).and_then(Value::as_f64)
    }

    /// How many requests ended.
    pub(super) fn requests(&self) -> f64 {
        self.number("/requests").unwrap_or(0.0)
    }

    /// Requests a second, by the exact time.
    pub(super) fn iops(&self) -> f64 {
        let seconds = self.number("/elapsed_ns").unwrap_or(0.0) / 1e9;
        if seconds > 0.0 { self.requests() / seconds } else { 0.0 }
    }

    /// A count, for each request.
    pub(super) fn each(&self, pointer: &str) -> Option<f64> {
        Some(self.number(pointer)? / self.requests())
    }
}

/// A figure over all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// Of some figures; `None` of none.
    pub(super) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (least, most) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median = match figures.len() % 2 {
            1 => figures[middle],
            _ => f64::midpoint(figures[middle - 1], figures[middle]),
        };
        Some(Self { median, least, most })
    }

    /// For programs.
    pub(super) fn json(self) -> Value {
        json!({ "median": self.median, "least": self.least, "most": self.most })
    }
}

/// One load on one subject, in all rounds.
pub(super) struct Row {
    pub(super) subject: &'static Subject,
    pub(super) cell: Cell,
    samples: Vec<(u32, Sample)>,
}

impl Row {
    /// A figure of its samples, at this place of the guest's JSON.
    pub(super) fn figure(&self, pointer: &str) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(|(_, it)| it.number(pointer)))
    }

    /// The same for each request.
    pub(super) fn each(&self, pointer: &str) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(|(_, it)| it.each(pointer)))
    }

    /// Requests a second.
    pub(super) fn iops(&self) -> Spread {
        let iops = self.samples.iter().map(|(_, sample)| sample.iops());
        Spread::of(iops).expect("a row has a sample")
    }
}

/// All rows.
pub(super) struct Results {
    pub(super) setting: Setting,
    pub(super) rows: Vec<Row>,
}

/// What a request costs, for the results: names, and places in the guest's JSON.
pub(super) const COSTS: [(&str, &str); 6] = [
    ("disk_requests", "/disks/requests"),
    ("kicks", "/disks/kicks"),
    ("interrupts", "/disks/interrupts"),
    ("allocations", "/allocations"),
    ("flushes", "/disks/flushes"),
    ("metadata_writes", "/mirror/metadata_writes"),
];

const LATENCIES: [&str; 5] = ["mean", "p50", "p99", "p999", "max"];

impl Results {
    /// None yet.
    pub(super) fn new(setting: Setting) -> Self {
        Self { setting, rows: Vec::new() }
    }

    /// Takes in what a round brought.
    pub(super) fn add(
        &mut self,
        subject: &'static Subject,
        cell: Cell,
        round: u32,
        sample: Sample,
    ) {
        let same = |row: &&mut Row| row.subject.device == subject.device && row.cell == cell;
        match self.rows.iter_mut().find(same) {
            Some(row) => row.samples.push((round, sample)),
            None => self.rows.push(Row { subject, cell, samples: vec![(round, sample)] }),
        }
    }

    /// The row of a device and a load.
    pub(super) fn row(&self, device: &str, cell: &Cell) -> Option<&Row> {
        self.rows.iter().find(|row| row.subject.device == device && row.cell == *cell)
    }

    /// A row's requests a second, as a part of those of the plain disk with the same
    /// backing in the same round.
    pub(super) fn ratio(&self, row: &Row) -> Option<Spread> {
        let plain = self.row(subjects::plain(row.subject.backing).device, &row.cell)?;
        let of_round = |round: u32| {
            plain.samples.iter().find(|(it, _)| *it == round).map(|(_, sample)| sample.iops())
        };
        Spread::of(row.samples.iter().filter_map(|(round, it)| Some(it.iops() / of_round(*round)?)))
    }

    /// The loads in the order in which they were measured, each once: those of one backing.
    pub(super) fn cells(&self, backing: Backing) -> Vec<&Cell> {
        let mut cells: Vec<&Cell> = Vec::new();
        for row in self.rows.iter().filter(|row| row.subject.backing == backing) {
            let of_mirror = row.subject.kind != Kind::Plain;
            if of_mirror && !cells.contains(&&row.cell) {
                cells.push(&row.cell);
            }
        }
        cells
    }

    /// For programs: `rows` has an object for each load on each subject, whose figures are
    /// over all rounds.
    pub(super) fn json(&self) -> String {
        let Setting { qemu, accelerator, profile, rounds } = &self.setting;
        let rows: Vec<Value> = self.rows.iter().map(|row| self.row_json(row)).collect();
        let value = json!({
            "qemu": qemu,
            "accelerator": accelerator,
            "profile": profile,
            "rounds": rounds,
            "rows": rows,
        });
        format!("{value:#}\n")
    }

    fn row_json(&self, row: &Row) -> Value {
        let Row { subject, cell, .. } = row;
        let mut value = json!({
            "backing": subject.backing.name(),
            "subject": subject.name,
            "operation": if cell.writes { "write" } else { "read" },
            "order": if cell.random { "random" } else { "sequential" },
            "first_touch": cell.first_touch,
            "request_bytes": cell.bytes,
            "depth": cell.depth,
            "iops": row.iops().json(),
            "ratio_to_raw": self.ratio(row).map(Spread::json),
        });
        for name in LATENCIES {
            let spread = row.figure(&format!("/latency_ns/{name}"));
            value["latency_ns"][name] = spread.map_or(Value::Null, Spread::json);
        }
        for (name, pointer) in COSTS {
            let spread = row.each(pointer);
            value["each_request"][name] = spread.map_or(Value::Null, Spread::json);
        }
        value
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A sample of so many requests in a second.
    pub(in super::super) fn sample(requests: u64, kicks: u64) -> Sample {
        let value = json!({
            "requests": requests, "elapsed_ns": 1_000_000_000_u64, "disks": {"kicks": kicks},
            "latency_ns": {"p50": 1_000_000},
        });
        Sample::new(value).unwrap()
    }

    /// Two rounds of one load on the plain disk and the mirror of a backing.
    pub(in super::super) fn results() -> Results {
        let setting = Setting {
            qemu: "QEMU 7.2".into(),
            accelerator: "tcg",
            profile: "release".into(),
            rounds: 2,
        };
        let mut results = Results::new(setting);
        let cell = Cell::first_touch(8);
        let [plain, mirror] = [subjects::plain(Backing::Null), &subjects::ALL[2]];
        for (round, of_plain, of_mirror) in [(0, 1000, 500), (1, 2000, 1200)] {
            results.add(plain, cell.clone(), round, sample(of_plain, of_plain));
            results.add(mirror, cell.clone(), round, sample(of_mirror, 2 * of_mirror));
        }
        results
    }

    #[test]
    fn a_spread_has_the_median_between_its_ends() {
        let spread = Spread::of([3.0, 1.0, 10.0]).unwrap();
        assert_eq!(spread, Spread { median: 3.0, least: 1.0, most: 10.0 });
        assert_eq!(Spread::of([1.0, 4.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn ratios_are_of_one_round() {
        let results = results();
        let ratio = results.ratio(&results.rows[1]).unwrap();
        assert_eq!((ratio.least, ratio.most), (0.5, 0.6));
        assert_eq!(results.ratio(&results.rows[0]).unwrap().median, 1.0);
    }

    #[test]
    fn the_json_has_what_was_measured_for_each_request() {
        let value: Value = serde_json::from_str(&results().json()).unwrap();
        let row = &value["rows"][1];
        assert_eq!(row["subject"], "mirror core");
        assert_eq!(row["each_request"]["kicks"]["median"], 2.0);
        assert_eq!(row["iops"]["most"], 1200.0);
        assert!(row["each_request"]["allocations"].is_null());
    }

    #[test]
    fn an_answer_without_requests_is_none() {
        for value in [json!({}), json!({"requests": 0, "elapsed_ns": 5}), json!({"requests": 5})] {
            assert!(Sample::new(value).is_err());
        }
    }
}
