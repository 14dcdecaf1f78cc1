//! The parts of the core: each owns its own state, and knows nothing of the steps.

pub(crate) mod ahead;
pub(crate) mod check;
pub(crate) mod cleaner;
pub(crate) mod commit;
pub(crate) mod counts;
pub(crate) mod errors;
pub(crate) mod flushes;
pub(crate) mod found;
pub(crate) mod journal;
pub(crate) mod leg;
pub(crate) mod legs;
pub(crate) mod loss;
pub(crate) mod membership;
pub(crate) mod news;
pub(crate) mod not_started;
pub(crate) mod pace;
pub(crate) mod policy;
pub(crate) mod range;
pub(crate) mod region;
pub(crate) mod replacement;
pub(crate) mod requests;
pub(crate) mod resync;
pub(crate) mod retry;
pub(crate) mod scrub;
pub(crate) mod taken_out;
#[cfg(test)]
mod tests;
pub(crate) mod waiter;
pub(crate) mod wipe;
