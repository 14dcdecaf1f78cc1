//! Reads of one extent on several legs, each leg for itself.
//!
//! Place: `scrub.rs` starts one with the range held, and hears of its end. A user's
//! read wants any leg's answer; this wants each one's.

use alloc::sync::Arc;
use core::mem;

use arrayvec::ArrayVec;
use bio::sync::{Lock, Rank};
use bio::{Bio, Buf, BufCmd, BufDone, ErrorKind, Extent, IoResult};
use bytes::BytesMut;

use crate::counts::Cause;
use crate::leg::{LEGS_MAX, LegSet};
use crate::mirror::Mirror;
use crate::scrub::Then;

/// What each leg answered: its data, or why there are none.
pub(crate) type Answers = ArrayVec<(usize, Result<BytesMut, ErrorKind>), LEGS_MAX>;

/// Reads on their way. As with a write group, the last reference ends them.
pub(crate) struct LegReads {
    mirror: Arc<Mirror>,
    then: Option<Then>,
    answers: Lock<Answers>,
}

impl LegReads {
    /// Reads `extent` on `legs`, then goes on as `then` says.
    pub(crate) fn start(mirror: &Arc<Mirror>, extent: Extent, legs: LegSet, then: Then) {
        let answers = Lock::new(Rank::WRITE_GROUP, Answers::new());
        let reads = Arc::new(LegReads { mirror: mirror.clone(), then: Some(then), answers });
        let on_leg = extent.at(mirror.data_place(extent.start()));
        let read = |leg: usize| {
            let memory = BytesMut::zeroed(extent.count().bytes());
            let buf = Buf::read(mirror.legs[leg].place(on_leg), memory);
            (leg, Bio::new(buf, reads.clone(), leg as u64))
        };
        let bios: ArrayVec<(usize, Bio), LEGS_MAX> = legs.iter().map(read).collect();
        {
            let mut state = mirror.state.lock();
            legs.iter().for_each(|leg| state.legs[leg].issued(BufCmd::Read, Cause::Copy));
        }
        for (leg, bio) in bios {
            mirror.legs[leg].strategy(bio);
        }
    }
}

impl BufDone for LegReads {
    fn buf_done(self: Arc<Self>, buf: Buf, leg: u64, result: IoResult) {
        let leg = leg as usize;
        self.mirror.returned(leg, BufCmd::Read, result);
        // One that went out meanwhile may have lost what was acknowledged.
        let in_sync = self.mirror.state.lock().in_sync().contains(leg);
        let answer = match result {
            Ok(()) if in_sync => buf.into_read().ok_or(ErrorKind::Aborted),
            Ok(()) => Err(ErrorKind::Gone),
            Err(error) => Err(error.kind),
        };
        self.answers.lock().push((leg, answer));
    }
}

impl Drop for LegReads {
    /// Every leg has answered.
    fn drop(&mut self) {
        let mut answers = mem::take(self.answers.get_mut());
        answers.sort_unstable_by_key(|(leg, _)| *leg);
        let then = self.then.take().expect("reads end once");
        self.mirror.legs_read(then, answers);
    }
}
