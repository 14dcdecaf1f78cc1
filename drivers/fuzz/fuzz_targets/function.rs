//! No configuration space makes the driver of PCI panic, read for ever, or map registers over
//! memory.
//!
//! How to run it: docs/testing.md.
#![no_main]
#![forbid(unsafe_code)]

use drivers::hostile::{self, Answers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    hostile::function(Answers::of_bytes(bytes));
});
