//! A script for the guest's console: lines that are sent one by one, up to the first
//! that fails.
//!
//! Pure bookkeeping; `console` moves it between its source and the guest. Rules: a line
//! goes to a prompt, and a here-document goes with the line that opens it; a command has
//! failed when the guest says `error: ` before its prompt is back; nothing of the script
//! is sent after that. What is sent last is `poweroff`.

use std::collections::VecDeque;
use std::fmt;

/// How the console begins what it says of a command that failed.
const FAILED: &str = "error: ";

/// What ends a session.
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
    /// What the guest carries out.
    running: Option<Place>,
    failed: Option<Place>,
}

/// A command and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    command: String,
}

impl Script {
    /// A script of that name, of which nothing was read.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            lines: VecDeque::new(),
            read: 0,
            unfinished: Vec::new(),
            ended: false,
            running: None,
            failed: None,
        }
    }

    /// These commands come before those of the script; they are on no line of it.
    pub(crate) fn begin_with(&mut self, commands: Vec<String>) {
        self.lines.extend(commands.into_iter().map(|command| (0, command)));
    }

    /// Takes what was read; nothing at all is the end of the script.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
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
        self.lines.push_back((self.read, String::from_utf8_lossy(&self.unfinished).into_owned()));
        self.unfinished.clear();
    }

    /// Hears a line that the guest said.
    pub(crate) fn hear(&mut self, said: &str) {
        let echo = |it: &Place| it.command.lines().any(|line| line == said);
        let is_echo = self.running.as_ref().is_some_and(echo);
        if said.starts_with(FAILED) && !is_echo && self.failed.is_none() {
            self.failed = self.running.clone();
        }
    }

    /// What the prompt that is back gets: a line of the script, with the here-document
    /// that it opens, or the end. `None` if more has to be read first.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        self.running = None;
        if self.failed.is_some() {
            return Some(LAST.to_owned());
        }
        while self.lines.pop_front_if(|(_, text)| text.trim().is_empty()).is_some() {}
        let Some((line, command)) = self.lines.front() else {
            return self.ended.then(|| LAST.to_owned());
        };
        let (line, end) = (*line, here_document(command).map(str::to_owned));
        let mut count = 1;
        if let Some(end) = end {
            let closing = self.lines.iter().skip(1).position(|(_, text)| text.trim() == end);
            // One that nothing closes goes whole, for the console to complain about.
            count = match closing {
                Some(at) => at + 2,
                None if self.ended => self.lines.len(),
                None => return None,
            };
        }
        let texts: Vec<_> = self.lines.drain(..count).map(|(_, text)| text).collect();
        let command = texts.join("\n");
        self.running = Some(Place { line, command: command.clone() });
        Some(command)
    }

    /// Where it came to an end before its last line, if it did: at a command that failed,
    /// or in one that the guest did not finish.
    pub(crate) fn stopped(&self) -> Option<Stopped<'_>> {
        let (at, how) = match (&self.failed, &self.running) {
            (Some(failed), _) => (failed, "failed"),
            (None, Some(running)) => (running, "did not end"),
            (None, None) => return None,
        };
        let left = self.lines.iter().filter(|(_, text)| is_command(text)).count();
        Some(Stopped { script: &self.name, at, how, left })
    }
}

/// The word that ends the here-document which `command` opens: `... <<WORD`.
fn here_document(command: &str) -> Option<&str> {
    let word = command.rsplit_once("<<")?.1.trim();
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_word.then_some(word)
}

/// Whether a line does something.
fn is_command(text: &str) -> bool {
    let text = text.trim_start();
    !text.is_empty() && !text.starts_with('#')
}

/// Where and how a script came to an early end, for a person.
pub(crate) struct Stopped<'a> {
    script: &'a str,
    at: &'a Place,
    how: &'static str,
    left: usize,
}

impl fmt::Display for Stopped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, at: Place { line, command }, how, left } = self;
        match line {
            0 => write!(f, "before {script}: ")?,
            _ => write!(f, "{script}, line {line}: ")?,
        }
        write!(f, "`{}` {how}", command.lines().next().unwrap_or_default().trim())?;
        match left {
            0 => Ok(()),
            1 => write!(f, "; the command after it was not run"),
            _ => write!(f, "; the {left} commands after it were not run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        let mut script = Script::new("a.script");
        script.push(text.as_bytes());
        script.push(b"");
        script
    }

    #[test]
    fn a_script_gives_its_lines_then_poweroff() {
        let mut script = Script::new("standard input");
        script.push(b"disks\r\n \r\nsta");
        assert_eq!(script.next_line().as_deref(), Some("disks"));
        assert_eq!(script.next_line(), None, "half a line is no line yet");
        script.push(b"tus m0");
        script.push(b"");
        assert_eq!(script.next_line().as_deref(), Some("status m0"));
        assert_eq!(script.next_line().as_deref(), Some("poweroff"));
        assert!(script.stopped().is_none());
    }

    #[test]
    fn nothing_is_sent_after_a_command_that_failed() {
        let mut script = script("# first\nflush m0\nflush m9\n\n# a note\nflush m0\ndisks\n");
        for line in ["# first", "flush m0", "flush m9"] {
            assert_eq!(script.next_line().as_deref(), Some(line));
        }
        script.hear("flush m9");
        script.hear("error: there is no device `m9`");
        assert_eq!(script.next_line().as_deref(), Some("poweroff"));
        script.hear("error: of something else");
        assert_eq!(
            script.stopped().unwrap().to_string(),
            "a.script, line 3: `flush m9` failed; the 2 commands after it were not run"
        );
    }

    #[test]
    fn what_comes_before_a_script_stops_it_too() {
        let mut script = script("disks\n");
        script.lines.clear();
        script.begin_with(vec!["dmsetup create a".into()]);
        script.next_line();
        script.hear("error: no");
        let stopped = script.stopped().unwrap().to_string();
        assert_eq!(stopped, "before a.script: `dmsetup create a` failed");
    }

    #[test]
    fn what_is_only_echoed_is_no_failure() {
        let mut script = script("error: no\n");
        script.next_line();
        script.hear("error: no");
        assert!(script.failed.is_none());
        script.hear("error: column 1: `error:` is no command");
        assert!(script.failed.is_some());
    }

    #[test]
    fn a_command_that_the_guest_did_not_finish_is_named() {
        let mut script = script("panic\ndisks\n");
        script.next_line();
        assert_eq!(
            script.stopped().unwrap().to_string(),
            "a.script, line 1: `panic` did not end; the command after it was not run"
        );
    }

    #[test]
    fn a_here_document_goes_with_its_command_once_it_is_whole() {
        let mut script = Script::new("a.script");
        script.push(b"dmsetup create z0 <<END\n0 8 zero\n");
        assert_eq!(script.next_line(), None);
        script.push(b" END\ndisks\n");
        assert_eq!(script.next_line().as_deref(), Some("dmsetup create z0 <<END\n0 8 zero\n END"));
        assert_eq!(script.next_line().as_deref(), Some("disks"));
        script.hear("error: out of order");
        assert_eq!(script.stopped().unwrap().at.line, 4);
        assert_eq!(here_document("read vbd0 0 1 << 2x y"), None);
    }
}
