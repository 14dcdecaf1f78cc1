//! An entry of the table of commands, and how several entries read their words.

use crate::Command;
use crate::error::{ParseError, shown};
use crate::usage::{Args, usage_line};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// One command.
#[derive(Debug)]
pub struct CommandSpec {
    /// One or two words, such as `read` or `dmsetup create`.
    pub name: &'static str,
    /// The words after the name: `DEV OFFSET [LENGTH]`. Empty if there are none.
    pub usage: &'static str,
    /// What it does, in one line without a full stop.
    pub summary: &'static str,
    /// A whole line that parses.
    pub example: &'static str,
    /// Left out of the list of commands.
    pub hidden: bool,
    pub(crate) build: fn(&Args<'_>) -> Result<Command, ParseError>,
}

impl CommandSpec {
    /// The usage as an error or `help` shows it.
    pub fn usage_line(&self) -> String {
        usage_line(self.name, self.usage)
    }
}

/// An entry that help lists.
pub(super) const fn spec(
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    example: &'static str,
    build: fn(&Args<'_>) -> Result<Command, ParseError>,
) -> CommandSpec {
    CommandSpec { name, usage, summary, example, hidden: false, build }
}

/// One of these words.
pub(super) fn one_of(args: &Args<'_>, name: &str, words: &str) -> Result<String, ParseError> {
    let token = args.word(name);
    match words.split(' ').find(|word| *word == token.text) {
        Some(word) => Ok(word.into()),
        None => {
            let what = format!("{} is none of: {words}", shown(&token.text));
            Err(args.refuse(token.column, what))
        }
    }
}

/// The number of a leg.
pub(super) fn leg(args: &Args<'_>) -> Result<usize, ParseError> {
    // A number beyond usize is no leg, like any other large number.
    Ok(usize::try_from(args.number("LEG")?).unwrap_or(usize::MAX))
}

/// All words of this name, each the name of a device.
pub(super) fn names(args: &Args<'_>, name: &str) -> Result<Vec<String>, ParseError> {
    args.all(name).map(|token| args.name_in(token)).collect()
}
