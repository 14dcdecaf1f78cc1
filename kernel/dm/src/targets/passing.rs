//! What the targets share that pass requests on to devices.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, BioDone, IoResult};

use crate::devices::DeviceRef;

/// Completes upward what a device has completed.
pub(super) struct Up;

impl BioDone for Up {
    fn bio_done(self: Arc<Self>, bio: Bio, _info: u64, result: IoResult) {
        bio.biodone(result);
    }
}

/// Each device once, in order.
pub(super) fn each_once<'a>(devices: impl IntoIterator<Item = &'a DeviceRef>) -> Vec<DeviceRef> {
    let mut once: Vec<DeviceRef> = Vec::new();
    for device in devices {
        if !once.iter().any(|known| known.is(device)) {
            once.push(device.clone());
        }
    }
    once
}
