//! The core alone, explored by its events: no disks, no bios, no bytes.

mod explore;
mod model;
mod story;
