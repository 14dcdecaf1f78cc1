//! A member that is to leave for another one.
//!
//! Place: part of the [`Core`](crate::core::Core); `steps/replace.rs` has the rules.

use core::fmt;

/// A member that is to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replacement {
    /// Once this leg is in sync.
    Rebuilding { old: usize, new: usize },
    /// Once it is durable that it is out.
    Leaving { old: usize },
}

impl Replacement {
    /// The same under the legs' new numbers, if both have one.
    pub(crate) fn renumbered(self, number: impl Fn(usize) -> Option<usize>) -> Option<Replacement> {
        match self {
            Replacement::Rebuilding { old, new } => {
                Some(Replacement::Rebuilding { old: number(old)?, new: number(new)? })
            }
            Replacement::Leaving { old } => Some(Replacement::Leaving { old: number(old)? }),
        }
    }
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Replacement::Rebuilding { old, new } => {
                write!(f, "the replacement of leg {old} by leg {new}")
            }
            Replacement::Leaving { old } => write!(f, "the removal of leg {old}"),
        }
    }
}
