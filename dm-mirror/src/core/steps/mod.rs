//! What an event means for several parts, and what follows from it.
//!
//! Every file adds to the [`Core`](super::Core): a question that `settle` asks, or what a
//! kind of event means.

mod alarm;
mod by_hand;
mod check;
mod clean;
pub(super) mod flush;
pub(crate) mod inherit;
mod leg_out;
mod loss;
mod maps;
mod message;
pub(super) mod newcomer;
mod not_started;
mod promote;
mod read;
mod readmit;
mod replace;
mod report;
mod resync;
mod scrub;
pub(super) mod search;
mod start;
mod stop;
mod strategy;
mod superblocks;
pub(super) mod waiter;
mod write;
