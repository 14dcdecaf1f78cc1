//! Pictures of a write during which its disk died: whole, and what they must show.

use std::collections::BTreeMap;

use picture::{Ended, Model, parse, perfetto, svg};
use serde_json::Value;

/// As the console printed it, with a second write in flight.
const DIES: &str = include_str!("dies.trace");

fn model() -> Model {
    Model::of(&parse(DIES))
}

#[test]
fn the_model_has_the_states_in_their_order() {
    let model = model();
    let mirror = &model.mirrors[0];
    let focus = mirror.focus().unwrap();
    let request = &mirror.requests[focus];
    assert_eq!((request.name.as_str(), request.result.as_str()), ("0.7", "ok"));
    let phases: Vec<_> = request.phases.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(phases, ["writing", "parked"]);
    let run = |leg, of| {
        let run = mirror.runs.iter().find(|run| run.leg == leg && run.request == of).unwrap();
        let names: Vec<_> = run.slices.iter().map(|it| it.name.as_str()).collect();
        (names.join(" "), run.ended(), run.error.clone())
    };
    assert_eq!(run(0, Some(focus)), ("START DATA_WRITE".into(), Ended::Well, String::new()));
    assert_eq!(run(1, Some(focus)), ("START DATA_WRITE".into(), Ended::Failed, "gone".into()));
    assert_eq!(run(0, None), ("SUPER_WRITE SUPER_FLUSH".into(), Ended::Well, String::new()));
    let parked = &request.phases[1];
    assert!(parked.end == request.end.unwrap(), "released when it is acknowledged");
}

#[test]
fn a_read_that_is_tried_again_is_on_both_legs() {
    let mirror = &model().mirrors[0];
    let read = mirror.requests.iter().position(|it| it.cmd == "read");
    let runs = mirror.runs.iter().filter(|run| run.request == read);
    let told: Vec<_> = runs.map(|run| (run.leg, run.ended(), run.error.as_str())).collect();
    assert_eq!(told, [(0, Ended::Failed, "media"), (1, Ended::Well, "")]);
    let picture = svg(mirror, read.unwrap());
    assert!(picture.contains(">media<") && picture.contains("READ") && picture.contains("✓"));
}

/// What was in hand when the machine stopped ends there, and names begin anew.
#[test]
fn a_boot_ends_all_that_was_in_hand() {
    let tx = "mirror m tx req=0.0 leg=0 is";
    let lines = format!(
        "trace 1 mirror m asked req=0.0 cmd=write at=0 count=1\ntrace 2 {tx}=DATA_WRITE\n\
         trace 5 mirror m boot\ntrace 6 mirror m asked req=0.0 cmd=flush at=0 count=0\n\
         trace 7 {tx}=DATA_FLUSH\ntrace 9 {tx}=DONE\n"
    );
    let mirror = &Model::of(&parse(&lines)).mirrors[0];
    let spans: Vec<_> =
        mirror.runs.iter().map(|run| (run.request, run.start(), run.end(), run.ended())).collect();
    assert_eq!(spans, [(Some(0), 2, 5, Ended::Open), (Some(1), 7, 9, Ended::Well)]);
}

#[test]
fn perfetto_gets_whole_slices_and_flows_with_both_ends_in_slices() {
    let file: Value = serde_json::from_str(&perfetto(&model())).unwrap();
    let events = file["traceEvents"].as_array().unwrap();
    let number = |event: &Value, key: &str| event[key].as_f64().unwrap();
    let track = |event: &Value| (number(event, "pid") as u64, number(event, "tid") as u64);
    let mut slices = BTreeMap::<(u64, u64), Vec<(f64, f64)>>::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        assert!(number(event, "dur") >= 0.0 && event["name"].is_string());
        let (start, dur) = (number(event, "ts"), number(event, "dur"));
        slices.entry(track(event)).or_default().push((start, start + dur));
    }
    // On one track slices lie beside each other or within each other.
    for on_track in slices.values() {
        for (a, b) in on_track.iter().flat_map(|a| on_track.iter().map(move |b| (a, b))) {
            let apart = a.1 <= b.0 || b.1 <= a.0;
            let within = (a.0 <= b.0 && b.1 <= a.1) || (b.0 <= a.0 && a.1 <= b.1);
            assert!(apart || within, "{a:?} {b:?}");
        }
    }
    let mut flows = BTreeMap::<u64, Vec<&str>>::new();
    for event in events.iter().filter(|event| ["s", "f"].contains(&event["ph"].as_str().unwrap())) {
        flows.entry(event["id"].as_u64().unwrap()).or_default().push(event["ph"].as_str().unwrap());
        let at = number(event, "ts");
        let holds = |slice: &(f64, f64)| slice.0 <= at && at <= slice.1 && slice.0 < slice.1;
        assert!(slices[&track(event)].iter().any(holds), "{event} lies in no slice");
    }
    // Thread 0 is no track, and a slice without a length would take its neighbour's flows.
    for event in events.iter().filter(|event| event["ph"] != "M" || event["name"] != "process_name")
    {
        assert!(number(event, "tid") > 0.0, "{event}");
    }
    for ((pid, tid), on_track) in slices.iter().filter(|((pid, tid), _)| *pid == 1 && *tid >= 1000)
    {
        assert!(on_track.iter().all(|slice| slice.0 < slice.1), "{pid} {tid}: {on_track:?}");
    }
    assert!(flows.len() >= 4 && flows.values().all(|ends| ends == &["s", "f"]), "{flows:?}");
    let named = |event: &&Value| event["name"] == "thread_name";
    let names: Vec<_> =
        events.iter().filter(named).map(|event| event["args"]["name"].as_str().unwrap()).collect();
    for name in ["requests", "leg 0", "leg 1", "vbd0", "vbd1"] {
        assert!(names.contains(&name), "no track {name}: {names:?}");
    }
}

#[test]
fn the_picture_has_each_state_the_error_and_the_end() {
    let model = model();
    let mirror = &model.mirrors[0];
    let picture = svg(mirror, mirror.focus().unwrap());
    let words = ["START", "DATA_WRITE", "SUPER_WRITE", "SUPER_FLUSH", "parked", ">gone<", ">out<"];
    for word in words.into_iter().chain(["✓ acknowledged", "prefers-color-scheme", "µs"]) {
        assert!(picture.contains(word), "no {word}");
    }
    // Self-contained, and as many ends as beginnings.
    let links = picture.matches("http").count();
    assert_eq!(links, picture.matches("http://www.w3.org/2000/svg").count());
    for tag in ["svg", "g", "text", "defs", "marker", "pattern", "style"] {
        let begins = [format!("<{tag}>"), format!("<{tag} ")];
        let begins: usize = begins.iter().map(|it| picture.matches(it.as_str()).count()).sum();
        assert_eq!(begins, picture.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

/// Whatever is cut off a trace at either end, both pictures can be made.
#[test]
fn a_trace_may_begin_and_end_anywhere() {
    let lines: Vec<&str> = DIES.lines().collect();
    for first in 0..lines.len() {
        for end in first..=lines.len() {
            let model = Model::of(&parse(&lines[first..end].join("\n")));
            assert!(serde_json::from_str::<Value>(&perfetto(&model)).is_ok());
            for mirror in &model.mirrors {
                for request in 0..mirror.requests.len() {
                    assert!(svg(mirror, request).ends_with("</svg>\n"));
                }
            }
        }
    }
}
