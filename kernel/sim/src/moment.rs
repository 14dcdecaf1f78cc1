//! When something happened in a run, for the oracle.

/// A moment in a run: the number of events so far.
pub type Moment = u64;

/// Not yet.
pub(crate) const NEVER: Moment = Moment::MAX;
