//! The mirror target.
#![no_std]
#![forbid(unsafe_code)]
