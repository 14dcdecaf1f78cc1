//! A request as its originator builds it and gets it back.

use bytes::{Bytes, BytesMut};

use crate::units::Extent;

/// What to do (DragonFly's `BUF_CMD_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BufCmd {
    /// Fill the memory from the extent.
    Read,
    /// Write the memory to the extent.
    Write {
        /// Force unit access: durable when it completes, not merely done.
        fua: bool,
    },
    /// Make every write that completed before this was issued durable.
    Flush,
    /// The extent's contents are no longer needed (discard). Afterwards it reads as zeroes, on
    /// every device. If a device could choose between zeroes and the old data, two legs could
    /// differ.
    FreeBlks,
}

impl BufCmd {
    /// Whether the command may change what is on the medium.
    pub fn modifies(self) -> bool {
        matches!(self, BufCmd::Write { .. } | BufCmd::FreeBlks)
    }
}

/// The memory of a request.
///
/// A read owns its memory alone, so it can move from leg to leg without a
/// copy. A write shares immutable memory: every leg sends the same bytes, and
/// nobody can change them in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The command moves no data.
    None,
    /// A read's memory.
    Unique(BytesMut),
    /// A write's memory.
    Shared(Bytes),
    /// A read without memory: a device has kept it, or [`Bio::refill`](crate::Bio::refill) has yet
    /// to bring it.
    Lost,
}

/// A request: command, extent, memory.
#[derive(Debug)]
pub struct Buf {
    pub(crate) cmd: BufCmd,
    pub(crate) extent: Extent,
    pub(crate) memory: Memory,
}

impl Buf {
    /// A read of `extent` into `memory`. Panics unless their lengths agree.
    pub fn read(extent: Extent, memory: BytesMut) -> Buf {
        assert_eq!(extent.count().bytes(), memory.len(), "memory does not match the extent");
        Buf { cmd: BufCmd::Read, extent, memory: Memory::Unique(memory) }
    }

    /// A read of `extent` without memory. [`Bio::refill`](crate::Bio::refill) brings it before a
    /// device is asked.
    #[inline]
    pub fn read_later(extent: Extent) -> Buf {
        Buf { cmd: BufCmd::Read, extent, memory: Memory::Lost }
    }

    /// A write of `data` to `extent`. Panics unless their lengths agree.
    #[inline]
    pub fn write(extent: Extent, data: Bytes) -> Buf {
        assert_eq!(extent.count().bytes(), data.len(), "data does not match the extent");
        Buf { cmd: BufCmd::Write { fua: false }, extent, memory: Memory::Shared(data) }
    }

    /// A write that is durable when it completes. Panics unless the lengths agree.
    pub fn write_fua(extent: Extent, data: Bytes) -> Buf {
        Buf { cmd: BufCmd::Write { fua: true }, ..Buf::write(extent, data) }
    }

    /// A flush of everything completed so far. Its extent is empty, and its start means
    /// nothing.
    #[inline]
    pub fn flush() -> Buf {
        Buf { cmd: BufCmd::Flush, extent: Extent::default(), memory: Memory::None }
    }

    /// A discard of `extent`.
    pub fn freeblks(extent: Extent) -> Buf {
        Buf { cmd: BufCmd::FreeBlks, extent, memory: Memory::None }
    }

    /// The command.
    #[inline]
    pub fn cmd(&self) -> BufCmd {
        self.cmd
    }

    /// The extent.
    #[inline]
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// How many bytes the command moves; a flush and a discard move none.
    pub(crate) fn transfer(&self) -> usize {
        match self.cmd {
            BufCmd::Read | BufCmd::Write { .. } => self.extent.count().bytes(),
            BufCmd::Flush | BufCmd::FreeBlks => 0,
        }
    }

    /// The memory of a read that came back; `None` for other commands, or
    /// when a device never gave it back.
    pub fn into_read(self) -> Option<BytesMut> {
        match self.memory {
            Memory::Unique(memory) => Some(memory),
            Memory::None | Memory::Shared(_) | Memory::Lost => None,
        }
    }
}
