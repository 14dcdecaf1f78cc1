//! The commits of each leg's map, on their way.
//!
//! Place: [`Mirror::record`] issues what [`Journal`](super::Journal) wants written; the
//! pages and the flush behind them come back here.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bio::{Bio, Buf, BufCmd, BufDone, IoError, IoResult};

use super::{Stage, Waiting};
use crate::leg::{Failure, LegState};
use crate::mirror::{LegRecord, Mirror, State};

impl State {
    /// A transaction is about to write: either its leg's record allows that at
    /// once, and it comes back, or it waits.
    pub(crate) fn intend(&mut self, waiting: Waiting) -> Option<Waiting> {
        let leg = waiting.tx.leg;
        let State { regions, legs, .. } = self;
        let (Some(regions), Some(journal)) = (regions, &mut legs[leg].journal) else {
            return Some(waiting);
        };
        let mut touched = regions.geometry().touched(waiting.group.extent());
        if touched.all(|region| journal.covers(region, regions)) {
            return Some(waiting);
        }
        journal.waiting.push(waiting);
        None
    }

    /// The commit of a leg's map is durable: the transactions that may go on.
    fn map_is_durable(&mut self, leg: usize) -> Vec<Waiting> {
        let State { regions, legs, cleaner, .. } = self;
        let journal = legs[leg].journal.as_mut().expect("its commit is on its way");
        let flush = journal.committed();
        journal.twice |= cleaner.stops();
        let go = journal.take_covered(regions.as_ref().expect("a map has regions"));
        legs[leg].flushed_since(flush);
        self.retry.succeeded();
        go
    }
}

impl LegRecord {
    /// Whether the commit of its map that is on its way is where it was put.
    fn kept_map(&self) -> IoResult {
        let flight = self.journal.as_ref().and_then(|journal| journal.flight.as_ref());
        self.kept(flight.expect("a flush belongs to a commit").since)
    }
}

impl Mirror {
    /// Begins the next commit of a leg's map, if one is wanted and none is on
    /// its way.
    pub(crate) fn record(self: &Arc<Self>, leg: usize) {
        let commit = {
            let mut state = self.state.lock();
            if state.still {
                return;
            }
            let State { regions, legs, .. } = &mut *state;
            let LegRecord { state: leg_state, journal, .. } = &mut legs[leg];
            let (Some(regions), Some(journal)) = (regions, journal) else { return };
            if matches!(leg_state, LegState::Failed(_)) {
                // Nobody reads its map any more.
                journal.changed.clear();
                journal.alone.clear();
            }
            let Some((writes, cause)) = journal.next_commit(regions) else { return };
            writes.iter().for_each(|_| legs[leg].issued(BufCmd::Write { fua: false }, cause));
            writes
        };
        let io = Arc::new(MapIo(self.clone()));
        for (place, page) in commit {
            let bytes = page.encode().to_vec();
            let buf = Buf::write(self.legs[leg].place(place), bytes.into());
            self.legs[leg].strategy(Bio::new(buf, io.clone(), leg as u64));
        }
    }

    /// A page of a leg's map was written.
    fn map_page_written(self: &Arc<Self>, io: Arc<MapIo>, leg: usize, result: IoResult) {
        let (stage, failed, cause) = {
            let mut state = self.state.lock();
            let state = &mut *state;
            let journal = state.legs[leg].journal.as_mut().expect("its commit is on its way");
            let Some(stage) = journal.page_done(result) else { return };
            let now = state.regions.as_mut().expect("a map has regions").tick();
            let flight = journal.flight.as_mut().expect("its commit is on its way");
            let (failed, cause) = (flight.failed, flight.cause);
            match stage {
                Stage::First => flight.flush = now,
                // Whatever became of it: the first copy is durable.
                Stage::Second => journal.flight = None,
            }
            (stage, failed, cause)
        };
        match (failed, stage) {
            (Some(error), Stage::First) => self.map_failed(leg, error),
            (Some(error), Stage::Second) => self.second_copy_failed(leg, error),
            (None, Stage::First) => {
                self.flush_leg(leg, Bio::new(Buf::flush(), io, leg as u64), cause);
            }
            (None, Stage::Second) => self.map_is_over(leg),
        }
    }

    /// A second copy failed: the leg is out, unless it is the last. The first copy is durable,
    /// so those who wait for the next commit go on waiting, but not for a leg that is out.
    fn second_copy_failed(self: &Arc<Self>, leg: usize, error: IoError) {
        if let LegState::Failed(_) = self.fail_leg(leg, Failure::Metadata(error.kind)) {
            let failed = {
                let mut state = self.state.lock();
                let journal = state.legs[leg].journal.as_mut().expect("its commit was over");
                mem::take(&mut journal.waiting)
            };
            for Waiting { bio, .. } in failed {
                bio.biodone(Err(error));
            }
        }
        self.map_is_over(leg);
    }

    /// The flush behind the pages has ended.
    fn map_flushed(self: &Arc<Self>, leg: usize, result: IoResult) {
        let go = {
            let mut state = self.state.lock();
            result.and(state.legs[leg].kept_map()).map(|()| state.map_is_durable(leg))
        };
        let go = match go {
            Ok(go) => go,
            Err(error) => return self.map_failed(leg, error),
        };
        for Waiting { group, tx, bio } in go {
            group.advance(tx, bio);
        }
        self.map_is_over(leg);
        self.wake_cleaner();
    }

    /// A commit of a leg's map is over.
    fn map_is_over(self: &Arc<Self>, leg: usize) {
        self.record(leg);
        self.map_became_durable();
    }

    /// A commit failed: the leg is out, unless it is the last; those who waited
    /// for it have failed on this leg.
    fn map_failed(self: &Arc<Self>, leg: usize, error: IoError) {
        let failed = {
            let mut state = self.state.lock();
            let journal = state.legs[leg].journal.as_mut().expect("its commit is on its way");
            journal.not_committed()
        };
        self.fail_leg(leg, Failure::Metadata(error.kind));
        for Waiting { bio, .. } in failed {
            bio.biodone(Err(error));
        }
        self.check_stop();
        self.try_again_later();
    }
}

/// Hears of the pages and flushes of a commit; the info is the leg.
struct MapIo(Arc<Mirror>);

impl BufDone for MapIo {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        let (mirror, leg) = (self.0.clone(), info as usize);
        mirror.returned(leg, buf.cmd(), result);
        match buf.cmd() {
            BufCmd::Flush => mirror.map_flushed(leg, result),
            _ => mirror.map_page_written(self, leg, result),
        }
    }
}
