//! What an event means for several parts, and what follows from it.
//!
//! Every file adds to the [`Core`](super::Core): a question that `settle` asks, or what a
//! kind of event means.

mod alarm;
mod by_hand;
mod check;
mod clean;
mod flush;
pub(crate) mod inherit;
mod leg_out;
mod loss;
mod maps;
mod message;
mod newcomer;
mod not_started;
mod promote;
mod read;
mod readmit;
mod replace;
mod report;
mod resync;
mod scrub;
mod search;
mod start;
mod stop;
mod strategy;
mod superblocks;
#[cfg(test)]
mod tests;
mod waiter;
mod write;
