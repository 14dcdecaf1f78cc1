//! What a member of a mirror keeps on disk: superblock, region map, data.
//!
//! Place: `io/search.rs` reads it when a mirror starts. `core/parts/journal.rs` and
//! `core/parts/membership.rs` say what is written. `cargo xtask inspect` reads it on
//! images. Pure: bytes in, values out. docs/format.md has every field.
//!
//! ```text
//! unit (4 KiB)  0            1            2 + 2p          3 + 2p        data_start
//!               superblock A superblock B map page p, A   map page p, B  ... data
//! ```
//!
//! Rules:
//!
//! - Everything has two slots, a sequence number and a checksum. A commit goes to the slot
//!   that does not hold the newest durable one, and begins only when that one is durable: a
//!   torn unit falls back to it. Once the commit is durable, it goes to the other slot too: at
//!   rest both hold the same.
//! - A record that went bad is not one that was never written (`copies.rs`).
//! - No bytes make a decoder panic.
//! - A version that this code does not know is refused, whatever else is there.

mod copies;
mod echo;
mod layout;
mod member;
mod page;
mod read;
mod superblock;
mod unit;

pub use layout::{
    Bad, COUNTER_MAX, DATA_ALIGN, Geometry, INCARNATION_MAX, MEMBERS_MAX, Marks, MemberId,
    PAGES_MAX, REGION_MIN, REGIONS_PER_PAGE, ROOM, Region, SLOTS, UNIT, UNIT_SECTORS, page_place,
    superblock_place,
};
pub use member::{Doubtful, FoundPage, Member, Newest, Second};
pub use page::MapPage;
pub use read::{newest_of, newest_superblock};
pub use superblock::{
    HISTORY_MAX, MemberEntry, MemberState, Minted, NAME_MAX, Superblock, is_name,
};

/// What wipes a superblock slot. It is no superblock, and beside one that is still there it is
/// not taken for a newer one that went bad.
pub fn wiped() -> [u8; UNIT] {
    echo::wiped()
}

#[cfg(test)]
mod tests;
