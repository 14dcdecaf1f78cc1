//! The layout byte by byte, and what is refused.

mod golden;
mod samples;
mod slots;
