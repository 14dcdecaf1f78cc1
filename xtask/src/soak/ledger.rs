//! What the guest said, sector by sector, and which values a disk may therefore hold.
//!
//! Place: `session` gives it each line of the guest's `torture`; `judge` asks it about
//! images. Pure bookkeeping.
//!
//! A sector's value is the number of the request that wrote it; numbers only grow. Rules,
//! those of one disk with a volatile cache:
//!
//! - A read sees a write that was done when it was issued, or a later one.
//! - After a power cut a sector has at least the durable value, at most the newest value
//!   issued.
//! - If a read after a restart answers with a value from before, that value is final.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// What is known.
#[derive(Clone)]
pub(super) struct Ledger {
    sectors: Vec<Sector>,
    /// Requests that were issued and have not ended.
    issued: BTreeMap<u64, Request>,
    /// Writes that are done and not known to be durable: where they went.
    cached: Vec<(u64, Place)>,
    /// The number of the next request.
    next: u64,
    /// The first request since the power came.
    session: u64,
}

/// The values that a sector may have, ascending, and the least of them.
#[derive(Clone)]
struct Sector {
    values: Vec<u64>,
    /// The least after a power cut.
    durable: u64,
    /// The least for a read that is issued now.
    done: u64,
}

/// First sector and count.
type Place = (usize, usize);

#[derive(Clone)]
enum Request {
    Write(Place),
    /// A read, with the least value of each of its sectors.
    Read(Place, Vec<u64>),
    /// A flush, with the writes that were done before.
    Flush(Vec<(u64, Place)>),
}

impl Ledger {
    /// A ledger of `sectors` sectors, each with one of the ascending `values`.
    pub(super) fn new(sectors: usize, values: &[u64]) -> Self {
        let (least, most) = (values[0], values[values.len() - 1]);
        let sector = Sector { values: values.to_vec(), durable: least, done: least };
        let next = most + 1;
        let sectors = vec![sector; sectors];
        Self { sectors, issued: BTreeMap::new(), cached: Vec::new(), next, session: next }
    }

    /// How many sectors there are.
    pub(super) fn sectors(&self) -> usize {
        self.sectors.len()
    }

    /// The number for the next request.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The power was cut: nothing is in flight any longer, and cached writes may be lost.
    pub(super) fn power_was_cut(&mut self) {
        self.issued.clear();
        self.cached.clear();
        self.session = self.next;
        for sector in &mut self.sectors {
            sector.done = sector.durable;
        }
    }

    /// The machine was stopped cleanly: all writes that were done are durable.
    pub(super) fn was_stopped(&mut self) -> Result<()> {
        ensure!(self.issued.is_empty(), "the guest stopped with requests in flight");
        for sector in &mut self.sectors {
            sector.durable = sector.done;
        }
        self.power_was_cut();
        Ok(())
    }

    /// Takes note of a line of `torture`; other lines mean nothing.
    pub(super) fn note(&mut self, line: &str) -> Result<()> {
        let mut words = line.split(' ');
        let word = words.next().unwrap_or_default();
        let Ok(numbers) = words.map(str::parse).collect::<Result<Vec<u64>, _>>() else {
            return Ok(());
        };
        self.event(word, &numbers).with_context(|| format!("the guest said `{line}`"))
    }

    fn event(&mut self, word: &str, numbers: &[u64]) -> Result<()> {
        match (word, numbers) {
            ("write", &[number, first, count]) => {
                let place = self.place(first, count)?;
                for sector in self.at(place) {
                    sector.values.push(number);
                }
                self.issue(number, Request::Write(place))
            }
            ("read", &[number, first, count]) => {
                let place = self.place(first, count)?;
                let least = self.at(place).iter().map(|sector| sector.done).collect();
                self.issue(number, Request::Read(place, least))
            }
            ("flush", &[number]) => self.issue(number, Request::Flush(self.cached.clone())),
            ("done" | "durable", &[number]) => {
                let Some(Request::Write(place)) = self.issued.remove(&number) else {
                    bail!("it is no write in flight");
                };
                self.is_done(number, place);
                if word == "durable" {
                    self.is_durable(number, place);
                } else {
                    self.cached.push((number, place));
                }
                Ok(())
            }
            ("flushed", &[number]) => {
                let Some(Request::Flush(writes)) = self.issued.remove(&number) else {
                    bail!("it is no flush in flight");
                };
                self.cached.retain(|write| !writes.contains(write));
                writes.into_iter().for_each(|(number, place)| self.is_durable(number, place));
                Ok(())
            }
            ("saw", [number, values @ ..]) => {
                let Some(Request::Read(place, least)) = self.issued.remove(number) else {
                    bail!("it is no read in flight");
                };
                ensure!(values.len() == least.len(), "it read another number of sectors");
                for ((index, &value), least) in values.iter().enumerate().zip(least) {
                    let sector = place.0 + index;
                    ensure!(value >= least, "sector {sector} had {least} before, now {value}");
                    self.answered(sector, value)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn issue(&mut self, number: u64, request: Request) -> Result<()> {
        ensure!(number == self.next, "{} was to come next", self.next);
        self.next += 1;
        self.issued.insert(number, request);
        Ok(())
    }

    fn place(&self, first: u64, count: u64) -> Result<Place> {
        let place = (usize::try_from(first)?, usize::try_from(count)?);
        ensure!(place.0 + place.1 <= self.sectors.len(), "that is beyond the end");
        Ok(place)
    }

    fn at(&mut self, (first, count): Place) -> &mut [Sector] {
        &mut self.sectors[first..first + count]
    }

    fn is_done(&mut self, number: u64, place: Place) {
        for sector in self.at(place) {
            sector.done = sector.done.max(number);
        }
    }

    fn is_durable(&mut self, number: u64, place: Place) {
        for sector in self.at(place) {
            sector.durable = sector.durable.max(number);
            sector.values.retain(|value| *value >= number);
        }
    }

    /// The mirror answered a read of a sector with this value, or would.
    pub(super) fn answered(&mut self, index: usize, value: u64) -> Result<()> {
        self.may_hold(index, value)?;
        let (session, sector) = (self.session, &mut self.sectors[index]);
        sector.done = sector.done.max(value);
        if value < session {
            // It outlived a restart, so no other value of that time comes back.
            sector.values.retain(|it| *it == value || *it >= session);
            sector.durable = sector.durable.max(value);
        }
        Ok(())
    }

    /// Whether a leg in sync may have this value in a sector, when the power is off.
    pub(super) fn may_hold(&self, index: usize, value: u64) -> Result<()> {
        let Sector { values, durable, .. } = &self.sectors[index];
        ensure!(value >= *durable, "sector {index} has {value}, but {durable} was durable");
        ensure!(values.contains(&value), "sector {index} has {value}; it may have {values:?}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four sectors with the value 1 or 2, and what the guest said then.
    fn ledger(lines: &str) -> Ledger {
        let mut ledger = Ledger::new(4, &[1, 2]);
        lines.split("; ").for_each(|line| ledger.note(line).unwrap());
        ledger
    }

    #[test]
    fn a_write_that_was_only_done_may_be_lost_and_no_older_one_comes_back_then() {
        let mut ledger = ledger("write 3 0 1; done 3; write 4 0 1");
        ledger.power_was_cut();
        for value in [1, 2, 3, 4] {
            ledger.may_hold(0, value).unwrap();
        }
        ledger.answered(0, 3).unwrap();
        for value in [1, 2, 4] {
            ledger.may_hold(0, value).unwrap_err();
        }
    }

    #[test]
    fn a_flush_vouches_for_what_was_done_before_it_and_no_more() {
        let lines = "write 3 0 1; write 4 1 1; done 3; flush 5; done 4; flushed 5";
        let mut ledger = ledger(lines);
        ledger.power_was_cut();
        ledger.may_hold(0, 1).unwrap_err();
        ledger.may_hold(0, 3).unwrap();
        ledger.may_hold(1, 1).unwrap();
        ledger.may_hold(1, 4).unwrap();
        ledger.may_hold(2, 4).unwrap_err();
    }

    #[test]
    fn a_write_that_is_durable_when_it_ends_needs_no_flush() {
        let mut ledger = ledger("write 3 0 2; durable 3");
        ledger.power_was_cut();
        assert!(ledger.may_hold(1, 2).is_err() && ledger.may_hold(1, 3).is_ok());
    }

    #[test]
    fn a_read_sees_what_was_done_or_something_newer() {
        let lines = "write 3 0 1; done 3; read 4 0 1; write 5 0 1";
        ledger(lines).note("saw 4 3").unwrap();
        ledger(lines).note("saw 4 5").unwrap();
        ledger(lines).note("saw 4 2").unwrap_err();
        ledger(lines).note("saw 4 6").unwrap_err();
    }

    #[test]
    fn reads_do_not_go_back() {
        let mut ledger = ledger("write 3 0 1; read 4 0 1; saw 4 3; read 5 0 1");
        ledger.note("saw 5 2").unwrap_err();
    }

    #[test]
    fn after_a_clean_stop_nothing_that_was_done_may_be_missing() {
        let mut ledger = ledger("write 3 0 1; done 3");
        ledger.was_stopped().unwrap();
        ledger.may_hold(0, 2).unwrap_err();
        ledger.may_hold(0, 3).unwrap();
    }

    #[test]
    fn lines_of_others_mean_nothing() {
        let ledger = ledger("m0: 16 requests in 1 s; done; [ 0.1] INFO  x; write; ");
        assert_eq!((ledger.next(), ledger.sectors()), (3, 4));
    }
}
