//! Writing, flushing, discarding: a group of transactions, one for each leg.
//!
//! Place: [`Mirror::start`](crate::mirror::Mirror) hands over the original bio
//! once its range is held; the resync's copies are groups like any other. From
//! top to bottom: [`WriteGroup::start`] builds everything and issues;
//! [`WriteGroup::advance`] takes a transaction from state to state;
//! [`WriteGroup`]'s `Drop` has the mirror decide and the original bio completed.
//!
//! ```text
//! START ─▶ JOURNAL_FLUSH ─▶ DATA_WRITE ─▶ DATA_FLUSH ─▶ (SUPER_WRITE ─▶ SUPER_FLUSH)
//!          first touch of                 FUA, FLUSH    of the group, while an
//!          a region                                     exclusion is not durable
//! ```
//!
//! Rules:
//!
//! - The group's reference count is its `Arc`: each transaction in flight holds
//!   it, because its bio does. When the last one is dropped every leg has
//!   reported, and only then is the original bio done.
//! - Everything is allocated before the first leg is issued: one group, and
//!   one bio for each leg. Nothing on the way allocates again, unless the map
//!   has to be written (`journal.rs`).
//! - Each leg sends the same immutable bytes.

use alloc::sync::Arc;

use arrayvec::ArrayVec;
use bio::sync::{Lock, Rank};
use bio::{Bio, BioDone, Buf, BufCmd, BufDone, Extent, IoError, IoResult};
use bytes::Bytes;

use crate::counts::Cause;
use crate::journal::Waiting;
use crate::leg::{LEGS_MAX, LegSet};
use crate::mirror::{Mirror, failure};
use crate::range::Ticket;
use crate::region::Moment;
use crate::resync::Copied;
use crate::scrub::Rewrite;

/// What a transaction does next, or is doing (the sketch's states). SUPER_WRITE
/// and SUPER_FLUSH are the group's, not a leg's: see `membership.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TxState {
    /// Nothing issued yet.
    Start,
    /// The leg's region map is being written and flushed.
    JournalFlush,
    /// The leg's own write, or discard.
    DataWrite,
    /// The leg's flush: of a FLUSH, or after a write with FUA.
    DataFlush,
}

/// One leg's part of a group: the caller info of the leg's bio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriteTx {
    pub(crate) leg: usize,
    pub(crate) state: TxState,
    /// When its flush was issued.
    pub(crate) flush: Moment,
}

impl WriteTx {
    fn to_info(self) -> u64 {
        self.flush.number() << 8 | (self.leg as u64) << 4 | self.state as u64
    }

    fn from_info(info: u64) -> WriteTx {
        let state = match info & 0xf {
            0 => TxState::Start,
            1 => TxState::JournalFlush,
            2 => TxState::DataWrite,
            _ => TxState::DataFlush,
        };
        let flush = Moment::from_number(info >> 8);
        WriteTx { leg: (info >> 4 & 0xf) as usize, state, flush }
    }
}

/// What a group is to do.
pub(crate) struct Group {
    /// The range it holds; a flush has none, a repair keeps it.
    pub(crate) ticket: Option<Ticket>,
    /// What is asked, of the whole mirror or of some legs.
    pub(crate) cmd: BufCmd,
    /// Where.
    pub(crate) extent: Extent,
    /// A write's bytes.
    data: Option<Bytes>,
    /// Whom it is for.
    pub(crate) origin: Origin,
}

/// Whom a group is for.
pub(crate) enum Origin {
    /// The mirror's user: the original bio.
    User(Bio),
    /// The resync.
    Copy(Copied),
    /// A repair, which holds the range itself.
    Repair(Rewrite),
}

impl Group {
    /// A user's request, to all legs that take writes.
    pub(crate) fn user(ticket: Option<Ticket>, obio: Bio) -> Group {
        let (cmd, extent, data) = (obio.cmd(), obio.extent(), obio.write_data().cloned());
        Group { ticket, cmd, extent, data, origin: Origin::User(obio) }
    }

    /// A copy of these bytes to the legs that want them.
    pub(crate) fn copy(ticket: Ticket, extent: Extent, data: Bytes) -> Group {
        let (cmd, origin) = (BufCmd::Write { fua: false }, Origin::Copy(Copied::of(extent)));
        Group { ticket: Some(ticket), cmd, extent, data: Some(data), origin }
    }

    /// A rewrite of what legs in sync hold.
    pub(crate) fn repair(rewrite: Rewrite) -> Group {
        let (extent, data) = (rewrite.extent, Some(rewrite.data.clone()));
        let (cmd, origin) = (BufCmd::Write { fua: false }, Origin::Repair(rewrite));
        Group { ticket: None, cmd, extent, data, origin }
    }

    /// What a leg is to do, in the mirror's address space.
    fn leg_buf(&self) -> Buf {
        match &self.data {
            Some(data) => Buf::write(self.extent, data.clone()),
            None if self.cmd == BufCmd::FreeBlks => Buf::freeblks(self.extent),
            None => Buf::flush(),
        }
    }

    fn cause(&self) -> Cause {
        match self.origin {
            Origin::User(_) => Cause::User,
            Origin::Copy(_) | Origin::Repair(_) => Cause::Copy,
        }
    }
}

/// A write, flush or discard on its way to all legs.
pub(crate) struct WriteGroup {
    mirror: Arc<Mirror>,
    cmd: BufCmd,
    extent: Extent,
    cause: Cause,
    /// When it began, before any leg was asked for anything.
    began: Moment,
    outcome: Lock<Outcome>,
}

/// Legs that did not do what they were asked, and why.
pub(crate) type LegErrors = ArrayVec<(usize, IoError), LEGS_MAX>;

/// What has come of the group so far.
struct Outcome {
    /// What it was to do, until it is settled.
    group: Option<Group>,
    /// The legs that did all they were asked.
    reached: LegSet,
    /// Those that did not, each with its error, in order of report.
    failed: LegErrors,
}

impl WriteGroup {
    /// Sends `group` to every leg that takes writes, or that wants the copy.
    pub(crate) fn start(mirror: &Arc<Mirror>, group: Group) {
        let (legs, began, wake_cleaner) = mirror.state.lock().begin(&group);
        if wake_cleaner {
            mirror.schedule_cleaner();
        }
        let (cmd, extent, cause) = (group.cmd, group.extent, group.cause());
        let bufs: ArrayVec<Buf, LEGS_MAX> = legs.iter().map(|_| group.leg_buf()).collect();
        let outcome =
            Outcome { group: Some(group), reached: LegSet::EMPTY, failed: LegErrors::new() };
        let outcome = Lock::new(Rank::WRITE_GROUP, outcome);
        let mirror = mirror.clone();
        let group = Arc::new(WriteGroup { mirror, cmd, extent, cause, began, outcome });
        let txs: ArrayVec<(WriteTx, Bio), LEGS_MAX> = legs
            .iter()
            .zip(bufs)
            .map(|(leg, buf)| {
                let tx = WriteTx { leg, state: TxState::Start, flush: Moment::default() };
                (tx, Bio::new(buf, group.clone(), tx.to_info()))
            })
            .collect();
        for (tx, bio) in txs {
            group.advance(tx, bio);
        }
    }

    /// Where it writes.
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    /// Takes a transaction to its next state, or ends it. The bio holds no
    /// frame of a leg here: it is the group's.
    pub(crate) fn advance(self: &Arc<Self>, tx: WriteTx, mut bio: Bio) {
        let fua = self.cmd == BufCmd::Write { fua: true };
        let state = match tx.state {
            TxState::Start if self.cmd == BufCmd::Flush => TxState::DataFlush,
            TxState::Start => {
                return self.intend(WriteTx { state: TxState::JournalFlush, ..tx }, bio);
            }
            TxState::JournalFlush => TxState::DataWrite,
            TxState::DataWrite if fua => {
                bio.reissue(Buf::flush());
                TxState::DataFlush
            }
            TxState::DataWrite | TxState::DataFlush => return bio.biodone(Ok(())),
        };
        let mirror = &self.mirror;
        if state == TxState::DataFlush {
            let flush = mirror.state.lock().tick();
            let tx = WriteTx { state, flush, ..tx };
            let start = bio.extent().start();
            let bio = bio.push_bio(start, self.clone(), tx.to_info());
            return mirror.flush_leg(tx.leg, bio, self.cause);
        }
        mirror.state.lock().legs[tx.leg].issued(bio.cmd(), self.cause);
        let tx = WriteTx { state, ..tx };
        let start = mirror.data_place(bio.extent().start());
        mirror.legs[tx.leg].issue(bio, start, self.clone(), tx.to_info());
    }

    /// Goes on to write as soon as the leg's own map allows it.
    fn intend(self: &Arc<Self>, tx: WriteTx, bio: Bio) {
        let waiting = Waiting { group: self.clone(), tx, bio };
        let covered = self.mirror.state.lock().intend(waiting);
        match covered {
            Some(Waiting { tx, bio, .. }) => self.advance(tx, bio),
            None => self.mirror.record(tx.leg),
        }
    }

    /// A leg is done with what the transaction's state asked (`disk_write_bio_done`).
    fn write_bio_done(self: &Arc<Self>, bio: Bio, tx: WriteTx, result: IoResult) {
        self.mirror.returned(tx.leg, bio.cmd(), result);
        if tx.state == TxState::DataFlush && result.is_ok() {
            self.mirror.state.lock().legs[tx.leg].flushed_since(tx.flush);
        }
        match result {
            Ok(()) => self.advance(tx, bio),
            Err(error) => bio.biodone(Err(error)),
        }
    }

    /// A transaction has ended (`disk_write_tx_done`); its reference to the
    /// group goes when this returns. A leg that failed is out at once, unless
    /// it is the last.
    fn write_tx_done(&self, leg: usize, step: BufCmd, result: IoResult) {
        let Err(error) = result else {
            return self.outcome.lock().reached.insert(leg);
        };
        self.outcome.lock().failed.push((leg, error));
        self.mirror.fail_leg(leg, failure(step, error));
    }
}

impl crate::mirror::State {
    /// A group begins: which legs it goes to, when that is, and whether the cleaner
    /// should look after what it leaves.
    fn begin(&mut self, group: &Group) -> (LegSet, Moment, bool) {
        let began = self.tick();
        let writable = self.writable();
        let legs = match group.origin {
            Origin::User(_) => writable,
            Origin::Copy(_) => self.wanting(group.extent),
            Origin::Repair(ref rewrite) => self.to_be_rewritten(rewrite),
        };
        let (Some(regions), true) = (&mut self.regions, group.cmd.modifies()) else {
            return (legs, began, false);
        };
        // A copy changes nothing on the legs that do not want it.
        let unwritten = match group.origin {
            Origin::User(_) => (0..self.legs.len()).collect::<LegSet>().without(writable),
            Origin::Copy(_) | Origin::Repair(_) => LegSet::EMPTY,
        };
        regions.begin(group.extent, unwritten);
        (legs, began, regions.has_active() && self.cleaner.wake())
    }
}

impl BioDone for WriteGroup {
    fn bio_done(self: Arc<Self>, bio: Bio, info: u64, result: IoResult) {
        self.write_bio_done(bio, WriteTx::from_info(info), result);
    }
}

impl BufDone for WriteGroup {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        self.write_tx_done(WriteTx::from_info(info).leg, buf.cmd(), result);
    }
}

impl Drop for WriteGroup {
    /// Every leg has reported: the original bio is done (`dmirror_wg_dtor`).
    fn drop(&mut self) {
        let Outcome { group, reached, failed } = self.outcome.get_mut();
        let group = group.take().expect("a group is dropped once");
        self.mirror.settle(group, self.began, *reached, failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_survives_its_frame() {
        for state in [TxState::Start, TxState::JournalFlush, TxState::DataWrite, TxState::DataFlush]
        {
            let tx = WriteTx { leg: 3, state, flush: Moment::from_number(1 << 40) };
            assert_eq!(WriteTx::from_info(tx.to_info()), tx);
        }
    }
}
