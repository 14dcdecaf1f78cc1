//! Disks made of software, and runs in which every decision is somebody's.
//!
//! Place: host tests of the device mapper and the mirror, and the kernel's own
//! tests; knows only `bio`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cache;
mod chooser;
mod disk;
pub mod stamp;

pub use cache::{CACHED_PER_SECTOR_MAX, Content};
pub use chooser::{Chooser, Decision, Exhaustive, NoReplay, Random, Replay, Seeded, Trace, replay};
pub use disk::{Landed, Outcome, Pending, Presence, RequestId, SimDisk};
pub use stamp::Stamp;
