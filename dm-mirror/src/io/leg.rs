//! Where a leg lies.

use alloc::sync::Arc;

use bio::{Bio, BioDone, ErrorKind, Extent, Limits, Sector, sync};
use dm::DeviceHandle;

use crate::core::event::LegFacts;

/// Where a leg lies.
pub(crate) struct Leg {
    /// `None` if the table names none: the member is not there.
    pub(crate) device: Option<DeviceHandle>,
    /// Where on the device the leg begins; its metadata, if it has any.
    pub(crate) offset: Sector,
}

/// What all of these can do.
pub(crate) fn limits(legs: &[Leg]) -> Limits {
    dm::stack(legs.iter().filter_map(|leg| Some(leg.device.as_ref()?.limits())))
}

impl Leg {
    /// What the device is called; `-` if there is none.
    pub(crate) fn name(&self) -> Arc<str> {
        self.device.as_ref().map_or_else(|| "-".into(), |device| device.name())
    }

    /// Passes a request on to `start` on this leg; `done` hears of its end.
    #[inline(always)]
    pub(crate) fn issue(&self, bio: Bio, start: Sector, done: Arc<dyn BioDone>, info: u64) {
        self.strategy(bio.push_bio(self.on_device(start), done, info));
    }

    /// Where on the device an extent of the leg is.
    pub(crate) fn place(&self, extent: Extent) -> Extent {
        extent.at(self.on_device(extent.start()))
    }

    /// The same for a sector.
    #[inline]
    fn on_device(&self, sector: Sector) -> Sector {
        self.offset + (sector - Sector(0))
    }

    /// Passes on a request of the mirror's own, placed on the device.
    pub(crate) fn strategy(&self, bio: Bio) {
        sync::assert_unlocked("strategy");
        match &self.device {
            Some(device) => device.strategy(bio),
            None => bio.fail(ErrorKind::Gone),
        }
    }

    /// How often the device lost its cache, as far as it knows.
    pub(crate) fn resets(&self) -> u64 {
        self.device.as_ref().map_or(0, |device| device.resets())
    }

    /// What is known of its device.
    pub(crate) fn facts(&self) -> LegFacts {
        let Some(device) = &self.device else {
            return LegFacts { name: "-".into(), ..LegFacts::default() };
        };
        LegFacts {
            there: true,
            name: (*device.name()).into(),
            offset: self.offset,
            capacity: device.capacity(),
            block: device.limits().block_size,
            resets: device.resets(),
        }
    }
}
