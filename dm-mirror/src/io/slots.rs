//! The bios and the bytes of each request, under its name.
//!
//! Place: beside the core, under the same lock. The legs' bios stay in their slot for the
//! next request: a steady write allocates nothing.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, Buf, BufDone, IoResult};
use bytes::{Bytes, BytesMut};

use crate::core::parts::leg::LEGS_MAX;
use crate::core::parts::requests::{REQUESTS_EXPECTED, Req};

/// What belongs to one request.
#[derive(Default)]
pub(super) struct Slot {
    /// The user's bio, or the read of a copy, while no leg has it.
    pub(super) bio: Option<Bio>,
    /// A bio for each leg, while no leg has it.
    pub(super) legs: [Option<Bio>; LEGS_MAX],
    /// When each leg was asked last.
    pub(super) since: [u64; LEGS_MAX],
    /// The bytes of a request of the mirror's own.
    pub(super) bytes: Option<Box<OwnBytes>>,
}

/// The bytes of a request of the mirror's own: of a copy, or of a chunk of the scrub.
#[derive(Default)]
pub(super) struct OwnBytes {
    /// What is written.
    pub(super) data: Option<Bytes>,
    /// What each leg gave when it was read for itself.
    pub(super) memory: Memory,
}

/// What each leg gave.
pub(super) type Memory = [Option<BytesMut>; LEGS_MAX];

impl Slot {
    /// What this leg gave is what is written.
    pub(super) fn take_data(&mut self, from: usize) {
        let read = self.bio.as_mut().map(|bio| bio.reissue(Buf::flush()));
        let OwnBytes { data, memory } = &mut **self.own_bytes();
        let memory = memory[from].take().or_else(|| read?.into_read());
        *data = memory.map(BytesMut::freeze);
    }

    pub(super) fn own_bytes(&mut self) -> &mut Box<OwnBytes> {
        self.bytes.get_or_insert_default()
    }
}

/// The slots of all requests, and the flush bio of each leg.
pub(super) struct Slots {
    slots: Vec<Slot>,
    pub(super) flushes: [Option<Bio>; LEGS_MAX],
    sink: Arc<Sink>,
}

impl Slots {
    pub(super) fn new(sink: Arc<Sink>) -> Slots {
        let slots = Vec::with_capacity(REQUESTS_EXPECTED);
        Slots { slots, flushes: Default::default(), sink }
    }

    /// The slot of a request that may be new; the table grows if there is none.
    pub(super) fn claim(&mut self, req: Req) -> &mut Slot {
        let index = req.index as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Slot::default);
        }
        &mut self.slots[index]
    }

    pub(super) fn of(&mut self, req: Req) -> &mut Slot {
        &mut self.slots[req.index as usize]
    }

    /// The slot of a request, and whoever makes bios for it.
    #[inline]
    pub(super) fn with_sink(&mut self, req: Req) -> (&mut Slot, &Arc<Sink>) {
        (&mut self.slots[req.index as usize], &self.sink)
    }

    /// The bio of a leg for `buf`. A request's place keeps one for each leg, and the next
    /// request uses it again.
    pub(super) fn leg_bio(&mut self, req: Req, leg: usize, buf: Buf) -> Bio {
        let kept = self.of(req).legs[leg].take();
        self.sink.ready(kept, buf)
    }

    /// The bio of a leg's flush.
    pub(super) fn flush(&mut self, leg: usize) -> Bio {
        let kept = self.flushes[leg].take();
        self.sink.ready(kept, Buf::flush())
    }

    /// All bios that no leg has.
    pub(super) fn take_all(&mut self) -> Vec<Bio> {
        let Slots { slots, flushes, .. } = self;
        let own = slots.iter_mut().flat_map(|slot| slot.legs.iter_mut());
        own.chain(flushes.iter_mut()).filter_map(Option::take).collect()
    }
}

/// The originator of the mirror's own bios: nobody waits for them.
pub(super) struct Sink;

impl Sink {
    /// A bio of the mirror's own.
    pub(super) fn bio(self: &Arc<Self>, buf: Buf) -> Bio {
        Bio::new(buf, self.clone(), 0)
    }

    /// The bio that was kept, or a new one, for `buf`.
    #[inline]
    pub(super) fn ready(self: &Arc<Self>, kept: Option<Bio>, buf: Buf) -> Bio {
        match kept {
            Some(mut bio) => {
                bio.renew(buf);
                bio
            }
            None => self.bio(buf),
        }
    }
}

impl BufDone for Sink {
    fn buf_done(self: Arc<Self>, _buf: Buf, _info: u64, _result: IoResult) {}
}
