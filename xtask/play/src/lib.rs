//! Runs of the simulator, one step at a time, for a page to show.
//!
//! Place: compiled to WebAssembly, behind the page of `cargo xtask play`; runs on a host too,
//! in its tests. The mirror is the one that the kernel runs, its disks are the simulator's.
//!
//! Rules:
//!
//! - Questions and answers are JSON: [`Ask`] in, the types of [`state`] out.
//! - An answer depends on its question alone. A run is made again from its path for each.
//! - The module imports nothing and keeps nothing but the bytes of the last question and
//!   answer. A panic traps: whoever asked makes a new instance.
//!
//! `abi.rs` is what the page calls.

mod abi;
mod answer;
mod bugs;
mod look;
mod path;
mod places;
mod run;
mod scenarios;
mod show;
pub mod state;

pub use answer::{Ask, answer};
