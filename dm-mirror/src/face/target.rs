//! The mirror's face to the device mapper.
//!
//! Place: register a [`MirrorType`]. Each table entry that says `mirror` then makes a
//! [`MirrorTarget`].

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use bio::{Bio, Extent, Limits, Sectors};
use dm::{ArgError, Args, Context, DeviceRef, MessageError, Part, Target, TargetType};

use super::config::{self, Config};
use super::report::{Report, Times};
use super::status;
use super::table::{self, NO_RATE, Table};
use super::view::{RegionView, View};
use crate::core::event::Message;
use crate::core::parts::pace::Rate;
use crate::core::parts::policy::ReadPolicy;
use crate::core::{Core, Log};
use crate::io::Mirror;
use crate::io::leg::Leg;
use crate::io::requests::RequestView;
use crate::io::trace::Trace;

/// The target type `mirror`; the grammar is in this crate's `face/table.rs` and in
/// the message of every refusal.
#[derive(Clone, Copy, Debug, Default)]
pub struct MirrorType;

impl TargetType for MirrorType {
    fn name(&self) -> &'static str {
        table::TARGET
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
        create(args, context, None)
    }
}

/// The target type `mirror`, whose targets tell a trace what they do.
#[derive(Clone)]
pub struct Traced(pub Arc<Trace>);

impl TargetType for Traced {
    fn name(&self) -> &'static str {
        MirrorType.name()
    }

    fn usage(&self) -> &'static str {
        MirrorType.usage()
    }

    fn version(&self) -> (u16, u16, u16) {
        MirrorType.version()
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        create(args, context, Some(self.0.clone()))
    }
}

fn create(
    args: &mut Args<'_>,
    context: &Context<'_>,
    trace: Option<Arc<Trace>>,
) -> Result<Arc<dyn Target>, ArgError> {
    let Config { setup, wishes, regions, legs, devices, times } = Config::parse(args, context)?;
    let resets: Vec<u64> = legs.iter().map(Leg::resets).collect();
    let core = Core::new(setup, wishes, regions, &resets);
    let (env, events) = (context.env.clone(), context.events.clone());
    let mirror = Mirror::new(legs, setup.length, core, times, env, events, trace);
    Ok(Arc::new(MirrorTarget { mirror, devices }))
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
        status::status(&self.mirror)
    }

    fn table(&self) -> String {
        self.to_table().to_string()
    }

    /// `show`: a report of several lines. `fail <leg>`: takes a leg out. `add <leg>`: takes
    /// one back, or makes a disk that is no member a new one; `add <leg> force` does so
    /// whatever the disk holds. `forget <leg>`: a leg that is out is no longer a member.
    /// `replace <old leg> <new leg> [force]`: the new one is added, and once it is in sync the
    /// old one is forgotten. `start_degraded`: starts without a member that was in sync. `keep
    /// <leg>`: where halves ran apart, starts with the half of that leg. `sync_rate
    /// <min>,<max>`: background work copies between these limits, in KiB/s. `read_policy
    /// <policy>`: which leg is read. `write_mostly <leg> on|off`: whether that leg is read
    /// only if no other can answer. `check`: compares all legs in sync. `repair`: also makes
    /// them equal. `idle`: ends either.
    fn message(&self, words: &[&str]) -> Result<String, MessageError> {
        if words == ["show"] {
            return Ok(self.report().to_string());
        }
        self.mirror.hear(self.parse(words)?).map_err(MessageError::Refused)
    }

    fn devices(&self) -> Vec<DeviceRef> {
        self.devices.clone()
    }

    /// A member has records beside its data: whoever overwrites them destroys it. So all of a
    /// member's disk counts.
    fn parts(&self, length: Sectors) -> Vec<Part> {
        if self.mirror.look(|core| core.setup.log == Log::Internal) {
            return self.devices.iter().map(|device| Part::whole(device)).collect();
        }
        let part = |leg: &Leg| Some(Part::new(leg.device.as_ref()?, leg.offset, length));
        self.mirror.legs.iter().filter_map(part).collect()
    }

    fn owes_failure(&self) -> bool {
        self.mirror.look(|core| core.loss.is_untold())
    }

    fn serves(&self) -> bool {
        !self.mirror.look(Core::refuses)
    }

    fn limits(&self) -> Limits {
        self.mirror.limits()
    }

    fn take_over(&self, before: &[Arc<dyn Target>]) {
        for target in before {
            let target: &dyn Any = &**target;
            if let Some(before) = target.downcast_ref::<MirrorTarget>() {
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
    /// What anybody may ask after each event; allocates nothing.
    pub fn view(&self) -> View {
        self.mirror.look(View::of)
    }

    /// What the mirror has in hand.
    pub fn requests(&self) -> Vec<RequestView> {
        self.mirror.look(RequestView::all)
    }

    /// What the mirror knows of the regions that `extent` touches; nothing before its start.
    pub fn regions(&self, extent: Extent) -> Vec<RegionView> {
        self.mirror.look(|core| RegionView::of(core, extent))
    }

    /// The mirror at a glance.
    pub fn report(&self) -> Report {
        status::report(&self.mirror)
    }

    /// The table that makes this mirror again, with what messages have changed since.
    pub fn to_table(&self) -> Table {
        config::table(&self.mirror)
    }

    /// How long each leg took for what it was asked, since the mirror was made. A mirror that
    /// goes on by another table goes on with the times of its legs.
    pub fn times(&self) -> Times {
        self.mirror.times()
    }

    /// What the words of a message mean.
    fn parse(&self, words: &[&str]) -> Result<Message, MessageError> {
        Ok(match words {
            ["read_policy", policy] => {
                let policy = ReadPolicy::parse(policy, self.mirror.legs.len());
                Message::ReadPolicy(policy.map_err(MessageError::Refused)?)
            }
            ["write_mostly", leg, switch @ ("on" | "off")] => {
                Message::WriteMostly { leg: self.leg(leg)?, on: *switch == "on" }
            }
            ["fail", leg] => Message::Fail(self.leg(leg)?),
            ["add", leg] => Message::Add { leg: self.leg(leg)?, force: false },
            ["add", leg, "force"] => Message::Add { leg: self.leg(leg)?, force: true },
            ["forget", leg] => Message::Forget(self.leg(leg)?),
            ["replace", old, new] => self.replace(old, new, false)?,
            ["replace", old, new, "force"] => self.replace(old, new, true)?,
            ["sync_rate", rate] => match Rate::parse(rate) {
                Some(rate) => Message::SyncRate(rate),
                None => return Err(MessageError::Refused(NO_RATE.into())),
            },
            ["start_degraded"] => Message::StartDegraded,
            ["check"] => Message::Check { repairs: false },
            ["repair"] => Message::Check { repairs: true },
            ["idle"] => Message::Idle,
            ["keep", leg] => Message::Keep(self.leg(leg)?),
            _ => return Err(MessageError::NotUnderstood),
        })
    }

    fn replace(&self, old: &str, new: &str, force: bool) -> Result<Message, MessageError> {
        Ok(Message::Replace { old: self.leg(old)?, new: self.leg(new)?, force })
    }

    fn leg(&self, word: &str) -> Result<usize, MessageError> {
        let legs = self.mirror.legs.len();
        word.parse().ok().filter(|&leg: &usize| leg < legs).ok_or_else(|| {
            MessageError::Refused(format!("there is no leg `{word}`; legs are 0 to {}", legs - 1))
        })
    }
}
