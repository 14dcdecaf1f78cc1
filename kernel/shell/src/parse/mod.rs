//! A line to a command, or to an error that a person can act on.
//!
//! Place: between [`crate::LineEditor`] and the console's dispatch. Words come
//! from [`crate::token`], the grammar from the table [`COMMANDS`].

use crate::spec::{COMMANDS, CommandSpec};
use crate::token::{Token, TokenError, TokenFault, tokenize};
use crate::usage::Args;
use crate::{Command, help};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// Characters of a wrong word that an error repeats.
const WORD_SHOWN_MAX: usize = 32;

/// Why a line is no command.
///
/// ```
/// let error = shell::parse("read vbd0 12x").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "column 11: `12x` ends in 'x', which is no unit: s (sectors), K, M or G\n\
///      usage: read DEV OFFSET [LENGTH]",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Where, in characters from 1; one past the line's end if a word is
    /// missing there.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do next: the command's usage line, or a near command.
    pub next: String,
}

impl fmt::Display for ParseError {
    /// Two lines: where and what, then what to do next.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}\n{}", self.column, self.what, self.next)
    }
}

impl core::error::Error for ParseError {}

impl From<TokenError> for ParseError {
    fn from(error: TokenError) -> Self {
        let next = match error.why {
            TokenFault::OpenQuote(quote) => {
                format!("close it, or write \\{quote} for the character itself")
            }
            TokenFault::TrailingBackslash => "write \\\\ for a backslash".into(),
            TokenFault::UnknownEscape(_) => {
                "the escapes are \\\\ \\\" \\n \\t; between single quotes there are none".into()
            }
            TokenFault::Unprintable => "type the line again; write --hex takes any bytes".into(),
        };
        Self { column: error.column, what: error.why.to_string(), next }
    }
}

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
    let args = Args::bind(spec, words, end, document)?;
    (spec.build)(&args).map(Some)
}

/// Finds the command that the first word names, or it and the next; the words
/// after its name are its own.
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

/// The first word of a command's name.
fn head(spec: &CommandSpec) -> &'static str {
    spec.name.split(' ').next().unwrap_or(spec.name)
}

/// Refuses a help topic that no command's name starts with.
pub(crate) fn check_topic(topic: &str, column: usize) -> Result<(), ParseError> {
    match help::matching(topic).next() {
        Some(_) => Ok(()),
        None => Err(unknown(topic, column)),
    }
}

fn unknown(word: &str, column: usize) -> ParseError {
    let what = format!("{} is no command", shown(word));
    // `create` is as good a guess at `dmsetup create` as `dmsteup` at `dmsetup`.
    let whole = COMMANDS.iter().find(|spec| spec.name.split(' ').nth(1) == Some(word));
    let near = whole
        .map(|spec| spec.name)
        .or_else(|| nearest(word, COMMANDS.iter().flat_map(|spec| [head(spec), spec.name])));
    let next = match near {
        Some(near) => format!("did you mean `{near}`? help lists the commands"),
        None => "help lists the commands".into(),
    };
    ParseError { column, what, next }
}

/// A word as an error shows it: quoted, escaped, and cut when long.
pub(crate) fn shown(word: &str) -> String {
    let mut text: String = word.chars().take(WORD_SHOWN_MAX).flat_map(char::escape_debug).collect();
    if word.chars().nth(WORD_SHOWN_MAX).is_some() {
        text.push_str("...");
    }
    format!("`{text}`")
}

/// The name that `word` is most likely a slip of, if any: up to a third of its
/// letters wrong, missing, added or swapped with their neighbour.
fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let word: Vec<char> =
        word.chars().take(WORD_SHOWN_MAX).map(|c| c.to_ascii_lowercase()).collect();
    let limit = word.len().div_ceil(3);
    names
        .map(|name| (distance(&word, &name.chars().collect::<Vec<_>>()), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edit distance with swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for j in 0..b.len() {
            let same = above[j] + usize::from(a[i] != b[j]);
            let mut best = same.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = core::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests;
