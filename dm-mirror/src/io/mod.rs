//! The hands: what the core decides is done here.
//!
//! Place: [`MirrorTarget`](crate::MirrorTarget) calls [`Mirror::strategy`] and brings what a
//! person says. A bio becomes an event, an action becomes a bio for a leg; nothing is
//! decided here.
//!
//! Rules:
//!
//! - One lock round an event: the bio goes into its slot, the core decides, and the first
//!   actions are taken out with their bios. They are done without the lock.
//! - One thread does actions at a time. A thread that brings an event meanwhile leaves its
//!   actions to that one. So actions are done in order, and a leg that completes at once
//!   does not deepen the stack.
//! - No lock is held across a call to a leg, a completion, or news to a person.

mod blocks;
mod compare;
mod exchange;
mod inner;
pub(crate) mod leg;
pub mod requests;
mod search;
mod slots;
mod tag;
pub(crate) mod times;
pub mod trace;
mod words;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::array;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use arrayvec::ArrayVec;
use bio::sync::{Guard, Lock, Rank};
use bio::{Bio, BioDone, Buf, BufCmd, ErrorKind, Extent, IoResult, Limits, Sectors};
use bytes::BytesMut;
use dm::{Env, Events, Work};

use crate::core::event::{Action, Alarm, Answer, Event, Facts, Message, Of, Report, Unit};
use crate::core::parts::leg::LEGS_MAX;
use crate::core::{Core, Dice};
use inner::{Data, Deed, Deeds, Inner, Issue};
use leg::Leg;
use slots::{Sink, Slots};
use tag::Tag;
use times::{Kind, Times};
use trace::{Trace, Watch};

/// A mirror: where its legs lie, and the core behind its lock.
pub(crate) struct Mirror {
    pub(crate) legs: ArrayVec<Leg, LEGS_MAX>,
    length: Sectors,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) events: Arc<Events>,
    inner: Lock<Inner>,
    /// Events whose actions nobody has done yet.
    pending: AtomicUsize,
    sink: Arc<Sink>,
    /// Its trace, and what it is called there.
    trace: Option<(Arc<Trace>, u32)>,
}

impl Mirror {
    /// A mirror over these legs. It issues nothing until it is resumed.
    pub(crate) fn new(
        legs: ArrayVec<Leg, LEGS_MAX>,
        length: Sectors,
        core: Core,
        times: Times,
        env: Arc<dyn Env>,
        events: Arc<Events>,
        trace: Option<Arc<Trace>>,
    ) -> Arc<Mirror> {
        let sink = Arc::new(Sink);
        let slots = Slots::new(sink.clone());
        let inner = Inner { core, slots, times, quiet: None, watch: Watch::default() };
        let trace = trace.map(|trace| {
            let number = trace.mirror(&events.device());
            (trace, number)
        });
        Arc::new(Mirror {
            legs,
            length,
            env,
            events,
            inner: Lock::new(Rank::TARGET, inner),
            pending: AtomicUsize::new(0),
            sink,
            trace,
        })
    }

    /// What all legs can do.
    pub(crate) fn limits(&self) -> Limits {
        leg::limits(&self.legs)
    }

    /// Looks at the core. `look` calls nobody.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Core) -> T) -> T {
        look(&self.inner.lock().core)
    }

    /// How long each leg took.
    pub(crate) fn times(&self) -> Times {
        // Its memory is taken without the lock.
        let mut copy = Times::with_room(self.legs.len());
        copy.copy_from(&self.inner.lock().times);
        copy
    }

    /// What is known of the legs' devices now.
    fn facts(&self) -> Box<Facts> {
        Box::new(array::from_fn(|leg| self.legs.get(leg).map(Leg::facts).unwrap_or_default()))
    }

    /// Takes over a request (`dmirror_strategy`).
    pub(crate) fn strategy(self: &Arc<Self>, bio: Bio) {
        let (cmd, extent) = (bio.cmd(), bio.extent());
        if cmd == BufCmd::FreeBlks && !self.limits().discard {
            return bio.fail(ErrorKind::Unsupported);
        }
        self.event(|inner| {
            let req = inner.core.next_request();
            inner.slots.claim(req).bio = Some(bio);
            Event::Asked { req, cmd, extent }
        });
    }

    /// Brings what a person says.
    pub(crate) fn hear(self: &Arc<Self>, message: Message) -> Answer {
        let facts = self.facts();
        self.meet(|inner, now, dice| {
            let hear = |core: &mut Core| core.told(now, dice, message, facts);
            match self.traced() {
                None => hear(&mut inner.core),
                Some((trace, number)) => {
                    inner.watch.told(&trace.teller(*number, now), &mut inner.core, hear)
                }
            }
        })
    }

    pub(crate) fn resume(self: &Arc<Self>) {
        let facts = self.facts();
        self.event(|_| Event::Resume(facts));
    }

    /// `done` is called when nothing is in flight.
    pub(crate) fn suspend(self: &Arc<Self>, done: Box<dyn FnOnce() + Send>) {
        self.event(|inner| {
            inner.quiet = Some(done);
            Event::Suspend
        });
    }

    pub(crate) fn tear_down(self: &Arc<Self>) {
        self.event(|_| Event::TornDown);
    }

    /// The core meets an event, and what it wants done is done.
    fn event(self: &Arc<Self>, put: impl FnOnce(&mut Inner) -> Event) {
        // In each branch for itself: the plain one is to know which event it meets.
        self.meet(|inner, now, dice| match self.traced() {
            None => {
                let event = put(inner);
                inner.core.step(now, dice, event);
            }
            Some((trace, number)) => {
                let event = put(inner);
                inner.watch.step(&trace.teller(*number, now), &mut inner.core, dice, event);
            }
        });
    }

    /// Where it is told what happens, if the trace is on.
    #[inline]
    fn traced(&self) -> Option<&(Arc<Trace>, u32)> {
        self.trace.as_ref().filter(|(trace, _)| trace.is_on())
    }

    /// One lock round what `decide` does with the core. What it wants done is done then,
    /// unless somebody else does actions: they see to these, too.
    fn meet<T>(self: &Arc<Self>, decide: impl FnOnce(&mut Inner, Duration, Dice<'_>) -> T) -> T {
        let now = self.env.now();
        let mut inner = self.inner.lock();
        inner.times.comes(now);
        let answer = decide(&mut inner, now, &mut || self.env.random());
        if inner.core.has_next() && self.pending.fetch_add(1, Ordering::AcqRel) == 0 {
            self.act(inner);
        }
        answer
    }

    /// Does actions until there are none, without the lock. Most events of a request lead to
    /// one action alone.
    fn act<'a>(self: &'a Arc<Self>, mut inner: Guard<'a, Inner>) {
        match inner.core.next_if_only() {
            Some(Action::Issue { req, leg, step }) => {
                let issue = inner.read(req, leg, step);
                drop(inner);
                self.issue(issue);
            }
            Some(Action::Data { req, legs }) => {
                let data = inner.write(req, legs);
                drop(inner);
                self.issue_data(data);
            }
            Some(Action::Complete { req, result }) => {
                let bio = inner.users(req);
                drop(inner);
                bio.biodone(result);
            }
            Some(other) => {
                let deed = inner.rare_deed(other);
                drop(inner);
                self.perform_rare(deed);
            }
            None => return self.act_all(inner, 1),
        }
        let left = self.pending.fetch_sub(1, Ordering::AcqRel) - 1;
        if left > 0 {
            // Events came meanwhile.
            self.act_all(self.inner.lock(), left);
        }
    }

    /// The same; so many events have led to the actions that are there.
    #[inline(never)]
    fn act_all<'a>(self: &'a Arc<Self>, mut inner: Guard<'a, Inner>, mut seen: usize) {
        // Empty whenever this returns: nothing in it is to be dropped.
        let mut deeds = ManuallyDrop::new(Deeds::new());
        loop {
            inner.take(&mut deeds);
            let more = inner.core.has_next();
            drop(inner);
            while let Some(deed) = deeds.pop() {
                self.perform(deed);
            }
            if !more {
                let left = self.pending.fetch_sub(seen, Ordering::AcqRel) - seen;
                if left == 0 {
                    return;
                }
                // Events came meanwhile.
                seen = left;
            }
            inner = self.inner.lock();
        }
    }

    /// Asks a leg for something.
    #[inline(always)]
    fn issue(self: &Arc<Self>, issue: Issue) {
        let Issue { leg, mut bio, start, info } = issue;
        if bio.lost_memory() {
            bio.refill(BytesMut::zeroed(bio.extent().count().bytes()));
        }
        self.legs[leg].issue(bio, start, self.clone(), info);
    }

    /// Has legs write or discard.
    #[inline(always)]
    fn issue_data(self: &Arc<Self>, data: Data) {
        let Data { legs, start, req } = data;
        for (leg, bio) in legs {
            let info = Tag::of_request(leg, req, false).to_info();
            self.legs[leg].issue(bio, start, self.clone(), info);
        }
    }

    #[inline(always)]
    fn perform(self: &Arc<Self>, deed: Deed) {
        match deed {
            Deed::Issue(issue) => self.issue(issue),
            Deed::Data(data) => self.issue_data(data),
            Deed::Complete(bio, result) => bio.biodone(result),
            other => self.perform_rare(other),
        }
    }

    /// What not every request leads to.
    #[inline(never)]
    fn perform_rare(self: &Arc<Self>, deed: Deed) {
        match deed {
            // A flush that is the only thing to be done.
            Deed::Issue(issue) => self.issue(issue),
            Deed::Data(data) => self.issue_data(data),
            Deed::Complete(bio, result) => bio.biodone(result),
            Deed::Write { place, unit, info } => self.write(place, &unit, info),
            Deed::Search { leg, durable } => self.search(leg, durable),
            Deed::Drop(bio, _bytes) => bio.into_iter().for_each(|bio| bio.biodone(Ok(()))),
            Deed::ByBlock(req, bio) => self.read_by_block(req, bio),
            Deed::Compare { req, source, bytes } => self.compare(req, source, bytes),
            Deed::Verify { req, bytes } => self.verify(req, *bytes),
            Deed::Set(alarm, delay) => {
                self.env.run_after(delay, Arc::new(SetAlarm(self.clone(), alarm)));
            }
            Deed::Tell(news) => self.tell(&news),
            Deed::Quiet(done) => done(),
            Deed::Nothing => {}
        }
    }

    /// Writes a record. Not inlined: records take 8 KiB of its stack, which whoever asks a leg
    /// is not to have below: the leg may be a mirror, too.
    #[inline(never)]
    fn write(self: &Arc<Self>, place: Extent, unit: &Unit, info: u64) {
        let bytes = match unit {
            Unit::Page(page) => page.encode(),
            Unit::Superblock(superblock) => superblock.encode(),
            Unit::Wiped => crate::format::wiped(),
        };
        let leg = &self.legs[Tag::from_info(info).leg];
        let bio = self.sink.bio(Buf::write(place, bytes.to_vec().into()));
        leg.issue(bio, place.start(), self.clone(), info);
    }
}

impl BioDone for Mirror {
    /// A leg is done with a request: the bio goes into its slot, the core hears of it.
    fn bio_done(self: Arc<Self>, mut bio: Bio, info: u64, result: IoResult) {
        let Tag { leg, of, look, since } = Tag::from_info(info);
        let (resets, memory) = (self.legs[leg].resets(), !bio.lost_memory());
        let report = Report { result, resets, memory };
        let event = Event::Reported { leg, of, report };
        match of {
            Of::Request(req) if look => {
                let memory = bio.reissue(Buf::flush()).into_read().filter(|_| result.is_ok());
                self.event(|inner| {
                    let slot = inner.slots.of(req);
                    (slot.own_bytes().memory[leg], slot.legs[leg]) = (memory, Some(bio));
                    inner.times.ended(leg, Kind::Read, slot.since[leg]);
                    event
                });
            }
            Of::Request(req) if bio.cmd() == BufCmd::Read => self.event(|inner| {
                let slot = inner.slots.of(req);
                slot.bio = Some(bio);
                inner.times.ended(leg, Kind::Read, slot.since[leg]);
                event
            }),
            Of::Request(req) => {
                // Without the lock.
                bio.drop_data();
                self.event(|inner| {
                    let slot = inner.slots.of(req);
                    slot.legs[leg] = Some(bio);
                    inner.times.ended(leg, Kind::Write, slot.since[leg]);
                    event
                });
            }
            Of::Flush => self.event(|inner| {
                inner.slots.flushes[leg] = Some(bio);
                inner.times.ended(leg, Kind::Flush, since);
                event
            }),
            Of::Page | Of::Superblock | Of::Wipe | Of::Search => {
                bio.biodone(Ok(()));
                self.event(|inner| {
                    inner.times.ended(leg, Kind::Record, since);
                    event
                });
            }
        }
    }
}

impl Drop for Mirror {
    /// Bios that wait for the next request are not needed any more.
    fn drop(&mut self) {
        self.inner.get_mut().slots.take_all().into_iter().for_each(|bio| bio.biodone(Ok(())));
    }
}

/// An alarm that was set.
struct SetAlarm(Arc<Mirror>, Alarm);

impl Work for SetAlarm {
    fn run(self: Arc<Self>) {
        self.0.event(|_| Event::Alarm(self.1));
    }
}
