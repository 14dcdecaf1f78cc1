//! The targets that come with the device mapper.

mod error;
mod linear;
mod zero;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::target::TargetType;

/// One of each.
pub(crate) fn all() -> Vec<Arc<dyn TargetType>> {
    vec![Arc::new(linear::LinearType), Arc::new(zero::ZeroType), Arc::new(error::ErrorType)]
}
