//! When something happened in a run, as its judges count it.

/// A moment in a run: its events are counted.
pub type Moment = u64;

/// Not yet.
pub(crate) const NEVER: Moment = Moment::MAX;
