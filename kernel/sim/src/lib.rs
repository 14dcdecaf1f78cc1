//! Disks made of software, and runs in which somebody makes every decision.
//!
//! Place: host tests of the device mapper and of the mirror, and the kernel's own tests. It
//! knows only `bio`: what it tests is a [`BlockDevice`](bio::BlockDevice) over others.
//!
//! From the bottom up:
//!
//! | file | what |
//! |---|---|
//! | `stamp.rs` | sectors that say which write they came from |
//! | `chooser.rs` | who decides: chance ([`Seeded`]), every way in turn ([`Exhaustive`]), an earlier run ([`Replay`]) |
//! | `cache.rs`, `slot.rs`, `disk.rs` | [`SimDisk`]: you say which request completes when and how; a volatile cache; crashes |
//! | `fault.rs` | [`FaultDisk`]: a script of failures around any device, even a real one |
//! | `linear.rs`, `history.rs`, `violation.rs` | the oracle: judges each answer when it comes |
//! | `scenario.rs`, `clock.rs`, `clients.rs`, `subject.rs` | the parts of a run |
//! | `world.rs`, `mishaps.rs`, `rot.rs`, `lives.rs`, `verdict.rs` | a run: what happens next, what goes wrong, starts and ends, what it has to keep |
//! | `explore.rs` | every run, or many by chance, down to the shortest that fails |
//! | `actions.rs`, `image.rs`, `digest.rs`, `crashes/` | every crash of a short story, and every crash of its recovery |
//!
//! The oracle expects of a device what one disk with a volatile cache does. Requests are
//! linearizable sector by sector. A flush makes durable what ended before it. An answer stays
//! true until a write. Every request ends once, and none fails if a leg could have done it.
//!
//! ```
//! use bio::{BlockDevice, Extent, Sector, Sectors};
//! use sim::{Load, Op, Scenario, Subject, explore};
//! use std::sync::Arc;
//!
//! /// The simplest device under test: a disk as it is.
//! struct Plain(Arc<dyn BlockDevice>);
//! impl Subject for Plain {
//!     fn device(&self) -> &dyn BlockDevice { &*self.0 }
//!     fn in_sync(&self, _leg: usize) -> bool { true }
//! }
//!
//! let sector = Extent::new(Sector(0), Sectors(1));
//! let ops = [Op::Write(sector), Op::Write(sector), Op::Read(sector)];
//! let scenario = Scenario::new(1, 1, Load::all_at_once(ops));
//! let explored = explore::exhaustive(
//!     &scenario,
//!     &mut |_, mut legs| Box::new(Plain(legs.remove(0))),
//!     u64::MAX,
//! );
//! if let Some(report) = explored.found {
//!     panic!("{report}");
//! }
//! // Three beginnings and three ends in every order: 6! / 2^3.
//! assert_eq!((explored.runs, explored.complete), (90, true));
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod actions;
mod acts;
mod cache;
mod chooser;
mod clients;
mod clock;
pub mod crashes;
mod digest;
mod disk;
pub mod explore;
mod fault;
mod history;
mod image;
mod linear;
mod lives;
mod mishaps;
mod moment;
mod restless;
mod rot;
mod scenario;
mod slot;
pub mod stamp;
mod subject;
mod undone;
mod verdict;
mod violation;
mod world;

pub use actions::{Action, sequences};
pub use acts::{ACT_BESIDES_ONE_IN, ACT_ONE_IN, TUNES};
pub use cache::{CACHED_PER_SECTOR_MAX, Content};
pub use chooser::{Chooser, Decision, Exhaustive, NoReplay, Random, Replay, Seeded, Trace, replay};
pub use clients::FAILURES_MAX;
pub use clock::{Clock, Work};
pub use crashes::Crashes;
pub use disk::{Held, Outcome, Presence, SimDisk};
pub use explore::{Explored, Factory, Report};
pub use fault::{Counts, FaultDisk, Hit};
pub use history::{Asked, History, Op};
pub use image::LEG_IMAGES_MAX;
pub use linear::{OPEN_WRITES_MAX, Register, WriteEnd};
pub use lives::ABSENT_ONE_IN;
pub use moment::Moment;
pub use restless::STARVED_AFTER;
pub use rot::ROT_ONE_IN;
pub use scenario::{Fault, Faults, Load, Scenario};
pub use slot::{Landed, Pending, RequestId};
pub use stamp::{OpId, Stamp};
pub use subject::{Life, Subject, Task, Word};
pub use violation::Violation;
pub use world::{CRASH_ONE_IN, Event, Left, STOP_ONE_IN, Step, World};
