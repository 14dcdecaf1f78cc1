//! The decision in words: what happened, where, and what to do next.
//!
//! Place: console, log and tools print these.

use core::fmt::{self, Display, Formatter};

use super::{Missed, Plan, Refusal, Role, Verdict};
use crate::format::Region;

/// So many stretches of regions are named; the others are counted.
const STRETCHES_SHOWN: usize = 8;

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Start(plan) => write!(f, "can start: {plan}"),
            Verdict::Hold { plan, missing } => {
                f.write_str("held: ")?;
                for slot in missing {
                    write!(
                        f,
                        "member {slot} was in sync and {}; ",
                        whereabouts(&plan.roles[*slot])
                    )?;
                }
                let it = if missing.len() == 1 { "it" } else { "them" };
                write!(f, "return {it}, or start without {it} by the message `start_degraded`")
            }
            Verdict::Refuse(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}

/// Where a member in sync is that holds a start.
fn whereabouts(role: &Role) -> &'static str {
    match role {
        Role::KeptOut { .. } => "another disk has its place",
        Role::Return { .. } => {
            "is no longer as it was left (restored from a snapshot, or rebuilt elsewhere)"
        }
        _ => "is not there",
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let members = self.roles.iter().enumerate().filter(|(_, role)| **role != Role::Empty);
        for (n, (slot, role)) in members.enumerate() {
            let comma = if n == 0 { "" } else { "; " };
            write!(f, "{comma}member {slot} is {role}")?;
        }
        Ok(())
    }
}

impl Display for Role {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Role::Empty => f.write_str("no member"),
            Role::Absent => f.write_str("not there, and need not be"),
            Role::Missing => f.write_str("not there, and was in sync"),
            Role::InSync { .. } => f.write_str("in sync"),
            Role::Return { missed, .. } => write!(f, "to be given {missed}"),
            Role::KeptOut { why, .. } => write!(f, "kept out: {why}"),
        }
    }
}

impl Display for Missed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Missed::Everything => f.write_str("everything"),
            Missed::Regions(regions) => write_regions(f, regions),
        }
    }
}

/// Writes `regions 3-5, 9`, or `nothing`.
fn write_regions(f: &mut Formatter<'_>, regions: &[Region]) -> fmt::Result {
    match regions {
        [] => return f.write_str("nothing"),
        [_] => f.write_str("region")?,
        _ => f.write_str("regions")?,
    }
    let mut rest = regions;
    for n in 0..STRETCHES_SHOWN {
        let [first, ..] = rest else { return Ok(()) };
        let in_row = |pair: &&[Region]| pair[0].0.checked_add(1) == Some(pair[1].0);
        let length = 1 + rest.windows(2).take_while(in_row).count();
        let comma = if n == 0 { "" } else { "," };
        match length {
            1 => write!(f, "{comma} {}", first.0)?,
            _ => write!(f, "{comma} {}-{}", first.0, rest[length - 1].0)?,
        }
        rest = &rest[length..];
    }
    if rest.is_empty() { Ok(()) } else { write!(f, " and {} more", rest.len()) }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoneInSync => f.write_str(
                "no device is a member that was in sync and shows all that others saw of it; \
                 attach one that is",
            ),
            Refusal::Sets(sets) => {
                f.write_str("the devices belong to different mirrors (set")?;
                sets.iter().try_for_each(|set| write!(f, " {set}"))?;
                f.write_str("); name those of one")
            }
            Refusal::Twins(a, b) => {
                write!(f, "devices {a} and {b} claim the same place; detach the one that is wrong")
            }
            Refusal::SplitBrain { sides, conflict } => {
                f.write_str("members")?;
                sides.iter().try_for_each(|slot| write!(f, " {slot}"))?;
                write!(
                    f,
                    " ran apart, and each may have what the others lack, in {conflict}; choose one \
                     by `keep=<member>`: what the others wrote apart is overwritten"
                )
            }
        }
    }
}
