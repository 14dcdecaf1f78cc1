//! A trace for the Perfetto UI, in its JSON form: Chrome's *Trace Event Format* (Google, 2016).
//!
//! A process is a mirror, the disks, or the CPU; a thread is a track. Slices on one track do not
//! overlap, so that what is in flight at the same time on one leg has a row of its own each.
//! Flows go from a request to each of its transactions, and from their ends back to it.
//!
//! Rules, which Perfetto's importer has and the format does not tell:
//!
//! - A track has a number. What is on a thread 0 is put on another track of its process, and
//!   what overlaps something there is dropped.
//! - A flow is bound to the innermost slice that began last. A state that took no time would
//!   take the flows of the one behind it, so it has no slice, unless it failed.

use serde_json::{Value, json};

use crate::model::{Ended, Mirror, Model, Slice};

/// Rows of one kind of track: their numbers begin at multiples of this.
const ROWS: usize = 1000;

/// The process of the disks, and that of the CPU.
const DISKS: usize = 1000;
const CPU: usize = 1001;

/// The text of the file.
pub fn perfetto(model: &Model) -> String {
    let mut writer = Writer { events: Vec::new(), flows: 0, origin: model.span.0 };
    for (nth, mirror) in model.mirrors.iter().enumerate() {
        writer.mirror(nth + 1, mirror);
    }
    for (nth, disk) in model.disks.iter().enumerate() {
        let name = disk.name.clone();
        let spans: Vec<_> = disk.slices.iter().map(|it| (it.start, it.end)).collect();
        for (slice, row) in
            disk.slices.iter().zip(writer.rows(DISKS, (nth + 1) * ROWS, &name, &spans))
        {
            writer.slice(DISKS, row, slice, json!({}));
        }
    }
    if !model.disks.is_empty() {
        writer.name(
            "process_name",
            DISKS,
            0,
            "devices: disks, as their drivers see them, and mapped ones",
        );
    }
    if !(model.threads.is_empty() && model.interrupts.is_empty()) {
        writer.name("process_name", CPU, 0, "CPU");
        writer.name("thread_name", CPU, 1, "threads");
        writer.name("thread_name", CPU, 2, "interrupts");
    }
    for thread in &model.threads {
        writer.slice(CPU, 1, thread, json!({}));
    }
    for (at, whose) in &model.interrupts {
        let ts = writer.time(*at);
        let event = json!({"ph": "i", "s": "t", "pid": CPU, "tid": 2, "ts": ts, "name": whose});
        writer.events.push(event);
    }
    let file = json!({"displayTimeUnit": "ns", "traceEvents": writer.events});
    serde_json::to_string(&file).unwrap_or_else(|error| error.to_string())
}

/// Whether a state has a slice.
fn is_shown(state: &Slice) -> bool {
    state.end > state.start || state.ended == Ended::Failed
}

struct Writer {
    events: Vec<Value>,
    /// Flows so far: their names.
    flows: u64,
    /// The time that is 0 in the file.
    origin: u64,
}

impl Writer {
    /// In microseconds, as the format has it.
    fn time(&self, at: u64) -> f64 {
        at.saturating_sub(self.origin) as f64 / 1000.0
    }

    fn name(&mut self, kind: &str, pid: usize, tid: usize, name: &str) {
        let args = json!({"name": name});
        self.events.push(json!({"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": args}));
        if kind == "thread_name" {
            let args = json!({"sort_index": tid});
            let event = "thread_sort_index";
            self.events
                .push(json!({"ph": "M", "name": event, "pid": pid, "tid": tid, "args": args}));
        }
    }

    fn slice(&mut self, pid: usize, tid: usize, slice: &Slice, mut args: Value) {
        let (ts, dur) = (self.time(slice.start), (slice.end - slice.start) as f64 / 1000.0);
        let mut name = slice.name.clone();
        match slice.ended {
            Ended::Well => {}
            Ended::Failed => name += " ✗",
            Ended::Open => args["open"] = true.into(),
        }
        self.events.push(json!({
            "ph": "X", "pid": pid, "tid": tid, "ts": ts, "dur": dur, "name": name, "args": args,
        }));
    }

    /// An arrow from a moment on one track to a moment on another; both lie in slices.
    fn flow(&mut self, pid: usize, from: (usize, u64), to: (usize, u64)) {
        self.flows += 1;
        for (ph, (tid, at)) in [("s", from), ("f", to)] {
            self.events.push(json!({
                "ph": ph, "bp": "e", "id": self.flows, "cat": "request", "name": "request",
                "pid": pid, "tid": tid, "ts": self.time(at),
            }));
        }
    }

    /// A row for each span: the first in which it overlaps no other. Names the rows.
    fn rows(&mut self, pid: usize, first: usize, name: &str, spans: &[(u64, u64)]) -> Vec<usize> {
        // Handed out by beginning, whatever the order of the spans.
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|&nth| spans[nth].0);
        let (mut ends, mut rows) = (Vec::<u64>::new(), vec![0; spans.len()]);
        for nth in order {
            let (start, end) = spans[nth];
            let row = ends.iter().position(|&before| before < start).unwrap_or(ends.len());
            if row == ends.len() {
                ends.push(end);
                let name = if row == 0 { name.to_owned() } else { format!("{name} ({})", row + 1) };
                self.name("thread_name", pid, first + row, &name);
            }
            ends[row] = end;
            rows[nth] = first + row;
        }
        rows
    }

    fn mirror(&mut self, pid: usize, mirror: &Mirror) {
        self.name("process_name", pid, 0, &format!("mirror {}", mirror.name));
        let end = |it: &crate::Request| it.end.or(it.phases.last().map(|phase| phase.end));
        let spans: Vec<_> =
            mirror.requests.iter().map(|it| (it.start, end(it).unwrap_or(it.start))).collect();
        let requests = self.rows(pid, 1, "requests", &spans);
        for ((request, &row), &(start, end)) in mirror.requests.iter().zip(&requests).zip(&spans) {
            let ended = match request.result.as_str() {
                "ok" => Ended::Well,
                "" => Ended::Open,
                _ => Ended::Failed,
            };
            let whole = Slice { name: request.title(), start, end, ended };
            let args = json!({"request": request.name, "result": request.result});
            self.slice(pid, row, &whole, args);
            for phase in request.phases.iter().filter(|it| is_shown(it)) {
                self.slice(pid, row, phase, json!({}));
            }
        }
        for leg in 0..mirror.leg_count() {
            self.leg(pid, mirror, leg, &requests);
        }
    }

    fn leg(&mut self, pid: usize, mirror: &Mirror, leg: usize, requests: &[usize]) {
        let runs: Vec<_> = mirror.runs.iter().filter(|run| run.leg == leg).collect();
        let spans: Vec<_> = runs.iter().map(|run| (run.start(), run.end())).collect();
        let base = (leg + 1) * ROWS;
        let rows = self.rows(pid, base, &format!("leg {leg}"), &spans);
        for (run, row) in runs.into_iter().zip(rows) {
            let title = run.request.map(|it| mirror.requests[it].title());
            for slice in run.slices.iter().filter(|it| is_shown(it)) {
                let args = title.as_ref().map_or(json!({}), |title| json!({"of": title}));
                self.slice(pid, row, slice, args);
            }
            let Some(request) = run.request else { continue };
            // An arrow needs slices that have a length.
            let long: Vec<_> = run.slices.iter().filter(|it| it.end > it.start).collect();
            let (Some(first), Some(last)) = (long.first(), long.last()) else { continue };
            self.flow(pid, (requests[request], run.start()), (row, first.start));
            if last.ended != Ended::Open {
                let before = last.end - 1;
                self.flow(pid, (row, before), (requests[request], before));
            }
        }
        for (at, _, state) in mirror.legs.iter().filter(|(_, it, _)| *it == leg) {
            let (ts, name) = (self.time(*at), format!("leg {leg}: {state}"));
            let event =
                json!({"ph": "i", "s": "t", "pid": pid, "tid": base, "ts": ts, "name": name});
            self.events.push(event);
        }
    }
}
