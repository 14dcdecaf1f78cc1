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

mod compare;
mod exchange;
pub(crate) mod leg;
pub mod requests;
mod search;
mod slots;
mod tag;
pub mod trace;
mod words;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::array;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use arrayvec::ArrayVec;
use bio::sync::{Guard, Lock, Rank};
use bio::{Bio, BioDone, BlockDevice, Buf, BufCmd, ErrorKind, Extent, IoResult, Limits};
use bio::{Piece, SECTOR_SIZE, Sector, Sectors, split};
use bytes::BytesMut;
use dm::{Env, Events, Work};

use crate::core::event::{Action, Alarm, Answer, Event, Facts, Message, Of, Report, Step, Unit};
use crate::core::parts::leg::LEGS_MAX;
use crate::core::parts::news::News;
use crate::core::parts::requests::Req;
use crate::core::{Core, Dice};
use leg::Leg;
use slots::{OwnBytes, Sink, Slots};
use tag::Tag;
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

/// What the mirror's lock protects.
struct Inner {
    core: Core,
    slots: Slots,
    /// Whoever suspended the mirror, and waits.
    quiet: Option<Box<dyn FnOnce() + Send>>,
    /// What the trace knows of the core.
    watch: Watch,
}

/// An action, with the bios and bytes that it needs.
enum Deed {
    /// A leg is asked for what this bio says; a read without memory gets some first.
    Issue {
        leg: usize,
        bio: Bio,
        start: Sector,
        info: u64,
    },
    Write {
        leg: usize,
        place: Extent,
        unit: Unit,
    },
    Search {
        leg: usize,
        durable: bool,
    },
    Complete(Bio, IoResult),
    /// What a request of the mirror's own leaves, if anything.
    Drop(Option<Bio>, Option<Box<OwnBytes>>),
    ByBlock(Req, Bio),
    Compare {
        req: Req,
        source: usize,
        bytes: Box<OwnBytes>,
    },
    Verify {
        req: Req,
        bytes: Box<OwnBytes>,
    },
    Set(Alarm, Duration),
    Tell(Box<News>),
    Quiet(Box<dyn FnOnce() + Send>),
    Nothing,
}

/// What is to be done next, the last first.
type Deeds = ArrayVec<Deed, LEGS_MAX>;

impl Inner {
    /// Takes out what is to be done next, with what it needs.
    fn take(&mut self, deeds: &mut Deeds) {
        while !deeds.is_full()
            && let Some(action) = self.core.next()
        {
            match action {
                Action::Issue { req, leg, step } => deeds.push(self.issue(req, leg, step)),
                Action::Complete { req, result } => deeds.push(self.complete(req, result)),
                other => deeds.push(self.deed(other)),
            }
        }
        deeds.reverse();
    }

    /// Of the actions that not every request leads to.
    #[inline(never)]
    fn deed(&mut self, action: Action) -> Deed {
        match action {
            Action::Issue { .. } | Action::Complete { .. } => unreachable!("`take` makes these"),
            Action::Flush { leg } => {
                let info = Tag { leg, of: Of::Flush, look: false }.to_info();
                let bio = self.slots.flush(leg);
                Deed::Issue { leg, bio, start: Sector(0), info }
            }
            Action::Write { leg, place, unit } => Deed::Write { leg, place, unit },
            Action::Search { leg, durable } => Deed::Search { leg, durable },
            Action::Drop { req } => {
                // It may have ended before a leg was asked for it.
                let slot = self.slots.claim(req);
                Deed::Drop(slot.bio.take(), slot.bytes.take())
            }
            Action::ByBlock { req } => {
                let bio = self.slots.of(req).bio.take();
                Deed::ByBlock(req, bio.expect("the user's bio is in its slot"))
            }
            Action::Take { req, from } => {
                self.slots.of(req).take_data(from);
                Deed::Nothing
            }
            Action::Compare { req, source } => {
                let bytes = self.slots.of(req).bytes.take();
                Deed::Compare { req, source, bytes: bytes.expect("it was read") }
            }
            Action::Verify { req } => {
                let bytes = self.slots.of(req).bytes.take();
                Deed::Verify { req, bytes: bytes.expect("it was written and read") }
            }
            Action::Set(alarm, delay) => Deed::Set(alarm, delay),
            Action::Tell(news) => Deed::Tell(news),
            Action::Quiet => Deed::Quiet(self.quiet.take().expect("somebody waits for it")),
        }
    }

    fn complete(&mut self, req: Req, result: IoResult) -> Deed {
        let bio = self.slots.of(req).bio.take();
        Deed::Complete(bio.expect("the user's bio is in its slot"), result)
    }

    fn issue(&mut self, req: Req, leg: usize, step: Step) -> Deed {
        let (cmd, extent) = self.core.request(req);
        let start = self.core.data_start() + (extent.start() - Sector(0));
        let info = Tag { leg, of: Of::Request(req), look: step == Step::Look }.to_info();
        let slot = self.slots.claim(req);
        let users = if step == Step::Read { slot.bio.take() } else { None };
        let bio = match step {
            Step::Read | Step::Look => {
                users.unwrap_or_else(|| self.slots.leg_bio(req, leg, Buf::read_later(extent)))
            }
            Step::Data => {
                let users = slot.bio.as_ref().and_then(Bio::write_data);
                let buf = match slot.data().or(users) {
                    Some(data) => Buf::write(extent, data.clone()),
                    None if cmd == BufCmd::FreeBlks => Buf::freeblks(extent),
                    None => unreachable!("a write has its bytes"),
                };
                self.slots.leg_bio(req, leg, buf)
            }
        };
        Deed::Issue { leg, bio, start, info }
    }
}

impl Mirror {
    /// A mirror over these legs. It issues nothing until it is resumed.
    pub(crate) fn new(
        legs: ArrayVec<Leg, LEGS_MAX>,
        length: Sectors,
        core: Core,
        env: Arc<dyn Env>,
        events: Arc<Events>,
        trace: Option<Arc<Trace>>,
    ) -> Arc<Mirror> {
        let sink = Arc::new(Sink);
        let slots = Slots::new(sink.clone());
        let inner = Inner { core, slots, quiet: None, watch: Watch::default() };
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
        let answer = decide(&mut inner, now, &mut || self.env.random());
        if inner.core.has_next() && self.pending.fetch_add(1, Ordering::AcqRel) == 0 {
            self.act(inner);
        }
        answer
    }

    /// Does actions until there are none, without the lock.
    fn act<'a>(self: &'a Arc<Self>, mut inner: Guard<'a, Inner>) {
        // Empty whenever this returns: nothing in it is to be dropped.
        let mut deeds = ManuallyDrop::new(Deeds::new());
        let mut seen = 1;
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

    fn perform(self: &Arc<Self>, deed: Deed) {
        match deed {
            Deed::Issue { leg, mut bio, start, info } => {
                if bio.lost_memory() {
                    bio.refill(BytesMut::zeroed(bio.extent().count().bytes()));
                }
                self.legs[leg].issue(bio, start, self.clone(), info);
            }
            Deed::Complete(bio, result) => bio.biodone(result),
            Deed::Write { leg, place, unit } => self.write(leg, place, &unit),
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
    fn write(self: &Arc<Self>, leg: usize, place: Extent, unit: &Unit) {
        let (of, bytes) = match unit {
            Unit::Page(page) => (Of::Page, page.encode()),
            Unit::Superblock(superblock) => (Of::Superblock, superblock.encode()),
            Unit::Wiped => (Of::Wipe, crate::format::wiped()),
        };
        let tag = Tag { leg, of, look: false };
        let bio = self.sink.bio(Buf::write(place, bytes.to_vec().into()));
        self.legs[leg].issue(bio, place.start(), self.clone(), tag.to_info());
    }

    /// Reads each block for itself, with the whole range held.
    fn read_by_block(self: &Arc<Self>, req: Req, bio: Bio) {
        let block = Sectors(u64::from(self.limits().block_size) / SECTOR_SIZE as u64);
        let (extent, blocks) = (bio.extent(), Arc::new(Blocks(self.clone())));
        let starts = (0..extent.count().0).step_by(block.0 as usize).map(Sectors);
        let piece = |at| Piece { count: block, device: &*blocks, start: extent.start() + at };
        let pieces: Vec<Piece<'_>> = starts.map(piece).collect();
        let tag = Tag { leg: 0, of: Of::Request(req), look: false };
        split(bio.push_bio(extent.start(), blocks.clone(), tag.to_info()), &pieces);
    }
}

impl BioDone for Mirror {
    /// A leg is done with a request: the bio goes into its slot, the core hears of it.
    fn bio_done(self: Arc<Self>, mut bio: Bio, info: u64, result: IoResult) {
        let Tag { leg, of, look } = Tag::from_info(info);
        let (resets, memory) = (self.legs[leg].resets(), !bio.lost_memory());
        let report = Report { result, resets, memory };
        let event = Event::Reported { leg, of, report };
        match of {
            Of::Request(req) if look => {
                let memory = bio.reissue(Buf::flush()).into_read().filter(|_| result.is_ok());
                self.event(|inner| {
                    let slot = inner.slots.of(req);
                    (slot.own_bytes().memory[leg], slot.legs[leg]) = (memory, Some(bio));
                    event
                });
            }
            Of::Request(req) if bio.cmd() == BufCmd::Read => self.event(|inner| {
                inner.slots.of(req).bio = Some(bio);
                event
            }),
            Of::Request(req) => {
                // Without the lock.
                bio.drop_data();
                self.event(|inner| {
                    inner.slots.of(req).legs[leg] = Some(bio);
                    event
                });
            }
            Of::Flush => self.event(|inner| {
                inner.slots.flushes[leg] = Some(bio);
                event
            }),
            Of::Page | Of::Superblock | Of::Wipe | Of::Search => {
                bio.biodone(Ok(()));
                self.event(|_| event);
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

/// The mirror as a device of single blocks, and who hears of the end of a read of
/// them all.
struct Blocks(Arc<Mirror>);

impl BlockDevice for Blocks {
    fn capacity(&self) -> Sectors {
        self.0.length
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn strategy(&self, bio: Bio) {
        let extent = bio.extent();
        self.0.event(|inner| {
            let req = inner.core.next_request();
            inner.slots.claim(req).bio = Some(bio);
            Event::Block { req, extent }
        });
    }
}

impl BioDone for Blocks {
    fn bio_done(self: Arc<Self>, bio: Bio, info: u64, result: IoResult) {
        let Of::Request(req) = Tag::from_info(info).of else { unreachable!("it is a request") };
        self.0.event(|inner| {
            inner.slots.of(req).bio = Some(bio);
            Event::Joined { req, result }
        });
    }
}

/// An alarm that was set.
struct SetAlarm(Arc<Mirror>, Alarm);

impl Work for SetAlarm {
    fn run(self: Arc<Self>) {
        self.0.event(|_| Event::Alarm(self.1));
    }
}
