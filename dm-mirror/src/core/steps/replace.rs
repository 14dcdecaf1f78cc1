//! Replacing a member that serves: the new one is rebuilt beside it.
//!
//! Place: a person asks for it. The new leg goes the way of every leg that is added.
//! `promote.rs` comes here when superblocks have become durable.
//!
//! Rules:
//!
//! - The old leg stays in sync, and the data as redundant as they were, until the promotion of
//!   the new one is durable everywhere. Then the old one is excluded, and when that is durable
//!   on all the other legs, forgotten.
//! - Nothing on disk says that a member is to be replaced: a crash leaves one
//!   member more, and a person repeats the request or forgets one.
//! - If the new leg goes out, the replacement is off, and the old leg stays.
//! - Another table with both legs goes on with it (`inherit.rs`).

use alloc::format;
use alloc::string::String;

use crate::core::Core;
use crate::core::event::Answer;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::replacement::Replacement;

impl Core {
    /// Has `new` rebuilt, and then `old` leave the mirror.
    pub(super) fn replace(&mut self, old: usize, new: usize, force: bool) -> Answer {
        self.begin_replacement(old, new)?;
        if let Err(why) = self.add(new, force) {
            self.replacement = None;
            return Err(why);
        }
        Ok(format!("leg {new} is being looked at, to replace leg {old}"))
    }
}

impl Core {
    fn begin_replacement(&mut self, old: usize, new: usize) -> Result<(), String> {
        if self.replacement.is_some() {
            return Err("another leg is being replaced; wait, or fail the new one".into());
        }
        if old == new {
            return Err(format!("leg {old} cannot replace itself; name the leg of a new disk"));
        }
        match self.legs[old].state() {
            LegState::Failed(Failure::NoMember) => Err(format!("leg {old} is no member")),
            LegState::Rebuilding | LegState::Returning => {
                Err(format!("leg {old} is not in sync yet; fail it, and add a disk in its place"))
            }
            // Otherwise it would take the other's place at once, whatever `add` says then.
            LegState::InSync | LegState::Failed(_) if !self.legs[new].is_out() => {
                Err(format!("leg {new} is not out"))
            }
            LegState::InSync | LegState::Failed(_) => {
                self.replacement = Some(Replacement::Rebuilding { old, new });
                Ok(())
            }
        }
    }

    /// The leg that `leg` is to replace.
    pub(crate) fn replaces(&self, leg: usize) -> Option<usize> {
        match self.replacement {
            Some(Replacement::Rebuilding { old, new }) if new == leg => Some(old),
            _ => None,
        }
    }

    /// The leg that is to leave for another one, or that leaves.
    pub(crate) fn replaced(&self) -> Option<usize> {
        self.replacement.map(|it| match it {
            Replacement::Rebuilding { old, .. } | Replacement::Leaving { old } => old,
        })
    }

    /// A leg is out, or was not taken back: it replaces nobody.
    pub(crate) fn replaces_no_more(&mut self, leg: usize) {
        if self.replaces(leg).is_some() {
            self.replacement = None;
        }
    }

    /// Takes a replacement that was taken over, but whose new leg this session does not have.
    pub(crate) fn take_lost_replacement(&mut self) -> Option<Replacement> {
        let Core { legs, put_off, .. } = self;
        self.replacement.take_if(|it| match *it {
            Replacement::Rebuilding { new, .. } => legs[new].is_out() && !put_off.contains(new),
            Replacement::Leaving { .. } => false,
        })
    }

    /// All legs in sync hold what is wanted: goes on with a replacement, if its new leg is one
    /// of them. Returns whether that was possible.
    pub(super) fn go_on_replacing(&mut self) -> bool {
        match self.replacement {
            Some(Replacement::Rebuilding { old, new })
                if self.legs[new].state() == LegState::InSync =>
            {
                self.replacement = Some(Replacement::Leaving { old });
                self.fail_leg(old, Failure::Replaced);
                true
            }
            // The last session could not record it.
            Some(Replacement::Leaving { old }) if !self.legs[old].is_out() => {
                if !self.fail_leg(old, Failure::Replaced) {
                    self.replacement = None;
                }
                true
            }
            Some(Replacement::Leaving { old }) => {
                // Refused to one that a person took back meanwhile.
                let _ = self.forget_member(old);
                self.replacement = None;
                true
            }
            Some(Replacement::Rebuilding { .. }) | None => false,
        }
    }
}
