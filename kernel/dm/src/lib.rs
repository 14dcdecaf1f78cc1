//! A device mapper.
#![no_std]
#![forbid(unsafe_code)]
