//! Reading: one leg, and on an error the next.
//!
//! Place: `waiter.rs` calls [`Core::read`] with the range held shared. The resync reads its
//! source the same way, with the range held exclusively. What a leg could not read is
//! rewritten there afterwards (`scrub.rs`).

use bio::{BufCmd, ErrorKind, Extent, IoError, IoResult, Sector};

use crate::core::event::{Action, Report, Step};
use crate::core::parts::counts::Cause;
use crate::core::parts::leg::{Failure, LegSet};
use crate::core::parts::policy::Readers;
use crate::core::parts::range::Mode;
use crate::core::parts::requests::{Origin, ReadTry, Req, Request, What};
use crate::core::parts::waiter::Waiter;
use crate::core::{Core, Follow};

impl Core {
    /// Starts a read, or has it wait until its regions are settled.
    #[inline(always)]
    pub(super) fn enter_read(&mut self, req: Req, extent: Extent) -> Follow {
        if !self.is_unsettled(extent) {
            return self.enter(extent, Mode::Shared, Waiter::Request(req));
        }
        self.resync.readers.push((req, extent));
        // What it waits for may be the superblock of the last leg.
        self.try_superblocks_again();
        self.resync.wake_for_reader();
        Follow::Perhaps
    }

    /// Reads from some leg, then from the others until one succeeds.
    #[inline]
    pub(super) fn read(&mut self, req: Req) -> Follow {
        let none = LegSet::EMPTY;
        let leg = self.read_pick(req, none).expect("one leg is always in sync");
        self.issue_read(req, ReadTry { leg, tried: none, bad: none });
        Follow::Nothing
    }

    /// A block of a read came that is taken apart; the whole holds the range.
    pub(in crate::core) fn block_asked(&mut self, req: Req, extent: Extent) -> Follow {
        let named = self.requests.add(BufCmd::Read, extent, Origin::Block);
        assert_eq!(named, req, "the hands keep its bio under its name");
        self.read(req)
    }

    /// Chooses an in-sync leg that has not been tried, by the read policy, and
    /// counts the read as pending there.
    #[inline(always)]
    fn read_pick(&mut self, req: Req, tried: LegSet) -> Option<usize> {
        let Request { extent, origin, .. } = self.requests[req];
        let copies = origin == Origin::Copy;
        let candidates = self.in_sync().without(tried);
        let leg = self.choose(candidates, extent.start(), copies)?;
        self.last_read = leg;
        let record = &mut self.legs[leg];
        record.reads_pending += 1;
        record.read_end = extent.end();
        let cause = if copies {
            self.resync.source = leg;
            Cause::Copy
        } else {
            Cause::User
        };
        self.legs[leg].issued(BufCmd::Read, cause);
        Some(leg)
    }

    #[inline]
    fn issue_read(&mut self, req: Req, it: ReadTry) {
        self.requests[req].becomes(What::Read(it));
        self.act(Action::Issue { req, leg: it.leg, step: Step::Read });
    }

    /// A leg is done with a read (`disk_read_bio_done`).
    pub(super) fn read_bio_done(&mut self, req: Req, mut it: ReadTry, report: Report) -> Follow {
        let Report { mut result, memory, .. } = report;
        self.legs[it.leg].reads_pending -= 1;
        let calm = self.returned(it.leg, BufCmd::Read, report);
        let Request { extent, origin, .. } = self.requests[req];
        if result.is_ok() && !self.in_sync().contains(it.leg) {
            // It went out meanwhile, and may have lost what was acknowledged.
            result = Err(IoError { kind: ErrorKind::Gone, resid: extent.count().bytes() });
        }
        if let Err(error) = result
            && self.read_elsewhere(req, &mut it, error.kind)
        {
            return Follow::Perhaps;
        }
        let whole = origin == Origin::User;
        if whole && result.is_err() && self.may_go_by_block(extent, it.bad, memory) {
            self.requests[req].becomes(What::Blocks);
            self.act(Action::ByBlock { req });
            return Follow::Perhaps;
        }
        self.read_over(req, (extent, origin), it, result);
        if origin == Origin::Copy || !it.tried.is_empty() { Follow::Perhaps } else { calm }
    }

    /// A leg failed a read. Whether there is another that has it now.
    #[cold]
    fn read_elsewhere(&mut self, req: Req, it: &mut ReadTry, why: ErrorKind) -> bool {
        self.read_failed(it.leg, why);
        it.tried.insert(it.leg);
        if why == ErrorKind::Media {
            it.bad.insert(it.leg);
        }
        let next = self.read_pick(req, it.tried);
        if let Some(leg) = next {
            self.issue_read(req, ReadTry { leg, ..*it });
        }
        next.is_some()
    }

    /// A read ends. Only then are blocks rewritten that a leg could not read.
    #[inline(always)]
    fn read_over(&mut self, req: Req, of: (Extent, Origin), it: ReadTry, result: IoResult) {
        let (extent, origin) = of;
        match origin {
            Origin::Copy => self.chunk_read(req, result),
            Origin::User | Origin::Block | Origin::Scrub(_) => {
                self.release_and_complete(req, result);
            }
        }
        if result.is_ok() && !it.bad.is_empty() {
            self.want_repair(extent, it.bad);
        }
    }

    /// One bad sector does not condemn a leg; a device that is gone, or hangs,
    /// is out for everything.
    pub(super) fn read_failed(&mut self, leg: usize, kind: ErrorKind) {
        self.legs[leg].counts.read_errors += 1;
        if matches!(kind, ErrorKind::Gone | ErrorKind::Timeout) {
            self.fail_leg(leg, Failure::Read(kind));
        }
        if kind == ErrorKind::Media {
            self.medium_failed(leg);
        }
    }

    /// A leg's medium did not give what was written to it.
    fn medium_failed(&mut self, leg: usize) {
        let too_many = self.legs[leg].errors.add(self.now, self.setup.error_threshold);
        if too_many {
            self.fail_leg(leg, Failure::TooManyErrors);
        }
    }

    /// Whether several legs failed a read of several blocks: each may have failed at another
    /// block.
    fn may_go_by_block(&self, extent: Extent, bad: LegSet, memory: bool) -> bool {
        let several = self.in_sync().and(bad).iter().count() > 1;
        several && extent.count() > self.setup.block && memory
    }

    /// All blocks of a read have ended.
    pub(in crate::core) fn joined(&mut self, req: Req, result: IoResult) -> Follow {
        self.release_and_complete(req, result);
        Follow::Nothing
    }

    /// One of `candidates` for a read that begins at `start`; for a resync the one that it
    /// began the region with.
    fn choose(&self, candidates: LegSet, start: Sector, copies: bool) -> Option<usize> {
        let candidates = self.rather_read(candidates);
        match self.source_of_region() {
            Some(leg) if copies && candidates.contains(leg) => Some(leg),
            _ => {
                let readers = Readers { last: self.last_read, legs: &self.legs };
                self.read_policy.pick(candidates, start, &readers)
            }
        }
    }

    /// Those of `legs` that are not write-mostly, if there are any.
    pub(super) fn rather_read(&self, legs: LegSet) -> LegSet {
        let others = legs.without(self.write_mostly);
        if others.is_empty() { legs } else { others }
    }

    /// The one of these legs that the others are rewritten from where they differ.
    pub(super) fn source_of(&self, legs: LegSet) -> Option<usize> {
        self.read_policy.source(self.rather_read(legs))
    }
}
