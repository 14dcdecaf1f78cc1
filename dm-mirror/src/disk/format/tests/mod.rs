//! The layout byte by byte, and what is refused.

mod copies;
mod golden;
mod properties;
mod samples;
mod slots;
