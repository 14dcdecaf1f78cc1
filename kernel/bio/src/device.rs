//! What a disk, a mapped device and a target have in common.

use crate::request::Bio;
use crate::units::Sectors;

/// Something that takes requests.
pub trait BlockDevice: Send + Sync {
    /// Its size now; it may change while the device is in use.
    fn capacity(&self) -> Sectors;

    /// What it can do. The block size never grows while the device exists.
    fn limits(&self) -> Limits;

    /// Takes over a request, whose extent counts from this device's start.
    ///
    /// Never fails, refuses or blocks: whatever goes wrong ends in
    /// [`Bio::biodone`], now or later. A request that does not fit the device
    /// completes with [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
    fn strategy(&self, bio: Bio);

    /// How often the device lost its cache without failing a request for it: reset, power loss,
    /// reconnect.
    ///
    /// A layer that promises durability reads the count before the first write that it answers for,
    /// and again before it acknowledges. If the counts differ, some of these writes may be lost
    /// although each succeeded, even if a flush has succeeded since.
    ///
    /// The count never goes back and is cheap to read. After a loss it changes before any later
    /// request completes. Its first value means nothing.
    fn resets(&self) -> u64 {
        0
    }
}

/// What a device can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Its smallest unit of transfer in bytes: a power of two from 512 on.
    /// Extents that are no multiple of it are [`Invalid`](crate::ErrorKind::Invalid).
    pub block_size: u32,
    /// It takes no writes.
    pub read_only: bool,
    /// What its acknowledgement of a write is worth.
    pub write_cache: WriteCache,
    /// It knows [`BufCmd::FreeBlks`](crate::BufCmd::FreeBlks).
    pub discard: bool,
}

impl Default for Limits {
    /// 512-byte blocks, writable, a volatile cache with FLUSH, no discard.
    fn default() -> Limits {
        Limits {
            block_size: crate::SECTOR_SIZE as u32,
            read_only: false,
            write_cache: WriteCache::Volatile,
            discard: false,
        }
    }
}

/// When a write is durable. Only a [`Volatile`](WriteCache::Volatile) cache
/// makes a flush do anything; on the others it completes at once with `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteCache {
    /// After a flush issued once it had completed.
    Volatile,
    /// When it completes.
    WriteThrough,
    /// The device has no FLUSH and does not say: it promises nothing.
    Unknown,
}
