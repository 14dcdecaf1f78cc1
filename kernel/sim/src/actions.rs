//! Short stories: what a client does and what goes wrong, one after the other.
//!
//! Place: [`crashes`](crate::crashes) plays them; tests go through all stories of an alphabet
//! (ACE: Mohan et al., "Finding crash-consistency bugs with bounded black-box crash testing",
//! OSDI 2018).
//!
//! A story is written as its actions with commas between: `w0+2,f,gone1,w1+2`.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use bio::{Extent, Sector, Sectors};

use crate::chooser::NoReplay;
use crate::history::Op;

/// One step of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A request, to its end.
    Op(Op),
    /// A leg fails, and its cache is lost.
    Fail(usize),
    /// A leg is unplugged. It keeps its power and its cache.
    Unplug(usize),
    /// A leg that is absent returns.
    Return(usize),
    /// A leg loses its cache silently.
    Blip(usize),
    /// The next flush on a leg fails, and drops the data that it should have made durable.
    Drop(usize),
    /// Time passes: all delayed work is done.
    Tick,
    /// A clean stop and a start.
    Restart,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, extent) = match self {
            Action::Op(Op::Read(extent)) => ("r", extent),
            Action::Op(Op::Write(extent)) => ("w", extent),
            Action::Op(Op::WriteFua(extent)) => ("W", extent),
            Action::Op(Op::Discard(extent)) => ("d", extent),
            Action::Op(Op::Flush) => return f.pad("f"),
            Action::Fail(leg) => return write!(f, "gone{leg}"),
            Action::Unplug(leg) => return write!(f, "unplug{leg}"),
            Action::Return(leg) => return write!(f, "back{leg}"),
            Action::Blip(leg) => return write!(f, "blip{leg}"),
            Action::Drop(leg) => return write!(f, "drop{leg}"),
            Action::Tick => return f.pad("tick"),
            Action::Restart => return f.pad("restart"),
        };
        write!(f, "{name}{extent}")
    }
}

impl FromStr for Action {
    type Err = NoReplay;

    fn from_str(text: &str) -> Result<Action, NoReplay> {
        let end = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        let (name, number) = text.split_at(end);
        let leg = || number.parse().map_err(|_| NoReplay);
        let extent = || {
            let (start, count) = number.split_once('+').ok_or(NoReplay)?;
            let number = |text: &str| text.parse().map_err(|_| NoReplay);
            Extent::try_new(Sector(number(start)?), Sectors(number(count)?)).ok_or(NoReplay)
        };
        Ok(match name {
            "r" => Action::Op(Op::Read(extent()?)),
            "w" => Action::Op(Op::Write(extent()?)),
            "W" => Action::Op(Op::WriteFua(extent()?)),
            "d" => Action::Op(Op::Discard(extent()?)),
            "f" => Action::Op(Op::Flush),
            "gone" => Action::Fail(leg()?),
            "unplug" => Action::Unplug(leg()?),
            "back" => Action::Return(leg()?),
            "blip" => Action::Blip(leg()?),
            "drop" => Action::Drop(leg()?),
            "tick" => Action::Tick,
            "restart" => Action::Restart,
            _ => return Err(NoReplay),
        })
    }
}

/// A story in its written form.
pub(crate) struct Story<'a>(pub(crate) &'a [Action]);

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, action) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{action}")?;
        }
        Ok(())
    }
}

/// Reads a story from its written form.
pub(crate) fn story(text: &str) -> Result<Vec<Action>, NoReplay> {
    match text {
        "" => Ok(Vec::new()),
        text => text.split(',').map(str::parse).collect(),
    }
}

/// Every story of up to `length_max` actions out of `alphabet`, the shorter ones first.
///
/// ```
/// use sim::{Action, Op, sequences};
/// let all: Vec<_> = sequences(&[Action::Op(Op::Flush), Action::Tick], 2).collect();
/// assert_eq!(all.len(), 2 + 4);
/// assert_eq!(all[3], [Action::Op(Op::Flush), Action::Tick]);
/// ```
pub fn sequences(alphabet: &[Action], length_max: u32) -> impl Iterator<Item = Vec<Action>> {
    (1..=length_max).flat_map(move |length| {
        let count = alphabet.len().pow(length);
        let nth = move |number: usize| {
            let places = (0..length).rev();
            let letter = |place| alphabet[number / alphabet.len().pow(place) % alphabet.len()];
            places.map(letter).collect()
        };
        (0..count).map(nth)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    #[test]
    fn a_story_is_read_as_it_is_written() {
        let text = "w0+2,W1+2,r0+3,d2+1,f,gone1,unplug0,back1,blip0,drop1,tick,restart";
        let actions = story(text).unwrap();
        assert_eq!(actions.len(), 12);
        assert_eq!(Story(&actions).to_string(), text);
        assert!(["w", "w1", "x", "gone", "w0+2,"].iter().all(|text| story(text).is_err()));
        let none: String = Story(&[]).to_string();
        assert_eq!(story(&none), Ok(Vec::new()));
    }
}
