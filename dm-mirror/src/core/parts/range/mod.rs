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
//! Rules:
//!
//! - A request waits for every *earlier* one that conflicts, granted or not; so nobody
//!   overtakes, nobody starves, and waits cannot form a circle.
//! - A waiter is registered with *one* of the requests that it waits for, the latest. When
//!   that one is released, the waiter's search goes on from its place in the list. So a
//!   request costs the same however many are in flight elsewhere, and however many wait for
//!   the same sectors.
//! - A release allocates nothing: whoever grows one table makes room in the others.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::mem;

use bio::Extent;

/// Ranges that fit without growing the tables, which are heap allocations.
const RANGES_EXPECTED: usize = 128;

/// The mirror is cut into pieces of this many sectors. Ranges are found by the pieces that they
/// touch.
const PIECE: u64 = 256;

/// Piece *n* belongs to row *n* modulo this.
const ROWS: usize = 256;

/// The row of all ranges that touch more than [`PIECES_MAX`] pieces.
const WIDE: u16 = ROWS as u16;

/// How many rows a range can be in.
const PIECES_MAX: usize = 2;

/// No entry.
const NONE: u32 = u32::MAX;

/// How a range is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By a read, together with other reads.
    Shared,
    /// By a write or a copy, alone.
    Exclusive,
}

/// Names a range that is held or waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    /// How many came before it.
    number: u64,
    entry: u32,
}

/// The ranges held and waited for. `W` is what waits.
#[derive(Debug)]
pub(crate) struct RangeLock<W> {
    entries: Vec<Option<Entry<W>>>,
    /// Places in `entries` that are free.
    free: Vec<u32>,
    /// The latest entry of each row: of all, and of those that exclude.
    rows: [[u32; KINDS]; ROWS + 1],
    /// Waiters that nothing stands against any more: the earliest comes first.
    ready: BinaryHeap<Reverse<Ticket>>,
    next: u64,
    /// How many entries were looked at, in all.
    #[cfg(test)]
    looked_at: core::cell::Cell<u64>,
}

/// A row has two lists: one of all its entries, and one of those that exclude. A read looks
/// at the second one only.
const KINDS: usize = 2;
const ALL: usize = 0;
const EXCLUSIVE: usize = 1;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
struct Asks {
    /// How many came before it.
    number: u64,
    extent: Extent,
    rows: Rows,
    mode: Mode,
}

/// A range that is held or waited for.
#[derive(Debug)]
struct Entry<W> {
    asks: Asks,
    /// Present while the range is not granted.
    waiter: Option<W>,
    /// Its neighbours in each of its rows.
    links: AllLinks,
    /// The first of those who wait for it, ...
    waited_for_by: u32,
    /// ... and the next of those who wait for the same one.
    next_waiting: u32,
    /// The row in which it found the one that it waits for.
    found_in: u16,
}

/// Its neighbours in one list.
#[derive(Clone, Copy, Debug)]
struct Links {
    earlier: u32,
    later: u32,
}

/// The neighbours in each row and list that an entry is in.
type AllLinks = [[Links; KINDS]; PIECES_MAX];

/// The rows that a range is in. One that is in a single row has it twice.
#[derive(Clone, Copy, Debug)]
struct Rows([u16; PIECES_MAX]);

impl Rows {
    #[inline]
    fn of(extent: Extent) -> Rows {
        let first = extent.start().0 / PIECE;
        let last = extent.end().0.saturating_sub(1).max(extent.start().0) / PIECE;
        let row = |piece: u64| (piece % ROWS as u64) as u16;
        let wide = last - first >= PIECES_MAX as u64;
        if wide { Rows([WIDE; PIECES_MAX]) } else { Rows([row(first), row(last)]) }
    }

    /// Each row once.
    #[inline]
    fn each(&self) -> &[u16] {
        if self.0[0] == self.0[1] { &self.0[..1] } else { &self.0 }
    }

    /// Whether the range touches too many pieces to be in their rows.
    #[inline]
    fn is_wide(self) -> bool {
        self.0[0] == WIDE
    }

    /// The place of the links of a range that is in one of these rows.
    #[inline]
    fn place(self, row: u16) -> usize {
        usize::from(self.0[0] != row)
    }
}

/// Where a search for an earlier request begins.
#[derive(Clone, Copy)]
enum Begin {
    /// At the latest entry of the first row.
    Latest,
    /// In this row at this entry; the rows after it are searched from their latest entries.
    At(u16, u32),
}

impl<W> RangeLock<W> {
    /// What a range takes in the tables.
    pub(crate) const BYTES: usize =
        size_of::<Option<Entry<W>>>() + size_of::<u32>() + size_of::<Reverse<Ticket>>();

    pub(crate) fn new() -> RangeLock<W> {
        RangeLock {
            entries: Vec::with_capacity(RANGES_EXPECTED),
            free: Vec::with_capacity(RANGES_EXPECTED),
            rows: [[NONE; KINDS]; ROWS + 1],
            ready: BinaryHeap::with_capacity(RANGES_EXPECTED),
            next: 0,
            #[cfg(test)]
            looked_at: Default::default(),
        }
    }

    /// Asks for a range on behalf of `waiter`. If it is free the waiter comes
    /// straight back; else it stays until [`grant`](RangeLock::grant) returns it.
    #[inline]
    pub(crate) fn acquire(&mut self, extent: Extent, mode: Mode, waiter: W) -> (Ticket, Option<W>) {
        let number = self.next;
        self.next += 1;
        let asks = Asks { number, extent, rows: Rows::of(extent), mode };
        let before = match self.rows_are_empty(&asks) {
            true => None,
            false => self.latest_before(&asks, Begin::Latest),
        };
        let at = match self.free.pop() {
            Some(at) => at,
            None => self.grow(),
        };
        let links = self.link(at, &asks);
        let (waited_for_by, next_waiting, found_in) = (NONE, NONE, 0);
        self.entries[at as usize] =
            Some(Entry { asks, waiter: None, links, waited_for_by, next_waiting, found_in });
        let ticket = Ticket { number, entry: at };
        let Some((before, row)) = before else { return (ticket, Some(waiter)) };
        self.entry_mut(at).waiter = Some(waiter);
        self.wait_for(at, before, row);
        (ticket, None)
    }

    /// Makes room for one more. Gives its place.
    #[cold]
    fn grow(&mut self) -> u32 {
        self.entries.push(None);
        let count = self.entries.len();
        self.free.reserve(count - self.free.len());
        self.ready.reserve(count - self.ready.len());
        (count - 1) as u32
    }

    /// Gives a granted range back. Panics if it is not held.
    pub(crate) fn release(&mut self, ticket: Ticket) {
        let held = self.entries.get(ticket.entry as usize).and_then(Option::as_ref);
        let held = held.filter(|entry| entry.asks.number == ticket.number);
        let held = held.expect("a released range was held");
        assert!(held.waiter.is_none(), "a released range was granted");
        let (asks, links, mut waiting) = (held.asks, held.links, held.waited_for_by);
        self.entries[ticket.entry as usize] = None;
        self.unlink(&asks, &links);
        while waiting != NONE {
            let &Entry { asks: waits, next_waiting, found_in, .. } = self.entry(waiting);
            let earlier = || links[asks.rows.place(found_in)][kind_for(waits.mode)].earlier;
            let from =
                if waits.rows.is_wide() { Begin::Latest } else { Begin::At(found_in, earlier()) };
            match self.latest_before(&waits, from) {
                Some((before, row)) => self.wait_for(waiting, before, row),
                None => {
                    let number = waits.number;
                    self.ready.push(Reverse(Ticket { number, entry: waiting }));
                }
            }
            waiting = next_waiting;
        }
        self.free.push(ticket.entry);
    }

    /// Whether there is nobody to be granted a range.
    #[inline]
    pub(crate) fn nobody_is_ready(&self) -> bool {
        self.ready.is_empty()
    }

    /// The earliest waiter that nothing before it stands against, if any;
    /// its range is granted by this.
    pub(crate) fn grant(&mut self) -> Option<(Ticket, W)> {
        let Reverse(ticket) = self.ready.pop()?;
        let entry = self.entries[ticket.entry as usize].as_mut().expect("who waits is there");
        entry.waiter.take().map(|waiter| (ticket, waiter))
    }

    #[inline]
    fn entry(&self, at: u32) -> &Entry<W> {
        self.entries[at as usize].as_ref().expect("an entry that is named is there")
    }

    #[inline]
    fn entry_mut(&mut self, at: u32) -> &mut Entry<W> {
        self.entries[at as usize].as_mut().expect("an entry that is named is there")
    }

    /// An entry waits for another one, which it found in a row.
    fn wait_for(&mut self, at: u32, before: u32, row: u16) {
        let first = self.entry(before).waited_for_by;
        let entry = self.entry_mut(at);
        (entry.next_waiting, entry.found_in) = (first, row);
        self.entry_mut(before).waited_for_by = at;
    }

    /// Whether all lists are empty that a request looks at, as most are: so nothing can
    /// stand against it.
    #[inline]
    fn rows_are_empty(&self, asks: &Asks) -> bool {
        let kind = kind_for(asks.mode);
        let latest = |row: u16| self.rows[usize::from(row)][kind];
        let [first, last] = asks.rows.0;
        !asks.rows.is_wide() && [first, last, WIDE].into_iter().all(|row| latest(row) == NONE)
    }

    /// An entry that came before and conflicts, and the row in which it was found: the
    /// latest of a row, and the rows one after the other.
    fn latest_before(&self, asks: &Asks, from: Begin) -> Option<(u32, u16)> {
        if asks.rows.is_wide() {
            return Some((self.latest_of_all(asks)?, WIDE));
        }
        let kind = kind_for(asks.mode);
        let mut from = from;
        for &row in asks.rows.each().iter().chain(&[WIDE]) {
            let mut at = match from {
                Begin::At(begun, _) if begun != row => continue,
                Begin::At(_, at) => at,
                Begin::Latest => self.rows[usize::from(row)][kind],
            };
            from = Begin::Latest;
            while at != NONE {
                #[cfg(test)]
                self.looked_at.update(|count| count + 1);
                let entry = self.entry(at);
                if entry.asks.number < asks.number && entry.asks.extent.overlaps(asks.extent) {
                    return Some((at, row));
                }
                at = entry.links[entry.asks.rows.place(row)][kind].earlier;
            }
        }
        None
    }

    /// The same for a range that is in no row of its own: looks at all entries.
    fn latest_of_all(&self, asks: &Asks) -> Option<u32> {
        let conflicts = |other: &Asks| {
            let exclusive = other.mode == Mode::Exclusive || asks.mode == Mode::Exclusive;
            exclusive && other.number < asks.number && other.extent.overlaps(asks.extent)
        };
        let entries = self.entries.iter().enumerate();
        let entries = entries.filter_map(|(at, entry)| Some((at as u32, entry.as_ref()?)));
        let latest =
            entries.filter(|(_, it)| conflicts(&it.asks)).max_by_key(|(_, it)| it.asks.number);
        latest.map(|(at, _)| at)
    }

    /// Puts what is going to be entry `at` to the end of its rows. Gives its neighbours.
    #[inline]
    fn link(&mut self, at: u32, asks: &Asks) -> AllLinks {
        let mut links = [[Links { earlier: NONE, later: NONE }; KINDS]; PIECES_MAX];
        for (place, &row) in asks.rows.each().iter().enumerate() {
            for kind in kinds_of(asks.mode) {
                let last = &mut self.rows[usize::from(row)][kind];
                let earlier = mem::replace(last, at);
                links[place][kind].earlier = earlier;
                if earlier != NONE {
                    self.links_mut(earlier, row, kind).later = at;
                }
            }
        }
        links
    }

    /// Takes an entry that had these neighbours out of its rows.
    fn unlink(&mut self, asks: &Asks, links: &AllLinks) {
        for (place, &row) in asks.rows.each().iter().enumerate() {
            for kind in kinds_of(asks.mode) {
                let Links { earlier, later } = links[place][kind];
                if earlier != NONE {
                    self.links_mut(earlier, row, kind).later = later;
                }
                match later {
                    NONE => self.rows[usize::from(row)][kind] = earlier,
                    _ => self.links_mut(later, row, kind).earlier = earlier,
                }
            }
        }
    }

    #[inline]
    fn links_mut(&mut self, at: u32, row: u16, kind: usize) -> &mut Links {
        let entry = self.entry_mut(at);
        &mut entry.links[entry.asks.rows.place(row)][kind]
    }
}

/// The list that a request looks at: a read conflicts with those that exclude.
fn kind_for(mode: Mode) -> usize {
    match mode {
        Mode::Shared => EXCLUSIVE,
        Mode::Exclusive => ALL,
    }
}

/// The lists that an entry is in.
fn kinds_of(mode: Mode) -> core::ops::Range<usize> {
    match mode {
        Mode::Shared => ALL..ALL + 1,
        Mode::Exclusive => ALL..KINDS,
    }
}

#[cfg(test)]
mod tests;
