//! Reading: one leg, and on an error the next.
//!
//! Place: [`Mirror::start`](crate::mirror::Mirror) calls [`Mirror::read`] with
//! the range held shared; the resync reads its source the same way, holding
//! the range exclusively itself. What a leg could not read is rewritten there
//! afterwards (`repair.rs`).
//!
//! Allocates nothing, since where the read stands travels in its frame, but
//! for fresh memory where a leg that timed out keeps the old, and where no leg
//! can give all blocks of a read, so that each is read for itself.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, BioDone, BlockDevice, BufCmd, ErrorKind, IoError, IoResult, Limits};
use bio::{Piece, Sectors, split};
use bytes::BytesMut;

use crate::config::ReadPolicy;
use crate::counts::Cause;
use crate::leg::{Failure, LEGS_MAX, LegSet};
use crate::mirror::{Mirror, State};
use crate::range::{TICKET_BITS, Ticket};

/// Where a read stands: the caller info of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReadTry {
    reader: Reader,
    /// The leg that has it now.
    leg: usize,
    /// The legs that have failed it.
    tried: LegSet,
    /// Those of them that failed it for an error of their medium.
    bad: LegSet,
}

/// Whom a read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The mirror's user; this range is to be released at the end.
    User(Ticket),
    /// A read of the user's that no leg could give whole: a block of it.
    Block,
    /// The resync.
    Resync,
}

impl ReadTry {
    fn to_info(self) -> u64 {
        let (ticket, block) = match self.reader {
            Reader::User(ticket) => (ticket.number(), 0),
            Reader::Block => (0, 1),
            Reader::Resync => (0, 0),
        };
        const { assert!(TICKET_BITS + 16 <= u64::BITS && LEGS_MAX <= 4) };
        let legs = self.tried.bits() | self.bad.bits() << 4;
        ticket << 16 | block << 15 | (self.leg as u64) << 8 | u64::from(legs)
    }

    fn from_info(info: u64) -> ReadTry {
        let reader = match (Ticket::from_number(info >> 16), info >> 15 & 1) {
            (Some(ticket), _) => Reader::User(ticket),
            (None, 1) => Reader::Block,
            (None, _) => Reader::Resync,
        };
        let legs = (info & 0xff) as u8;
        ReadTry {
            reader,
            leg: (info >> 8 & 0x7f) as usize,
            tried: LegSet::from_bits(legs & 0xf),
            bad: LegSet::from_bits(legs >> 4),
        }
    }
}

impl Mirror {
    /// Reads `bio` from some leg, then from the others until one succeeds.
    pub(crate) fn read(self: &Arc<Self>, reader: Reader, bio: Bio) {
        let none = LegSet::EMPTY;
        match self.read_pick(none, reader) {
            Some(leg) => self.issue_read(bio, ReadTry { reader, leg, tried: none, bad: none }),
            None => unreachable!("one leg is always in sync"),
        }
    }

    /// Chooses an in-sync leg that has not been tried, by the read policy, and
    /// counts the read as pending there.
    fn read_pick(&self, tried: LegSet, reader: Reader) -> Option<usize> {
        let mut state = self.state.lock();
        let candidates = state.in_sync().without(tried);
        let leg = state.choose(candidates, reader == Reader::Resync)?;
        state.last_read = leg;
        state.legs[leg].reads_pending += 1;
        let cause = if reader == Reader::Resync {
            state.resync.source = leg;
            Cause::Copy
        } else {
            Cause::User
        };
        state.legs[leg].issued(BufCmd::Read, cause);
        Some(leg)
    }

    fn issue_read(self: &Arc<Self>, bio: Bio, try_: ReadTry) {
        let start = self.data_place(bio.extent().start());
        self.legs[try_.leg].issue(bio, start, self.clone(), try_.to_info());
    }

    /// A leg is done with a read (`disk_read_bio_done`).
    fn read_bio_done(self: &Arc<Self>, mut bio: Bio, mut try_: ReadTry, mut result: IoResult) {
        self.state.lock().legs[try_.leg].reads_pending -= 1;
        self.returned(try_.leg, BufCmd::Read, result);
        if result.is_ok() && !self.state.lock().in_sync().contains(try_.leg) {
            // It went out meanwhile, and may have lost what was acknowledged.
            result = Err(IoError { kind: ErrorKind::Gone, resid: bio.extent().count().bytes() });
        }
        if let Err(error) = result {
            self.read_failed(try_.leg, error.kind);
            try_.tried.insert(try_.leg);
            if error.kind == ErrorKind::Media {
                try_.bad.insert(try_.leg);
            }
            if let Some(leg) = self.read_pick(try_.tried, try_.reader) {
                if bio.lost_memory() {
                    bio.refill(BytesMut::zeroed(bio.extent().count().bytes()));
                }
                return self.issue_read(bio, ReadTry { leg, ..try_ });
            }
        }
        match try_.reader {
            Reader::User(ticket) if result.is_err() && self.may_go_by_block(&bio, try_.bad) => {
                self.read_by_block(ticket, bio);
            }
            _ => self.read_over(try_, bio, result),
        }
    }

    /// A read ends. Only then are blocks rewritten that a leg could not read.
    fn read_over(self: &Arc<Self>, try_: ReadTry, bio: Bio, result: IoResult) {
        let extent = bio.extent();
        if let Reader::User(ticket) = try_.reader {
            self.release(ticket);
        }
        bio.biodone(result);
        self.grant();
        if result.is_ok() && !try_.bad.is_empty() {
            self.want_repair(extent, try_.bad);
        }
    }

    /// One bad sector does not condemn a leg; a device that is gone, or hangs,
    /// is out for everything.
    pub(crate) fn read_failed(self: &Arc<Self>, leg: usize, kind: ErrorKind) {
        self.state.lock().legs[leg].counts.read_errors += 1;
        if matches!(kind, ErrorKind::Gone | ErrorKind::Timeout) {
            self.fail_leg(leg, Failure::Read(kind));
        }
        if kind == ErrorKind::Media {
            self.medium_failed(leg);
        }
    }

    /// Whether several legs failed a read that has several blocks: perhaps each
    /// for another one.
    fn may_go_by_block(&self, bio: &Bio, bad: LegSet) -> bool {
        let several = self.state.lock().in_sync().and(bad).iter().count() > 1;
        several && bio.extent().count() > self.block() && !bio.lost_memory()
    }

    /// Reads each block for itself, with the whole range held.
    fn read_by_block(self: &Arc<Self>, ticket: Ticket, bio: Bio) {
        let (block, extent) = (self.block(), bio.extent());
        let blocks = Arc::new(Blocks(self.clone()));
        let starts = (0..extent.count().0).step_by(block.0 as usize).map(Sectors);
        let piece = |at| Piece { count: block, device: &*blocks, start: extent.start() + at };
        let pieces: Vec<Piece<'_>> = starts.map(piece).collect();
        split(bio.push_bio(extent.start(), blocks.clone(), ticket.number()), &pieces);
    }

    /// The smallest unit of transfer.
    pub(crate) fn block(&self) -> Sectors {
        Sectors(u64::from(self.limits().block_size) / bio::SECTOR_SIZE as u64)
    }
}

/// The mirror as a device of single blocks, and who hears of the end of a read of
/// them all; the info is its ticket.
struct Blocks(Arc<Mirror>);

impl BlockDevice for Blocks {
    fn capacity(&self) -> Sectors {
        self.0.length
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn strategy(&self, bio: Bio) {
        self.0.read(Reader::Block, bio);
    }
}

impl BioDone for Blocks {
    fn bio_done(self: Arc<Self>, bio: Bio, ticket: u64, result: IoResult) {
        let ticket = Ticket::from_number(ticket).expect("its range is held");
        self.0.release(ticket);
        bio.biodone(result);
        self.0.grant();
    }
}

impl BioDone for Mirror {
    fn bio_done(self: Arc<Self>, bio: Bio, info: u64, result: IoResult) {
        self.read_bio_done(bio, ReadTry::from_info(info), result);
    }
}

impl State {
    /// One of `candidates`; for a resync the one that it began the region with.
    fn choose(&self, candidates: LegSet, resync: bool) -> Option<usize> {
        let candidates = self.rather_read(candidates);
        match self.source_of_region() {
            Some(leg) if resync && candidates.contains(leg) => Some(leg),
            _ => self.read_policy.pick(candidates, self),
        }
    }

    /// Those of `legs` that are not written mostly, if there are any.
    pub(crate) fn rather_read(&self, legs: LegSet) -> LegSet {
        let others = legs.without(self.write_mostly);
        if others.is_empty() { legs } else { others }
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
        let ticket = Ticket::from_number((1 << TICKET_BITS) - 1).unwrap();
        for reader in [Reader::User(ticket), Reader::Block, Reader::Resync] {
            let (tried, bad) = (LegSet::from_bits(0b1101), LegSet::from_bits(0b1001));
            let try_ = ReadTry { reader, leg: 3, tried, bad };
            assert_eq!(ReadTry::from_info(try_.to_info()), try_);
        }
    }
}
