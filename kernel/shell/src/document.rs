//! Here-documents: a command and the lines after it that belong to it.
//!
//! Place: between [`crate::LineEditor`], whose lines it collects, and
//! [`crate::parse_with`].
//!
//! Rules, a POSIX shell's: a word `<<END` (any word for END, not quoted) says that the lines up
//! to one that is just `END` belong to the command, whatever happens to the command. So a line
//! of a document never runs as a command, even if its own command is refused. A document is not
//! run if one of its lines was not received whole, or if it is longer than
//! [`DOCUMENT_BYTES_MAX`].

use crate::token::here_document;
use alloc::string::String;
use core::mem;

/// The longest document, in bytes of UTF-8.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// Puts lines and their documents together.
///
/// ```
/// use shell::{Documents, Entered, Taken};
/// let mut documents = Documents::default();
/// assert_eq!(documents.take("dmsetup create d <<END".into()), Taken::More);
/// assert_eq!(documents.take("0 8 zero".into()), Taken::More);
/// let entered = Entered {
///     line: "dmsetup create d <<END".into(),
///     document: Some("0 8 zero\n".into()),
/// };
/// assert_eq!(documents.take("END".into()), Taken::Whole(entered));
/// ```
#[derive(Debug, Default)]
pub struct Documents {
    open: Option<Open>,
}

/// A document that has not ended yet.
#[derive(Debug)]
struct Open {
    line: String,
    end: String,
    text: String,
    /// A part of it is missing.
    spoilt: bool,
}

/// A command's line, and its document if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// The line.
    pub line: String,
    /// The lines after it, each with its end.
    pub document: Option<String>,
}

/// What a line led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// More lines belong to it.
    More,
    /// A command to be run.
    Whole(Entered),
    /// A document ended that is not whole. It is thrown away.
    Spoilt,
}

impl Documents {
    /// Takes a line.
    pub fn take(&mut self, line: String) -> Taken {
        let Some(open) = &mut self.open else { return self.begin(line) };
        if line.trim() != open.end {
            open.spoilt |= open.text.len() + line.len() >= DOCUMENT_BYTES_MAX;
            if !open.spoilt {
                open.text.push_str(&line);
                open.text.push('\n');
            }
            return Taken::More;
        }
        let open = self.open.take().expect("a document is open");
        if open.spoilt {
            return Taken::Spoilt;
        }
        Taken::Whole(Entered { line: open.line, document: Some(open.text) })
    }

    fn begin(&mut self, line: String) -> Taken {
        match here_document(&line) {
            Some(end) => {
                self.open = Some(Open { line, end, text: String::new(), spoilt: false });
                Taken::More
            }
            None => Taken::Whole(Entered { line, document: None }),
        }
    }

    /// A line was not received whole. Returns whether it belonged to a document.
    pub fn spoil(&mut self) -> bool {
        self.open.as_mut().map(|open| open.spoilt = true).is_some()
    }

    /// Throws away the document that is open; returns its end, if there is one.
    pub fn abandon(&mut self) -> Option<String> {
        mem::take(&mut self.open).map(|open| open.end)
    }

    /// Whether the next line belongs to a document.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(lines: &[&str]) -> Taken {
        let mut documents = Documents::default();
        let (last, before) = lines.split_last().unwrap();
        for line in before {
            assert_eq!(documents.take((*line).into()), Taken::More, "{line}");
            assert!(documents.is_open());
        }
        let taken = documents.take((*last).into());
        assert!(!documents.is_open(), "{last}");
        taken
    }

    fn whole(line: &str, document: Option<&str>) -> Taken {
        Taken::Whole(Entered { line: line.into(), document: document.map(String::from) })
    }

    #[test]
    fn a_line_without_a_document_is_whole() {
        for line in ["", "disks", "write m0 0 '<<END'", "write m0 0 \\<<END", "a <<", "a # <<END"] {
            assert_eq!(feed(&[line]), whole(line, None), "{line}");
        }
    }

    #[test]
    fn a_document_has_all_lines_up_to_its_end() {
        let line = "dmsetup load m <<'' <<E --x";
        assert_eq!(feed(&[line, "E"]), whole(line, Some("")));
        let lines = [line, " a 'b", "", "E E", "<<F", "poweroff", " E\t"];
        assert_eq!(feed(&lines), whole(line, Some(" a 'b\n\nE E\n<<F\npoweroff\n")));
    }

    #[test]
    fn what_is_not_whole_is_not_run_and_swallows_its_lines() {
        let mut documents = Documents::default();
        assert!(!documents.spoil());
        documents.take("x <<E".into());
        assert!(documents.spoil());
        assert_eq!(documents.take("poweroff".into()), Taken::More);
        assert_eq!(documents.take("E".into()), Taken::Spoilt);
        assert_eq!(documents.take("disks".into()), whole("disks", None));

        let quarter = "x".repeat(DOCUMENT_BYTES_MAX / 4 - 1);
        let fits = feed(&["x <<E", &quarter, &quarter, &quarter, &quarter, "E"]);
        assert!(matches!(fits, Taken::Whole(_)));
        assert_eq!(
            feed(&["x <<E", &quarter, &quarter, &quarter, &quarter, "", "E"]),
            Taken::Spoilt
        );
    }

    #[test]
    fn an_abandoned_document_is_gone() {
        let mut documents = Documents::default();
        assert_eq!(documents.abandon(), None);
        documents.take("x <<E".into());
        assert_eq!(documents.abandon(), Some("E".into()));
        assert_eq!(documents.take("disks".into()), whole("disks", None));
    }
}
