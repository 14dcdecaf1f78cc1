//! A script for the guest's console: lines that are sent one by one, up to the first
//! that fails.
//!
//! Pure bookkeeping; `console` moves it between its source and the guest. Rules: the console
//! says what it waits for and how the line before ended (`qemu::Frame`). Nothing is guessed
//! from text: the console says whether a line belongs to a here-document, and a whole script is
//! checked before by the console's own rule. Nothing of the script is sent after a command that
//! failed. A line with a control character is not sent, since the console would take the
//! character for a key. A command that leaves a mirror waiting for a person's word has failed,
//! unless the next command of the script is that word.

use std::collections::VecDeque;
use std::fmt;

use crate::qemu::Frame;
use crate::token::here_document;

/// The command that ends a session.
const LAST: &str = "poweroff";

/// A script that is being read and run.
pub(crate) struct Script {
    /// Its name, for messages.
    name: String,
    /// Lines that were read and not sent, each with its number from 1.
    lines: VecDeque<(usize, String)>,
    read: usize,
    unfinished: Vec<u8>,
    ended: bool,
    /// The command that the guest carries out, until it ends.
    running: Option<Place>,
    stop: Option<(Place, How)>,
    /// Commands that are sent after the script, before the guest is powered off.
    after: VecDeque<String>,
    /// There are, or were, such commands.
    has_after: bool,
    /// All of the script was sent.
    over: bool,
}

/// A command and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    command: String,
}

/// How a script comes to an end before its last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The command failed, or was refused.
    Failed,
    /// The guest did not finish it.
    DidNotEnd,
    /// It powered the guest off.
    WasLast,
    /// Its here-document has no end.
    Open,
    /// It has a character that cannot be sent.
    Unsendable(char),
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This line is sent.
    Line(String),
    /// The input ends: the console drops an open here-document, and powers off.
    End,
}

impl Script {
    /// A script of that name, before anything was read.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            lines: VecDeque::new(),
            read: 0,
            unfinished: Vec::new(),
            ended: false,
            running: None,
            stop: None,
            after: VecDeque::new(),
            has_after: false,
            over: false,
        }
    }

    /// The whole script of that name.
    ///
    /// # Errors
    /// It has a line that cannot be sent, or a here-document without end: in words for a
    /// person. The console would say the same, after the commands before it.
    pub(crate) fn whole(name: &str, text: &str) -> Result<Self, String> {
        let mut script = Self::new(name);
        script.push(text.as_bytes());
        script.push(b"");
        let bad = script.lines.iter().find_map(|(line, text)| Some((line, unsendable(text)?)));
        if let Some((line, key)) = bad {
            return Err(format!("{name}, line {line}: {}", How::Unsendable(key)));
        }
        match script.opened() {
            Some((line, text)) => Err(format!("{name}, line {line}: `{text}` {}", How::Open)),
            None => Ok(script),
        }
    }

    /// The line whose here-document is open at the end, if there is one.
    fn opened(&self) -> Option<(usize, &str)> {
        let mut open = None;
        for (line, text) in &self.lines {
            let text = text.trim();
            match &open {
                Some((_, end)) if text == *end => open = None,
                Some(_) => {}
                None => open = here_document(text).map(|end| ((*line, text), end)),
            }
        }
        open.map(|(place, _)| place)
    }

    /// Adds commands before those of the script. They are on no line of it.
    pub(crate) fn begin_with(&mut self, commands: Vec<String>) {
        commands.into_iter().rev().for_each(|command| self.lines.push_front((0, command)));
    }

    /// Adds commands after the last of the script, before the guest is powered off. They are
    /// sent even if a command has failed.
    pub(crate) fn end_with(&mut self, commands: Vec<String>) {
        self.has_after = true;
        self.after.extend(commands);
    }

    /// Whether the command being answered came after the script.
    pub(crate) fn is_over(&self) -> bool {
        self.over && self.has_after
    }

    /// The next thing to send after the script's last line.
    fn over(&mut self) -> Next {
        self.over = true;
        Next::Line(self.after.pop_front().unwrap_or_else(|| LAST.to_owned()))
    }

    /// Takes input that was read; no bytes mean the end of the script.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ => self.unfinished.push(byte),
            }
        }
        if bytes.is_empty() {
            self.ended = true;
            if !self.unfinished.is_empty() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.read += 1;
        let line = self.unfinished.strip_suffix(b"\r").unwrap_or(&self.unfinished);
        self.lines.push_back((self.read, String::from_utf8_lossy(line).into_owned()));
        self.unfinished.clear();
    }

    /// What to send to a console that sent this frame: a line, or the end. `None` if more has
    /// to be read first.
    pub(crate) fn next(&mut self, frame: Frame) -> Option<Next> {
        if frame == Frame::More {
            return self.next_of_document();
        }
        let frame = match frame {
            Frame::Asks => self.answered()?,
            frame => frame,
        };
        if let Some(ended) = self.running.take()
            && frame != Frame::Done
        {
            self.stop = Some((ended, How::Failed));
        }
        if self.stop.is_some() {
            return Some(self.over());
        }
        while self.lines.pop_front_if(|(_, text)| text.trim().is_empty()).is_some() {}
        let Some((line, command)) = self.lines.pop_front() else {
            return self.ended.then(|| self.over());
        };
        let place = Place { line, command: command.clone() };
        if let Some(key) = unsendable(&command) {
            self.stop = Some((place, How::Unsendable(key)));
            return Some(self.over());
        }
        self.running = Some(place);
        Some(Next::Line(command))
    }

    /// How a command ended that left a mirror waiting for a person's word: the script goes
    /// on if its next command is that word. `None` if that has to be read first.
    fn answered(&self) -> Option<Frame> {
        match self.lines.iter().find(|(_, text)| is_command(text)) {
            Some((_, text)) if is_word(text) => Some(Frame::Done),
            Some(_) => Some(Frame::Failed),
            None => self.ended.then_some(Frame::Failed),
        }
    }

    /// The next line of the running command's here-document, whatever it says.
    fn next_of_document(&mut self) -> Option<Next> {
        match self.lines.pop_front() {
            Some((line, text)) => {
                let Some(key) = unsendable(&text) else { return Some(Next::Line(text)) };
                self.stop = Some((Place { line, command: text }, How::Unsendable(key)));
            }
            None if self.ended => {
                self.stop = self.running.take().map(|opened| (opened, How::Open));
            }
            None => return None,
        }
        self.running = None;
        Some(Next::End)
    }

    /// The guest has ended; `properly` if that was its own doing.
    pub(crate) fn end(&mut self, properly: bool) {
        let Some(running) = self.running.take() else { return };
        match (properly, self.left()) {
            (true, 0) => {}
            (true, _) => self.stop = Some((running, How::WasLast)),
            (false, _) => self.stop = Some((running, How::DidNotEnd)),
        }
    }

    /// Commands that were not sent.
    fn left(&self) -> usize {
        self.lines.iter().filter(|(_, text)| is_command(text)).count()
    }

    /// Where it ended before its last line, if it did.
    pub(crate) fn stopped(&self) -> Option<Stopped<'_>> {
        let (at, how) = self.stop.as_ref()?;
        Some(Stopped { script: &self.name, at, how: *how, left: self.left() })
    }
}

/// The first character of a line that a console would take for a key.
fn unsendable(line: &str) -> Option<char> {
    line.chars().find(|&character| character.is_control() && character != '\t')
}

/// Whether a line does something.
fn is_command(text: &str) -> bool {
    let text = text.trim_start();
    !text.is_empty() && !text.starts_with('#')
}

/// Whether a command is a person's word on a mirror that waits for one.
fn is_word(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.next() == Some("mirror") && matches!(words.next(), Some("start-degraded" | "keep"))
}

/// Where and how a script came to an early end, for a person.
pub(crate) struct Stopped<'a> {
    script: &'a str,
    at: &'a Place,
    how: How,
    left: usize,
}

impl Stopped<'_> {
    /// Whether that is a failure.
    pub(crate) fn is_failure(&self) -> bool {
        self.how != How::WasLast
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => write!(f, "failed"),
            Self::DidNotEnd => write!(f, "did not end"),
            Self::WasLast => write!(f, "ended the guest"),
            Self::Open => {
                write!(f, "opens a here-document, and the script ends in it; it was not run")
            }
            Self::Unsendable(key) => {
                write!(f, "the control character {key:?} cannot be sent: it would be a key")
            }
        }
    }
}

impl fmt::Display for Stopped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, at: Place { line, command }, how, left } = self;
        match line {
            0 => write!(f, "before {script}: ")?,
            _ => write!(f, "{script}, line {line}: ")?,
        }
        match how {
            How::Unsendable(_) => write!(f, "{how}")?,
            _ => write!(f, "`{}` {how}", command.trim())?,
        }
        match left {
            0 => Ok(()),
            1 => write!(f, "; the command after it was not run"),
            _ => write!(f, "; the {left} commands after it were not run"),
        }
    }
}

#[cfg(test)]
mod tests;
