//! Devices to test the tester with: one disk passed through, and a mirror so
//! simple that it is right by inspection, with bugs to be planted in it.
//!
//! The mirror does one request at a time: it queues the rest.

use std::collections::VecDeque;
use std::sync::Arc;

use bio::sync::{Lock, Rank};
use bio::{
    Bio, BioDone, BlockDevice, Buf, BufCmd, BufDone, ErrorKind, IoError, IoResult, Limits, Sectors,
};
use bytes::BytesMut;
use sim::{Subject, World};

/// What can be wrong with the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A write ends when the first leg has it.
    EarlyAck,
    /// A leg that missed a write still answers reads.
    FailedLegStillRead,
    /// Writes do not go to the last leg.
    LegSkipped,
    /// Requests are not held back.
    NoLock,
    /// A read's error goes up although another leg could answer.
    NoRetry,
    /// What waits while a write fails is forgotten.
    Forgotten,
    /// A flush ends without asking the legs.
    FlushIgnored,
    /// A read that comes while a write is in flight goes to the leg that was the lowest
    /// in sync when the write started, and waits only if that leg is out.
    FixedLeg {
        /// A write waits for the reads in flight.
        after_reads: bool,
    },
}

/// One disk, as it is.
pub(crate) struct Passed(Arc<dyn BlockDevice>);

/// Builds a [`Passed`].
pub(crate) fn passed(_: &World<'_>, legs: Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    Box::new(Passed(legs[0].clone()))
}

impl Subject for Passed {
    fn device(&self) -> &dyn BlockDevice {
        &*self.0
    }

    fn in_sync(&self, leg: usize) -> bool {
        leg == 0
    }
}

/// The naive mirror. After a crash it uses the first leg alone.
pub(crate) struct Naive(Arc<Mirror>);

/// Builds a [`Naive`].
pub(crate) fn naive(
    bug: Option<Bug>,
) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    move |world, legs| {
        let in_sync = (0..legs.len()).map(|leg| leg == 0 || world.boots() == 0).collect();
        let waiting = VecDeque::new();
        let state = State { in_sync, waiting, busy: false, turn: 0, fixed: None, reads: 0 };
        Box::new(Naive(Arc::new_cyclic(|me| Mirror {
            me: me.clone(),
            legs,
            bug,
            state: Lock::new(Rank::TARGET, state),
        })))
    }
}

impl Subject for Naive {
    fn device(&self) -> &dyn BlockDevice {
        &*self.0
    }

    fn in_sync(&self, leg: usize) -> bool {
        self.0.state.lock().in_sync[leg]
    }
}

struct Mirror {
    me: std::sync::Weak<Mirror>,
    legs: Vec<Arc<dyn BlockDevice>>,
    bug: Option<Bug>,
    state: Lock<State>,
}

struct State {
    in_sync: Vec<bool>,
    waiting: VecDeque<Bio>,
    busy: bool,
    turn: usize,
    /// With [`Bug::FixedLeg`]: the leg for reads while a write is in flight.
    fixed: Option<usize>,
    /// With [`Bug::FixedLeg`]: the reads in flight.
    reads: usize,
}

impl State {
    /// Takes a leg out, unless it is the last.
    fn fail(&mut self, leg: usize) {
        let others = (0..self.in_sync.len()).any(|other| other != leg && self.in_sync[other]);
        self.in_sync[leg] &= !others;
    }

    /// With [`Bug::FixedLeg`]: the request in front, if it may start.
    fn admit(&mut self, after_reads: bool) -> Option<Bio> {
        let reads = self.waiting.front()?.cmd() == BufCmd::Read;
        let free = match self.fixed {
            Some(leg) => reads && self.in_sync[leg],
            None => reads || !after_reads || self.reads == 0,
        };
        if !free {
            return None;
        }
        if reads {
            self.reads += 1;
        } else {
            self.fixed = self.in_sync.iter().position(|in_sync| *in_sync);
        }
        self.waiting.pop_front()
    }
}

impl BlockDevice for Mirror {
    fn capacity(&self) -> Sectors {
        self.legs[0].capacity()
    }

    fn limits(&self) -> Limits {
        self.legs[0].limits()
    }

    fn strategy(&self, bio: Bio) {
        if self.bug == Some(Bug::NoLock) {
            return self.start(bio);
        }
        self.state.lock().waiting.push_back(bio);
        self.next();
    }
}

impl Mirror {
    fn me(&self) -> Arc<Mirror> {
        self.me.upgrade().expect("whoever calls holds the mirror")
    }

    /// Starts what waits, if nothing is under way.
    fn next(&self) {
        if let Some(Bug::FixedLeg { after_reads }) = self.bug {
            loop {
                let next = self.state.lock().admit(after_reads);
                let Some(bio) = next else { return };
                self.start(bio);
            }
        }
        let next = {
            let mut state = self.state.lock();
            let next = if state.busy { None } else { state.waiting.pop_front() };
            state.busy |= next.is_some();
            next
        };
        if let Some(bio) = next {
            self.start(bio);
        }
    }

    /// A request has ended; the next may start.
    fn finish(&self, bio: Bio, result: IoResult) {
        {
            let mut state = self.state.lock();
            state.busy = false;
            match bio.cmd() {
                BufCmd::Read => state.reads = state.reads.saturating_sub(1),
                _ => state.fixed = None,
            }
        }
        bio.biodone(result);
        self.next();
    }

    fn start(&self, bio: Bio) {
        match bio.cmd() {
            BufCmd::Read => self.read(bio, 0),
            BufCmd::Flush if self.bug == Some(Bug::FlushIgnored) => self.finish(bio, Ok(())),
            _ => self.write(bio),
        }
    }

    /// Reads from the next leg that was not `tried`.
    fn read(&self, bio: Bio, tried: u64) {
        let leg = {
            let mut state = self.state.lock();
            state.turn += 1;
            let turns = (0..self.legs.len()).map(|leg| (leg + state.turn) % self.legs.len());
            let usable = |leg: &usize| {
                tried >> leg & 1 == 0
                    && state.fixed.is_none_or(|fixed| *leg == fixed)
                    && (state.in_sync[*leg] || self.bug == Some(Bug::FailedLegStillRead))
            };
            turns.clone().find(usable)
        };
        match leg {
            Some(leg) => {
                let info = tried | 1 << leg;
                let start = bio.extent().start();
                self.legs[leg].strategy(bio.push_bio(start, self.me(), info << 8 | leg as u64));
            }
            None if self.state.lock().fixed.is_some() => {
                let mut state = self.state.lock();
                state.reads -= 1;
                state.waiting.push_front(bio);
            }
            None => {
                let resid = bio.extent().count().bytes();
                self.finish(bio, Err(IoError { kind: ErrorKind::Media, resid }));
            }
        }
    }

    fn write(&self, bio: Bio) {
        let in_sync = self.state.lock().in_sync.clone();
        let mut legs: Vec<usize> = (0..self.legs.len()).filter(|&leg| in_sync[leg]).collect();
        if self.bug == Some(Bug::LegSkipped) && legs.len() > 1 {
            legs.pop();
        }
        let group = Arc::new(Group {
            mirror: self.me(),
            state: Lock::new(
                Rank::WRITE_GROUP,
                GroupState {
                    waiting: legs.len(),
                    reached: Vec::new(),
                    failed: Vec::new(),
                    bio: None,
                },
            ),
        });
        let children: Vec<Bio> =
            legs.iter().map(|&leg| Bio::new(copy(&bio), group.clone(), leg as u64)).collect();
        group.state.lock().bio = Some(bio);
        for (child, leg) in children.into_iter().zip(legs) {
            self.legs[leg].strategy(child);
        }
    }
}

impl BioDone for Mirror {
    /// A read comes back.
    fn bio_done(self: Arc<Self>, mut bio: Bio, info: u64, result: IoResult) {
        let (tried, leg) = (info >> 8, (info & 0xff) as usize);
        match result {
            Err(_) if self.bug != Some(Bug::NoRetry) => {
                self.state.lock().fail(leg);
                if bio.lost_memory() {
                    bio.refill(BytesMut::zeroed(bio.extent().count().bytes()));
                }
                self.read(bio, tried);
            }
            result => self.finish(bio, result),
        }
    }
}

/// What one leg is sent of a write or a flush.
fn copy(bio: &Bio) -> Buf {
    match (bio.cmd(), bio.write_data()) {
        (BufCmd::Write { fua: true }, Some(data)) => Buf::write_fua(bio.extent(), data.clone()),
        (_, Some(data)) => Buf::write(bio.extent(), data.clone()),
        (_, None) => Buf::flush(),
    }
}

/// A write or a flush on its way to all legs.
struct Group {
    mirror: Arc<Mirror>,
    state: Lock<GroupState>,
}

struct GroupState {
    waiting: usize,
    reached: Vec<usize>,
    failed: Vec<usize>,
    bio: Option<Bio>,
}

impl BufDone for Group {
    fn buf_done(self: Arc<Self>, _: Buf, info: u64, result: IoResult) {
        let leg = info as usize;
        let bug = self.mirror.bug;
        let done = {
            let mut state = self.state.lock();
            state.waiting -= 1;
            match result {
                Ok(()) => state.reached.push(leg),
                Err(_) => state.failed.push(leg),
            }
            let early = bug == Some(Bug::EarlyAck) && state.reached.len() == 1;
            (state.waiting == 0 || early).then(|| state.bio.take()).flatten()
        };
        let Some(bio) = done else { return };
        let (reached, failed) = {
            let state = self.state.lock();
            (state.reached.clone(), state.failed.clone())
        };
        let held = {
            let mut state = self.mirror.state.lock();
            failed.iter().for_each(|&leg| state.fail(leg));
            if bug == Some(Bug::Forgotten) && !failed.is_empty() {
                std::mem::forget(std::mem::take(&mut state.waiting));
            }
            reached.iter().any(|&leg| state.in_sync[leg])
        };
        let end = if held { Ok(()) } else { result };
        self.mirror.finish(bio, end);
    }
}
