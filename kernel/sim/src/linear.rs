//! What one sector may hold, given what was asked and answered so far.
//!
//! Place: [`History`](crate::History) keeps a [`Register`] for each sector and
//! tells it of each beginning and end; the register says whether an answer can
//! be explained.
//!
//! How: a sector of one disk is a register, and concurrent requests must look as if each took
//! effect at one moment between its beginning and its end (linearizability; Herlihy and Wing
//! 1990). The register keeps every past that explains all answers so far: which writes took
//! effect, in which order. Writes are put into a past as late as possible, when an answer
//! needs them (Lowe 2017, "just in time"). So a quiet register has one past, and a check never
//! looks further back than to the oldest request still open.
//!
//! Rules:
//!
//! - A write that ended with an error took effect before it ended, or never does. Only a write
//!   that timed out may still take effect later, once: for the disk it has not ended.
//! - A discard is a write that shows zeroes, like other discards, and like a sector that was
//!   never written. Each has a [name](Stamp::discard) of its own for its beginning and end; any
//!   of them explains an answer of zeroes. If a past shows zeroes already, no open discard is
//!   put into it. Putting the discard there later explains no less, since a read has its moment
//!   and binds nothing else.
//! - After a crash the sector holds the value of the last moment that a flush covers, or any
//!   value since, including those of writes still open. It holds *one* of these, and no later
//!   crash brings back another.
//! - The device may lose the same while it runs. `undone.rs` says what it holds then, and what
//!   a flush may say of it.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::mem;

use smallvec::{SmallVec, smallvec};

use crate::moment::{Moment, NEVER};
use crate::stamp::Stamp;
use crate::undone::Undone;

/// How many writes of one sector may be open at once, including those that timed out.
pub const OPEN_WRITES_MAX: usize = 16;

/// How many values a past has room for without memory of its own. Few pasts have more.
const VALUES_KEPT_INLINE: usize = 4;

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteEnd {
    /// It is done; `durable` if it was a FUA write.
    Done {
        /// No crash can undo it.
        durable: bool,
    },
    /// It failed: it took effect by now, or never.
    Failed,
    /// It timed out: it took effect, or will, or never.
    TimedOut,
}

/// One sector, as the clients have seen it.
#[derive(Clone, Debug)]
pub struct Register {
    /// Every past that explains the answers; at least one.
    pasts: Vec<Past>,
    /// The pasts that are being made from `pasts`.
    next: Vec<Past>,
    /// Writes that may still take effect, by slot.
    open: [Option<Stamp>; OPEN_WRITES_MAX],
    /// The writes that timed out, by slot.
    late: u16,
    /// When the open reads began.
    reads: Vec<Moment>,
    /// When the open flushes began.
    flushes: Vec<Moment>,
    /// A loss or a crash may come: the values that it could bring back are remembered.
    losses: bool,
}

/// One way in which the writes may have taken effect.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Past {
    /// What the sector held, oldest first; the last is what it holds.
    values: SmallVec<[Value; VALUES_KEPT_INLINE]>,
    /// The open writes that took effect, by slot.
    taken: u16,
    /// A crash brings back no value before this one.
    durable: usize,
    undone: Undone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Value {
    stamp: Stamp,
    /// The latest moment at which the next value replaced it.
    until: Moment,
    /// When its write was acknowledged.
    acknowledged: Moment,
    /// Its write failed: no later answer concerns it.
    failed: bool,
}

impl Register {
    /// A sector that durably holds `stamp`. If no `losses` can come, it remembers less.
    pub fn new(stamp: Stamp, losses: bool) -> Register {
        Register {
            pasts: vec![Past::new(stamp)],
            next: Vec::new(),
            open: [None; OPEN_WRITES_MAX],
            late: 0,
            reads: Vec::new(),
            flushes: Vec::new(),
            losses,
        }
    }

    /// A write begins. Panics if more than [`OPEN_WRITES_MAX`] are open.
    pub fn begin_write(&mut self, stamp: Stamp) {
        let slot = self.open.iter_mut().find(|slot| slot.is_none());
        *slot.expect("too many open writes of one sector") = Some(stamp);
    }

    /// A write ends. Panics if it is not open.
    pub fn end_write(&mut self, stamp: Stamp, end: WriteEnd, now: Moment) {
        let slot = self.open.iter().position(|&open| open == Some(stamp));
        let slot = slot.expect("a write that ends is open");
        if end == WriteEnd::TimedOut {
            self.late |= 1 << slot;
            return;
        }
        let alone = self.open.iter().flatten().count() == 1;
        match &mut self.pasts[..] {
            // The common case, without a copy: the write takes effect now if it had not before.
            [past] if alone && end != WriteEnd::Failed => {
                if !past.has(slot) {
                    past.put(slot, stamp, now);
                }
            }
            _ => self.explain_end(slot, end == WriteEnd::Failed, now),
        }
        let flush = self.oldest_flush();
        for past in &mut self.pasts {
            past.taken &= !(1 << slot);
            match end {
                WriteEnd::Done { durable } => {
                    past.acknowledge(stamp, durable.then_some(flush), now);
                }
                _ => past.fail(stamp),
            }
        }
        self.open[slot] = None;
        self.trim();
    }

    /// The write in `slot` has taken effect by now; or, if it failed, never does.
    fn explain_end(&mut self, slot: usize, failed: bool, now: Moment) {
        let pasts = mem::take(&mut self.pasts);
        for past in &pasts {
            if past.has(slot) || failed {
                self.next.push(past.clone());
            }
            if !past.has(slot) {
                self.explain_by(past, slot, now);
            }
        }
        self.turn(pasts);
    }

    /// A read begins.
    pub fn begin_read(&mut self, now: Moment) {
        self.reads.push(now);
    }

    /// A read that began at `begun` ends. `seen` is its answer, unless it failed. If no past
    /// explains the answer, returns the answers that would have been right. Panics if no read
    /// began then.
    pub fn end_read(
        &mut self,
        begun: Moment,
        seen: Option<Stamp>,
        now: Moment,
    ) -> Result<(), Vec<Stamp>> {
        let read = self.reads.iter().position(|&at| at == begun).expect("a read that ends is open");
        self.reads.swap_remove(read);
        match (&self.pasts[..], seen) {
            (_, None) => {}
            // The common case, without a copy.
            ([past], Some(seen)) if past.shows(seen, begun) => {}
            (_, Some(seen)) => self.explain_answer(begun, seen, now)?,
        }
        self.trim();
        Ok(())
    }

    /// Keeps the pasts in which a read since `begun` may see `seen`.
    fn explain_answer(
        &mut self,
        begun: Moment,
        seen: Stamp,
        now: Moment,
    ) -> Result<(), Vec<Stamp>> {
        let pasts = mem::take(&mut self.pasts);
        for past in &pasts {
            if past.shows(seen, begun) {
                self.next.push(past.clone());
                continue;
            }
            for slot in 0..OPEN_WRITES_MAX {
                if self.open[slot].map(Stamp::shown) == Some(seen) && !past.has(slot) {
                    self.explain_by(past, slot, now);
                }
            }
        }
        if self.next.is_empty() {
            self.pasts = pasts;
            return Err(self.possible(begun));
        }
        self.turn(pasts);
        Ok(())
    }

    /// A flush begins.
    pub fn begin_flush(&mut self, now: Moment) {
        if self.losses {
            self.flushes.push(now);
        }
    }

    /// A flush that began at `begun` ends, and did what it should unless it `failed`. If it
    /// claims a write that was lost, returns that write.
    pub fn end_flush(&mut self, begun: Moment, failed: bool, now: Moment) -> Result<(), Stamp> {
        self.flushes.retain(|&at| at != begun);
        let denied = self.pasts.iter().map(|past| past.undone.denied(begun));
        let lied = if failed { None } else { denied.min().expect("there is a past") };
        if lied.is_none() && !failed {
            self.pasts.retain(|past| past.undone.denied(begun).is_none());
        }
        for past in self.pasts.iter_mut().filter(|_| self.losses) {
            if failed {
                past.undone.tell(begun, now);
            } else {
                past.durable = past.durable.max(past.covered(begun).unwrap_or(0));
            }
        }
        self.trim();
        lied.map_or(Ok(()), Err)
    }

    /// The device loses some or all of the data that are not durable. Requests go on.
    pub fn lose(&mut self, now: Moment) {
        if !self.reads.is_empty() {
            self.may_have_shown_open_writes(now);
        }
        let pasts = mem::take(&mut self.pasts);
        for past in &pasts {
            let back = (past.durable..past.values.len()).map(|index| past.back_to(index, now));
            self.next.extend(back);
        }
        self.turn(pasts);
        self.trim();
    }

    /// Everything stops. Open requests end here, and one of the values that were not durably
    /// overwritten is left.
    pub fn crash(&mut self) {
        let mut left: Vec<Stamp> = Vec::new();
        for past in &self.pasts {
            left.extend(past.values[past.durable..].iter().map(|value| value.stamp.shown()));
            left.extend(self.untaken(past));
        }
        left.sort_unstable();
        left.dedup();
        self.pasts = left.into_iter().map(Past::new).collect();
        self.open = [None; OPEN_WRITES_MAX];
        self.late = 0;
        self.reads.clear();
        self.flushes.clear();
    }

    /// Adds the pasts in which open writes have taken effect, since an open read may yet show
    /// that.
    fn may_have_shown_open_writes(&mut self, now: Moment) {
        let pasts = mem::take(&mut self.pasts);
        for past in &pasts {
            self.next.push(past.clone());
            for slot in 0..OPEN_WRITES_MAX {
                if self.open[slot].is_some() && !past.has(slot) {
                    self.explain_by(past, slot, now);
                }
            }
        }
        self.turn(pasts);
    }

    /// Hashes the values that a crash may have left.
    pub(crate) fn hash_left(&self, hasher: &mut impl Hasher) {
        self.pasts.len().hash(hasher);
        self.pasts.iter().flat_map(|past| &past.values).for_each(|left| left.stamp.hash(hasher));
    }

    /// What a read may answer that begins and ends now.
    pub fn may_show(&self) -> Vec<Stamp> {
        self.possible(NEVER - 1)
    }

    /// What a read may answer after a crash at this moment.
    pub fn may_survive(&self) -> Vec<Stamp> {
        let mut after = self.clone();
        after.crash();
        after.may_show()
    }

    /// What a read that began at `begun` may answer now.
    fn possible(&self, begun: Moment) -> Vec<Stamp> {
        let mut possible: Vec<Stamp> = Vec::new();
        for past in &self.pasts {
            let seen = past.values.iter().filter(|value| value.until > begun);
            possible.extend(seen.map(|value| value.stamp.shown()));
            possible.extend(self.untaken(past));
        }
        possible.sort_unstable();
        possible.dedup();
        possible
    }

    /// The values of the open writes that did not take effect yet.
    fn untaken(&self, past: &Past) -> impl Iterator<Item = Stamp> {
        let slots = self.open.iter().enumerate();
        let open = slots.filter(|&(slot, _)| !past.has(slot)).filter_map(|(_, &open)| open);
        open.map(Stamp::shown)
    }

    /// All ways in which the open write in `slot` takes effect now, with or without other open
    /// writes before it.
    ///
    /// A write that timed out need never take effect. A past in which it is overwritten at once
    /// explains no more than that, unless an open read may have seen it.
    fn explain_by(&mut self, past: &Past, slot: usize, now: Moment) {
        for other in 0..OPEN_WRITES_MAX {
            let useless = self.late >> other & 1 == 1 && self.reads.is_empty();
            let Some(stamp) = self.open[other] else { continue };
            if other != slot && !past.has(other) && !useless {
                self.explain_by(&past.then(other, stamp, now), slot, now);
            }
        }
        let stamp = self.open[slot].expect("only an open write takes effect");
        self.next.push(past.then(slot, stamp, now));
    }

    /// The pasts that were made replace `pasts`; `old` becomes the memory for the next ones.
    fn turn(&mut self, mut old: Vec<Past>) {
        old.clear();
        mem::swap(&mut self.pasts, &mut self.next);
        self.next = old;
    }

    fn oldest_flush(&self) -> Moment {
        self.flushes.iter().copied().min().unwrap_or(NEVER)
    }

    /// Forgets values that nobody can ask for, and pasts that explain nothing more than another
    /// past.
    fn trim(&mut self) {
        let read = self.reads.iter().copied().min().unwrap_or(NEVER);
        let flush = self.oldest_flush();
        for past in &mut self.pasts {
            if !self.losses {
                past.durable = past.values.len() - 1;
            }
            past.forget(read, flush);
            past.undone.forget(flush);
        }
        let mut at = 0;
        while at < self.pasts.len() {
            let past = &self.pasts[at];
            let other = |index: usize| index != at && self.pasts[index].covers(past);
            if (0..self.pasts.len()).any(other) {
                self.pasts.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }
}

impl Past {
    fn new(stamp: Stamp) -> Past {
        let value = Value { stamp, until: NEVER, acknowledged: 0, failed: false };
        Past { values: smallvec![value], taken: 0, durable: 0, undone: Undone::default() }
    }

    fn has(&self, slot: usize) -> bool {
        self.taken >> slot & 1 == 1
    }

    /// This past, and then the write in `slot`.
    fn then(&self, slot: usize, stamp: Stamp, now: Moment) -> Past {
        let mut past = self.clone();
        past.put(slot, stamp, now);
        past
    }

    /// The write in `slot` takes effect.
    fn put(&mut self, slot: usize, stamp: Stamp, now: Moment) {
        self.values.last_mut().expect("a sector holds something").until = now;
        self.values.push(Value { stamp, until: NEVER, acknowledged: NEVER, failed: false });
        self.taken |= 1 << slot;
    }

    /// This past, and then the loss of all values after this one.
    fn back_to(&self, index: usize, now: Moment) -> Past {
        let mut past = self.clone();
        if index + 1 < past.values.len() {
            for value in &past.values[index + 1..] {
                past.undone.add(value.stamp, value.acknowledged);
            }
            let back = Value { until: NEVER, acknowledged: now, ..past.values[index] };
            past.values.last_mut().expect("what was lost").until = now;
            past.values.push(back);
        }
        past
    }

    /// Whether the sector showed `stamp` at some moment since `begun`.
    fn shows(&self, stamp: Stamp, begun: Moment) -> bool {
        self.values.iter().any(|value| value.stamp.shown() == stamp && value.until > begun)
    }

    /// The write of `stamp` is done. If it is `durable`, a crash no longer undoes it. The
    /// exception: its place in the order is forgotten, because no open flush is older than the
    /// write.
    fn acknowledge(&mut self, stamp: Stamp, durable: Option<Moment>, now: Moment) {
        self.undone.acknowledge(stamp, now);
        // It is forgotten already if a durable value came after it.
        let Some(index) = self.values.iter().position(|value| value.stamp == stamp) else { return };
        if durable.is_some_and(|flush| self.covered(flush).is_none_or(|covered| covered <= index)) {
            self.durable = self.durable.max(index);
        }
        self.values[index].acknowledged = now;
    }

    /// The last value that a flush since `begun` makes durable.
    fn covered(&self, begun: Moment) -> Option<usize> {
        self.values.iter().rposition(|value| value.acknowledged < begun)
    }

    fn fail(&mut self, stamp: Stamp) {
        let value = self.values.iter_mut().find(|value| value.stamp == stamp);
        value.into_iter().for_each(|value| value.failed = true);
        self.undone.fail(stamp);
    }

    /// Forgets values that no open read can see and no crash can bring back. `read` and `flush`
    /// say when the oldest open read and flush began.
    fn forget(&mut self, read: Moment, flush: Moment) {
        if self.values.len() == 1 {
            return; // what it holds may be asked for at any time
        }
        for value in self.values.iter_mut().filter(|value| value.until <= read) {
            value.until = if value.until == NEVER { NEVER } else { 0 };
        }
        let first = self.values.iter().position(|value| value.until != 0).unwrap_or(0);
        let first = first.min(self.durable);
        self.values.drain(..first);
        self.durable -= first;
        // The next flush covers all of these values, so no later flush ends between them: their
        // order makes no difference.
        let covered = self.covered(flush).unwrap_or(0).max(self.durable);
        let alike = &mut self.values[self.durable..covered];
        alike.iter_mut().for_each(|value| value.acknowledged = 0);
        alike.sort_unstable_by_key(|value| value.stamp);
    }

    /// Whether this past explains everything that `other` explains, now and later. That is so
    /// if they differ only by failed writes that took effect in between.
    fn covers(&self, other: &Past) -> bool {
        if self.taken != other.taken || self.values.len() < other.values.len() {
            return false;
        }
        let mut theirs = other.values.iter().enumerate().peekable();
        let all = self.values.iter().enumerate().all(|(index, value)| {
            let same = |&(at, their): &(usize, &Value)| {
                value.stamp == their.stamp
                    && value.acknowledged == their.acknowledged
                    && value.until >= their.until
                    && (index >= self.durable || at < other.durable)
            };
            theirs.next_if(same).is_some() || (value.failed && value.until != NEVER)
        });
        let undone = self.undone.is_part_of(&other.undone);
        all && theirs.next().is_none() && undone
    }
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
