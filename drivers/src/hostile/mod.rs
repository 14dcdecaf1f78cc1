//! Devices that answer anything: what the drivers have to bear.
//!
//! Place: beside the tests, and in the fuzz targets (feature `hostile`); in no product. Each
//! function here is one device from its discovery to its end. What it answers comes from
//! [`Answers`]: by chance, or from the bytes that a fuzzer chose.
//!
//! What is promised, and checked here:
//!
//! - no answer makes the drivers panic;
//! - an answer costs a bounded time: so many reads of configuration space, so many requests;
//! - registers are mapped where nothing else is, and no more than a page of them at a time;
//! - each request ends once, whatever the device does;
//! - what the device was lent comes back when its slot has no power, and nothing before.

mod answers;
mod disk;
#[allow(unsafe_code)]
mod fake;
#[allow(unsafe_code)]
mod function;
#[cfg(test)]
mod tests;

pub use self::answers::{Answers, Borne};
pub use self::disk::disk;
pub use self::function::function;
