//! Long transfers: reads ahead and writes behind, so that the queue is never empty.
//!
//! Place: `fill`, `verify`, `copy` and `compare` are loops over a `Reader`, a `Writer` or
//! two of them; the requests and the memory are those of their `Job`.
//!
//! Rules:
//!
//! - Up to `DEPTH` requests of `CHUNK` are in flight for each reader and each writer.
//! - Chunks are handed out, and counted as done, in the order of their addresses: "done up to
//!   here" has no holes.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::sync::Arc;

use bio::{Buf, BufCmd, ErrorKind, Extent, IoError, Sector, Sectors};
use bytes::{Bytes, BytesMut};
use dm::DeviceRef;
use shell::format::Amount;

use super::Failure;
use super::job::{Job, Ticket};

/// The size of a request: long enough to be fast, short enough that Ctrl-C does not wait.
pub const CHUNK: Sectors = Sectors(512);

/// Requests in flight for each reader and writer.
pub const DEPTH: usize = 8;

/// The next chunk of `rest`, and the rest after it. Chunks end at multiples of their size.
fn cut(rest: Extent) -> (Extent, Extent) {
    let start = rest.start();
    let count = Sectors(CHUNK.0 - start.0 % CHUNK.0).min(rest.count());
    (Extent::new(start, count), Extent::new(start + count, rest.count() - count))
}

/// The chunks of `extent`, in order.
pub fn chunks(extent: Extent) -> impl Iterator<Item = Extent> {
    let mut rest = extent;
    core::iter::from_fn(move || {
        let chunk;
        (chunk, rest) = cut(rest);
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Reads an extent, ahead of the caller that takes its chunks.
pub struct Reader<'d> {
    device: &'d DeviceRef,
    rest: Extent,
    ahead: VecDeque<Ticket>,
}

impl<'d> Reader<'d> {
    /// A reader of `extent`; nothing is issued yet.
    pub fn new(device: &'d DeviceRef, extent: Extent) -> Reader<'d> {
        Reader { device, rest: extent, ahead: VecDeque::with_capacity(DEPTH) }
    }

    /// The next chunk and its contents; `None` at the end. Give the memory back to the job.
    pub fn next(&mut self, job: &mut Job<'_>) -> Result<Option<(Extent, BytesMut)>, Failure> {
        job.go_on()?;
        while self.ahead.len() < DEPTH && !self.rest.is_empty() {
            let chunk;
            (chunk, self.rest) = cut(self.rest);
            let buf = Buf::read(chunk, job.memory(chunk.count())?);
            self.ahead.push_back(job.issue(self.device, buf));
        }
        let Some(ticket) = self.ahead.pop_front() else { return Ok(None) };
        let (buf, result) = job.wait(ticket)?;
        let extent = buf.extent();
        result.map_err(|error| io_failure(self.device, BufCmd::Read, extent, error))?;
        let memory = buf.into_read().expect("a read that succeeded has its memory");
        Ok(Some((extent, memory)))
    }
}

/// Writes chunks, behind the caller that makes them.
pub struct Writer<'d> {
    device: &'d DeviceRef,
    behind: VecDeque<(Ticket, Bytes)>,
}

impl<'d> Writer<'d> {
    /// A writer.
    pub fn new(device: &'d DeviceRef) -> Writer<'d> {
        Writer { device, behind: VecDeque::with_capacity(DEPTH) }
    }

    /// Issues a write of `data` at `start`, once fewer than `DEPTH` are in flight.
    pub fn write(
        &mut self,
        job: &mut Job<'_>,
        start: Sector,
        data: BytesMut,
    ) -> Result<(), Failure> {
        if self.behind.len() == DEPTH {
            self.settle(job)?;
        }
        let count = Sectors::from_bytes(data.len() as u64).expect("whole sectors");
        let data = data.freeze();
        let buf = Buf::write(Extent::new(start, count), data.clone());
        self.behind.push_back((job.issue(self.device, buf), data));
        Ok(())
    }

    /// Waits for the writes and counts them as done, up to the first failure. The failure is
    /// returned once.
    pub fn finish(mut self, job: &mut Job<'_>) -> Result<(), Failure> {
        while !self.behind.is_empty() {
            self.settle(job)?;
        }
        Ok(())
    }

    /// Waits for the oldest write, and counts it as done.
    fn settle(&mut self, job: &mut Job<'_>) -> Result<(), Failure> {
        let Some((ticket, data)) = self.behind.pop_front() else { return Ok(()) };
        let (buf, result) = job.wait(ticket)?;
        let (cmd, extent) = (buf.cmd(), buf.extent());
        drop(buf);
        // If the device gave up on the write, it may still hold the memory; then it cannot be
        // used again.
        if let Ok(memory) = data.try_into_mut() {
            job.recycle(memory);
        }
        if let Err(error) = result {
            // Writes behind a hole do not count as done.
            self.behind.clear();
            return Err(io_failure(self.device, cmd, extent, error));
        }
        job.advance(extent.count());
        Ok(())
    }
}

/// The message to a person about a failed request.
pub fn io_failure(device: &DeviceRef, cmd: BufCmd, extent: Extent, error: IoError) -> Failure {
    let name: Arc<str> = device.name();
    let what = match cmd {
        BufCmd::Read => "read",
        BufCmd::Write { .. } => "write",
        BufCmd::Flush => return Failure::new(format!("cannot flush {name}: {}", error.kind)),
        BufCmd::FreeBlks => "discard",
    };
    let offset = extent.start().0.saturating_mul(bio::SECTOR_SIZE as u64);
    let length = Amount(extent.count().bytes() as u64);
    let failure =
        Failure::new(format!("cannot {what} {name} at {offset:#x} ({length}): {}", error.kind));
    match error.kind {
        ErrorKind::Media | ErrorKind::Timeout | ErrorKind::Gone => {
            failure.and("`disks` shows the state of the disks, `mirror status` that of legs")
        }
        _ => failure,
    }
}
