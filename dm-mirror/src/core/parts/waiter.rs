//! Who waits for a range.

use bio::Extent;

use super::leg::LegSet;
use super::requests::Req;
use super::scrub::Job;

/// Who waits for a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiter {
    /// A request of the mirror's user.
    Request(Req),
    /// The resync, with the next extent to copy.
    Copy(Extent),
    /// The promotion of these legs.
    Promote(LegSet),
    /// The scrub, with what it is to look at.
    Scrub(Job),
}
