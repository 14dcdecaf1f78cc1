//! A split virtqueue (virtio 1.2, 2.7) that owns the memory that its device was lent.
//!
//! Place: between a driver, which knows what requests mean, and a transport, which knows where
//! registers are. `shared` is the memory that both sides see, `loan` a payload at the device.
//! Those two are rooms for unsafe code; this file is not.
//!
//! A request is a chain of a header (the device reads it), a payload and a status byte (the
//! device writes it). *Slot i owns header, payload and status from [`Ring::push`] until
//! [`Ring::reap`] pops its token*; even if the driver gives up on the request
//! ([`Ring::abandon`]), the slot keeps them.
//!
//! Rules kept here:
//!
//! - After construction nothing is allocated.
//! - The device keeps the memory that it was lent until it gives it back, or can no longer
//!   reach it (`Ring::reclaim`). A ring that is dropped before that leaks the memory.
//! - Nothing that the device writes is trusted. Each word is read once and checked. A device
//!   that breaks the rules is a [`DeviceFault`], never a panic.
//! - A device is kicked only when it asked for it, once for any number of pushes. A full fence
//!   stands between publishing a request and reading the device's wish.
//! - With EVENT_IDX its wish is a level: the ring can see at any time that the device waits to
//!   be told of a request. Kicks and interrupts that are still lost show in a [`Look`].

#[allow(unsafe_code)]
mod loan;
pub(super) mod look;
#[allow(unsafe_code)]
mod shared;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::Ordering;

use bio::Memory;
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use self::loan::Loan;
pub use self::look::{Fetched, Look, Overdue};
pub use self::shared::HEADER_WORDS_MAX;
use self::shared::{Chain, ENDS, Shared, TABLE_LEN, full_barrier};
use super::{DeviceFault, SetupError};

/// The most requests a device holds at a time.
pub const QUEUE_DEPTH: u16 = 128;
/// The most pieces of a payload if the device knows indirect descriptors.
pub const SEGMENTS_MAX: usize = TABLE_LEN - ENDS;
/// The most pieces of a payload if it does not.
pub const SEGMENTS_MAX_DIRECT: usize = STRIDE_DIRECT as usize - ENDS;
/// The longest piece of a payload in bytes, even if the device takes longer ones.
pub const SEGMENT_BYTES_MAX: u32 = 4 << 20;

/// Descriptors of a slot in the queue's own table, without indirect descriptors.
const STRIDE_DIRECT: u16 = 4;
/// In a status byte: not answered yet. No device writes this value (virtio 1.2, 5.2.6).
const UNANSWERED: u8 = 0xff;

// Flags of the two rings (2.7.6, 2.7.8).
const NO_INTERRUPT: u16 = 1;
const NO_NOTIFY: u16 = 1;

/// What driver and device agreed on for a queue.
#[derive(Clone, Copy, Debug)]
pub struct Agreement {
    /// VIRTIO_F_EVENT_IDX: each side says at which index it wants to hear.
    pub event_idx: bool,
    /// VIRTIO_F_INDIRECT_DESC: a chain may lie in a table of its own.
    pub indirect: bool,
    /// The most pieces the device takes for a payload, at least 1.
    pub segments: usize,
    /// The longest piece it takes, in bytes: 1 to [`SEGMENT_BYTES_MAX`].
    pub segment_bytes: u32,
}

/// A queue of requests. The driver gives a `T` along with each.
pub struct Ring<H: Hal, T> {
    shared: Shared<H>,
    slots: Box<[Slot<H, T>]>,
    /// Slots without a request, the last used on top.
    free: Vec<u16>,
    agreed: Agreement,
    /// Descriptors of the queue's table for each slot.
    stride: u16,
    /// How many requests were pushed: the low bits are the index of the next one.
    pushed: u64,
    /// The device knows of the requests under indexes before this one, or need not be told of
    /// them.
    told: u16,
    /// `next` when the device was last asked whether it wants a kick.
    asked: u16,
    /// The index of the next answer.
    last_used: u16,
}

struct Slot<H: Hal, T> {
    /// What the device holds. `None` in a free slot.
    loan: Option<Loan<H>>,
    /// Bytes the device may write: payload of a read, status.
    writable: u32,
    /// The driver's; `None` when free or abandoned.
    value: Option<T>,
    /// How many requests were pushed before it.
    number: u64,
}

/// A kick that the device wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kick {
    /// For requests pushed since it was last asked.
    Prompt,
    /// For an older request: when it was pushed, the device's wish could not be seen yet.
    Late,
}

/// A request that the device gave back.
#[derive(Debug)]
pub struct Used<T> {
    /// The driver's value; `None` if the driver gave the request up.
    pub value: Option<T>,
    /// The memory that was lent.
    pub memory: Memory,
    /// The status byte.
    pub status: u8,
    /// Bytes that the device says it wrote, status included; no more than it was lent.
    pub written: u32,
}

impl<H: Hal, T> Ring<H, T> {
    /// Lays out queue `queue` of a device in reset, and tells the device where it is. Panics if
    /// the agreement's segments are out of bounds.
    pub fn new<D: Transport>(
        device: &mut D,
        queue: u16,
        agreed: Agreement,
    ) -> Result<Ring<H, T>, SetupError> {
        assert!((1..=SEGMENT_BYTES_MAX).contains(&agreed.segment_bytes));
        let offered = device.max_queue_size(queue);
        let wanted = QUEUE_DEPTH * if agreed.indirect { 1 } else { STRIDE_DIRECT };
        let size = match offered.min(wanted.into()) {
            short @ 0..4 => return Err(SetupError::QueueTooShort(short)),
            // A power of two, as the rule for split queues is; at most `wanted`.
            size => 1u16 << size.ilog2(),
        };
        let (stride, segments) = if agreed.indirect {
            // No chain is longer than the queue, wherever it lies (2.7.5.3.1).
            (1, SEGMENTS_MAX.min(usize::from(size) - ENDS))
        } else {
            (STRIDE_DIRECT, SEGMENTS_MAX_DIRECT)
        };
        let segments = segments.min(agreed.segments.max(1));
        let depth = QUEUE_DEPTH.min(size / stride);

        let shared = Shared::new(size, depth)?;
        let [descriptors, driver, device_area] = shared.parts;
        device.queue_set(queue, size.into(), descriptors, driver, device_area);
        Ok(Ring {
            shared,
            slots: (0..depth)
                .map(|_| Slot { loan: None, writable: 0, value: None, number: 0 })
                .collect(),
            free: (0..depth).rev().collect(),
            agreed: Agreement { segments, ..agreed },
            stride,
            pushed: 0,
            told: 0,
            asked: 0,
            last_used: 0,
        })
    }

    /// The longest payload that one request can carry, in bytes.
    pub fn payload_max(&self) -> usize {
        self.agreed.segments * self.agreed.segment_bytes as usize
    }

    /// Goes on at another index, with nothing in flight. The device has to do the same.
    #[cfg(test)]
    pub(super) fn skip_to(&mut self, index: u16) {
        assert_eq!(self.in_flight(), 0);
        (self.pushed, self.last_used) = (index.into(), index);
        (self.told, self.asked) = (index, index);
        self.shared.avail()[1].store(index, Ordering::Relaxed);
        let _ = self.unmute();
    }

    /// Whether there is room for one more request.
    pub fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// How many requests the device holds, abandoned ones included.
    pub fn in_flight(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Lends a request to the device: `header`, then `range` of `memory`. The device reads
    /// shared memory and writes unique memory. It need not be kicked before
    /// [`wants_kick`](Ring::wants_kick) says so.
    ///
    /// Panics without room, or if header or payload are longer than they may be.
    pub fn push(&mut self, header: &[u64], memory: Memory, range: Range<usize>, value: T) {
        assert!(range.len() <= self.payload_max(), "payload too long for one request");
        let index = self.free.pop().expect("the caller asked for room");
        let area = &self.shared.areas()[usize::from(index)];
        for (word, from) in area.header[..header.len()].iter().zip(header) {
            word.store(*from, Ordering::Relaxed);
        }
        area.status.store(UNANSWERED, Ordering::Relaxed);

        let writes = matches!(memory, Memory::Unique(_));
        let length = range.len() as u32;
        let loan = Loan::new(memory, range);
        let chain = Chain {
            header_bytes: size_of_val(header) as u32,
            payload: loan.paddr,
            length,
            writes,
            segment_bytes: self.agreed.segment_bytes,
        };
        self.shared.describe(index, self.stride, self.agreed.indirect, &chain);
        let slot = &mut self.slots[usize::from(index)];
        *slot = Slot {
            loan: Some(loan),
            writable: 1 + if writes { length } else { 0 },
            value: Some(value),
            number: self.pushed,
        };
        self.shared.publish(self.next(), index * self.stride);
        self.pushed += 1;
    }

    /// Whether the device has to be kicked for the requests pushed. It may poll by itself, and
    /// then wants no kick. Says so once: the caller kicks.
    ///
    /// With EVENT_IDX this is worth asking again even if nothing was pushed since: by now the
    /// device may want to be told of an older request.
    #[must_use]
    pub fn wants_kick(&mut self) -> Option<Kick> {
        let new = self.next();
        let untold = new.wrapping_sub(self.told).min(new.wrapping_sub(self.last_used));
        if untold == 0 {
            return None;
        }
        let old = new.wrapping_sub(untold);
        // The device writes its wish, then looks at our index; we wrote our
        // index, now look at its wish. Without the barrier both could miss.
        full_barrier();
        let asked = core::mem::replace(&mut self.asked, new);
        if !self.agreed.event_idx {
            // A later look could not say which requests were fetched meanwhile.
            self.told = new;
            let wanted = self.shared.used()[0].load(Ordering::Relaxed) & NO_NOTIFY == 0;
            return wanted.then_some(Kick::Prompt);
        }
        let wish = self.shared.avail_event().load(Ordering::Relaxed);
        let wanted = passes(wish, old, new);
        self.told = if wanted { new } else { old };
        let late = new.wrapping_sub(wish) > new.wrapping_sub(asked);
        wanted.then_some(if late { Kick::Late } else { Kick::Prompt })
    }

    /// The indexes as they are now.
    pub fn look(&self) -> Look {
        let wish = self.shared.avail_event();
        Look {
            published: self.next(),
            used: self.last_used.wrapping_add(self.answers()),
            reaped: self.last_used,
            wish: self.agreed.event_idx.then(|| wish.load(Ordering::Relaxed)),
        }
    }

    /// Takes back the next request that the device is done with, if any.
    ///
    /// After an error nothing has changed, and the next call says the same: what the device
    /// holds stays with it.
    pub fn reap(&mut self) -> Result<Option<Used<T>>, DeviceFault> {
        let ahead = self.answers();
        let in_flight = self.in_flight() as u16;
        if ahead == 0 {
            return Ok(None);
        }
        if ahead > in_flight {
            return Err(DeviceFault::RanAhead { used: ahead, in_flight });
        }
        let (id, written) = self.shared.answer(self.last_used);
        let index = self.slot_of(id).ok_or(DeviceFault::UnknownRequest { id })?;
        let slot = &mut self.slots[usize::from(index)];
        let lent = slot.writable;
        let loan = match slot.loan.take() {
            None => return Err(DeviceFault::UnknownRequest { id }),
            loan @ Some(_) if written > lent => {
                slot.loan = loan;
                return Err(DeviceFault::Overlong { written, lent });
            }
            Some(loan) => loan,
        };
        self.last_used = self.last_used.wrapping_add(1);
        self.free.push(index);
        Ok(Some(Used {
            value: slot.value.take(),
            memory: loan.end(),
            status: self.shared.areas()[usize::from(index)].status.load(Ordering::Relaxed),
            written,
        }))
    }

    /// Asks the device not to interrupt until [`unmute`](Ring::unmute).
    pub fn mute(&mut self) {
        // With EVENT_IDX it is muted already: it interrupts once for each `unmute`.
        if !self.agreed.event_idx {
            self.shared.avail()[0].store(NO_INTERRUPT, Ordering::Relaxed);
        }
    }

    /// Asks the device to interrupt at its next answer. True if an answer came before that: it
    /// has to be reaped without an interrupt.
    #[must_use]
    pub fn unmute(&mut self) -> bool {
        if self.agreed.event_idx {
            self.shared.used_event().store(self.last_used, Ordering::Relaxed);
        } else {
            self.shared.avail()[0].store(0, Ordering::Relaxed);
        }
        // The mirror image of the barrier in `wants_kick`.
        full_barrier();
        self.answers() != 0
    }

    /// The driver's values of the requests that it has not given up.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }

    /// The same values, each with whether the device has fetched its request by now.
    pub fn held(&self) -> impl Iterator<Item = (&T, Fetched)> {
        let unfetched = self.look().unfetched();
        let fetched = move |number: u64| match unfetched {
            None => Fetched::Unknown,
            Some(count) if self.pushed - number <= count.into() => Fetched::No,
            Some(_) => Fetched::Yes,
        };
        let held = self.slots.iter().filter_map(|slot| Some((slot.value.as_ref()?, slot.number)));
        held.map(move |(value, number)| (value, fetched(number)))
    }

    /// Gives requests up: each `T` comes back as the iterator advances. Its slot and memory
    /// stay with the device.
    pub fn abandon(&mut self) -> impl Iterator<Item = T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.take())
    }

    /// The device can no longer reach the memory that it was lent: all of it comes back, and
    /// the queue's own memory is freed with the ring. Nothing is pushed after that.
    ///
    /// A caller knows this for one of three reasons: the device was reset, the queue was never
    /// started, or the device has no power.
    pub(super) fn reclaim(&mut self) {
        for (index, slot) in (0..).zip(&mut self.slots) {
            if let Some(loan) = slot.loan.take() {
                drop(loan.end());
                slot.value = None;
                self.free.push(index);
            }
        }
        self.shared.give_back();
    }

    /// The index that the next request is published under.
    fn next(&self) -> u16 {
        self.pushed as u16
    }

    /// How many requests the device says it used and the driver has not reaped.
    fn answers(&self) -> u16 {
        // Acquire: what the device wrote before its index is seen after the index.
        self.shared.used()[1].load(Ordering::Acquire).wrapping_sub(self.last_used)
    }

    /// The slot whose chain starts at descriptor `id`.
    fn slot_of(&self, id: u32) -> Option<u16> {
        let id = u16::try_from(id).ok()?;
        let index = id / self.stride;
        (id.is_multiple_of(self.stride) && usize::from(index) < self.slots.len()).then_some(index)
    }
}

/// Whether a side that wants to be told of `event` is told when the other's index goes from
/// `old` to `new`. Correct across the wrap at 65,536 (2.7.10.1).
pub(super) fn passes(event: u16, old: u16, new: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

#[cfg(test)]
mod tests;
