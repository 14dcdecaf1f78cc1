//! The core alone, by chance: [`Story`] has what holds at each action. And the same events
//! give the same actions.

extern crate std;

use alloc::string::String;
use alloc::vec::Vec;

use bio::{BufCmd, Extent, Sector, Sectors};

use super::story::{Open, STEPS_MAX, Story};
use crate::core::event::{Event, Of, Report};
use crate::core::parts::requests::Req;

/// How many stories are told for each number of legs.
const STORIES: u64 = 2_000;

/// Tells a story of so many legs; gives how many steps it took. One that breaks a promise is
/// told again, aloud.
fn tell(seed: u64, legs: usize) -> u64 {
    let mut story = Story::new(seed, legs, None);
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story.tell()));
    if told.is_err() {
        std::println!("seed {seed} over {legs} legs:");
        aloud(seed, legs);
        panic!("seed {seed} over {legs} legs broke a promise, and did not when it was told again");
    }
    story.steps
}

/// Tells a story, and gives what happened.
fn aloud(seed: u64, legs: usize) -> Vec<String> {
    let mut story = Story::new(seed, legs, Some(Vec::new()));
    story.tell();
    story.log.take().expect("it was told aloud")
}

/// `EXPLORE_STORIES=<number>` sets how many there are for each number of legs.
#[test]
fn every_request_ends_with_its_intent_and_its_exclusions_durable() {
    let stories =
        std::env::var("EXPLORE_STORIES").map_or(STORIES, |it| it.parse().expect("a number"));
    let begin = std::time::Instant::now();
    let steps: u64 = (0..stories).flat_map(|seed| (1..=3).map(move |legs| tell(seed, legs))).sum();
    let rate = steps as f64 / begin.elapsed().as_secs_f64();
    std::println!("{steps} steps, {rate:.0} a second");
}

#[test]
fn the_same_events_give_the_same_actions() {
    for seed in 0..20 {
        assert_eq!(aloud(seed, 3), aloud(seed, 3), "seed {seed}");
    }
}

/// What is taken for a leg's answer must be one.
#[test]
#[should_panic(expected = "a request that is over is named")]
fn a_report_of_a_request_that_is_over_is_a_bug_of_the_hands() {
    let mut story = Story::new(1, 2, Some(Vec::new()));
    while !story.core.runs() {
        assert!(story.happens());
    }
    let report = Report { result: Ok(()), resets: 0, memory: true };
    let req = Req { index: 0, age: 77 };
    story.meet(Event::Reported { leg: 0, of: Of::Request(req), report });
}

/// A mirror that stops leaves nothing on its way.
#[test]
fn a_suspension_is_quiet_when_nothing_is_left() {
    for seed in 0..100 {
        let mut story = Story::new(seed, 2, Some(Vec::new()));
        story.requests_left = 0;
        (0..seed).for_each(|_| _ = story.happens());
        story.meet(Event::Suspend);
        for _ in 0..STEPS_MAX {
            if story.quiet {
                break;
            }
            assert!(story.happens(), "seed {seed}: it is never quiet");
        }
        let asked = |open: &Open| !matches!(open, Open::Alarm(_));
        assert!(story.quiet && !story.open.iter().any(asked), "seed {seed}");
    }
}

/// Reports may overtake each other on their way: one that counts fewer resets than another one
/// did is late, and no loss.
#[test]
fn a_report_that_was_overtaken_tells_of_no_loss() {
    let mut story = Story::new(1, 1, Some(Vec::new()));
    (story.requests_left, story.faults_left) = (0, 0);
    while !story.core.runs() {
        assert!(story.happens());
    }
    let mut asks = |cmd, resets: u64| {
        let extent = Extent::new(Sector(0), Sectors(u64::from(cmd != BufCmd::Flush)));
        let req = story.core.next_request();
        story.asked.push((req, cmd));
        story.disks[0].resets = resets;
        let from = story.log.as_ref().map_or(0, Vec::len);
        story.meet(Event::Asked { req, cmd, extent });
        while story.asked.iter().any(|(it, _)| *it == req) {
            assert!(story.happens(), "it ends");
        }
        let log = &story.log.as_ref().expect("it is told aloud")[from..];
        log.iter().any(|line| line.contains("Complete") && line.contains("result: Ok"))
    };
    let write = BufCmd::Write { fua: false };
    asks(write, 1);
    assert!(!asks(BufCmd::Flush, 1), "the loss is told");
    assert!(asks(BufCmd::Flush, 1), "once");
    asks(write, 0);
    assert!(asks(BufCmd::Flush, 1), "nothing was lost since");
}
