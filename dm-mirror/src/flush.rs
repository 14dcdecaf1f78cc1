//! Flushes of the mirror's own: behind copies, before a promotion, for the cleaner.
//!
//! Place: `resync.rs`, `promote.rs` and `clean.rs` start one, and hear of its end.

use alloc::sync::Arc;

use bio::sync::{Lock, Rank};
use bio::{Bio, Buf, BufDone, IoError, IoResult};

use crate::counts::Cause;
use crate::leg::LegSet;
use crate::mirror::Mirror;
use crate::range::Ticket;
use crate::region::{Moment, Regions};

/// What a [`FlushGroup`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlushFor {
    /// Regions that were copied.
    Copied,
    /// Legs that are to be promoted, while the whole mirror's range is held.
    Promotion(Ticket),
    /// Regions that are to become clean.
    Cleaning,
    /// A clean stop.
    Stop,
}

/// A flush of the mirror's own, of several legs. As with a write group, the last
/// reference ends it.
pub(crate) struct FlushGroup {
    mirror: Arc<Mirror>,
    what: FlushFor,
    done: Lock<(LegSet, Option<IoError>)>,
}

impl FlushGroup {
    /// Flushes `legs`.
    pub(crate) fn start(mirror: &Arc<Mirror>, what: FlushFor, legs: LegSet, cause: Cause) {
        let done = Lock::new(Rank::WRITE_GROUP, (LegSet::EMPTY, None));
        let group = Arc::new(FlushGroup { mirror: mirror.clone(), what, done });
        for leg in legs.iter() {
            let when = {
                let mut state = mirror.state.lock();
                state.regions.as_mut().map_or(Moment::default(), Regions::tick)
            };
            let info = when.number() << 8 | leg as u64;
            mirror.flush_leg(leg, Bio::new(Buf::flush(), group.clone(), info), cause);
        }
    }
}

impl BufDone for FlushGroup {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        let (leg, when) = ((info & 0xff) as usize, Moment::from_number(info >> 8));
        self.mirror.returned(leg, buf.cmd(), result);
        match result {
            Ok(()) => {
                self.mirror.state.lock().legs[leg].flushed_since(when);
                self.done.lock().0.insert(leg);
            }
            Err(error) => self.done.lock().1 = Some(error),
        }
    }
}

impl Drop for FlushGroup {
    /// Every leg has reported.
    fn drop(&mut self) {
        let (flushed, error) = *self.done.get_mut();
        match self.what {
            FlushFor::Copied => self.mirror.copies_flushed(flushed, error),
            FlushFor::Promotion(ticket) => self.mirror.promotion_flushed(ticket, flushed),
            FlushFor::Cleaning => self.mirror.cleaner_flushed(),
            FlushFor::Stop => self.mirror.stop_flushed(),
        }
    }
}
