//! The requests that the mirror has: each one's place, and where it stands.
//!
//! Place: part of the [`Core`](crate::core::Core). The hands keep the bios and the bytes
//! of a request under the same [`Req`] (`io/slots.rs`).
//!
//! A copy of the resync and a chunk of the scrub are requests like a user's: they hold a
//! range, go to legs, and end.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

use arrayvec::ArrayVec;
use bio::{BufCmd, ErrorKind, Extent, IoError, IoResult, Sectors};

use super::counts::Cause;
use super::leg::{LEGS_MAX, LegSet};
use super::range::Ticket;
use super::region::Moment;
use super::scrub::Job;

/// Requests that fit without growing the table, which is a heap allocation.
pub(crate) const REQUESTS_EXPECTED: usize = 128;

/// Names a request: its place in the table, and which of those that had the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Req {
    pub(crate) index: u32,
    pub(crate) age: u32,
}

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The mirror's user.
    User,
    /// A read of the user's that no leg could give whole: a block of it. The whole holds
    /// the range.
    Block,
    /// The resync.
    Copy,
    /// The scrub.
    Scrub(Chunk),
}

/// A chunk that is looked at, and perhaps rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) job: Job,
    /// The legs that are to be rewritten; after the write, those that were.
    pub(crate) targets: LegSet,
    /// How many sectors were found to be wrong, if a check found them.
    pub(crate) wrong: Sectors,
    /// It was rewritten, and is read again.
    pub(crate) verifies: bool,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    age: u32,
    pub(crate) cmd: BufCmd,
    pub(crate) extent: Extent,
    pub(crate) origin: Origin,
    /// The range it holds. A flush has none, nor has a block of a read.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) what: What,
}

impl Request {
    /// What legs are asked for it for.
    pub(crate) fn cause(&self) -> Cause {
        match self.origin {
            Origin::User | Origin::Block => Cause::User,
            Origin::Copy | Origin::Scrub(_) => Cause::Copy,
        }
    }

    /// It stands elsewhere from now on. Nothing that [`What`] holds needs to be dropped: to
    /// forget it spares a look at what it was.
    #[inline(always)]
    pub(crate) fn becomes(&mut self, what: What) {
        core::mem::forget(core::mem::replace(&mut self.what, what));
    }

    /// Its group. Panics if it has none.
    pub(crate) fn group(&mut self) -> &mut WriteGroup {
        match &mut self.what {
            What::Write(group) => group,
            what => panic!("a request without a group: {what:?}"),
        }
    }
}

/// Where a request stands.
#[derive(Debug)]
pub(crate) enum What {
    /// Its place is free.
    Free,
    /// It waits for the start, for regions to be settled, or for its range.
    Waiting,
    /// A leg reads it.
    Read(ReadTry),
    /// Its blocks are read, each for itself.
    Blocks,
    /// Legs write it, or it is parked.
    Write(WriteGroup),
    /// Several legs read it, each for itself.
    Looks(Looks),
    /// The hands compare what legs gave with what this one did.
    Compared(Looks, usize),
    /// The hands compare what legs gave with what was written to them.
    Verified(Looks),
    /// It has ended; the hands have not heard of it yet.
    Over,
}

/// Where a read stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadTry {
    /// The leg that has it now.
    pub(crate) leg: usize,
    /// The legs that have failed it.
    pub(crate) tried: LegSet,
    /// Those of them that failed it for an error of their medium.
    pub(crate) bad: LegSet,
}

/// Legs that did not do what they were asked, and why.
pub(crate) type LegErrors = ArrayVec<(usize, IoError), LEGS_MAX>;

/// What a transaction does next, or is doing (the sketch's states). SUPER_WRITE and
/// SUPER_FLUSH are the group's, not a leg's: see `steps/superblocks.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TxState {
    /// Nothing issued yet.
    Start,
    /// The leg's region map is being written and flushed.
    JournalFlush,
    /// The leg's own write, or discard.
    DataWrite,
    /// The leg's flush: of a FLUSH, or after a write with FUA.
    DataFlush,
}

/// A write, flush or discard on its way to all legs: a transaction for each.
#[derive(Debug)]
pub(crate) struct WriteGroup {
    /// Legs whose transaction has not ended: the group's reference count.
    pub(crate) refs: LegSet,
    /// Each leg's transaction.
    pub(crate) tx: [TxState; LEGS_MAX],
    /// When it began, before any leg was asked for anything.
    pub(crate) began: Moment,
    /// The legs that did all they were asked.
    pub(crate) reached: LegSet,
    /// Those that did not, each with its error, in order of report.
    pub(crate) failed: LegErrors,
    /// What has come of it, once all legs have reported.
    pub(crate) result: IoResult,
}

impl WriteGroup {
    /// A group that goes to `legs`.
    pub(crate) fn new(legs: LegSet, began: Moment) -> WriteGroup {
        WriteGroup {
            refs: legs,
            tx: [TxState::Start; LEGS_MAX],
            began,
            reached: LegSet::EMPTY,
            failed: LegErrors::new(),
            result: Ok(()),
        }
    }
}

/// Reads of one extent on several legs, each leg for itself.
#[derive(Clone, Debug)]
pub(crate) struct Looks {
    /// Legs that have not answered.
    pub(crate) left: LegSet,
    /// Legs that gave their data.
    pub(crate) readable: LegSet,
    /// Those that did not, and why.
    pub(crate) failed: ArrayVec<(usize, ErrorKind), LEGS_MAX>,
}

impl Looks {
    /// Reads of `legs`.
    pub(crate) fn of(legs: LegSet) -> Looks {
        Looks { left: legs, readable: LegSet::EMPTY, failed: ArrayVec::new() }
    }
}

/// All requests.
#[derive(Debug)]
pub(crate) struct Requests {
    table: Vec<Request>,
    free: Vec<u32>,
}

impl Requests {
    /// What a request takes in the table.
    pub(crate) const BYTES: usize = size_of::<Request>() + size_of::<u32>();

    pub(crate) fn new() -> Requests {
        let expected = REQUESTS_EXPECTED;
        Requests { table: Vec::with_capacity(expected), free: Vec::with_capacity(expected) }
    }

    /// The name that the next request gets.
    #[inline]
    pub(crate) fn next(&self) -> Req {
        match self.free.last() {
            Some(&index) => Req { index, age: self.table[index as usize].age },
            None => Req { index: self.table.len() as u32, age: 0 },
        }
    }

    /// A new request, which waits.
    #[inline(always)]
    pub(crate) fn add(&mut self, cmd: BufCmd, extent: Extent, origin: Origin) -> Req {
        let req = self.next();
        let Req { index, age } = req;
        let request = Request { age, cmd, extent, origin, ticket: None, what: What::Waiting };
        match self.free.pop() {
            // As `becomes`, for all of it.
            Some(_) => {
                let place = &mut self.table[index as usize];
                core::mem::forget(core::mem::replace(place, request));
            }
            None => self.table.push(request),
        }
        req
    }

    /// All of them, free places too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Req, &Request)> {
        let req = |index, request: &Request| Req { index, age: request.age };
        (0..).zip(&self.table).map(move |(index, request)| (req(index, request), request))
    }

    /// The hands have heard of its end: its place is free, under another age.
    pub(crate) fn remove(&mut self, req: Req) {
        let request = &mut self[req];
        assert!(matches!(request.what, What::Over), "it has ended");
        (request.what, request.age) = (What::Free, req.age.wrapping_add(1));
        self.free.push(req.index);
    }

    /// Its group. Panics if it has none.
    pub(crate) fn group(&mut self, req: Req) -> &mut WriteGroup {
        self[req].group()
    }
}

impl Index<Req> for Requests {
    type Output = Request;
    #[inline]
    fn index(&self, req: Req) -> &Request {
        let request = &self.table[req.index as usize];
        assert!(request.age == req.age, "a request that is over is named");
        request
    }
}

impl IndexMut<Req> for Requests {
    #[inline]
    fn index_mut(&mut self, req: Req) -> &mut Request {
        let request = &mut self.table[req.index as usize];
        assert!(request.age == req.age, "a request that is over is named");
        request
    }
}
