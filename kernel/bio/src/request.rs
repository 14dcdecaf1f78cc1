//! A request in flight: the frame stack, `push_bio`, `biodone`.
//!
//! Place: the heart of the crate. Follow a request from [`Bio::new`] down through
//! [`Bio::push_bio`] to a device, and up again through [`Bio::biodone`]. [`Bio::lend`] is for
//! drivers only.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::{fmt, mem};

use arrayvec::ArrayVec;
use bytes::{Bytes, BytesMut};

use crate::buf::{Buf, BufCmd, Memory};
use crate::error::{ErrorKind, IoError, IoResult};
use crate::sync;
use crate::units::{Extent, Sector};

/// How many layers may push a frame on one request. Layers that build child
/// requests (a split, a write group) start a new stack.
pub const NBUF_BIO: usize = 8;

/// The originator's side of a request.
pub trait BufDone: Send + Sync {
    /// The request ended; its memory is the originator's again. Runs in the
    /// completing thread: it must not sleep.
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult);
}

/// A layer's side of a request that it passed on with [`Bio::push_bio`].
pub trait BioDone: Send + Sync {
    /// The lower layers are done with the request. The frame is popped: the
    /// bio has this layer's extent again. Push it again elsewhere (retry) or
    /// [`biodone`](Bio::biodone) it. Must not sleep.
    fn bio_done(self: Arc<Self>, bio: Bio, info: u64, result: IoResult);
}

/// A request in flight. Holding it is owning the request; see the
/// [crate's table](crate) for who may do what, when.
pub struct Bio {
    /// `None` only inside [`Bio::biodone`] and `drop`.
    request: Option<Box<Request>>,
}

struct Request {
    buf: Buf,
    frames: ArrayVec<Frame, NBUF_BIO>,
    done: Arc<dyn BufDone>,
    info: u64,
}

/// What a layer left behind when it passed the request on.
struct Frame {
    /// Where the extent started in that layer's own address space.
    start: Sector,
    done: Arc<dyn BioDone>,
    info: u64,
}

impl Bio {
    /// Sets `buf` in motion. `done` is called when it ends, with `info` as given here. This is
    /// the one heap allocation of a request's life.
    pub fn new(buf: Buf, done: Arc<dyn BufDone>, info: u64) -> Bio {
        Bio { request: Some(Box::new(Request { buf, frames: ArrayVec::new(), done, info })) }
    }

    /// The command.
    #[inline]
    pub fn cmd(&self) -> BufCmd {
        self.request().buf.cmd
    }

    /// The extent, in the address space of the layer that holds the bio.
    #[inline]
    pub fn extent(&self) -> Extent {
        self.request().buf.extent
    }

    /// A read's memory, to be filled. `None` for other commands, and while a
    /// device has the memory.
    pub fn read_memory(&mut self) -> Option<&mut [u8]> {
        match &mut self.request_mut().buf.memory {
            Memory::Unique(memory) => Some(memory),
            Memory::None | Memory::Shared(_) | Memory::Lost => None,
        }
    }

    /// A write's bytes; cloning them shares the memory.
    #[inline]
    pub fn write_data(&self) -> Option<&Bytes> {
        match &self.request().buf.memory {
            Memory::Shared(data) => Some(data),
            Memory::None | Memory::Unique(_) | Memory::Lost => None,
        }
    }

    /// Keeps this layer's place on the frame stack and translates the extent
    /// to `start` of the layer below. No allocation.
    ///
    /// Panics if more than [`NBUF_BIO`] layers are stacked. The device mapper bounds the depth of a
    /// stack when it loads a table.
    #[inline]
    pub fn push_bio(mut self, start: Sector, done: Arc<dyn BioDone>, info: u64) -> Bio {
        let request = self.request_mut();
        let frame = Frame { start: request.buf.extent.start(), done, info };
        assert!(request.frames.try_push(frame).is_ok(), "more than {NBUF_BIO} layers are stacked");
        request.buf.extent = request.buf.extent.at(start);
        self
    }

    /// Gives the bio another request of the same originator. So a chain of steps (write, then
    /// flush) needs one allocation. Returns the old buf.
    ///
    /// Panics if a layer has pushed a frame: only the originator may do this.
    #[inline]
    pub fn reissue(&mut self, buf: Buf) -> Buf {
        assert!(self.request().frames.is_empty(), "only its originator may change a request");
        mem::replace(&mut self.request_mut().buf, buf)
    }

    /// As [`reissue`](Bio::reissue), but drops the old buf.
    ///
    /// Panics if a layer has pushed a frame: only the originator may do this.
    #[inline]
    pub fn renew(&mut self, buf: Buf) {
        assert!(self.request().frames.is_empty(), "only its originator may change a request");
        self.request_mut().buf = buf;
    }

    /// Drops the bio's share of a write's bytes. The originator keeps the bio for another request.
    ///
    /// Panics if a layer has pushed a frame: only the originator may do this.
    #[inline]
    pub fn drop_data(&mut self) {
        assert!(self.request().frames.is_empty(), "only its originator may change a request");
        let buf = &mut self.request_mut().buf;
        buf.cmd = BufCmd::Flush;
        buf.memory = Memory::None;
    }

    /// Completes the request at this layer: the layer above, or the originator, gets it with
    /// `result`. The call consumes the bio, so a request completes exactly once.
    ///
    /// A read that claims success without its memory ends [`Aborted`](ErrorKind::Aborted): that
    /// is a bug of a lower layer.
    #[inline]
    pub fn biodone(mut self, result: IoResult) {
        if result.is_ok() && self.lost_memory() {
            return self.fail(ErrorKind::Aborted);
        }
        let request = self.request.take().expect("a bio holds its request until it is done");
        Bio::complete(request, result);
    }

    /// [`biodone`](Bio::biodone) with an error that left everything undone.
    pub fn fail(self, kind: ErrorKind) {
        let resid = self.request().buf.transfer();
        self.biodone(Err(IoError { kind, resid }));
    }

    /// Lends the memory to a device, for as long as the device may touch it.
    ///
    /// For drivers: the slot that talks to the device keeps the returned memory until the
    /// device is done with it, even if a timeout completed the bio long before. Meanwhile a
    /// write's memory stays readable. Until [`give_back`](Bio::give_back) a read's is gone from
    /// the bio ([`Memory::Lost`]).
    pub fn lend(&mut self) -> Memory {
        let memory = &mut self.request_mut().buf.memory;
        match memory {
            Memory::Unique(_) => mem::replace(memory, Memory::Lost),
            Memory::Shared(data) => Memory::Shared(data.clone()),
            Memory::None | Memory::Lost => Memory::None,
        }
    }

    /// The device is done with the memory that [`lend`](Bio::lend) took. Panics if that was
    /// memory of another kind or length.
    pub fn give_back(&mut self, lent: Memory) {
        let bytes = self.extent().count().bytes();
        let memory = &mut self.request_mut().buf.memory;
        match (&*memory, &lent) {
            (Memory::Lost, Memory::Unique(back)) => {
                assert_eq!(back.len(), bytes, "not the memory that was lent");
                *memory = lent;
            }
            (Memory::Shared(_), Memory::Shared(_)) | (_, Memory::None) => {}
            _ => panic!("not the memory that was lent"),
        }
    }

    /// Gives fresh memory to a read whose own memory a device kept, so that the read can be tried
    /// again. Panics if the bio still has its own.
    pub fn refill(&mut self, memory: BytesMut) {
        assert!(self.lost_memory(), "the bio has its memory");
        self.give_back(Memory::Unique(memory));
    }

    /// Whether a device kept this read's memory.
    #[inline]
    pub fn lost_memory(&self) -> bool {
        matches!(self.request().buf.memory, Memory::Lost)
    }

    /// Takes the memory out of the bio, for [`split`](crate::split) to cut.
    pub(crate) fn take_memory(&mut self) -> Memory {
        self.lend()
    }

    #[inline]
    fn complete(mut request: Box<Request>, result: IoResult) {
        sync::assert_unlocked("biodone");
        match request.frames.pop() {
            Some(Frame { start, done, info }) => {
                request.buf.extent = request.buf.extent.at(start);
                done.bio_done(Bio { request: Some(request) }, info, result);
            }
            None => {
                let Request { buf, done, info, .. } = *request;
                done.buf_done(buf, info, result);
            }
        }
    }

    #[cold]
    fn dropped(request: Box<Request>) {
        if cfg!(debug_assertions) {
            let (cmd, extent) = (request.buf.cmd, request.buf.extent);
            log::error!("bio dropped, not completed: {cmd:?} {extent}");
        }
        let resid = request.buf.transfer();
        Bio::complete(request, Err(IoError { kind: ErrorKind::Aborted, resid }));
    }

    #[inline]
    fn request(&self) -> &Request {
        self.request.as_ref().expect("a bio holds its request until it is done")
    }

    #[inline]
    fn request_mut(&mut self) -> &mut Request {
        self.request.as_mut().expect("a bio holds its request until it is done")
    }
}

impl Drop for Bio {
    /// A dropped request must not leave its originator waiting for ever.
    #[inline]
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            Bio::dropped(request);
        }
    }
}

impl fmt::Debug for Bio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buf = &self.request().buf;
        write!(f, "Bio({:?} {})", buf.cmd, buf.extent)
    }
}
