//! `torture`: numbered requests by chance, and a line for each as it begins and as it ends.
//!
//! For a witness outside the machine. The witness keeps the lines and, after the power has
//! failed, checks whether the disks hold what the lines say. `cargo xtask soak` is one.
//!
//! Rules:
//!
//! - A request's line is printed before it is issued, and the line of its end after it ended.
//!   So a request without a line is on no disk, and a request that is said to be done, is done.
//! - Ends are printed in the order of the requests. `flushed N` vouches for all requests whose
//!   ends were printed before `flush N`; `durable N` vouches for its own write.
//! - Each sector that is written repeats its own address and its request's number, 8
//!   bytes each, little endian. Addresses count from the start of the device.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use bio::{Buf, BufCmd, Extent, SECTOR_SIZE, Sector, Sectors};
use bytes::BytesMut;
use dm::DeviceRef;
use shell::Span;
use shell::pattern::splitmix64;

use crate::arch::serial;
use crate::console::job::{Job, Ticket};
use crate::console::session::Session;
use crate::console::stream::io_failure;
use crate::console::{Failure, Outcome, devices};
use crate::kprintln;

/// Requests in flight.
const DEPTH: usize = 16;

/// The longest request, in blocks of the device.
const BLOCKS_MAX: u64 = 16;

/// One of this many requests is a flush, ...
const FLUSHES: u64 = 50;
/// ... one of this many is a read, ...
const READS: u64 = 4;
/// ... and one of this many writes is durable when it ends.
const FUAS: u64 = 30;

/// Bytes of a stamp: an address and a number.
const STAMP: usize = 16;

/// Issues `count` requests, numbered from `first` on.
pub fn torture(
    session: &mut Session<'_>,
    name: &str,
    span: Span,
    (first, count): (u64, u64),
    seed: u64,
) -> Outcome {
    let device = devices::open_for_writing(session.dm, name)?;
    let span = devices::extent(&device, span.offset(), span.length())?;
    let Some(end) = first.checked_add(count) else {
        return Err(Failure::new(format!("{count} requests from {first} on have no numbers left"))
            .and(&format!("the last number is {}; begin with a smaller one", u64::MAX)));
    };
    let summary = session.job(Sectors::ZERO, |job| {
        let mut torture = Torture {
            device: &device,
            span,
            block: Sectors::from_bytes(device.limits().block_size.into()).expect("whole sectors"),
            chance: seed,
            in_flight: VecDeque::with_capacity(DEPTH),
        };
        for number in first..end {
            job.go_on()?;
            if torture.in_flight.len() == DEPTH {
                torture.settle(job)?;
            }
            torture.issue(job, number)?;
        }
        while !torture.in_flight.is_empty() {
            torture.settle(job)?;
        }
        Ok(())
    })?;
    kprintln!("{name}: {count} requests in {}", shell::format::Elapsed(summary.elapsed));
    Ok(())
}

struct Torture<'d> {
    device: &'d DeviceRef,
    span: Extent,
    block: Sectors,
    chance: u64,
    /// In the order in which they were issued.
    in_flight: VecDeque<(u64, Ticket)>,
}

impl Torture<'_> {
    /// A number below `limit`.
    fn draw(&mut self, limit: u64) -> u64 {
        self.chance = splitmix64(self.chance);
        self.chance % limit
    }

    /// Some blocks of the span.
    fn somewhere(&mut self) -> Extent {
        let blocks = self.span.count().0 / self.block.0;
        let count = (1 + self.draw(BLOCKS_MAX)).min(blocks);
        let start = self.draw(blocks - count + 1);
        Extent::new(
            self.span.start() + Sectors(start * self.block.0),
            Sectors(count * self.block.0),
        )
    }

    fn issue(&mut self, job: &mut Job<'_>, number: u64) -> Outcome {
        let buf = if self.draw(FLUSHES) == 0 {
            kprintln!("flush {number}");
            Buf::flush()
        } else {
            let (is_read, extent) = (self.draw(READS) == 0, self.somewhere());
            let memory = job.memory(extent.count())?;
            let place = format!("{number} {} {}", extent.start().0, extent.count().0);
            if is_read {
                kprintln!("read {place}");
                Buf::read(extent, memory)
            } else {
                let data = stamped(extent, number, memory).freeze();
                kprintln!("write {place}");
                let write = if self.draw(FUAS) == 0 { Buf::write_fua } else { Buf::write };
                write(extent, data)
            }
        };
        // Wait until the text is on the line: in the UART it would be lost with the power.
        serial::await_line();
        self.in_flight.push_back((number, job.issue(self.device, buf)));
        Ok(())
    }

    /// Waits for the oldest request.
    fn settle(&mut self, job: &mut Job<'_>) -> Outcome {
        let Some((number, ticket)) = self.in_flight.pop_front() else { return Ok(()) };
        let (buf, result) = job.wait(ticket)?;
        let (cmd, extent) = (buf.cmd(), buf.extent());
        result.map_err(|error| io_failure(self.device, cmd, extent, error))?;
        match cmd {
            BufCmd::Read => {
                let memory = buf.into_read().expect("a read that succeeded has its memory");
                kprintln!("saw {number}{}", numbers(extent, &memory)?);
                job.recycle(memory);
            }
            BufCmd::Flush => kprintln!("flushed {number}"),
            BufCmd::Write { fua: true } => kprintln!("durable {number}"),
            BufCmd::Write { fua: false } | BufCmd::FreeBlks => kprintln!("done {number}"),
        }
        Ok(())
    }
}

/// What request `number` writes to `extent`, in memory of that length.
fn stamped(extent: Extent, number: u64, mut data: BytesMut) -> BytesMut {
    for (sector, bytes) in sectors(extent).zip(data.chunks_mut(SECTOR_SIZE)) {
        let stamp = stamp(sector, number);
        bytes.chunks_mut(STAMP).for_each(|piece| piece.copy_from_slice(&stamp));
    }
    data
}

/// The numbers of the requests that wrote the sectors, each after a blank; 0 for a sector
/// of nothing but zeroes.
fn numbers(extent: Extent, data: &[u8]) -> Result<String, Failure> {
    let mut numbers = String::new();
    for (sector, bytes) in sectors(extent).zip(data.chunks(SECTOR_SIZE)) {
        let number = u64::from_le_bytes(bytes[8..STAMP].try_into().expect("eight bytes"));
        let stamp = if number == 0 { [0; STAMP] } else { stamp(sector, number) };
        if bytes.chunks(STAMP).any(|piece| piece != stamp) {
            return Err(Failure::new(format!("sector {} is no request's", sector.0))
                .and("`torture` reads what it wrote, or zeroes: `fill` the place with 0 first"));
        }
        let _ = write!(numbers, " {number}");
    }
    Ok(numbers)
}

fn stamp(sector: Sector, number: u64) -> [u8; STAMP] {
    (u128::from(sector.0) | u128::from(number) << 64).to_le_bytes()
}

fn sectors(extent: Extent) -> impl Iterator<Item = Sector> {
    (extent.start().0..).map(Sector).take(extent.count().0 as usize)
}
