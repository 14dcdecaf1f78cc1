//! zero: reads as zeroes, forgets what is written.
//!
//! Table: `start length zero` (as in Linux and DragonFly).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, Limits};

use crate::args::{ArgError, Args};
use crate::context::Context;
use crate::devices::DeviceRef;
use crate::limits::UNLIMITED;
use crate::target::{Target, TargetType};

pub(super) struct ZeroType;

impl TargetType for ZeroType {
    fn name(&self) -> &'static str {
        "zero"
    }

    fn version(&self) -> (u16, u16, u16) {
        (1, 0, 0)
    }

    fn create(&self, _: &mut Args<'_>, _: &Context<'_>) -> Result<Arc<dyn Target>, ArgError> {
        Ok(Arc::new(Zero))
    }
}

struct Zero;

impl Target for Zero {
    fn strategy(&self, mut bio: Bio) {
        if let Some(memory) = bio.read_memory() {
            memory.fill(0);
        }
        bio.biodone(Ok(()));
    }

    fn status(&self) -> String {
        String::new()
    }

    fn table(&self) -> String {
        String::new()
    }

    fn devices(&self) -> Vec<DeviceRef> {
        Vec::new()
    }

    fn passes_flush_to(&self) -> Option<Vec<DeviceRef>> {
        Some(Vec::new())
    }

    fn limits(&self) -> Limits {
        UNLIMITED
    }
}
