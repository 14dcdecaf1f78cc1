//! A new member: the disk of a leg that is out takes the leg's slot.
//!
//! Place: `readmit.rs` comes here with a leg whose disk is no member of this
//! mirror, and goes on with it as with one that missed everything. The way out of
//! a slot is here too: a member that is out is forgotten.
//!
//! Rules:
//!
//! - What lay in the superblocks' places is wiped durably first. A torn commit
//!   falls back to the slot before, which must not be that of an earlier mirror.
//! - Its identity is new, so that no page of an earlier life counts. The member
//!   that had the slot is a stranger from the moment at which superblocks say so:
//!   the same one at which they call the new one rebuilding (`membership.rs`).
//! - A suspension waits for the wipe: nothing is written after it.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::mem;

use bio::{Bio, Buf, BufCmd, BufDone, IoError, IoResult, Sector};
use dm::Severity;

use crate::counts::Cause;
use crate::format::{Geometry, SLOTS, UNIT, superblock_place, wiped};
use crate::journal::Journal;
use crate::label;
use crate::leg::{Failure, LegState};
use crate::mirror::{Life, Mirror, State};
use crate::region::{Moment, Regions};

const SUSPENDED: &str = "the mirror is suspended: resume it first";

impl Mirror {
    /// Makes the disk of a leg that is out a new member: wipes it first.
    pub(crate) fn add_new(self: &Arc<Self>, leg: usize) -> Result<(), String> {
        self.check_room(leg)?;
        let since = {
            let mut state = self.state.lock();
            state.check_look(leg)?;
            state.tick()
        };
        Arc::new(Wipe { mirror: self.clone(), leg, since }).next(0);
        Ok(())
    }

    /// Refuses a disk on which the mirror's data would not fit.
    pub(crate) fn check_room(&self, leg: usize) -> Result<(), String> {
        let geometry = self.state.lock().regions.as_ref().map(Regions::geometry);
        self.check_fit(leg, geometry.ok_or("the mirror does not run")?)
    }

    /// Refuses a leg on which data that lies so would not fit: its device is too small, or
    /// cut into blocks that are too large.
    pub(crate) fn check_fit(&self, leg: usize, geometry: Geometry) -> Result<(), String> {
        let Some(device) = &self.legs[leg].device else {
            return Err(format!("the table names no device for leg {leg}; load one that does"));
        };
        let (offset, has) = (self.legs[leg].offset, device.capacity());
        let Geometry { data_start, length, .. } = geometry;
        let end =
            data_start.checked_add(length).and_then(|end| end.checked_add(offset - Sector(0)));
        if end.is_none_or(|end| end.0 > has.0) {
            let needs = end.map_or(u64::MAX, |end| end.0);
            return Err(format!(
                "`{}` is too small: a member needs {needs} sectors, it has {has}",
                device.name()
            ));
        }
        let block = device.limits().block_size;
        let blocks = u64::from(block) / bio::SECTOR_SIZE as u64;
        let cut = [data_start - Sector(0), length].iter().any(|it| !it.0.is_multiple_of(blocks));
        if cut || block as usize > UNIT {
            return Err(format!(
                "`{}` has blocks of {block} bytes: the mirror's data is not cut so",
                device.name()
            ));
        }
        Ok(())
    }

    fn wiped(self: &Arc<Self>, leg: usize, since: Moment, result: IoResult) {
        // Without the lock: the leg may be a mapped device, which takes its own.
        let resets = self.legs[leg].resets();
        let outcome = {
            let mut state = self.state.lock();
            match result.and(state.legs[leg].kept(since)) {
                Err(IoError { kind, .. }) => Err(format!("it cannot be written: {kind}")),
                Ok(()) => {
                    let uuid = label::uuid_from(|| self.env.random());
                    state.take_new(leg, uuid, resets)
                }
            }
        };
        self.looked_at(leg, outcome);
    }

    /// The look at a leg that is out is over: what a person asked for could be begun,
    /// or not.
    pub(crate) fn looked_at(self: &Arc<Self>, leg: usize, outcome: Result<(), String>) {
        let (quiet, put_off) = {
            let mut state = self.state.lock();
            let put_off = outcome.is_err()
                && state.resync.suspended
                && state.looking.contains(leg)
                && !state.called_off.contains(leg);
            if put_off {
                state.put_off.insert(leg);
            } else {
                if outcome.is_err() {
                    state.replaces_no_more(leg);
                }
                state.legs[leg].stays_out = outcome.clone().err();
            }
            state.looking.remove(leg);
            state.called_off.remove(leg);
            (state.take_quiet(), put_off)
        };
        match outcome.err() {
            // A person's word holds over a suspension.
            Some(_) if put_off => {}
            None => {
                self.raise(Severity::Info, format_args!("leg {leg} is taken back"));
                self.take_back();
            }
            Some(why) => {
                log::warn!("mirror: leg {leg} stays out: {why}");
                self.raise(Severity::Warning, format_args!("leg {leg} stays out: {why}"));
            }
        }
        if let Some(quiet) = quiet {
            quiet();
        }
    }

    /// Looks at the legs that a person wanted back before the mirror was suspended.
    pub(crate) fn look_at_those_put_off(self: &Arc<Self>) {
        let (legs, forced) = {
            let mut state = self.state.lock();
            let out = state.legs_that(|state| matches!(state, LegState::Failed(_)));
            (mem::take(&mut state.put_off).and(out), state.forced)
        };
        for leg in legs.iter() {
            if let Err(why) = self.add(leg, forced.contains(leg)) {
                self.looked_at(leg, Err(why));
            }
        }
    }

    /// Removes a member that is out from the records.
    pub(crate) fn forget(self: &Arc<Self>, leg: usize) -> Result<String, String> {
        {
            let mut state = self.state.lock();
            state.check_awake()?;
            state.forget(leg)?;
        }
        self.commit();
        Ok(format!("leg {leg} is no member any more"))
    }
}

impl State {
    /// Refuses a change of members while somebody else may have the disks.
    pub(crate) fn check_awake(&self) -> Result<(), String> {
        if self.resync.suspended { Err(SUSPENDED.into()) } else { Ok(()) }
    }

    /// Refuses a leg that is not out, or still owes requests, and any while nothing
    /// is to be written.
    pub(crate) fn check_idle(&self, leg: usize) -> Result<(), String> {
        let record = &self.legs[leg];
        if !matches!(self.life, Life::Running) || self.membership.is_none() {
            return Err("the mirror does not run with recorded members".into());
        }
        self.check_awake()?;
        if !matches!(record.state, LegState::Failed(_)) {
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

    /// A leg that is out is going to be read, and perhaps wiped: a suspension waits for
    /// the end, [`Mirror::looked_at`].
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
    /// [`check_idle`](State::check_idle) refuses it.
    pub(crate) fn owes(&self, leg: usize) -> bool {
        self.legs[leg].outstanding > 0 || !self.is_recorded(leg)
    }

    /// Between a write and the flush behind it there is nothing to give back.
    fn is_recorded(&self, leg: usize) -> bool {
        self.legs[leg].journal.as_ref().is_none_or(Journal::is_settled)
            && !self.membership.as_ref().is_some_and(|membership| membership.awaits(leg))
    }

    /// The wiped disk of a leg is to be a member called `uuid`.
    fn take_new(&mut self, leg: usize, uuid: uuid::Uuid, resets: u64) -> Result<(), String> {
        self.check_look(leg)?;
        let (Some(regions), Some(membership)) = (&mut self.regions, &mut self.membership) else {
            return Err("nothing is recorded".into());
        };
        regions.all().for_each(|region| regions.miss(leg, region));
        self.unknown.remove(leg);
        self.by_hand.remove(leg);
        let incarnation = membership.newcomer(leg, uuid);
        let record = &mut self.legs[leg];
        record.journal = Some(Journal::blank(regions.geometry(), uuid, incarnation));
        record.state = LegState::Returning;
        record.forgive(resets);
        Ok(())
    }

    pub(crate) fn forget(&mut self, leg: usize) -> Result<(), String> {
        self.check_known(leg)?;
        let state = self.legs[leg].state;
        let (Life::Running, Some(regions), Some(membership)) =
            (&self.life, &self.regions, &mut self.membership)
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
        self.legs[leg].state = LegState::Failed(Failure::NoMember);
        Ok(())
    }
}

/// The superblocks' places of a leg being wiped, one after the other, and flushed.
struct Wipe {
    mirror: Arc<Mirror>,
    leg: usize,
    /// When it began.
    since: Moment,
}

impl Wipe {
    fn next(self: Arc<Self>, step: usize) {
        let leg = &self.mirror.legs[self.leg];
        if step == SLOTS {
            let flush = Bio::new(Buf::flush(), self.clone(), step as u64);
            return self.mirror.flush_leg(self.leg, flush, Cause::Super);
        }
        let buf = Buf::write(leg.place(superblock_place(step)), wiped().to_vec().into());
        self.mirror.state.lock().legs[self.leg].issued(buf.cmd(), Cause::Super);
        leg.strategy(Bio::new(buf, self.clone(), step as u64));
    }
}

impl BufDone for Wipe {
    fn buf_done(self: Arc<Self>, buf: Buf, step: u64, result: IoResult) {
        self.mirror.returned(self.leg, buf.cmd(), result);
        match (result, buf.cmd()) {
            (Ok(()), BufCmd::Write { .. }) => self.next(step as usize + 1),
            _ => self.mirror.wiped(self.leg, self.since, result),
        }
    }
}
