//! The results as a picture: one panel for each kind of load, bars for what each device does
//! beside the raw disk. SVG that needs nothing else.
//!
//! Bars and words are all it has, so it is written here: a library for plots would be more
//! to build than the rest of xtask.

use std::fmt::Write as _;

use super::matrix::Cell;
use super::results::{Results, Setting};
use super::subjects::{self, Backing, Subject};

/// Colours of the devices of a backing, in their order; readable by those who see no red or
/// green (Okabe and Ito's).
const COLORS: [&str; 6] = ["#999999", "#56b4e9", "#0072b2", "#d55e00", "#cc79a7", "#009e73"];

const WIDTH: u32 = 960;
const COLUMNS: u32 = 2;
const PANEL: (u32, u32) = (WIDTH / COLUMNS, 230);
/// What a panel leaves free: left, right, above, below.
const MARGIN: (u32, u32, u32, u32) = (46, 14, 34, 46);
const HEAD: u32 = 30;
const LEGEND: u32 = 46;

/// The highest bar that is drawn whole, as a part of the raw disk's.
const TOP: f64 = 1.25;

/// The whole picture.
pub(super) fn svg(results: &Results) -> String {
    let Setting { qemu, accelerator, profile, rounds } = &results.setting;
    let mut body = String::new();
    let title = format!(
        "Requests a second beside the raw disk: {qemu}, {accelerator}, profile {profile}, medians of {rounds}"
    );
    text(&mut body, (10, 20), "start", &title);
    let mut top = HEAD;
    for backing in Backing::ALL {
        let panels = panels(results, backing);
        if panels.is_empty() {
            continue;
        }
        legend(&mut body, backing, top);
        top += LEGEND;
        for (number, cells) in panels.iter().enumerate() {
            let number = number as u32;
            let place = (number % COLUMNS * PANEL.0, top + number / COLUMNS * PANEL.1);
            panel(&mut body, results, backing, cells, place);
        }
        top += (panels.len() as u32).div_ceil(COLUMNS) * PANEL.1;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{top}\" \
         viewBox=\"0 0 {WIDTH} {top}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// The loads of a backing, those together that differ in their depth only.
fn panels(results: &Results, backing: Backing) -> Vec<Vec<&Cell>> {
    let mut panels: Vec<Vec<&Cell>> = Vec::new();
    for cell in results.cells(backing) {
        match panels.iter_mut().find(|cells| cells[0].what() == cell.what()) {
            Some(cells) => cells.push(cell),
            None => panels.push(vec![cell]),
        }
    }
    panels
}

/// The devices of a backing beside its raw disk, with their colours.
fn subjects(backing: Backing) -> impl Iterator<Item = (&'static Subject, &'static str)> {
    let plain = subjects::plain(backing);
    let all = subjects::ALL.iter().filter(move |it| it.backing == backing);
    all.filter(move |it| it.device != plain.device).zip(COLORS.into_iter().skip(1))
}

fn legend(body: &mut String, backing: Backing, top: u32) {
    let words = match backing {
        Backing::Null => "disks that do nothing (null-co)",
        Backing::File => "disks in the host's page cache",
        Backing::Limited => "disks that do 1024 small requests a second",
    };
    text(body, (10, top + 16), "start", words);
    let mut left = 10;
    for (subject, color) in subjects(backing) {
        rect(body, (left, top + 26), (10, 10), color);
        text(body, (left + 15, top + 35), "start", subject.name);
        left += 30 + 7 * subject.name.len() as u32;
    }
}

fn panel(
    body: &mut String,
    results: &Results,
    backing: Backing,
    cells: &[&Cell],
    (left, top): (u32, u32),
) {
    let (width, height) = (PANEL.0 - MARGIN.0 - MARGIN.1, PANEL.1 - MARGIN.2 - MARGIN.3);
    let (x0, y0) = (left + MARGIN.0, top + MARGIN.2);
    text(body, (x0, y0 - 14), "start", &cells[0].what());
    for percent in [0, 25, 50, 75, 100] {
        let y = y0 + height - scaled(f64::from(percent) / 100.0, height);
        let color = if percent == 100 { "#666666" } else { "#dddddd" };
        rect(body, (x0, y), (width, 1), color);
        text(body, (x0 - 6, y + 4), "end", &format!("{percent} %"));
    }
    let group = width / cells.len() as u32;
    for (number, cell) in cells.iter().enumerate() {
        let x = x0 + number as u32 * group;
        let bars: Vec<_> = subjects(backing)
            .filter_map(|(it, color)| Some((results.ratio(results.row(it.device, cell)?)?, color)))
            .collect();
        let count = bars.len() as u32;
        let bar = ((group - 16) / count.max(1)).min(48);
        let first = x + (group - count * bar) / 2;
        for (at, (ratio, color)) in bars.iter().enumerate() {
            let high = scaled(ratio.median, height);
            let place = (first + at as u32 * bar, y0 + height - high);
            rect(body, place, (bar - 3, high), color);
            // A line from the least to the most of all rounds, and the median above it.
            let (low, most) = (scaled(ratio.least, height), scaled(ratio.most, height));
            let (middle, top) = (place.0 + (bar - 3) / 2, y0 + height - most);
            rect(body, (middle, top), (1, (most - low).max(1)), "#000000");
            text(body, (middle, top - 4), "middle", &format!("{:.0}", ratio.median * 100.0));
        }
        let raw = results.row(subjects::plain(backing).device, cell);
        let raw = raw.map_or(String::new(), |row| format!("{:.0}", row.iops().median));
        let middle = x + group / 2;
        let below = y0 + height;
        text(body, (middle, below + 16), "middle", &format!("{} in flight", cell.depth));
        text(body, (middle, below + 31), "middle", &format!("100 % = {raw}/s"));
    }
}

/// How high a part of the raw disk's figure is.
fn scaled(part: f64, height: u32) -> u32 {
    (part.clamp(0.0, TOP) / TOP * f64::from(height)).round() as u32
}

fn rect(body: &mut String, (x, y): (u32, u32), (width, height): (u32, u32), color: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        body,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{color}\"/>"
    );
}

fn text(body: &mut String, (x, y): (u32, u32), anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(body, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::*;

    #[test]
    fn the_picture_has_a_bar_for_each_device_but_the_raw_disk() {
        let svg = svg(&results());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains(">55</text>") && svg.contains("100 % = 1500/s"), "{svg}");
        assert!(svg.contains("each the first write to its region"));
        assert!(!svg.contains("page cache"), "nothing was measured there");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }

    #[test]
    fn what_is_beyond_the_top_is_cut() {
        assert_eq!((scaled(0.0, 100), scaled(1.0, 100), scaled(9.0, 100)), (0, 80, 100));
    }
}
