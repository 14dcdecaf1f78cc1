//! The device-mapper mirror (RAID1) target.
//!
//! Place: registered with [`dm`] as the target type `mirror`. Everything else in this
//! workspace exists so that this crate can run. It knows no hardware, starts no thread, reads
//! no clock, and runs unmodified on a host.
//!
//! The design follows a sketch that Venkatesh Srinivas posted to the DragonFly
//! kernel list in April 2011, and keeps its names.
//!
//! # Floors
//!
//! | floor | what it does | knows |
//! |---|---|---|
//! | `face/` | reads tables and messages, shows status and report | `io`, `core` |
//! | `io/` | the hands: turns bios into events and actions into bios | `core`, `disk` |
//! | `core/` | decides; holds no bio, no lock and no clock | `disk` |
//! | `disk/` | what lies on a member, and who may be believed | bytes and sectors |
//!
//! The core has *parts* (`core/parts/`), which own their state, and *steps*
//! (`core/steps/`), which say what an event means for several parts. After an event
//! `Core::settle` asks each part what follows, until nothing does. docs/architecture.md
//! has the picture and the reasons.
//!
//! # A read
//!
//! 1. `face/target.rs`: the table calls `MirrorTarget::strategy`.
//! 2. `io/mod.rs`: `Mirror::strategy` puts the bio into its slot (`io/slots.rs`) and brings
//!    the event `Asked`, under the mirror's lock.
//! 3. `core/mod.rs`: `Core::step` hands it to `core/steps/strategy.rs`, which asks the range
//!    lock (`core/parts/range/mod.rs`) for a shared range.
//! 4. `core/steps/read.rs`: `read_pick` chooses a leg (`core/parts/policy.rs`), `issue_read`
//!    leaves the action `Issue`.
//! 5. `io/mod.rs`: without the lock `Mirror::act` pushes the bio onto the leg. When the
//!    leg is done, `bio_done` brings the event `Reported`.
//! 6. `core/steps/read.rs`: `read_bio_done` tries the next leg after an error. Otherwise
//!    the range is given back, and the action `Complete` ends the user's bio.
//!
//! # A write
//!
//! 1. As above, with an exclusive range. `core/steps/waiter.rs` begins it once the range is
//!    held.
//! 2. `core/steps/write.rs`: `start_group` makes a `WriteGroup` with a transaction for each
//!    leg, which goes from state to state. In a region that is clean, a
//!    transaction first waits for its leg's map (`core/parts/journal.rs`,
//!    `core/steps/maps.rs`).
//! 3. Each leg reports (`write_bio_done`), its transaction ends (`write_tx_done`), and the
//!    last one has the group settled: `settle_group` decides, gives the range back and
//!    completes the user's bio. Never before every leg has reported.
//!
//! # A write during which a leg dies
//!
//! 1. The leg reports an error: `write_tx_done` calls `fail_leg` (`core/steps/leg_out.rs`).
//!    The leg is out. Regions that are DIRTY count as missed by it (`core/parts/region.rs`),
//!    and superblocks are to record that in a new generation (`core/parts/membership.rs`).
//! 2. `settle` finds that they do not say so yet, and has them written
//!    (`core/steps/superblocks.rs`).
//! 3. The other leg reports success. The group is parked: an exclusion is not durable.
//! 4. The superblock is written and flushed on every leg in sync: `became_durable`
//!    (`core/steps/promote.rs`) ends the parked group.
//!
//! # Where to find the rest
//!
//! | what | where |
//! |---|---|
//! | the start of a session | `io/search.rs` reads the members, `disk/assemble` decides, `core/steps/start.rs` begins |
//! | a mirror that does not start | `core/steps/not_started.rs` |
//! | legs made equal, or rebuilt | `core/steps/resync.rs`, as fast as `core/parts/pace.rs` allows |
//! | a leg that comes back | `core/steps/readmit.rs`, then `core/steps/promote.rs`; a new disk: `core/steps/newcomer.rs` |
//! | one member in the place of another | `core/steps/replace.rs` |
//! | regions that become clean | `core/steps/clean.rs` |
//! | bad sectors, check and repair | `core/steps/scrub.rs`, `core/steps/check.rs`, `core/parts/errors.rs` |
//! | flushes, and caches that were lost | `core/steps/flush.rs`, `core/steps/loss.rs` |
//! | suspension, and another table | `core/steps/stop.rs`, `core/steps/inherit.rs` |
//! | what failed, tried again | `core/steps/alarm.rs`, `core/parts/retry.rs` |
//! | how long each leg takes | `io/times.rs` |
//! | what a table says | `face/table.rs`; `face/config.rs` opens its devices |
//! | messages of a person | `face/target.rs`, then `core/steps/message.rs` |
//! | what a person sees and hears | `face/view.rs`, `face/status.rs`, `io/words.rs` |
//! | each event, action and state, as it happens | `io/trace/` |
//!
//! [`format`], [`assemble`], [`label`] and [`table`] are pure, and public for tools.
//!
//! # In another system
//!
//! A mirror needs devices, a [`dm::Env`] for time, delayed work and chance, and words of a
//! table. Here two byte arrays are the disks:
//!
//! ```
//! use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Limits, Sector, Sectors};
//! use dm::{Args, Context, DeviceRef, Devices, Env, TargetType, Work};
//! use std::sync::{Arc, Mutex, mpsc};
//! use std::time::Duration;
//!
//! struct Disk(Mutex<[u8; 64 * 512]>);
//! impl BlockDevice for Disk {
//!     fn capacity(&self) -> Sectors { Sectors(64) }
//!     fn limits(&self) -> Limits { Limits::default() }
//!     fn strategy(&self, mut bio: Bio) {
//!         let at = bio.extent().start().0 as usize * 512;
//!         if let Some(memory) = bio.read_memory() {
//!             memory.copy_from_slice(&self.0.lock().unwrap()[at..][..memory.len()]);
//!         } else if let Some(data) = bio.write_data() {
//!             self.0.lock().unwrap()[at..][..data.len()].copy_from_slice(data);
//!         }
//!         bio.biodone(Ok(()));
//!     }
//! }
//!
//! struct Disks([DeviceRef; 2]);
//! impl Devices for Disks {
//!     fn open(&self, name: &str) -> Option<DeviceRef> {
//!         self.0.iter().find(|disk| &*disk.name() == name).cloned()
//!     }
//! }
//!
//! struct World; // a mirror that never copies needs no worker
//! impl Env for World {
//!     fn now(&self) -> Duration { Duration::ZERO }
//!     fn run_after(&self, _: Duration, _: Arc<dyn Work>) {}
//!     fn random(&self) -> u64 { 4 }
//! }
//!
//! struct User(mpsc::Sender<(Buf, IoResult)>);
//! impl BufDone for User {
//!     fn buf_done(self: Arc<Self>, buf: Buf, _info: u64, result: IoResult) {
//!         self.0.send((buf, result)).unwrap();
//!     }
//! }
//!
//! let arrays = [0; 2].map(|byte| Arc::new(Disk(Mutex::new([byte; 64 * 512]))));
//! let [a, b] = arrays.clone();
//! let context = Context {
//!     length: Sectors(64),
//!     devices: &Disks([DeviceRef::new("a", a), DeviceRef::new("b", b)]),
//!     env: Arc::new(World),
//!     events: Arc::default(),
//! };
//! let words = "core 1 nosync 2 a 0 b 0"; // no records; two legs, equal already
//! let mirror = dm_mirror::MirrorType.create(&mut Args::new(words), &context).unwrap();
//! mirror.resume();
//!
//! let (tx, rx) = mpsc::channel();
//! let (user, extent) = (Arc::new(User(tx)), Extent::new(Sector(8), Sectors(1)));
//! mirror.strategy(Bio::new(Buf::write(extent, vec![7; 512].into()), user.clone(), 0));
//! assert_eq!(rx.recv().unwrap().1, Ok(()));
//! let has = |disk: &Arc<Disk>| disk.0.lock().unwrap()[8 * 512..9 * 512] == [7; 512];
//! assert!(arrays.iter().all(has)); // acknowledged: both legs have it
//!
//! mirror.message(&["fail", "0"]).unwrap();
//! mirror.strategy(Bio::new(Buf::read(extent, vec![0; 512].as_slice().into()), user, 0));
//! assert_eq!(rx.recv().unwrap().0.into_read().unwrap()[..], [7; 512]);
//! assert_eq!(mirror.status(), "2 a b 1/1 1 DA 1 core");
//! ```
//!
//! # The sketch
//!
//! What the sketch left open or got wrong, and what stands here instead (docs/sketch.md
//! goes through it line by line):
//!
//! | in the sketch | here |
//! |---|---|
//! | without a disk to read from, the bio is never completed | it ends with the last error |
//! | a transaction has no buf of its own and is not linked to its bio | each leg has a bio of its own, which carries the request's name and the leg |
//! | the states advance without `break` | each edge is a function |
//! | the error branch is empty | the leg is failed, the group remembers |
//! | the destructor releases the lock of the object it frees | the reference count is a set of legs in the core; the last one has the group settled |
//! | allocation between submissions can leave some legs written | the group knows its legs before the first is issued, and a steady write allocates nothing |
//!
//! A mirror that keeps its state in memory (`core`) starts by copying leg 0 to the others
//! unless the table says `nosync`. When it is torn down, it forgets which leg failed.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod core;
mod disk;
mod face;
mod io;

pub use crate::core::parts::leg::LEGS_MAX;
pub use crate::core::parts::region::REGIONS_MAX;
pub use disk::{assemble, format, label};
pub use face::target::{MirrorTarget, MirrorType, Traced};
pub use face::{report, table, view};
pub use io::{requests, trace};
