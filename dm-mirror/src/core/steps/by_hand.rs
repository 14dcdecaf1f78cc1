//! A leg that a person takes out, and that stays out until a person takes it back.
//!
//! Place: the message `fail` comes here. `start.rs` asks which legs a person took out in a
//! session that could not record it. `assemble` keeps out the members that superblocks call
//! failed by hand.
//!
//! Rules:
//!
//! - The answer is kept, over suspensions, other tables and restarts. Superblocks call the
//!   member failed by hand, also if it was out before for another reason. Until one durably
//!   says so, the mirror remembers the member, whatever becomes of its leg
//!   (`parts/taken_out.rs`).
//! - A word about a leg never applies to the member of another leg. If it is not known which
//!   member a leg holds, the word is refused.

use alloc::format;
use alloc::string::String;

use uuid::Uuid;

use crate::core::event::Answer;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::{Core, Life};
use crate::format::{MemberId, MemberState};

impl Core {
    /// A person takes a leg out (`fail`). It stays out, also over restarts, until a
    /// person takes it back; also if it was out before for another reason.
    pub(super) fn fail_by_hand(&mut self, leg: usize) -> Answer {
        self.check_awake()?;
        if !self.has_session() {
            return Err("the mirror does not run: nothing is read from its legs, or written \
                        to them"
                .into());
        }
        self.check_known(leg)?;
        self.fail_leg(leg, Failure::ByHand);
        if !self.legs[leg].is_out() {
            return Err(format!(
                "{} is the last one in sync; failing it would lose the data",
                self.call(leg)
            ));
        }
        // Until it is recorded, in whichever session.
        if let Some(member) = self.member_on(leg) {
            self.by_hand.insert(member, leg);
        }
        self.replaces_no_more(leg);
        self.call_off(leg);
        self.keep_out_by_hand(leg);
        Ok(format!("leg {leg} is out"))
    }
}

impl Core {
    /// Refuses to record something about a member by way of a leg that may hold another one.
    pub(crate) fn check_known(&self, leg: usize) -> Result<(), String> {
        if self.unknown.contains(leg) {
            return Err(format!(
                "leg {leg} could not be read when the mirror started, and several members were \
                 missing, so it is not known which member it holds; `add {leg}` finds out"
            ));
        }
        Ok(())
    }

    /// Whether a session runs, or its first superblocks are on their way.
    pub(crate) fn has_session(&self) -> bool {
        match self.life {
            Life::Running | Life::Opening(_) => true,
            Life::New(_) | Life::Searching(_) | Life::Held(_) | Life::Refused(_) => false,
        }
    }

    /// A leg that is out stays so until a person takes it back, and superblocks are to
    /// say so.
    pub(crate) fn keep_out_by_hand(&mut self, leg: usize) {
        let (Some(regions), Some(membership)) = (&self.regions, &mut self.membership) else {
            return;
        };
        let member = regions.member(leg);
        let recorded = membership.state(member).needs_a_person();
        if !membership.has(member) || recorded || self.unknown.contains(leg) {
            return;
        }
        self.legs.set(leg, LegState::Failed(Failure::ByHand));
        membership.set_state(member, MemberState::FailedByHand);
    }

    /// A person took members out before this session, and was told that they are.
    pub(super) fn without_those_failed_by_hand(&mut self) {
        for member in self.by_hand.members() {
            let Some(id) = self.id_of(member) else { continue };
            match self.leg_with(id) {
                Some(leg) => {
                    self.fail_leg(leg, Failure::ByHand);
                    // It may have been out already for another reason.
                    if self.legs[leg].is_out() {
                        self.keep_out_by_hand(leg);
                    }
                }
                None => {
                    if let Some(membership) = &mut self.membership
                        && !membership.state(id).needs_a_person()
                    {
                        membership.set_state(id, MemberState::FailedByHand);
                    }
                }
            }
        }
    }

    /// Superblocks durably say who is out.
    pub(super) fn by_hand_is_recorded(&mut self) {
        if let Some(membership) = &self.membership {
            let members = membership.wanted().members.iter().flatten();
            self.by_hand.are_recorded(|member| members.clone().any(|it| it.uuid == member));
        }
    }

    /// The uuid of the member that a leg holds, if it is one.
    fn member_on(&self, leg: usize) -> Option<Uuid> {
        let id = self.regions.as_ref()?.member(leg);
        Some(self.membership.as_ref()?.wanted().entry(id)?.uuid)
    }

    /// The place of a member in this mirror, if it has one.
    fn id_of(&self, member: Uuid) -> Option<MemberId> {
        let wanted = self.membership.as_ref()?.wanted();
        MemberId::all().find(|id| wanted.entry(*id).is_some_and(|entry| entry.uuid == member))
    }

    /// The leg that is known to hold a member, or to have its place.
    fn leg_with(&self, id: MemberId) -> Option<usize> {
        let regions = self.regions.as_ref()?;
        (0..self.legs.len()).find(|&leg| !self.unknown.contains(leg) && regions.member(leg) == id)
    }
}
