//! A ring of records, fixed in size: the newest replaces the oldest.

use alloc::vec::Vec;

/// A record, and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<R> {
    /// Its number since the ring was cleared, from 0.
    pub number: u64,
    /// In nanoseconds since the start.
    pub at: u64,
    /// What happened.
    pub record: R,
}

/// The last records.
pub struct Ring<R> {
    kept: Vec<Entry<R>>,
    /// The most it keeps.
    size: usize,
    /// Records so far.
    count: u64,
}

impl<R: Copy> Ring<R> {
    /// A ring of this many records, if there is memory for them. It allocates nothing later.
    pub fn new(size: usize) -> Option<Ring<R>> {
        let mut kept = Vec::new();
        kept.try_reserve_exact(size).ok()?;
        Some(Ring { kept, size, count: 0 })
    }

    /// Adds a record. In a full ring it replaces the oldest.
    pub fn push(&mut self, at: u64, record: R) {
        let entry = Entry { number: self.count, at, record };
        let place = (self.count % self.size as u64) as usize;
        match self.kept.get_mut(place) {
            Some(kept) => *kept = entry,
            None => self.kept.push(entry),
        }
        self.count += 1;
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.count = 0;
    }

    /// How many were put in.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many were replaced by later ones.
    pub fn lost(&self) -> u64 {
        self.count - self.kept.len() as u64
    }

    /// The records that are kept, oldest first, from this number on.
    pub fn since(&self, number: u64) -> impl Iterator<Item = Entry<R>> + '_ {
        let first = number.max(self.lost());
        let place = move |number: u64| (number % self.size as u64) as usize;
        (first..self.count).map(move |number| self.kept[place(number)])
    }
}
