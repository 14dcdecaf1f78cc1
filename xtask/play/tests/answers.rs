//! What a page gets: every option leads on, back leads back, and runs are the simulator's.

use serde_json::{Value, json};

fn ask(question: Value) -> Value {
    let answer = play::answer(question.to_string().as_bytes());
    serde_json::from_str(&answer).expect("an answer is JSON")
}

fn look(scenario: &str, path: &[u64]) -> Value {
    let state = ask(json!({ "do": "look", "scenario": scenario, "bug": "", "path": path }));
    assert_eq!(state["error"], Value::Null, "{state}");
    state
}

fn numbers(list: &Value) -> Vec<u64> {
    list.as_array().expect("a list").iter().map(|it| it.as_u64().expect("a number")).collect()
}

fn scenarios() -> Vec<String> {
    let list = ask(json!({ "do": "list" }));
    let scenarios = list["scenarios"].as_array().expect("scenarios").clone();
    scenarios.iter().map(|it| it["id"].as_str().expect("a name").to_owned()).collect()
}

/// A number that depends on these two.
fn mixed(a: usize, b: usize) -> usize {
    (a.wrapping_mul(0x9e37_79b9) ^ b.wrapping_mul(0x85eb_ca6b)) >> 7
}

#[test]
fn every_option_leads_on_until_the_run_rests() {
    for (nth, scenario) in scenarios().iter().filter(|it| !it.contains("_")).enumerate() {
        for game in 0..3 {
            let mut path = Vec::new();
            for turn in 0..60 {
                let state = look(scenario, &path);
                assert_eq!(numbers(&state["path"]), path, "{scenario}: the path is its own");
                let Some(options) = state["ask"]["options"].as_array() else {
                    assert_eq!(state["over"], "rest", "{scenario} {path:?}: {state}");
                    break;
                };
                assert!(!options.is_empty(), "{scenario} {path:?}: nothing to choose");
                let option = &options[mixed(turn, game * 7 + nth) % options.len()];
                let more = numbers(&option["path"]);
                assert!(!more.is_empty(), "{scenario} {path:?}: {option} leads nowhere");
                path.extend(more);
            }
        }
    }
}

#[test]
fn the_plain_way_ends_every_request_well() {
    for scenario in ["write", "read", "flush", "two-writes"] {
        let state =
            ask(json!({ "do": "replay", "scenario": scenario, "bug": "", "line": "path=" }));
        assert_eq!(state["over"], "rest", "{scenario}");
        let user = state["user"].as_array().expect("requests");
        assert!(!user.is_empty() && user.iter().all(|it| it["state"] == "done"), "{user:?}");
        assert!(state["legs"].as_array().unwrap().iter().all(|it| it["standing"] == "in sync"));
    }
}

/// Of a run that is over, each beginning of a step shows what was there then.
#[test]
fn a_run_can_be_wound_back_to_each_of_its_steps() {
    let state = ask(json!({ "do": "chance", "scenario": "two-legs", "bug": "", "path": [],
        "seed": 5, "steps": 40, "faults": true }));
    let (path, marks) = (numbers(&state["path"]), numbers(&state["marks"]));
    assert_eq!(marks.len() as u64, state["step"].as_u64().unwrap());
    for (step, mark) in marks.iter().enumerate() {
        let earlier = look("two-legs", &path[..*mark as usize]);
        assert_eq!(earlier["step"], step, "step {step}");
        let account = state["account"].as_array().unwrap();
        let until = |line: &&Value| line["step"].as_u64().unwrap() < step as u64;
        let expected: Vec<_> = account.iter().filter(until).collect();
        let shown: Vec<_> = earlier["account"].as_array().unwrap().iter().collect();
        assert_eq!(shown, expected, "step {step}");
    }
}

#[test]
fn what_cannot_be_answered_says_why() {
    for question in [
        json!({ "do": "tea" }),
        json!({ "do": "look", "scenario": "tea", "bug": "", "path": [] }),
        json!({ "do": "look", "scenario": "write", "bug": "7", "path": [] }),
        json!({ "do": "replay", "scenario": "write", "bug": "", "line": "tea=2" }),
    ] {
        let why = ask(question.clone());
        assert!(why["error"].as_str().is_some_and(|why| !why.is_empty()), "{question}: {why}");
    }
}

/// A path as an address has it: `0*3.1` is 0, 0, 0, 1.
fn unpacked(path: &str) -> Vec<u64> {
    let words = path.split('.').map(|word| word.split_once('*').unwrap_or((word, "1")));
    let number = |text: &str| text.parse().expect("a number");
    words.flat_map(|(value, count)| vec![number(value); number(count) as usize]).collect()
}

/// What can be chosen, and where it leads.
fn options(state: &Value) -> Vec<(String, Vec<u64>)> {
    let options = state["ask"]["options"].as_array().expect("options");
    let option = |it: &Value| (it["label"].as_str().unwrap().to_owned(), numbers(&it["path"]));
    options.iter().map(option).collect()
}

/// The run once the option with this label is chosen.
fn choose(scenario: &str, state: &Value, label: &str) -> Value {
    let found = options(state).into_iter().find(|(it, _)| it.contains(label));
    let (_, more) = found.unwrap_or_else(|| panic!("no `{label}` in {}", state["ask"]));
    look(scenario, &[numbers(&state["path"]), more].concat())
}

/// Chapter 7 of the page: leg 0 is not there, and the mirror is held.
fn held() -> Value {
    look("two-legs", &unpacked("0*133.1.0*4.1.0*12.1.0.1*5.0*17"))
}

#[test]
fn a_mirror_that_is_held_says_why_in_one_line() {
    let state = held();
    assert_eq!(state["life"], "held");
    let why = state["why"].as_str().unwrap();
    assert!(why.contains("member 0") && why.contains("not there"), "{why}");
    assert!(!why.contains('\n') && !why.contains("LEG"), "{why}");
}

#[test]
fn a_mirror_that_starts_by_itself_starts_with_the_legs_that_are_there() {
    let mut state = choose("two-legs", &held(), "start with what is there");
    for seed in 0..100 {
        if state["life"] != "starting" {
            break;
        }
        let path = &state["path"];
        state = ask(json!({ "do": "onward", "scenario": "two-legs", "bug": "", "path": path,
            "seed": seed }));
    }
    assert_eq!(state["life"], "running");
    assert_eq!(state["legs"][0]["presence"], "gone");
    assert!(state["user"].as_array().unwrap().iter().all(|it| it["id"] == 0), "{}", state["user"]);
}

/// Chapter 4 of the page: leg 0 has the write in its cache, and it is on its way to leg 1.
#[test]
fn each_question_about_a_sector_names_it() {
    let mut state = look("write", &unpacked("0*133.1.0*4.1.0*6"));
    state = choose("write", &state, "choose what survives");
    state = choose("write", &state, "lose their power");
    for (leg, sector) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let labels: Vec<_> = options(&state).into_iter().map(|(label, _)| label).collect();
        let place = format!("leg {leg}, sector {sector}");
        assert_eq!(labels, [format!("{place}: – stays"), format!("{place}: w0 survives")]);
        state = choose("write", &state, "stays");
    }
}

#[test]
fn what_may_go_wrong_is_said_in_words_and_each_once() {
    let mut state = look("flush", &unpacked("0*133.1.0*4.1.0*11"));
    state = choose("flush", &state, "asks: flush");
    state = choose("flush", &state, "goes wrong");
    let mut labels: Vec<_> = options(&state).into_iter().map(|(label, _)| label).collect();
    assert!(labels.contains(&"leg 0: flush fails: I/O error".to_owned()), "{labels:?}");
    assert!(labels.iter().all(|label| !label.contains("Fail(")), "{labels:?}");
    let all = labels.len();
    labels.sort();
    labels.dedup();
    assert_eq!(labels.len(), all, "{labels:?}");
}

/// The legs' records lie before their data: the account counts as clients do.
#[test]
fn the_account_counts_sectors_as_clients_do() {
    let state = look("write", &unpacked("0*133.1.0*4.1.0*6"));
    let account = state["account"].as_array().unwrap();
    let has = |line: &str| account.iter().any(|it| it["text"] == line);
    assert!(has("request 0 begins: write 0+2"));
    assert!(has("leg 0: write 0+2 completes"), "{account:?}");
    assert!(has("leg 0: write of the map completes"));
    assert!(has("leg 0: write of the superblock completes"));
}

/// Numbers from anywhere are some run.
#[test]
fn any_path_is_some_run() {
    for game in 0..30 {
        let path: Vec<u64> = (0..80).map(|turn| mixed(turn, game) as u64 % 9).collect();
        let state = look("two-legs", &path);
        assert!(state["legs"].as_array().is_some_and(|legs| legs.len() == 2));
    }
}
