//! One flush at a time on each leg, shared by all who wait for one.
//!
//! Place: part of a leg's record; `steps/flush.rs` asks for flushes, and tells who waited.
//!
//! Rules:
//!
//! - If a flush is on its way, a new one waits for its end: the one on its way need not cover
//!   what was written since. The next flush serves all who wait.
//! - So a leg never has two flushes, and the failure of one is heard before the next is
//!   issued. A disk with two flushes may fail the first and succeed in the second. Whoever
//!   heard the success first would believe it.
//! - All who share a flush hear what came of it before the next one begins.

use alloc::collections::VecDeque;

use bio::IoError;

use super::counts::Cause;
use super::leg::LegSet;
use super::region::Moment;
use super::requests::Req;

/// Who waits for a leg's flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The leg's transaction of this request; when its flush was asked for.
    Tx(Req, Moment),
    /// The commit of the leg's map.
    Map,
    /// The leg's superblock.
    Superblock,
    /// A flush of the mirror's own, of several legs; when it was asked for.
    Own(FlushFor, Moment),
    /// Somebody who reads what the leg holds.
    Search,
    /// Somebody who wiped its superblocks.
    Wipe,
}

/// What a flush of the mirror's own is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlushFor {
    /// Regions that were copied.
    Copied,
    /// Legs that are to be promoted, while the whole mirror's range is held.
    Promotion,
    /// Regions that are to become clean.
    Cleaning,
    /// A clean stop.
    Stop,
}

/// How many there are.
pub(crate) const FLUSHES_FOR: usize = 4;

/// A flush of the mirror's own on its way. As with a write group, the last leg ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnFlush {
    pub(crate) left: LegSet,
    pub(crate) flushed: LegSet,
    pub(crate) error: Option<IoError>,
}

/// A leg's flush, and who waits for one.
#[derive(Debug, Default)]
pub(crate) struct Flushes {
    /// The leg has a flush, or those who shared one are being told.
    busy: bool,
    /// They share the flush on its way.
    sharing: VecDeque<Who>,
    /// They wait for the next.
    waiting: VecDeque<(Who, Cause)>,
}

impl Flushes {
    /// Somebody asks for a flush. Returns whether it is to be issued now.
    pub(crate) fn ask(&mut self, who: Who, cause: Cause) -> bool {
        if self.busy {
            self.waiting.push_back((who, cause));
            return false;
        }
        self.busy = true;
        self.sharing.push_back(who);
        true
    }

    /// The flush has ended: the next one to be told, if any is left.
    pub(crate) fn next_to_tell(&mut self) -> Option<Who> {
        self.sharing.pop_front()
    }

    /// All were told. The next flush begins if somebody waits; why.
    pub(crate) fn begin_next(&mut self) -> Option<Cause> {
        let cause = self.waiting.front().map(|(_, cause)| *cause);
        self.busy = cause.is_some();
        self.sharing.extend(self.waiting.drain(..).map(|(who, _)| who));
        cause
    }
}
