//! Disks made of software, and runs in which every decision is somebody's.
//!
//! Place: host tests of the device mapper and the mirror, and the kernel's own
//! tests; knows only `bio`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cache;
mod chooser;
mod clients;
mod clock;
mod disk;
pub mod explore;
mod fault;
mod history;
mod linear;
pub mod stamp;
mod world;

pub use cache::{CACHED_PER_SECTOR_MAX, Content};
pub use chooser::{Chooser, Decision, Exhaustive, NoReplay, Random, Replay, Seeded, Trace, replay};
pub use clients::Load;
pub use clock::Clock;
pub use disk::{Landed, Outcome, Pending, Presence, RequestId, SimDisk};
pub use explore::{Explored, Factory, Report};
pub use fault::{Counts, FaultDisk, Hit};
pub use history::{History, Op, OpId, Violation};
pub use linear::{Moment, OPEN_WRITES_MAX, Register, WriteEnd};
pub use stamp::Stamp;
pub use world::{CRASH_ONE_IN, Fault, Faults, Scenario, Step, Subject, World};
