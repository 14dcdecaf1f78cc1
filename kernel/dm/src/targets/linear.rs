//! linear: a run of sectors of another device.
//!
//! Table: `start length linear <device> <offset>` (as in Linux and DragonFly).

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bio::{Bio, Limits, Sector, Sectors};

use crate::args::{ArgError, Args};
use crate::context::Context;
use crate::devices::DeviceRef;
use crate::part::Part;
use crate::target::{Target, TargetType};
use crate::targets::passing::Up;

pub(super) struct LinearType;

impl TargetType for LinearType {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn usage(&self) -> &'static str {
        "<device> <offset>"
    }

    fn version(&self) -> (u16, u16, u16) {
        (1, 0, 0)
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        let (device, start) = args.device_at(context)?;
        let limits = device.limits();
        Ok(Arc::new(Linear { device, start, limits, up: Arc::new(Up) }))
    }
}

struct Linear {
    device: DeviceRef,
    start: Sector,
    limits: Limits,
    up: Arc<Up>,
}

impl Target for Linear {
    fn strategy(&self, bio: Bio) {
        let start = self.start + (bio.extent().start() - Sector(0));
        self.device.strategy(bio.push_bio(start, self.up.clone(), 0));
    }

    fn status(&self) -> String {
        String::new()
    }

    fn table(&self) -> String {
        format!("{} {}", self.device.name(), self.start)
    }

    fn devices(&self) -> Vec<DeviceRef> {
        vec![self.device.clone()]
    }

    fn parts(&self, length: Sectors) -> Vec<Part> {
        vec![Part::new(&self.device, self.start, length)]
    }

    fn passes_flush_to(&self) -> Option<Vec<DeviceRef>> {
        Some(self.devices())
    }

    fn limits(&self) -> Limits {
        self.limits
    }
}
