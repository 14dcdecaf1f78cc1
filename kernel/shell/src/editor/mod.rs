//! The line editor: bytes in, echo and finished lines out.
//!
//! Place: `kernel/src/console` feeds it each received byte, sends the echo down
//! the wire as it is (it has its own carriage returns), and acts on the events.
//!
//! Rules: the terminal is only trusted to know `\r`, `ESC [ K` and the bell. So a redraw is
//! carriage return, text, erase to the end. To place the cursor, carriage return and the text
//! before the cursor follow, which is right for every character width. The line never wraps:
//! when it is longer than the row, a window of it is shown. A line beyond [`LINE_BYTES_MAX`] is
//! never cut and run; it ends as [`Event::Overlong`].
//!
//! Keys: arrows, Home, End, Backspace, Delete, Tab; Ctrl-A, -B, -E, -F, -P, -N
//! move; Ctrl-K, -U, -W erase to the end, to the start, one word; Ctrl-L clears
//! the screen; Ctrl-C interrupts; Ctrl-D deletes, or ends an empty session.

use crate::complete::{Completer, word_start};
use crate::history::History;
use crate::keys::{Key, KeyDecoder};
use alloc::string::String;

/// The longest line, in bytes of UTF-8.
pub const LINE_BYTES_MAX: usize = 1024;
/// The terminal's assumed width; a serial line cannot ask for it.
pub const COLUMNS_DEFAULT: usize = 80;
/// The most completions listed, so that Tab cannot flood the screen.
pub const COMPLETIONS_LISTED_MAX: usize = 64;

const BELL: char = '\x07';
const ERASE_TO_END: &str = "\x1b[K";
const CLEAR_SCREEN: &str = "\x1b[H\x1b[2J";

/// Who is at the other end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A person at a terminal: every key is echoed and edits.
    Interactive,
    /// A script: bytes are collected and each line is echoed once, when it is complete. No key
    /// edits; what cannot be text becomes the replacement character, so that the parser refuses
    /// the line. Ctrl-D after the last line end is the end of the script.
    Plain,
}

/// What a byte led to, if anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A finished line, without its end.
    Line(String),
    /// A finished line longer than [`LINE_BYTES_MAX`]; its text is gone.
    Overlong,
    /// Ctrl-C: the line was thrown away.
    Interrupt,
    /// Ctrl-D on an empty line.
    Eof,
}

/// The editor's state between two bytes; see the module's rules.
///
/// ```
/// use shell::{Event, LineEditor, Mode, NoCompletion};
/// let mut editor = LineEditor::new("> ", Mode::Plain);
/// let mut wire = String::new();
/// editor.prompt(&mut wire);
/// let events: Vec<Event> =
///     b"disks\r\n\x04".iter().filter_map(|&b| editor.feed(b, &NoCompletion, &mut wire)).collect();
/// assert_eq!(events, [Event::Line("disks".into()), Event::Eof]);
/// assert_eq!(wire, "> disks\r\n\r\n");
/// ```
#[derive(Debug)]
pub struct LineEditor {
    prompt: &'static str,
    mode: Mode,
    /// Width of the terminal in columns.
    columns: usize,
    decoder: KeyDecoder,
    history: History,
    line: String,
    /// Byte index into `line`, always between two characters.
    cursor: usize,
    /// A character did not fit since the line was last shortened by hand.
    overlong: bool,
}

impl LineEditor {
    /// An editor with an empty line. `prompt` is printable text of one column
    /// a character, narrower than half a terminal.
    pub fn new(prompt: &'static str, mode: Mode) -> Self {
        Self {
            prompt,
            mode,
            columns: COLUMNS_DEFAULT,
            decoder: KeyDecoder::default(),
            history: History::default(),
            line: String::new(),
            cursor: 0,
            overlong: false,
        }
    }

    /// Sets the terminal's width, at least twice the prompt's.
    pub fn set_columns(&mut self, columns: usize) {
        self.columns = columns.max(2 * self.prompt.chars().count() + 2);
    }

    /// Changes the prompt, for the lines from the next one on.
    pub fn set_prompt(&mut self, prompt: &'static str) {
        self.prompt = prompt;
    }

    /// The line so far.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The cursor as a byte index into [`line`](Self::line).
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Asks for a line: call it at the start, after each event except
    /// [`Event::Eof`], and after other output has disturbed the line.
    pub fn prompt(&self, echo: &mut String) {
        match self.mode {
            Mode::Interactive => self.redraw(echo),
            Mode::Plain => echo.push_str(self.prompt),
        }
    }

    /// Takes one byte. Appends to `echo` what the terminal shall show.
    pub fn feed(
        &mut self,
        byte: u8,
        completer: &dyn Completer,
        echo: &mut String,
    ) -> Option<Event> {
        let mut event = None;
        // If there are two keys, the first is a damaged character, which makes no event.
        for key in self.decoder.feed(byte).into_iter().flatten() {
            event = match self.mode {
                Mode::Interactive => self.edit(key, completer, echo),
                Mode::Plain => self.collect(key, echo),
            };
        }
        event
    }

    fn collect(&mut self, key: Key, echo: &mut String) -> Option<Event> {
        match key {
            Key::Enter => return Some(self.finish(echo)),
            Key::Ctrl('C') => return Some(self.interrupt(echo)),
            Key::Ctrl('D') if self.line.is_empty() && !self.overlong => {
                return Some(end_of_input(echo));
            }
            Key::Char(character) => self.insert(character),
            Key::Tab => self.insert('\t'),
            _ => self.insert(char::REPLACEMENT_CHARACTER),
        };
        None
    }

    fn edit(&mut self, key: Key, completer: &dyn Completer, echo: &mut String) -> Option<Event> {
        let done = match key {
            Key::Enter => return Some(self.finish(echo)),
            Key::Ctrl('C') => return Some(self.interrupt(echo)),
            Key::Ctrl('D') if self.line.is_empty() => return Some(end_of_input(echo)),
            Key::Char(character) => {
                let done = self.insert(character);
                if done && self.cursor == self.line.len() && self.fits_row() {
                    // At the end of a short line a character is its own echo.
                    echo.push(character);
                    return None;
                }
                done
            }
            Key::Tab => self.complete(completer, echo),
            Key::Left | Key::Ctrl('B') => self.move_to(self.left()),
            Key::Right | Key::Ctrl('F') => self.move_to(self.right()),
            Key::Home | Key::Ctrl('A') => self.move_to(Some(0)),
            Key::End | Key::Ctrl('E') => self.move_to(Some(self.line.len())),
            Key::Up | Key::Ctrl('P') => self.leaf(Leaf::Older),
            Key::Down | Key::Ctrl('N') => self.leaf(Leaf::Newer),
            Key::Backspace => self.erase(self.left(), Some(self.cursor)),
            Key::Delete | Key::Ctrl('D') => self.erase(Some(self.cursor), self.right()),
            Key::Ctrl('K') => self.erase(Some(self.cursor), Some(self.line.len())),
            Key::Ctrl('U') => self.erase(Some(0), Some(self.cursor)),
            Key::Ctrl('W') => self.erase(Some(self.word_left()), Some(self.cursor)),
            Key::Ctrl('L') => {
                echo.push_str(CLEAR_SCREEN);
                true
            }
            Key::Ctrl(_) | Key::Unknown => false,
        };
        if done {
            self.redraw(echo);
        } else {
            echo.push(BELL);
        }
        None
    }

    // --- the line ---------------------------------------------------------

    /// Puts one character at the cursor, if the line has room.
    fn insert(&mut self, character: char) -> bool {
        let fits = self.line.len() + character.len_utf8() <= LINE_BYTES_MAX;
        if fits {
            self.line.insert(self.cursor, character);
            self.cursor += character.len_utf8();
        }
        self.overlong |= !fits;
        fits
    }

    fn left(&self) -> Option<usize> {
        self.line[..self.cursor].char_indices().next_back().map(|(at, _)| at)
    }

    fn right(&self) -> Option<usize> {
        self.line[self.cursor..].chars().next().map(|c| self.cursor + c.len_utf8())
    }

    /// Start of the last word before the cursor.
    fn word_left(&self) -> usize {
        let word_end = self.line[..self.cursor].trim_end();
        word_end.trim_end_matches(|c: char| !c.is_whitespace()).len()
    }

    fn move_to(&mut self, place: Option<usize>) -> bool {
        self.cursor = place.unwrap_or(self.cursor);
        place.is_some()
    }

    /// Erases the text between two places and leaves the cursor there.
    fn erase(&mut self, from: Option<usize>, to: Option<usize>) -> bool {
        let (Some(from), Some(to)) = (from, to) else { return false };
        self.line.replace_range(from..to, "");
        self.cursor = from;
        self.overlong &= from == to;
        from < to
    }

    fn leaf(&mut self, to: Leaf) -> bool {
        let found = match to {
            Leaf::Older => self.history.older(&self.line),
            Leaf::Newer => self.history.newer(),
        };
        let Some(line) = found else { return false };
        self.line = line.into();
        self.cursor = self.line.len();
        self.overlong = false;
        true
    }

    // --- events -----------------------------------------------------------

    fn finish(&mut self, echo: &mut String) -> Event {
        match self.mode {
            // The whole line once, so that the terminal's scroll-back has it.
            Mode::Interactive if !self.fits_row() => {
                echo.push('\r');
                echo.push_str(self.prompt);
                echo.push_str(&self.line);
                echo.push_str(ERASE_TO_END);
            }
            Mode::Interactive => {}
            Mode::Plain => echo.push_str(&self.line),
        }
        echo.push_str("\r\n");
        self.cursor = 0;
        let line = core::mem::take(&mut self.line);
        if core::mem::take(&mut self.overlong) {
            self.history.leave();
            return Event::Overlong;
        }
        self.history.add(&line);
        Event::Line(line)
    }

    fn interrupt(&mut self, echo: &mut String) -> Event {
        echo.push_str("^C\r\n");
        self.line.clear();
        self.cursor = 0;
        self.overlong = false;
        self.history.leave();
        Event::Interrupt
    }

    // --- completion -------------------------------------------------------

    /// Completes the word before the cursor as far as it is certain; otherwise lists its
    /// continuations.
    fn complete(&mut self, completer: &dyn Completer, echo: &mut String) -> bool {
        let start = word_start(&self.line[..self.cursor]);
        let word = &self.line[start..self.cursor];
        let mut candidates = completer.candidates(&self.line[..start]);
        candidates.retain(|candidate| candidate.starts_with(word));
        candidates.sort();
        candidates.dedup();
        let common = common_prefix(&candidates);
        let mut addition = String::from(common.get(word.len()..).unwrap_or(""));
        if candidates.len() == 1 && !common.ends_with('=') {
            addition.push(' ');
        }
        if addition.is_empty() && candidates.len() > 1 {
            list(&candidates, self.columns, echo);
            return true;
        }
        if addition.is_empty() || self.line.len() + addition.len() > LINE_BYTES_MAX {
            return false;
        }
        self.line.insert_str(self.cursor, &addition);
        self.cursor += addition.len();
        true
    }

    // --- the screen -------------------------------------------------------

    /// Shows prompt and line on the present row.
    fn redraw(&self, echo: &mut String) {
        let window = self.window();
        let shown = &self.line[window.start..window.end];
        echo.push('\r');
        echo.push_str(self.prompt);
        echo.push_str(shown);
        echo.push_str(ERASE_TO_END);
        if self.cursor < window.end {
            echo.push('\r');
            echo.push_str(self.prompt);
            echo.push_str(&self.line[window.start..self.cursor]);
        }
    }

    /// Columns for text; the last column stays free, since writing there wraps
    /// on some terminals.
    fn text_columns(&self) -> usize {
        self.columns.saturating_sub(self.prompt.chars().count() + 1)
    }

    fn fits_row(&self) -> bool {
        columns_of(&self.line) <= self.text_columns()
    }

    /// The part of the line to show: text before the cursor, leaving a quarter of the row free;
    /// then as much text after the cursor as fits.
    fn window(&self) -> core::ops::Range<usize> {
        let room = self.text_columns();
        let (before, after) = self.line.split_at(self.cursor);
        let kept_after = columns_of(after).min(room / 4);
        let mut columns = 0;
        let mut start = self.cursor;
        for (at, character) in before.char_indices().rev() {
            columns += columns_at_most(character);
            if columns + kept_after > room {
                break;
            }
            start = at;
        }
        let mut end = start;
        columns = 0;
        for character in self.line[start..].chars() {
            columns += columns_at_most(character);
            if columns > room {
                break;
            }
            end += character.len_utf8();
        }
        start..end
    }
}

enum Leaf {
    Older,
    Newer,
}

fn end_of_input(echo: &mut String) -> Event {
    echo.push_str("\r\n");
    Event::Eof
}

/// An upper bound of a character's width, so that a row is never overrun:
/// Unicode has no wide characters below Hangul (UAX #11).
fn columns_at_most(character: char) -> usize {
    if character < '\u{1100}' { 1 } else { 2 }
}

fn columns_of(text: &str) -> usize {
    text.chars().map(columns_at_most).sum()
}

fn common_prefix(words: &[String]) -> &str {
    let Some((first, rest)) = words.split_first() else { return "" };
    rest.iter().fold(first.as_str(), |prefix, word| {
        let same = prefix.chars().zip(word.chars()).take_while(|(a, b)| a == b);
        &prefix[..same.map(|(a, _)| a.len_utf8()).sum()]
    })
}

/// Lists words in rows of equal cells, on rows of their own.
fn list(words: &[String], columns: usize, echo: &mut String) {
    let shown = &words[..words.len().min(COMPLETIONS_LISTED_MAX)];
    let cell = shown.iter().map(|word| columns_of(word)).max().unwrap_or(0) + 2;
    let per_row = (columns / cell).max(1);
    for row in shown.chunks(per_row) {
        echo.push_str("\r\n");
        for (index, word) in row.iter().enumerate() {
            echo.push_str(word);
            if index + 1 < row.len() {
                echo.extend(core::iter::repeat_n(' ', cell - columns_of(word)));
            }
        }
    }
    if shown.len() < words.len() {
        echo.push_str(&alloc::format!("\r\n... and {} more", words.len() - shown.len()));
    }
    echo.push_str("\r\n");
}

#[cfg(test)]
mod tests;
