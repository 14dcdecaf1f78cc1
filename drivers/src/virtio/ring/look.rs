//! What a queue's indexes say about a standstill.
//!
//! Place: beside the ring, which makes a [`Look`]. The driver asks for one now and then, and
//! compares it with the one before.
//!
//! A kick or an interrupt may be lost: a device forgets one, or the machine does not keep the
//! order of memory that both sides count on. Then each side waits for the other, and only the
//! indexes show it. *Published and not consumed is a level*: it can be seen as long as it
//! lasts.
//!
//! A look always shows how many requests were answered. Only with EVENT_IDX does it show
//! whether a request was fetched, and only by the device's wish: the device asks to be told of
//! the request under index `w`, so it had not fetched that one when it asked. A device that is
//! awake may leave its wish as it is. So a wish is believed only when it outlasts a kick.
//! Without EVENT_IDX a request that was not fetched looks like one that takes long.

/// Whether the device has fetched a request that it has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It has: it asks to be told of later requests.
    Yes,
    /// It has not: it still asks to be told of this request, or of an earlier one.
    No,
    /// Unknown: there is no EVENT_IDX, or its wish is out of date.
    Unknown,
}

/// What one side waits for although the other has done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// The device was not heard: there are answers.
    Interrupt,
    /// The driver was not heard, as far as can be told: there are requests.
    Kick,
}

/// The indexes of a queue at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The index that the next request is published under.
    pub(super) published: u16,
    /// The index that the device answers next.
    pub(super) used: u16,
    /// The index of the next answer to be reaped.
    pub(super) reaped: u16,
    /// The index whose request the device asks to be told of, with EVENT_IDX.
    pub(super) wish: Option<u16>,
}

impl Look {
    /// How many of the latest published requests the device has not fetched, if it says so.
    pub(super) fn unfetched(&self) -> Option<u16> {
        let unanswered = self.published.wrapping_sub(self.used);
        let asked_for = self.published.wrapping_sub(self.wish?);
        // It has fetched at least the requests that it has answered.
        (asked_for <= unanswered).then_some(asked_for)
    }

    /// What has not moved since `before`, an earlier look at the same queue, and should have.
    pub fn overdue(&self, before: &Look) -> Option<Overdue> {
        if before.used != before.reaped && self.reaped == before.reaped {
            return Some(Overdue::Interrupt);
        }
        let stands = match (before.unfetched(), self.unfetched()) {
            (Some(1..), Some(1..)) => self.wish == before.wish,
            (None, None) => self.used == before.used && before.published != before.used,
            // All requests are fetched, or were when the newest came, or the wish has moved.
            _ => false,
        };
        stands.then_some(Overdue::Kick)
    }
}
