//! The register against a search that tries every order.

use super::*;
use crate::chooser::{Chooser, Seeded};
use alloc::collections::BTreeSet;
use bio::Sector;

/// A request as seen from outside.
#[derive(Clone, Copy, Debug)]
struct Seen {
    begun: Moment,
    /// The last moment at which it could take effect.
    ended: Moment,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Write {
        stamp: Stamp,
        durable: bool,
    },
    /// It may have taken effect before it ended, or not at all.
    Failed(Stamp),
    /// It may take effect at any moment since it began, or not at all.
    TimedOut(Stamp),
    Read(Stamp),
    Flush,
}

/// Tries every order that explains `left`, after those in `order`, which holds
/// the writes that took effect. Collects what a crash may leave by one of them.
fn search(
    left: &[Seen],
    order: &mut Vec<Seen>,
    flushes: &[Moment],
    survivors: &mut BTreeSet<Stamp>,
) {
    let optional = |seen: &Seen| matches!(seen.what, What::TimedOut(_) | What::Failed(_));
    if left.iter().all(optional) {
        survivors.extend(left_by_crash(order, flushes));
        survivors.extend(left.iter().filter_map(|seen| match seen.what {
            What::TimedOut(stamp) => Some(stamp.shown()),
            _ => None,
        }));
    }
    for (first, seen) in left.iter().enumerate() {
        let mut rest = left.to_vec();
        rest.remove(first);
        if matches!(seen.what, What::Failed(_)) {
            // As if it never happened.
            search(&rest, order, flushes, survivors);
        }
        // A request may not come after one that began when it had ended.
        if rest.iter().any(|other| other.ended < seen.begun) {
            continue;
        }
        match seen.what {
            What::Read(stamp)
                if Some(stamp) == order.last().and_then(written).map(Stamp::shown) =>
            {
                search(&rest, order, flushes, survivors);
            }
            What::Read(_) | What::Flush => {}
            What::Write { .. } | What::Failed(_) | What::TimedOut(_) => {
                order.push(*seen);
                search(&rest, order, flushes, survivors);
                order.pop();
            }
        }
    }
}

fn written(seen: &Seen) -> Option<Stamp> {
    match seen.what {
        What::Write { stamp, .. } | What::Failed(stamp) | What::TimedOut(stamp) => Some(stamp),
        What::Read(_) | What::Flush => None,
    }
}

/// What a crash may leave of writes that took effect in this order.
fn left_by_crash(order: &[Seen], flushes: &[Moment]) -> Vec<Stamp> {
    let is_durable = |seen: &Seen| match seen.what {
        What::Write { durable, .. } => durable || flushes.iter().any(|&begun| seen.ended < begun),
        _ => false,
    };
    let from = order.iter().rposition(is_durable).expect("the first contents are durable");
    order[from..].iter().filter_map(written).map(Stamp::shown).collect()
}

/// What a crash may leave by any order that explains all answers; empty if none does.
fn search_all(ended: &[Seen], open: &[Seen], flushes: &[Moment]) -> BTreeSet<Stamp> {
    // An open write may have taken effect.
    let might = open.iter().filter_map(|seen| {
        written(seen).map(|stamp| Seen { what: What::TimedOut(stamp), ..*seen })
    });
    let all: Vec<Seen> = ended.iter().copied().chain(might).collect();
    let first = What::Write { stamp: Stamp::BLANK, durable: true };
    let mut survivors = BTreeSet::new();
    let mut order = vec![Seen { begun: 0, ended: 0, what: first }];
    search(&all, &mut order, flushes, &mut survivors);
    survivors
}

/// A random history of some requests that overlap; reads answer anything that
/// was written.
struct Story {
    chance: Seeded,
    register: Register,
    stamps: Vec<Stamp>,
    open: Vec<Seen>,
    ended: Vec<Seen>,
    flushes: Vec<Moment>,
    forced: bool,
}

impl Story {
    fn new(seed: u64, crashes: bool) -> Story {
        Story {
            chance: Seeded::new(seed),
            register: Register::new(Stamp::BLANK, crashes),
            stamps: vec![Stamp::BLANK],
            open: Vec::new(),
            ended: Vec::new(),
            flushes: Vec::new(),
            forced: false,
        }
    }

    fn begin(&mut self, now: Moment) {
        let write = self.stamps.len() as u32;
        let stamp = match self.chance.choose(4, "a discard") {
            0 => Stamp::discard(write, Sector(0)),
            _ => Stamp::of(write, Sector(0)),
        };
        let what = match self.chance.choose(9, "what") {
            0..3 => What::Read(Stamp::BLANK),
            3 => What::Failed(stamp),
            4 => What::TimedOut(stamp),
            5 => What::Flush,
            kind => What::Write { stamp, durable: kind == 6 },
        };
        self.forced |= matches!(what, What::Write { durable: true, .. });
        match what {
            What::Read(_) => self.register.begin_read(now),
            What::Flush => self.register.begin_flush(now),
            _ => {
                self.stamps.push(stamp);
                self.register.begin_write(stamp);
            }
        }
        self.open.push(Seen { begun: now, ended: Moment::MAX, what });
    }

    /// A request ends. Returns whether the register can explain it.
    fn end(&mut self, now: Moment) -> bool {
        let which = self.chance.choose(self.open.len(), "which ends");
        let mut seen = self.open.swap_remove(which);
        let register = &mut self.register;
        let right = match &mut seen.what {
            What::Read(stamp) => {
                *stamp = self.stamps[self.chance.choose(self.stamps.len(), "answer")].shown();
                register.end_read(seen.begun, Some(*stamp), now).is_ok()
            }
            What::Flush => {
                register.end_flush(seen.begun, false, now).unwrap();
                self.flushes.push(seen.begun);
                return true;
            }
            What::Write { stamp, durable } => {
                register.end_write(*stamp, WriteEnd::Done { durable: *durable }, now);
                true
            }
            What::Failed(stamp) => {
                register.end_write(*stamp, WriteEnd::Failed, now);
                true
            }
            What::TimedOut(stamp) => {
                register.end_write(*stamp, WriteEnd::TimedOut, now);
                true
            }
        };
        if !matches!(seen.what, What::TimedOut(_)) {
            seen.ended = now;
        }
        self.ended.push(seen);
        right
    }

    /// Goes on until something is wrong, or the story is long enough. Returns whether all was
    /// right, and panics if a search does not agree.
    fn tell(&mut self, seed: u64) -> bool {
        for now in 1..13 {
            if self.open.is_empty() || self.open.len() < 4 && self.chance.choose(2, "begin") == 0 {
                self.begin(now);
                continue;
            }
            let right = self.end(now);
            let found = search_all(&self.ended, &self.open, &self.flushes);
            assert_eq!(right, !found.is_empty(), "seed {seed}, at {now}: {:?}", self.ended);
            if !right {
                return false;
            }
        }
        true
    }
}

#[test]
fn the_register_judges_as_a_search_of_all_orders_does() {
    for crashes in [false, true] {
        let mut judged = [0, 0];
        for seed in 0..5000 {
            judged[usize::from(Story::new(seed, crashes).tell(seed))] += 1;
        }
        assert!(judged.iter().all(|&count| count > 500), "both kinds occur: {judged:?}");
    }
}

/// If a FUA write is in doubt, the register allows more, never less.
#[test]
fn a_crash_leaves_what_a_search_of_all_orders_says() {
    let mut compared = 0;
    for seed in 0..5000 {
        let mut story = Story::new(seed, true);
        if !story.tell(seed) {
            continue;
        }
        let found = search_all(&story.ended, &story.open, &story.flushes);
        story.register.crash();
        let left = BTreeSet::from_iter(story.register.possible(100));
        assert!(left.is_superset(&found), "seed {seed}: {left:?} lacks some of {found:?}");
        if !story.forced {
            assert_eq!(left, found, "seed {seed}: {:?}", story.ended);
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared} were compared exactly");
}

fn stamp(write: u32) -> Stamp {
    Stamp::of(write, Sector(0))
}

/// A register after these writes, one after the other, each with its end.
fn after(ends: &[WriteEnd]) -> Register {
    let mut register = Register::new(Stamp::BLANK, true);
    for (write, &end) in (1..).zip(ends) {
        register.begin_write(stamp(write));
        register.end_write(stamp(write), end, Moment::from(write));
    }
    register
}

const DONE: WriteEnd = WriteEnd::Done { durable: false };

/// What may be read after a crash.
fn survivors(mut register: Register) -> Vec<Stamp> {
    register.crash();
    let once = register.possible(100);
    register.crash();
    assert_eq!(register.possible(100), once, "a second crash brings nothing back");
    once
}

#[test]
fn a_failed_write_is_old_or_new_and_then_stays() {
    let mut register = after(&[DONE, WriteEnd::Failed]);
    assert_eq!(register.possible(10), [stamp(1), stamp(2)]);
    register.begin_read(10);
    assert_eq!(register.end_read(10, Some(stamp(1)), 11), Ok(()));
    register.begin_read(12);
    assert_eq!(register.end_read(12, Some(stamp(2)), 13), Err(vec![stamp(1)]));
}

#[test]
fn a_timed_out_write_may_land_late_but_once() {
    let mut register = after(&[DONE, WriteEnd::TimedOut]);
    for (moment, seen) in [(10, 1), (12, 2)] {
        register.begin_read(moment);
        assert_eq!(register.end_read(moment, Some(stamp(seen)), moment + 1), Ok(()));
    }
    register.begin_read(14);
    assert_eq!(register.end_read(14, Some(stamp(1)), 15), Err(vec![stamp(2)]));
}

#[test]
fn a_crash_leaves_what_no_flush_covered() {
    let all = [Stamp::BLANK, stamp(1), stamp(2)];
    assert_eq!(survivors(after(&[DONE, DONE])), all);
    assert_eq!(survivors(after(&[DONE, WriteEnd::Done { durable: true }])), all[2..]);
    let mut flushed = after(&[DONE, DONE]);
    flushed.begin_flush(2);
    flushed.end_flush(2, false, 3).unwrap();
    assert_eq!(survivors(flushed), all[1..], "the second ended as the flush began, not before");
    let mut open = after(&[WriteEnd::Done { durable: true }]);
    open.begin_write(stamp(2));
    assert_eq!(survivors(open), all[1..]);
}

/// Write 1 is acknowledged at 1 and lost at 10; then 0 is read.
fn lost() -> Register {
    let mut register = after(&[DONE]);
    register.lose(10);
    reads(&mut register, 11, Stamp::BLANK).unwrap();
    register
}

/// A read of `seen` that begins at `begun`.
fn reads(register: &mut Register, begun: Moment, seen: Stamp) -> Result<(), Vec<Stamp>> {
    register.begin_read(begun);
    register.end_read(begun, Some(seen), begun + 1)
}

/// A flush that begins at `begun`.
fn flushes(register: &mut Register, begun: Moment, failed: bool) -> Result<(), Stamp> {
    register.begin_flush(begun);
    register.end_flush(begun, failed, begun + 1)
}

#[test]
fn what_is_lost_while_the_device_runs_stays_lost() {
    let mut register = after(&[WriteEnd::Done { durable: true }, DONE, DONE]);
    register.lose(10);
    assert_eq!(register.possible(11), [stamp(1), stamp(2), stamp(3)]);
    reads(&mut register, 11, stamp(2)).unwrap();
    assert_eq!(reads(&mut register, 13, stamp(3)), Err(vec![stamp(2)]));
    register.begin_write(stamp(4));
    register.end_write(stamp(4), DONE, 20);
    assert_eq!(reads(&mut register, 21, stamp(2)), Err(vec![stamp(4)]));
}

#[test]
fn a_read_may_tell_late_what_a_write_left_that_is_lost() {
    let mut register = after(&[]);
    register.begin_write(stamp(1));
    register.begin_read(1);
    register.lose(10);
    reads(&mut register, 11, Stamp::BLANK).unwrap();
    register.end_write(stamp(1), WriteEnd::Failed, 20);
    register.end_read(1, Some(stamp(1)), 21).unwrap();
    reads(&mut register, 22, Stamp::BLANK).unwrap();
}

#[test]
fn a_flush_may_not_deny_a_loss() {
    assert_eq!(flushes(&mut lost(), 20, false), Err(stamp(1)));
    // Nor may the loss show once a flush has denied it.
    let mut register = after(&[DONE]);
    register.lose(10);
    flushes(&mut register, 11, false).unwrap();
    assert_eq!(reads(&mut register, 20, Stamp::BLANK), Err(vec![stamp(1)]));
}

#[test]
fn a_flush_that_failed_tells_of_what_was_acknowledged_before_it_began() {
    let mut register = lost();
    flushes(&mut register, 20, true).unwrap();
    assert_eq!(flushes(&mut register, 30, false), Ok(()));
    // The write ends at 1, after this one began.
    let mut register = lost();
    register.begin_flush(1);
    register.end_flush(1, true, 20).unwrap();
    assert_eq!(flushes(&mut register, 30, false), Err(stamp(1)));
}

#[test]
fn a_flush_that_began_before_one_told_may_not_succeed_after_it() {
    let mut register = lost();
    register.begin_flush(20);
    flushes(&mut register, 21, true).unwrap();
    assert_eq!(register.end_flush(20, false, 30), Err(stamp(1)));
}

#[test]
fn a_write_that_is_acknowledged_after_it_was_lost_is_lost_all_the_same() {
    let mut register = after(&[]);
    register.begin_write(stamp(1));
    reads(&mut register, 1, stamp(1)).unwrap();
    register.lose(10);
    reads(&mut register, 11, Stamp::BLANK).unwrap();
    register.end_write(stamp(1), DONE, 20);
    assert_eq!(flushes(&mut register, 15, false), Ok(()));
    assert_eq!(flushes(&mut register, 21, false), Err(stamp(1)));
}
