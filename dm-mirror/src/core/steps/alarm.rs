//! An alarm goes off, and what failed on the last leg is tried again.

use crate::core::Core;
use crate::core::event::{Action, Alarm};
use crate::core::parts::journal::Journal;

impl Core {
    pub(in crate::core) fn alarm(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Resync => self.resync_step(),
            Alarm::Nap(nap) => self.nap_over(nap),
            Alarm::ScrubStep => self.scrub_step(),
            Alarm::Scrub => self.scrub.alarmed = false,
            Alarm::Clean => self.look_for_idle_regions(),
            Alarm::Retry => self.try_again(),
        }
    }

    /// What failed is tried again after a while: at once, it would only fail again.
    pub(super) fn try_again_later(&mut self) {
        if let Some(delay) = self.retry.set() {
            self.act(Action::Set(Alarm::Retry, delay));
        }
    }

    fn try_again(&mut self) {
        self.retry.goes_off();
        if self.suspension.suspended {
            // Whoever resumes it does all this.
            return;
        }
        if self.start_failed() {
            return self.start_session();
        }
        self.try_all_again();
    }

    /// Whatever failed on the last leg is worth a try.
    pub(super) fn try_all_again(&mut self) {
        self.try_superblocks_again();
        let journals = self.legs.iter_mut().filter_map(|leg| leg.journal.as_mut());
        journals.for_each(Journal::try_again);
        self.resync.stuck = false;
    }
}
