//! The lines entered before, and the line that a person who leafs through them has reached.
//!
//! Place: owned by [`crate::LineEditor`]. Bounded: the oldest line goes first.

use alloc::collections::VecDeque;
use alloc::string::String;

/// Lines kept.
pub const HISTORY_LINES_MAX: usize = 64;

/// Earlier lines, oldest first.
///
/// ```
/// use shell::history::History;
/// let mut history = History::default();
/// history.add("disks");
/// assert_eq!(history.older("half a li"), Some("disks"));
/// assert_eq!(history.newer(), Some("half a li"));
/// ```
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<String>,
    /// The line shown, while leafing; `None` while the person types a new one.
    shown: Option<usize>,
    /// The unfinished line that leafing interrupted.
    draft: String,
}

impl History {
    /// Adds a line and ends leafing. Blank lines, and a line that repeats the
    /// one before it, are not kept.
    pub fn add(&mut self, line: &str) {
        self.leave();
        if line.trim().is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == HISTORY_LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line.into());
    }

    /// The next older line, if there is one. `current` is what the person has
    /// typed so far; it is kept for the way back.
    pub fn older(&mut self, current: &str) -> Option<&str> {
        let next = self.shown.unwrap_or(self.lines.len()).checked_sub(1)?;
        if self.shown.is_none() {
            self.draft = current.into();
        }
        self.shown = Some(next);
        Some(&self.lines[next])
    }

    /// The next newer line; after the newest the unfinished one; then nothing.
    pub fn newer(&mut self) -> Option<&str> {
        let next = self.shown? + 1;
        if next < self.lines.len() {
            self.shown = Some(next);
            Some(&self.lines[next])
        } else {
            self.shown = None;
            Some(&self.draft)
        }
    }

    /// Ends leafing: the next [`older`](Self::older) starts at the newest line.
    pub fn leave(&mut self) {
        self.shown = None;
        self.draft.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn leafing_goes_back_and_returns_to_the_draft() {
        let mut history = History::default();
        history.add("one");
        history.add("two");
        assert_eq!(history.older("dra"), Some("two"));
        assert_eq!(history.older("two"), Some("one"));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer(), Some("two"));
        assert_eq!(history.newer(), Some("dra"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn repeats_in_a_row_and_blanks_are_not_kept() {
        let mut history = History::default();
        for line in ["one", "one", "", "   ", "two", "one"] {
            history.add(line);
        }
        assert_eq!(history.older(""), Some("one"));
        assert_eq!(history.older(""), Some("two"));
        assert_eq!(history.older(""), Some("one"));
        assert_eq!(history.older(""), None);
    }

    #[test]
    fn the_oldest_line_makes_room() {
        let mut history = History::default();
        for number in 0..HISTORY_LINES_MAX + 3 {
            history.add(&format!("line {number}"));
        }
        let mut last = None;
        let mut count = 0;
        while let Some(line) = history.older("") {
            last = Some(String::from(line));
            count += 1;
        }
        assert_eq!(count, HISTORY_LINES_MAX);
        assert_eq!(last.as_deref(), Some("line 3"));
    }
}
