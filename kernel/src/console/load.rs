//! A load: a closed loop of requests to one device, each of them timed.
//!
//! Place: `bench` makes one and runs it as a job.
//!
//! Rules:
//!
//! - The same number of requests is in flight at any time: as one ends, the next is issued.
//! - Nothing is allocated and nothing printed from the first request to the last, so the cost
//!   of a request is the cost of the device.
//! - A request's time begins before it is issued and ends in its completion.
//! - `run` returns when nothing is in flight, unless Ctrl-C was pressed twice.
//! - Between its two marks it does nothing but that.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use bio::sync::{Lock, Rank};
use bio::{Bio, Buf, BufCmd, BufDone, Extent, Histogram, IoResult, Sectors};
use bytes::{Bytes, BytesMut};
use dm::DeviceRef;
use shell::Pattern;
use shell::load::{Operation, Until};
use shell::pattern::splitmix64;

use super::job::{Job, LOOK_FOR_CTRL_C};
use super::session::room;
use super::stream::io_failure;
use super::{Failure, plural};
use crate::arch::{clock, mark};
use crate::disks;
use crate::task::{WaitChan, with_reserve};

/// The most requests in flight.
pub const LOAD_DEPTH_MAX: u64 = 1024;

/// What to do, in the device's terms.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What requests do.
    pub operation: Operation,
    /// They go to places by chance, the same places in each run.
    pub random: bool,
    /// The part of the device that they go to: a whole number of requests, at least one.
    pub extent: Extent,
    /// The length of a request.
    pub length: Sectors,
    /// Requests in flight, at most [`LOAD_DEPTH_MAX`].
    pub depth: usize,
    /// When it ends.
    pub until: Until,
    /// A flush is issued after this many requests.
    pub flush_every: Option<u64>,
}

/// What a load did.
#[derive(Debug, Default)]
pub struct Measured {
    /// Reads that ended.
    pub reads: u64,
    /// Writes that ended.
    pub writes: u64,
    /// How long each of them took.
    pub times: Box<Histogram>,
    /// How long each flush took.
    pub flush_times: Box<Histogram>,
    /// From the first request to the end of the last.
    pub elapsed: Duration,
}

impl Measured {
    /// Reads and writes.
    pub fn requests(&self) -> u64 {
        self.reads + self.writes
    }
}

/// A request that ended, and when.
struct End {
    slot: usize,
    buf: Buf,
    result: IoResult,
    at: u64,
}

/// Where requests end, in any thread.
struct Ends {
    list: Lock<Vec<End>>,
    chan: WaitChan,
}

impl BufDone for Ends {
    fn buf_done(self: Arc<Self>, buf: Buf, slot: u64, result: IoResult) {
        let end = End { slot: slot as usize, buf, result, at: clock::now() };
        let is_first = {
            let mut list = self.list.lock();
            list.push(end);
            list.len() == 1
        };
        if is_first {
            self.chan.wakeup_one();
        }
    }
}

/// A place for one request at a time.
struct Slot {
    issued_at: u64,
    /// The memory for reads; `None` while a read is in flight.
    memory: Option<BytesMut>,
}

/// A load that is ready to run.
pub struct Load<'d> {
    device: &'d DeviceRef,
    plan: Plan,
    ends: Arc<Ends>,
    /// The ended requests that are being looked at.
    ended: Vec<End>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// The data of all writes.
    data: Bytes,
    /// Reads and writes issued so far.
    issued: u64,
    /// The same number at the last flush.
    flushed_at: u64,
    measured: Measured,
    /// The first failure.
    failed: Option<Failure>,
}

impl<'d> Load<'d> {
    /// Takes all memory that `plan` needs. Fails if only the reserve has room.
    pub fn new(device: &'d DeviceRef, plan: Plan, job: &mut Job<'_>) -> Result<Load<'d>, Failure> {
        let depth = plan.depth;
        room(2 * size_of::<Histogram>() + depth * (2 * size_of::<End>() + size_of::<Slot>() + 8))?;
        let measured = Measured::default();
        let mut slots = Vec::with_capacity(depth);
        for _ in 0..depth {
            let reads = plan.operation != Operation::Write;
            let memory = reads.then(|| job.memory(plan.length)).transpose()?;
            slots.push(Slot { issued_at: 0, memory });
        }
        let mut data = BytesMut::new();
        if plan.operation.writes() {
            data = job.memory(plan.length)?;
            Pattern::Seq.fill(0, &mut data);
        }
        let list = Lock::new(Rank::ORIGINATOR, Vec::with_capacity(depth));
        let data = data.freeze();
        // The first clone allocates the count of holders, so it is made here.
        drop(data.clone());
        Ok(Load {
            device,
            plan,
            ends: Arc::new(Ends { list, chan: WaitChan::new("bench") }),
            ended: Vec::with_capacity(depth),
            slots,
            free: (0..depth).rev().collect(),
            data,
            issued: 0,
            flushed_at: 0,
            measured,
            failed: None,
        })
    }

    /// Keeps the device busy until the plan's end. Fails if a request fails or Ctrl-C is
    /// pressed; even then it waits for the requests in flight.
    pub fn run(mut self, job: &mut Job<'_>) -> Result<Measured, Failure> {
        let began = clock::now();
        mark::begin();
        let driven = self.drive(job, began);
        let settled = self.settle_all(job);
        mark::end();
        self.measured.elapsed = Duration::from_nanos(clock::now() - began);
        let failed = self.failed.take().map_or(Ok(()), Err);
        let Err(mut failure) = failed.and(driven).and(settled) else { return Ok(self.measured) };
        failure.add(&format!("until then: {}", plural(self.measured.requests(), "request")));
        let left = self.in_flight() as u64;
        if left > 0 {
            failure.add(&format!("left in flight: {}", plural(left, "request")));
        }
        Err(failure)
    }

    fn in_flight(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Issues all requests, until one has failed. Fails if Ctrl-C is pressed.
    fn drive(&mut self, job: &mut Job<'_>, began: u64) -> Result<(), Failure> {
        let (mut now, mut looked_at) = (began, began);
        while self.wants_more(now - began) && self.failed.is_none() {
            if now - looked_at >= LOOK_FOR_CTRL_C.as_nanos() as u64 {
                looked_at = now;
                job.go_on()?;
            }
            let batch = disks::plug();
            while self.wants_more(now - began)
                && let Some(slot) = self.free.pop()
            {
                self.issue(slot);
            }
            drop(batch);
            self.settle(job)?;
            now = clock::now();
        }
        Ok(())
    }

    /// Whether the plan has another request after `elapsed` nanoseconds.
    fn wants_more(&self, elapsed: u64) -> bool {
        match self.plan.until {
            Until::Requests(count) => self.issued < count || self.owes_flush(),
            Until::Seconds(seconds) => u128::from(elapsed) < u128::from(seconds) * 1_000_000_000,
        }
    }

    /// Whether a flush is due.
    fn owes_flush(&self) -> bool {
        self.plan.flush_every.is_some_and(|every| self.issued - self.flushed_at >= every)
    }

    /// Issues the next request from a free slot.
    fn issue(&mut self, slot: usize) {
        let buf = if self.owes_flush() {
            self.flushed_at = self.issued;
            Buf::flush()
        } else {
            let buf = self.transfer(slot);
            self.issued += 1;
            buf
        };
        let bio_done = self.ends.clone();
        self.slots[slot].issued_at = clock::now();
        with_reserve(|| self.device.strategy(Bio::new(buf, bio_done, slot as u64)));
    }

    /// The next read or write.
    fn transfer(&mut self, slot: usize) -> Buf {
        let Plan { operation, random, extent, length, .. } = self.plan;
        let places = extent.count().0 / length.0;
        let number = if random { splitmix64(self.issued) } else { self.issued };
        let start = extent.start() + Sectors(number % places * length.0);
        let place = Extent::new(start, length);
        let is_read = match operation {
            Operation::Read => true,
            Operation::Write => false,
            Operation::Mix => self.issued.is_multiple_of(2),
        };
        if is_read {
            let memory = self.slots[slot].memory.take();
            Buf::read(place, memory.expect("a free slot has its memory"))
        } else {
            Buf::write(place, self.data.clone())
        }
    }

    /// Waits for the end of all requests in flight. Fails if Ctrl-C was pressed twice.
    fn settle_all(&mut self, job: &mut Job<'_>) -> Result<(), Failure> {
        while self.in_flight() > 0 {
            self.settle(job)?;
        }
        Ok(())
    }

    /// Waits until a request has ended, and takes all that have. Fails if Ctrl-C was pressed
    /// twice.
    fn settle(&mut self, job: &mut Job<'_>) -> Result<(), Failure> {
        let (ends, ended) = (&self.ends, &mut self.ended);
        job.wait_for(|may_sleep| {
            let ready = || {
                let mut list = ends.list.lock();
                (!list.is_empty()).then(|| mem::swap(&mut *list, ended))
            };
            ends.chan.wait_until_timeout(may_sleep, LOOK_FOR_CTRL_C, ready).ok()
        })?;
        let mut ended = mem::take(&mut self.ended);
        ended.drain(..).for_each(|end| self.note(end));
        self.ended = ended;
        Ok(())
    }

    /// Counts the end of a request.
    fn note(&mut self, End { slot, buf, result, at }: End) {
        let (cmd, extent) = (buf.cmd(), buf.extent());
        self.free.push(slot);
        if let Err(error) = result {
            self.failed.get_or_insert_with(|| io_failure(self.device, cmd, extent, error));
            return;
        }
        let slot = &mut self.slots[slot];
        let time = Duration::from_nanos(at - slot.issued_at);
        let times = match cmd {
            BufCmd::Flush => &mut self.measured.flush_times,
            BufCmd::Read => {
                slot.memory = buf.into_read();
                self.measured.reads += 1;
                &mut self.measured.times
            }
            BufCmd::Write { .. } | BufCmd::FreeBlks => {
                self.measured.writes += 1;
                &mut self.measured.times
            }
        };
        times.record(time);
    }
}
