//! The disk's queue: bios become requests to the device and come back as results.
//!
//! Place: behind the disk's lock. Nothing here calls out: bios that ended leave through a
//! [`Batch`], and are completed after the lock was released.
//!
//! The life of a bio: [`Queue::submit`] issues it, or puts it behind those that wait for a
//! slot. [`Queue::harvest`] finds its request answered. If the bio has more to do (it was too
//! long for one request, or a FUA write needs its flush), it is issued again from the slot
//! that just became free; otherwise it ends. When the disk is barred, `harvest` ends every bio
//! without waiting for the device. When the disk is to leave, it ends those that the device
//! does not have.

use alloc::collections::VecDeque;

use arrayvec::ArrayVec;
use bio::{Bio, BufCmd, ErrorKind, IoError, IoResult, Memory, Sectors, WriteCache};
use bytes::BytesMut;
use virtio_drivers::Hal;
use virtio_drivers::transport::InterruptStatus;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::super::ring::{Agreement, HEADER_WORDS_MAX, Kick, Look, Ring, Used};
use super::super::{Device, Failure, SetupError};
use super::config::{Config, Features};
use super::status::{Counts, SERIAL_BYTES, Serial, State};

/// Bios that can wait for a slot before the list has to grow.
const WAITING_RESERVE: usize = 1024;
/// The most bios that end each time the lock is taken.
const BATCH: usize = 32;
/// The disk's only queue.
const QUEUE: u16 = 0;

// Request types (virtio 1.2, 5.2.6).
const IN: u64 = 0;
const OUT: u64 = 1;
const FLUSH: u64 = 4;
const GET_ID: u64 = 8;
const WRITE_ZEROES: u64 = 13;
/// In the flags of a WRITE_ZEROES segment: the device may deallocate.
const UNMAP: u64 = 1;
// Answers (5.2.6).
const OK: u8 = 0;
const UNSUPPORTED: u8 = 2;

/// What left the queue while its lock was held. It is dealt with after the release.
pub(super) type Batch = ArrayVec<Ended, BATCH>;

/// Something that left the queue.
pub(super) enum Ended {
    /// A bio, to be completed.
    Bio(Bio, IoResult),
    /// A bio that failed before anything was done.
    Untouched(Bio, ErrorKind),
    /// Memory that came back after its bio had been completed without it.
    Late(Memory),
}

/// A request at the device.
pub(super) struct Job {
    work: Work,
    /// The tick at which the device got it.
    since: u64,
}

enum Work {
    /// GET_ID, the driver's own.
    Identify,
    Transfer(Transfer),
}

/// A bio at the device.
struct Transfer {
    bio: Bio,
    /// Sectors done by earlier requests.
    done: Sectors,
    /// Sectors of the request at the device.
    part: Sectors,
    /// Everything is written; the device flushes.
    flushing: bool,
}

pub(super) struct Queue<H: Hal, D: Device> {
    /// `None` once it was released: another device may answer in its place.
    pub(super) device: Option<D>,
    /// Where the device is, or was.
    pub(super) at: DeviceFunction,
    pub(super) ring: Ring<H, Job>,
    config: Config,
    /// Bios that found no slot, the oldest first. Empty while a slot is free.
    waiting: VecDeque<Bio>,
    pub(super) state: State,
    /// How often the watchdog ran.
    ticks: u64,
    /// The ring at the last glance.
    pub(super) looked: Look,
    /// Glances since the ring moved.
    pub(super) still: u64,
    /// What the device said to GET_ID. `None` before it has answered.
    pub(super) serial: Option<Serial>,
    pub(super) counts: Counts,
}

impl<H: Hal, D: Device> Queue<H, D> {
    /// Sets up the queue of a device that has agreed to its features.
    pub(super) fn new(mut device: D, config: Config) -> Result<Queue<H, D>, SetupError> {
        let agreed = Agreement {
            event_idx: config.features.contains(Features::EVENT_IDX),
            indirect: config.features.contains(Features::INDIRECT_DESC),
            segments: config.segments,
            segment_bytes: config.segment_bytes,
        };
        let ring = Ring::new(&mut device, QUEUE, agreed)?;
        Ok(Queue {
            at: device.at(),
            device: Some(device),
            ring,
            config,
            waiting: VecDeque::with_capacity(WAITING_RESERVE),
            state: State::Ready,
            ticks: 0,
            looked: Look::default(),
            still: 0,
            serial: None,
            counts: Counts::default(),
        })
    }

    pub(super) fn in_flight(&self) -> usize {
        self.ring.in_flight()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Starts the device, if it is well. If not, its queue is the driver's again: a device
    /// leaves a queue alone until it gets DRIVER_OK (virtio 1.2, 3.1.1).
    pub(super) fn start(&mut self) -> Result<(), Failure> {
        let device = self.device.as_mut().ok_or(Failure::Gone)?;
        if let Err(failure) = device.health() {
            self.ring.reclaim();
            return Err(failure);
        }
        device.finish_init();
        self.identify();
        Ok(())
    }

    /// Asks the device for its serial number; it comes with a later `harvest`.
    fn identify(&mut self) {
        let memory = Memory::Unique(BytesMut::zeroed(SERIAL_BYTES));
        let job = Job { work: Work::Identify, since: self.ticks };
        self.ring.push(&[GET_ID, 0], memory, 0..SERIAL_BYTES, job);
        self.kick();
    }

    /// Takes a bio that fits the disk. A bio that needs no device comes back at once. The
    /// device learns of the others at the next [`kick`](Queue::kick).
    pub(super) fn submit(&mut self, bio: Bio) -> Option<Ended> {
        self.count(bio.cmd());
        if let Some(kind) = self.state.refusal() {
            return Some(self.fail_whole(bio, kind));
        }
        if bio.cmd() == BufCmd::Flush && !self.config.features.contains(Features::FLUSH) {
            // There is no FLUSH command to send; the disk's limits say what its writes are
            // worth.
            return Some(Ended::Bio(bio, Ok(())));
        }
        if self.ring.has_room() {
            self.take(bio);
        } else {
            self.waiting.push_back(bio);
        }
        None
    }

    /// Collects what the device has done and gives it what waits. An empty batch means that
    /// nothing was done, and that the device will interrupt when something is.
    pub(super) fn harvest(&mut self, batch: &mut Batch) {
        if !matches!(self.state, State::Barred(Failure::Fault(_))) {
            self.reap(batch);
        }
        match (self.state.error(), self.state.refusal()) {
            (None, None) => {
                while self.ring.has_room() {
                    let Some(bio) = self.waiting.pop_front() else { break };
                    self.take(bio);
                }
                self.kick();
            }
            (None, Some(kind)) => {
                self.refuse_waiting(kind, batch);
                self.kick();
            }
            (Some(kind), refusal) => {
                self.give_up(kind, batch);
                self.refuse_waiting(refusal.unwrap_or(kind), batch);
            }
        }
    }

    /// No more requests are taken, for `failure`, and all it has will fail. The first reason
    /// stands.
    pub(super) fn bar(&mut self, failure: Failure) {
        if !matches!(self.state, State::Barred(_)) {
            self.state = State::Barred(failure);
        }
    }

    /// Takes no more requests; those at the device end as usual.
    pub(super) fn leave(&mut self) {
        if self.state == State::Ready {
            self.state = State::Leaving;
        }
    }

    /// Whether no bio is left here. The device may still hold what it was lent.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.ring.values().next().is_none()
    }

    /// The device, as long as what it says of itself is believed.
    pub(super) fn believed(&mut self) -> Option<&mut D> {
        match self.state {
            State::Ready | State::Leaving => self.device.as_mut(),
            State::Barred(_) => None,
        }
    }

    /// The watchdog's look at the device: bars it if it is not well, or if it has held a
    /// request for more than `timeout` ticks.
    pub(super) fn tick(&mut self, timeout: u64) {
        self.ticks += 1;
        let Some(device) = self.believed() else { return };
        if let Err(failure) = device.health() {
            self.bar(failure);
            return;
        }
        let overdue = self.ring.held().filter(|(job, _)| self.ticks - job.since > timeout);
        if let Some((_, fetched)) = overdue.min_by_key(|(job, _)| job.since) {
            self.bar(Failure::Timeout(fetched));
        }
    }

    /// Kicks the device if it wants to be told of the requests.
    pub(super) fn kick(&mut self) {
        if let Some(kick) = self.ring.wants_kick() {
            self.counts.kicks += 1;
            self.counts.late_kicks += u64::from(kick == Kick::Late);
            self.notify();
        }
    }

    /// Why the device raised its line; asking lowers the line. Returns nothing, and asks
    /// nothing, if the device is no longer ours: then another device raised the line, and would
    /// lose its interrupt.
    pub(super) fn acknowledge(&mut self) -> InterruptStatus {
        self.device.as_mut().map_or(InterruptStatus::empty(), D::ack_interrupt)
    }

    /// Tells the device of requests, if it is still ours.
    pub(super) fn notify(&mut self) {
        if let Some(device) = &mut self.device {
            device.notify(QUEUE);
        }
    }

    fn count(&mut self, cmd: BufCmd) {
        *match cmd {
            BufCmd::Read => &mut self.counts.reads,
            BufCmd::Write { .. } => &mut self.counts.writes,
            BufCmd::Flush => &mut self.counts.flushes,
            BufCmd::FreeBlks => &mut self.counts.discards,
        } += 1;
    }

    /// Takes a bio's memory and issues its first request.
    fn take(&mut self, mut bio: Bio) {
        let memory = bio.lend();
        let flushing = bio.cmd() == BufCmd::Flush;
        let transfer = Transfer { bio, done: Sectors::ZERO, part: Sectors::ZERO, flushing };
        self.issue(transfer, memory);
    }

    /// Hands the device the next request of a transfer.
    fn issue(&mut self, mut transfer: Transfer, memory: Memory) {
        let mut header = ArrayVec::<u64, HEADER_WORDS_MAX>::new();
        transfer.part = self.next_part(&transfer);
        let at = transfer.bio.extent().start() + transfer.done;
        match transfer.bio.cmd() {
            _ if transfer.flushing => header.extend([FLUSH, 0]),
            BufCmd::Read => header.extend([IN, at.0]),
            BufCmd::Write { .. } => header.extend([OUT, at.0]),
            BufCmd::FreeBlks => {
                header.extend([WRITE_ZEROES, 0, at.0, UNMAP << 32 | transfer.part.0]);
            }
            BufCmd::Flush => unreachable!("a flush flushes from the start"),
        }
        let range = match memory {
            Memory::Unique(_) | Memory::Shared(_) if !transfer.flushing => {
                transfer.done.bytes()..(transfer.done + transfer.part).bytes()
            }
            _ => 0..0,
        };
        let job = Job { work: Work::Transfer(transfer), since: self.ticks };
        self.counts.requests += 1;
        self.ring.push(&header, memory, range, job);
    }

    /// How much of a transfer its next request moves.
    fn next_part(&self, transfer: &Transfer) -> Sectors {
        let max = match transfer.bio.cmd() {
            _ if transfer.flushing => Sectors::ZERO,
            BufCmd::FreeBlks => self.config.zeroes_max,
            _ => Sectors::from_bytes(self.ring.payload_max() as u64)
                .expect("segments hold whole blocks"),
        };
        (transfer.bio.extent().count() - transfer.done).min(max)
    }

    fn reap(&mut self, batch: &mut Batch) {
        self.ring.mute();
        while !batch.is_full() {
            match self.ring.reap() {
                Ok(Some(used)) => batch.extend(self.answered(used)),
                Ok(None) if self.ring.unmute() => {}
                Ok(None) => break,
                Err(fault) => {
                    self.bar(Failure::Fault(fault));
                    break;
                }
            }
        }
    }

    /// One request came back.
    fn answered(&mut self, used: Used<Job>) -> Option<Ended> {
        let Used { value, memory, status, written } = used;
        match value.map(|job| job.work) {
            None => Some(Ended::Late(memory)),
            Some(Work::Identify) => {
                self.serial = Some(match (status, memory) {
                    (OK, Memory::Unique(bytes)) => serial(&bytes),
                    _ => Serial::new(),
                });
                None
            }
            Some(Work::Transfer(transfer)) => {
                let kind = verdict(&transfer, status, written).err();
                self.advance(transfer, memory, kind)
            }
        }
    }

    /// Ends a transfer whose request came back, or issues its next one.
    fn advance(
        &mut self,
        mut transfer: Transfer,
        memory: Memory,
        failed: Option<ErrorKind>,
    ) -> Option<Ended> {
        let total = transfer.bio.extent().count();
        if let Some(kind) = failed {
            return Some(self.fail(transfer, memory, kind));
        }
        transfer.done = transfer.done + transfer.part;
        let fua = transfer.bio.cmd() == BufCmd::Write { fua: true };
        let must_flush = fua && self.config.limits.write_cache == WriteCache::Volatile;
        if transfer.done < total || (must_flush && !transfer.flushing) {
            if let Some(kind) = self.state.error() {
                return Some(self.fail(transfer, memory, kind));
            }
            transfer.flushing = transfer.done == total;
            self.issue(transfer, memory);
            return None;
        }
        transfer.bio.give_back(memory);
        Some(Ended::Bio(transfer.bio, Ok(())))
    }

    /// Ends a transfer with an error; `memory` is none if the device keeps it.
    fn fail(&mut self, transfer: Transfer, memory: Memory, kind: ErrorKind) -> Ended {
        let Transfer { mut bio, done, flushing, .. } = transfer;
        self.counts.errors += 1;
        bio.give_back(memory);
        let count = bio.extent().count();
        let resid = match bio.cmd() {
            BufCmd::Read => (count - done).bytes(),
            // What was to be flushed and was not is not done.
            BufCmd::Write { .. } if flushing => count.bytes(),
            BufCmd::Write { .. } => (count - done).bytes(),
            BufCmd::Flush | BufCmd::FreeBlks => 0,
        };
        Ended::Bio(bio, Err(IoError { kind, resid }))
    }

    /// Ends bios at the device of a barred disk, as many as the batch takes, without
    /// their memory.
    fn give_up(&mut self, kind: ErrorKind, batch: &mut Batch) {
        while !batch.is_full() {
            let Some(job) = self.ring.abandon().next() else { break };
            if let Work::Transfer(transfer) = job.work {
                let ended = self.fail(transfer, Memory::None, kind);
                batch.push(ended);
            }
        }
    }

    /// Ends bios that wait, as many as the batch takes, with their memory.
    fn refuse_waiting(&mut self, kind: ErrorKind, batch: &mut Batch) {
        while !batch.is_full() {
            let Some(bio) = self.waiting.pop_front() else { break };
            let ended = self.fail_whole(bio, kind);
            batch.push(ended);
        }
    }

    /// Ends a bio of which no part was done.
    fn fail_whole(&mut self, bio: Bio, kind: ErrorKind) -> Ended {
        self.counts.errors += 1;
        Ended::Untouched(bio, kind)
    }
}

/// What a device's answer to a transfer's request means.
fn verdict(transfer: &Transfer, status: u8, written: u32) -> Result<(), ErrorKind> {
    let reads = transfer.bio.cmd() == BufCmd::Read;
    let expected = if reads { transfer.part.bytes() + 1 } else { 1 };
    match status {
        // A read that is reported done but was not written completely is not done.
        OK if reads && (written as usize) < expected => Err(ErrorKind::Media),
        OK => Ok(()),
        UNSUPPORTED => Err(ErrorKind::Unsupported),
        _ => Err(ErrorKind::Media),
    }
}

/// The printable characters before the first NUL.
fn serial(bytes: &[u8]) -> Serial {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    bytes[..end].iter().map(|&byte| if byte.is_ascii_graphic() { byte as char } else { '?' }).fold(
        Serial::new(),
        |mut serial, character| {
            serial.push(character);
            serial
        },
    )
}
