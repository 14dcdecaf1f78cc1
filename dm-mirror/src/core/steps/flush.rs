//! Flushes of legs: asked for, shared, ended. And the mirror's own flushes of several legs:
//! behind copies, before a promotion, for the cleaner and for a stop.

use bio::{BufCmd, IoResult};

use crate::core::Core;
use crate::core::event::{Action, Report};
use crate::core::parts::counts::Cause;
use crate::core::parts::flushes::{FlushFor, OwnFlush, Who};
use crate::core::parts::leg::LegSet;
use crate::core::parts::region::Moment;

impl Core {
    /// Has a leg flushed. `who` is told of its end, [`Core::flush_ended`].
    pub(super) fn flush_leg(&mut self, leg: usize, who: Who, cause: Cause) {
        if self.legs[leg].asks_for_flush(who, cause) {
            self.act(Action::Flush { leg });
        }
    }

    /// A leg's flush has ended: all who shared it are told, and the next one is issued if
    /// somebody waits.
    pub(super) fn flush_reported(&mut self, leg: usize, report: Report) {
        let _ = self.lost_meanwhile(leg, BufCmd::Flush, report);
        while let Some(who) = self.legs[leg].flushes.next_to_tell() {
            self.legs[leg].outstanding -= 1;
            self.flush_ended(leg, who, report.result);
        }
        if let Some(cause) = self.legs[leg].flushes.begin_next() {
            self.legs[leg].counts.issued(BufCmd::Flush, cause);
            self.act(Action::Flush { leg });
        }
    }

    fn flush_ended(&mut self, leg: usize, who: Who, result: IoResult) {
        match who {
            Who::Tx(req, when) => self.tx_flushed(req, leg, when, result),
            Who::Map => self.map_flushed(leg, result),
            Who::Superblock => self.superblock_done(leg, result),
            Who::Own(what, when) => self.own_flush_ended(leg, what, when, result),
            Who::Search => self.act(Action::Search { leg, durable: result.is_ok() }),
            Who::Wipe => self.wiped(leg, result),
        }
    }

    /// Flushes `legs` for the mirror's own sake.
    pub(super) fn start_own_flush(&mut self, what: FlushFor, legs: LegSet, cause: Cause) {
        let flush = OwnFlush { left: legs, flushed: LegSet::EMPTY, error: None };
        self.own_flushes[what as usize] = Some(flush);
        for leg in legs.iter() {
            let when = self.tick();
            self.flush_leg(leg, Who::Own(what, when), cause);
        }
        if legs.is_empty() {
            self.own_flush_over(what);
        }
    }

    fn own_flush_ended(&mut self, leg: usize, what: FlushFor, when: Moment, result: IoResult) {
        if result.is_ok() {
            self.legs[leg].flushed_since(when);
        }
        let flush = self.own_flushes[what as usize].as_mut().expect("it is on its way");
        match result {
            Ok(()) => flush.flushed.insert(leg),
            Err(error) => flush.error = Some(error),
        }
        flush.left.remove(leg);
        if flush.left.is_empty() {
            self.own_flush_over(what);
        }
    }

    /// Every leg has reported.
    fn own_flush_over(&mut self, what: FlushFor) {
        let flush = self.own_flushes[what as usize].take().expect("it is on its way");
        match what {
            FlushFor::Copied => self.copies_flushed(flush.flushed, flush.error),
            FlushFor::Promotion => self.promotion_flushed(flush.flushed),
            FlushFor::Cleaning => self.cleaner_flushed(),
            FlushFor::Stop => self.stop_flushed(),
        }
    }
}
