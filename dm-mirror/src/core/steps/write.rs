//! Writing, flushing, discarding: a group of transactions, one for each leg.
//!
//! Place: `waiter.rs` calls [`Core::start_group`] once the range is held. The resync's copies
//! and the scrub's rewrites are groups like any other. From top to bottom: a group begins.
//! Each transaction goes from state to state ([`TxState`]). When the last leg has reported, the
//! group is settled, and only then is the original bio done (R3).
//!
//! ```text
//! START ─▶ JOURNAL_FLUSH ─▶ DATA_WRITE ─▶ DATA_FLUSH ─▶ (SUPER_WRITE ─▶ SUPER_FLUSH)
//!          first touch of                 FUA, FLUSH    of the group, while an
//!          a region                                     exclusion is not durable
//! ```
//!
//! Rules:
//!
//! - The group's reference count is [`WriteGroup::refs`]: each transaction that has not
//!   ended is in it. When the last one leaves, every leg has reported
//!   (`dmirror_wg_dtor`).
//! - Each leg sends the same immutable bytes.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use bio::{BufCmd, ErrorKind, Extent, IoResult};

use crate::core::event::{Action, Report};
use crate::core::parts::flushes::Who;
use crate::core::parts::journal::Waiting;
use crate::core::parts::leg::{Failure, LegSet};
use crate::core::parts::legs::LOST;
use crate::core::parts::region::{Moment, page_of};
use crate::core::parts::requests::{Origin, Req, Request, TxState, What, WriteGroup};
use crate::core::{Core, Follow};
use crate::format::Region;

impl Core {
    /// Sends a request to every leg that takes writes, or that wants the copy.
    pub(super) fn start_group(&mut self, req: Req) -> Follow {
        let (legs, follow) = self.begin_group(req);
        if legs.is_empty() {
            return Follow::Perhaps.or(self.settle_group(req));
        }
        follow.or(self.start_txs(req, legs))
    }

    /// START: a leg flushes at once, or writes at once if its own map allows it. Else it waits
    /// for that (JOURNAL_FLUSH).
    fn start_txs(&mut self, req: Req, legs: LegSet) -> Follow {
        let request = &mut self.requests[req];
        let (cmd, extent, cause) = (request.cmd, request.extent, request.cause());
        if cmd == BufCmd::Flush {
            legs.iter().for_each(|leg| self.flush_data(req, leg));
            return Follow::Nothing;
        }
        let group = request.group();
        let mut ready = LegSet::EMPTY;
        for leg in legs.iter() {
            let record = &mut self.legs[leg];
            group.tx[leg] = TxState::JournalFlush;
            if record.admits(Waiting { req, extent }, self.regions.as_ref()) {
                group.tx[leg] = TxState::DataWrite;
                record.issued(cmd, cause);
                ready.insert(leg);
            }
        }
        if !ready.is_empty() {
            self.act(Action::Data { req, legs: ready });
        }
        if ready == legs { Follow::Nothing } else { Follow::Perhaps }
    }

    /// A group begins. Returns the legs that it goes to. Something follows if it is the first
    /// to write to a region: the cleaner looks after that.
    fn begin_group(&mut self, req: Req) -> (LegSet, Follow) {
        let Request { cmd, extent, origin, .. } = self.requests[req];
        let began = self.tick();
        let writable = self.writable();
        let legs = match origin {
            Origin::User | Origin::Block => writable,
            Origin::Copy => self.wanting(extent),
            Origin::Scrub(chunk) => chunk.targets.and(self.in_sync()),
        };
        self.requests[req].becomes(What::Write(WriteGroup::new(legs, began)));
        let (Some(regions), true) = (&mut self.regions, cmd.modifies()) else {
            return (legs, Follow::Nothing);
        };
        // A copy changes nothing on the legs that do not want it.
        let unwritten = match origin {
            Origin::User | Origin::Block => self.legs.all().without(writable),
            Origin::Copy | Origin::Scrub(_) => LegSet::EMPTY,
        };
        let first = regions.begin(extent, unwritten);
        let ahead = match origin {
            // Beside a leg that is out each region is recorded as missed, when it is written.
            Origin::User if regions.are_recorded() && unwritten.is_empty() => {
                self.runs.goes_on(extent, first, regions.geometry())
            }
            Origin::User | Origin::Block | Origin::Copy | Origin::Scrub(_) => None,
        };
        let follow = ahead.map_or(Follow::Nothing, |ahead| self.intend(ahead));
        (legs, if first { Follow::Perhaps } else { follow })
    }

    /// Has those of these regions that are clean recorded as DIRTY before somebody waits for
    /// that.
    fn intend(&mut self, ahead: Range<u32>) -> Follow {
        let writable = self.writable();
        let (Some(regions), legs) = (&mut self.regions, &mut self.legs) else {
            return Follow::Nothing;
        };
        let mut pages: Vec<u32> = Vec::new();
        for region in ahead.map(Region) {
            if !regions.is_dirty(region) && pages.last() != Some(&page_of(region)) {
                pages.push(page_of(region));
            }
            regions.intend(region);
        }
        if pages.is_empty() {
            return Follow::Nothing;
        }
        for leg in writable.iter() {
            if let Some(journal) = &mut legs[leg].journal {
                journal.change_ahead(pages.iter().copied());
            }
        }
        Follow::Perhaps
    }

    /// The leg's own map allows a transaction that has waited for it to write.
    pub(super) fn admitted(&mut self, req: Req, leg: usize) {
        let request = &mut self.requests[req];
        let (cmd, cause) = (request.cmd, request.cause());
        request.group().tx[leg] = TxState::DataWrite;
        self.legs[leg].issued(cmd, cause);
        self.act(Action::Data { req, legs: LegSet::only(leg) });
    }

    /// A transaction flushes its leg.
    fn flush_data(&mut self, req: Req, leg: usize) {
        let request = &mut self.requests[req];
        let cause = request.cause();
        request.group().tx[leg] = TxState::DataFlush;
        let when = self.tick();
        self.flush_leg(leg, Who::Tx(req, when), cause);
    }

    /// A leg is done with what a request asked of it (`disk_write_bio_done`).
    pub(super) fn write_bio_done(&mut self, req: Req, leg: usize, report: Report) -> Follow {
        let cmd = self.requests[req].cmd;
        let calm = self.returned(leg, cmd, report);
        if report.result.is_ok() && cmd == (BufCmd::Write { fua: true }) {
            self.flush_data(req, leg);
            return calm;
        }
        calm.or(self.write_tx_done(req, leg, cmd, report.result))
    }

    /// The flush of a transaction has ended.
    pub(super) fn tx_flushed(&mut self, req: Req, leg: usize, when: Moment, result: IoResult) {
        if result.is_ok() {
            self.legs[leg].flushed_since(when);
        }
        let _ = self.write_tx_done(req, leg, BufCmd::Flush, result);
    }

    /// A transaction has ended (`disk_write_tx_done`), and its reference to the group
    /// goes. A leg that failed is out at once, unless it is the last.
    #[inline]
    pub(super) fn write_tx_done(
        &mut self,
        req: Req,
        leg: usize,
        step: BufCmd,
        result: IoResult,
    ) -> Follow {
        let group = self.requests.group(req);
        group.refs.remove(leg);
        let last = group.refs.is_empty();
        let follow = match result {
            Ok(()) => {
                group.reached.insert(leg);
                Follow::Nothing
            }
            Err(error) => {
                group.failed.push((leg, error));
                self.fail_leg(leg, Failure::of_step(step, error));
                Follow::Perhaps
            }
        };
        if last { follow.or(self.settle_group(req)) } else { follow }
    }

    /// Decides a group whose legs have all reported. If no exclusion is on its way to the
    /// superblocks, the range is released in the same moment, so that no read can see a leg in
    /// between. Otherwise the group is parked.
    ///
    /// It succeeded if an in-sync leg has it, and kept its cache since the group began: the
    /// leg may have reported before it lost that. If one in-sync leg has it, an in-sync leg
    /// that failed goes out: it may have been the last one when it reported. If none has it,
    /// what reached a leg being rebuilt is copied again.
    fn settle_group(&mut self, req: Req) -> Follow {
        let request = &mut self.requests[req];
        let (cmd, extent, origin) = (request.cmd, request.extent, request.origin);
        let group = request.group();
        let (began, reached) = (group.began, group.reached);
        let failed: LegSet = group.failed.iter().map(|(leg, _)| *leg).collect();
        let holders = match origin {
            Origin::User | Origin::Block => self.legs.kept_since(reached, began),
            // Its source has it. If the source is no longer in sync, this copy is of no use.
            Origin::Copy | Origin::Scrub(_) => self.in_sync().without(failed),
        };
        let plain = failed.is_empty() && !self.in_sync().and(holders).is_empty();
        let mut result = if plain { Ok(()) } else { self.outcome(req, holders) };
        if cmd == BufCmd::Flush {
            result = result.and(self.loss.tell(began));
        }
        if let (Some(regions), true) = (&mut self.regions, cmd.modifies()) {
            regions.end(extent);
        }
        if self.pending()
            && let Some(membership) = &mut self.membership
        {
            self.requests.group(req).result = result;
            membership.parked.push(req);
            membership.try_again();
            return Follow::Perhaps;
        }
        self.group_over(req, origin, (began, reached), result);
        if origin == Origin::User && result.is_ok() { Follow::Nothing } else { Follow::Perhaps }
    }

    /// What has come of a group, see [`Core::settle_group`].
    fn outcome(&mut self, req: Req, holders: LegSet) -> IoResult {
        let request = &mut self.requests[req];
        let (cmd, extent) = (request.cmd, request.extent);
        let failed = &mem::take(&mut request.group().failed);
        let result = if self.in_sync().and(holders).is_empty() {
            self.copy_again(extent);
            failed.first().map_or(LOST, |&(_, error)| Err(error))
        } else {
            for &(leg, error) in failed {
                self.fail_leg(leg, Failure::of_step(cmd, error));
            }
            Ok(())
        };
        let stay = self.writable().and(failed.iter().map(|(leg, _)| *leg).collect());
        if let (Some(regions), false) = (&mut self.regions, stay.is_empty()) {
            regions.doubt(extent);
            let geometry = regions.geometry();
            let touched = |region| geometry.touched(extent).any(|it| it == region);
            stay.iter().for_each(|leg| self.resync.forget(leg, touched));
        }
        result
    }

    /// A group ends that was parked.
    pub(super) fn end_group(&mut self, req: Req) {
        let request = &mut self.requests[req];
        let (origin, group) = (request.origin, request.group());
        let (began, reached, result) = (group.began, group.reached, group.result);
        self.group_over(req, origin, (began, reached), result);
    }

    /// A group ends, parked before or not: frees its range, and ends what it was for. It began
    /// then, and these legs did all of it.
    #[inline(always)]
    fn group_over(
        &mut self,
        req: Req,
        origin: Origin,
        (began, reached): (Moment, LegSet),
        result: IoResult,
    ) {
        match origin {
            Origin::User | Origin::Block => match result {
                Ok(()) => self.release_and_complete(req, result),
                Err(error) => {
                    self.release_of(req);
                    self.deliver_error(req, began, error.kind);
                }
            },
            Origin::Copy => {
                self.release_of(req);
                let extent = self.requests[req].extent;
                self.drop_request(req);
                self.chunk_copied(extent, reached, result);
            }
            Origin::Scrub(chunk) => self.rewritten(req, chunk, reached, result),
        }
    }

    /// The user's request fails, which `began` then: nothing of it counts as done, whatever some
    /// leg did.
    #[cold]
    fn deliver_error(&mut self, req: Req, began: Moment, kind: ErrorKind) {
        if self.requests[req].cmd == BufCmd::Flush {
            let now = self.tick();
            self.loss.told(began, now);
        }
        let _ = self.fail_request(req, kind);
    }

    /// Legs being rebuilt may have got something of `extent` that no in-sync leg has. What
    /// they have there counts for nothing.
    fn copy_again(&mut self, extent: Extent) {
        let rebuilding = self.legs.rebuilding();
        let Some(regions) = &mut self.regions else { return };
        for region in regions.geometry().touched(extent) {
            for leg in rebuilding.iter() {
                regions.miss(leg, region);
                self.resync.forget(leg, |it| it == region);
            }
        }
    }
}
