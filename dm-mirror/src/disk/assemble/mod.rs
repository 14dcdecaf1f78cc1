//! Who may be believed: which members start, which are rebuilt, which are kept out.
//!
//! Place: `core/steps/start.rs` asks before it begins a session, `core/steps/readmit.rs`
//! before it takes a leg back, and a person's tools to show what would happen. Pure:
//! members in, a plan out. docs/mirror.md has the rules and their reasons.
//!
//! Read it in the order of the decision. `elect.rs` finds the newest record among those that
//! are evidence, or the sides that ran apart. `decide.rs` gives each member its role beside
//! that record. `missed.rs` says what a returning member needs. `explain.rs` says it all to a
//! person. `places.rs` comes before all that: it says which disk a member's number means,
//! where several claim it.
//!
//! Rules:
//!
//! - The order of the devices changes nothing but their indices in the answer.
//! - Nothing that can be decoded makes it panic. Records that no mirror writes get the
//!   answer that believes least.
//! - A member that calls itself anything but in sync is evidence of nothing.
//! - A member whose newest superblock may be lost is taken to have excluded all others by it:
//!   that is the worst it can have said. Its map shows what it wrote since.
//! - Marks outweigh superblocks: a member that missed something by the map of another
//!   member in sync is not in sync, whatever both call themselves.

mod candidate;
mod decide;
mod elect;
mod explain;
mod missed;
mod places;
mod types;

use alloc::vec::Vec;

use uuid::Uuid;

use crate::format::{Member, MemberId};
use candidate::{Candidate, present};

pub use explain::{BY_KEEP, BY_START_DEGRADED, InWords, Names};
pub use places::{Contest, Places, places};
pub use types::{Missed, Plan, Refusal, Role, Verdict};

/// Decides. `found` are the devices in any order; some of them are members. Where halves ran
/// apart, `keep` is the device whose half a person chose. It is no member's number.
pub fn assemble(found: &[Option<&Member>], keep: Option<usize>) -> Verdict {
    decided(found, keep, None).unwrap_or_else(Verdict::Refuse)
}

/// The same, but a person takes back the member `added`, whatever it was out for.
pub(crate) fn adding(found: &[Option<&Member>], added: MemberId) -> Verdict {
    decided(found, None, Some(added)).unwrap_or_else(Verdict::Refuse)
}

fn decided(
    found: &[Option<&Member>],
    keep: Option<usize>,
    added: Option<MemberId>,
) -> Result<Verdict, Refusal> {
    let present = present(found);
    one_set(&present)?;
    no_twins(&present)?;
    let elected = elect::elect(&present, keep)?;
    Ok(decide::decide(&present, elected, keep, added))
}

fn one_set(present: &[Candidate<'_>]) -> Result<(), Refusal> {
    let mut sets: Vec<Uuid> = present.iter().map(|it| it.superblock().set).collect();
    sets.sort();
    sets.dedup();
    if sets.len() > 1 { Err(Refusal::Sets(sets)) } else { Ok(()) }
}

/// Refuses two devices with the same identity: a disk and its copy.
fn no_twins(present: &[Candidate<'_>]) -> Result<(), Refusal> {
    let same =
        |a: Candidate<'_>, b: Candidate<'_>| (a.id(), a.own().uuid) == (b.id(), b.own().uuid);
    match present.windows(2).find(|pair| same(pair[0], pair[1])) {
        Some(pair) => Err(Refusal::Twins(pair[0].device, pair[1].device)),
        None => Ok(()),
    }
}
