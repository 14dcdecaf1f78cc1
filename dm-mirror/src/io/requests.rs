//! What a mirror has in hand: each request, and where its transactions stand.
//!
//! Place: [`MirrorTarget::requests`](crate::MirrorTarget::requests) makes them, for whoever
//! shows a mirror at work. It looks at each place in the table of requests, so it is not for
//! the way of a request.

use alloc::vec::Vec;

use arrayvec::ArrayVec;
use bio::{BufCmd, Extent};

use crate::core::Core;
use crate::core::parts::leg::LEGS_MAX;
use crate::core::parts::requests::{Origin, Req, Request, TxState, What, WriteGroup};

/// A request that a mirror has in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    /// Its place in the mirror's table. Another request may have had it before.
    pub place: u32,
    /// What is asked, ...
    pub cmd: BufCmd,
    /// ... and where: on the mirror, not on its legs.
    pub extent: Extent,
    /// The mirror asks it of itself: a copy, a check, a repair.
    pub own: bool,
    /// Where it stands.
    pub phase: Phase,
    /// Its transactions, if it is a group, by their legs.
    pub txs: ArrayVec<(usize, Tx), LEGS_MAX>,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for the start, for regions to be settled, or for its range.
    Waiting,
    /// This leg reads it.
    Reading(usize),
    /// Its blocks are read, each for itself.
    ByBlock,
    /// A group: legs write, flush or discard.
    Writing,
    /// A group all of whose legs have reported. It waits until superblocks durably say
    /// which legs are out (SUPER_WRITE, SUPER_FLUSH).
    Parked,
    /// Several legs read it, or what they gave is compared.
    Comparing,
}

/// Where a transaction of a group stands: the sketch's states, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tx {
    /// Nothing was issued yet.
    Start,
    /// The leg's region map is written and flushed.
    JournalFlush,
    /// The leg writes, or discards.
    DataWrite,
    /// The leg flushes.
    DataFlush,
    /// The leg did all that it was asked.
    Done,
    /// It did not.
    Failed,
}

impl RequestView {
    pub(crate) fn all(core: &Core) -> Vec<RequestView> {
        core.requests().filter_map(|(req, request)| RequestView::of(core, req, request)).collect()
    }

    pub(super) fn of(core: &Core, req: Req, request: &Request) -> Option<RequestView> {
        let phase = match &request.what {
            What::Free | What::Over => return None,
            What::Waiting => Phase::Waiting,
            What::Read(it) => Phase::Reading(it.leg),
            What::Blocks => Phase::ByBlock,
            What::Write(_) if core.is_parked(req) => Phase::Parked,
            What::Write(_) => Phase::Writing,
            What::Looks(_) | What::Compared(..) | What::Verified(_) => Phase::Comparing,
        };
        let txs = match &request.what {
            What::Write(group) => transactions(group),
            _ => ArrayVec::new(),
        };
        let own = match request.origin {
            Origin::User | Origin::Block => false,
            Origin::Copy | Origin::Scrub(_) => true,
        };
        let (cmd, extent) = (request.cmd, request.extent);
        Some(RequestView { place: req.index, cmd, extent, own, phase, txs })
    }
}

/// Where a group's transactions stand.
fn transactions(group: &WriteGroup) -> ArrayVec<(usize, Tx), LEGS_MAX> {
    let stands = |(leg, tx): (usize, &TxState)| {
        let tx = match (group.refs.contains(leg), tx) {
            (true, TxState::Start) => Tx::Start,
            (true, TxState::JournalFlush) => Tx::JournalFlush,
            (true, TxState::DataWrite) => Tx::DataWrite,
            (true, TxState::DataFlush) => Tx::DataFlush,
            // No leg that the group goes to ends in the state that it begins in.
            (false, TxState::Start) => return None,
            (false, _) if group.reached.contains(leg) => Tx::Done,
            (false, _) => Tx::Failed,
        };
        Some((leg, tx))
    };
    group.tx.iter().enumerate().filter_map(stands).collect()
}
