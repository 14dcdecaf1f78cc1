//! A disk whose test decides what completes, when and how.
//!
//! Place: the legs under test; a [`World`](crate::World) or a test by hand is
//! the driver of its queue.
//!
//! Rules:
//!
//! - A request waits until [`complete`](SimDisk::complete) names it. Requests that do not fit
//!   the disk complete inside `strategy` instead, and so do all requests once the disk is gone.
//! - A write takes effect, and a read sees the sectors, at its completion, or earlier if
//!   [`perform`](SimDisk::perform) was called: a disk may have done a request long before it
//!   says so.
//! - A request that timed out leaves its memory with the disk until
//!   [`give_back_late`](SimDisk::give_back_late); a write lands then. Until the disk has given
//!   everything back it fails new requests.
//! - What survives a loss of power is in `cache.rs`.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bio::sync::{Lock, Rank, assert_unlocked};
use bio::{
    Bio, BlockDevice, BufCmd, ErrorKind, Extent, Limits, SECTOR_SIZE, Sector, Sectors, WriteCache,
};

use crate::cache::{Cache, Content};
use crate::chooser::Chooser;
use crate::slot::{self, Landed, Late, Pending, RequestId, Slot};

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Ok,
    /// Failed; these sectors of a write took effect all the same.
    Fail(ErrorKind, Landed),
    /// The disk does not answer: the request ends with
    /// [`Timeout`](ErrorKind::Timeout) and the disk keeps the memory.
    Timeout,
}

impl Pending {
    /// How it ended, in words: of a write that failed, also what of it took effect, if it had
    /// not before.
    pub fn ends(&self, outcome: Outcome) -> impl fmt::Display {
        let pending = *self;
        let lands = matches!(self.cmd, BufCmd::Write { .. }) && !self.performed;
        fmt::from_fn(move |f| match outcome {
            Outcome::Ok => write!(f, "{pending} completes"),
            Outcome::Timeout => write!(f, "{pending} fails: {}", ErrorKind::Timeout),
            Outcome::Fail(kind, landed) if lands => write!(f, "{pending} fails: {kind}, {landed}"),
            Outcome::Fail(kind, _) => write!(f, "{pending} fails: {kind}"),
        })
    }
}

/// Whether a disk is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It works.
    Ready,
    /// It fails all writes, although its limits promised that it takes them.
    ReadOnly,
    /// It is not there: every request fails with [`Gone`](ErrorKind::Gone).
    Gone,
}

/// How many requests a disk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Requests that wait to be completed.
    pub waiting: usize,
    /// Requests that timed out and whose memory the disk has.
    pub late: usize,
}

/// A disk made of software. The rules are at the head of `disk.rs`.
///
/// ```
/// use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Limits, Sector, Sectors};
/// use sim::{Outcome, SimDisk};
/// use std::sync::Arc;
///
/// struct Ended;
/// impl BufDone for Ended {
///     fn buf_done(self: Arc<Self>, _: Buf, info: u64, result: IoResult) {
///         println!("request {info} ended: {result:?}");
///     }
/// }
///
/// let disk = SimDisk::new(Sectors(8), Limits::default());
/// let write = Buf::write(Extent::new(Sector(2), Sectors(1)), vec![7; 512].into());
/// disk.strategy(Bio::new(write, Arc::new(Ended), 0));
/// disk.strategy(Bio::new(Buf::flush(), Arc::new(Ended), 1));
/// // The flush first, if the test says so.
/// let flush = disk.pending(1).unwrap().id;
/// disk.complete(flush, Outcome::Ok);
/// let write = disk.pending(0).unwrap().id;
/// disk.complete(write, Outcome::Ok);
/// // The flush was issued before the write completed, and does not cover it.
/// assert_ne!(disk.durable(Sector(2)), disk.contents(Sector(2)));
/// ```
pub struct SimDisk {
    limits: Limits,
    capacity: Sectors,
    state: Lock<State>,
}

struct State {
    presence: Presence,
    cache: Cache,
    /// Requests that wait, in the order in which they came.
    slots: Vec<Slot>,
    /// Requests that timed out, with their memory.
    late: Vec<Late>,
    /// Counts requests that came and requests that ended.
    events: u64,
    failures: u64,
    resets: u64,
    /// Counts all events that may change what a loss of power would leave.
    changes: u64,
}

impl SimDisk {
    /// A blank disk.
    pub fn new(capacity: Sectors, limits: Limits) -> Arc<SimDisk> {
        let sectors = usize::try_from(capacity.0).expect("a simulated disk fits memory");
        SimDisk::over(Cache::blank(sectors), limits, 0)
    }

    /// A disk whose medium holds `contents`.
    pub fn holding(contents: Vec<Content>, limits: Limits) -> Arc<SimDisk> {
        SimDisk::over(Cache::new(contents), limits, 0)
    }

    fn over(cache: Cache, limits: Limits, events: u64) -> Arc<SimDisk> {
        Arc::new(SimDisk {
            limits,
            capacity: Sectors(cache.sectors() as u64),
            state: Lock::new(
                Rank::DRIVER,
                State {
                    presence: Presence::Ready,
                    cache,
                    slots: Vec::new(),
                    late: Vec::new(),
                    events,
                    failures: 0,
                    resets: 0,
                    changes: 0,
                },
            ),
        })
    }

    /// How many requests it holds.
    pub fn held(&self) -> Held {
        let state = self.state.lock();
        Held { waiting: state.slots.len(), late: state.late.len() }
    }

    /// How many requests wait.
    pub fn queued(&self) -> usize {
        self.state.lock().slots.len()
    }

    /// The waiting request number `index`, oldest first.
    pub fn pending(&self, index: usize) -> Option<Pending> {
        self.state.lock().slots.get(index).map(Slot::seen)
    }

    /// How many requests timed out and keep their memory.
    pub fn overdue(&self) -> usize {
        self.state.lock().late.len()
    }

    /// The timed-out request number `index`, oldest first.
    pub fn late(&self, index: usize) -> Option<Pending> {
        self.state.lock().late.get(index).map(|late| late.pending)
    }

    /// How many requests ended with an error, timeouts included.
    pub fn failures(&self) -> u64 {
        self.state.lock().failures
    }

    /// What a read of `sector` sees. Panics past the end.
    pub fn contents(&self, sector: Sector) -> Content {
        self.state.lock().cache.newest(sector).clone()
    }

    /// What `sector` holds on the medium. Panics past the end.
    pub fn durable(&self, sector: Sector) -> Content {
        self.state.lock().cache.medium(sector).clone()
    }

    /// The sectors for which it is open what a loss of power would leave.
    pub fn outstanding(&self) -> Vec<Sector> {
        let state = self.state.lock();
        let in_flight = slot::in_flight(&state.slots, &state.late);
        let in_flight = in_flight.into_iter().map(|(_, index, _)| Sector(index as u64));
        state.cache.dirty().chain(in_flight).collect()
    }

    /// Changes whenever what a loss of power would leave may have changed.
    pub(crate) fn changes(&self) -> u64 {
        self.state.lock().changes
    }

    /// Shows what it holds: its cache, the requests that wait, and those that timed out.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Cache, &[Slot], &[Late]) -> R) -> R {
        let state = self.state.lock();
        look(&state.cache, &state.slots, &state.late)
    }

    /// Whether the disk is there.
    pub fn presence(&self) -> Presence {
        self.state.lock().presence
    }

    /// Changes whether it is there, from now on. Requests that wait go on waiting. If the disk
    /// goes away by losing its power, call [`lose_cache`](SimDisk::lose_cache) too. A disk that
    /// comes back counts that as a [reset](BlockDevice::resets): nobody knows whether it had
    /// power.
    pub fn set_presence(&self, presence: Presence) {
        let mut state = self.state.lock();
        state.resets += u64::from(state.presence == Presence::Gone && presence != Presence::Gone);
        state.presence = presence;
    }

    /// Puts whole sectors on the medium, durable at once: the contents at the beginning of a
    /// test. Panics if they do not fit or are no whole sectors.
    pub fn preset(&self, sector: Sector, bytes: &[u8]) {
        assert!(bytes.len().is_multiple_of(SECTOR_SIZE), "{} bytes are no sectors", bytes.len());
        let mut state = self.state.lock();
        for (content, at) in bytes.chunks_exact(SECTOR_SIZE).zip(sector.0..) {
            state.cache.preset(Sector(at), Content::of(content));
        }
    }

    /// These sectors cannot be read until they are written. Panics past the end.
    pub fn spoil(&self, place: Extent) {
        self.state.lock().cache.spoil(place);
    }

    /// Whether a read of any of these sectors fails.
    pub fn is_unreadable(&self, place: Extent) -> bool {
        self.state.lock().cache.is_unreadable(place)
    }

    /// Lets a waiting request take effect now; it completes later. Panics if
    /// it does not wait.
    pub fn perform(&self, id: RequestId) {
        let mut guard = self.state.lock();
        let State { cache, slots, .. } = &mut *guard;
        let slot = slots.iter_mut().find(|slot| slot.id == id).expect("a request that waits");
        slot.perform(cache, Landed::All);
        guard.changes += 1;
    }

    /// Completes a waiting request. If the disk is gone or read-only, the request fails for
    /// that, whatever `outcome` says. Panics if it does not wait.
    pub fn complete(&self, id: RequestId, outcome: Outcome) {
        let (bio, result) = self.state.lock().complete(id, outcome, self.limits.write_cache);
        match result {
            Ok(()) => bio.biodone(Ok(())),
            Err(kind) => bio.fail(kind),
        }
    }

    /// A request that timed out ends in the disk after all: the memory is free, a write lands.
    /// Panics if it did not time out.
    pub fn give_back_late(&self, id: RequestId) {
        let mut guard = self.state.lock();
        let State { cache, late, .. } = &mut *guard;
        let index = late.iter().position(|late| late.pending.id == id).expect("a late request");
        late.remove(index).end(cache);
        guard.changes += 1;
    }

    /// The disk loses its power for a moment, unnoticed. Any subset of its cache and of the
    /// waiting requests has reached the medium. Counts as a [reset](BlockDevice::resets).
    pub fn lose_cache(&self, chooser: &mut dyn Chooser) {
        let mut state = self.state.lock();
        state.cut(chooser);
        state.resets += 1;
    }

    /// The disk drops its cache, since it cannot write it, and keeps any subset. This is no
    /// [reset](BlockDevice::resets): the flush that fails for it says so.
    pub fn drop_cache(&self, chooser: &mut dyn Chooser) {
        let mut state = self.state.lock();
        state.cache.cut(chooser, Vec::new());
        state.changes += 1;
    }

    /// The whole machine loses its power. Returns the disk that the next start finds, with what
    /// survived. This one is gone for good, holds nothing, and fails the requests that still
    /// wait.
    ///
    /// If several disks crash together, crash all of them before [`abandon`](SimDisk::abandon)
    /// fails any request: a failure runs code that should be as dead as the machine.
    pub fn crash(&self, chooser: &mut dyn Chooser) -> Arc<SimDisk> {
        let mut state = self.state.lock();
        state.cut(chooser);
        state.presence = Presence::Gone;
        state.late.clear();
        SimDisk::over(state.cache.take_medium(), self.limits, 0)
    }

    /// The machine starts anew, and this disk keeps its power. Returns the disk that the next
    /// start finds: it keeps its cache, and has any of the writes that waited. As with
    /// [`crash`](SimDisk::crash), this one is gone for good.
    pub fn reset(&self, chooser: &mut dyn Chooser) -> Arc<SimDisk> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        for slot in &mut state.slots {
            if slot.bio.cmd().modifies() && !slot.performed && chooser.choose(2, "landed") == 1 {
                slot.perform(&mut state.cache, Landed::All);
            }
        }
        for late in state.late.drain(..) {
            if chooser.choose(2, "landed") == 1 {
                late.end(&mut state.cache);
            }
        }
        state.presence = Presence::Gone;
        state.changes += 1;
        // The names of requests continue: the cache remembers some.
        SimDisk::over(state.cache.take(), self.limits, state.events)
    }

    /// Fails all waiting requests with [`Gone`](ErrorKind::Gone), oldest first.
    pub fn abandon(&self) {
        while let Some(pending) = self.pending(0) {
            self.complete(pending.id, Outcome::Fail(ErrorKind::Gone, Landed::None));
        }
    }

    /// Why a request cannot even wait.
    fn refusal(&self, bio: &Bio) -> Option<ErrorKind> {
        let (extent, block) =
            (bio.extent(), u64::from(self.limits.block_size) / SECTOR_SIZE as u64);
        let aligned =
            extent.start().0.is_multiple_of(block) && extent.count().0.is_multiple_of(block);
        match bio.cmd() {
            BufCmd::Flush => None,
            BufCmd::FreeBlks if !self.limits.discard => Some(ErrorKind::Unsupported),
            _ if extent.is_empty() || !extent.fits(self.capacity) || !aligned => {
                Some(ErrorKind::Invalid)
            }
            cmd if cmd.modifies() && self.limits.read_only => Some(ErrorKind::ReadOnly),
            _ => None,
        }
    }
}

impl BlockDevice for SimDisk {
    fn capacity(&self) -> Sectors {
        self.capacity
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn strategy(&self, bio: Bio) {
        assert_unlocked("strategy");
        if let Some(kind) = self.refusal(&bio) {
            return bio.fail(kind);
        }
        if bio.cmd() == BufCmd::Flush && self.limits.write_cache == WriteCache::Unknown {
            return bio.biodone(Ok(()));
        }
        let mut state = self.state.lock();
        if state.presence == Presence::Gone || !state.late.is_empty() {
            state.failures += 1;
            drop(state);
            return bio.fail(ErrorKind::Gone);
        }
        let id = RequestId(state.tick());
        state.changes += u64::from(bio.cmd().modifies());
        state.slots.push(Slot { id, bio, performed: false });
    }

    fn resets(&self) -> u64 {
        self.state.lock().resets
    }
}

impl State {
    fn tick(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    fn complete(
        &mut self,
        id: RequestId,
        outcome: Outcome,
        policy: WriteCache,
    ) -> (Bio, Result<(), ErrorKind>) {
        let index = self.slots.iter().position(|slot| slot.id == id).expect("a request that waits");
        let mut slot = self.slots.remove(index);
        self.changes += u64::from(slot.bio.cmd() != BufCmd::Read);
        let now = self.tick();
        let result = match (self.presence, outcome) {
            (Presence::Gone, _) => Err(ErrorKind::Gone),
            (Presence::ReadOnly, _) if slot.bio.cmd().modifies() => Err(ErrorKind::ReadOnly),
            (_, Outcome::Ok) if slot.is_unreadable(&self.cache) => Err(ErrorKind::Media),
            (_, Outcome::Ok) => {
                slot.perform(&mut self.cache, Landed::All);
                slot.acknowledge(&mut self.cache, now, policy);
                Ok(())
            }
            (_, Outcome::Fail(kind, landed)) => {
                if slot.bio.cmd().modifies() {
                    slot.perform(&mut self.cache, landed);
                }
                Err(kind)
            }
            (_, Outcome::Timeout) => {
                let memory = slot.bio.lend();
                self.late.push(Late { pending: slot.seen(), memory });
                Err(ErrorKind::Timeout)
            }
        };
        self.failures += u64::from(result.is_err());
        (slot.bio, result)
    }

    /// Some of the cache, and some of the waiting writes, survive.
    fn cut(&mut self, chooser: &mut dyn Chooser) {
        let in_flight = slot::in_flight(&self.slots, &self.late).into_iter();
        self.cache.cut(chooser, in_flight.map(|(_, index, content)| (index, content)).collect());
        self.changes += 1;
    }
}
