//! One request as several: split at borders, joined when all have completed.
//!
//! Place: called by layers that map parts of an extent to different devices
//! (a device-mapper table, a stripe set). Allocates, unlike the straight path.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bytes::BytesMut;

use crate::buf::{Buf, BufCmd, Memory};
use crate::device::BlockDevice;
use crate::error::{IoError, IoResult};
use crate::request::{Bio, BufDone};
use crate::sync::{self, Lock, Rank};
use crate::units::{Extent, Sector, Sectors};

/// One part of a split request: its next `count` sectors go to `device` at `start`.
pub struct Piece<'a> {
    /// How many sectors of the parent, following those of the pieces before it.
    pub count: Sectors,
    /// The device that they go to.
    pub device: &'a dyn BlockDevice,
    /// Their first sector on that device.
    pub start: Sector,
}

/// Issues `pieces` in place of `bio`, which completes when all have completed. If any failed,
/// `bio` fails with the first error in piece order, and its resid is the sum of the pieces'. A
/// flush goes to every piece's device.
///
/// Every child is built before the first is issued. Panics unless the pieces
/// cover the extent exactly (a flush has no extent, and its pieces no count).
pub fn split(mut bio: Bio, pieces: &[Piece<'_>]) {
    let total = pieces.iter().fold(Sectors::ZERO, |sum, piece| sum + piece.count);
    assert_eq!(total, bio.extent().count(), "pieces do not cover the request");
    if pieces.is_empty() {
        return bio.biodone(Ok(()));
    }
    let cmd = bio.cmd();
    let mut memory = bio.take_memory();
    let parent = Arc::new(Split {
        state: Lock::new(
            Rank::SPLIT,
            State {
                parent: Some(bio),
                parts: pieces
                    .iter()
                    .map(|_| Part { memory: Memory::None, result: Ok(()) })
                    .collect(),
                waiting: pieces.len(),
            },
        ),
    });
    let children: Vec<Bio> = pieces
        .iter()
        .zip(0..)
        .map(|(piece, index)| {
            let extent = Extent::new(piece.start, piece.count);
            let buf = Buf { cmd, extent, memory: cut(&mut memory, piece.count) };
            Bio::new(buf, parent.clone(), index)
        })
        .collect();
    drop(parent);
    sync::assert_unlocked("strategy");
    for (child, piece) in children.into_iter().zip(pieces) {
        piece.device.strategy(child);
    }
}

/// Cuts the memory of the next `count` sectors off the front.
fn cut(memory: &mut Memory, count: Sectors) -> Memory {
    match memory {
        Memory::Unique(whole) => Memory::Unique(whole.split_to(count.bytes())),
        Memory::Shared(whole) => Memory::Shared(whole.split_to(count.bytes())),
        Memory::None | Memory::Lost => Memory::None,
    }
}

/// The parent, and the results of its pieces so far.
struct Split {
    state: Lock<State>,
}

struct State {
    parent: Option<Bio>,
    parts: Vec<Part>,
    waiting: usize,
}

struct Part {
    memory: Memory,
    result: IoResult,
}

impl BufDone for Split {
    fn buf_done(self: Arc<Self>, buf: Buf, index: u64, result: IoResult) {
        let last = {
            let mut state = self.state.lock();
            state.parts[index as usize] = Part { memory: buf.memory, result };
            state.waiting -= 1;
            (state.waiting == 0).then(|| (state.parent.take(), mem::take(&mut state.parts)))
        };
        if let Some((parent, parts)) = last {
            join(parent.expect("the last piece finds the parent"), parts);
        }
    }
}

/// Puts the pieces' memory together again and completes the parent.
fn join(mut parent: Bio, parts: Vec<Part>) {
    let mut errors = parts.iter().filter_map(|part| part.result.err());
    let result = errors.next().map_or(Ok(()), |first| {
        let resid = errors.fold(first.resid, |sum, also| sum + also.resid);
        Err(IoError { resid, ..first })
    });
    if parent.cmd() != BufCmd::Read {
        return parent.biodone(result);
    }
    let joined = parts.into_iter().try_fold(BytesMut::new(), |mut whole, part| {
        let Memory::Unique(memory) = part.memory else { return None };
        whole.unsplit(memory);
        Some(whole)
    });
    if let Some(whole) = joined {
        parent.give_back(Memory::Unique(whole));
    }
    parent.biodone(result);
}
