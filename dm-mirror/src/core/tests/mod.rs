//! The core alone, explored by its events: no disks, no bios, no bytes.

mod explore;
pub(super) mod model;
mod story;
