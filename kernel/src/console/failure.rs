//! Why a command did not do what it was asked for.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use dm::{DmError, MessageError};
use shell::ParseError;

/// Text for a person, of one line or more: what happened, where, what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure of one line, to which others may be added.
    pub fn new(what: String) -> Failure {
        Failure(what)
    }

    /// Adds a line.
    pub fn add(&mut self, line: String) {
        self.0.push('\n');
        self.0.push_str(&line);
    }

    /// The same with another line: what to do next.
    pub fn and(mut self, line: &str) -> Failure {
        self.add(line.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Failure {
        Failure(error.to_string())
    }
}

impl From<DmError> for Failure {
    fn from(error: DmError) -> Failure {
        Failure(error.to_string())
    }
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Failure {
        Failure(format!("refused: {error}"))
    }
}
