//! Devices that answer anything: the drivers have to cope with them.
//!
//! Place: beside the tests, and in the fuzz targets (feature `hostile`); in no product. Each
//! function here is one device from its discovery to its end. What it answers comes from
//! [`Answers`]: by chance, or from the bytes that a fuzzer chose.
//!
//! The promises that are checked here:
//!
//! - no answer makes the drivers panic;
//! - answers cost a bounded time: a limited number of reads of configuration space and of
//!   requests;
//! - registers are mapped only where nothing else is, and at most a page of them at a time;
//! - each request ends once, whatever the device does;
//! - the memory that the device was lent comes back when its slot has no power, and not before.

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
