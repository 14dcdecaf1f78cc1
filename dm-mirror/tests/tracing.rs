//! What a mirror tells its trace.

mod rig;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bio::ErrorKind;
use dm_mirror::trace::{Record, Sink, Trace};
use rig::recorded::{Ask, Recorded};
use sim::Outcome;

/// Keeps all that is told.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Record>>>);

impl Sink for Kept {
    fn record(&self, mirror: u32, _at: Duration, record: Record) {
        assert_eq!(mirror, 0);
        self.0.lock().unwrap().push(record);
    }
}

impl Kept {
    /// The lines of all that was told since this was asked last.
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().drain(..).map(|record| record.to_string()).collect()
    }
}

/// A mirror of two legs whose trace is on, and has told how things are.
fn traced() -> (Recorded, Kept, Arc<Trace>) {
    let kept = Kept::default();
    let trace = Arc::new(Trace::new(kept.clone()));
    rig::TRACE.set(Some(trace.clone()));
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.twice();
    trace.switch(true);
    (rig, kept, trace)
}

/// The lines that have all of these words, shortened to them.
fn only(lines: &[String], words: &[&str]) -> Vec<String> {
    let has = |line: &&String| words.iter().any(|word| line.contains(word));
    lines.iter().filter(has).cloned().collect()
}

#[test]
fn a_write_is_told_from_its_coming_to_its_end() {
    let (mut rig, kept, _) = traced();
    let write = rig.write(0, 1, 2);
    rig.end_ask(0, Ask::Data, Outcome::Ok);
    rig.end_ask(1, Ask::Data, Outcome::Ok);
    assert_eq!(rig.end(write), Some(Ok(())));
    let lines = kept.lines();
    let req = lines[0].split_whitespace().nth(1).unwrap().strip_prefix("req=").unwrap();
    let expected = [
        "asked req=@ cmd=write at=0 count=1",
        "leg leg=0 is=in-sync",
        "leg leg=1 is=in-sync",
        "tx req=@ leg=0 is=START",
        "tx req=@ leg=0 is=DATA_WRITE",
        "tx req=@ leg=1 is=START",
        "tx req=@ leg=1 is=DATA_WRITE",
        "stands req=@ is=writing",
        "issue req=@ leg=0 step=data",
        "issue req=@ leg=1 step=data",
        "reported leg=0 of=@ result=ok",
        "tx req=@ leg=0 is=DONE",
        "reported leg=1 of=@ result=ok",
        "tx req=@ leg=1 is=DONE",
        "complete req=@ result=ok",
    ];
    assert_eq!(lines, expected.map(|line| line.replace('@', req)));
}

/// The order that the rules promise: nobody is told that the write is done before a superblock
/// durably says that the leg is out.
#[test]
fn a_write_during_which_a_leg_dies_is_parked_and_released() {
    let (mut rig, kept, _) = traced();
    let write = rig.write(0, 1, 2);
    rig.end_ask(0, Ask::Data, Outcome::Ok);
    rig.fail_ask(1, Ask::Data);
    assert_eq!(rig.end(write), None);
    rig.end_ask(0, Ask::Super, Outcome::Ok);
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    assert_eq!(rig.end(write), Some(Ok(())));
    let lines = kept.lines();
    let words = ["leg=0 is=", "leg=1 is=", "parked", "released", "complete"];
    let told: Vec<String> = only(&lines, &words);
    let told: Vec<&str> = told.iter().map(|line| line.split(" req=").next().unwrap()).collect();
    let states = |leg: &str| {
        let mut states = Vec::new();
        for line in lines.iter().filter(|line| line.starts_with("tx") && line.contains(leg)) {
            states.push(line.rsplit('=').next().unwrap());
        }
        states.join(" ")
    };
    assert_eq!(states("leg=0"), "START DATA_WRITE DONE");
    assert_eq!(states("leg=1"), "START DATA_WRITE FAILED");
    let order = ["stands", "super leg=0 is=SUPER_WRITE", "super leg=0 is=SUPER_FLUSH"];
    let order = order.into_iter().chain(["super leg=0 is=DONE", "released", "complete"]);
    let mut told = told.into_iter();
    for expected in order {
        assert!(told.any(|line| line == expected), "no {expected} where it belongs: {lines:#?}");
    }
    assert!(lines.contains(&"leg leg=1 is=out".into()), "{lines:#?}");
    let parked = lines.iter().position(|line| line.ends_with("is=parked")).unwrap();
    let written = lines.iter().position(|line| line.ends_with("is=SUPER_WRITE")).unwrap();
    assert!(parked < written, "{lines:#?}");
}

/// Nobody waits for the second copy.
#[test]
fn the_second_copy_of_a_superblock_is_told_as_such() {
    let (mut rig, kept, _) = traced();
    let write = rig.write(0, 1, 2);
    rig.fail_ask(1, Ask::Data);
    rig.rest();
    assert_eq!(rig.end(write), Some(Ok(())));
    let lines = only(&kept.lines(), &["super leg=0"]);
    let states = ["SUPER_WRITE", "SUPER_FLUSH", "DONE", "SECOND_COPY", "DONE"];
    assert_eq!(lines[..5], states.map(|state| format!("super leg=0 is={state}")), "{lines:?}");
}

#[test]
fn what_is_off_tells_nothing_and_a_new_tracing_tells_how_things_are() {
    let (mut rig, kept, trace) = traced();
    trace.switch(false);
    trace.switch(false);
    rig.put(0, 1, 2);
    assert_eq!(kept.lines(), [""; 0]);
    let write = rig.write(0, 1, 3);
    trace.switch(true);
    trace.switch(true);
    rig.end_ask(0, Ask::Data, Outcome::Ok);
    let lines = kept.lines();
    assert!(only(&lines, &["asked"]).len() == 1, "{lines:#?}");
    assert_eq!(only(&lines, &["is=in-sync"]).len(), 2, "{lines:#?}");
    rig.end_ask(1, Ask::Data, Outcome::Ok);
    assert_eq!(rig.end(write), Some(Ok(())));
    assert_eq!(only(&kept.lines(), &["complete"]).len(), 1);
}

/// A leg that fails a read: the next one is asked.
#[test]
fn a_read_that_is_tried_again_tells_both_legs() {
    let (mut rig, kept, _) = traced();
    let read = rig.read(8, 1);
    let leg = usize::from(rig.asks(0).is_empty());
    rig.fail(leg, ErrorKind::Media);
    let other = 1 - leg;
    rig.end_ask(other, Ask::Read, Outcome::Ok);
    assert_eq!(rig.end(read), Some(Ok(())));
    let lines = kept.lines();
    let legs = |word: &str| -> Vec<String> {
        let of = only(&lines, &[word]).into_iter();
        of.filter_map(|line| Some(line.split("leg=").nth(1)?[..1].to_owned())).collect()
    };
    let both = [leg, other].map(|leg| leg.to_string());
    assert_eq!((legs("issue"), legs("is=reading")), (both.to_vec(), both.to_vec()), "{lines:#?}");
}

/// The flush behind its page succeeds, but the leg has lost its cache meanwhile.
#[test]
fn a_transaction_that_came_to_no_write_is_told_as_failed() {
    let (mut rig, kept, _) = traced();
    rig.lose(1);
    kept.lines();
    let write = rig.write(32, 1, 2);
    rig.until(|rig| rig.asks(0) == [Ask::Flush]);
    rig.blink(0);
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    rig.settle();
    assert!(rig.end(write).is_some_and(|it| it.is_err()));
    let lines = kept.lines();
    assert!(!lines.iter().any(|line| line.starts_with("tx") && line.ends_with("is=DONE")));
}
