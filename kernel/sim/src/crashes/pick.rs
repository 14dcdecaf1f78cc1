//! One case of an enumeration, and the line that names it: `crash=w0+2,f/0/12.3.-/7.0.1` is the
//! story `w0+2,f` in order 0 with two crashes. The first comes at moment 12 and leaves image 3;
//! all legs are there afterwards. The second comes in the recovery, at moment 7, leaves image
//! 0, and leg 1 is absent afterwards. A fourth number of a crash says which record has gone
//! bad, and how.
//!
//! A story `w0+2,f;w1+1` means that a client writes sector 1 after each recovery. An order
//! `0@1.5+` means that action 1 (`f`) comes 5 events after the action before has begun, and
//! that a client reads as soon as a recovered device runs.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::actions::{Action, Story, story};
use crate::chooser::{Chooser, NoReplay, Replay, Seeded, Trace};

/// A crash: when, what is left, and which leg the next start does not find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) point: u64,
    pub(super) image: u64,
    pub(super) absent: Option<usize>,
    /// Which record has gone bad, and how.
    pub(super) rot: Option<usize>,
}

/// An action that does not wait for the end of the action before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Early {
    /// The action.
    pub(super) action: usize,
    /// How many events happen in between.
    pub(super) events: u64,
}

/// How a story is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Variant {
    /// The order of events: 0 the oldest first, 1 the newest first, else a seed.
    pub(super) schedule: u64,
    pub(super) early: Option<Early>,
    /// A client reads as soon as a recovered device runs.
    pub(super) eager: bool,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) actions: Vec<Action>,
    /// What a client does after each recovery.
    pub(super) then: Vec<Action>,
    pub(super) variant: Variant,
    pub(super) picks: Vec<Pick>,
}

impl Variant {
    /// Who decides on the order of events.
    pub(super) fn chooser(&self) -> Box<dyn Chooser> {
        match self.schedule {
            0 => Box::new(Replay::new(Vec::new())),
            1 => Box::new(Newest(Trace::default())),
            seed => Box::new(Seeded::new(seed)),
        }
    }
}

/// Takes the last alternative: the newest request of the last leg.
struct Newest(Trace);

impl Chooser for Newest {
    fn choose(&mut self, n: usize, _what: &'static str) -> usize {
        n - 1
    }

    fn trace(&self) -> &Trace {
        &self.0
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash={}", Story(&self.actions))?;
        if !self.then.is_empty() {
            write!(f, ";{}", Story(&self.then))?;
        }
        let Variant { schedule, early, eager } = self.variant;
        write!(f, "/{schedule}")?;
        if let Some(Early { action, events }) = early {
            write!(f, "@{action}.{events}")?;
        }
        f.write_str(if eager { "+" } else { "" })?;
        for Pick { point, image, absent, rot } in &self.picks {
            match absent {
                Some(leg) => write!(f, "/{point}.{image}.{leg}")?,
                None => write!(f, "/{point}.{image}.-")?,
            }
            if let Some(rot) = rot {
                write!(f, ".{rot}")?;
            }
        }
        Ok(())
    }
}

impl Case {
    /// The case of a line.
    pub(super) fn parse(line: &str) -> Result<Case, NoReplay> {
        let mut parts = line.trim().strip_prefix("crash=").ok_or(NoReplay)?.split('/');
        let stories = parts.next().ok_or(NoReplay)?;
        let (first, then) = stories.split_once(';').unwrap_or((stories, ""));
        let (actions, then) = (story(first)?, story(then)?);
        let variant = variant(parts.next().ok_or(NoReplay)?)?;
        let picks = parts.map(pick).collect::<Result<_, _>>()?;
        Ok(Case { actions, then, variant, picks })
    }
}

fn variant(text: &str) -> Result<Variant, NoReplay> {
    let (text, eager) = text.strip_suffix('+').map_or((text, false), |plain| (plain, true));
    let (schedule, early) = match text.split_once('@') {
        Some((schedule, early)) => {
            let (action, events) = early.split_once('.').ok_or(NoReplay)?;
            (schedule, Some(Early { action: number(action)? as usize, events: number(events)? }))
        }
        None => (text, None),
    };
    Ok(Variant { schedule: number(schedule)?, early, eager })
}

fn pick(text: &str) -> Result<Pick, NoReplay> {
    let mut parts = text.split('.');
    let mut next = || parts.next().ok_or(NoReplay);
    let (point, image, absent) = (number(next()?)?, number(next()?)?, next()?);
    let absent = if absent == "-" { None } else { Some(number(absent)? as usize) };
    let rot = parts.next().map(number).transpose()?.map(|rot| rot as usize);
    Ok(Pick { point, image, absent, rot })
}

fn number(text: &str) -> Result<u64, NoReplay> {
    text.parse().map_err(|_| NoReplay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_case_is_read_as_it_is_written() {
        let lines = ["crash=w0+2,f/0/12.3.-/7.0.1", "crash=w0+2,gone1;W1+1,tick/3@1.5+/0.0.-"];
        for line in lines {
            assert_eq!(Case::parse(line).unwrap().to_string(), line);
        }
        for line in ["w0+2/0", "crash=w0+2", "crash=w0+2/0@1", "crash=w0+2/0/1.2"] {
            assert_eq!(Case::parse(line), Err(NoReplay), "{line}");
        }
    }
}
