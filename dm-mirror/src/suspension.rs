//! Suspending the mirror: when nothing is on its way any more.
//!
//! Place: [`Target::suspend`](dm::Target::suspend) comes here. First background work ends
//! with what it has in flight; then `clean.rs` leaves everything clean that can be, and has
//! superblocks say so.
//!
//! Rules:
//!
//! - Whoever suspends the mirror may give its disks to somebody else. So a suspension waits
//!   for every request of the mirror's own, on legs that are out too, and for the searches
//!   that `add` began; and nothing is written once it is over (`State::still`).
//! - It ends in every life: a mirror that is held or refused has nothing to stop, a search
//!   for a start is dropped, a session whose first superblocks are on their way begins, and
//!   is stopped then.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::journal::Journal;
use crate::membership::Membership;
use crate::mirror::{LegRecord, Mirror, State};

impl Mirror {
    /// Stops background I/O, and leaves everything clean that can be; `done` is
    /// called when nothing is in flight.
    pub(crate) fn suspend(self: &Arc<Self>, done: Box<dyn FnOnce() + Send>) {
        let mirror = self.clone();
        let stop: Box<dyn FnOnce() + Send> = Box::new(move || mirror.stop(done));
        let (quiet, wake, ended) = {
            let mut state = self.state.lock();
            assert!(state.resync.on_quiet.is_none(), "a target is suspended once at a time");
            state.resync.suspended = true;
            state.resync.on_quiet = Some(stop);
            let quiet = state.take_quiet();
            // One in flight ends with its chunk.
            let ended = !state.scrub.running && state.end_check();
            (quiet, state.resync.wake(), ended)
        };
        if ended {
            self.check_ended();
        }
        if wake {
            self.next_step();
        }
        if let Some(quiet) = quiet {
            quiet();
        }
    }

    /// Nobody will use the mirror any more: background I/O ends with what is
    /// in flight.
    pub(crate) fn tear_down(&self) {
        let mut state = self.state.lock();
        state.still = true;
        state.resync.suspended = true;
    }
}

impl State {
    /// What waits for the end of background I/O, if it has come.
    pub(crate) fn take_quiet(&mut self) -> Option<Box<dyn FnOnce() + Send>> {
        let quiet =
            !self.resync.running && !self.scrub.running && !self.probing && self.looking.is_empty();
        self.resync.on_quiet.take_if(|_| quiet)
    }

    /// Whether no leg has a request of the mirror's, one that is out included, and no
    /// record is between its write and its flush.
    pub(crate) fn nothing_in_flight(&self) -> bool {
        let idle = |leg: &LegRecord| {
            leg.outstanding == 0 && leg.journal.as_ref().is_none_or(Journal::is_settled)
        };
        self.legs.iter().all(idle) && self.membership.as_ref().is_none_or(Membership::is_quiet)
    }
}
