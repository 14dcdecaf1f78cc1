//! Every crash of short stories over the mirror that keeps records, each leg with
//! a cut of its own, and every crash of the recovery; with and without a leg that
//! the next start does not find.
//!
//! `SIM_EXHAUSTIVE=1` takes the longer stories too (`cargo xtask sim --exhaustive`
//! does that in an optimised build); `SIM_REPLAY=<line>`, with the name of the test
//! that printed the line, makes one case again.

use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use bio::{Extent, Limits};
use sim::crashes::{Crashes, Enumerated, Options, replay};
use sim::{Action, Load, Scenario, sequences};
use subject::pictures;
use subject::recorded::{Recorded, Window};

/// The mirror: a region of 8 sectors and one of 2.
const SECTORS: u64 = 10;

/// What a client can do: a write to one region, one that overlaps it and touches
/// both, a flush, a write with FUA, a discard.
const REQUESTS: &str = "w6+2,w7+2,f,W7+1,d6+3";

/// What happens to two legs; time passes, and regions become clean.
const FATE: &str = "gone0,back0,gone1,back1,tick";

/// What else can happen to them.
const MORE_FATE: &str = "unplug0,unplug1,blip0,blip1,drop0,drop1,restart";

/// The actions that a text has.
fn actions(text: &str) -> Vec<Action> {
    let words = text.split(',').filter(|word| !word.is_empty());
    words.map(|word| word.parse().expect("an action")).collect()
}

/// What is enumerated.
struct Stories {
    legs: usize,
    /// How each story begins.
    before: &'static str,
    /// How it goes on: with up to so many of these.
    actions: String,
    length: u32,
    options: Options,
    /// What clients see of the mirror.
    window: Window,
}

/// What can happen over two legs.
fn stories(length: u32) -> Stories {
    let more = if whole() { MORE_FATE } else { "" };
    let actions = format!("{REQUESTS},{FATE},{more}");
    let (options, window) = (Options::default(), Window::whole(SECTORS));
    Stories { legs: 2, before: "", actions, length, options, window }
}

fn whole() -> bool {
    std::env::var_os("SIM_EXHAUSTIVE").is_some()
}

/// One number for the test command, one for the whole.
fn or(share: u32, all: u32) -> u32 {
    if whole() { all } else { share }
}

/// Takes them all, and asserts that no promise is broken.
#[track_caller]
fn survive(name: &str, stories: Stories) {
    let Stories { legs, before, actions: next, length, options, window } = stories;
    let load = Load::Script(Vec::new());
    let scenario = Scenario {
        leg_sectors: window.disk(),
        limits: Limits { discard: true, ..Limits::default() },
        ..Scenario::new(legs, SECTORS, load)
    };
    let (begun, factory) = (Instant::now(), &mut Recorded::seen(window).build());
    if let Ok(line) = std::env::var("SIM_REPLAY") {
        let done = replay(&scenario, factory, &options.records, &line).expect("a line of a report");
        return clean(&done);
    }
    let mut crashes = Crashes::new(options);
    let (before, next) = (actions(before), actions(&next));
    let all = [Vec::new()].into_iter().chain(sequences(&next, length));
    for more in all {
        let story = [&before[..], &more].concat();
        let take = AssertUnwindSafe(|| crashes.take(&scenario, factory, &story));
        match panic::catch_unwind(take) {
            Ok(true) => {}
            Ok(false) => break,
            Err(panic) => {
                println!("replay: {}", crashes.line(&story));
                panic::resume_unwind(panic);
            }
        }
    }
    let done = crashes.done();
    println!("{name}: {done}, in {:.1} s", begun.elapsed().as_secs_f64());
    clean(done);
    assert!(done.capped == 0 && done.recoveries > 100, "not all was looked at: {done}");
}

#[track_caller]
fn clean(done: &Enumerated) {
    if let Some(report) = &done.found {
        panic!("{report}{}", pictures::told());
    }
    pictures::tell();
}

#[test]
fn no_promise_is_broken_by_a_crash_nor_by_one_of_its_recovery() {
    let options = Options { crashes: 2, early: true, eager: true, ..Options::default() };
    survive("two crashes", Stories { options, ..stories(or(1, 3)) });
}

#[test]
fn no_promise_is_broken_by_a_crash_of_a_longer_story() {
    let options = Options { early: true, ..Options::default() };
    let actions = format!("{REQUESTS},{FATE}");
    survive("longer stories", Stories { actions, options, ..stories(or(3, 4)) });
}

#[test]
fn no_promise_is_broken_whichever_leg_is_faster() {
    let schedules = u64::from(or(2, 4));
    let options = Options { crashes: 2, schedules, early: true, ..Options::default() };
    survive("other orders", Stories { options, ..stories(or(1, 2)) });
}

/// The client goes on with what is there, durably; then the leg is there again.
#[test]
fn no_promise_is_broken_when_a_start_does_not_find_a_leg() {
    let then = actions("W7+2");
    let options = Options { crashes: 2, absences: or(1, 2), then, ..Options::default() };
    survive("an absent leg", Stories { options, ..stories(or(1, 2)) });
}

#[test]
fn no_promise_is_broken_while_a_leg_that_was_out_is_rebuilt() {
    let crashes = or(1, 2);
    let options = Options { crashes, absences: 1, early: true, ..Options::default() };
    let actions = format!("{REQUESTS},{FATE},restart");
    survive("degraded", Stories { before: "gone1,w6+2", actions, options, ..stories(2) });
}

#[test]
fn no_promise_is_broken_over_three_legs() {
    let then = actions("W7+2");
    let options = Options { absences: 1, then, ..Options::default() };
    let actions = "w6+2,w7+2,f,W7+1,gone0,gone1,back1,gone2,back2,tick".into();
    survive("three legs", Stories { legs: 3, actions, options, ..stories(or(1, 2)) });
}

#[test]
fn no_promise_is_broken_while_two_of_three_legs_come_back() {
    let options = Options { crashes: or(1, 2), absences: 1, early: true, ..Options::default() };
    let before = "gone1,gone2,W7+1,back1";
    let actions = "back2,W7+1,w6+2,gone0,restart".into();
    survive("two come back", Stories { legs: 3, before, actions, options, ..stories(1) });
}

/// Where the records of a leg lie.
fn records() -> Vec<Extent> {
    Window::whole(SECTORS).records()
}

#[test]
fn a_record_that_goes_bad_makes_nothing_stale() {
    let options = Options { records: records(), ..Options::default() };
    let actions = format!("{REQUESTS},{FATE},restart");
    survive("a bad record", Stories { actions, options, ..stories(or(1, 3)) });
}

#[test]
fn a_record_that_goes_bad_while_a_leg_is_out_or_rebuilt_makes_nothing_stale() {
    let options = Options { records: records(), early: true, ..Options::default() };
    let actions = "W7+1,w6+2,back1,gone0,tick,restart".into();
    let before = "W6+2,gone1,W7+1";
    survive("a bad record, degraded", Stories { before, actions, options, ..stories(or(1, 2)) });
}

#[test]
fn a_record_that_goes_bad_is_no_matter_over_three_legs() {
    let options = Options { records: records(), ..Options::default() };
    let actions = "W7+1,gone0,gone1,tick".into();
    survive("a bad record of three", Stories { legs: 3, actions, options, ..stories(or(1, 2)) });
}

/// Of four legs the superblock has more than one sector that matters.
#[test]
fn no_promise_is_broken_by_a_torn_superblock() {
    let options = Options { crashes: or(1, 2), ..Options::default() };
    let actions = "w7+2,gone2,back3,restart".into();
    survive("four legs", Stories { legs: 4, before: "gone3,w6+2", actions, options, ..stories(1) });
}

/// The two regions lie on two pages of the map, and the legs behind an offset.
#[test]
fn no_promise_is_broken_over_a_map_of_two_pages() {
    let window = Window::two_pages(SECTORS);
    let actions = "w7+2,W7+1,d6+3,gone1,back1,tick,restart".into();
    let options = Options { early: true, ..Options::default() };
    survive("two pages", Stories { window, actions, options, ..stories(or(1, 3)) });
}
