//! One case of an enumeration, and the line that names it:
//! `crash=w0+2,f/0/12.3.-/7.0.1` is the story `w0+2,f` in schedule 0, a crash
//! at moment 12 of which image 3 is left, and in the recovery from that, with
//! all legs there, one at moment 7, image 0, after which leg 1 is absent. `0+`
//! for the schedule: a client reads as soon as the device runs.

use alloc::vec::Vec;
use core::fmt;

use crate::actions::{Action, story};
use crate::chooser::NoReplay;

/// A crash: when, what is left, and which leg the next start does not find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) point: u64,
    pub(super) image: u64,
    pub(super) absent: Option<usize>,
}

pub(super) struct Picks<'a>(pub(super) &'a [Pick]);

impl fmt::Display for Picks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Pick { point, image, absent } in self.0 {
            match absent {
                Some(leg) => write!(f, "/{point}.{image}.{leg}")?,
                None => write!(f, "/{point}.{image}.-")?,
            }
        }
        Ok(())
    }
}

/// The story, the schedule, whether the client is eager, and the crashes of a line.
pub(super) fn parse(line: &str) -> Result<(Vec<Action>, u64, bool, Vec<Pick>), NoReplay> {
    let mut parts = line.trim().strip_prefix("crash=").ok_or(NoReplay)?.split('/');
    let actions = story(parts.next().ok_or(NoReplay)?)?;
    let schedule = parts.next().ok_or(NoReplay)?;
    let plain = schedule.strip_suffix('+');
    let eager = plain.is_some();
    let schedule = number(plain.or(Some(schedule)))?;
    Ok((actions, schedule, eager, parts.map(pick).collect::<Result<_, _>>()?))
}

fn pick(text: &str) -> Result<Pick, NoReplay> {
    let mut parts = text.split('.');
    let (point, image) = (number(parts.next())?, number(parts.next())?);
    let absent = match parts.next().ok_or(NoReplay)? {
        "-" => None,
        leg => Some(leg.parse().map_err(|_| NoReplay)?),
    };
    Ok(Pick { point, image, absent })
}

fn number(text: Option<&str>) -> Result<u64, NoReplay> {
    text.and_then(|text| text.parse().ok()).ok_or(NoReplay)
}
