//! Buffers and I/O requests, in the style of DragonFly BSD.
//!
//! Place: the lowest crate. Drivers, the device mapper and every target use its types. It knows
//! none of them, and no hardware.
//!
//! A [`Buf`] is a request: command, extent, memory. [`Bio::new`] sets it in
//! motion, and from then on *whoever holds the [`Bio`] owns the request*:
//!
//! | moment | owner | may |
//! |---|---|---|
//! | built | originator | choose command, extent, memory |
//! | inside [`BlockDevice::strategy`] | callee | [`push_bio`](Bio::push_bio) and pass on, [`split`], hold, or complete |
//! | at the device | the driver's slot, by [`Bio::lend`] | nothing: the memory is the device's until the device gives it back |
//! | [`BioDone::bio_done`] | the layer that pushed the frame | push again (retry) or complete upward |
//! | [`BufDone::buf_done`] | originator | use the memory; the bio is gone |
//! | dropped by mistake | nobody | completes with [`ErrorKind::Aborted`] and complains |
//!
//! Rules for everyone who holds a bio:
//!
//! - `strategy` cannot fail, refuse or block. The only error path is
//!   completion: [`Bio::biodone`], exactly once, which consumes the bio.
//! - No [`sync::Lock`] is held across `strategy` or `biodone`; debug builds
//!   assert it.
//! - A device may complete a request inside `strategy`. A layer that issues one request from
//!   the completion of another must not rely on a deep stack: it queues the work and lets the
//!   outermost call drain it.
//!
//! Two things differ from the C original. `b_error` and `b_resid` are not fields but travel as
//! an [`IoResult`] beside the buf, so no layer can read a result left over from an earlier
//! try. `bio_caller_info1.ptr` is an `Arc` of the layer that pushed, so the layer outlives its
//! requests.
//!
//! ```
//! use bio::{Bio, BlockDevice, Buf, BufDone, ErrorKind, Extent, IoResult, Limits, Sectors};
//! use std::sync::{Arc, mpsc};
//!
//! /// A disk that reads as zeroes and takes no writes.
//! struct Zero;
//! impl BlockDevice for Zero {
//!     fn capacity(&self) -> Sectors { Sectors(8) }
//!     fn limits(&self) -> Limits { Limits { read_only: true, ..Limits::default() } }
//!     fn strategy(&self, mut bio: Bio) {
//!         let Some(memory) = bio.read_memory() else { return bio.fail(ErrorKind::ReadOnly) };
//!         memory.fill(0);
//!         bio.biodone(Ok(()));
//!     }
//! }
//!
//! struct Originator(mpsc::Sender<(Buf, IoResult)>);
//! impl BufDone for Originator {
//!     fn buf_done(self: Arc<Self>, buf: Buf, _info: u64, result: IoResult) {
//!         self.0.send((buf, result)).unwrap();
//!     }
//! }
//!
//! let (tx, rx) = mpsc::channel();
//! let buf = Buf::read(Extent::new(2.into(), Sectors(2)), vec![0xff; 1024].as_slice().into());
//! Zero.strategy(Bio::new(buf, Arc::new(Originator(tx)), 0));
//! let (buf, result) = rx.recv().unwrap();
//! assert_eq!(result, Ok(()));
//! assert!(buf.into_read().unwrap().iter().all(|&byte| byte == 0));
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod buf;
mod device;
mod error;
pub mod histogram;
mod request;
mod split;
pub mod sync;
mod units;

pub use buf::{Buf, BufCmd, Memory};
pub use device::{BlockDevice, Limits, WriteCache};
pub use error::{ErrorKind, IoError, IoResult};
pub use histogram::{Histogram, POWERS, SmallHistogram};
pub use request::{Bio, BioDone, BufDone, NBUF_BIO};
pub use split::{Piece, split};
pub use units::{Extent, SECTOR_SIZE, Sector, Sectors};
