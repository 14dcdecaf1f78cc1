//! The cleaner's memory, and how far a clean stop is.
//!
//! Place: part of the [`Core`](crate::core::Core); `steps/clean.rs` and `steps/stop.rs`
//! have the rules.

use alloc::collections::BTreeSet;

use super::region::page_of;
use crate::format::Region;

/// What the cleaner remembers from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    /// It will look.
    pub(crate) awake: bool,
    /// A flush of its own is on its way.
    pub(crate) flushing: bool,
    /// Pages of the map to be recorded when it looks next.
    pub(crate) pages: BTreeSet<u32>,
}

impl Cleaner {
    /// The marks of a region changed; recording them is not urgent.
    pub(crate) fn changed(&mut self, region: Region) {
        self.pages.insert(page_of(region));
    }
}

/// What a suspension waits for. From [`Maps`](StopStage::Maps) on it also waits for whatever
/// else is in flight, even on legs that are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopStage {
    /// Background work ends with what it has in flight.
    Drain,
    /// Legs are flushed, so that regions may become clean.
    Flush,
    /// Maps become as clean as they can be.
    Maps,
    /// Superblocks come to say that it was a clean stop.
    Closing,
    /// Superblocks cannot say so.
    GivenUp,
}

/// A suspension.
#[derive(Debug, Default)]
pub(crate) struct Suspension {
    /// No background work begins.
    pub(crate) suspended: bool,
    /// No record is written: whoever suspended the mirror was told that nothing comes, or
    /// nobody uses it any more. A request or a resume ends that.
    pub(crate) still: bool,
    /// A clean stop on its way.
    pub(crate) stop: Option<StopStage>,
    /// Superblocks of that stop have failed once.
    failed_once: bool,
}

impl Suspension {
    /// A stop begins.
    pub(crate) fn begin_stop(&mut self) {
        assert!(self.stop.is_none(), "a target is suspended once at a time");
        (self.suspended, self.stop, self.failed_once) = (true, Some(StopStage::Drain), false);
    }

    /// The last leg could not write its superblock. Returns whether a stop wants another try
    /// at once, since no alarm comes after it. A stop gives up when that try fails too.
    pub(crate) fn is_worth_another_try(&mut self) -> bool {
        match self.stop {
            // A stop that comes to its maps tries everything again.
            None | Some(StopStage::Drain | StopStage::Flush | StopStage::GivenUp) => false,
            Some(StopStage::Maps | StopStage::Closing) if self.failed_once => {
                self.stop = Some(StopStage::GivenUp);
                false
            }
            Some(StopStage::Maps | StopStage::Closing) => {
                self.failed_once = true;
                true
            }
        }
    }

    /// Whether maps are being left clean for a stop.
    pub(crate) fn stops(&self) -> bool {
        self.stop.is_some_and(|stage| stage != StopStage::Drain)
    }
}
