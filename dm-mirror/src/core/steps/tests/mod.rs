//! The decisions of each step, one test for each. Only the core is there: what it wants done is
//! compared with what it should want ([`rig`]).

mod rig;

mod alarm;
mod by_hand;
mod check;
mod clean;
mod flush;
mod inherit;
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
mod resync;
mod scrub;
mod search;
mod start;
mod stop;
mod strategy;
mod superblocks;
mod waiter;
mod write;
