//! A disk that is wiped before it becomes a new member.

use uuid::Uuid;

use super::region::Moment;

/// The superblocks' places of a leg being wiped, one after the other, and flushed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wipe {
    /// When it began; `None` while it waits for a record.
    pub(crate) since: Option<Moment>,
    /// The place that is being wiped.
    pub(crate) slot: usize,
    /// What the new member is to be called.
    pub(crate) identity: Uuid,
}
