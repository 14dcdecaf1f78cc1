//! An entry of a table: the target that serves a run of its sectors.
//!
//! Place: the [parser](crate::parse) makes one of each line. A [table](crate::table) passes it
//! requests; a [flush](crate::flush) goes directly to its target.

use alloc::sync::Arc;

use bio::{Bio, BlockDevice, Extent, Limits, Sector, Sectors};

use crate::target::{Target, TargetType};

/// Where something stands in a table's text: line and column, from 1.
pub(crate) type Place = (usize, usize);

/// Part of a table.
pub(crate) struct Entry {
    /// Its sectors in the mapped device.
    pub(crate) extent: Extent,
    pub(crate) kind: Arc<dyn TargetType>,
    pub(crate) target: Arc<dyn Target>,
    /// What [`Target::limits`] says.
    pub(crate) limits: Limits,
    /// Where it begins in the text.
    pub(crate) place: Place,
}

impl Entry {
    /// Where `sector` lies, counted from the start of the entry.
    pub(crate) fn offset(&self, sector: Sector) -> Sector {
        Sector(0) + (sector - self.extent.start())
    }
}

/// An entry as the device that one piece of a split request goes to.
impl BlockDevice for Entry {
    fn capacity(&self) -> Sectors {
        self.extent.count()
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn strategy(&self, bio: Bio) {
        self.target.strategy(bio);
    }
}
