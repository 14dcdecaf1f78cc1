//! Starts, stops and lost caches, under devices that keep records of their own.

mod chance;
mod crashes;
mod labelled;
