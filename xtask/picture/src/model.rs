//! What a trace tells: requests, and what was done for them on which leg from when to when.

use std::collections::BTreeMap;

use crate::parse::Event;

/// How a slice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Well,
    /// It failed.
    Failed,
    /// The trace ended first.
    Open,
}

/// A state, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The state.
    pub name: String,
    /// When it began, in nanoseconds.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// How.
    pub ended: Ended,
}

/// States on a leg, one after the other: a transaction, or a superblock's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The leg.
    pub leg: usize,
    /// The request that it is for, as an index; none for a superblock.
    pub request: Option<usize>,
    /// The states, in order.
    pub slices: Vec<Slice>,
    /// Why it failed, if it did.
    pub error: String,
}

impl Run {
    /// When it began.
    pub fn start(&self) -> u64 {
        self.slices.first().map_or(0, |slice| slice.start)
    }

    /// When it ended.
    pub fn end(&self) -> u64 {
        self.slices.last().map_or(0, |slice| slice.end)
    }

    /// How it ended.
    pub fn ended(&self) -> Ended {
        self.slices.last().map_or(Ended::Open, |slice| slice.ended)
    }
}

/// A request of a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its name: a place, and how many had it before.
    pub name: String,
    /// `read`, `write`, `write-fua`, `flush` or `discard`.
    pub cmd: String,
    /// The first sector, ...
    pub at: u64,
    /// ... and how many.
    pub count: u64,
    /// The mirror asked it of itself.
    pub own: bool,
    /// When it came, in nanoseconds.
    pub start: u64,
    /// When it ended, if it did.
    pub end: Option<u64>,
    /// `ok`, or the error.
    pub result: String,
    /// Where it stood: `waiting`, `writing`, `parked`, `reading`, ...
    pub phases: Vec<Slice>,
}

impl Request {
    /// What it asks, in words.
    pub fn title(&self) -> String {
        let own = if self.own { "own " } else { "" };
        match (self.cmd.as_str(), self.count) {
            ("flush", _) => format!("{own}flush"),
            (cmd, 1) => format!("{own}{cmd}, sector {}", self.at),
            (cmd, count) => format!("{own}{cmd}, {count} sectors at {}", self.at),
        }
    }

    /// Whether it was parked.
    pub fn was_parked(&self) -> bool {
        self.phases.iter().any(|phase| phase.name == "parked")
    }
}

/// A mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// Its device.
    pub name: String,
    /// Its requests, in order of their coming.
    pub requests: Vec<Request>,
    /// What was done on legs, in order of beginning.
    pub runs: Vec<Run>,
    /// When each leg became something else: time, leg, what.
    pub legs: Vec<(u64, usize, String)>,
}

impl Mirror {
    /// How many legs it has.
    pub fn leg_count(&self) -> usize {
        let named = self.legs.iter().map(|(_, leg, _)| *leg);
        named.chain(self.runs.iter().map(|run| run.leg)).max().map_or(0, |leg| leg + 1)
    }

    /// The request that tells most: the first that was parked; otherwise the last user's write
    /// that ended, or whatever came last.
    pub fn focus(&self) -> Option<usize> {
        let write = |it: &Request| !it.own && it.cmd.starts_with("write") && it.end.is_some();
        let parked = self.requests.iter().position(Request::was_parked);
        let written = || self.requests.iter().rposition(write);
        parked.or_else(written).or_else(|| self.requests.len().checked_sub(1))
    }
}

/// A disk as its driver sees it, or a mapped device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Its name.
    pub name: String,
    /// Its requests.
    pub slices: Vec<Slice>,
}

/// All that a trace tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Mirrors.
    pub mirrors: Vec<Mirror>,
    /// Disks.
    pub disks: Vec<Disk>,
    /// Threads, as they had the CPU.
    pub threads: Vec<Slice>,
    /// Interrupts: when, and whose.
    pub interrupts: Vec<(u64, String)>,
    /// When the trace began and ended.
    pub span: (u64, u64),
}

impl Model {
    /// What these events tell.
    pub fn of(events: &[Event]) -> Model {
        let (mut model, mut readers) = (Model::default(), BTreeMap::<String, Reader>::new());
        let mut pending: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        let (first, last) = (events.first(), events.last());
        model.span = (first.map_or(0, |event| event.at), last.map_or(0, |event| event.at));
        for event in events {
            match event.layer.as_str() {
                "mirror" => {
                    let reader = readers.entry(event.who.clone()).or_default();
                    reader.mirror.name.clone_from(&event.who);
                    reader.read(event);
                }
                "disk" | "dm" => {
                    let waiting = pending.entry(event.who.clone()).or_default();
                    model.disk(event, waiting);
                }
                "thread" => model.switch(event),
                "interrupt" => {
                    let whose = if event.get("name").is_empty() { "vector" } else { "name" };
                    model.interrupts.push((event.at, event.get(whose).to_owned()));
                }
                _ => {}
            }
        }
        if let Some(thread) = model.threads.last_mut() {
            thread.end = model.span.1;
        }
        model.mirrors = readers.into_values().map(|reader| reader.end(model.span.1)).collect();
        model
    }

    /// A request and its end belong together if they ask the same; of several the first.
    fn disk(&mut self, event: &Event, waiting: &mut Vec<(String, u64)>) {
        let what = ["cmd", "at", "count"].map(|key| event.get(key));
        let what = match what {
            ["flush", ..] => "flush".into(),
            [cmd, at, count] => format!("{cmd} {at}+{count}"),
        };
        if ["submitted", "taken"].contains(&event.what.as_str()) {
            return waiting.push((what, event.at));
        }
        let Some(place) = waiting.iter().position(|(it, _)| *it == what) else { return };
        let (name, start) = waiting.remove(place);
        let well = event.get("result") == "ok";
        let ended = if well { Ended::Well } else { Ended::Failed };
        let slice = Slice { name, start, end: event.at, ended };
        match self.disks.iter_mut().find(|disk| disk.name == event.who) {
            Some(disk) => disk.slices.push(slice),
            None => self.disks.push(Disk { name: event.who.clone(), slices: vec![slice] }),
        }
    }

    fn switch(&mut self, event: &Event) {
        if let Some(before) = self.threads.last_mut() {
            before.end = event.at;
        }
        let key = if event.get("name").is_empty() { "to" } else { "name" };
        let (name, start) = (event.get(key).to_owned(), event.at);
        self.threads.push(Slice { name, start, end: start, ended: Ended::Well });
    }
}

/// Reads what is told of one mirror.
#[derive(Default)]
struct Reader {
    mirror: Mirror,
    /// Requests in hand, by name.
    requests: BTreeMap<String, usize>,
    /// Runs that have not ended: by request and leg.
    runs: BTreeMap<(Option<usize>, usize), usize>,
    /// What was reported last.
    reported: String,
}

impl Reader {
    fn read(&mut self, event: &Event) {
        let (at, leg, state) = (event.at, event.number("leg") as usize, event.get("is"));
        let request = self.requests.get(event.get("req")).copied();
        match (event.what.as_str(), request) {
            ("asked" | "own", _) => self.begins(event),
            ("boot", _) => self.forget(at),
            ("stands", Some(request)) => self.stands(request, state, at),
            ("released", Some(request)) => end_phase(&mut self.mirror.requests[request], at),
            ("tx", Some(request)) => self.state(Some(request), leg, state, at),
            ("super", _) => self.state(None, leg, state, at),
            ("complete", Some(request)) => self.ends(request, event.get("result"), at),
            ("drop", Some(request)) => self.ends(request, "ok", at),
            ("reported", _) => self.reported(event, leg),
            ("issue", Some(request)) if event.get("step") != "data" => {
                self.state(Some(request), leg, &event.get("step").to_uppercase(), at);
            }
            ("leg", _) => self.mirror.legs.push((at, leg, state.to_owned())),
            _ => {}
        }
    }

    fn begins(&mut self, event: &Event) {
        let name = event.get("req").to_owned();
        self.requests.insert(name.clone(), self.mirror.requests.len());
        self.mirror.requests.push(Request {
            name,
            cmd: event.get("cmd").to_owned(),
            at: event.number("at"),
            count: event.number("count"),
            own: event.what == "own",
            start: event.at,
            end: None,
            result: String::new(),
            phases: Vec::new(),
        });
    }

    fn stands(&mut self, request: usize, phase: &str, at: u64) {
        let request = &mut self.mirror.requests[request];
        end_phase(request, at);
        let name = phase.to_owned();
        request.phases.push(Slice { name, start: at, end: at, ended: Ended::Open });
    }

    /// A leg has given something back. A read of it has no other end.
    fn reported(&mut self, event: &Event, leg: usize) {
        event.get("result").clone_into(&mut self.reported);
        let Some(&request) = self.requests.get(event.get("of")) else { return };
        let Some(&run) = self.runs.get(&(Some(request), leg)) else { return };
        let last = self.mirror.runs[run].slices.last();
        if last.is_some_and(|slice| ["READ", "LOOK"].contains(&slice.name.as_str())) {
            let state = if self.reported == "ok" { "DONE" } else { "FAILED" };
            self.state(Some(request), leg, state, event.at);
        }
    }

    fn ends(&mut self, index: usize, result: &str, at: u64) {
        let request = &mut self.mirror.requests[index];
        end_phase(request, at);
        request.end = Some(at);
        result.clone_into(&mut request.result);
        self.requests.remove(&request.name.clone());
    }

    /// A run is in another state: the one before ends, and perhaps the run.
    fn state(&mut self, request: Option<usize>, leg: usize, state: &str, at: u64) {
        let key = (request, leg);
        let ended = match state {
            "DONE" => Some(Ended::Well),
            "FAILED" => Some(Ended::Failed),
            _ => None,
        };
        if let Some(&run) = self.runs.get(&key) {
            let run = &mut self.mirror.runs[run];
            if ended == Some(Ended::Failed) {
                run.error.clone_from(&self.reported);
            }
            if let Some(last) = run.slices.last_mut() {
                (last.end, last.ended) = (at, ended.unwrap_or(Ended::Well));
            }
        }
        if ended.is_some() {
            self.runs.remove(&key);
            return;
        }
        let run = *self.runs.entry(key).or_insert_with(|| {
            self.mirror.runs.push(Run { leg, request, slices: Vec::new(), error: String::new() });
            self.mirror.runs.len() - 1
        });
        let name = state.to_owned();
        self.mirror.runs[run].slices.push(Slice { name, start: at, end: at, ended: Ended::Open });
    }

    /// The machine starts again: what was in hand is over, and nobody hears of it.
    fn forget(&mut self, at: u64) {
        self.close(at);
        self.requests.clear();
        self.runs.clear();
    }

    /// The trace ends.
    fn end(mut self, at: u64) -> Mirror {
        self.close(at);
        self.mirror
    }

    /// What has not ended lasts until then. What a boot has closed before is not open any more.
    fn close(&mut self, at: u64) {
        let (open_runs, open) = (self.runs.values(), self.requests.values());
        for &run in open_runs {
            let last = self.mirror.runs[run].slices.last_mut();
            last.into_iter().for_each(|slice| slice.end = at);
        }
        for &request in open {
            let last = self.mirror.requests[request].phases.last_mut();
            last.into_iter().for_each(|slice| slice.end = at);
        }
    }
}

fn end_phase(request: &mut Request, at: u64) {
    if let Some(phase) = request.phases.last_mut().filter(|phase| phase.ended == Ended::Open) {
        (phase.end, phase.ended) = (at, Ended::Well);
    }
}
