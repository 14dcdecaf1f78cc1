//! No answer of a virtio disk makes its driver panic, lose a request, or keep what the device
//! was lent.
//!
//! How to run it: docs/testing.md.
#![no_main]
#![forbid(unsafe_code)]

use drivers::hostile::{self, Answers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    hostile::disk(Answers::of_bytes(bytes));
});
