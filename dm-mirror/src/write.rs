//! Writing, flushing, discarding: a group of transactions, one for each leg.
//!
//! Place: [`Mirror::start`](crate::mirror::Mirror) hands over the original bio
//! once its range is held. From top to bottom: [`WriteGroup::start`] builds
//! everything and issues; [`WriteGroup::advance`] takes a transaction from
//! state to state; [`WriteGroup`]'s `Drop` completes the original bio.
//!
//! Rules:
//!
//! - The group's reference count is its `Arc`: each transaction in flight holds
//!   it, because its bio does. When the last one is dropped every leg has
//!   reported, and only then is the original bio done.
//! - Everything is allocated before the first leg is issued: one group, and
//!   one bio for each leg. Nothing on the way allocates again.
//! - Each leg sends the same immutable bytes.

use alloc::sync::Arc;

use arrayvec::ArrayVec;
use bio::sync::{Lock, Rank};
use bio::{Bio, BioDone, Buf, BufCmd, BufDone, IoError, IoResult};

use crate::leg::{LEGS_MAX, LegSet};
use crate::mirror::Mirror;
use crate::range::Ticket;

/// What a transaction does next, or is doing (the sketch's states).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TxState {
    /// Nothing issued yet.
    Start,
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
}

impl WriteTx {
    fn to_info(self) -> u64 {
        (self.leg as u64) << 8 | self.state as u64
    }

    fn from_info(info: u64) -> WriteTx {
        let state = match info & 0xff {
            0 => TxState::Start,
            1 => TxState::DataWrite,
            _ => TxState::DataFlush,
        };
        WriteTx { leg: (info >> 8) as usize, state }
    }
}

/// A write, flush or discard on its way to all legs.
pub(crate) struct WriteGroup {
    mirror: Arc<Mirror>,
    /// The range it holds; a flush has none.
    ticket: Option<Ticket>,
    /// What was asked, of the whole mirror.
    cmd: BufCmd,
    outcome: Lock<Outcome>,
}

/// Legs that did not do what they were asked, and why.
pub(crate) type LegErrors = ArrayVec<(usize, IoError), LEGS_MAX>;

/// What has come of the group so far.
struct Outcome {
    /// The original bio, until the group completes it.
    obio: Option<Bio>,
    /// The legs that did all they were asked.
    reached: LegSet,
    /// Those that did not, each with its error, in order of report.
    failed: LegErrors,
}

impl WriteGroup {
    /// Sends `obio` to every leg that takes writes.
    pub(crate) fn start(mirror: &Arc<Mirror>, ticket: Option<Ticket>, obio: Bio) {
        let legs = mirror.state.lock().writable();
        let cmd = obio.cmd();
        let bufs: ArrayVec<Buf, LEGS_MAX> = legs.iter().map(|_| leg_buf(&obio)).collect();
        let outcome =
            Outcome { obio: Some(obio), reached: LegSet::EMPTY, failed: LegErrors::new() };
        let group = Arc::new(WriteGroup {
            mirror: mirror.clone(),
            ticket,
            cmd,
            outcome: Lock::new(Rank::WRITE_GROUP, outcome),
        });
        let txs: ArrayVec<(WriteTx, Bio), LEGS_MAX> = legs
            .iter()
            .zip(bufs)
            .map(|(leg, buf)| {
                let tx = WriteTx { leg, state: TxState::Start };
                (tx, Bio::new(buf, group.clone(), tx.to_info()))
            })
            .collect();
        for (tx, bio) in txs {
            group.advance(tx, bio);
        }
    }

    /// Takes a transaction to its next state, or ends it. The bio holds no
    /// frame of a leg here: it is the group's.
    pub(crate) fn advance(self: &Arc<Self>, tx: WriteTx, mut bio: Bio) {
        let fua = self.cmd == BufCmd::Write { fua: true };
        let state = match tx.state {
            TxState::Start if self.cmd == BufCmd::Flush => TxState::DataFlush,
            TxState::Start => TxState::DataWrite,
            TxState::DataWrite if fua => {
                bio.reissue(Buf::flush());
                TxState::DataFlush
            }
            TxState::DataWrite | TxState::DataFlush => return bio.biodone(Ok(())),
        };
        let tx = WriteTx { state, ..tx };
        self.mirror.state.lock().legs[tx.leg].counts.issued(bio.cmd());
        self.mirror.legs[tx.leg].issue(bio, self.clone(), tx.to_info());
    }

    /// A leg is done with what the transaction's state asked (`disk_write_bio_done`).
    fn write_bio_done(self: &Arc<Self>, bio: Bio, tx: WriteTx, result: IoResult) {
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
        self.mirror.write_failed(leg, step, error);
    }
}

/// What a leg is to do for `obio`, in the mirror's address space.
fn leg_buf(obio: &Bio) -> Buf {
    match obio.write_data() {
        Some(data) => Buf::write(obio.extent(), data.clone()),
        None if obio.cmd() == BufCmd::FreeBlks => Buf::freeblks(obio.extent()),
        None => Buf::flush(),
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
        let Outcome { obio, reached, failed } = self.outcome.get_mut();
        let obio = obio.take().expect("a group is dropped once");
        let result = self.mirror.settle(self.ticket, self.cmd, obio.extent(), *reached, failed);
        obio.biodone(result);
        self.mirror.grant();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_survives_its_frame() {
        for state in [TxState::Start, TxState::DataWrite, TxState::DataFlush] {
            let tx = WriteTx { leg: 3, state };
            assert_eq!(WriteTx::from_info(tx.to_info()), tx);
        }
    }
}
