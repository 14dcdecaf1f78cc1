//! Where a run stands, and what can come next.
//!
//! Rules: the path may end in the middle of a step. Then the answer shows the moment before
//! the step, and asks for what is open. What an answer would mean is found by making the step
//! with it, in a run of its own.

use serde_json::Value;
use sim::Event;
use subject::lives::Lives;

use crate::path::{Asked, Follow, Then};
use crate::places::{self, Part, told};
use crate::run::Run;
use crate::show;
use crate::state::{Choice, Question};

/// Up to so many answers to a question are tried, to say what each means.
const TRIED_MAX: usize = 8;

/// In a run of more steps than this, the ends of a leg's requests are not tried.
const STEPS_OF_SHORT_RUNS: usize = 1_500;

/// The run that `path` decides, and no more of it.
pub(crate) fn at_its_end(lives: &Lives, path: &[u32]) -> Value {
    let mut follow = Follow::new(path, Then::Plain);
    let mut run = Run::new(lives);
    while run.end.is_none() && !follow.is_over() {
        run.step(&mut follow);
    }
    let open = follow.asked.get(path.len()).copied();
    if open.is_some() {
        let whole = run.marks.len() - 1;
        follow = Follow::new(path, Then::Plain);
        run = Run::new(lives);
        (0..whole).for_each(|_| run.step(&mut follow));
    }
    let before = Before { lives, path, steps: run.marks.len() };
    let ask = match open {
        _ if run.end.is_some() => None,
        Some(open) => Some(before.answers(open)),
        None => {
            let events = run.events();
            Some(before.choices(&run, &events))
        }
    };
    let mut state = show::state(&run, ask);
    state.path = if open.is_some() { path.to_vec() } else { follow.so_far() };
    serde_json::to_value(state).expect("it is plain data")
}

/// A run that stands before a step.
struct Before<'a> {
    lives: &'a Lives,
    path: &'a [u32],
    steps: usize,
}

/// A step that was made to see what it means.
struct Tried {
    /// What was asked behind the path, with the answers that were added.
    asked: Vec<Asked>,
    /// What happened.
    lines: Vec<String>,
}

impl Tried {
    /// The answers, so many of them.
    fn first(&self, count: usize) -> Vec<u32> {
        self.asked[..count].iter().map(|asked| asked.taken as u32).collect()
    }

    /// All answers.
    fn all(&self) -> Vec<u32> {
        self.first(self.asked.len())
    }

    /// So many answers, and those behind them that were no decision.
    fn decided(&self, count: usize) -> Vec<u32> {
        let more = self.asked[count..].iter().take_while(|asked| asked.of == 1).count();
        self.first(count + more)
    }

    /// Where this was asked, behind the first so many answers.
    fn place(&self, what: &str, behind: usize) -> Option<usize> {
        let asked = self.asked.iter().enumerate().skip(behind);
        asked.filter(|(_, asked)| asked.what == what).map(|(place, _)| place).next()
    }
}

impl Before<'_> {
    /// Makes the next step with these answers, and plain ones behind them. Gives the run, and
    /// all that was asked.
    fn made(&self, answers: &[u32]) -> (Run<'_>, Vec<Asked>) {
        let path = [self.path, answers].concat();
        let mut follow = Follow::new(&path, Then::Plain);
        let mut run = Run::new(self.lives);
        while run.end.is_none() && run.marks.len() <= self.steps {
            run.step(&mut follow);
        }
        (run, follow.asked)
    }

    /// What such a step means.
    fn tried(&self, answers: &[u32]) -> Tried {
        let (run, mut asked) = self.made(answers);
        let from = run.lines.iter().rev().nth(1).copied().unwrap_or(0);
        let lines = run.account[from..].iter().map(|line| told(&run, line)).collect();
        let asked = asked.split_off(self.path.len().min(asked.len()));
        Tried { asked, lines }
    }

    /// What is open in the middle of a step.
    fn answers(&self, open: Asked) -> Question {
        let option = |nth: usize| {
            let path = vec![nth as u32];
            if open.of > TRIED_MAX {
                let label = format!("{nth}");
                return Choice { path, kind: "answer", label, ..Choice::default() };
            }
            let tried = self.tried(&path);
            let label = self.of_a_place(open, nth);
            let mut label = label.unwrap_or_else(|| meaning(open, nth, &tried.lines));
            let path = tried.decided(1);
            if open.what == "which fault" && path.len() < tried.asked.len() {
                label += " ...";
            }
            Choice { path, kind: "answer", label, ..Choice::default() }
        };
        Question { what: open.what.into(), options: (0..open.of).map(option).collect() }
    }

    /// What an answer means that decides what is on a leg afterwards: where, and what. It is
    /// the place where another answer makes a difference.
    fn of_a_place(&self, open: Asked, nth: usize) -> Option<String> {
        if !matches!(open.what, "survivor" | "landed") {
            return None;
        }
        let run = self.made(&[nth as u32]).0;
        let other = self.made(&[u32::from(nth == 0)]).0;
        let (leg, first, last) = places::difference(&run, &other)?;
        let part = |sector| places::part(&run, leg, sector);
        let (place, content) = match (part(first), part(last)) {
            (Part::Superblock, _) => ("superblock".into(), None),
            (Part::Map, _) => ("map".into(), None),
            (Part::Data(first), Part::Data(last)) if first != last => {
                (format!("sectors {first}–{last}"), None)
            }
            (Part::Data(at), _) => {
                let text = show::stamp(&run.world.legs()[leg].contents(first)).text;
                (format!("sector {at}"), Some(if text == "blank" { "–".into() } else { text }))
            }
        };
        Some(match (open.what, nth, content) {
            ("landed", 0, _) => format!("leg {leg}, {place}: did not land"),
            ("landed", ..) => format!("leg {leg}, {place}: landed"),
            (_, 0, Some(stamp)) => format!("leg {leg}, {place}: {stamp} stays"),
            (_, 0, None) => format!("leg {leg}, {place}: what is durable stays"),
            (_, _, Some(stamp)) => format!("leg {leg}, {place}: {stamp} survives"),
            (_, nth, None) => format!("leg {leg}, {place}: write {nth} of its cache survives"),
        })
    }

    /// What can come next.
    fn choices(&self, run: &Run<'_>, events: &[Event]) -> Question {
        let plain = self.tried(&[]);
        let mut options = Vec::new();
        let place = plain.place("event", 0);
        match place {
            Some(place) => {
                for (nth, event) in events.iter().enumerate() {
                    let prefix = [plain.first(place), vec![nth as u32]].concat();
                    self.ends(run, *event, &prefix, &mut options);
                }
            }
            None => {
                let label = plain.lines.last().cloned().unwrap_or_else(|| "goes on".into());
                let (kind, leg) = events.first().map_or(("work", None), |event| kind_of(*event));
                options.push(Choice { path: plain.all(), kind, leg, label, request: None });
            }
        }
        for (what, kind, label) in [
            ("crash", "crash", "cut the power"),
            ("clean stop", "stop", "stop it cleanly"),
            ("a person acts", "act", "a person says something"),
        ] {
            let Some(place) = plain.place(what, 0) else { continue };
            let answers = [plain.first(place), vec![1]].concat();
            let tried = self.tried(&answers);
            let path = tried.decided(answers.len());
            let open = path.len() < tried.asked.len();
            if kind == "crash" && open {
                let label = "cut the power; no cache survives".into();
                options.push(Choice { path: tried.all(), kind, label, ..Choice::default() });
            }
            let label = match (kind, open) {
                ("crash", true) => "cut the power, and choose what survives",
                _ => label,
            };
            options.push(Choice { path, kind, label: label.into(), ..Choice::default() });
        }
        Question { what: "event".into(), options }
    }

    /// The ways in which an event can end, if it is the one that these answers choose.
    fn ends(&self, run: &Run<'_>, event: Event, answers: &[u32], options: &mut Vec<Choice>) {
        let (kind, leg) = kind_of(event);
        let request = match event {
            Event::Request(leg, index) => run.world.legs()[leg].pending(index).map(|_| index),
            _ => None,
        };
        let of = |path, label: String| Choice { path, kind, leg, request, label };
        let few = self.steps <= STEPS_OF_SHORT_RUNS;
        match event {
            Event::Request(..) if few => {
                let tried = self.tried(answers);
                options.push(of(tried.all(), "completes".into()));
                for (what, label) in [
                    ("takes effect only", "takes effect, and says nothing yet"),
                    ("fault", "goes wrong ..."),
                ] {
                    if let Some(place) = tried.place(what, answers.len()) {
                        let path = [tried.first(place), vec![1]].concat();
                        let path = self.tried(&path).decided(path.len());
                        options.push(of(path, label.into()));
                    }
                }
            }
            Event::Request(..) => options.push(of(answers.to_vec(), "gets on".into())),
            Event::Ask(client) => {
                let tried = self.tried(answers);
                let path = tried.decided(answers.len());
                let what = tried.lines.iter().find_map(|line| line.split_once(" begins: "));
                let label = match what {
                    Some((_, what)) if path.len() == tried.asked.len() => {
                        format!("client {client} asks: {what}")
                    }
                    _ => format!("client {client} asks ..."),
                };
                options.push(of(path, label));
            }
            Event::Work(nth) => options.push(of(answers.to_vec(), work("time passes", nth))),
            Event::Hurry(nth) => options.push(of(answers.to_vec(), work("time passes early", nth))),
            Event::Late(..) => options.push(of(answers.to_vec(), "takes effect, too late".into())),
            Event::Return(leg) => {
                let path = self.tried(answers).decided(answers.len());
                options.push(of(path, format!("plug leg {leg} in again")));
            }
            Event::Person => {
                let tried = self.tried(answers);
                if tried.place("plug all in", answers.len()).is_some() {
                    let says = "a person says: start with what is there";
                    options.push(of([answers, &[0]].concat(), says.into()));
                    let path = [answers, &[1]].concat();
                    let path = self.tried(&path).all();
                    options.push(of(path, "a person plugs all legs in, and starts again".into()));
                } else {
                    let label = "a person plugs all legs in, and starts again";
                    options.push(of(tried.all(), label.into()));
                }
            }
            Event::Resume => options.push(of(answers.to_vec(), "a person resumes it".into())),
        }
    }
}

fn work(what: &str, nth: usize) -> String {
    if nth == 0 { what.into() } else { format!("{what} ({nth})") }
}

fn kind_of(event: Event) -> (&'static str, Option<usize>) {
    match event {
        Event::Request(leg, _) => ("request", Some(leg)),
        Event::Late(leg, _) => ("late", Some(leg)),
        Event::Return(leg) => ("return", Some(leg)),
        Event::Ask(_) => ("ask", None),
        Event::Work(_) | Event::Hurry(_) => ("work", None),
        Event::Person => ("person", None),
        Event::Resume => ("resume", None),
    }
}

/// What an answer means, in words.
fn meaning(open: Asked, nth: usize, lines: &[String]) -> String {
    match (open.what, open.of, nth) {
        ("survivor", _, 0) => "what is durable stays".into(),
        ("survivor", _, nth) => format!("write {nth} of the cache survives"),
        ("landed", _, 0) => "it did not land".into(),
        ("landed", ..) => "it landed".into(),
        ("the disks keep their power", _, 0) => "the disks lose their power, too".into(),
        ("the disks keep their power", ..) => "the disks keep their power".into(),
        ("absent", _, 0) => "all legs are there again".into(),
        (what, 2, 0) if lines.is_empty() => format!("{what}: no"),
        (what, 2, _) if lines.is_empty() => format!("{what}: yes"),
        (what, ..) => lines.first().cloned().unwrap_or_else(|| format!("{what}: {nth}")),
    }
}
