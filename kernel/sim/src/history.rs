//! Requests and answers, judged as they happen.
//!
//! Place: the originator of the clients' requests, and the oracle of every run. `linear.rs`
//! judges one sector.
//!
//! Rules:
//!
//! - Every write has a stamp of its own. Every answer is judged when it comes. The first
//!   violation stays.
//! - A request ends once. After a [`crash`](History::crash) earlier requests are dead: their
//!   ends mean nothing.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use bio::sync::{Lock, Rank};
use bio::{Bio, Buf, BufDone, ErrorKind, Extent, IoResult, SECTOR_SIZE, Sector};
use bytes::BytesMut;

use crate::cache::Content;
use crate::digest::Digest;
use crate::linear::{Register, WriteEnd};
use crate::moment::Moment;
use crate::stamp::{self, OpId, Stamp};
use crate::violation::Violation;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Read these sectors.
    Read(Extent),
    /// Write them.
    Write(Extent),
    /// Write them, durable when it ends.
    WriteFua(Extent),
    /// Make durable what ended before.
    Flush,
    /// Zero these sectors; only of a device that [can](bio::Limits::discard).
    Discard(Extent),
}

impl Op {
    /// The stamp that this request, number `id`, leaves at `sector`.
    fn stamp(self, id: OpId, sector: Sector) -> Stamp {
        match self {
            Op::Discard(_) => Stamp::discard(id, sector),
            _ => Stamp::of(id, sector),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Read(extent) => write!(f, "read {extent}"),
            Op::Write(extent) => write!(f, "write {extent}"),
            Op::WriteFua(extent) => write!(f, "write with FUA {extent}"),
            Op::Flush => f.pad("flush"),
            Op::Discard(extent) => write!(f, "discard {extent}"),
        }
    }
}

/// All requests of a run and all its answers.
pub struct History(Lock<State>);

struct State {
    sectors: Vec<Register>,
    ops: Vec<Record>,
    /// The first request in `ops`. Earlier ones are forgotten.
    first: OpId,
    open: usize,
    /// Counts beginnings and ends.
    now: Moment,
    /// The first request after the last crash.
    alive: OpId,
    /// How many requests failed since the last crash.
    errors: u32,
    /// How many writes and flushes succeeded, ...
    acknowledged: u64,
    /// ... and how many of them promised more than those before: a second flush in a row does
    /// not.
    promised: u64,
    /// Writes have succeeded since the last flush did.
    unflushed: bool,
    /// The latest request that failed.
    error: Option<(OpId, ErrorKind)>,
    violation: Option<Violation>,
    /// What happened, in words, if somebody wants to read it.
    journal: Option<Vec<String>>,
}

/// A request of a client, and its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub id: OpId,
    /// The operation.
    pub op: Op,
    /// How it ended; `None` while it is open.
    pub result: Option<IoResult>,
    /// It was issued before the last crash.
    pub dead: bool,
}

struct Record {
    op: Op,
    begun: Moment,
    result: Option<IoResult>,
}

impl History {
    /// No request yet, on a device whose sectors durably hold `contents`. If no `losses` can
    /// come, by crashes or while it runs, it remembers less.
    pub fn new(contents: impl Iterator<Item = Stamp>, losses: bool) -> Arc<History> {
        Arc::new(History(Lock::new(
            Rank::ORIGINATOR,
            State {
                sectors: contents.map(|stamp| Register::new(stamp, losses)).collect(),
                ops: Vec::new(),
                first: 0,
                open: 0,
                now: 0,
                alive: 0,
                errors: 0,
                acknowledged: 0,
                promised: 0,
                unflushed: false,
                error: None,
                violation: None,
                journal: None,
            },
        )))
    }

    /// Begins a request. The caller passes the bio to the device.
    ///
    /// Panics if the extent does not fit the device.
    pub fn begin(self: &Arc<Self>, op: Op) -> (OpId, Bio) {
        let id = self.0.lock().begin(op);
        let buf = match op {
            Op::Read(extent) => {
                let mut memory = BytesMut::zeroed(extent.count().bytes());
                let unread = |sector| stamp::fill(sector, Stamp::unread(id));
                memory.chunks_exact_mut(SECTOR_SIZE).for_each(unread);
                Buf::read(extent, memory)
            }
            Op::Write(extent) | Op::WriteFua(extent) => {
                let mut memory = vec![0; extent.count().bytes()];
                stamp::fill_write(&mut memory, id, extent.start());
                match op {
                    Op::WriteFua(_) => Buf::write_fua(extent, memory.into()),
                    _ => Buf::write(extent, memory.into()),
                }
            }
            Op::Flush => Buf::flush(),
            Op::Discard(extent) => Buf::freeblks(extent),
        };
        (id, Bio::new(buf, self.clone(), u64::from(id)))
    }

    /// Keeps a journal in words from now on.
    pub fn keep_journal(&self) {
        self.0.lock().journal = Some(Vec::new());
    }

    /// Whether it keeps a journal.
    pub fn keeps_journal(&self) -> bool {
        self.0.lock().journal.is_some()
    }

    /// Adds a line, if a journal is kept.
    pub fn note(&self, line: impl FnOnce() -> String) {
        self.0.lock().note(line);
    }

    /// The journal so far.
    pub fn take_journal(&self) -> Vec<String> {
        self.0.lock().journal.take().unwrap_or_default()
    }

    /// Keeps those of `ids` that have neither ended nor died in a crash. Returns how many
    /// requests failed since the last crash.
    pub(crate) fn keep_open(&self, ids: &mut [Option<OpId>]) -> u32 {
        let state = self.0.lock();
        for id in ids {
            *id = id.filter(|&id| id >= state.alive && state.record(id).result.is_none());
        }
        state.errors
    }

    /// How many requests have not ended.
    pub fn open(&self) -> usize {
        self.0.lock().open
    }

    /// How many writes and flushes succeeded so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.0.lock().acknowledged
    }

    /// How many of these promised more than those before: a flush with nothing to flush does
    /// not.
    pub(crate) fn promised(&self) -> u64 {
        self.0.lock().promised
    }

    /// Whether this request is a flush.
    pub(crate) fn is_flush(&self, id: OpId) -> bool {
        matches!(self.0.lock().record(id).op, Op::Flush)
    }

    /// The requests that have not ended.
    pub fn open_ops(&self) -> Vec<OpId> {
        let state = self.0.lock();
        let open = |id: &OpId| state.record(*id).result.is_none();
        (state.alive..state.next()).filter(open).collect()
    }

    /// All requests so far, the oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        let state = self.0.lock();
        let asked = |(id, record): (OpId, &Record)| {
            let Record { op, result, .. } = *record;
            Asked { id, op, result, dead: id < state.alive }
        };
        (state.first..).zip(&state.ops).map(asked).collect()
    }

    /// What a read of this sector that begins now may answer, and what it may answer after a
    /// crash at this moment.
    pub fn may_hold(&self, sector: Sector) -> (Vec<Stamp>, Vec<Stamp>) {
        let state = self.0.lock();
        let register = &state.sectors[sector.0 as usize];
        (register.may_show(), register.may_survive())
    }

    /// The first violation so far, and the latest request that failed since
    /// this was last asked.
    pub fn news(&self) -> (Option<Violation>, Option<(OpId, ErrorKind)>) {
        let mut state = self.0.lock();
        (state.violation.clone(), state.error.take())
    }

    /// The history after a crash at this moment, to go on with elsewhere.
    pub(crate) fn after_crash(&self) -> Arc<History> {
        let state = self.0.lock();
        let mut sectors = state.sectors.clone();
        sectors.iter_mut().for_each(|sector| sector.crash());
        Arc::new(History(Lock::new(
            Rank::ORIGINATOR,
            State {
                sectors,
                ops: Vec::new(),
                first: state.next(),
                open: 0,
                now: state.now,
                alive: state.next(),
                errors: 0,
                acknowledged: state.acknowledged,
                promised: state.promised,
                unflushed: state.unflushed,
                error: None,
                violation: None,
                journal: state.journal.clone(),
            },
        )))
    }

    /// Counts beginnings and ends: while it is the same, nothing was asked or answered.
    pub(crate) fn moment(&self) -> Moment {
        self.0.lock().now
    }

    /// A fingerprint of what may be read after a crash. Only for a history made by
    /// [`after_crash`](History::after_crash).
    pub(crate) fn digest(&self) -> u128 {
        let mut digest = Digest::new();
        self.0.lock().sectors.iter().for_each(|sector| sector.hash_left(&mut digest));
        digest.sum()
    }

    /// The device loses some or all of the data that no flush covers, and runs on. A flush has
    /// to tell.
    pub fn lose(&self) {
        let mut state = self.0.lock();
        let now = state.tick();
        state.sectors.iter_mut().for_each(|sector| sector.lose(now));
    }

    /// The device is gone, and another one is made over the same legs. The new one knows of no
    /// loss: the user has to assume that everything no flush covers is lost.
    pub(crate) fn part(&self) {
        let mut state = self.0.lock();
        let now = state.tick();
        for sector in &mut state.sectors {
            // As if a flush had told. A flush that fails denies nothing.
            let _ = sector.end_flush(now, true, now);
        }
    }

    /// The machine crashes.
    pub fn crash(&self) {
        let mut state = self.0.lock();
        state.sectors.iter_mut().for_each(|sector| sector.crash());
        state.alive = state.next();
        state.open = 0;
        (state.errors, state.error) = (0, None);
    }
}

impl BufDone for History {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        self.0.lock().end(info as OpId, buf.into_read(), result);
    }
}

impl State {
    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(journal) = &mut self.journal {
            journal.push(line());
        }
    }

    fn next(&self) -> OpId {
        self.first + self.ops.len() as OpId
    }

    fn record(&self, id: OpId) -> &Record {
        &self.ops[(id - self.first) as usize]
    }

    fn tick(&mut self) -> Moment {
        self.now += 1;
        self.now
    }

    fn begin(&mut self, op: Op) -> OpId {
        let (id, begun) = (self.next(), self.tick());
        match op {
            Op::Read(extent) => {
                self.judged(extent).for_each(|(_, sector)| sector.begin_read(begun));
            }
            Op::Write(extent) | Op::WriteFua(extent) | Op::Discard(extent) => {
                for (at, sector) in self.judged(extent) {
                    sector.begin_write(op.stamp(id, at));
                }
            }
            Op::Flush => {
                self.sectors.iter_mut().for_each(|sector| sector.begin_flush(begun));
            }
        }
        self.note(|| format!("request {id} begins: {op}"));
        self.ops.push(Record { op, begun, result: None });
        self.open += 1;
        id
    }

    fn end(&mut self, id: OpId, memory: Option<BytesMut>, result: IoResult) {
        if id < self.alive {
            return;
        }
        let now = self.tick();
        let record = &mut self.ops[(id - self.first) as usize];
        let (op, begun) = (record.op, record.begun);
        if record.result.replace(result).is_some() {
            return self.violated(Violation::EndedTwice(id));
        }
        self.open -= 1;
        self.note(|| format!("request {id} ends: {}", Told(result, memory.as_deref())));
        if let Err(error) = result {
            self.errors += 1;
            self.error = Some((id, error.kind));
        }
        if result.is_ok() && !matches!(op, Op::Read(_)) {
            let flush = matches!(op, Op::Flush);
            self.acknowledged += 1;
            self.promised += u64::from(!flush || self.unflushed);
            self.unflushed = !flush;
        }
        match op {
            Op::Read(_) if result.is_ok() && memory.is_none() => {
                self.violated(Violation::MemoryLost(id));
            }
            Op::Read(extent) => {
                let seen = memory.filter(|_| result.is_ok());
                self.end_read(Answer { op: id, begun, now }, extent, seen.as_deref());
            }
            Op::Write(extent) | Op::WriteFua(extent) | Op::Discard(extent) => {
                self.end_write(id, op, extent, now, result);
            }
            Op::Flush => self.end_flush(id, begun, now, result.is_err()),
        }
    }

    fn end_flush(&mut self, op: OpId, begun: Moment, now: Moment, failed: bool) {
        let mut lied = None;
        for (sector, at) in self.sectors.iter_mut().zip((0..).map(Sector)) {
            if let Err(lost) = sector.end_flush(begun, failed, now) {
                lied.get_or_insert(Violation::Denied { op, sector: at, lost });
            }
        }
        if let Some(lied) = lied {
            self.violated(lied);
        }
    }

    fn end_write(&mut self, id: OpId, op: Op, extent: Extent, now: Moment, result: IoResult) {
        let durable = matches!(op, Op::WriteFua(_));
        let end = match result.map_err(|error| error.kind) {
            Ok(()) => WriteEnd::Done { durable },
            Err(ErrorKind::Timeout) => WriteEnd::TimedOut,
            Err(_) => WriteEnd::Failed,
        };
        for (at, sector) in self.judged(extent) {
            sector.end_write(op.stamp(id, at), end, now);
        }
    }

    /// `seen` is what the read returned, unless it failed.
    fn end_read(&mut self, answer: Answer, extent: Extent, seen: Option<&[u8]>) {
        let mut broken = None;
        for ((at, sector), nth) in self.judged(extent).zip(0..) {
            let seen = seen.map(|memory| &memory[nth * SECTOR_SIZE..][..SECTOR_SIZE]);
            if let Err(violation) = answer.judge(at, sector, seen) {
                broken.get_or_insert(violation);
            }
        }
        if let Some(violation) = broken {
            self.violated(violation);
        }
    }

    fn judged(&mut self, extent: Extent) -> impl Iterator<Item = (Sector, &mut Register)> {
        let (from, to) = (extent.start().0 as usize, extent.end().0 as usize);
        (extent.start().0..).map(Sector).zip(&mut self.sectors[from..to])
    }

    fn violated(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }
}

/// The end of a read.
#[derive(Clone, Copy)]
struct Answer {
    op: OpId,
    begun: Moment,
    now: Moment,
}

impl Answer {
    /// Judges what was read of one sector. A read that failed has read nothing.
    fn judge(
        self,
        at: Sector,
        sector: &mut Register,
        seen: Option<&[u8]>,
    ) -> Result<(), Violation> {
        let Answer { op, begun, now } = self;
        let Some(seen) = seen else {
            return sector.end_read(begun, None, now).or(Ok(()));
        };
        let seen = stamp::read(seen).map_err(|_| Violation::Torn(op, at))?;
        if !seen.belongs_at(at) {
            return Err(Violation::Foreign(op, at, seen));
        }
        let unexplained = |possible| Violation::Unexplained { op, sector: at, seen, possible };
        sector.end_read(begun, Some(seen), now).map_err(unexplained)
    }
}

/// How a request ended, in words: its error, or what it read.
struct Told<'a>(IoResult, Option<&'a [u8]>);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Err(error), _) => write!(f, "{error}"),
            (Ok(()), Some(memory)) => {
                f.write_str("read")?;
                let mut sectors = memory.chunks_exact(SECTOR_SIZE);
                sectors.try_for_each(|sector| write!(f, " {}", Content::of(sector)))
            }
            (Ok(()), None) => f.pad("done"),
        }
    }
}
