//! Suspending the mirror: when nothing is on its way any more.
//!
//! Place: [`Target::suspend`](dm::Target::suspend) comes here. First background work ends with
//! what it has in flight. Then everything that can be clean becomes clean, and superblocks
//! record that.
//!
//! Rules:
//!
//! - Whoever suspends the mirror may give its disks to somebody else. So a suspension waits
//!   for every request of the mirror's own, even on legs that are out, and for the searches
//!   that `add` began. Nothing is written once it is over (`Suspension::still`).
//! - It ends in every life. A mirror that is held or refused has nothing to stop. A search
//!   for a start is dropped. A session whose first superblocks are on their way begins, and
//!   is stopped then.
//! - What a person said is to outlive the stop. So superblocks that the last leg could not
//!   write are written once more: it may have lost its cache between the write and the flush,
//!   and keep them the next time. Then the stop gives up, and people are told.

use crate::core::event::Action;
use crate::core::parts::cleaner::StopStage;
use crate::core::parts::counts::Cause;
use crate::core::parts::flushes::FlushFor;
use crate::core::parts::journal::Journal;
use crate::core::parts::leg::LegSet;
use crate::core::parts::legs::LegRecord;
use crate::core::parts::membership::Membership;
use crate::core::parts::news::News;
use crate::core::{Core, Life};

impl Core {
    /// Stops background I/O. Leaves everything clean that can be. [`Action::Quiet`] says
    /// when nothing is in flight.
    pub(in crate::core) fn suspend(&mut self) {
        self.suspension.begin_stop();
        self.resync.hurried = true;
        // One in flight ends with its chunk.
        if !self.scrub.running {
            self.end_check();
        }
    }

    /// Nobody will use the mirror any more: background I/O ends with what is in flight.
    pub(in crate::core) fn tear_down(&mut self) {
        self.suspension.still = true;
        self.suspension.suspended = true;
    }

    /// Everything is flushed: the maps may say so.
    pub(super) fn stop_flushed(&mut self) {
        // No alarm tries again behind a suspension.
        self.try_all_again();
        self.clean_now();
        self.stand_twice();
        if self.suspension.stop == Some(StopStage::Flush) {
            self.suspension.stop = Some(StopStage::Maps);
        }
    }

    /// Takes a stop further, if one is on its way. Returns whether that was possible.
    pub(in crate::core) fn check_stop(&mut self) -> bool {
        match self.suspension.stop {
            None | Some(StopStage::Flush) => return false,
            Some(StopStage::Drain) if !self.background_is_over() => return false,
            Some(StopStage::Drain) => {
                self.suspension.stop = Some(StopStage::Flush);
                let flushed = self.legs.flushed();
                let to_flush = self.regions.as_mut().map_or(LegSet::EMPTY, |regions| {
                    regions.idle_legs_to_flush(&flushed, true).to_flush
                });
                self.start_own_flush(FlushFor::Stop, to_flush, Cause::Clean);
                return true;
            }
            Some(StopStage::Maps) if self.membership.is_some() => {
                if !self.maps_are_quiet() {
                    return false;
                }
                self.suspension.stop = Some(StopStage::Closing);
                let membership = self.membership.as_mut().expect("it is there");
                membership.change_twice(|wanted| wanted.clean = true);
                return true;
            }
            Some(StopStage::Closing) if !self.is_closed() => return false,
            // Nothing is recorded, or no session runs; or all is.
            Some(StopStage::Maps | StopStage::Closing | StopStage::GivenUp) => {}
        }
        let given_up = self.suspension.stop == Some(StopStage::GivenUp);
        // From here on nothing may follow from what has just ended.
        self.suspension.still |= given_up;
        if self.cleaner.flushing || !self.nothing_in_flight() {
            return false;
        }
        (self.suspension.still, self.suspension.stop) = (true, None);
        self.tell(News::Stopped { recorded: !given_up });
        self.act(Action::Quiet);
        true
    }

    /// Whether no background work has anything in flight.
    fn background_is_over(&self) -> bool {
        let searching = matches!(self.life, Life::Searching(_));
        !self.resync.running && !self.scrub.running && !searching && self.looking.is_empty()
    }

    fn maps_are_quiet(&self) -> bool {
        let quiet = |leg: usize| self.legs[leg].journal.as_ref().is_none_or(Journal::is_quiet);
        self.writable().iter().all(quiet)
    }

    /// Whether all superblocks say that the stop was a clean one.
    fn is_closed(&self) -> bool {
        let told = self.writable().or(self.marked());
        self.membership.as_ref().is_none_or(|membership| {
            !membership.is_half_done() && told.iter().all(|leg| membership.holds(leg))
        })
    }

    /// Whether no leg, even one that is out, has a request of the mirror's, and no record is
    /// between its write and its flush.
    fn nothing_in_flight(&self) -> bool {
        let idle = |leg: &LegRecord| {
            leg.outstanding == 0 && leg.journal.as_ref().is_none_or(Journal::is_settled)
        };
        self.legs.iter().all(idle) && self.membership.as_ref().is_none_or(Membership::is_quiet)
    }
}
