//! The results as tables, in the form that documents have them in (Markdown).

use super::matrix::Cell;
use super::results::{Results, Row, Setting};
use super::subjects::{self, Backing, Subject};

/// What stands where there is no figure.
const NONE: &str = "";

/// Tables for each backing and kind of load, line by line.
pub(super) fn text(results: &Results) -> Vec<String> {
    let Setting { qemu, accelerator, profile, rounds } = &results.setting;
    let mut lines = vec![format!(
        "{qemu}, {accelerator}, profile {profile}; medians of {rounds} rounds; in brackets the \
         part of what the raw disk does in the same round"
    )];
    for backing in Backing::ALL {
        let cells = results.cells(backing);
        let mut seen = Vec::new();
        for what in cells.iter().map(|cell| cell.what()) {
            if seen.contains(&what) {
                continue;
            }
            let same: Vec<&Cell> = cells.iter().copied().filter(|it| it.what() == what).collect();
            lines.push(String::new());
            lines.push(format!("{} disks: {what}", backing.name()));
            lines.push(String::new());
            lines.extend(speeds(results, backing, &same));
            lines.push(String::new());
            lines.extend(costs(results, backing, &same));
            seen.push(what);
        }
    }
    lines
}

/// The rows of a backing for a load, with their subjects.
fn rows<'r>(
    results: &'r Results,
    backing: Backing,
    cell: &Cell,
) -> impl Iterator<Item = (&'static Subject, &'r Row)> {
    let subjects = subjects::ALL.iter().filter(move |it| it.backing == backing);
    let found = subjects.map(|it| (it, results.row(it.device, cell)));
    found.filter_map(|(subject, row)| Some((subject, row?))).collect::<Vec<_>>().into_iter()
}

/// Requests a second, by depth.
fn speeds(results: &Results, backing: Backing, cells: &[&Cell]) -> Vec<String> {
    let depths = cells.iter().map(|cell| format!("{} in flight", cell.depth));
    let mut table = vec![std::iter::once("requests a second".to_owned()).chain(depths).collect()];
    for (subject, _) in rows(results, backing, cells[0]) {
        let speed = |cell: &&Cell| {
            let Some(row) = results.row(subject.device, cell) else { return NONE.into() };
            speed(results, row)
        };
        let cells = cells.iter().map(speed);
        table.push(std::iter::once(subject.name.to_owned()).chain(cells).collect());
    }
    markdown(&table)
}

fn speed(results: &Results, row: &Row) -> String {
    let iops = format!("{:.0}", row.iops().median);
    let is_plain = row.subject.device == subjects::plain(row.subject.backing).device;
    match results.ratio(row).filter(|_| !is_plain) {
        Some(ratio) => format!("{iops} ({:.0} %)", ratio.median * 100.0),
        None => iops,
    }
}

/// The depth whose costs are shown, if it was measured.
const DEPTH: u64 = 8;

/// Latency and what each request costs, at one depth.
fn costs(results: &Results, backing: Backing, cells: &[&Cell]) -> Vec<String> {
    let cell = cells.iter().find(|cell| cell.depth == DEPTH).unwrap_or(&cells[0]);
    let head = ["p50", "p99", "requests to disks", "kicks", "interrupts", "allocations"];
    let mut head: Vec<String> = head.map(String::from).into();
    head.insert(0, format!("each of {} in flight", cell.depth));
    let records = backing == Backing::File && cell.writes;
    if records {
        head.extend(["flushes", "records written"].map(String::from));
    }
    let mut table = vec![head];
    for (subject, row) in rows(results, backing, cell) {
        let each =
            |pointer| row.each(pointer).map_or(NONE.into(), |it| format!("{:.2}", it.median));
        let time = |pointer| {
            row.figure(pointer).map_or(NONE.into(), |it| format!("{:.0} us", it.median / 1000.0))
        };
        let mut line = vec![subject.name.to_owned()];
        line.extend(["/latency_ns/p50", "/latency_ns/p99"].map(time));
        line.extend(["/disks/requests", "/disks/kicks", "/disks/interrupts"].map(each));
        line.push(each("/allocations"));
        if records {
            line.extend(["/disks/flushes", "/mirror/metadata_writes"].map(each));
        }
        table.push(line);
    }
    markdown(&table)
}

/// A table whose first line is its head; all columns but the first are figures.
pub(super) fn markdown(table: &[Vec<String>]) -> Vec<String> {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |line: &Vec<String>, at: usize| line.get(at).cloned().unwrap_or_default();
    let width = |at: usize| table.iter().map(|line| cell(line, at).chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0).max(3)).collect();
    let mut lines: Vec<String> = table
        .iter()
        .map(|line| {
            let padded = widths.iter().enumerate().map(|(at, width)| match at {
                0 => format!("{:<width$}", cell(line, at)),
                _ => format!("{:>width$}", cell(line, at)),
            });
            format!("| {} |", padded.collect::<Vec<_>>().join(" | "))
        })
        .collect();
    let rules = widths.iter().enumerate().map(|(at, width)| match at {
        0 => "-".repeat(width + 2),
        _ => format!("{}:", "-".repeat(width + 1)),
    });
    lines.insert(1, format!("|{}|", rules.collect::<Vec<_>>().join("|")));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::*;

    #[test]
    fn a_mirror_stands_below_its_disk_with_its_part_of_it() {
        let lines = text(&results());
        let at = lines.iter().position(|line| line.starts_with("| requests a second")).unwrap();
        assert_eq!(lines[at + 2], "| raw disk          |        1500 |");
        assert_eq!(lines[at + 3], "| mirror core       |  850 (55 %) |");
        let costs = lines.iter().rfind(|line| line.starts_with("| mirror core")).unwrap();
        let cells: Vec<_> = costs.split('|').map(str::trim).collect();
        assert_eq!(cells[1..], ["mirror core", "1000 us", "", "", "2.00", "", "", ""]);
    }
}
