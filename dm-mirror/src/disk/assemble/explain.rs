//! The decision in words: what happened, where, and what to do next.
//!
//! Place: console, log and tools print these.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter};

use super::types::{Missed, Plan, Refusal, Role, Verdict};
use crate::format::{MemberId, Region};

/// So many stretches of regions are named; the others are counted.
const STRETCHES_SHOWN: usize = 8;

/// How a target's user answers a hold: what a console that has a command of its own
/// leaves out.
pub const BY_START_DEGRADED: &str = " by the message `start_degraded`";

/// How a target's user chooses between halves; likewise.
pub const BY_KEEP: &str =
    "; choose one by the message `keep <leg>`: what the others wrote apart is overwritten";

/// How a device is called, by its index among those given.
pub type Names<'a> = &'a dyn Fn(usize) -> String;

/// A decision in words that call devices by names.
pub struct InWords<'a> {
    verdict: &'a Verdict,
    name: Names<'a>,
}

impl Verdict {
    /// The decision in words, with the devices called by `name`.
    pub fn in_words<'a>(&'a self, name: Names<'a>) -> InWords<'a> {
        InWords { verdict: self, name }
    }
}

/// Devices are called by their index.
impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.in_words(&|device| format!("device {device}")).fmt(f)
    }
}

impl Display for InWords<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.verdict {
            Verdict::Start(plan) => write!(f, "can start: {plan}"),
            Verdict::Hold { plan, missing } => self.fmt_hold(f, plan, missing),
            Verdict::Refuse(refusal) => {
                f.write_str("refused: ")?;
                self.fmt_refusal(f, refusal)
            }
        }
    }
}

impl InWords<'_> {
    fn fmt_hold(&self, f: &mut Formatter<'_>, plan: &Plan, missing: &[MemberId]) -> fmt::Result {
        f.write_str("held: ")?;
        for &member in missing {
            write!(f, "member {member} was in sync and ")?;
            match *plan.role(member) {
                Role::KeptOut { device, .. } => {
                    write!(f, "is not there: {} is another disk", (self.name)(device))?;
                }
                Role::Return { device, .. } => write!(
                    f,
                    "{} is no longer as it was left (restored from a snapshot, or rebuilt \
                     elsewhere)",
                    (self.name)(device)
                )?,
                Role::Empty | Role::Absent | Role::Missing | Role::InSync { .. } => {
                    f.write_str("is not there")?;
                }
            }
            f.write_str("; ")?;
        }
        let it = if missing.len() == 1 { "it" } else { "them" };
        write!(f, "return {it}, or start without {it}{BY_START_DEGRADED}")
    }

    fn fmt_refusal(&self, f: &mut Formatter<'_>, refusal: &Refusal) -> fmt::Result {
        match refusal {
            Refusal::NoneInSync => f.write_str(
                "no device is a member that was in sync and is as new as the others last saw it; \
                 attach one that is",
            ),
            Refusal::Sets(sets) => {
                f.write_str("the devices belong to different mirrors (set")?;
                sets.iter().try_for_each(|set| write!(f, " {set}"))?;
                f.write_str("); name those of one")
            }
            Refusal::Twins(a, b) => {
                let (a, b) = ((self.name)(*a), (self.name)(*b));
                write!(f, "{a} and {b} claim the same place; detach the one that is wrong")
            }
            Refusal::SplitBrain { sides, conflict } => {
                for (n, side) in sides.iter().enumerate() {
                    f.write_str(if n == 0 { "" } else { "; " })?;
                    let names: Vec<String> = side.iter().map(|it| (self.name)(*it)).collect();
                    f.write_str(&names.join(" with "))?;
                }
                write!(
                    f,
                    ": these ran apart, and each may have what the others lack, in \
                     {conflict}{BY_KEEP}"
                )
            }
        }
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
