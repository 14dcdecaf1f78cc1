//! How much a table may ask for: every bound, with its reason.
//!
//! Place: the parser and the targets refuse a table beyond a bound, with line and column. The
//! registry checks the bounds of a stack. docs/limits.md lists these bounds and those of the
//! other crates.
//!
//! Rules:
//!
//! - Memory that grows with the *number of words* in a table is bounded by the bounds on words.
//!   Memory that grows with a *size* that a word names is allocated fallibly.
//! - All that targets allocate infallibly fits into [`TABLE_ROOM`]. A table is made only if
//!   that much memory is free ([`Env::has_room`](crate::Env::has_room)).

use bio::{NBUF_BIO, Sectors};

/// The longest text of a table, in bytes. A thousand entries with long names fit.
pub const TABLE_BYTES_MAX: usize = 64 * 1024;

/// The most entries of a table. Each costs a few hundred bytes, and a part of a flush.
pub const ENTRIES_MAX: usize = 1024;

/// The largest mapped device: 8 EiB, so that a length in bytes fits 64 bits.
pub const CAPACITY_MAX: Sectors = Sectors(1 << 54);

/// The most stripes of an entry. A flush or a discard becomes one child for each stripe.
pub const STRIPES_MAX: u64 = 64;

/// The most devices of a system, disks and mapped devices together. A search for a name looks
/// at each of them, and so does a walk through a stack.
pub const DEVICES_MAX: usize = 256;

/// How many frames a target may push on one request. Children that it builds
/// itself start a new stack.
pub const FRAMES_PER_TARGET: usize = 1;

/// How many mapped devices may be stacked on a disk. Each takes a frame for its
/// table and those of its target; an originator above them pushes none.
pub const DEPTH_MAX: usize = NBUF_BIO / (1 + FRAMES_PER_TARGET);

/// The most requests that a flush of one device may become at the bottom of its stack, and so
/// the most steps of every walk down that stack. Without this bound, three levels of 300 lines
/// each would turn one flush into 27 million.
pub const FLUSHES_MAX: usize = 1024;

/// The refusal of a table for which there is no memory.
pub const NO_ROOM: &str =
    "there is not enough memory for it; remove devices, or let them be smaller";

/// The memory of a device without a table, and of a few words about it, in bytes.
pub const DEVICE_ROOM: usize = 16 * 1024;

/// The memory to make a table, besides what its targets ask for, in bytes: twice what
/// [`ENTRIES_MAX`] entries need.
pub const TABLE_ROOM: usize = 2 * 1024 * 1024;
