//! The cases, a file for each kind of fault.
//!
//! Rule: a case has a name, a fault and a promise in words, and a function that returns what
//! the guest saw or which promise was broken.

mod media;
mod network;
mod order;
mod power;
mod rot;
mod shape;
mod time;

use super::Case;

/// All cases.
pub(super) fn all() -> impl Iterator<Item = &'static Case> {
    let kinds = [
        media::CASES,
        time::CASES,
        network::CASES,
        order::CASES,
        shape::CASES,
        power::CASES,
        rot::CASES,
    ];
    kinds.into_iter().flatten()
}

/// The bytes of a MiB.
const MIB: usize = 1 << 20;
