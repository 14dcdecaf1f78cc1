//! What the mirror's lock protects. An action leaves it as a [`Deed`]: with the bios and bytes
//! that it needs.
//!
//! Place: `io/mod.rs` takes deeds out under the lock, and does them without it.

use alloc::boxed::Box;
use core::time::Duration;

use arrayvec::ArrayVec;
use bio::{Bio, Buf, BufCmd, Extent, IoResult, Sector};

use super::slots::{OwnBytes, Slots};
use super::tag::Tag;
use super::times::Times;
use super::trace::Watch;
use crate::core::Core;
use crate::core::event::{Action, Alarm, Of, Step, Unit};
use crate::core::parts::leg::{LEGS_MAX, LegSet};
use crate::core::parts::news::News;
use crate::core::parts::requests::Req;

/// What the mirror's lock protects.
pub(super) struct Inner {
    pub(super) core: Core,
    pub(super) slots: Slots,
    pub(super) times: Times,
    /// Whoever suspended the mirror, and waits.
    pub(super) quiet: Option<Box<dyn FnOnce() + Send>>,
    /// What the trace knows of the core.
    pub(super) watch: Watch,
}

/// A leg is to be asked for what this bio says, from here on; a read without memory gets some
/// first.
pub(super) struct Issue {
    pub(super) leg: usize,
    pub(super) bio: Bio,
    pub(super) start: Sector,
    pub(super) info: u64,
}

/// Legs are to be asked for what these bios say, from here on.
pub(super) struct Data {
    pub(super) legs: ArrayVec<(usize, Bio), LEGS_MAX>,
    pub(super) start: Sector,
    pub(super) req: Req,
}

/// An action, with the bios and bytes that it needs.
pub(super) enum Deed {
    Issue(Issue),
    Data(Data),
    Write {
        place: Extent,
        unit: Unit,
        info: u64,
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
pub(super) type Deeds = ArrayVec<Deed, LEGS_MAX>;

impl Inner {
    /// Takes out what is to be done next, with what it needs.
    pub(super) fn take(&mut self, deeds: &mut Deeds) {
        while !deeds.is_full()
            && let Some(action) = self.core.next()
        {
            deeds.push(self.deed(action));
        }
        deeds.reverse();
    }

    #[inline(always)]
    fn deed(&mut self, action: Action) -> Deed {
        match action {
            Action::Issue { req, leg, step } => Deed::Issue(self.read(req, leg, step)),
            Action::Data { req, legs } => Deed::Data(self.write(req, legs)),
            Action::Complete { req, result } => Deed::Complete(self.users(req), result),
            other => self.rare_deed(other),
        }
    }

    /// Of the actions that not every request leads to.
    #[inline(never)]
    pub(super) fn rare_deed(&mut self, action: Action) -> Deed {
        match action {
            Action::Issue { .. } | Action::Data { .. } | Action::Complete { .. } => {
                unreachable!("`deed` makes these")
            }
            Action::Flush { leg } => {
                let since = self.times.now();
                let info = Tag { leg, of: Of::Flush, look: false, since }.to_info();
                let bio = self.slots.flush(leg);
                Deed::Issue(Issue { leg, bio, start: Sector(0), info })
            }
            Action::Write { leg, place, unit } => {
                let of = match unit {
                    Unit::Page(_) => Of::Page,
                    Unit::Superblock(_) => Of::Superblock,
                    Unit::Wiped => Of::Wipe,
                };
                let tag = Tag { leg, of, look: false, since: self.times.now() };
                Deed::Write { place, unit, info: tag.to_info() }
            }
            Action::Search { leg, durable } => Deed::Search { leg, durable },
            Action::Drop { req } => {
                // It may have ended before a leg was asked for it.
                let slot = self.slots.claim(req);
                Deed::Drop(slot.bio.take(), slot.bytes.take())
            }
            Action::ByBlock { req } => Deed::ByBlock(req, self.users(req)),
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

    /// The user's bio of a request, which leaves its slot.
    #[inline(always)]
    pub(super) fn users(&mut self, req: Req) -> Bio {
        self.slots.of(req).bio.take().expect("the user's bio is in its slot")
    }

    /// Where on each leg an extent of the mirror begins.
    #[inline(always)]
    fn on_leg(&self, extent: Extent) -> Sector {
        self.core.data_start() + (extent.start() - Sector(0))
    }

    /// A leg is to be read for a request.
    #[inline(always)]
    pub(super) fn read(&mut self, req: Req, leg: usize, step: Step) -> Issue {
        let (_, extent) = self.core.request(req);
        let start = self.on_leg(extent);
        let info = Tag::of_request(leg, req, step == Step::Look).to_info();
        let slot = self.slots.claim(req);
        slot.since[leg] = self.times.now();
        let users = if step == Step::Read { slot.bio.take() } else { None };
        let bio = users.unwrap_or_else(|| self.slots.leg_bio(req, leg, Buf::read_later(extent)));
        Issue { leg, bio, start, info }
    }

    /// Legs are to be asked for a request's write or discard.
    #[inline(always)]
    pub(super) fn write(&mut self, req: Req, legs: LegSet) -> Data {
        let (cmd, extent) = self.core.request(req);
        let start = self.on_leg(extent);
        let now = self.times.now();
        let (slot, sink) = self.slots.with_sink(req);
        let users = slot.bio.as_ref().and_then(Bio::write_data);
        let data = slot.bytes.as_ref().and_then(|own| own.data.as_ref()).or(users);
        let mut all = Data { legs: ArrayVec::new(), start, req };
        for leg in legs.iter() {
            let buf = match data {
                Some(data) => Buf::write(extent, data.clone()),
                None if cmd == BufCmd::FreeBlks => Buf::freeblks(extent),
                None => unreachable!("a write has its bytes"),
            };
            slot.since[leg] = now;
            all.legs.push((leg, sink.ready(slot.legs[leg].take(), buf)));
        }
        all
    }
}
