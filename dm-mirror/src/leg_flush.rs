//! One flush at a time on each leg, shared by all who wait for one.
//!
//! Place: whoever has a leg flushed comes through [`Mirror::flush_leg`];
//! [`Mirror::returned`](crate::mirror::Mirror) tells when the leg has answered.
//!
//! Rules:
//!
//! - A flush that is asked for while one is on its way waits for the next: the one on
//!   its way need not cover what was written since. The next serves all who wait.
//! - So a leg never has two flushes, and the failure of one is heard before the next is
//!   issued. Of two on their way, a disk may fail the one that it ends first and succeed
//!   in the other: that success would be believed by whoever hears it first.
//! - Who shares a flush hears what came of it before the next one begins, from the
//!   outermost call, so that a device that answers at once does not grow the stack.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bio::{Bio, BufCmd, IoResult};

use crate::counts::Cause;
use crate::mirror::{LegRecord, Mirror, State};

/// What waits for a leg's flush; part of the leg's record.
#[derive(Default)]
pub(crate) struct Flushes {
    stage: Stage,
    /// A thread completes those who shared a flush; it will issue the next as well.
    going_on: bool,
    /// They share the flush on its way.
    sharing: VecDeque<Bio>,
    /// They wait for the next.
    waiting: Vec<(Bio, Cause)>,
}

/// Where a leg's flush is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// There is none.
    #[default]
    Idle,
    /// The leg has it.
    OnItsWay,
    /// It has ended so; who shared it is being told.
    Ended(IoResult),
}

impl Flushes {
    /// Who waits issues one flush for all.
    fn begin_next(&mut self) -> Option<(Bio, Cause)> {
        let mut waiting = self.waiting.drain(..);
        let first = waiting.next();
        self.sharing.extend(waiting.map(|(bio, _)| bio));
        self.stage = if first.is_some() { Stage::OnItsWay } else { Stage::Idle };
        first
    }

    /// A flush has ended, for one who asked for it.
    pub(crate) fn ended(&mut self, result: IoResult) -> Ended {
        if self.stage != Stage::OnItsWay {
            return Ended::Shared;
        }
        self.stage = Stage::Ended(result);
        Ended::First { goes_on: !mem::replace(&mut self.going_on, true) }
    }
}

/// Who hears of the end of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The one that the leg had, before all others.
    First {
        /// The caller is to tell them, and to issue the next.
        goes_on: bool,
    },
    /// One that shared it: what came of it is known already.
    Shared,
}

impl LegRecord {
    /// A flush that the leg is asked for begins, or waits.
    fn ask_for_flush(&mut self, bio: Bio, cause: Cause) -> Option<Bio> {
        self.outstanding += 1;
        if self.flushes.stage != Stage::Idle {
            self.flushes.waiting.push((bio, cause));
            return None;
        }
        self.flushes.stage = Stage::OnItsWay;
        self.counts.issued(BufCmd::Flush, cause);
        Some(bio)
    }
}

impl State {
    /// What is to be done next behind a flush that has ended.
    fn next_behind_flush(&mut self, leg: usize) -> Behind {
        let LegRecord { flushes, counts, .. } = &mut self.legs[leg];
        match flushes.stage {
            Stage::Ended(result) => match flushes.sharing.pop_front() {
                Some(bio) => Behind::Tell(bio, result),
                None => match flushes.begin_next() {
                    Some((bio, cause)) => {
                        counts.issued(BufCmd::Flush, cause);
                        Behind::Issue(bio)
                    }
                    None => {
                        flushes.going_on = false;
                        Behind::Nothing
                    }
                },
            },
            Stage::Idle | Stage::OnItsWay => {
                flushes.going_on = false;
                Behind::Nothing
            }
        }
    }
}

enum Behind {
    Tell(Bio, IoResult),
    Issue(Bio),
    Nothing,
}

impl Mirror {
    /// Has a leg flushed. `bio` is a flush for the leg, with whoever is to hear of its end
    /// pushed already.
    pub(crate) fn flush_leg(self: &Arc<Self>, leg: usize, bio: Bio, cause: Cause) {
        let bio = self.state.lock().legs[leg].ask_for_flush(bio, cause);
        if let Some(bio) = bio {
            self.legs[leg].strategy(bio);
        }
    }

    /// A leg's flush has ended: tells all who shared it, and issues the next one if
    /// somebody waits.
    pub(crate) fn go_on_flushing(self: &Arc<Self>, leg: usize) {
        loop {
            let next = self.state.lock().next_behind_flush(leg);
            match next {
                Behind::Tell(bio, result) => bio.biodone(result),
                Behind::Issue(bio) => self.legs[leg].strategy(bio),
                Behind::Nothing => return,
            }
        }
    }
}
