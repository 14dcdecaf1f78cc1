//! The console's grammar.
#![no_std]
#![forbid(unsafe_code)]
