//! Parses a line to a command, or to an error that a person can act on.
//!
//! Place: between [`crate::LineEditor`] and the console's dispatch. Words come
//! from [`crate::token`], the grammar from the table [`COMMANDS`].

use crate::Command;
pub use crate::error::ParseError;
use crate::error::shown;
use crate::nearest::nearest;
use crate::spec::{COMMANDS, CommandSpec, head, unknown};
use crate::token::{Token, tokenize};
use crate::usage::Args;
use alloc::format;
use alloc::vec::Vec;

/// Reads one line; `None` if it is blank or a comment.
///
/// ```
/// use shell::{Command, parse};
/// assert_eq!(parse("flush m0"), Ok(Some(Command::Flush { dev: "m0".into() })));
/// assert_eq!(parse("  # nothing"), Ok(None));
/// assert_eq!(parse("flsh m0").unwrap_err().next, "did you mean `flush`? help lists the commands");
/// ```
pub fn parse(line: &str) -> Result<Option<Command>, ParseError> {
    parse_with(line, None)
}

/// The same with the here-document that follows the line ([`crate::document`]).
///
/// ```
/// use shell::{Command, Dmsetup, parse::parse_with};
/// let load = parse_with("dmsetup load m0 <<END", Some("0 8 zero\n8 8 error\n"));
/// let (name, table) = ("m0".into(), "0 8 zero\n8 8 error\n".into());
/// assert_eq!(load, Ok(Some(Command::Dmsetup(Dmsetup::Load { name, table }))));
/// ```
pub fn parse_with(line: &str, document: Option<&str>) -> Result<Option<Command>, ParseError> {
    let tokens = tokenize(line)?;
    let Some((first, rest)) = tokens.split_first() else { return Ok(None) };
    let end = rest.last().unwrap_or(first).end;
    let (spec, words) = find(first, rest)?;
    let args = Args::bind(spec.name, spec.usage, words, end, document)?;
    (spec.build)(&args).map(Some)
}

/// Finds the command that the first word names, or the first two words. The words after the
/// name are its arguments.
fn find<'t>(
    first: &Token,
    words: &'t [Token],
) -> Result<(&'static CommandSpec, &'t [Token]), ParseError> {
    let group: Vec<&CommandSpec> = COMMANDS.iter().filter(|s| head(s) == first.text).collect();
    match group[..] {
        [] => Err(unknown(&first.text, first.column)),
        [spec] if spec.name == first.text => Ok((spec, words)),
        _ => {
            let names: Vec<&str> = group.iter().filter_map(|s| s.name.split(' ').nth(1)).collect();
            let listed =
                group.iter().filter(|s| !s.hidden).filter_map(|s| s.name.split(' ').nth(1));
            let list =
                format!("{} takes one of: {}", first.text, listed.collect::<Vec<_>>().join(", "));
            let Some((second, words)) = words.split_first() else {
                let what = format!("{} does nothing by itself", first.text);
                return Err(ParseError { column: first.end, what, next: list });
            };
            let found = names.iter().position(|name| *name == second.text);
            found.map(|index| (group[index], words)).ok_or_else(|| {
                let what = format!("{} knows no {}", first.text, shown(&second.text));
                let next = match nearest(&second.text, names.iter().copied()) {
                    Some(near) => format!("did you mean `{} {near}`? {list}", first.text),
                    None => list,
                };
                ParseError { column: second.column, what, next }
            })
        }
    }
}

#[cfg(test)]
mod tests;
