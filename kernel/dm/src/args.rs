//! The words of a table entry, and how a target reads its own.
//!
//! Place: the table parser makes an [`Args`] of each line;
//! [`TargetType::create`](crate::TargetType::create) takes words from it in
//! the order of its grammar. `context.rs` opens the devices that they name.
//!
//! Rule: a refusal names the column of the word it is about, and says what to
//! do. Columns count characters from 1, as editors do.
//!
//! ```
//! use dm::Args;
//! let mut args = Args::new("core 2 1024 nosync rest");
//! assert_eq!(args.next("log type")?.text, "core");
//! let mut log = args.group("log arguments")?;
//! assert_eq!(log.number("region size")?, 1024);
//! assert_eq!(log.next_if("nosync").is_some(), true);
//! log.end()?;
//! let error = args.number("device count").unwrap_err();
//! assert_eq!((error.column, error.reason.as_str()), (20, "`rest` is no device count; give a number"));
//! # Ok::<(), dm::ArgError>(())
//! ```

use alloc::format;
use alloc::string::String;
use core::fmt;

/// A word of a table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// What it says.
    pub text: &'a str,
    /// Where it begins in its line.
    pub column: usize,
}

/// Why a table entry was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgError {
    /// Where in its line. For a missing word: the end of the line, or of the group.
    pub column: usize,
    /// Why, and what to do.
    pub reason: String,
}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl core::error::Error for ArgError {}

impl<'a> Word<'a> {
    /// A refusal of this word.
    pub fn refuse(&self, reason: impl Into<String>) -> ArgError {
        ArgError { column: self.column, reason: reason.into() }
    }

    /// The word as a decimal number; `what` names it in the refusal.
    pub fn number(&self, what: &str) -> Result<u64, ArgError> {
        self.number_up_to(what, u64::MAX)
    }

    /// The word as a decimal number of at most `max`.
    pub fn number_up_to(&self, what: &str, max: u64) -> Result<u64, ArgError> {
        let text = self.text;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.refuse(format!("`{text}` is no {what}; give a number")));
        }
        let number = text.parse().ok().filter(|number| *number <= max);
        number.ok_or_else(|| self.refuse(format!("{what} {text} is too large; give at most {max}")))
    }
}

/// The words of a line, or of a counted group in it, that are still to be read.
#[derive(Clone, Debug)]
pub struct Args<'a> {
    rest: &'a str,
    /// The column at which `rest` begins.
    column: usize,
}

impl<'a> Args<'a> {
    /// All words of `line`.
    pub fn new(line: &'a str) -> Args<'a> {
        Args { rest: line, column: 1 }.trimmed()
    }

    /// The next word. If there is none, `what` names it in the refusal.
    pub fn next(&mut self, what: &str) -> Result<Word<'a>, ArgError> {
        self.take().ok_or_else(|| ArgError {
            column: self.column,
            reason: format!("{what} is missing; add it here"),
        })
    }

    /// The next word if it is `text`.
    pub fn next_if(&mut self, text: &str) -> Option<Word<'a>> {
        let word = self.peek()?;
        if word.text == text { self.take() } else { None }
    }

    /// The next word, without taking it.
    pub fn peek(&self) -> Option<Word<'a>> {
        self.clone().take()
    }

    /// The next word as a decimal number.
    pub fn number(&mut self, what: &str) -> Result<u64, ArgError> {
        self.next(what)?.number(what)
    }

    /// The next word as a decimal number of at most `max`.
    pub fn number_up_to(&mut self, what: &str, max: u64) -> Result<u64, ArgError> {
        self.next(what)?.number_up_to(what, max)
    }

    /// A count, and that many words after it as `Args` of their own. `what`
    /// names them, in the plural.
    pub fn group(&mut self, what: &str) -> Result<Args<'a>, ArgError> {
        let word = self.next(&format!("number of {what}"))?;
        let count = word.number(&format!("number of {what}"))?;
        let start = self.clone();
        for found in 0..count {
            if self.take().is_none() {
                let reason =
                    format!("{count} {what} announced, but {found} follow; correct the number");
                return Err(word.refuse(reason));
            }
        }
        let rest = start.rest[..start.rest.len() - self.rest.len()].trim_end();
        Ok(Args { rest, ..start })
    }

    /// Where the next word begins, or is missing.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Refuses whatever is left.
    pub fn end(&self) -> Result<(), ArgError> {
        match self.peek() {
            None => Ok(()),
            Some(word) => {
                Err(word.refuse(format!("`{}` is one word too many; remove it", word.text)))
            }
        }
    }

    fn take(&mut self) -> Option<Word<'a>> {
        let length = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        if length == 0 {
            return None;
        }
        let word = Word { text: &self.rest[..length], column: self.column };
        *self = self.skip(length).trimmed();
        Some(word)
    }

    /// Without the white space in front. If no word is left, the column stays right behind the
    /// last one.
    fn trimmed(self) -> Args<'a> {
        let blank = self.rest.len() - self.rest.trim_start().len();
        if blank == self.rest.len() { Args { rest: "", ..self } } else { self.skip(blank) }
    }

    /// Without the first `bytes`.
    fn skip(&self, bytes: usize) -> Args<'a> {
        let (skipped, rest) = self.rest.split_at(bytes);
        Args { rest, column: self.column + skipped.chars().count() }
    }
}
