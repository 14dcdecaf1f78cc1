//! A device mapper: tables, mapped devices, targets.
//!
//! Place: above [`bio`], below whoever composes a system. It knows no hardware
//! and no mirror: targets come in through [`TargetType`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod args;
mod devices;
mod env;
mod events;
mod limits;
mod target;

pub use args::{ArgError, Args, Word};
pub use devices::{DeviceRef, Devices};
pub use env::{Env, Work};
pub use events::Events;
pub use limits::{UNLIMITED, stack};
pub use target::{Context, FRAMES_PER_TARGET, MessageError, Target, TargetType};
