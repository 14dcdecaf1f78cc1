//! The register against a search that tries every order.

use super::*;
use crate::chooser::{Chooser, Seeded};
use bio::Sector;

/// A request as it looked from outside.
#[derive(Clone, Copy, Debug)]
struct Seen {
    begun: Moment,
    /// `None`: it did not end.
    ended: Option<Moment>,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Write(Stamp),
    /// It may have taken effect before it ended, or not at all.
    Failed(Stamp),
    /// It may have taken effect at any moment since it began, or not at all.
    TimedOut(Stamp),
    Read(Stamp),
}

/// Whether some order explains all of `left`, from `held` on: tries them all.
fn explained(left: &[Seen], held: Stamp) -> bool {
    if left.iter().all(|seen| matches!(seen.what, What::TimedOut(_) | What::Failed(_))) {
        return true;
    }
    (0..left.len()).any(|first| {
        let Seen { begun, what, .. } = left[first];
        let ended = |seen: &Seen| match seen.what {
            What::TimedOut(_) => None,
            _ => seen.ended,
        };
        let mut rest = left.to_vec();
        rest.remove(first);
        // Nothing may come after what ended before it began.
        if rest.iter().any(|other| ended(other).is_some_and(|end| end < begun)) {
            return match what {
                What::Failed(_) | What::TimedOut(_) => explained(&rest, held),
                What::Write(_) | What::Read(_) => false,
            };
        }
        match what {
            What::Write(stamp) => explained(&rest, stamp),
            What::Read(stamp) => stamp == held && explained(&rest, held),
            What::Failed(stamp) | What::TimedOut(stamp) => {
                explained(&rest, stamp) || explained(&rest, held)
            }
        }
    })
}

/// Runs a register through a random history of some requests that overlap;
/// reads answer anything that was written. Says whether register and search
/// agree at each end, and how the last answer was judged.
fn agrees(seed: u64) -> (bool, bool) {
    let mut chance = Seeded::new(seed);
    let blank = Stamp::BLANK;
    let mut register = Register::new(blank, false);
    let mut stamps = vec![blank];
    let mut open: Vec<Seen> = Vec::new();
    let mut ended: Vec<Seen> = Vec::new();
    for now in 1..14 {
        let begin = open.is_empty() || open.len() < 4 && chance.choose(2, "begin") == 0;
        if begin {
            let what = match chance.choose(7, "what") {
                0..3 => What::Read(blank),
                kind => {
                    let stamp = Stamp::of(stamps.len() as u32, Sector(0));
                    stamps.push(stamp);
                    register.begin_write(stamp);
                    match kind {
                        3 => What::Failed(stamp),
                        4 => What::TimedOut(stamp),
                        _ => What::Write(stamp),
                    }
                }
            };
            if matches!(what, What::Read(_)) {
                register.begin_read(now);
            }
            open.push(Seen { begun: now, ended: None, what });
            continue;
        }
        let mut seen = open.swap_remove(chance.choose(open.len(), "which ends"));
        seen.ended = Some(now);
        let right = match &mut seen.what {
            What::Write(stamp) => {
                register.end_write(*stamp, WriteEnd::Done { durable: false }, now);
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
            What::Read(stamp) => {
                *stamp = stamps[chance.choose(stamps.len(), "answer")];
                register.end_read(seen.begun, Some(*stamp), now).is_ok()
            }
        };
        ended.push(seen);
        // What is open may have taken effect, if it is a write.
        let writes = open.iter().filter(|seen| !matches!(seen.what, What::Read(_)));
        let might = writes.map(|seen| match seen.what {
            What::Write(stamp) => Seen { what: What::TimedOut(stamp), ..*seen },
            _ => *seen,
        });
        let all: Vec<Seen> = ended.iter().copied().chain(might).collect();
        if explained(&all, blank) != right {
            return (false, right);
        }
        if !right {
            return (true, false);
        }
    }
    (true, true)
}

#[test]
fn the_register_judges_as_a_search_of_all_orders_does() {
    let mut judged = [0, 0];
    for seed in 0..20_000 {
        let (agree, right) = agrees(seed);
        assert!(agree, "seed {seed}: the register says {right}");
        judged[usize::from(right)] += 1;
    }
    assert!(judged.iter().all(|&count| count > 2000), "both kinds occur: {judged:?}");
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
    flushed.end_flush(2, false);
    assert_eq!(survivors(flushed), all[1..], "the second ended as the flush began, not before");
    let mut open = after(&[WriteEnd::Done { durable: true }]);
    open.begin_write(stamp(2));
    assert_eq!(survivors(open), all[1..]);
}
