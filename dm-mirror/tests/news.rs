//! What a mirror tells for the log: in words, once each, when it is true.

mod rig;

use rig::LENGTH;
use rig::recorded::{Ask, REGION, Recorded, Survives};

/// A mirror of 1 everywhere, clean; what it told of its start is heard.
fn mirror(legs: usize) -> Recorded {
    let mut rig = Recorded::new(legs);
    rig.put(0, LENGTH, 1);
    rig.rest();
    rig.news();
    rig
}

/// The lines, generations left out: they are random.
fn lines(news: &[String]) -> Vec<String> {
    let line = |line: &String| match line.split_once("generation ") {
        Some((before, after)) => format!("{before}generation{}", &after[8..]),
        None => line.clone(),
    };
    news.iter().map(line).collect()
}

#[test]
fn an_exclusion_is_called_durable_only_once_it_is() {
    let rig = mirror(2);
    rig.message("fail 1").unwrap();
    assert_eq!(rig.news(), ["Warning: leg 1 (vbd1) is out: failed by hand"]);
    rig.until(|rig| !rig.asks(0).contains(&Ask::Super));
    let early = rig.news();
    assert!(early.is_empty(), "its flush is not done: {early:?}");
    rig.settle();
    let durable =
        ["Info: the exclusion of leg 1 is durable", "Info: generation is durable on leg 0"];
    assert_eq!(lines(&rig.news()), durable);
}

#[test]
fn a_leg_that_comes_back_is_told_of_from_step_to_step() {
    let rig = Recorded::leg_out(2);
    rig.news();
    rig.message("add 1").unwrap();
    rig.rest();
    let steps = [
        "Info: leg 1 is taken back",
        "Info: rebuild of leg 1 (vbd1) begins: 2 of 8 regions",
        "Info: generation is durable on leg 0",
        "Info: leg 1 (vbd1) is in sync",
    ];
    assert_eq!(lines(&rig.news()), steps);
}

#[test]
fn a_resync_has_a_begin_and_an_end_and_a_stop_is_told() {
    let mut rig = mirror(2);
    rig.put(0, 1, 2);
    rig.put(3 * REGION, 1, 2);
    let rig = rig.crash(&[Survives::All, Survives::All]);
    rig.rest();
    let resync = [
        "Info: generation is durable on legs 0, 1",
        "Info: started, session 2",
        "Warning: resync begins: 2 regions may differ after a crash",
        "Info: resync is over: all legs in sync are equal",
    ];
    assert_eq!(lines(&rig.news()), resync);
    assert!(rig.stop());
    assert_eq!(rig.news(), ["Info: stopped cleanly"]);
}

#[test]
fn a_mirror_that_is_held_says_why() {
    let rig = mirror(2).stop_and_start(&[true, false]);
    rig.settle();
    let news = rig.news();
    assert!(news.len() == 1 && news[0].starts_with("Error: not started: held"), "{news:?}");
}

#[test]
fn a_check_that_finds_something_is_a_warning() {
    let rig = mirror(2);
    rig.message("check").unwrap();
    rig.rest();
    assert_eq!(rig.news(), ["Info: check: all 64 sectors; 0 differ, 0 cannot be read"]);
    rig.exchange(1);
    rig.message("check").unwrap();
    rig.rest();
    let news = rig.news();
    assert!(news.len() == 1 && news[0].starts_with("Warning: check: all 64 sectors; "), "{news:?}");
}
