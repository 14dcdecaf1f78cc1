//! Every editing key, judged by what a terminal would show.

use super::*;
use crate::complete::NoCompletion;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

/// The features of a terminal that the editor relies on: one character a column.
#[derive(Default)]
struct Terminal {
    rows: Vec<Vec<char>>,
    column: usize,
    bells: usize,
}

impl Terminal {
    fn show(&mut self, output: &str) {
        let mut rest = output;
        if self.rows.is_empty() {
            self.rows.push(Vec::new());
        }
        while let Some(c) = rest.chars().next() {
            let row = self.rows.last_mut().unwrap();
            if let Some(after) = rest.strip_prefix(ERASE_TO_END) {
                row.truncate(self.column);
                rest = after;
                continue;
            }
            if let Some(after) = rest.strip_prefix(CLEAR_SCREEN) {
                *self = Self { rows: vec![Vec::new()], column: 0, bells: self.bells };
                rest = after;
                continue;
            }
            match c {
                '\r' => self.column = 0,
                '\n' => self.rows.push(Vec::new()),
                BELL => self.bells += 1,
                c if c.is_control() => panic!("the terminal does not know {c:?}"),
                c => {
                    row.resize(row.len().max(self.column + 1), ' ');
                    row[self.column] = c;
                    self.column += 1;
                }
            }
            rest = &rest[c.len_utf8()..];
        }
    }

    fn rows(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.iter().collect()).collect()
    }
}

struct Session {
    editor: LineEditor,
    terminal: Terminal,
    events: Vec<Event>,
    words: Words,
}

/// Offers the same words everywhere.
struct Words(Vec<String>);

impl Completer for Words {
    fn candidates(&self, _before: &str) -> Vec<String> {
        self.0.clone()
    }
}

impl Session {
    fn new(mode: Mode, words: &[&str]) -> Self {
        let editor = LineEditor::new("> ", mode);
        let words = Words(words.iter().map(ToString::to_string).collect());
        let mut session = Self { editor, terminal: Terminal::default(), events: vec![], words };
        session.prompt();
        session
    }

    fn prompt(&mut self) {
        let mut echo = String::new();
        self.editor.prompt(&mut echo);
        self.terminal.show(&echo);
    }

    /// Feeds bytes; after each the terminal must show the line and the cursor.
    fn feed(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        for &byte in bytes.as_ref() {
            let mut echo = String::new();
            let event = self.editor.feed(byte, &self.words, &mut echo);
            self.terminal.show(&echo);
            if let Some(event) = event {
                self.events.push(event);
                self.prompt();
            }
            if self.editor.mode == Mode::Interactive && self.editor.fits_row() {
                assert_eq!(self.row(), format!("> {}", self.editor.line()));
                let before = &self.editor.line()[..self.editor.cursor()];
                assert_eq!(self.terminal.column, 2 + before.chars().count());
            }
        }
        self
    }

    fn row(&self) -> String {
        self.terminal.rows().pop().unwrap()
    }

    /// The line with a bar at the cursor.
    fn line(&self) -> String {
        let (before, after) = self.editor.line().split_at(self.editor.cursor());
        format!("{before}|{after}")
    }
}

fn interactive() -> Session {
    Session::new(Mode::Interactive, &[])
}

#[test]
fn each_key_edits_as_it_should() {
    for (keys, line) in [
        ("abc", "abc|"),
        ("abc\x1b[D", "ab|c"),
        ("abc\x02\x02", "a|bc"),
        ("abc\x1b[D\x1b[D\x1b[C", "ab|c"),
        ("abc\x02\x02\x06", "ab|c"),
        ("abc\x1b[H", "|abc"),
        ("abc\x01", "|abc"),
        ("abc\x01\x1b[F", "abc|"),
        ("abc\x01\x05", "abc|"),
        ("abc\x02x", "abx|c"),
        ("abc\x7f", "ab|"),
        ("abc\x08", "ab|"),
        ("abc\x02\x7f", "a|c"),
        ("abc\x01\x1b[3~", "|bc"),
        ("abc\x01\x04", "|bc"),
        ("abc\x02\x02\x0b", "a|"),
        ("abc\x02\x15", "|c"),
        ("one two\x17", "one |"),
        ("one two  \x17", "one |"),
        ("one two\x02\x17", "one |o"),
        ("one\u{a0}two\x17", "one\u{a0}|"),
        ("one\x17", "|"),
        ("ab\x0c", "ab|"),
        ("aäö€😀\x02\x02x\x7f\x7f\x1b[3~", "aä|😀"),
        ("a\x1bb", "a|"),
    ] {
        assert_eq!(interactive().feed(keys).line(), line, "{keys:?}");
    }
}

#[test]
fn keys_that_can_do_nothing_ring_the_bell_and_change_nothing() {
    for keys in [
        "\x7f", "\x1b[3~", "\x1b[D", "\x1b[C", "\x0b", "\x15", "\x17", "\x1b[A", "\x1b[B", "\t",
        "\x1b[99~", "\x1bx", "\x07",
    ] {
        let mut session = interactive();
        session.feed(keys);
        assert_eq!((session.line().as_str(), session.terminal.bells), ("|", 1), "{keys:?}");
        assert_eq!(session.events, [], "{keys:?}");
    }
}

#[test]
fn every_line_end_finishes_the_line_once() {
    for end in ["\r", "\n", "\r\n"] {
        let mut session = interactive();
        session.feed("ab\x02").feed(end).feed("c").feed(end);
        assert_eq!(session.events, [Event::Line("ab".into()), Event::Line("c".into())]);
        assert_eq!(session.terminal.rows(), ["> ab", "> c", "> "]);
    }
}

#[test]
fn ctrl_c_throws_the_line_away() {
    let mut session = interactive();
    session.feed("abc\x03x\r");
    assert_eq!(session.events, [Event::Interrupt, Event::Line("x".into())]);
    assert_eq!(session.terminal.rows(), ["> abc^C", "> x", "> "]);
    assert_eq!(session.feed("\x1b[A").line(), "x|");
}

#[test]
fn ctrl_d_ends_only_an_empty_line() {
    let mut session = interactive();
    session.feed("a\x04\x01\x04\x04");
    assert_eq!(session.events, [Event::Eof]);
    assert_eq!(session.terminal.bells, 1, "nothing to delete at the end of a line");
}

#[test]
fn history_is_edited_in_a_copy() {
    let mut session = interactive();
    session.feed("one\rtwo\rthr\x1b[A");
    assert_eq!(session.line(), "two|");
    session.feed("\x10!\r");
    assert_eq!(session.events.last(), Some(&Event::Line("one!".into())));
    session.feed("new\x1b[A\x1b[A\x1b[A");
    assert_eq!(session.line(), "one|");
    assert_eq!(session.feed("\x0e\x1b[B\x1b[B").line(), "new|");
}

#[test]
fn however_a_line_ends_the_newest_is_recalled_first() {
    let too_long = "x".repeat(LINE_BYTES_MAX);
    for end in ["\r", "\x03", &format!("{too_long}\r")] {
        let mut session = interactive();
        session.feed("one\rtwo\rthree\r\x1b[A\x1b[A").feed(end).feed("\x1b[A");
        let newest = if end == "\r" { "two|" } else { "three|" };
        assert_eq!(session.line(), newest);
    }
}

#[test]
fn a_redraw_restores_the_line_after_other_output() {
    let mut session = interactive();
    session.feed("abc\x02");
    session.terminal.show("\r\nsomething happened\r\n");
    session.prompt();
    assert_eq!((session.row().as_str(), session.terminal.column), ("> abc", 4));
}

#[test]
fn clearing_the_screen_keeps_the_line() {
    let mut session = interactive();
    session.feed("one\rab\x02\x0c");
    assert_eq!(session.terminal.rows(), ["> ab"]);
}

#[test]
fn completion_inserts_what_is_certain_and_lists_the_rest() {
    let words = ["vbd10", "vbd1", "vbd0", "mirror", "random=", "vbd0"];
    let complete = |keys: &str| {
        let mut session = Session::new(Mode::Interactive, &words);
        session.feed(keys);
        (session.line(), session.terminal.rows().len(), session.terminal.bells)
    };
    assert_eq!(complete("m\t"), ("mirror |".into(), 1, 0));
    assert_eq!(complete("\"0 8 m\t"), ("\"0 8 mirror |".into(), 1, 0));
    assert_eq!(complete("\"m\t"), ("\"mirror |".into(), 1, 0));
    assert_eq!(complete("x r\t"), ("x random=|".into(), 1, 0));
    assert_eq!(complete("v\t"), ("vbd|".into(), 1, 0));
    assert_eq!(complete("q\t"), ("q|".into(), 1, 1));
    assert_eq!(complete("m z\x02\x02\t"), ("mirror | z".into(), 1, 0));
    let mut session = Session::new(Mode::Interactive, &words);
    session.feed("x vbd\t");
    assert_eq!(session.terminal.rows(), ["> x vbd", "vbd0   vbd1   vbd10", "> x vbd"]);
}

#[test]
fn a_long_list_of_completions_is_cut_and_says_so() {
    let words: Vec<String> = (0..COMPLETIONS_LISTED_MAX + 5).map(|n| format!("w{n:03}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut session = Session::new(Mode::Interactive, &words);
    session.feed("w0\t");
    let rows = session.terminal.rows();
    assert_eq!(rows.len(), 1 + COMPLETIONS_LISTED_MAX.div_ceil(80 / 6) + 1 + 1);
    assert_eq!(rows[rows.len() - 2], "... and 5 more");
}

#[test]
fn a_long_line_is_shown_through_a_window() {
    let mut session = interactive();
    let text: String = ('a'..='z').cycle().take(200).collect();
    session.feed(&text);
    assert_eq!(session.row(), format!("> {}", &text[200 - 77..]));
    assert_eq!(session.terminal.column, 79);
    session.feed("\x01");
    assert_eq!(session.row(), format!("> {}", &text[..77]));
    assert_eq!(session.terminal.column, 2);
    session.feed("\x06".repeat(100));
    let start = 100 - (77 - 77 / 4);
    assert_eq!(session.row(), format!("> {}", &text[start..start + 77]));
    assert_eq!(session.terminal.column, 2 + 100 - start);
    session.feed("\r");
    assert_eq!(session.terminal.rows()[0], format!("> {text}"), "whole, once, when it ends");
    assert_eq!(session.events, [Event::Line(text)]);
}

#[test]
fn a_window_of_wide_characters_stays_within_the_row() {
    let mut session = interactive();
    session.feed("漢".repeat(60));
    assert_eq!(session.row().chars().count(), 2 + 77 / 2);
}

#[test]
fn an_overlong_line_rings_and_is_never_run() {
    let mut session = interactive();
    session.feed("x".repeat(LINE_BYTES_MAX));
    assert_eq!(session.terminal.bells, 0);
    session.feed("yz");
    assert_eq!((session.editor.line().len(), session.terminal.bells), (LINE_BYTES_MAX, 2));
    session.feed("\r");
    assert_eq!(session.events, [Event::Overlong]);
    session.feed("\x1b[A");
    assert_eq!(session.line(), "|", "and it is not recalled either");
}

#[test]
fn an_overlong_line_shortened_by_hand_is_good_again() {
    let mut session = interactive();
    session.feed("x".repeat(LINE_BYTES_MAX + 1)).feed("\x7f\r");
    assert_eq!(session.events, [Event::Line("x".repeat(LINE_BYTES_MAX - 1))]);
    session.feed("€".repeat(LINE_BYTES_MAX / 3 + 1));
    assert_eq!(session.editor.line().len(), LINE_BYTES_MAX / 3 * 3);
    session.feed("\x03ok\r");
    assert_eq!(session.events[1..], [Event::Interrupt, Event::Line("ok".into())]);
}

#[test]
fn completion_does_not_overrun_the_line() {
    let mut session = Session::new(Mode::Interactive, &["mirror"]);
    session.feed("x ".repeat(LINE_BYTES_MAX / 2 - 2)).feed("m\t");
    assert_eq!((session.editor.line().len(), session.terminal.bells), (LINE_BYTES_MAX - 3, 1));
}

#[test]
fn a_script_is_echoed_a_line_at_a_time() {
    let mut session = Session::new(Mode::Plain, &["mirror"]);
    session.feed("one\ttwo");
    assert_eq!(session.row(), "> ");
    let mut wire = String::new();
    assert_eq!(
        session.editor.feed(b'\n', &NoCompletion, &mut wire),
        Some(Event::Line("one\ttwo".into()))
    );
    assert_eq!(wire, "one\ttwo\r\n");
}

#[test]
fn no_key_edits_a_script_and_what_is_no_text_is_seen() {
    let mut session = Session::new(Mode::Plain, &[]);
    session.feed("a\x7f\x1b[Db\r\nc\x04\n\x04");
    let events =
        ["a\u{fffd}\u{fffd}b", "c\u{fffd}"].map(|line| Event::Line(line.into())).into_iter();
    assert_eq!(session.events, events.chain([Event::Eof]).collect::<Vec<_>>());
    assert_eq!(session.terminal.bells, 0);
}

#[test]
fn a_script_is_interrupted_and_bounded_too() {
    let mut session = Session::new(Mode::Plain, &[]);
    session.feed("ab\x03").feed("x".repeat(LINE_BYTES_MAX + 1)).feed("\nok\n");
    let ok = Event::Line("ok".into());
    assert_eq!(session.events, [Event::Interrupt, Event::Overlong, ok]);
}

#[test]
fn damaged_bytes_are_shown() {
    let mut session = interactive();
    session.feed(b"a\xffb\xc3c\r");
    assert_eq!(session.events, [Event::Line("a\u{fffd}b\u{fffd}c".into())]);
}
