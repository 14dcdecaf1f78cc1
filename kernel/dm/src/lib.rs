//! A device mapper, in the style of DragonFly's and Linux's dm: block devices made of parts of
//! other devices.
//!
//! Place: above [`bio`], below the crate that composes a system. It knows no hardware and no
//! mirror: targets come in through [`TargetType`], disks by name.
//!
//! A [`Dm`] knows devices and target types. [`Dm::create`] makes a [`MappedDevice`],
//! [`Dm::load`] gives it a table in dmsetup's text, and [`MappedDevice::resume`] lets it run. A
//! request then goes:
//!
//! ```text
//! MappedDevice::strategy   held, or counted              device/
//!   Table::strategy        checked, frame pushed, split  table.rs
//!     Target::strategy     at the entry's own sectors    targets/
//!       a device below
//!     Table::bio_done      completed upward              table.rs
//!   MappedDevice           counted off
//! ```
//!
//! A request that lies within one entry passes without a heap allocation. No
//! lock is held across a call into a target, a device or a callback.
//!
//! ```
//! use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Sector, Sectors};
//! use dm::{Devices, Dm, Env, Work};
//! use std::sync::{Arc, mpsc};
//! use std::time::Duration;
//!
//! /// Targets that need time and chance get them here; zero and error do not.
//! struct Nothing;
//! impl Env for Nothing {
//!     fn now(&self) -> Duration { Duration::ZERO }
//!     fn run_after(&self, _: Duration, _: Arc<dyn Work>) {}
//!     fn random(&self) -> u64 { 4 }
//! }
//!
//! struct Originator(mpsc::Sender<(Buf, IoResult)>);
//! impl BufDone for Originator {
//!     fn buf_done(self: Arc<Self>, buf: Buf, _info: u64, result: IoResult) {
//!         self.0.send((buf, result)).unwrap();
//!     }
//! }
//!
//! let dm = Dm::new(Arc::new(Nothing));
//! let device = dm.create("half")?;
//! dm.load("half", "0 8 zero\n8 8 error\n")?;
//! device.resume(Box::new(|result| assert_eq!(result, Ok(()))));
//!
//! let half = dm.open("half").unwrap();
//! assert_eq!(half.capacity(), Sectors(16));
//! let (tx, rx) = mpsc::channel();
//! let originator = Arc::new(Originator(tx));
//! let read = |start| Buf::read(Extent::new(start, Sectors(1)), vec![1; 512].as_slice().into());
//! half.strategy(Bio::new(read(Sector(7)), originator.clone(), 0));
//! assert!(rx.recv().unwrap().0.into_read().unwrap().iter().all(|&byte| byte == 0));
//! half.strategy(Bio::new(read(Sector(8)), originator, 0));
//! assert!(rx.recv().unwrap().1.is_err());
//! # Ok::<(), dm::DmError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod args;
pub mod bounds;
mod context;
mod device;
mod devices;
mod entry;
mod env;
mod error;
mod events;
mod flush;
mod limits;
mod line;
mod name;
mod parse;
mod part;
mod registry;
mod stack;
mod table;
mod target;
mod targets;

pub use args::{ArgError, Args, Word};
pub use bounds::{DEPTH_MAX, FRAMES_PER_TARGET, NO_ROOM};
pub use context::Context;
pub use device::suspend::{Done, Suspend};
pub use device::{Info, MappedDevice, Mode, Slot};
pub use devices::{DeviceHandle, DeviceRef, Devices};
pub use env::{Env, Event, Moment, Probe, Severity, Work};
pub use error::{DmError, TableError};
pub use events::Events;
pub use limits::{UNLIMITED, stack};
pub use line::Line;
pub use name::{NAME_MAX, NameFault, check_name};
pub use part::Part;
pub use registry::{Dm, Listed};
pub use target::{MessageError, Target, TargetType};
