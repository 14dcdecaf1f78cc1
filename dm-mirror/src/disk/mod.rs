//! What lies on a member, and what may be believed of it: pure, and public for tools.
//!
//! Place: the lowest floor of the crate. It knows bytes and sectors, no request and no running
//! mirror.

pub mod assemble;
pub mod format;
pub mod label;
