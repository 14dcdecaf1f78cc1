//! A request in a simulated disk: its effect on the sectors, and when it comes.
//!
//! Place: inside [`SimDisk`](crate::SimDisk), between its queue and `cache.rs`.

use alloc::vec::Vec;
use core::{fmt, mem};

use bio::{Bio, BufCmd, Extent, Memory, SECTOR_SIZE, Sector, WriteCache};

use crate::cache::{Cache, Content};
use crate::stamp::Stamp;

/// Names a request of one disk; later requests have larger names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// A request that waits in a disk, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its name.
    pub id: RequestId,
    /// The command.
    pub cmd: BufCmd,
    /// Where on this disk.
    pub extent: Extent,
    /// It took effect already: see [`SimDisk::perform`](crate::SimDisk::perform).
    pub performed: bool,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cmd {
            BufCmd::Read => write!(f, "read {}", self.extent),
            BufCmd::Write { fua: false } => write!(f, "write {}", self.extent),
            BufCmd::Write { fua: true } => write!(f, "write with FUA {}", self.extent),
            BufCmd::Flush => f.pad("flush"),
            BufCmd::FreeBlks => write!(f, "discard {}", self.extent),
        }
    }
}

/// Which sectors of a failed write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landed {
    /// Not one.
    None,
    /// Every one.
    All,
    /// The sectors whose bit is set: bit 0 is the write's first sector. Sectors past the 64th
    /// did not take effect.
    Sectors(u64),
}

impl Landed {
    fn covers(self, nth: u64) -> bool {
        match self {
            Landed::None => false,
            Landed::All => true,
            Landed::Sectors(bits) => nth < 64 && bits >> nth & 1 == 1,
        }
    }
}

impl fmt::Display for Landed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Landed::None | Landed::Sectors(0) => f.write_str("none of it landed"),
            Landed::All => f.write_str("all of it landed"),
            Landed::Sectors(bits) => {
                f.write_str("of its sectors landed")?;
                (0..64).filter(|nth| bits >> nth & 1 == 1).try_for_each(|nth| write!(f, " {nth}"))
            }
        }
    }
}

/// A request that waits.
pub(crate) struct Slot {
    pub(crate) id: RequestId,
    pub(crate) bio: Bio,
    pub(crate) performed: bool,
}

/// A request that timed out.
pub(crate) struct Late {
    pub(crate) pending: Pending,
    pub(crate) memory: Memory,
}

impl Late {
    /// What it writes.
    pub(crate) fn data(&self) -> Option<&[u8]> {
        match &self.memory {
            Memory::Shared(data) => Some(data),
            Memory::Unique(_) | Memory::None | Memory::Lost => None,
        }
    }

    /// Ends in the disk after all.
    pub(crate) fn end(self, cache: &mut Cache) {
        if !self.pending.performed {
            land(cache, self.pending, self.data(), Landed::All);
        }
    }
}

impl Slot {
    pub(crate) fn seen(&self) -> Pending {
        let (cmd, extent) = (self.bio.cmd(), self.bio.extent());
        Pending { id: self.id, cmd, extent, performed: self.performed }
    }

    /// What it writes.
    pub(crate) fn data(&self) -> Option<&[u8]> {
        self.bio.write_data().map(|data| &data[..])
    }

    /// Whether it is a read of sectors that cannot be read.
    pub(crate) fn is_unreadable(&self, cache: &Cache) -> bool {
        self.bio.cmd() == BufCmd::Read && cache.is_unreadable(self.bio.extent())
    }

    /// The request takes effect, once.
    pub(crate) fn perform(&mut self, cache: &mut Cache, landed: Landed) {
        if mem::replace(&mut self.performed, true) {
            return;
        }
        match self.bio.cmd() {
            BufCmd::Read => {
                let start = self.bio.extent().start().0;
                let memory = self.bio.read_memory().expect("a waiting read has its memory");
                for (sector, at) in memory.chunks_exact_mut(SECTOR_SIZE).zip(start..) {
                    cache.newest(Sector(at)).fill(sector);
                }
            }
            BufCmd::Write { .. } | BufCmd::FreeBlks => {
                land(cache, self.seen(), self.data(), landed);
            }
            // Names count the disk's events, so the flush's name says when it was issued.
            BufCmd::Flush => cache.flush(self.id.0),
        }
    }

    /// Keeps what the disk promises by saying that a request is done.
    pub(crate) fn acknowledge(&self, cache: &mut Cache, now: u64, policy: WriteCache) {
        if !self.bio.cmd().modifies() {
            return;
        }
        let fua = self.bio.cmd() == BufCmd::Write { fua: true };
        for at in self.bio.extent().start().0..self.bio.extent().end().0 {
            if fua || policy == WriteCache::WriteThrough {
                cache.harden(Sector(at), self.id.0);
            } else {
                cache.acknowledge(Sector(at), self.id.0, now);
            }
        }
    }
}

/// What these requests would leave if they landed: the request, the sector, the contents.
pub(crate) fn in_flight(slots: &[Slot], late: &[Late]) -> Vec<(RequestId, usize, Content)> {
    let mut left = Vec::new();
    for slot in slots.iter().filter(|slot| !slot.performed) {
        left.extend(effects(slot.seen(), slot.data()).map(|(at, content)| (slot.id, at, content)));
    }
    for late in late.iter().filter(|late| !late.pending.performed) {
        let id = late.pending.id;
        left.extend(effects(late.pending, late.data()).map(|(at, content)| (id, at, content)));
    }
    left
}

/// What a request leaves in which sectors, if it changes any.
pub(crate) fn effects(
    request: Pending,
    data: Option<&[u8]>,
) -> impl Iterator<Item = (usize, Content)> {
    let sectors = match (request.cmd, data) {
        (BufCmd::Write { .. }, Some(_)) | (BufCmd::FreeBlks, _) => request.extent.count().0,
        _ => 0,
    };
    let content = move |nth: usize| match data {
        Some(data) => Content::of(&data[nth * SECTOR_SIZE..][..SECTOR_SIZE]),
        None => Content::Stamp(Stamp::BLANK),
    };
    let start = request.extent.start().0 as usize;
    (0..sectors as usize).map(move |nth| (start + nth, content(nth)))
}

/// A request changes the sectors that `landed` lets through.
fn land(cache: &mut Cache, request: Pending, data: Option<&[u8]>, landed: Landed) {
    for ((sector, content), nth) in effects(request, data).zip(0..) {
        if landed.covers(nth) {
            cache.land(Sector(sector as u64), content, request.id.0);
        }
    }
}
