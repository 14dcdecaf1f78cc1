//! Reading: one leg, and on an error the next.
//!
//! Place: [`Mirror::start`](crate::mirror::Mirror) calls [`Mirror::read`] with
//! the range held shared; the resync reads its source the same way, holding
//! the range exclusively itself.
//!
//! Allocates nothing, since where the read stands travels in its frame, but
//! for fresh memory where a leg that timed out keeps the old.

use alloc::sync::Arc;

use bio::{Bio, BioDone, BufCmd, ErrorKind, IoError, IoResult};
use bytes::BytesMut;

use crate::config::ReadPolicy;
use crate::counts::Cause;
use crate::leg::{Failure, LEGS_MAX, LegSet};
use crate::mirror::{Mirror, State};
use crate::range::{TICKET_BITS, Ticket};

/// Where a read stands: the caller info of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReadTry {
    /// The range to release at the end, if the read holds one.
    ticket: Option<Ticket>,
    /// The leg that has it now.
    leg: usize,
    /// The legs that have failed it.
    tried: LegSet,
}

impl ReadTry {
    fn to_info(self) -> u64 {
        let ticket = self.ticket.map_or(0, Ticket::number);
        const { assert!(TICKET_BITS + 16 <= u64::BITS) };
        ticket << 16 | (self.leg as u64) << 8 | u64::from(self.tried.bits())
    }

    fn from_info(info: u64) -> ReadTry {
        ReadTry {
            ticket: Ticket::from_number(info >> 16),
            leg: (info >> 8 & 0xff) as usize,
            tried: LegSet::from_bits((info & 0xff) as u8),
        }
    }
}

impl Mirror {
    /// Reads `bio` from some leg, then from the others until one succeeds.
    pub(crate) fn read(self: &Arc<Self>, ticket: Option<Ticket>, bio: Bio) {
        match self.read_pick(LegSet::EMPTY, ticket.is_none()) {
            Some(leg) => self.issue_read(bio, ReadTry { ticket, leg, tried: LegSet::EMPTY }),
            None => unreachable!("one leg is always in sync"),
        }
    }

    /// Chooses an in-sync leg that has not been tried, by the read policy, and
    /// counts the read as pending there. That of the resync holds no ticket.
    fn read_pick(&self, tried: LegSet, resync: bool) -> Option<usize> {
        let mut state = self.state.lock();
        let candidates = state.in_sync().without(tried);
        let leg = self.choose(candidates, resync, &state)?;
        state.last_read = leg;
        state.legs[leg].reads_pending += 1;
        let cause = if resync {
            state.resync.source = leg;
            Cause::Copy
        } else {
            Cause::User
        };
        state.legs[leg].issued(BufCmd::Read, cause);
        Some(leg)
    }

    /// One of `candidates`: one that is not written mostly, if there is any; for a
    /// resync the one that it began the region with.
    fn choose(&self, candidates: LegSet, resync: bool, state: &State) -> Option<usize> {
        let others = candidates.without(self.write_mostly);
        let candidates = if others.is_empty() { candidates } else { others };
        match state.source_of_region() {
            Some(leg) if resync && candidates.contains(leg) => Some(leg),
            _ => self.read_policy.pick(candidates, state),
        }
    }

    fn issue_read(self: &Arc<Self>, bio: Bio, try_: ReadTry) {
        let start = self.data_place(bio.extent().start());
        self.legs[try_.leg].issue(bio, start, self.clone(), try_.to_info());
    }

    /// A leg is done with a read (`disk_read_bio_done`).
    fn read_bio_done(self: &Arc<Self>, mut bio: Bio, mut try_: ReadTry, mut result: IoResult) {
        self.state.lock().legs[try_.leg].reads_pending -= 1;
        self.returned(try_.leg);
        if result.is_ok() && !self.state.lock().in_sync().contains(try_.leg) {
            // It went out meanwhile, and may have lost what was acknowledged.
            result = Err(IoError { kind: ErrorKind::Gone, resid: bio.extent().count().bytes() });
        }
        if let Err(error) = result {
            self.read_failed(try_.leg, error.kind);
            try_.tried.insert(try_.leg);
            if let Some(leg) = self.read_pick(try_.tried, try_.ticket.is_none()) {
                if bio.lost_memory() {
                    bio.refill(BytesMut::zeroed(bio.extent().count().bytes()));
                }
                return self.issue_read(bio, ReadTry { leg, ..try_ });
            }
        }
        if let Some(ticket) = try_.ticket {
            self.release(ticket);
        }
        bio.biodone(result);
        self.grant();
    }

    /// One bad sector does not condemn a leg; a device that is gone, or hangs,
    /// is out for everything.
    fn read_failed(self: &Arc<Self>, leg: usize, kind: ErrorKind) {
        self.state.lock().legs[leg].counts.read_errors += 1;
        if matches!(kind, ErrorKind::Gone | ErrorKind::Timeout) {
            self.fail_leg(leg, Failure::Read(kind));
        }
    }
}

impl BioDone for Mirror {
    fn bio_done(self: Arc<Self>, bio: Bio, info: u64, result: IoResult) {
        self.read_bio_done(bio, ReadTry::from_info(info), result);
    }
}

impl ReadPolicy {
    /// One of `candidates`, if there is any.
    fn pick(self, candidates: LegSet, state: &State) -> Option<usize> {
        match self {
            ReadPolicy::Prefer(leg) if candidates.contains(leg) => Some(leg),
            ReadPolicy::LeastPending => {
                candidates.iter().min_by_key(|&leg| state.legs[leg].reads_pending)
            }
            ReadPolicy::RoundRobin | ReadPolicy::Prefer(_) => {
                let next = |turn| (state.last_read + turn) % LEGS_MAX;
                (1..=LEGS_MAX).map(next).find(|&leg| candidates.contains(leg))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_read_stands_survives_its_frame() {
        for ticket in [None, Ticket::from_number((1 << TICKET_BITS) - 1)] {
            let try_ = ReadTry { ticket, leg: 3, tried: LegSet::from_bits(0b101) };
            assert_eq!(ReadTry::from_info(try_.to_info()), try_);
        }
    }
}
