//! What a person says of a mirror that was not started.
//!
//! Place: `message.rs` comes here; what may be said is in
//! [`NotStarted`].

use alloc::string::String;

use crate::core::event::Answer;
use crate::core::parts::not_started::{Consent, NotStarted};
use crate::core::{Core, Life};

impl Core {
    /// Starts without the members that the mirror is held for (`start_degraded`).
    pub(super) fn start_degraded(&mut self) -> Answer {
        self.say(|not_started, consent, _| match &not_started.offer {
            Some(offer) => {
                consent.degraded = Some(offer.clone());
                Ok(())
            }
            None => Err("the mirror is not held for a member".into()),
        })
    }

    /// Keeps the half of `leg`, of halves that ran apart (`keep`).
    pub(super) fn keep(&mut self, leg: usize) -> Answer {
        self.say(|not_started, consent, core| {
            let choice = not_started.halves.iter().find(|half| half.leg == leg);
            match (choice, not_started.halves.is_empty()) {
                (Some(choice), _) => {
                    consent.keep = Some((*choice, not_started.halves.clone()));
                    Ok(())
                }
                (None, true) => Err("no halves ran apart: there is nothing to choose".into()),
                (None, false) => Err(alloc::format!("{} is not one of the halves", core.call(leg))),
            }
        })
    }

    /// Takes a person's word about a mirror that was not started, and starts it.
    fn say(
        &mut self,
        word: impl FnOnce(&NotStarted, &mut Consent, &Core) -> Result<(), String>,
    ) -> Answer {
        let mut said = self.consent.clone();
        match &self.life {
            Life::Running => return Err("the mirror runs already".into()),
            Life::New(_) | Life::Searching(_) | Life::Opening(_) => {
                return Err("the mirror is starting: wait until it runs or is held".into());
            }
            Life::Held(not_started) | Life::Refused(not_started) => {
                word(not_started, &mut said, self)?;
            }
        }
        self.check_awake()?;
        self.consent = said;
        self.start_session();
        Ok("starting".into())
    }

    /// Whether the first superblocks of a start could not be written.
    pub(super) fn start_failed(&self) -> bool {
        matches!(&self.life, Life::Held(not_started) if not_started.has_failed())
    }
}
