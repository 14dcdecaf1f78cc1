//! What the device mapper and a person see.
//!
//! Place: the highest floor of the crate. It reads words and writes words. The core
//! decides what they mean.

pub(crate) mod config;
pub mod report;
pub(crate) mod status;
pub mod table;
pub(crate) mod target;
pub mod view;
