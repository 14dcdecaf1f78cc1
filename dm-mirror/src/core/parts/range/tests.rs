//! The lock against a plain one, and what a request costs.

use bio::{Extent, Sector, Sectors};
use sim::Random;

use super::*;

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

#[test]
fn reads_share_and_writes_exclude() {
    let mut ranges = RangeLock::new();
    let (read, granted) = ranges.acquire(extent(0, 8), Mode::Shared, 'r');
    assert_eq!(granted, Some('r'));
    assert_eq!(ranges.acquire(extent(4, 8), Mode::Shared, 's').1, Some('s'));
    assert_eq!(ranges.acquire(extent(7, 1), Mode::Exclusive, 'w').1, None);
    assert_eq!(ranges.acquire(extent(12, 1), Mode::Exclusive, 'x').1, Some('x'));
    ranges.release(read);
    assert_eq!(ranges.grant(), None, "the other read is still there");
}

#[test]
fn nobody_overtakes_an_earlier_conflict() {
    let mut ranges = RangeLock::new();
    let (first, _) = ranges.acquire(extent(0, 4), Mode::Shared, 'a');
    ranges.acquire(extent(0, 8), Mode::Exclusive, 'b');
    // It would share with the first, but the waiting write came before it.
    assert_eq!(ranges.acquire(extent(2, 1), Mode::Shared, 'c').1, None);
    // Nothing before it touches these sectors.
    assert_eq!(ranges.acquire(extent(8, 1), Mode::Shared, 'd').1, Some('d'));
    ranges.release(first);
    let (second, waiter) = ranges.grant().unwrap();
    assert_eq!(waiter, 'b');
    assert_eq!(ranges.grant(), None);
    ranges.release(second);
    assert_eq!(ranges.grant().unwrap().1, 'c');
}

#[test]
#[should_panic(expected = "was granted")]
fn a_waiting_range_cannot_be_released() {
    let mut ranges = RangeLock::new();
    ranges.acquire(extent(0, 4), Mode::Exclusive, ());
    let (waiting, _) = ranges.acquire(extent(0, 4), Mode::Exclusive, ());
    ranges.release(waiting);
}

/// The lock as its rule says it: a list in order of arrival.
#[derive(Default)]
struct Plain {
    entries: Vec<(u64, Extent, Mode, bool)>,
    next: u64,
}

impl Plain {
    fn is_free(&self, index: usize, extent: Extent, mode: Mode) -> bool {
        let conflicts = |(_, other, held, _): &(u64, Extent, Mode, bool)| {
            (*held == Mode::Exclusive || mode == Mode::Exclusive) && other.overlaps(extent)
        };
        !self.entries[..index].iter().any(conflicts)
    }

    fn acquire(&mut self, extent: Extent, mode: Mode) -> bool {
        let free = self.is_free(self.entries.len(), extent, mode);
        self.entries.push((self.next, extent, mode, free));
        self.next += 1;
        free
    }

    fn release(&mut self, name: u64) {
        self.entries.retain(|(it, ..)| *it != name);
    }

    fn grant(&mut self) -> Option<u64> {
        let may = |&index: &usize| {
            let (_, extent, mode, granted) = self.entries[index];
            !granted && self.is_free(index, extent, mode)
        };
        let index = (0..self.entries.len()).find(may)?;
        self.entries[index].3 = true;
        Some(self.entries[index].0)
    }
}

/// Ranges of every kind: within a piece, across a border, wide, in pieces of one row, empty.
fn some_extent(random: &mut impl FnMut(u64) -> u64) -> Extent {
    let base = [0, PIECE - 4, PIECE * ROWS as u64 - 4, PIECE * ROWS as u64, 3 * PIECE];
    let start = base[random(5) as usize] + random(8);
    let count = [0, 1, 2, 8, PIECE, 2 * PIECE + 1, PIECE * ROWS as u64][random(7) as usize];
    extent(start, count)
}

#[test]
fn ranges_are_granted_as_by_a_list_in_order_of_arrival() {
    for seed in 1..400_u64 {
        let mut random = Random::new(seed);
        let mut random = |below| random.below(below);
        let (mut ranges, mut plain, mut held) = (RangeLock::new(), Plain::default(), Vec::new());
        for name in 0..200_u64 {
            let extent = some_extent(&mut random);
            let mode = if random(2) == 0 { Mode::Shared } else { Mode::Exclusive };
            let (ticket, granted) = ranges.acquire(extent, mode, name);
            assert_eq!(granted.is_some(), plain.acquire(extent, mode), "seed {seed}, {name}");
            held.extend(granted.map(|name| (ticket, name)));
            while random(2) == 0 && !held.is_empty() {
                let (ticket, name) = held.swap_remove(random(held.len() as u64) as usize);
                ranges.release(ticket);
                plain.release(name);
                // Not always at once: several may be ready.
                while random(3) != 0 {
                    let granted = ranges.grant();
                    assert_eq!(granted.map(|(_, name)| name), plain.grant(), "seed {seed}");
                    held.extend(granted);
                }
            }
        }
    }
}

/// How many entries a request looks at, with so many others in the lock.
fn looked_at<W>(ranges: &mut RangeLock<W>, what: impl FnOnce(&mut RangeLock<W>)) -> u64 {
    let before = ranges.looked_at.get();
    what(ranges);
    ranges.looked_at.get() - before
}

#[test]
fn what_is_in_flight_elsewhere_costs_next_to_nothing() {
    let mut ranges = RangeLock::new();
    let far = |n: u64| extent(n * 1_009 * 8, 8);
    let mut most = 0;
    for n in 0..10_000 {
        most = most.max(looked_at(&mut ranges, |ranges| {
            assert!(ranges.acquire(far(n), Mode::Exclusive, ()).1.is_some());
        }));
    }
    assert!(most <= 64, "{most} entries were looked at");
}

#[test]
fn a_thousand_who_wait_for_one_block_cost_no_more_than_one() {
    for modes in [[Mode::Exclusive; 2], [Mode::Shared, Mode::Exclusive]] {
        let mut ranges = RangeLock::new();
        let (mut held, mut most) = (Vec::new(), 0);
        for n in 0..1_000 {
            let mode = modes[n % 2];
            most = most.max(looked_at(&mut ranges, |ranges| {
                let (ticket, granted) = ranges.acquire(extent(0, 8), mode, ());
                held.extend(granted.map(|()| ticket));
            }));
        }
        let mut ended = 0;
        while let Some(ticket) = held.pop() {
            ended += 1;
            most = most.max(looked_at(&mut ranges, |ranges| {
                ranges.release(ticket);
                held.extend(core::iter::from_fn(|| ranges.grant()).map(|(ticket, ())| ticket));
            }));
        }
        assert_eq!(ended, 1_000);
        assert!(most <= 2, "{most} entries were looked at");
    }
}
