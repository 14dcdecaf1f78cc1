//! The targets that come with the device mapper.

mod delay;
mod error;
mod flakey;
mod linear;
mod passing;
mod striped;
mod zero;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

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
