//! The tests of `dm_mirror::assemble`, by what they ask: who is the newest, what
//! of halves that ran apart, what a returning member is given, who has no place.

mod apart;
mod doubt;
mod elections;
mod hostile;
mod members;
mod places;
mod returns;
mod strangers;
mod walk;
mod words;
