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
    /// What is to be recorded of a region changed, without a hurry.
    pub(crate) fn changed(&mut self, region: Region) {
        self.pages.insert(page_of(region));
    }
}

/// What a suspension waits for; from [`Maps`](StopStage::Maps) on also for whatever else
/// is in flight, on legs that are out too.
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
    /// nobody uses it any more. A request ends that, and so does a resume.
    pub(crate) still: bool,
    /// A clean stop on its way.
    pub(crate) stop: Option<StopStage>,
}

impl Suspension {
    /// The superblocks cannot say that a stop which is on its way was a clean one.
    pub(crate) fn give_up_stop(&mut self) {
        if matches!(self.stop, Some(StopStage::Flush | StopStage::Maps | StopStage::Closing)) {
            self.stop = Some(StopStage::GivenUp);
        }
    }

    /// Whether maps are being left clean for a stop.
    pub(crate) fn stops(&self) -> bool {
        self.stop.is_some_and(|stage| stage != StopStage::Drain)
    }
}
