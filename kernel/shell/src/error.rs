//! Why a line is no command, in words that a person can act on.
//!
//! Place: returned by [`crate::parse()`], and by all code that reads the words of a command.

use crate::token::{TokenError, TokenFault};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

/// Characters of a wrong word that an error repeats.
pub(crate) const WORD_SHOWN_MAX: usize = 32;

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

/// A word as an error shows it: quoted, escaped, and cut when long.
pub(crate) fn shown(word: &str) -> String {
    let mut text: String = word.chars().take(WORD_SHOWN_MAX).flat_map(char::escape_debug).collect();
    if word.chars().nth(WORD_SHOWN_MAX).is_some() {
        text.push_str("...");
    }
    format!("`{text}`")
}
