//! From a question to its answer.

use serde::Deserialize;
use serde_json::{Value, json};
use sim::{Event, Random, explore};
use subject::lives::Lives;

use crate::path::{Follow, Then};
use crate::run::Run;
use crate::show::without_places;
use crate::state::{Breaking, Found};
use crate::{bugs, look, scenarios};

/// No answer makes more steps than this: a run of the tests has some thousands.
const STEPS_MAX: usize = 200_000;

/// A question.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Ask {
    /// Which runs can be shown, and what can be broken in them?
    List,
    /// Where does a run stand?
    Look { scenario: String, bug: String, path: Vec<u32> },
    /// And where after so many more steps, by chance? Without `faults`, nothing goes wrong.
    Chance { scenario: String, bug: String, path: Vec<u32>, seed: u64, steps: usize, faults: bool },
    /// And where after the next thing that happens by itself: a request completes, or work that
    /// is due is done? Nothing goes wrong, nobody asks for anything, and no leg comes back.
    Onward { scenario: String, bug: String, path: Vec<u32>, seed: u64 },
    /// Where does the run end that a line of the simulator's names?
    Replay { scenario: String, bug: String, line: String },
    /// Does one of these runs break a promise?
    Search { scenario: String, bug: String, seed: u64, runs: u64 },
}

/// The answer to a question, both as JSON. What cannot be answered is `{"error": why}`.
pub fn answer(question: &[u8]) -> String {
    let asked = serde_json::from_slice::<Ask>(question).map_err(|error| error.to_string());
    let answer = asked.and_then(|ask| ask.answer());
    answer.unwrap_or_else(|error| json!({ "error": error })).to_string()
}

impl Ask {
    fn answer(self) -> Result<Value, String> {
        let answer = match self {
            Ask::List => json!({ "scenarios": scenarios::list(), "bugs": bugs::list() }),
            Ask::Look { scenario, bug, path } => {
                bugs::switch(&bug)?;
                look::at_its_end(&scenarios::named(&scenario)?, &path)
            }
            Ask::Chance { scenario, bug, path, seed, steps, faults } => {
                bugs::switch(&bug)?;
                let random = Random::new(seed);
                let then = if faults { Then::Seeded(random) } else { Then::Calm(random) };
                let lives = scenarios::named(&scenario)?;
                let (mut run, mut follow) = followed(&lives, &path, then);
                for _ in 0..steps.min(STEPS_MAX) {
                    run.step(&mut follow);
                }
                look::at_its_end(&lives, &follow.so_far())
            }
            Ask::Onward { scenario, bug, path, seed } => {
                bugs::switch(&bug)?;
                let lives = scenarios::named(&scenario)?;
                let then = Then::Calm(Random::new(seed));
                let (mut run, mut follow) = followed(&lives, &path, then);
                if run.end.is_none() {
                    follow.only(by_themselves(&run.events()));
                }
                run.step(&mut follow);
                look::at_its_end(&lives, &follow.so_far())
            }
            Ask::Replay { scenario, bug, line } => {
                bugs::switch(&bug)?;
                let lives = scenarios::named(&scenario)?;
                let path = whole(&lives, then_of(&line)?);
                look::at_its_end(&lives, &path)
            }
            Ask::Search { scenario, bug, seed, runs } => {
                bugs::switch(&bug)?;
                search(&scenario, seed, runs)?
            }
        };
        Ok(answer)
    }
}

/// The run that a path decides; `then` decides what comes behind it.
fn followed<'a>(lives: &'a Lives, path: &'a [u32], then: Then) -> (Run<'a>, Follow<'a>) {
    let mut follow = Follow::new(path, then);
    let mut run = Run::new(lives);
    while run.end.is_none() && !follow.is_over() {
        run.step(&mut follow);
    }
    (run, follow)
}

/// Which of these events happen by themselves; if none does, time passes.
fn by_themselves(events: &[Event]) -> Vec<usize> {
    let those = |of: fn(&Event) -> bool| -> Vec<usize> {
        (0..events.len()).filter(|&nth| of(&events[nth])).collect()
    };
    let own = those(|it| matches!(it, Event::Request(..) | Event::Work(_)));
    if own.is_empty() { those(|it| matches!(it, Event::Hurry(_))) } else { own }
}

/// What a line of the simulator's says of who decides.
fn then_of(line: &str) -> Result<Then, String> {
    let no = || format!("`{line}` names no run: `seed=7` or `path=2.0.1` would");
    match line.trim().split_once('=').ok_or_else(no)? {
        ("seed", seed) => Ok(Then::Seeded(Random::new(seed.parse().map_err(|_| no())?))),
        ("path", "") => Ok(Then::Plain),
        ("path", path) => {
            let path = path.split('.').map(str::parse).collect::<Result<_, _>>();
            Ok(Then::Path(path.map_err(|_| no())?))
        }
        _ => Err(no()),
    }
}

/// The path of a whole run.
fn whole(lives: &Lives, then: Then) -> Vec<u32> {
    let mut follow = Follow::new(&[], then);
    let mut run = Run::new(lives);
    while run.end.is_none() && run.marks.len() < STEPS_MAX {
        run.step(&mut follow);
    }
    follow.so_far()
}

fn search(scenario: &str, seed: u64, runs: u64) -> Result<Value, String> {
    let lives = scenarios::named(scenario)?;
    let mut factory = lives.mirror.build();
    let explored = explore::seeded(&lives.scenario, &mut factory, seed..seed + runs);
    let found = match explored.found {
        None => None,
        Some(report) => Some(Breaking {
            seed: seed + explored.runs - 1,
            path: whole(&lives, then_of(&report.shortest)?),
            violation: without_places(&report.violation.to_string()),
            account: report.account,
        }),
    };
    let found = Found { runs: explored.runs, steps: explored.steps, found };
    Ok(serde_json::to_value(found).expect("it is plain data"))
}
