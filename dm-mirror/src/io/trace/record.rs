//! What a trace is made of: values that are copied, and hold no memory.
//!
//! Place: `watch` makes them, a [`Sink`](super::Sink) keeps them, `text` puts each in a line.

use bio::{BufCmd, ErrorKind, Extent};

use crate::core::event;
use crate::core::parts::leg;
use crate::core::parts::requests::Req;
use crate::io::requests::{Phase, Tx};

/// Names a request of a mirror: its place in the table, and which of those that had the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The place.
    pub place: u32,
    /// How many had it before.
    pub age: u32,
}

impl From<Req> for Name {
    fn from(Req { index, age }: Req) -> Name {
        Name { place: index, age }
    }
}

/// What a leg was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A step of this request.
    Request(Name),
    /// A flush.
    Flush,
    /// A page of its map.
    Page,
    /// Its superblock.
    Superblock,
    /// To have a superblock's place wiped.
    Wipe,
    /// To be read, by somebody who wants to know what it holds.
    Search,
}

impl From<event::Of> for Of {
    fn from(of: event::Of) -> Of {
        match of {
            event::Of::Request(req) => Of::Request(req.into()),
            event::Of::Flush => Of::Flush,
            event::Of::Page => Of::Page,
            event::Of::Superblock => Of::Superblock,
            event::Of::Wipe => Of::Wipe,
            event::Of::Search => Of::Search,
        }
    }
}

/// What becomes of a leg's superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Super {
    /// It is being written.
    Write,
    /// It is being made durable.
    Flush,
    /// The same, of the copy in the other slot: nobody waits for that one.
    Second,
    /// It is durable, or nobody waits for it any more.
    Done,
    /// It could not be written.
    Failed,
}

/// What a leg is to the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegState {
    /// It holds everything.
    InSync,
    /// It takes writes, and is given what it missed.
    Rebuilding,
    /// It is on its way back.
    Returning,
    /// It is neither read nor written.
    Out,
}

impl From<leg::LegState> for LegState {
    fn from(state: leg::LegState) -> LegState {
        match state {
            leg::LegState::InSync => LegState::InSync,
            leg::LegState::Rebuilding => LegState::Rebuilding,
            leg::LegState::Returning => LegState::Returning,
            leg::LegState::Failed(_) => LegState::Out,
        }
    }
}

/// Something that happened in a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A user's request came, or a block of one that is read block by block.
    Asked {
        /// Its name.
        req: Name,
        /// What it asks, ...
        cmd: BufCmd,
        /// ... and where on the mirror.
        extent: Extent,
    },
    /// The mirror asks something of itself: a copy, a check, a repair.
    Own {
        /// Its name.
        req: Name,
        /// What it asks, ...
        cmd: BufCmd,
        /// ... and where on the mirror.
        extent: Extent,
    },
    /// A leg has given back what it was asked.
    Reported {
        /// The leg.
        leg: u8,
        /// What that was.
        of: Of,
        /// Why it failed, if it did.
        error: Option<ErrorKind>,
    },
    /// Another event.
    Event(&'static str),
    /// A leg is something else to the mirror from now on.
    Leg {
        /// The leg.
        leg: u8,
        /// What.
        state: LegState,
    },
    /// A request stands elsewhere.
    Stands {
        /// The request.
        req: Name,
        /// Where.
        phase: Phase,
    },
    /// A group that was parked ends: superblocks durably say which legs are out.
    Released {
        /// The group's request.
        req: Name,
    },
    /// A leg's transaction of a group is in another state.
    Tx {
        /// The group's request.
        req: Name,
        /// The leg.
        leg: u8,
        /// The state.
        tx: Tx,
    },
    /// A leg's superblock is in another state.
    Super {
        /// The leg.
        leg: u8,
        /// The state.
        state: Super,
    },
    /// A leg is to be asked for a step of a request.
    Issue {
        /// The request.
        req: Name,
        /// The leg.
        leg: u8,
        /// `read`, `look` or `data`.
        step: &'static str,
    },
    /// A leg is to be flushed.
    Flush {
        /// The leg.
        leg: u8,
    },
    /// A record is to be written to a leg.
    Write {
        /// The leg.
        leg: u8,
        /// `page`, `superblock` or `wiped`.
        unit: &'static str,
        /// Where on the leg.
        place: Extent,
    },
    /// A user's request is to end.
    Complete {
        /// The request.
        req: Name,
        /// Why it failed, if it did.
        error: Option<ErrorKind>,
    },
    /// A request of the mirror's own has ended.
    Drop {
        /// The request.
        req: Name,
    },
    /// Another action.
    Action(&'static str),
}
