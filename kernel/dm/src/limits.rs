//! How the limits of several devices combine.

use bio::{Limits, WriteCache};

/// The limits of something that no device restricts: 512-byte blocks,
/// writable, write-through, discard. The neutral element of [`stack`].
pub const UNLIMITED: Limits = Limits {
    block_size: bio::SECTOR_SIZE as u32,
    read_only: false,
    write_cache: WriteCache::WriteThrough,
    discard: true,
};

/// What a device made of `parts` can promise: the largest block, read-only if one is, the
/// weakest promise of durability, discard if all know it.
pub fn stack(parts: impl IntoIterator<Item = Limits>) -> Limits {
    parts.into_iter().fold(UNLIMITED, |sum, part| Limits {
        block_size: sum.block_size.max(part.block_size),
        read_only: sum.read_only || part.read_only,
        write_cache: weaker(sum.write_cache, part.write_cache),
        discard: sum.discard && part.discard,
    })
}

fn weaker(a: WriteCache, b: WriteCache) -> WriteCache {
    match (a, b) {
        (WriteCache::Unknown, _) | (_, WriteCache::Unknown) => WriteCache::Unknown,
        (WriteCache::Volatile, _) | (_, WriteCache::Volatile) => WriteCache::Volatile,
        (WriteCache::WriteThrough, WriteCache::WriteThrough) => WriteCache::WriteThrough,
    }
}
