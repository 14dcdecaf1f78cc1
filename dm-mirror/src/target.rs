//! The mirror's face to the device mapper.
//!
//! Place: register a [`MirrorType`]; each table entry that says `mirror` then
//! makes a [`MirrorTarget`].

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::mem;

use bio::{Bio, Limits};
use dm::{ArgError, Args, Context, DeviceRef, MessageError, Target, TargetType};

use crate::config::{Config, NO_RATE, ReadPolicy};
use crate::mirror::{Life, Mirror};
use crate::pace::Rate;
use crate::report::Report;

/// The target type `mirror`; the grammar is in this crate's `config.rs` and in
/// the message of every refusal.
#[derive(Clone, Copy, Debug, Default)]
pub struct MirrorType;

impl TargetType for MirrorType {
    fn name(&self) -> &'static str {
        "mirror"
    }

    fn usage(&self) -> &'static str {
        "core|internal <#args> [<region sectors>] [sync|nosync]\n\
         <#legs> <device> <offset>... [<#features> <feature>...]"
    }

    fn version(&self) -> (u16, u16, u16) {
        (0, 1, 0)
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        let mut config = Config::parse(args, context)?;
        let devices = mem::take(&mut config.devices);
        Ok(Arc::new(MirrorTarget { mirror: Mirror::new(config, context), devices }))
    }
}

/// A mirror in a table.
pub struct MirrorTarget {
    /// Shared with requests on their way, which may outlive the target.
    mirror: Arc<Mirror>,
    /// Its legs' devices, each once, held open as long as the target exists.
    devices: Vec<DeviceRef>,
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

    /// `show`: a report of several lines. `fail <leg>`: takes a leg out. `add
    /// <leg>`: takes one back, or makes a disk that is no member a new one; `add
    /// <leg> force` whatever the disk holds. `forget <leg>`: a leg that is out is no
    /// member any more. `replace <old leg> <new leg> [force]`: the new one is added,
    /// and once it is in sync the old one is forgotten. `start_degraded`: starts
    /// without a member that was in sync. `keep <leg>`: starts with that one's half,
    /// where halves ran apart. `sync_rate <min>,<max>`: between these limits, in
    /// KiB/s, background work copies. `read_policy <policy>`: which leg is read.
    /// `write_mostly <leg> on|off`: whether it is read only if no other can answer.
    /// `check`: compares all legs in sync. `repair`:
    /// makes them equal, too. `idle`: ends either.
    fn message(&self, words: &[&str]) -> Result<String, MessageError> {
        match words {
            ["show"] => Ok(self.report().to_string()),
            ["read_policy", policy] => self.read_policy(policy),
            ["write_mostly", leg, switch] => self.write_mostly(leg, switch),
            ["fail", leg] => self.fail(leg),
            ["add", leg] => self.add(leg, false),
            ["add", leg, "force"] => self.add(leg, true),
            ["forget", leg] => self.mirror.forget(self.leg(leg)?).map_err(MessageError::Refused),
            ["replace", old, new] => self.replace(old, new, false),
            ["replace", old, new, "force"] => self.replace(old, new, true),
            ["sync_rate", rate] => self.sync_rate(rate),
            ["start_degraded"] => self.mirror.start_degraded().map_err(MessageError::Refused),
            ["check"] => self.check(false),
            ["repair"] => self.check(true),
            ["idle"] => self.idle(),
            ["keep", leg] => {
                let leg = self.leg(leg)?;
                self.mirror.keep(leg).map_err(MessageError::Refused)
            }
            _ => Err(MessageError::NotUnderstood),
        }
    }

    fn devices(&self) -> Vec<DeviceRef> {
        self.devices.clone()
    }

    fn owes_failure(&self) -> bool {
        self.mirror.state.lock().loss.is_untold()
    }

    fn serves(&self) -> bool {
        !matches!(self.mirror.state.lock().life, Life::Held(_) | Life::Refused(_))
    }

    fn limits(&self) -> Limits {
        self.mirror.limits()
    }

    fn take_over(&self, before: &[Arc<dyn Target>]) {
        for target in before {
            let target: &dyn Any = &**target;
            if let Some(before) = target.downcast_ref::<MirrorTarget>()
                && self.mirror.shares_leg_with(&before.mirror)
            {
                self.mirror.take_over(&before.mirror);
            }
        }
    }

    fn suspend(&self, done: Box<dyn FnOnce() + Send>) {
        self.mirror.suspend(done);
    }

    fn resume(&self) {
        self.mirror.resume();
    }
}

impl Drop for MirrorTarget {
    fn drop(&mut self) {
        self.mirror.tear_down();
    }
}

impl MirrorTarget {
    /// The mirror at a glance.
    pub fn report(&self) -> Report {
        self.mirror.report()
    }

    fn read_policy(&self, policy: &str) -> Result<String, MessageError> {
        let policy = ReadPolicy::parse(policy, self.mirror.legs.len());
        let policy = policy.map_err(MessageError::Refused)?;
        self.mirror.state.lock().read_policy = policy;
        Ok(format!("reads go by {policy}"))
    }

    fn write_mostly(&self, leg: &str, switch: &str) -> Result<String, MessageError> {
        let leg = self.leg(leg)?;
        let mut state = self.mirror.state.lock();
        match switch {
            "on" => state.write_mostly.insert(leg),
            "off" => state.write_mostly.remove(leg),
            _ => return Err(MessageError::NotUnderstood),
        }
        let what = if switch == "on" { "only if no other leg can answer" } else { "like others" };
        Ok(format!("leg {leg} is read {what}"))
    }

    fn leg(&self, word: &str) -> Result<usize, MessageError> {
        let legs = self.mirror.legs.len();
        word.parse().ok().filter(|&leg: &usize| leg < legs).ok_or_else(|| {
            MessageError::Refused(format!("there is no leg `{word}`; legs are 0 to {}", legs - 1))
        })
    }

    fn replace(&self, old: &str, new: &str, force: bool) -> Result<String, MessageError> {
        let (old, new) = (self.leg(old)?, self.leg(new)?);
        self.mirror.replace(old, new, force).map_err(MessageError::Refused)
    }

    fn sync_rate(&self, rate: &str) -> Result<String, MessageError> {
        let Some(rate) = Rate::parse(rate) else {
            return Err(MessageError::Refused(NO_RATE.into()));
        };
        self.mirror.state.lock().pace.rate = rate;
        self.mirror.resume_resync();
        Ok(format!("background work copies at {rate} KiB/s"))
    }

    fn add(&self, leg: &str, force: bool) -> Result<String, MessageError> {
        self.mirror.add(self.leg(leg)?, force).map_err(MessageError::Refused)
    }

    fn check(&self, repairs: bool) -> Result<String, MessageError> {
        self.mirror.start_check(repairs).map_err(MessageError::Refused)?;
        self.mirror.resume_scrub();
        Ok("started".into())
    }

    fn idle(&self) -> Result<String, MessageError> {
        self.mirror.stop_check().map_err(MessageError::Refused)?;
        Ok("it ends with the chunk in flight".into())
    }

    fn fail(&self, leg: &str) -> Result<String, MessageError> {
        self.mirror.fail_by_hand(self.leg(leg)?).map_err(MessageError::Refused)
    }
}

impl Mirror {
    /// What all legs can do.
    pub(crate) fn limits(&self) -> Limits {
        dm::stack(self.legs.iter().filter_map(|leg| Some(leg.device.as_ref()?.limits())))
    }
}
