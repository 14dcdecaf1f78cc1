//! What the last leg in sync lost, and what is still to be told of it.
//!
//! Place: part of the [`Core`](crate::core::Core); `steps/loss.rs` has the rules.

use core::mem;

use bio::IoResult;

use super::legs::LOST;
use super::region::Moment;

/// What the last leg in sync lost, and what is still to be told of it.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    /// When it was noticed last.
    noticed: Moment,
    /// Each FLUSH that began up to this moment fails.
    untold: Moment,
}

impl Loss {
    /// The part of it that is still to be told, for a new session whose moments begin anew.
    pub(crate) fn in_a_new_session(&self) -> Loss {
        match self.untold {
            Moment::FOREVER => Loss::untold(),
            _ => Loss::default(),
        }
    }

    /// Something was lost before this session, and nobody was told.
    pub(crate) fn untold() -> Loss {
        Loss { noticed: Moment::default(), untold: Moment::FOREVER }
    }

    /// Whether a FLUSH that begins now has to tell of it.
    pub(crate) fn is_untold(&self) -> bool {
        self.untold == Moment::FOREVER
    }

    /// Something is lost. Returns whether that is news to whoever watches.
    pub(crate) fn notice(&mut self, now: Moment) -> bool {
        let before = mem::replace(self, Loss { noticed: now, untold: Moment::FOREVER });
        before.untold != Moment::FOREVER
    }

    /// What a FLUSH that `began` then has to say of it.
    pub(crate) fn tell(&self, began: Moment) -> IoResult {
        if began > self.untold { Ok(()) } else { LOST }
    }

    /// The user hears `now` that a FLUSH failed which `began` then.
    pub(crate) fn told(&mut self, began: Moment, now: Moment) {
        if began > self.noticed {
            self.untold = self.untold.min(now);
        }
    }
}
