//! One request as a picture for a document: what was done for it on which leg, and when.
//!
//! The file needs no other, and is legible on light and dark. What failed has a shape of its own
//! and not only a colour. The axis is true in its order and in its figures, not in its widths:
//! microseconds stand beside milliseconds (`axis`).

mod axis;

use std::fmt::Write;

use crate::model::{Ended, Mirror, Request, Run, Slice};
use axis::{Axis, CHAR, width};

/// Left of the lanes: their names.
const LEFT: f64 = 96.0;
/// Right of them: how the request ended.
const RIGHT: f64 = 150.0;
const TOP: f64 = 44.0;
/// The height of a block, and from one lane to the next.
const BLOCK: f64 = 26.0;
const LANE: f64 = 58.0;

const STYLE: &str = "\
svg{--ink:#1c2330;--soft:#5b6472;--line:#c9d0da;--paper:#ffffff;--start:#d5dae2;--journal:#b7e0d8;\
--data:#b9d4f6;--flush:#c9c3f3;--super:#f7d3a0;--super2:#f3b98a;--wait:#e6e9ee;--write:#dce9fb;\
--park:#fdf0c4;--bad:#b42318;--good:#146c43}\
@media(prefers-color-scheme:dark){svg{--ink:#e6eaf1;--soft:#a2acbb;--line:#434c5a;--paper:#14181f;\
--start:#3a424f;--journal:#1f5a50;--data:#23477a;--flush:#453c8a;--super:#7a5218;--super2:#84421c;\
--wait:#2a313c;--write:#1f3350;--park:#5a4c14;--bad:#ff8a7a;--good:#6fd39c}}\
text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;\
fill:var(--ink)}.t{font:600 14px system-ui,sans-serif}.n{font:600 12px system-ui,sans-serif}\
.s{fill:var(--soft)}.b{stroke:var(--ink);stroke-width:.8}.g{stroke:var(--line);\
stroke-dasharray:2 3}.a{fill:none;stroke:var(--soft);stroke-width:1.3;marker-end:url(#h)}\
.k{stroke-dasharray:5 3}.x{fill:var(--paper);stroke:var(--bad);stroke-width:1.8}\
.e{fill:var(--bad);font-weight:700}.o{fill:var(--good);font-weight:700}\
.out{fill:url(#z);stroke:var(--bad);stroke-width:.8;stroke-dasharray:3 2}";

/// The fill of a state's block.
fn fill(state: &str) -> &'static str {
    match state {
        "START" => "start",
        "JOURNAL_FLUSH" => "journal",
        "DATA_WRITE" | "READ" | "LOOK" => "data",
        "DATA_FLUSH" => "flush",
        "SUPER_WRITE" => "super",
        "SUPER_FLUSH" => "super2",
        "parked" => "park",
        "writing" | "reading" => "write",
        _ => "wait",
    }
}

/// What is drawn: a request, and all that was done meanwhile for it.
struct Scene<'m> {
    request: &'m Request,
    /// For each leg its rows of runs, which do not overlap.
    legs: Vec<Vec<Vec<&'m Run>>>,
    /// When the first leg went out meanwhile, for each leg.
    out: Vec<Option<u64>>,
    axis: Axis,
    end: u64,
}

impl<'m> Scene<'m> {
    fn new(mirror: &'m Mirror, index: usize) -> Scene<'m> {
        let request = &mirror.requests[index];
        let last = request.phases.last().map_or(request.start, |phase| phase.end);
        let end = request.end.unwrap_or(last);
        let meanwhile = |run: &&Run| match run.request {
            Some(of) => of == index,
            None => request.was_parked() && run.start() < end && run.end() > request.start,
        };
        let rows = |leg: usize| {
            let mut rows: Vec<Vec<&Run>> = Vec::new();
            for run in mirror.runs.iter().filter(|run| run.leg == leg).filter(meanwhile) {
                let free = |row: &&mut Vec<&Run>| {
                    row.last().is_none_or(|before| before.end() <= run.start())
                };
                match rows.iter_mut().find(free) {
                    Some(row) => row.push(run),
                    None => rows.push(vec![run]),
                }
            }
            rows
        };
        let legs: Vec<_> = (0..mirror.leg_count()).map(rows).collect();
        let went_out = |leg: usize| {
            let of_leg = mirror.legs.iter().filter(|(_, it, _)| *it == leg);
            let before = of_leg.clone().rfind(|(at, ..)| *at <= end);
            before.filter(|(.., state)| state == "out").map(|(at, ..)| (*at).max(request.start))
        };
        let out: Vec<_> = (0..mirror.leg_count()).map(went_out).collect();
        let runs = legs.iter().flatten().flatten().flat_map(|run| &run.slices);
        let slices: Vec<&Slice> = runs.chain(&request.phases).collect();
        let axis = Axis::new(LEFT, (request.start, end), &slices);
        Scene { request, legs, out, axis, end }
    }

    /// Where the block of a slice begins and ends.
    fn across(&self, slice: &Slice) -> (f64, f64) {
        let (start, end) = (slice.start.max(self.request.start), slice.end.min(self.end));
        if start == end {
            return (self.axis.enter(start), self.axis.leave(start));
        }
        (self.axis.leave(start), self.axis.enter(end))
    }
}

/// The picture of one request of a mirror.
///
/// # Panics
/// If it has no such request.
pub fn svg(mirror: &Mirror, request: usize) -> String {
    let scene = Scene::new(mirror, request);
    let mut lanes = vec![("request".to_owned(), TOP)];
    let mut tops = Vec::new();
    let mut y = TOP + LANE;
    for (leg, rows) in scene.legs.iter().enumerate() {
        lanes.push((format!("leg {leg}"), y));
        tops.push(y);
        y += LANE + (rows.len().max(1) - 1) as f64 * (BLOCK + 4.0);
    }
    let bottom = y - LANE + BLOCK + 14.0;
    let (width, height) = (scene.axis.end() + RIGHT, bottom + 40.0);
    let title = format!("{}: {}", mirror.name, scene.request.title());
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\">\
         <title>{title}</title><style>{STYLE}</style><defs><marker id=\"h\" viewBox=\"0 0 8 8\" \
         refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\" fill=\"var(--soft)\"/></marker><pattern id=\"z\" width=\"7\" \
         height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect width=\"7\" height=\"7\" fill=\"var(--paper)\"/>\
         <line y2=\"7\" stroke=\"var(--bad)\" stroke-opacity=\".45\"/></pattern></defs>\
         <rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n\
         <text class=\"t\" x=\"12\" y=\"22\">{title}</text>\n",
    );
    for (name, y) in &lanes {
        let middle = y + BLOCK / 2.0 + 4.0;
        let _ = writeln!(out, "<text class=\"n\" x=\"12\" y=\"{middle:.1}\">{name}</text>");
    }
    grid(&mut out, &scene, bottom);
    arrows(&mut out, &scene, &tops);
    let phases = &scene.request.phases;
    for phase in phases {
        let (_, to) = scene.across(phase);
        block(&mut out, (scene.axis.enter(phase.start), to), TOP, phase);
    }
    let mut marks = String::new();
    for ((rows, &top), gone) in scene.legs.iter().zip(&tops).zip(&scene.out) {
        if let Some(at) = gone {
            went_out(&mut out, &scene, *at, top);
        }
        for (nth, row) in rows.iter().enumerate() {
            let y = top + nth as f64 * (BLOCK + 4.0);
            for run in row {
                run.slices.iter().for_each(|it| block(&mut out, scene.across(it), y, it));
                if run.ended() == Ended::Failed {
                    failed(&mut marks, scene.axis.enter(run.end().min(scene.end)), y, &run.error);
                }
            }
        }
    }
    out += &marks;
    verdict(&mut out, &scene);
    out += "</svg>\n";
    out
}

/// A line and a time at each moment.
fn grid(out: &mut String, scene: &Scene<'_>, bottom: f64) {
    for (at, x) in scene.axis.ticks() {
        let time = axis::time(at - scene.request.start);
        let (low, text) = (TOP - 6.0, bottom + 16.0);
        let _ = writeln!(
            out,
            "<line class=\"g\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{low:.1}\" y2=\"{bottom:.1}\"/>\
             <text class=\"s\" x=\"{x:.1}\" y=\"{text:.1}\" text-anchor=\"middle\">{time}</text>"
        );
    }
    let y = bottom + 32.0;
    let dashed = scene.legs.iter().flatten().flatten().any(|run| run.request.is_none());
    let dashed = if dashed { "; dashed: the superblock that says which leg is out" } else { "" };
    let _ = writeln!(
        out,
        "<text class=\"s\" x=\"12\" y=\"{y:.1}\">time since it came; widths are not to scale{dashed}</text>"
    );
}

/// From the request to the legs and back. The blocks are drawn over them.
fn arrows(out: &mut String, scene: &Scene<'_>, tops: &[f64]) {
    let low = TOP + BLOCK;
    for (leg, (rows, top)) in scene.legs.iter().zip(tops).enumerate() {
        for (nth, run) in
            rows.iter().enumerate().flat_map(|(nth, row)| row.iter().map(move |run| (nth, run)))
        {
            let (Some(first), Some(last)) = (run.slices.first(), run.slices.last()) else {
                continue;
            };
            let y = top + nth as f64 * (BLOCK + 4.0);
            let shift = 8.0 + 10.0 * leg as f64;
            let class = if run.request.is_none() { "a k" } else { "a" };
            let (from, to) = (scene.across(first).0 + shift, scene.across(last).1 - shift);
            let _ = writeln!(out, "<path class=\"{class}\" d=\"M{from:.1} {low:.1}V{y:.1}\"/>");
            if last.ended != Ended::Open && last.end <= scene.end {
                let _ = writeln!(out, "<path class=\"{class}\" d=\"M{to:.1} {y:.1}V{low:.1}\"/>");
            }
        }
    }
}

fn block(out: &mut String, (from, to): (f64, f64), y: f64, slice: &Slice) {
    let (fill, name, text) = (fill(&slice.name), &slice.name, y + BLOCK / 2.0 + 4.0);
    let (wide, middle) = ((to - from).max(2.0), (from + to) / 2.0);
    let time = axis::time(slice.end - slice.start);
    let _ = writeln!(
        out,
        "<g><title>{name}, {time}</title><rect class=\"b\" x=\"{from:.1}\" y=\"{y:.1}\" \
         width=\"{wide:.1}\" height=\"{BLOCK}\" rx=\"3\" fill=\"var(--{fill})\"/>\
         <text x=\"{middle:.1}\" y=\"{text:.1}\" text-anchor=\"middle\">{name}</text></g>"
    );
}

/// From then on nothing is asked of the leg.
fn went_out(out: &mut String, scene: &Scene<'_>, at: u64, y: f64) {
    let (from, to) = (scene.axis.leave(at), scene.axis.end());
    let (wide, text, middle) = ((to - from).max(2.0), y + BLOCK / 2.0 + 4.0, (from + to) / 2.0);
    let _ = writeln!(
        out,
        "<rect class=\"out\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{BLOCK}\"/>"
    );
    if wide > 100.0 {
        let (back, below) = (middle - 22.0, y + 4.0);
        let _ = writeln!(
            out,
            "<rect x=\"{back:.1}\" y=\"{below:.1}\" width=\"44\" height=\"18\" rx=\"3\" \
             fill=\"var(--paper)\"/><text class=\"e\" x=\"{middle:.1}\" y=\"{text:.1}\" \
             text-anchor=\"middle\">out</text>"
        );
    }
}

/// A diamond with a cross, and the error.
fn failed(out: &mut String, x: f64, y: f64, why: &str) {
    let (middle, text) = (y + BLOCK / 2.0, y + BLOCK + 14.0);
    let _ = writeln!(
        out,
        "<path class=\"x\" d=\"M{x:.1} {middle:.1}m-10 0l10 -10l10 10l-10 10zm6 -4l8 8m0 -8l-8 8\"/>\
         <text class=\"e\" x=\"{x:.1}\" y=\"{text:.1}\" text-anchor=\"middle\">{why}</text>"
    );
}

/// How it ended.
fn verdict(out: &mut String, scene: &Scene<'_>) {
    let (class, text) = match scene.request.result.as_str() {
        "ok" => ("o", "✓ acknowledged".to_owned()),
        "" => ("s", "… not ended".to_owned()),
        error => ("e", format!("✗ {error}")),
    };
    let (x, y) = (scene.axis.end() + CHAR, TOP + BLOCK / 2.0 + 4.0);
    debug_assert!(width(&text) < RIGHT);
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}
