//! Disks made of software.
#![no_std]
#![forbid(unsafe_code)]
