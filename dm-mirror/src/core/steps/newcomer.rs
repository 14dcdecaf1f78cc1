//! A new member: the disk of a leg that is out takes the leg's slot.
//!
//! Place: `readmit.rs` comes here with a leg whose disk is no member of this mirror.
//! Afterwards it treats the leg as one that missed everything. The message `forget` is here
//! too: it strikes a member that is out from the records.
//!
//! Rules:
//!
//! - What lay in the superblocks' places is wiped durably first. A torn commit falls back to
//!   the slot before, which must not hold a superblock of an earlier mirror.
//! - A disk is wiped only when it is durable on all legs in sync that nobody counts on it.
//!   Otherwise a crash could leave a mirror that waits for what was wiped.
//! - Its identity is new, so that no page of an earlier life counts. One record names
//!   the new member and calls it rebuilding; from then on the member that had the slot is
//!   a stranger (`parts/membership.rs`).
//! - A suspension waits for the wipe: nothing is written after it.

use alloc::format;
use alloc::string::String;

use bio::{BufCmd, IoError, IoResult, Sector};
use uuid::Uuid;

use crate::core::Core;
use crate::core::event::{Action, Answer, LegFacts, Unit};
use crate::core::parts::counts::Cause;
use crate::core::parts::flushes::Who;
use crate::core::parts::journal::Journal;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::region::Regions;
use crate::core::parts::wipe::Wipe;
use crate::format::{Geometry, SLOTS, UNIT, superblock_place};
use crate::label;

const SUSPENDED: &str = "the mirror is suspended: resume it first";

impl Core {
    /// Makes the disk of a leg that is out a new member. It is wiped first, as soon as it may
    /// be.
    pub(super) fn add_new(&mut self, leg: usize) -> Result<(), String> {
        self.check_room(leg)?;
        self.check_look(leg)?;
        self.wiping[leg] = Some(Wipe { since: None, slot: 0, identity: Uuid::nil() });
        Ok(())
    }

    /// Begins the wipes that have waited for a record. Returns whether any ended or began.
    pub(in crate::core) fn begin_wipes(&mut self) -> bool {
        let mut followed = false;
        for leg in self.legs.all().iter() {
            let Some(Wipe { since: None, .. }) = self.wiping[leg] else { continue };
            if let Err(why) = self.check_look(leg) {
                self.wiping[leg] = None;
                self.looked_at(leg, Err(why));
            } else if !self.pending() {
                let now = self.tick();
                self.wiping[leg].as_mut().expect("it waits").since = Some(now);
                self.wipe(leg, 0);
            } else {
                continue;
            }
            followed = true;
        }
        followed
    }

    fn wipe(&mut self, leg: usize, slot: usize) {
        self.legs[leg].issued(BufCmd::Write { fua: false }, Cause::Super);
        self.act(Action::Write { leg, place: superblock_place(slot), unit: Unit::Wiped });
    }

    /// A superblock's place was wiped.
    pub(super) fn place_wiped(&mut self, leg: usize, result: IoResult) {
        let Some(wipe) = &mut self.wiping[leg] else { unreachable!("leg {leg} is being wiped") };
        wipe.slot += 1;
        let slot = wipe.slot;
        match result {
            Err(_) => self.wiped(leg, result),
            Ok(()) if slot < SLOTS => self.wipe(leg, slot),
            Ok(()) => self.flush_leg(leg, Who::Wipe, Cause::Super),
        }
    }

    /// Chance names the new members whose disks are about to be wiped.
    pub(super) fn name_newcomers(&mut self, dice: &mut dyn FnMut() -> u64) {
        for wipe in self.wiping.iter_mut().flatten() {
            wipe.identity = label::uuid_from(&mut *dice);
        }
    }

    /// A leg was wiped, durably, or could not be.
    pub(super) fn wiped(&mut self, leg: usize, result: IoResult) {
        let Some(Wipe { since, identity, .. }) = self.wiping[leg].take() else {
            unreachable!("leg {leg} is being wiped")
        };
        let since = since.expect("it began");
        let outcome = match result.and(self.legs[leg].kept(since)) {
            Err(IoError { kind, .. }) => Err(format!("it cannot be written: {kind}")),
            Ok(()) => self.take_new(leg, identity),
        };
        self.looked_at(leg, outcome);
    }

    /// Refuses a disk on which the mirror's data would not fit.
    pub(super) fn check_room(&self, leg: usize) -> Result<(), String> {
        let geometry = self.regions.as_ref().map(Regions::geometry);
        self.check_fit(leg, geometry.ok_or("the mirror does not run")?)
    }

    /// Refuses a leg on which data of this geometry would not fit: its device is too small, or
    /// its blocks are too large.
    pub(super) fn check_fit(&self, leg: usize, geometry: Geometry) -> Result<(), String> {
        let LegFacts { there, name, offset, capacity, block, .. } = &self.facts[leg];
        if !there {
            return Err(format!("the table names no device for leg {leg}; load one that does"));
        }
        let Geometry { data_start, length, .. } = geometry;
        let end =
            data_start.checked_add(length).and_then(|end| end.checked_add(*offset - Sector(0)));
        if end.is_none_or(|end| end.0 > capacity.0) {
            let needs = end.map_or(u64::MAX, |end| end.0);
            return Err(format!(
                "`{name}` is too small: a member needs {needs} sectors, it has {capacity}"
            ));
        }
        let blocks = u64::from(*block) / bio::SECTOR_SIZE as u64;
        let cut = [data_start - Sector(0), length].iter().any(|it| !it.0.is_multiple_of(blocks));
        if cut || *block as usize > UNIT {
            return Err(format!(
                "`{name}` has blocks of {block} bytes: the mirror's data do not fit such blocks"
            ));
        }
        Ok(())
    }

    /// Removes a member that is out from the records.
    pub(super) fn forget(&mut self, leg: usize) -> Answer {
        self.check_awake()?;
        self.forget_member(leg)?;
        Ok(format!("leg {leg} is no longer a member"))
    }

    /// Refuses a change of members while somebody else may have the disks.
    pub(crate) fn check_awake(&self) -> Result<(), String> {
        if self.suspension.suspended { Err(SUSPENDED.into()) } else { Ok(()) }
    }

    /// Refuses a leg that is not out or still owes requests, and any leg while nothing is to
    /// be written.
    pub(crate) fn check_idle(&self, leg: usize) -> Result<(), String> {
        let record = &self.legs[leg];
        if !self.runs() || self.membership.is_none() {
            return Err("the mirror does not run with recorded members".into());
        }
        self.check_awake()?;
        if !record.is_out() {
            return Err(format!("leg {leg} is not out"));
        }
        if record.outstanding > 0 {
            let count = record.outstanding;
            return Err(format!(
                "leg {leg} has not given back {count} earlier requests; try again later"
            ));
        }
        if !self.is_recorded(leg) {
            return Err(format!("leg {leg} has metadata on its way; try again later"));
        }
        Ok(())
    }

    /// A leg that is out is going to be read, and perhaps wiped. A suspension waits for the
    /// end of that, [`Core::looked_at`].
    pub(crate) fn begin_look(&mut self, leg: usize, force: bool) -> Result<(), String> {
        self.check_idle(leg)?;
        if self.looking.contains(leg) {
            return Err(format!("leg {leg} is being looked at already"));
        }
        self.looking.insert(leg);
        if force {
            self.forced.insert(leg);
        } else {
            self.forced.remove(leg);
        }
        Ok(())
    }

    /// Refuses to go on with a leg that cannot be taken back any more.
    pub(crate) fn check_look(&self, leg: usize) -> Result<(), String> {
        self.check_idle(leg)?;
        if self.called_off.contains(leg) {
            return Err("it was failed by hand meanwhile".into());
        }
        Ok(())
    }

    /// A person failed a leg: whoever looks at it does not take it back.
    pub(crate) fn call_off(&mut self, leg: usize) {
        self.put_off.remove(leg);
        if self.looking.contains(leg) {
            self.called_off.insert(leg);
        }
    }

    /// Whether a leg that is out still owes something, for which
    /// [`check_idle`](Core::check_idle) refuses it.
    pub(crate) fn owes(&self, leg: usize) -> bool {
        self.legs[leg].outstanding > 0 || !self.is_recorded(leg)
    }

    /// Whether no record is between its write and its flush. In between, the leg holds no
    /// request, but still owes the flush.
    fn is_recorded(&self, leg: usize) -> bool {
        self.legs[leg].journal.as_ref().is_none_or(Journal::is_settled)
            && !self.membership.as_ref().is_some_and(|membership| membership.awaits(leg))
    }

    /// The wiped disk of a leg is to be a member called `uuid`.
    fn take_new(&mut self, leg: usize, uuid: Uuid) -> Result<(), String> {
        self.check_look(leg)?;
        let (Some(regions), Some(membership)) = (&mut self.regions, &mut self.membership) else {
            return Err("nothing is recorded".into());
        };
        regions.all().for_each(|region| regions.miss(leg, region));
        self.unknown.remove(leg);
        let incarnation = membership.newcomer(leg, uuid);
        let record = &mut self.legs[leg];
        record.journal = Some(Journal::blank(regions.geometry(), uuid, incarnation));
        record.forgive(self.facts[leg].resets);
        self.legs.set(leg, LegState::Returning);
        Ok(())
    }

    pub(super) fn forget_member(&mut self, leg: usize) -> Result<(), String> {
        self.check_known(leg)?;
        let state = self.legs[leg].state();
        let (true, Some(regions), Some(membership)) =
            (self.runs(), &self.regions, &mut self.membership)
        else {
            return Err("the mirror does not run with recorded members".into());
        };
        let member = regions.member(leg);
        match state {
            LegState::Failed(_) if membership.has(member) => {}
            LegState::Failed(_) => return Err(format!("leg {leg} is no member")),
            LegState::InSync | LegState::Rebuilding | LegState::Returning => {
                return Err(format!("leg {leg} is not out; `fail {leg}` takes it out"));
            }
        }
        membership.forget(member);
        self.legs.set(leg, LegState::Failed(Failure::NoMember));
        Ok(())
    }
}
