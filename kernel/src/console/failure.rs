//! Why a command did not do what it was asked to do.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use dm::{DmError, MessageError};
use shell::ParseError;

/// Text for a person: what happened and where, then what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    what: String,
    /// Empty, or lines that each begin with a line end.
    next: String,
    /// A mirror is left that waits for a person's word.
    asks: bool,
}

impl Failure {
    /// What happened, and where.
    pub fn new(what: String) -> Failure {
        Failure { what, next: String::new(), asks: false }
    }

    /// Says more about what happened, in a line of its own.
    pub fn add(&mut self, line: &str) {
        self.what.push('\n');
        self.what.push_str(line);
    }

    /// The same failure, leaving a mirror that waits for a person's word. A script that gives
    /// the word in its next command has not failed.
    pub fn asking(self) -> Failure {
        Failure { asks: true, ..self }
    }

    /// Whether the next command may answer it.
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// The same failure, with a line that says what to do next.
    pub fn and(mut self, line: &str) -> Failure {
        self.next.push('\n');
        self.next.push_str(line);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.what, self.next)
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Failure {
        Failure::new(error.to_string())
    }
}

impl From<DmError> for Failure {
    fn from(error: DmError) -> Failure {
        Failure::new(error.to_string())
    }
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Failure {
        Failure::new(format!("refused: {error}"))
    }
}
