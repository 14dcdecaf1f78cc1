//! What a person says to the mirror.

use alloc::boxed::Box;
use alloc::format;

use crate::core::Core;
use crate::core::event::{Answer, Facts, Message};

impl Core {
    /// Does what a person asks for, or refuses it.
    pub(in crate::core) fn hear(&mut self, message: Message, facts: Box<Facts>) -> Answer {
        self.facts = facts;
        match message {
            Message::Fail(leg) => self.fail_by_hand(leg),
            Message::Add { leg, force } => self.add(leg, force),
            Message::Forget(leg) => self.forget(leg),
            Message::Replace { old, new, force } => self.replace(old, new, force),
            Message::StartDegraded => self.start_degraded(),
            Message::Keep(leg) => self.keep(leg),
            Message::Check { repairs } => self.start_check(repairs),
            Message::Idle => self.stop_check(),
            Message::SyncRate(rate) => {
                self.pace.rate = rate;
                self.resync.hurried = true;
                Ok(format!("background work copies at {rate} KiB/s"))
            }
            Message::ReadPolicy(policy) => {
                self.read_policy = policy;
                Ok(format!("reads go by {policy}"))
            }
            Message::WriteMostly { leg, on: true } => {
                self.write_mostly.insert(leg);
                Ok(format!("leg {leg} is read only if no other leg can answer"))
            }
            Message::WriteMostly { leg, on: false } => {
                self.write_mostly.remove(leg);
                Ok(format!("leg {leg} is read like others"))
            }
        }
    }
}
