//! The targets that come with the device mapper.

mod delay;
mod error;
mod flakey;
mod linear;
mod striped;
mod zero;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bio::{Bio, BioDone, IoResult};

use crate::devices::DeviceRef;
use crate::target::TargetType;

/// One of each.
pub(crate) fn all() -> Vec<Arc<dyn TargetType>> {
    vec![
        Arc::new(linear::LinearType),
        Arc::new(striped::StripedType),
        Arc::new(zero::ZeroType),
        Arc::new(error::ErrorType),
        Arc::new(delay::DelayType),
        Arc::new(flakey::FlakeyType),
    ]
}

/// Completes upward what a device has completed.
struct Up;

impl BioDone for Up {
    fn bio_done(self: Arc<Self>, bio: Bio, _info: u64, result: IoResult) {
        bio.biodone(result);
    }
}

/// Each device once, in order.
fn each_once<'a>(devices: impl IntoIterator<Item = &'a DeviceRef>) -> Vec<DeviceRef> {
    let mut once: Vec<DeviceRef> = Vec::new();
    for device in devices {
        if !once.iter().any(|known| known.is(device)) {
            once.push(device.clone());
        }
    }
    once
}
