//! The range lock: reads share, writes exclude, first come first served.
//!
//! Place: part of the [`Core`](crate::core::Core). A read takes a range shared, a write
//! group and a resync's copy exclusively, each for its whole life.
//!
//! Why reads take part. Two legs apply a write at different moments, so while
//! it is in flight one leg answers new and the other old. A read in flight
//! *before* the write started is no safer: on the faster leg it returns the
//! new data, and a later read of the slower leg returns the old. With shared
//! and exclusive ranges no read ever meets a half-done write, whichever leg it
//! goes to and whichever leg fails meanwhile.
//!
//! Rule: a request waits for every *earlier* one that conflicts, granted or
//! not; so nobody overtakes, nobody starves, and waits cannot form a circle.

use alloc::vec::Vec;
use core::num::NonZeroU64;

use bio::Extent;

/// Ranges that fit without growing the table, which is a heap allocation.
const RANGES_EXPECTED: usize = 128;

/// How a range is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By a read, together with other reads.
    Shared,
    /// By a write or a copy, alone.
    Exclusive,
}

/// Names a range that is held or waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(NonZeroU64);

/// The ranges held and waited for, in order of arrival. `W` is what waits.
#[derive(Debug)]
pub(crate) struct RangeLock<W> {
    entries: Vec<Entry<W>>,
    /// How many entries are not granted.
    waiting: usize,
    next: Ticket,
}

#[derive(Debug)]
struct Entry<W> {
    ticket: Ticket,
    extent: Extent,
    mode: Mode,
    /// Present while the range is not granted.
    waiter: Option<W>,
}

impl<W> Entry<W> {
    fn conflicts(&self, extent: Extent, mode: Mode) -> bool {
        (self.mode == Mode::Exclusive || mode == Mode::Exclusive) && self.extent.overlaps(extent)
    }
}

impl<W> RangeLock<W> {
    /// What a range takes in the table.
    pub(crate) const BYTES: usize = size_of::<Entry<W>>();

    pub(crate) fn new() -> RangeLock<W> {
        RangeLock {
            entries: Vec::with_capacity(RANGES_EXPECTED),
            waiting: 0,
            next: Ticket(NonZeroU64::MIN),
        }
    }

    /// Asks for a range on behalf of `waiter`. If it is free the waiter comes
    /// straight back; else it stays until [`grant`](RangeLock::grant) returns it.
    pub(crate) fn acquire(&mut self, extent: Extent, mode: Mode, waiter: W) -> (Ticket, Option<W>) {
        let ticket = self.next;
        self.next = Ticket(ticket.0.checked_add(1).expect("tickets last for ever"));
        let free = !self.entries.iter().any(|entry| entry.conflicts(extent, mode));
        let (waiter, granted) = if free { (None, Some(waiter)) } else { (Some(waiter), None) };
        self.waiting += usize::from(waiter.is_some());
        self.entries.push(Entry { ticket, extent, mode, waiter });
        (ticket, granted)
    }

    /// Gives a granted range back. Panics if it is not held.
    pub(crate) fn release(&mut self, ticket: Ticket) {
        let index = self.entries.iter().position(|entry| entry.ticket == ticket);
        let entry = self.entries.remove(index.expect("a released range was held"));
        assert!(entry.waiter.is_none(), "a released range was granted");
    }

    /// The earliest waiter that nothing before it stands against, if any;
    /// its range is granted by this.
    pub(crate) fn grant(&mut self) -> Option<(Ticket, W)> {
        if self.waiting == 0 {
            return None;
        }
        let index = (0..self.entries.len()).find(|&index| {
            let Entry { extent, mode, ref waiter, .. } = self.entries[index];
            waiter.is_some()
                && !self.entries[..index].iter().any(|entry| entry.conflicts(extent, mode))
        })?;
        self.waiting -= 1;
        let entry = &mut self.entries[index];
        entry.waiter.take().map(|waiter| (entry.ticket, waiter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bio::{Sector, Sectors};

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
}
