//! Comparing what legs gave, sector by sector.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::SECTOR_SIZE;
use bytes::BytesMut;

use super::Mirror;
use super::slots::{Memory, OwnBytes};
use crate::core::event::Event;
use crate::core::parts::leg::LegSet;
use crate::core::parts::requests::Req;

impl Mirror {
    /// Compares what legs gave with what the source did.
    pub(super) fn compare(self: &Arc<Self>, req: Req, source: usize, bytes: Box<OwnBytes>) {
        let memory = &bytes.memory;
        let right = memory[source].as_ref().expect("the source gave its data");
        let differ = right.chunks_exact(SECTOR_SIZE).enumerate().map(|(nth, right)| {
            let differs = |it: &BytesMut| it.chunks_exact(SECTOR_SIZE).nth(nth) != Some(right);
            legs_that(memory, differs)
        });
        let differ: Vec<LegSet> = differ.collect();
        self.event(|inner| {
            inner.slots.of(req).bytes = Some(bytes);
            Event::Compared { req, differ }
        });
    }

    /// Compares what legs gave with what was written to them.
    pub(super) fn verify(self: &Arc<Self>, req: Req, bytes: OwnBytes) {
        let OwnBytes { data, memory } = bytes;
        let same = legs_that(&memory, |it| data.as_ref().is_some_and(|data| *it == *data));
        self.event(|_| Event::Verified { req, same });
    }
}

/// The legs whose data are so.
fn legs_that(memory: &Memory, is: impl Fn(&BytesMut) -> bool) -> LegSet {
    let legs = memory.iter().enumerate();
    legs.filter(|(_, it)| it.as_ref().is_some_and(&is)).map(|(leg, _)| leg).collect()
}
