//! The commits of each leg's map, on their way.
//!
//! Place: [`Core::record_maps`] issues what a leg's
//! [`Journal`](crate::core::parts::journal::Journal) wants written; the pages and the
//! flush behind them come back here.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bio::{BufCmd, ErrorKind, IoError, IoResult};

use crate::core::Core;
use crate::core::event::{Action, Unit};
use crate::core::parts::flushes::Who;
use crate::core::parts::journal::{PagesDone, Stage, Waiting};
use crate::core::parts::leg::Failure;

impl Core {
    /// Begins the next commit of each leg's map, if one is wanted and none is on its way.
    pub(in crate::core) fn record_maps(&mut self) -> bool {
        let mut followed = false;
        let writes = !self.suspension.still && self.runs();
        for leg in self.legs.all().iter() {
            followed |= match self.legs[leg].is_out() {
                true => self.give_map_up(leg),
                false => writes && self.record_map(leg),
            };
        }
        followed
    }

    /// Nothing more is written to the map of a leg that is out. Returns whether a transaction
    /// waited for it: that one has failed on this leg.
    fn give_map_up(&mut self, leg: usize) -> bool {
        let Some(journal) = &mut self.legs[leg].journal else { return false };
        let waited = journal.give_up();
        let some = !waited.is_empty();
        self.fail_waiting(leg, waited, IoError { kind: ErrorKind::Gone, resid: 0 });
        some
    }

    fn record_map(&mut self, leg: usize) -> bool {
        let Core { regions, legs, .. } = self;
        let (Some(regions), Some(journal)) = (regions, &mut legs[leg].journal) else {
            return false;
        };
        let Some((writes, cause)) = journal.next_commit(regions) else { return false };
        for (place, page) in writes {
            self.legs[leg].issued(BufCmd::Write { fua: false }, cause);
            self.act(Action::Write { leg, place, unit: Unit::Page(Box::new(page)) });
        }
        true
    }

    /// A page of a leg's map was written.
    pub(super) fn map_page_written(&mut self, leg: usize, result: IoResult) {
        let now = self.regions.as_mut().map(|regions| regions.tick()).expect("a map has regions");
        let journal = self.legs[leg].journal.as_mut().expect("its commit is on its way");
        let Some(PagesDone { stage, failed, cause }) = journal.page_done(result) else { return };
        match (failed, stage) {
            (Some(error), Stage::First) => self.map_failed(leg, error),
            (None, Stage::First) => {
                journal.flushes(now);
                self.flush_leg(leg, Who::Map, cause);
            }
            // Whatever became of it, the first copy is durable. If the second one failed, the
            // leg is out, unless it is the last. Then those who wait for the next commit go on
            // waiting.
            (failed, Stage::Second) => {
                journal.copied();
                if let Some(error) = failed {
                    self.fail_leg(leg, Failure::Metadata(error.kind));
                }
            }
        }
    }

    /// The flush behind the pages has ended: transactions may go on.
    pub(super) fn map_flushed(&mut self, leg: usize, result: IoResult) {
        let stops = self.suspension.stops();
        let Core { regions, legs, .. } = self;
        let regions = regions.as_ref().expect("a map has regions");
        let record = &mut legs[leg];
        let journal = record.journal.as_ref().expect("its commit is on its way");
        if let Err(error) = result.and(record.kept(journal.since())) {
            return self.map_failed(leg, error);
        }
        let journal = record.journal.as_mut().expect("its commit is on its way");
        let flush = journal.committed();
        if stops {
            journal.stand_twice();
        }
        let go = journal.take_covered(regions);
        record.flushed_since(flush);
        self.retry.succeeded();
        self.resync.stuck = false;
        for Waiting { req, .. } in go {
            self.admitted(req, leg);
        }
    }

    /// A commit failed: the leg is out, unless it is the last; those who waited
    /// for it have failed on this leg.
    fn map_failed(&mut self, leg: usize, error: IoError) {
        let journal = self.legs[leg].journal.as_mut().expect("its commit is on its way");
        let failed = journal.not_committed();
        self.fail_leg(leg, Failure::Metadata(error.kind));
        self.fail_waiting(leg, failed, error);
        self.try_again_later();
    }

    /// Transactions that waited for a leg's map have failed there.
    fn fail_waiting(&mut self, leg: usize, waiting: Vec<Waiting>, error: IoError) {
        for Waiting { req, .. } in waiting {
            let cmd = self.requests[req].cmd;
            let _ = self.write_tx_done(req, leg, cmd, Err(error));
        }
    }
}
