//! The device mapper, tested through its public interface.
//!
//! Every test runs under a watch that refuses locks taken out of order or held
//! across a call into a device or a completion.

mod bench;
mod bounds;
mod delay;
mod every_target;
mod flakey;
mod heirs;
mod mapping;
mod meddling;
mod notes;
mod openings;
mod properties;
mod refusals;
mod registry;
mod striped;
mod suspend;
mod targets;
mod threads;
mod under_load;
mod watch;
