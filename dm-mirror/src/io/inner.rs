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
use crate::core::parts::leg::LEGS_MAX;
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

/// An action, with the bios and bytes that it needs.
pub(super) enum Deed {
    /// A leg is asked for what this bio says; a read without memory gets some first.
    Issue {
        leg: usize,
        bio: Bio,
        start: Sector,
        info: u64,
    },
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
    pub(super) fn deed(&mut self, action: Action) -> Deed {
        match action {
            Action::Issue { req, leg, step } => {
                let (bio, start, info) = self.issue(req, leg, step);
                Deed::Issue { leg, bio, start, info }
            }
            Action::Complete { req, result } => Deed::Complete(self.users(req), result),
            other => self.rare_deed(other),
        }
    }

    /// Of the actions that not every request leads to.
    #[inline(never)]
    pub(super) fn rare_deed(&mut self, action: Action) -> Deed {
        match action {
            Action::Issue { .. } | Action::Complete { .. } => unreachable!("`deed` makes these"),
            Action::Flush { leg } => {
                let since = self.times.now();
                let info = Tag { leg, of: Of::Flush, look: false, since }.to_info();
                let bio = self.slots.flush(leg);
                Deed::Issue { leg, bio, start: Sector(0), info }
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

    /// The bio for a step of a request, where on the leg it goes, and its tag.
    #[inline(always)]
    pub(super) fn issue(&mut self, req: Req, leg: usize, step: Step) -> (Bio, Sector, u64) {
        let (cmd, extent) = self.core.request(req);
        let start = self.core.data_start() + (extent.start() - Sector(0));
        let info = Tag::of_request(leg, req, step == Step::Look).to_info();
        let slot = self.slots.claim(req);
        slot.since[leg] = self.times.now();
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
        (bio, start, info)
    }
}
