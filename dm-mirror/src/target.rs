//! The mirror's face to the device mapper.
//!
//! Place: register a [`MirrorType`]; each table entry that says `mirror` then
//! makes a [`MirrorTarget`].

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, Limits};
use dm::{ArgError, Args, Context, DeviceRef, MessageError, Target, TargetType};

use crate::config::Config;
use crate::leg::{Failure, LegState};
use crate::mirror::Mirror;

/// The target type `mirror`; the grammar is in this crate's `config.rs` and in
/// the message of every refusal.
#[derive(Clone, Copy, Debug, Default)]
pub struct MirrorType;

impl TargetType for MirrorType {
    fn name(&self) -> &'static str {
        "mirror"
    }

    fn version(&self) -> (u16, u16, u16) {
        (0, 1, 0)
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        let config = Config::parse(args, context)?;
        Ok(Arc::new(MirrorTarget { mirror: Mirror::new(config, context) }))
    }
}

/// A mirror in a table.
pub struct MirrorTarget {
    mirror: Arc<Mirror>,
}

impl Target for MirrorTarget {
    fn strategy(&self, bio: Bio) {
        self.mirror.strategy(bio);
    }

    fn status(&self) -> String {
        self.mirror.status()
    }

    fn table(&self) -> String {
        self.mirror.table()
    }

    /// `show`: a report of several lines. `fail <leg>`: takes a leg out.
    fn message(&self, words: &[&str]) -> Result<String, MessageError> {
        match words {
            ["show"] => Ok(self.mirror.report()),
            ["fail", leg] => self.fail(leg),
            _ => Err(MessageError::NotUnderstood),
        }
    }

    fn devices(&self) -> Vec<DeviceRef> {
        let mut devices: Vec<DeviceRef> = Vec::new();
        for leg in &self.mirror.legs {
            if devices.iter().all(|device| device.name() != leg.name()) {
                devices.push(leg.device.clone());
            }
        }
        devices
    }

    fn limits(&self) -> Limits {
        self.mirror.limits()
    }

    fn suspend(&self, done: Box<dyn FnOnce() + Send>) {
        self.mirror.suspend(done);
    }

    fn resume(&self) {
        self.mirror.resume_resync();
    }
}

impl Drop for MirrorTarget {
    /// A resync in flight ends with its chunk.
    fn drop(&mut self) {
        self.mirror.suspend(Box::new(|| {}));
    }
}

impl MirrorTarget {
    fn fail(&self, leg: &str) -> Result<String, MessageError> {
        let legs = self.mirror.legs.len();
        let index = leg.parse().ok().filter(|&leg: &usize| leg < legs).ok_or_else(|| {
            MessageError::Refused(format!("there is no leg `{leg}`; legs are 0 to {}", legs - 1))
        })?;
        self.mirror.fail_leg(index, Failure::ByHand);
        match self.mirror.state.lock().legs[index].state {
            LegState::Failed(_) => Ok(format!("leg {index} is out")),
            LegState::InSync | LegState::Rebuilding { .. } => Err(MessageError::Refused(format!(
                "leg {index} is the last one in sync; failing it would lose the data"
            ))),
        }
    }
}

impl Mirror {
    /// What all legs can do.
    pub(crate) fn limits(&self) -> Limits {
        dm::stack(self.legs.iter().map(|leg| leg.device.limits()))
    }
}
